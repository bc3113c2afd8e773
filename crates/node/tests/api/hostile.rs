//! Whoever sends what makes no sense, too much, too slowly, or for another.

use super::raw::Raw;
use super::support::key;
use super::{code, patient, planet, put};
use client::{Body, Code};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use trust::attach::{Channel, Nonce, answer};
use trust::enrol::Application;
use wire::Hex;

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_lease_is_worth_nothing() {
    let planet = planet().await;
    let (client, attached) = planet.attached(1, "one").await;
    client.op(put("k", "v")).await.unwrap();
    // On a connection on which it was not proved.
    let mut thief = Raw::open(planet.at).await;
    let op = json!({ "kind": "get", "key": "k" }).to_string();
    let (status, fault) = thief.ask("POST", "/v1/ops", Some(&attached.lease), Some(&op)).await;
    assert_eq!((status, fault["error"].as_str()), (401, Some("unknown_agent")), "{fault}");
    // By whoever has not its agent's key.
    let (_, challenge) = thief.ask("GET", "/v1/challenge", Some(&attached.lease), None).await;
    assert_eq!(challenge["nonce"].as_str().unwrap().len(), 64);
    let body = json!({ "signature": Hex([7; 64]) }).to_string();
    let (status, _) = thief.ask("POST", "/v1/session", Some(&attached.lease), Some(&body)).await;
    assert_eq!(status, 401);
    // And a nonce is answered once.
    let signature = |challenge: &Value| {
        let hex = |name: &str| challenge[name].as_str().unwrap().parse::<Hex<32>>().unwrap().0;
        answer(&key(1), &attached.lease, &Nonce(hex("nonce")), &Channel(hex("channel"))).unwrap()
    };
    let body = json!({ "signature": Hex(signature(&challenge).0) }).to_string();
    let (status, _) = thief.ask("POST", "/v1/session", Some(&attached.lease), Some(&body)).await;
    assert_eq!(status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_failed_proofs_lock_their_source_out() {
    let planet = planet().await;
    let (client, attached) = planet.attached(1, "one").await;
    let mut thief = Raw::open(planet.at).await;
    let body = json!({ "signature": Hex([7; 64]) }).to_string();
    for _ in 0..5 {
        let (status, _) = thief.ask("GET", "/v1/challenge", Some(&attached.lease), None).await;
        assert_eq!(status, 200);
        assert_eq!(thief.ask("POST", "/v1/session", Some(&attached.lease), Some(&body)).await.0, 401);
    }
    let (status, fault) = thief.ask("GET", "/v1/planet", None, None).await;
    assert_eq!(status, 403, "{fault}");
    assert!(thief.closes_within(Duration::from_secs(5)).await);
    assert_eq!(planet.engine.bans().len(), 1);
    drop(client);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_says_which_field() {
    let planet = planet().await;
    let (_client, attached) = planet.attached(1, "one").await;
    let mut raw = Raw::open(planet.at).await;
    assert_eq!(raw.prove(&key(1), &attached.lease).await.0, 200);
    let id = "0".repeat(32);
    for (body, field) in [
        ("{", Value::Null),
        ("{}", json!("kind")),
        ("[]", Value::Null),
        (r#"{"kind":"fly"}"#, json!("kind")),
        (r#"{"kind":"put","key":"k"}"#, json!("value")),
        (r#"{"kind":"get","key":"k","value":"v"}"#, json!("value")),
        (r#"{"kind":"get","key":7}"#, json!("key")),
        (r#"{"kind":"get","key":{"base64":"!"}}"#, json!("key.base64")),
        (r#"{"kind":"get","key":"k","patience_ms":-1}"#, json!("patience_ms")),
        (r#"{"kind":"get","key":"k","id":"7"}"#, json!("id")),
        (r#"{"kind":"send","to":"ab","message":"m"}"#, json!("to")),
        (r#"{"kind":"get","key":"k"} more"#, Value::Null),
    ] {
        let (status, fault) = raw.ask("POST", "/v1/ops", Some(&attached.lease), Some(body)).await;
        assert_eq!((status, fault["error"].as_str()), (400, Some("bad_request")), "{body}: {fault}");
        let told = fault.get("field").cloned().unwrap_or_default();
        let same = told == field || (field == json!("key.base64") && told == json!("key"));
        assert!(same, "{body}: {fault}");
    }
    for (path, field) in [
        ("/v1/ops?most=x", "most"),
        ("/v1/ops?least=1", "least"),
        ("/v1/ops/xyz", "id"),
        ("/v1/inbox?after=00", "after"),
    ] {
        let (status, fault) = raw.ask("GET", path, Some(&attached.lease), None).await;
        assert_eq!((status, fault["field"].as_str()), (400, Some(field)), "{path}: {fault}");
    }
    let (status, _) = raw.ask("GET", &format!("/v1/ops/{id}"), Some(&attached.lease), None).await;
    assert_eq!(status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_methods_and_types_are_told_apart() {
    let planet = planet().await;
    let mut raw = Raw::open(planet.at).await;
    assert_eq!(raw.ask("GET", "/v2", None, None).await.0, 404);
    raw.send("PUT /v1/bans HTTP/1.1\r\nhost: t\r\n\r\n").await;
    let (status, head, _) = raw.read().await;
    assert_eq!(status, 405);
    assert!(head.contains("allow: get, post, delete"), "{head}");
    raw.send("POST /v1/attach HTTP/1.1\r\nhost: t\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}").await;
    assert_eq!(raw.read().await.0, 415);
    raw.send("GET /v1/wire HTTP/1.1\r\nhost: t\r\n\r\n").await;
    let (status, head, _) = raw.read().await;
    assert_eq!(status, 426);
    assert!(head.contains("upgrade: mycel/1"), "{head}");
    raw.send("GET /v1/regions HTTP/1.1\r\nhost: t\r\n\r\n").await;
    let (status, head, _) = raw.read().await;
    assert_eq!(status, 401);
    assert!(head.contains("www-authenticate: mycel"), "{head}");
    for path in ["/health", "/ready", "/v1/planet", "/v1/openapi.json"] {
        assert_eq!(raw.ask("GET", path, None, None).await.0, 200, "{path}");
    }
    raw.send("GET /metrics HTTP/1.1\r\nhost: t\r\n\r\n").await;
    let (_, _, text) = raw.read().await;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("mycel_http_requests_total{endpoint=\"regions\",status=\"401\"} 1"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_413_before_it_is_read() {
    let planet = planet().await;
    let (client, attached) = planet.attached(1, "one").await;
    let mut raw = Raw::open(planet.at).await;
    assert_eq!(raw.prove(&key(1), &attached.lease).await.0, 200);
    let lease = &attached.lease;
    raw.send(&format!(
        "POST /v1/ops HTTP/1.1\r\nhost: t\r\nauthorization: Mycel {lease}\r\ncontent-type: application/json\r\n\
         content-length: 99999999\r\n\r\n"
    ))
    .await;
    assert_eq!(raw.read().await.0, 413);
    assert!(raw.closes_within(Duration::from_secs(5)).await);
    let mut raw = Raw::open(planet.at).await;
    let (_, fault) = (raw.prove(&key(1), lease).await, ());
    let () = fault;
    raw.send(&format!(
        "POST /v1/ops HTTP/1.1\r\nhost: t\r\nauthorization: Mycel {lease}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n"
    ))
    .await;
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..40 {
        if raw.0.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    assert_eq!(raw.read().await.0, 413);
    // An op of the largest size is one, and a byte more is not.
    let large = |bytes: usize| patient(Body::Echo(vec![b'x'; bytes]));
    assert_eq!(code(client.op(large((1 << 20) + 1)).await), Code::TooLarge);
    client.op(large(1_000_000)).await.unwrap();
    client.wire().op(large(1_000_000)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_and_a_head_that_is_too_large_are_told_why() {
    let planet = planet().await;
    let many: String = (0..100).map(|at| format!("x{at}: y\r\n")).collect();
    for (request, expected, error, field) in [
        (format!("GET /health HTTP/1.1\r\nhost: t\r\nx: {}\r\n\r\n", "y".repeat(20_000)), 431, "head_too_large", None),
        (format!("GET /health HTTP/1.1\r\nhost: t\r\n{many}\r\n"), 431, "head_too_large", None),
        (format!("GET /{} HTTP/1.1\r\nhost: t\r\n\r\n", "y".repeat(20_000)), 431, "head_too_large", None),
        ("GET /health HTTP/7.0\r\n\r\n".to_owned(), 400, "bad_request", Some("head")),
        ("GET /health HTTP/1.1\r\nhost t\r\n\r\n".to_owned(), 400, "bad_request", Some("head")),
        ("\u{1}\u{2}\u{3}\r\n\r\n".to_owned(), 400, "bad_request", Some("head")),
        ("POST /v1/ops HTTP/1.1\r\nhost: t\r\ncontent-length: x\r\n\r\n".to_owned(), 400, "bad_request", Some("head")),
    ] {
        let mut raw = Raw::open(planet.at).await;
        // It may be closed before all of it is sent.
        let _ = raw.0.write_all(request.as_bytes()).await;
        let (status, head, body) = raw.read().await;
        let fault: Value = serde_json::from_slice(&body).unwrap_or_default();
        assert_eq!(
            (status, fault["error"].as_str(), fault["field"].as_str()),
            (expected, Some(error), field),
            "{head}"
        );
        assert!(!fault["what"].as_str().unwrap().is_empty() && head.contains("application/json"), "{head} {fault}");
        assert!(raw.closes_within(Duration::from_secs(5)).await);
    }
    let mut raw = Raw::open(planet.at).await;
    raw.send("GET /metrics HTTP/1.1\r\nhost: t\r\n\r\n").await;
    let text = String::from_utf8(raw.read().await.2).unwrap();
    for line in ["status=\"400\"} 4", "status=\"431\"} 3"] {
        assert!(text.contains(&format!("mycel_http_requests_total{{endpoint=\"nowhere\",{line}")), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_without_a_proof_and_bytes_that_are_none_are_refused() {
    use wire::frame::{self, Answer, Op, Request};
    let planet = planet().await;
    let mut raw = Raw::open(planet.at).await;
    raw.send("GET /v1/wire HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: mycel/1\r\n\r\n").await;
    assert_eq!(raw.read().await.0, 101);
    let kind = block::kinds::by_name("echo").unwrap();
    let op = Op { kind, id: block::chain::OpId(1), patience: 0, body: frame::Body::Bytes(b"x") };
    let mut out = Vec::new();
    Request::Ping(7).encode(&mut out).unwrap();
    Request::Op(8, op).encode(&mut out).unwrap();
    Request::Challenge(9, "no lease").encode(&mut out).unwrap();
    out.extend([0, 0, 0, 1, 99]);
    raw.0.write_all(&out).await.unwrap();
    let mut back = Vec::new();
    raw.0.read_to_end(&mut back).await.unwrap();
    let mut at = 0;
    let mut told = Vec::new();
    while let Some((bytes, length)) = frame::next(&back[at..]).unwrap() {
        told.push(match Answer::decode(bytes).unwrap() {
            Answer::Pong(number) => format!("pong {number}"),
            Answer::Refused(number, refused) => format!("{number} {}", refused.code.name()),
            Answer::Closed(why) => why.to_owned(),
            other => panic!("{other:?}"),
        });
        at += length;
    }
    told.sort();
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[..2], ["8 unknown_agent", "9 unknown_agent"]);
    assert_eq!(told[2], "pong 7");
    assert!(told[3].contains("no frame of kind 99"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_turned_away() {
    let planet = planet().await;
    let (_client, attached) = planet.attached(1, "one").await;
    let mut raw = Raw::open(planet.at).await;
    assert_eq!(raw.prove(&key(1), &attached.lease).await.0, 200);
    // Of strangers so much is not even read.
    let body = "x".repeat(1_000_000);
    for _ in 0..20_000 {
        let (status, _) = raw.ask("POST", "/v1/ops", Some(&attached.lease), Some(&body)).await;
        if status == 403 {
            assert!(raw.closes_within(Duration::from_secs(5)).await);
            let mut again = Raw::open(planet.at).await;
            assert!(again.closes_within(Duration::from_secs(5)).await, "and it is not let in again");
            return;
        }
        assert_eq!(status, 400);
    }
    panic!("it was never turned away");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_of_yesterday_is_refused() {
    let planet = planet().await;
    let mut raw = Raw::open(planet.at).await;
    let old = trust::Moment(planet.engine.now().0 - 86_400_000);
    let application = Application::make(&key(1), planet.engine.planet(), None, old);
    let body = json!({ "application": application.text().as_str() }).to_string();
    let (status, fault) = raw.ask("POST", "/v1/attach", None, Some(&body)).await;
    assert!((400..500).contains(&status), "{fault}");
}
