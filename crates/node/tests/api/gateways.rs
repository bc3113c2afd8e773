//! What a host does for a gateway that has proved itself, and for nobody else
//! who comes from where it does.

use super::Planet;
use super::raw::Raw;
use super::support::{PLANET, key, start};
use block::bans::Net;
use node::http::{Bounds, Listen, Server};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use trust::attach::{Channel, Nonce};
use vocab::Millis;
use wire::Hex;

const GATEWAY: u8 = 200;
const LONG: Duration = Duration::from_secs(10);

/// A planet that knows a gateway.
async fn planet(bounds: Bounds) -> Planet {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    std::fs::create_dir_all(&keys).unwrap();
    std::fs::write(keys.join("gateway-1.pub"), Hex(key(GATEWAY).id().0).to_string()).unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let listen = Listen { addresses: vec!["127.0.0.1:0".parse().unwrap()], bounds, ..Listen::default() };
    let server = Server::start(engine.clone(), listen).await.unwrap();
    let at = server.addresses()[0];
    Planet { engine, server, at, folder }
}

/// A connection on which the gateway has proved itself.
async fn gateway(planet: &Planet) -> Raw {
    let mut raw = Raw::open(planet.at).await;
    let (status, challenge) = raw.ask("GET", "/v1/gateway", None, None).await;
    assert_eq!(status, 200, "{challenge}");
    let hex = |name: &str| challenge[name].as_str().unwrap().parse::<Hex<32>>().unwrap().0;
    let (nonce, channel) = (Nonce(hex("nonce")), Channel(hex("channel")));
    let proof = trust::vouch::vouch(&key(GATEWAY), planet.engine.planet(), &nonce, &channel);
    let body = json!({ "gateway": Hex(key(GATEWAY).id().0), "signature": Hex(proof.0) }).to_string();
    let (status, told) = raw.ask("POST", "/v1/gateway", None, Some(&body)).await;
    assert_eq!(status, 200, "{told}");
    raw
}

/// What the gateway is told when it asks for somebody.
async fn ask_for(raw: &mut Raw, source: &str, path: &str) -> (u16, Value) {
    raw.send(&format!("GET {path} HTTP/1.1\r\nhost: t\r\nmycel-source: {source}\r\n\r\n")).await;
    let (status, _, body) = raw.read().await;
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateways_connections_are_no_sources() {
    let planet = planet(Bounds { of_a_source: 2, connections: 8, ..Bounds::default() }).await;
    let mut gateways = Vec::new();
    for _ in 0..6 {
        gateways.push(gateway(&planet).await);
    }
    for raw in &mut gateways {
        assert_eq!(ask_for(raw, "192.0.2.1", "/health").await.0, 200);
    }
    // Whoever has proved nothing is counted as before, and all of them together.
    let mut direct = [Raw::open(planet.at).await, Raw::open(planet.at).await];
    for raw in &mut direct {
        assert_eq!(raw.ask("GET", "/health", None, None).await.0, 200);
    }
    assert!(Raw::open(planet.at).await.closes_within(LONG).await, "one too many in all");
    gateways.truncate(2);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(Raw::open(planet.at).await.closes_within(LONG).await, "one too many of its source");
    drop(direct);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(Raw::open(planet.at).await.ask("GET", "/health", None, None).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_of_its_address_does_not_lock_a_gateway_out() {
    let planet = planet(Bounds::default()).await;
    let mut before = gateway(&planet).await;
    let mut direct = Raw::open(planet.at).await;
    assert_eq!(direct.ask("GET", "/health", None, None).await.0, 200);
    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&told);
    planet.engine.on_ban(move |net, _| hears.lock().unwrap().push(net.to_string()));
    let until = planet.engine.now().after(Millis::minutes(1));
    for net in [[127, 0, 0, 1], [127, 0, 0, 2]] {
        planet.engine.ban(&node::By::node(), Net::of_source(net.into()), until).unwrap();
    }
    assert_eq!(*told.lock().unwrap(), ["127.0.0.2/32"], "whoever drops packets is not told of a gateway's address");
    let mut after = gateway(&planet).await;
    for raw in [&mut before, &mut after] {
        assert_eq!(ask_for(raw, "192.0.2.1", "/v1/openapi.json").await.0, 200, "others go on");
        let (status, fault) = ask_for(raw, "127.0.0.1", "/v1/openapi.json").await;
        assert_eq!((status, fault["error"].as_str()), (403, Some("forbidden")), "{fault}");
        // What it asks for itself, at that very address.
        for path in ["/v1/planet", "/ready"] {
            assert_eq!(ask_for(raw, "127.0.0.1", path).await.0, 200, "{path}");
        }
    }
    // Whoever else comes from there is turned away: with its next request, or its first.
    for mut raw in [direct, Raw::open(planet.at).await] {
        assert_eq!(raw.ask("GET", "/v1/planet", None, None).await.0, 403);
        assert!(raw.closes_within(LONG).await);
    }
    #[cfg(target_os = "linux")]
    assert!(
        Raw::open_from([127, 0, 0, 2], planet.at).await.closes_within(LONG).await,
        "no gateway has come from there"
    );
}
