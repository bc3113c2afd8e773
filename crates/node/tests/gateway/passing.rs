//! What passes a gateway, and how.

use crate::{Pair, put};
use client::{Body, Place};
use node::gateway::{Gateway, Host, Settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_op_finds_the_block_of_its_lease_in_whichever_region_that_is() {
    let pair = Pair::start().await;
    let (one, there) = pair.attached(1, "ashburn").await;
    let (two, elsewhere) = pair.attached(2, "dublin").await;
    assert_eq!((there.block.region.as_str(), elsewhere.block.region.as_str()), ("ashburn", "dublin"));
    for (client, value) in [(&one, "first"), (&two, "second")] {
        client.op(put("name", value)).await.unwrap();
        let got = client.op(Body::Get(b"name".to_vec())).await.unwrap();
        assert_eq!(got.value.as_deref(), Some(value.as_bytes()));
    }
    // Each process has its own region's entries, and nothing of the other's.
    let entries: Vec<u64> = pair.served.iter().map(|served| served.engine.regions().len() as u64).collect();
    assert_eq!(entries, [1, 1]);
    // Anywhere is where the gateway is: the first region of the alphabet.
    let three = pair.client(3).await;
    assert_eq!(three.attach(Place::Anywhere, None).await.unwrap().block.region, "ashburn");
    let near = pair.client(4).await;
    let cork = vocab::Site { latitude: vocab::MicroDegrees(51_900_000), longitude: vocab::MicroDegrees(-8_470_000) };
    assert_eq!(near.attach(Place::Near(cork), None).await.unwrap().block.region, "dublin");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chains_are_proved_by_the_node_of_their_region() {
    let pair = Pair::start().await;
    for (seed, region) in [(1, "ashburn"), (2, "dublin")] {
        let (client, attached) = pair.attached(seed, region).await;
        let done = client.op(put("name", "value")).await.unwrap();
        let mut follow = client::Follow::begin(attached.block.clone());
        let stretch = client.chain(&mut follow, 100, std::time::Duration::ZERO).await.unwrap();
        assert_eq!((stretch.entries.len(), follow.head().sequence), (2, done.sequence));
    }
    pair.stop().await;
}

/// The original's gateway would have sent it to whoever was nearest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_be_in_one_region_only_is_seated_there_or_nowhere() {
    let pair = Pair::start().await;
    let seat = async |class: &str, body: &str| {
        let (url, now) = (pair.gateway.addresses()[0], pair.served[0].engine.now());
        let application = trust::enrol::Application::make(&crate::support::key(9), pair.homes.planet(), None, now);
        let mut asked = serde_json::json!({ "application": application.text().as_str() });
        if let serde_json::Value::Object(extra) = serde_json::from_str(body).unwrap() {
            asked.as_object_mut().unwrap().extend(extra);
        }
        crate::raw::post(url, "/v1/attach", &[("mycel-class", class), ("mycel-explain", "1")], &asked.to_string()).await
    };
    // Nearest is Ashburn; the law says Dublin.
    let seated = seat("gdpr", "{}").await;
    assert_eq!(seated.status, 200, "{}", seated.body);
    assert!(seated.body.contains("\"dublin\""), "{}", seated.body);
    let why = seated.header("mycel-route").unwrap();
    assert!(why.contains("\"winner\":\"dublin\"") && why.contains("unlawful"), "{why}");
    let refused = seat("gdpr", r#"{"region":"ashburn"}"#).await;
    assert_eq!(refused.status, 451, "{}", refused.body);
    assert!(refused.body.contains("residency"), "{}", refused.body);
    pair.gateway.drain("dublin", true).unwrap();
    let refused = seat("gdpr", "{}").await;
    assert_eq!((refused.status, refused.header("retry-after").is_some()), (503, true), "{}", refused.body);
    assert_eq!(seat("nobody", "{}").await.status, 400);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let rate = vocab::Rate { events: 60, per: vocab::Millis::minutes(1) };
    let pair = Pair::told(|settings| settings.agent_rate = rate).await;
    let (client, _) = pair.attached(1, "dublin").await;
    let mut refused = None;
    for _ in 0..20 {
        if let Err(error) = client.op(Body::Echo(b"again".to_vec())).await {
            refused = Some(error);
            break;
        }
    }
    assert_eq!(refused.unwrap().code(), Some(client::Code::TooMany));
    // Another agent of the same address goes on.
    let (other, _) = pair.attached(2, "dublin").await;
    other.op(Body::Echo(b"fine".to_vec())).await.unwrap();
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_is_a_line_of_the_access_log_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let pair = Pair::told(|settings| settings.access_log = Some(log.clone())).await;
    let (client, _) = pair.attached(1, "dublin").await;
    client.op(put("name", "value")).await.unwrap();
    let named = "GET /v1/\"nowhere\" HTTP/1.1\r\nhost: x\r\nx-request-id: mine-7\r\nconnection: close\r\n\r\n";
    let named = named.replace('"', "%22");
    let answer = crate::raw::Answer::of(&crate::raw::bytes(pair.gateway.addresses()[0], named.as_bytes()).await);
    assert_eq!(answer.header("x-request-id"), Some("mine-7"));
    pair.stop().await;
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let op = lines.iter().find(|line| line["path"] == "/v1/ops").unwrap();
    assert_eq!((op["status"].as_u64(), op["region"].as_str()), (Some(200), Some("dublin")));
    assert_eq!(op["agent"].as_str().unwrap(), crate::support::key(1).id().to_string());
    let nowhere = lines.iter().find(|line| line["id"] == "mine-7").unwrap();
    assert_eq!((nowhere["status"].as_u64(), nowhere["source"].as_str()), (Some(404), Some("127.0.0.1")));
    // The lease is nobody's to read.
    assert!(!text.contains(&client.lease().unwrap().to_string()));
}

/// What the gateway would be told of another planet file.
fn told(pair: &Pair, planet: planet::Planet) -> Settings {
    let host = |served: &crate::Served| Host {
        region: served.region.into(),
        address: served.server.addresses()[0].to_string(),
    };
    let hosts = pair.served.iter().map(host).collect();
    Settings::new(std::sync::Arc::new(planet), pair.homes.planet(), pair.homes.gateway(), hosts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_the_file_drains_seats_nobody_new_and_serves_who_is_there() {
    let pair = Pair::start().await;
    let (there, _) = pair.attached(1, "dublin").await;
    let mut planet = crate::parsed();
    planet
        .region
        .iter_mut()
        .filter(|region| region.id.as_str() == "dublin")
        .for_each(|dublin| dublin.drained.value = true);
    pair.gateway.change(told(&pair, planet)).unwrap();
    let seated = pair.seat(2, None).await;
    assert!(seated.status == 200 && seated.body.contains("\"ashburn\""), "{}", seated.body);
    let refused = pair.seat(3, Some("gdpr")).await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(
        refused.body.contains("drained") && refused.body.contains("gdpr may be in dublin only"),
        "{}",
        refused.body
    );
    there.op(put("name", "value")).await.unwrap();
    pair.gateway.change(told(&pair, crate::parsed())).unwrap();
    assert!(pair.seat(3, Some("gdpr")).await.body.contains("\"dublin\""));
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_change_while_it_runs_or_not_at_all() {
    let pair = Pair::start().await;
    let (client, _) = pair.attached(1, "dublin").await;
    client.op(put("name", "value")).await.unwrap();
    let told = |planet| told(&pair, planet);
    let mut other = crate::parsed();
    other.region.pop();
    assert!(pair.gateway.change(told(other)).unwrap_err().contains("other regions"));
    client.op(put("name", "value")).await.unwrap();

    let rate = vocab::Rate { events: 1, per: vocab::Millis::hours(1) };
    pair.gateway.change(Settings { agent_rate: rate, ..told(crate::parsed()) }).unwrap();
    client.op(put("name", "the one")).await.unwrap();
    let refused = client.op(put("name", "one too many")).await.unwrap_err();
    assert_eq!(refused.code(), Some(client::Code::TooMany));
    pair.gateway.change(told(crate::parsed())).unwrap();
    client.op(put("name", "as before")).await.unwrap();
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_bound_to_a_region_is_counted_and_explained_there() {
    let pair = Pair::start().await;
    let at = pair.gateway.addresses()[0];
    let asked = r#"{"application":"none","region":"dublin"}"#;
    for _ in 0..5 {
        let answer = crate::raw::post(at, "/v1/attach", &[("mycel-explain", "1")], asked).await;
        let why: serde_json::Value = serde_json::from_str(answer.header("mycel-route").unwrap()).unwrap();
        assert_eq!((why["winner"].as_str(), why["because"].as_str()), (Some("dublin"), Some("bound")), "{why}");
    }
    let page = crate::raw::bytes(at, b"GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let page: serde_json::Value = serde_json::from_str(&crate::raw::Answer::of(&page).body).unwrap();
    // The tick may have changed meanwhile; what nobody wanted nobody asked for.
    assert_eq!(page["regions"][0]["asked_in_this_tick"], 0, "{page}");
    pair.stop().await;
}

/// What a class is called may have another number when the rest of a request
/// has come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_read_again_in_the_middle_of_a_request_moves_nobody_out_of_its_class() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let pair = Pair::start().await;
    let now = pair.served[0].engine.now();
    let application = trust::enrol::Application::make(&crate::support::key(9), pair.homes.planet(), None, now);
    let body = serde_json::json!({ "application": application.text().as_str() }).to_string();
    let (first, rest) = body.split_at(10);
    let mut stream = tokio::net::TcpStream::connect(pair.gateway.addresses()[0]).await.unwrap();
    let head = format!(
        "POST /v1/attach HTTP/1.1\r\nhost: x\r\nmycel-class: gdpr\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{first}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The gateway has read the head when it has answered somebody who came later.
    pair.attached(1, "ashburn").await;
    let other = "[[data.class]]\nname = \"local\"\nregions = [\"ashburn\"]\njurisdictions = [\"US\"]\n[[data.class]]";
    let text = crate::PLANET.replacen("[[data.class]]", other, 1);
    pair.gateway.change(told(&pair, planet::parse(text.as_bytes()).0.unwrap())).unwrap();
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"dublin\""), "{answer}");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_to_no_challenge_is_no_attempt_to_be_somebody_else() {
    let pair = Pair::start().await;
    let at = pair.gateway.addresses()[0];
    let proof = format!(r#"{{"signature":"{}"}}"#, "0".repeat(128));
    for _ in 0..10 {
        let answer = crate::raw::post(at, "/v1/session", &[("authorization", "Mycel none")], &proof).await;
        assert_eq!(answer.status, 401, "{}", answer.body);
    }
    pair.attached(1, "ashburn").await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_another_gateway_has_is_not_shared_with_it() {
    let pair = Pair::start().await;
    let settings = Settings { addresses: pair.gateway.addresses().to_vec(), ..told(&pair, crate::parsed()) };
    let refused = Gateway::start(settings).map(|_| ()).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::AddrInUse, "{refused}");
    pair.stop().await;
}
