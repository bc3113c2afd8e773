//! Keys of nodes, of gateways and of the operator that give their place to the
//! next while everything runs: no request fails, whoever knew a key before
//! follows to the present one, and nobody is believed by one whose time is over.

#![allow(clippy::disallowed_methods)] // Real connections take real time.

use super::nodes::{REGIONS, World, client};
use super::{Pair, put};
use client::{Client, Follow, Options, Place};
use custody::ca::LIFE;
use custody::{folder, lineage, succession};
use node::gateway::Gateway;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use trust::sign::SigningKey;

/// Everything that can be rotated, by folder and name.
fn all(homes: &node::Homes) -> Vec<(PathBuf, &'static str)> {
    let regions = REGIONS.map(|region| (homes.region(region).unwrap().join("keys"), "node"));
    regions.into_iter().chain([(homes.keys(), "gateway"), (homes.keys(), "operator")]).collect()
}

/// Has keys rotated, and waits until all have been.
async fn rotate(keys: &[(PathBuf, &'static str)]) {
    for (folder, name) in keys {
        succession::ask(folder, name).unwrap();
    }
    let waits = |(folder, name): &(PathBuf, &'static str)| {
        succession::is_asked(folder, name) || succession::begun(folder, name).unwrap().is_some()
    };
    let begun = Instant::now();
    while keys.iter().any(waits) {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{:?}",
            keys.iter().filter(|key| waits(key)).collect::<Vec<_>>()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn secret(keys: &Path, name: &str) -> SigningKey {
    SigningKey::new(&folder::existing(keys, name).unwrap().unwrap())
}

fn url(gateway: &Gateway) -> String {
    format!("http://{}", gateway.addresses()[0])
}

async fn page(gateway: &Gateway) -> String {
    let mut stream = TcpStream::connect(gateway.addresses()[0]).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::too_many_lines)] // One story.
async fn keys_that_sign_are_rotated_under_load_without_one_failed_request() {
    let world = World::start(LIFE).await;
    let acts = world.homes.acts("pair", [0; 32]).unwrap();
    let turning = world.homes.turn(&REGIONS.map(str::to_owned), None, &acts).unwrap();
    let gateway = world.gateway(|settings| settings.turning = Some(Arc::clone(&turning)));
    let first = [world.served[0].1.node(), world.served[1].1.node()];
    let (shown, operator) = (world.gateway.shown().key.id(), secret(&world.homes.keys(), "operator").id());
    // Two that have read their chains before, and so know their nodes' first keys.
    let mut early = Vec::new();
    for (region, seed) in REGIONS.into_iter().zip(1..) {
        let agent = client(&gateway, seed).await;
        let block = agent.attach(Place::Region(region.to_owned()), None).await.unwrap().block;
        agent.op(put("name", "value")).await.unwrap();
        let mut follow = Follow::from_the_oldest(block);
        agent.chain(&mut follow, 500, Duration::ZERO).await.unwrap();
        early.push((agent, follow));
    }
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut loads = Vec::new();
    for (region, seed) in REGIONS.into_iter().zip(10..) {
        let (to, over, done) = (url(&gateway), Arc::clone(&over), Arc::clone(&done));
        loads.push(tokio::spawn(async move {
            let agent = Client::connect(&to, super::support::key(seed), Options::default()).await.unwrap();
            let block = agent.attach(Place::Region(region.to_owned()), None).await.unwrap().block;
            let mut follow = Follow::from_the_oldest(block);
            while !over.load(Relaxed) {
                agent.op(put("name", "value")).await.unwrap();
                agent.chain(&mut follow, 500, Duration::ZERO).await.unwrap();
                done.fetch_add(1, Relaxed);
            }
        }));
    }
    // The operator, by whichever key is there, as soon as it is.
    let (to, keys, ends, sees) = (url(&gateway), world.homes.keys(), Arc::clone(&over), Arc::new(AtomicU64::new(0)));
    let seen = Arc::clone(&sees);
    loads.push(tokio::spawn(async move {
        let mut agent: Option<Client> = None;
        while !ends.load(Relaxed) {
            let key = secret(&keys, "operator");
            if agent.as_ref().is_none_or(|known| known.agent() != key.id()) {
                let now = Client::connect(&to, key, Options::default()).await.unwrap();
                assert!(now.attach(Place::Region("dublin".to_owned()), None).await.unwrap().administers);
                agent = Some(now);
            }
            agent.as_ref().unwrap().blocks(None, 10).await.unwrap();
            seen.fetch_add(1, Relaxed);
        }
    }));
    for _ in 0..2 {
        rotate(&all(&world.homes)).await;
        // New connections to hosts, by a gateway that has none.
        let other = world.gateway(|_| {});
        for region in REGIONS {
            let agent = client(&other, 30).await;
            agent.attach(Place::Region(region.to_owned()), None).await.unwrap();
            agent.op(put("name", "value")).await.unwrap();
            agent.detach().await.unwrap();
        }
        tokio::task::spawn_blocking(move || other.stop(Duration::from_secs(10))).await.unwrap();
    }
    let (during, saw) = (done.load(Relaxed), sees.load(Relaxed));
    over.store(true, Relaxed);
    for load in loads {
        load.await.unwrap();
    }
    println!("{during} ops with their chains, {saw} looks of the operator");
    assert!(during > 100 && saw > 5, "{during} and {saw} meanwhile say little");
    for (number, (agent, follow)) in early.iter_mut().enumerate() {
        let node = world.served[number].1.node();
        assert_ne!(node, first[number]);
        agent.op(put("name", "again")).await.unwrap();
        let read = agent.chain(follow, 500, Duration::ZERO).await.unwrap();
        assert!(!read.entries.is_empty());
    }
    assert_ne!(world.gateway.shown().key.id(), shown);
    assert_ne!(secret(&world.homes.keys(), "operator").id(), operator);
    assert_eq!(world.served.iter().map(|served| served.1.line().len()).collect::<Vec<_>>(), [2, 2]);
    // Whoever was told the first key long ago comes in by it, also at a host itself.
    let told = |at: String, node| {
        let options = Options { node: Some(node), ..Options::default() };
        async move { Client::connect(&at, super::support::key(40), options).await }
    };
    let host = format!("http://{}", world.served[0].2.addresses()[0]);
    for at in [url(&gateway), host] {
        told(at.clone(), first[0]).await.map(drop).unwrap();
        let refused = told(at, operator).await.map(drop).unwrap_err();
        assert!(refused.to_string().contains("was expected"), "{refused}");
    }
    let page = page(&gateway).await;
    for line in ["total{key=\"gateway\"} 2", "total{key=\"operator\"} 2", "late{key=\"gateway\"} 0"] {
        assert!(page.contains(line), "{line} in {page}");
    }
    assert!(world.served[1].1.figures().contains(&("mycel_key_rotations_total", "key=\"node\"".to_owned(), 2)));
    world.stop(vec![gateway]).await;
}

/// The next key is told, both are believed for a while, and then the first is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_and_an_operator_of_before_are_refused_once_their_time_is_over() {
    let file = format!("{}[keys]\noverlap = \"6s\"\n", super::PLANET);
    let pair = Pair::of(&file, |_| {}).await;
    let (old_gateway, old_operator) = (pair.homes.gateway(), secret(&pair.homes.keys(), "operator"));
    let acts = Arc::clone(&pair.acts);
    let turning = pair.homes.turn(&REGIONS.map(str::to_owned), pair.planet.keys.as_ref(), &acts).unwrap();
    rotate(&[(pair.homes.keys(), "gateway"), (pair.homes.keys(), "operator")]).await;
    let gateway = |key: Arc<SigningKey>| {
        let hosts = pair.served.iter().map(|served| node::gateway::Host {
            region: served.region.to_owned(),
            address: served.server.addresses()[0].to_string(),
        });
        let planet = Arc::clone(&pair.planet);
        let mut settings = node::gateway::Settings::new(planet, pair.homes.planet(), key, hosts.collect());
        settings.addresses = vec!["127.0.0.1:0".parse().unwrap()];
        settings.threads = 1;
        Gateway::start(settings).unwrap()
    };
    let attach = |gateway: &Gateway, key: SigningKey| {
        let at = url(gateway);
        async move {
            let client = Client::connect(&at, key, Options::default()).await.unwrap();
            client.attach(Place::Region("dublin".to_owned()), None).await.map(|attached| (client, attached.administers))
        }
    };
    let new_gateway = Arc::new(secret(&pair.homes.keys(), "gateway"));
    let (both, now) = (gateway(Arc::clone(&old_gateway)), gateway(Arc::clone(&new_gateway)));
    let (operator, administers) = attach(&both, old_operator).await.unwrap();
    assert!(administers, "both are believed while they overlap");
    operator.blocks(None, 10).await.unwrap();
    attach(&now, super::support::key(9)).await.unwrap();
    let statements = lineage::read(&pair.homes.keys(), "gateway").unwrap();
    assert_eq!(statements[0].until.since(statements[0].from).0, 6_000);
    let begun = Instant::now();
    let refused = loop {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is believed for ever");
        // A connection that is open stays; this gateway has none.
        let late = gateway(Arc::clone(&old_gateway));
        let came = attach(&late, super::support::key(10)).await;
        tokio::task::spawn_blocking(move || late.stop(Duration::from_secs(10))).await.unwrap();
        match came {
            Ok(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            Err(refused) => break refused,
        }
    };
    assert!(refused.to_string().contains("no gateway by that key"), "{refused}");
    // Its key was turned a moment after the gateway's, and is believed as much longer.
    let refused = loop {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is believed for ever");
        match operator.blocks(None, 10).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.code(), Some(client::Code::Forbidden), "{refused}");
    attach(&now, secret(&pair.homes.keys(), "operator")).await.unwrap().0.blocks(None, 10).await.unwrap();
    // The keys of before are destroyed then.
    let begun = Instant::now();
    while succession::before(&pair.homes.keys(), "gateway").unwrap().is_some() {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(turning);
    let stop = move || [both, now].into_iter().all(|gateway| gateway.stop(Duration::from_secs(10)));
    assert!(tokio::task::spawn_blocking(stop).await.unwrap());
    pair.stop().await;
}

/// Somebody who answers as a planet does, with a node of its own.
async fn impostor(planet: trust::PlanetId, node: trust::AgentId, line: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (line, planet) = (line.clone(), planet.to_string());
            tokio::spawn(async move {
                let (mut came, mut bytes) = (Vec::new(), [0; 1_024]);
                while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                    came.extend_from_slice(&bytes[..read]);
                    if !came.ends_with(b"\r\n\r\n") {
                        continue;
                    }
                    let asks_line = came.starts_with(b"GET /v1/planet/line");
                    let body = if asks_line {
                        line.clone()
                    } else {
                        format!(r#"{{"planet":"{planet}","node":"{node}","now":1800000000000,"version":"1"}}"#)
                    };
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    came.clear();
                }
            });
        }
    });
    at
}

#[tokio::test]
async fn a_successor_that_somebody_made_up_is_not_believed() {
    use trust::rotation::Line;
    let (planet, now) = (trust::PlanetId([3; 16]), trust::Moment(1_800_000_000_000));
    let [first, thief, next] = [1, 2, 3].map(super::support::key);
    let statement = |old: &SigningKey, new: &SigningKey, by: &SigningKey| {
        let line = Line::new(planet, old.id()).unwrap();
        let mut said = line.rotate(by, new, now, now);
        said.old = old.id();
        serde_json::json!({ "statements": [wire::Base64(said.to_bytes().to_vec())] }).to_string()
    };
    let connect = |line: String, node: trust::AgentId| async move {
        let at = impostor(planet, node, line).await;
        let options = Options { node: Some(super::support::key(1).id()), ..Options::default() };
        Client::connect(&at, super::support::key(9), options).await.map(drop)
    };
    connect(statement(&first, &next, &first), next.id()).await.unwrap();
    for (line, node) in [
        (statement(&first, &thief, &thief), thief.id()),
        (statement(&thief, &next, &thief), next.id()),
        (statement(&first, &next, &first), thief.id()),
        (r#"{"statements":[]}"#.to_owned(), thief.id()),
        ("nonsense".to_owned(), thief.id()),
    ] {
        let refused = connect(line, node).await.unwrap_err().to_string();
        assert!(refused.contains("was expected"), "{refused}");
    }
}
