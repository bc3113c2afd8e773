//! How slow a connection may be. The bounds are short here; what they are is in
//! `http/limits.rs`.

use super::life::certificate;
use super::raw::Raw;
use super::support::key;
use super::{bounded, listening, planet};
use node::http::{Bounds, Listen};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(10);

/// So short a look that a bound is exact, and every patience long.
fn bounds() -> Bounds {
    let look = Duration::from_millis(10);
    Bounds { look, handshake: LONG * 6, head: LONG * 6, body: LONG * 6, idle: LONG * 6, ..Bounds::default() }
}

/// How long it takes until the other side closes, while a byte now and then
/// is sent.
async fn trickle(raw: &mut Raw) -> Duration {
    let begun = Instant::now();
    while begun.elapsed() < LONG {
        let mut byte = [0];
        let read = timeout(Duration::from_millis(50), raw.0.read(&mut byte)).await;
        if matches!(read, Ok(Ok(0) | Err(_))) {
            break;
        }
        if raw.0.write_all(b"T").await.is_err() {
            break;
        }
    }
    begun.elapsed()
}

fn is_short(took: Duration) {
    // The server's patience begins when it has accepted, a little before it is measured here.
    assert!(took >= SHORT * 9 / 10 && took < SHORT * 8, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_too_slow_is_cut_off() {
    let planet = bounded(Bounds { head: SHORT, ..bounds() }).await;
    let mut raw = Raw::open(planet.at).await;
    raw.send("GET /health HT").await;
    is_short(trickle(&mut raw).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_too_slowly_is_408() {
    let planet = bounded(Bounds { body: SHORT, ..bounds() }).await;
    let mut raw = Raw::open(planet.at).await;
    raw.send("POST /v1/attach HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n")
        .await;
    let begun = Instant::now();
    let (mut from, mut to) = raw.0.split();
    let trickles = async {
        loop {
            sleep(Duration::from_millis(20)).await;
            if to.write_all(b" ").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut answer = Vec::new();
    let read = async { timeout(LONG, from.read_to_end(&mut answer)).await.unwrap() };
    tokio::select! { _ = read => {}, () = trickles => {} }
    is_short(begun.elapsed());
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"error\":\"too_slow\""), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_which_nothing_happens_is_closed() {
    let planet = bounded(Bounds { idle: SHORT, ..bounds() }).await;
    // One that never says a word, and one that has asked something.
    let mut silent = Raw::open(planet.at).await;
    let begun = Instant::now();
    assert!(silent.closes_within(LONG).await, "half-open");
    is_short(begun.elapsed());
    let mut idle = Raw::open(planet.at).await;
    assert_eq!(idle.ask("GET", "/health", None, None).await.0, 200);
    let begun = Instant::now();
    assert!(idle.closes_within(LONG).await, "idle");
    is_short(begun.elapsed());
    // Whoever waits for something to happen is not idle.
    let (_client, attached) = planet.attached(1, "one").await;
    let mut waits = Raw::open(planet.at).await;
    assert_eq!(waits.prove(&key(1), &attached.lease).await.0, 200);
    let begun = Instant::now();
    assert_eq!(waits.ask("GET", "/v1/inbox?wait_ms=1500", Some(&attached.lease), None).await.0, 200);
    assert!(begun.elapsed() > SHORT * 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_on_which_nothing_happens_are_closed_with_the_reason() {
    let planet = bounded(Bounds { idle: SHORT, ..bounds() }).await;
    let mut raw = Raw::open(planet.at).await;
    raw.send("GET /v1/wire HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: mycel/1\r\n\r\n").await;
    assert_eq!(raw.read().await.0, 101);
    let begun = Instant::now();
    let mut last = Vec::new();
    timeout(LONG, raw.0.read_to_end(&mut last)).await.unwrap().unwrap();
    is_short(begun.elapsed());
    assert!(String::from_utf8_lossy(&last).contains("nothing was asked for too long"), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_taken_are_not_kept() {
    const ASKED: usize = 2_000;
    let planet = bounded(Bounds { idle: SHORT, ..bounds() }).await;
    let mut raw = Raw::open(planet.at).await;
    raw.send("GET /v1/openapi.json HTTP/1.1\r\nhost: t\r\n\r\n").await;
    let one = raw.read().await.2.len();
    raw.send(&"GET /v1/openapi.json HTTP/1.1\r\nhost: t\r\n\r\n".repeat(ASKED)).await;
    sleep(SHORT * 4).await;
    let (mut taken, mut buffer) = (0, vec![0; 1 << 20]);
    while let Ok(Ok(more @ 1..)) = timeout(LONG, raw.0.read(&mut buffer)).await {
        taken += more;
    }
    assert!(taken < one * ASKED, "all {taken} bytes were kept for whoever took none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_never_comes_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Some(certificate(folder.path()));
    let bounds = Bounds { handshake: SHORT, ..bounds() };
    let planet = listening(Listen { addresses: vec!["127.0.0.1:0".parse().unwrap()], tls, nodes: None, bounds }).await;
    let mut raw = Raw::open(planet.at).await;
    let begun = Instant::now();
    assert!(raw.closes_within(LONG).await);
    is_short(begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_handshake_is_made_with_a_banned_source() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Some(certificate(folder.path()));
    let authority = tls.as_ref().map(|tls| tls.certificate.clone());
    let planet =
        listening(Listen { addresses: vec!["127.0.0.1:0".parse().unwrap()], tls, nodes: None, bounds: bounds() }).await;
    let here = block::bans::Net::of_source([127, 0, 0, 1].into());
    planet.engine.ban(&node::By::node(), here, planet.engine.now().after(vocab::Millis::minutes(1))).unwrap();
    // It is not waited for what it would say.
    let mut raw = Raw::open(planet.at).await;
    let begun = Instant::now();
    assert!(raw.closes_within(LONG).await, "a handshake was begun");
    assert!(begun.elapsed() < LONG / 2);
    // Whoever is let in again is asked for one.
    planet.engine.lift(&node::By::node(), here).unwrap();
    let options = client::Options { authority, node: None, ..client::Options::default() };
    client::Client::connect(&format!("https://{}", planet.at), key(1), options).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_come_in_pieces_and_many_in_one() {
    let planet = planet().await;
    let mut raw = Raw::open(planet.at).await;
    for piece in ["GET /hea", "lth HTTP/1.1\r\nho", "st: t\r\n\r\n"] {
        raw.send(piece).await;
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(raw.read().await.0, 200);
    raw.send(&"GET /health HTTP/1.1\r\nhost: t\r\n\r\n".repeat(20)).await;
    for _ in 0..20 {
        assert_eq!(raw.read().await.0, 200);
    }
}
