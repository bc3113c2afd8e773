//! Several gateways in front of one region, which takes so much and no more.

use crate::{raw, serve};
use node::gateway::{Gateway, Host, Settings};
use node::{Engine, Homes, Options};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const CAPACITY: usize = 40;

const PLANET: &str = r#"
[planet]
name = "small"
blocks = 4
[[region]]
id = "ashburn"
site = [38.95, -77.45]
jurisdictions = ["US"]
capacity = "40 rps"
[enrol]
how = "open"
quota = "1000000/s"
[gateway]
address_rate = "1000000/s"
[block.monitor]
large_score = 0
requests_score = 0
"#;

/// How many of so many requests a gateway let through to the region, which has
/// no use for what they ask; the others are told that it is full.
async fn flood(at: SocketAddr, until: Instant) -> (usize, usize) {
    let (mut passed, mut full) = (0, 0);
    while Instant::now() < until {
        let answer = raw::post(at, "/v1/attach", &[], r#"{"application":"none","region":"ashburn"}"#).await;
        match answer.status {
            400 => passed += 1,
            503 => {
                assert!(answer.body.contains("ashburn"), "{}", answer.body);
                assert!(answer.header("retry-after").is_some());
                full += 1;
            }
            other => panic!("{other}: {}", answer.body),
        }
    }
    (passed, full)
}

async fn page(at: SocketAddr) -> Value {
    let text = raw::bytes(at, b"GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    serde_json::from_str(&raw::Answer::of(&text).body).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_together_let_through_what_the_region_takes_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let planet = Arc::new(planet::parse(PLANET.as_bytes()).0.unwrap());
    let homes = Homes::with_gateways(folder.path(), 2).unwrap();
    let served = serve(&planet, &homes, "ashburn", "127.0.0.1:0").await;
    let hosts = vec![Host { region: "ashburn".to_owned(), address: served.server.addresses()[0].to_string() }];
    let gateways: Vec<Gateway> = homes
        .gateways()
        .iter()
        .map(|key| {
            let mut settings = Settings::new(Arc::clone(&planet), homes.planet(), Arc::clone(key), hosts.clone());
            settings.addresses = vec!["127.0.0.1:0".parse().unwrap()];
            settings.threads = 1;
            Gateway::start(settings).unwrap()
        })
        .collect();
    // Who comes second has a part of a tick that is divided later.
    let ats: Vec<SocketAddr> = gateways.iter().map(|gateway| gateway.addresses()[0]).collect();
    let begun = Instant::now();
    while page(ats[0]).await["regions"][0]["part_of_this_tick"] == CAPACITY
        || page(ats[1]).await["regions"][0]["part_of_this_tick"] == 0
    {
        assert!(begun.elapsed() < Duration::from_secs(10), "{}", page(ats[1]).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (begun, first) = (Instant::now(), served.engine.now().0 / 1_000);
    let until = begun + Duration::from_millis(3_500);
    let floods: Vec<_> = ats.iter().flat_map(|at| [*at; 4]).map(|at| tokio::spawn(flood(at, until))).collect();
    let (mut passed, mut full) = (0, 0);
    for flood in floods {
        let (more, refused) = flood.await.unwrap();
        (passed, full) = (passed + more, full + refused);
    }
    let ticks = usize::try_from(served.engine.now().0 / 1_000 - first + 1).unwrap();
    println!("{passed} passed in {ticks} ticks, {full} were told that it is full");
    assert!(passed <= CAPACITY * ticks, "{passed} passed in {ticks} ticks of {CAPACITY}");
    assert!(full > 0, "nobody was refused");
    // And what it takes is not left lying about: of whole ticks nearly all was used.
    assert!(passed >= CAPACITY * (ticks - 2) * 8 / 10, "{passed} passed in {ticks} ticks of {CAPACITY}");
    let page = page(ats[0]).await;
    assert!(page["regions"][0]["rtt_us"].as_u64().unwrap() > 0, "{page}");
    for gateway in gateways {
        assert!(tokio::task::spawn_blocking(|| gateway.stop(Duration::from_secs(10))).await.unwrap());
    }
    assert!(served.server.stop(Duration::from_secs(10)).await);
    served.engine.stop();
}

/// Two gateways of one machine in front of the two regions.
async fn beside(tell: impl Fn(&mut Settings)) -> (crate::Pair, Gateway) {
    let pair = crate::Pair::told(&tell).await;
    let host = |served: &crate::Served| Host {
        region: served.region.to_owned(),
        address: served.server.addresses()[0].to_string(),
    };
    let hosts = pair.served.iter().map(host).collect();
    let mut settings = Settings::new(Arc::clone(&pair.planet), pair.homes.planet(), pair.homes.gateway(), hosts);
    settings.addresses = vec!["127.0.0.1:0".parse().unwrap()];
    settings.threads = 1;
    tell(&mut settings);
    let second = pair.gateway.start_beside(settings).unwrap();
    (pair, second)
}

/// Whoever is refused by one does not go to the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_beside_each_other_share_limits_and_bans() {
    let rate = vocab::Rate { events: 60, per: vocab::Millis::minutes(1) };
    let (pair, second) = beside(|settings| settings.address_rate = rate).await;
    let ats = [pair.gateway.addresses()[0], second.addresses()[0]];
    let health = b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let mut answered = 0;
    for turn in 0..30 {
        let told = raw::Answer::of(&raw::bytes(ats[turn % 2], health).await);
        assert!([200, 429].contains(&told.status));
        answered += usize::from(told.status == 200);
    }
    // A burst of six, and what comes in again meanwhile: alone each would let through as many.
    assert!((6..12).contains(&answered), "{answered}");
    tokio::task::spawn_blocking(move || second.stop(Duration::from_secs(10))).await.unwrap();
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_banned_at_one_gateway_is_banned_at_those_beside_it() {
    let (pair, second) = beside(|_| {}).await;
    let (told, heard) = std::sync::mpsc::channel();
    for (number, gateway) in [&pair.gateway, &second].into_iter().enumerate() {
        let told = told.clone();
        gateway.on_ban(move |net, lasts| told.send((number, net.to_string(), lasts.is_some())).unwrap());
    }
    let operator = crate::bans::operator(&pair).await;
    operator.ban("127.0.0.3/32", Duration::from_secs(60)).await.unwrap();
    let mut heard: Vec<_> = heard.try_iter().collect();
    heard.sort();
    // Each port may have a packet filter of its own.
    assert_eq!(heard, [(0, "127.0.0.3/32".to_owned(), true), (1, "127.0.0.3/32".to_owned(), true)]);
    assert!(!crate::bans::is_answered_from([127, 0, 0, 3], second.addresses()[0]).await);
    assert!(crate::bans::is_answered_from([127, 0, 0, 4], second.addresses()[0]).await);
    tokio::task::spawn_blocking(move || second.stop(Duration::from_secs(10))).await.unwrap();
    pair.stop().await;
}

#[test]
fn the_word_of_a_gateway_that_is_no_more_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let known = |homes: &Homes| homes.region("one").unwrap().join("keys/gateway-2.pub").exists();
    assert!(known(&Homes::with_gateways(folder.path(), 2).unwrap()));
    let first = Homes::open(folder.path()).unwrap();
    assert!(!known(&first));
    let id = first.gateway().id();
    drop(first);
    assert_eq!(Homes::with_gateways(folder.path(), 2).unwrap().gateway().id(), id);
}

/// Before a file of it is changed, whoever is there first has it.
#[test]
fn a_directory_is_of_one_process_or_of_several_and_never_both() {
    let folder = tempfile::tempdir().unwrap();
    let planet = planet::parse(PLANET.as_bytes()).0.unwrap();
    let is_in_use = |error: String| {
        let words = "is in use by another process; stop the planet that runs there, or name another with --data";
        assert!(error.contains(words), "{error}");
    };
    let homes = Homes::with_gateways(folder.path(), 2).unwrap();
    let second = homes.region("ashburn").unwrap().join("keys/gateway-2.pub");
    is_in_use(Engine::start(&planet, folder.path(), &Options::default()).err().unwrap().to_string());
    is_in_use(Homes::open(folder.path()).err().unwrap().to_string());
    assert!(second.exists() && !folder.path().join("planet.json").exists());
    drop(homes);
    let (engine, _) = Engine::start(&planet, folder.path(), &Options::default()).unwrap();
    is_in_use(Homes::open(folder.path()).err().unwrap().to_string());
    engine.stop();
    drop(engine);
    drop(Homes::open(folder.path()).unwrap());
}
