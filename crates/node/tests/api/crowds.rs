//! How many may come at once. There are few places here; how many there are is
//! in `http/limits.rs`.

use super::bounded;
use super::raw::Raw;
use super::support::key;
use node::http::Bounds;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(10);

/// Whether whoever comes now is answered. Connections are taken in the order
/// in which they come, but one that has ended leaves its place a little later.
async fn is_let_in(mut raw: Raw) -> bool {
    raw.send("GET /health HTTP/1.1\r\nhost: t\r\n\r\n").await;
    let mut byte = [0];
    tokio::io::AsyncReadExt::read(&mut raw.0, &mut byte).await.is_ok_and(|read| read == 1)
}

async fn a_place_comes_free(at: SocketAddr) {
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if is_let_in(Raw::open(at).await).await {
            return;
        }
    }
    panic!("a place that was left is not given again");
}

/// So many connections that are served.
async fn served(many: usize, at: SocketAddr) -> Vec<Raw> {
    let mut open = Vec::with_capacity(many);
    for _ in 0..many {
        let mut raw = Raw::open(at).await;
        assert_eq!(raw.ask("GET", "/health", None, None).await.0, 200);
        open.push(raw);
    }
    open
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_has_so_many_connections() {
    let planet = bounded(Bounds { of_a_source: 16, ..Bounds::default() }).await;
    let mut open = served(16, planet.at).await;
    let mut more = Raw::open(planet.at).await;
    assert!(more.closes_within(LONG).await, "one too many");
    #[cfg(target_os = "linux")]
    assert!(is_let_in(Raw::open_from([127, 0, 0, 2], planet.at).await).await, "that is another source's");
    assert_eq!(open[15].ask("GET", "/health", None, None).await.0, 200, "the others go on");
    open.pop();
    a_place_comes_free(planet.at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_so_many_connections_in_all() {
    let planet = bounded(Bounds { connections: 8, ..Bounds::default() }).await;
    let mut open = served(8, planet.at).await;
    let mut more = Raw::open(planet.at).await;
    assert!(more.closes_within(LONG).await, "one too many");
    #[cfg(target_os = "linux")]
    {
        let mut other = Raw::open_from([127, 0, 0, 2], planet.at).await;
        assert!(other.closes_within(LONG).await, "whoever it is");
    }
    assert_eq!(open[7].ask("GET", "/health", None, None).await.0, 200, "the others go on");
    open.pop();
    a_place_comes_free(planet.at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_wait_for_something_to_happen() {
    let planet = bounded(Bounds { waiting: 2, ..Bounds::default() }).await;
    let (_client, attached) = planet.attached(1, "one").await;
    let lease = attached.lease.as_str();
    let proved = || async {
        let mut raw = Raw::open(planet.at).await;
        assert_eq!(raw.prove(&key(1), lease).await.0, 200);
        raw
    };
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: t\r\nauthorization: Mycel {lease}\r\n\r\n");
    let (mut polls, mut streams, mut asks) = (proved().await, proved().await, proved().await);
    polls.send(&get("/v1/inbox?wait_ms=60000")).await;
    streams.send(&get("/v1/inbox/stream")).await;
    assert_eq!(streams.read().await.0, 200);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let chain = format!("/v1/blocks/{}/{}/chain", attached.block.region, attached.block.index);
    for path in ["/v1/inbox?wait_ms=1000", "/v1/inbox/stream", &format!("{chain}?from=1000&wait_ms=1000")] {
        let (status, fault): (u16, Value) = asks.ask("GET", path, Some(lease), None).await;
        assert_eq!((status, fault["error"].as_str()), (503, Some("unavailable")), "{path}: {fault}");
        assert!(fault["what"].as_str().unwrap().contains("ask without waiting"), "{fault}");
    }
    // Whoever does not wait is served.
    for path in ["/v1/inbox", chain.as_str()] {
        assert_eq!(asks.ask("GET", path, Some(lease), None).await.0, 200, "{path}");
    }
    drop(streams);
    drop(polls);
    for _ in 0..100 {
        if asks.ask("GET", "/v1/inbox?wait_ms=1", Some(lease), None).await.0 == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("a place that was left is not given again");
}
