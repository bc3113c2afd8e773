//! How many may come at once.

use super::planet;
use super::raw::Raw;
use std::time::Duration;

/// What `http/limits.rs` says.
const OF_A_SOURCE: usize = 1_024;

#[tokio::test(flavor = "multi_thread")]
async fn a_source_has_so_many_connections() {
    let planet = planet().await;
    let mut open = Vec::with_capacity(OF_A_SOURCE);
    for _ in 0..OF_A_SOURCE {
        open.push(Raw::open(planet.at).await);
    }
    // Connections are taken in the order in which they come.
    let mut more = Raw::open(planet.at).await;
    assert!(more.closes_within(Duration::from_secs(10)).await, "one too many");
    assert_eq!(open[OF_A_SOURCE - 1].ask("GET", "/health", None, None).await.0, 200, "the others go on");
    open.truncate(OF_A_SOURCE - 10);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut again = Raw::open(planet.at).await;
        again.send("GET /health HTTP/1.1\r\nhost: t\r\n\r\n").await;
        let mut byte = [0];
        if tokio::io::AsyncReadExt::read(&mut again.0, &mut byte).await.is_ok_and(|read| read == 1) {
            return;
        }
    }
    panic!("a place that was left is not given again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_come_in_pieces_and_many_in_one() {
    let planet = planet().await;
    let mut raw = Raw::open(planet.at).await;
    for piece in ["GET /hea", "lth HTTP/1.1\r\nho", "st: t\r\n\r\n"] {
        raw.send(piece).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(raw.read().await.0, 200);
    raw.send(&"GET /health HTTP/1.1\r\nhost: t\r\n\r\n".repeat(20)).await;
    for _ in 0..20 {
        assert_eq!(raw.read().await.0, 200);
    }
}
