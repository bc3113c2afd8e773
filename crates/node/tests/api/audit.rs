//! The audit log over the network: what everybody may have of it, and what only
//! who administers.

use super::raw::Raw;
use super::support::entered;
use super::{code, planet};
use client::Code;
use std::time::Duration;

async fn get(raw: &mut Raw, path: &str) -> (u16, String, Vec<u8>) {
    raw.send(&format!("GET {path} HTTP/1.1\r\nhost: planet\r\n\r\n")).await;
    raw.read().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_has_the_hashes_and_no_entry() {
    let planet = planet().await;
    let mut raw = Raw::open(planet.at).await;
    let (status, head, key_line) = get(&mut raw, "/v1/audit/log.vkey").await;
    assert!(status == 200 && head.contains("text/plain"), "{head}");
    let log = audit::Verifier::parse(String::from_utf8(key_line).unwrap().trim()).unwrap();
    let (status, head, checkpoint) = get(&mut raw, "/v1/audit/checkpoint").await;
    assert!(status == 200 && head.contains("no-store"), "{head}");
    let signed = audit::Signed::open(&String::from_utf8(checkpoint).unwrap(), &log).unwrap();
    assert_eq!(signed.checkpoint.head.size, 1);
    let (status, _, tile) = get(&mut raw, "/v1/audit/tile/0/000.p/1").await;
    assert_eq!((status, tile), (200, signed.checkpoint.head.root.0.to_vec()), "one leaf is the root");
    for (path, status) in [
        ("/v1/audit/tile/entries/000.p/1", 401),
        ("/v1/audit/tile/entries%2F000.p/1", 400),
        ("/v1/audit/tile/entries%2F000.p%2F1", 400),
        ("/v1/audit/tile/0/000", 404),
        ("/v1/audit/tile/0/000.p/2", 404),
        ("/v1/audit/tile/0/../entries/000.p/1", 400),
        ("/v1/audit/tile/0/..%2F..%2Fentries", 400),
        ("/v1/audit/tile/..%2F..%2Fkeys/audit.key", 400),
        ("/v1/audit/tile/0%2F000.p%2F01", 400),
        ("/v1/audit/entries", 404),
        ("/v1/audit/tile", 404),
    ] {
        assert_eq!(get(&mut raw, path).await.0, status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_for_who_administers_and_full_tiles_are_kept_for_ever() {
    let planet = planet().await;
    let operator = super::keep::operator(&planet).await;
    for _ in 0..140 {
        operator.ban("192.0.2.1", Duration::from_secs(60)).await.unwrap();
        operator.lift("192.0.2.1").await.unwrap();
    }
    let told = entered(planet.folder.path());
    assert_eq!(told.len(), 281);
    assert!(told[1].address.as_str() == "127.0.0.1" && !told[1].rule.as_str().is_empty(), "{:?}", told[1]);
    let agent = planet.attached(1, "one").await.0;
    assert_eq!(code(agent.audit("tile/entries/000").await), Code::Forbidden);
    let entries = operator.audit("tile/entries/000").await.unwrap().unwrap();
    assert_eq!(audit::bundle::read(&entries).unwrap()[1], told[1].to_bytes());
    assert_eq!(agent.audit("tile/0/007").await.unwrap(), None);
    let mut raw = Raw::open(planet.at).await;
    let kept = |head: &str| head.contains("immutable");
    assert!(kept(&get(&mut raw, "/v1/audit/tile/0/000").await.1));
    assert!(!kept(&get(&mut raw, "/v1/audit/tile/0/001.p/25").await.1));
    let text = String::from_utf8(get(&mut raw, "/metrics").await.2).unwrap();
    assert!(text.contains("\nmycel_audit_entries_total 281\n") && text.contains("\nmycel_audit_failed 0\n"), "{text}");
}
