//! The monitor behind the network: who floods is turned away, and who does as
//! it may never is.
#![cfg(target_os = "linux")]

use super::raw::Raw;
use super::support::{PLANET, key};
use super::{Planet, serving};
use node::http::Listen;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use wire::Hex;

const FLOODS: [u8; 4] = [127, 0, 0, 2];

/// As the monitor scores by default, thirty times as fast: a window of two
/// seconds with sixty ops at the limit.
async fn fast() -> Planet {
    let file = PLANET
        .replace("op_rate = \"1000000/s\"", "op_rate = \"30/s\"")
        .replace("[[region]]\nid = \"one\"", "[block.monitor]\nwindow = \"2s\"\n[[region]]\nid = \"one\"");
    assert!(file.contains("30/s") && file.contains("window"));
    serving(&file, Listen { addresses: vec!["127.0.0.1:0".parse().unwrap()], ..Listen::default() }).await
}

/// An op with a destination of its own.
fn send(to: u8, bytes: usize) -> String {
    json!({ "kind": "send", "to": Hex([to; 32]), "message": "x".repeat(bytes), "patience_ms": 20_000 }).to_string()
}

/// Sends 5,000 requests of 1 MB to 200 destinations, as far as it comes; how
/// many were answered by anything but that it is turned away, and how long
/// after the one that crossed the line that was.
async fn flood(planet: &Planet, lease: &str) -> (usize, Duration) {
    let mut raw = Raw::open_from(FLOODS, planet.at).await;
    assert_eq!(raw.prove(&key(2), lease).await.0, 200);
    let mut crossed = Instant::now();
    for sent in 0..5_000_usize {
        // More than ten destinations: the eleventh crosses it.
        if sent == 10 {
            crossed = Instant::now();
        }
        let body = send(u8::try_from(sent % 200).unwrap(), 1_000_000);
        let (status, fault) = raw.ask("POST", "/v1/ops", Some(lease), Some(&body)).await;
        if status == 403 {
            let took = crossed.elapsed();
            assert!(fault["what"].as_str().unwrap().contains("turned away"), "{fault}");
            return (sent, took);
        }
    }
    panic!("it was never turned away");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_banned_within_a_second_and_an_honest_agent_at_the_limit_never() {
    let planet = fast().await;
    let (_client, honest) = planet.attached(1, "one").await;
    let (_client, hostile) = planet.attached(2, "two").await;
    let mut raw = Raw::open(planet.at).await;
    assert_eq!(raw.prove(&key(1), &honest.lease).await.0, 200);
    let steady = async {
        // Three windows, each op for somebody else, and each as soon as the rate lets it through.
        for at in 0..180_u8 {
            let (status, told) = raw.ask("POST", "/v1/ops", Some(&honest.lease), Some(&send(at, 200))).await;
            assert_eq!(status, 200, "{at}: {told}");
        }
    };
    let begun = Instant::now();
    let ((), (sent, took)) = tokio::join!(steady, flood(&planet, &hostile.lease));
    assert!(begun.elapsed() > Duration::from_secs(5), "no faster than the limit");
    assert!(took < Duration::from_secs(1), "it took {took:?}");
    assert!((10..=12).contains(&sent), "{sent} requests went through");
    // The source is turned away, and nobody else is.
    let bans = planet.engine.bans();
    assert_eq!(bans.iter().map(|(net, _)| net.to_string()).collect::<Vec<_>>(), ["127.0.0.2/32"]);
    assert!(Raw::open_from(FLOODS, planet.at).await.closes_within(Duration::from_secs(5)).await);
    // Nor does its agent come in by another door.
    let mut elsewhere = Raw::open_from([127, 0, 0, 3], planet.at).await;
    elsewhere.prove(&key(2), &hostile.lease).await;
    let (status, fault) = elsewhere.ask("GET", "/v1/inbox", Some(&hostile.lease), None).await;
    assert_eq!((status, fault["error"].as_str()), (403, Some("forbidden")), "{fault}");
}
