//! What nobody should send, and what is made of it.

use crate::{Pair, raw};
use std::net::SocketAddr;

/// Two requests in one, for who reads the first differently: the second must
/// never be answered as if it had been asked.
async fn smuggled(at: SocketAddr, head: &str) {
    let text = format!("POST /v1/attach HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{head}\r\n\r\n");
    let body = "0\r\n\r\nGET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    let told = raw::bytes(at, format!("{text}{body}").as_bytes()).await;
    assert!(!told.contains(r#"{"status":"ok"}"#), "{head:?} let a second request through:\n{told}");
    let first = raw::Answer::of(&told);
    assert!((400..500).contains(&first.status) || first.status == 0, "{head:?} was answered:\n{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_smuggled_behind_another() {
    let pair = Pair::start().await;
    let at = pair.gateway.addresses()[0];
    for head in [
        // Lengths that contradict themselves, and codings that are not the one. (A
        // length beside `chunked` is taken for chunked, and its connection ends.)
        "content-length: 4\r\ntransfer-encoding: chunked, identity",
        "content-length: 47\r\ncontent-length: 5",
        "content-length: 5, 47",
        "content-length: +5",
        "content-length: 0x5",
        "content-length: -1",
        "transfer-encoding: identity",
        "transfer-encoding: xchunked",
        "transfer-encoding : chunked\r\ncontent-length: 47",
        // Continued lines, and lines that end with less than they should.
        "x-a: b\r\n content-length: 5\r\ncontent-length: 47",
        "x-a: b\r\n\ttransfer-encoding: chunked\r\ncontent-length: 47",
        "x-a: b\rcontent-length: 5",
        "content-length: 47\0",
        "\x00content-length: 5",
    ] {
        smuggled(at, head).await;
    }
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_about_one_connection_does_not_pass() {
    let pair = Pair::start().await;
    let at = pair.gateway.addresses()[0];
    // Nobody says for somebody else where it comes from, and nobody speaks as a gateway through one.
    let text = "GET /v1/gateway HTTP/1.1\r\nhost: x\r\nmycel-source: 9.9.9.9\r\nconnection: close\r\n\r\n";
    assert_eq!(raw::Answer::of(&raw::bytes(at, text.as_bytes()).await).status, 404);
    let text = "GET /v1/wire HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: mycel/1\r\n\r\n";
    assert_eq!(raw::Answer::of(&raw::bytes(at, text.as_bytes()).await).status, 404);
    let text = "GET /v1/regions HTTP/1.1\r\nhost: x\r\nauthorization: Mycel a\r\nauthorization: Mycel b\r\n\
                connection: close\r\n\r\n";
    assert_eq!(raw::Answer::of(&raw::bytes(at, text.as_bytes()).await).status, 400);
    // A lease that nobody has proved opens nothing, however good it is.
    let (_, attached) = pair.attached(1, "dublin").await;
    let text = format!(
        "GET /v1/regions HTTP/1.1\r\nhost: x\r\nauthorization: Mycel {}\r\nconnection: close\r\n\r\n",
        attached.lease
    );
    assert_eq!(raw::Answer::of(&raw::bytes(at, text.as_bytes()).await).status, 401);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_and_bodies_are_bounded() {
    let pair = Pair::told(|settings| {
        settings.bounds.head = std::time::Duration::from_millis(300);
        settings.bounds.body = std::time::Duration::from_millis(300);
        settings.bounds.look = std::time::Duration::from_millis(50);
    })
    .await;
    let at = pair.gateway.addresses()[0];
    let large = format!("GET /health HTTP/1.1\r\nhost: x\r\nx-a: {}\r\n\r\n", "a".repeat(40_000));
    assert_eq!(raw::Answer::of(&raw::bytes(at, large.as_bytes()).await).status, 431);
    let many: String = (0..100).map(|n| format!("x-{n}: a\r\n")).collect();
    let many = format!("GET /health HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    assert_eq!(raw::Answer::of(&raw::bytes(at, many.as_bytes()).await).status, 431);
    let body = "POST /v1/attach HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n";
    assert_eq!(raw::Answer::of(&raw::bytes(at, body.as_bytes()).await).status, 413);
    // What comes before anybody is believed is small, or is not read.
    for path in ["/v1/attach", "/v1/session", "/v1/erasures", "/v1/bans"] {
        let told = raw::post(at, path, &[("authorization", "Mycel x")], &"x".repeat(5_000)).await;
        assert!([401, 413].contains(&told.status), "{path}: {}", told.body);
        assert!(told.status == 401 || told.body.contains("4096 bytes"), "{path}: {}", told.body);
    }
    // A head that never ends, and a body that never comes.
    assert_eq!(raw::bytes(at, b"GET /health HTTP/1.1\r\nhost: ").await, "");
    let body = "POST /v1/attach HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{";
    assert_eq!(raw::Answer::of(&raw::bytes(at, body.as_bytes()).await).status, 408);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_fails_to_prove_who_it_is_is_turned_away_before_any_host_hears_of_it() {
    let pair = Pair::start().await;
    let (_, attached) = pair.attached(1, "dublin").await;
    let at = pair.gateway.addresses()[0];
    let lease = format!("authorization: Mycel {}\r\n", attached.lease);
    let signature = "0".repeat(128);
    let body = format!(r#"{{"signature":"{signature}"}}"#);
    for _ in 0..5 {
        let text = format!(
            "GET /v1/challenge HTTP/1.1\r\nhost: x\r\n{lease}\r\nPOST /v1/session HTTP/1.1\r\nhost: x\r\n{lease}\
             content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let told = raw::bytes(at, text.as_bytes()).await;
        assert!(told.contains("401"), "{told}");
    }
    // The door is shut: not even what needs no proof is answered.
    assert_eq!(raw::bytes(at, b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await, "");
    // The hosts know nothing of it.
    assert!(pair.served.iter().all(|served| served.engine.bans().is_empty()));
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_is_a_line_of_the_access_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let pair = Pair::told(|settings| {
        settings.access_log = Some(log.clone());
        settings.bounds.of_a_source = 1;
    })
    .await;
    let at = pair.gateway.addresses()[0];
    raw::bytes(at, b"content-length: 5\0\r\n\r\n").await;
    let _first = tokio::net::TcpStream::connect(at).await.unwrap();
    // Its place is taken when another is turned away.
    while !raw::bytes(at, b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.is_empty() {}
    pair.stop().await;
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("\"closed\":\"invalid HTTP") || text.contains("\"closed\":\"connection error"), "{text}");
    assert!(text.contains("\"closed\":\"too many connections"), "{text}");
}
