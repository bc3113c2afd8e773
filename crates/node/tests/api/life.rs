//! How a server begins, ends and comes back, with TLS and without.

use super::raw::Raw;
use super::support::key;
use super::{listening, planet, put};
use client::{Client, Place};
use node::http::{Listen, Server};
use std::path::Path;
use std::time::Duration;

/// A certificate for 127.0.0.1, its key, and the authority that signed it.
pub(crate) fn certificate(folder: &Path) -> node::http::Tls {
    let signed = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, signed.cert.pem()).unwrap();
    std::fs::write(&key, signed.signing_key.serialize_pem()).unwrap();
    node::http::Tls { certificate, key }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planet_that_stops_finishes_what_it_has_begun() {
    let planet = planet().await;
    let (client, attached) = planet.attached(1, "one").await;
    let writers: Vec<_> = (0..8)
        .map(|at| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut done = Vec::new();
                for round in 0_u32.. {
                    let Ok(op) = tokio::time::timeout(
                        Duration::from_secs(1),
                        client.op(put(&format!("k{at}"), &round.to_string())),
                    )
                    .await
                    else {
                        return done;
                    };
                    match op {
                        Ok(op) => done.push(op),
                        Err(_) => return done,
                    }
                }
                done
            })
        })
        .collect();
    // Somebody waits for a message that never comes, and somebody is idle.
    let waits = tokio::spawn({
        let client = client.clone();
        async move { client.inbox(None, 1, Duration::from_secs(60)).await }
    });
    let _idle = Raw::open(planet.at).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = tokio::time::Instant::now();
    assert!(planet.server.stop(Duration::from_secs(5)).await, "nothing had to be cut off");
    assert!(begun.elapsed() < Duration::from_secs(5));
    waits.abort();
    let mut told = 0;
    for writer in writers {
        told += writer.await.unwrap().len();
    }
    assert!(told > 0);
    let at = node::BlockAt { region: attached.block.region, index: attached.block.index };
    let entries = planet.engine.block(&at).await.unwrap().entries;
    assert!(entries > u64::try_from(told).unwrap(), "what was told is there, and the entry that attached");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_tls_both_ends_derive_the_channel() {
    let folder = tempfile::tempdir().unwrap();
    let tls = certificate(folder.path());
    let authority = Some(tls.certificate.clone());
    let planet =
        listening(Listen { addresses: vec!["127.0.0.1:0".parse().unwrap()], tls: Some(tls), ..Listen::default() })
            .await;
    let url = format!("https://{}", planet.at);
    let options = client::Options { authority, node: Some(planet.engine.node()), ..client::Options::default() };
    let client = Client::connect(&url, key(1), options).await.unwrap();
    client.attach(Place::Anywhere, None).await.unwrap();
    client.op(put("k", "v")).await.unwrap();
    client.wire().op(put("k", "w")).await.unwrap();
    let other = client::Options {
        authority: Some(certificate(folder.path()).certificate),
        node: None,
        ..client::Options::default()
    };
    assert!(Client::connect(&url, key(1), other).await.is_err(), "another authority is not believed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_goes_on_when_the_server_comes_back() {
    let planet = planet().await;
    let (client, _) = planet.attached(1, "one").await;
    let wire = client.wire();
    let first = wire.op(put("k", "v")).await.unwrap();
    client.op(put("k", "v")).await.unwrap();
    planet.server.stop(Duration::from_secs(5)).await;
    let listen = Listen { addresses: vec![planet.at], ..Listen::default() };
    let (server, over_wire, over_http) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Server::start(planet.engine.clone(), listen).await.unwrap()
        },
        wire.op(put("k", "w")),
        client.op(put("k", "x")),
    );
    assert!(over_wire.unwrap().sequence > first.sequence);
    assert!(over_http.unwrap().sequence > first.sequence);
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_was_renewed_goes_on_on_the_same_connections() {
    let planet = planet().await;
    let (client, first) = planet.attached(1, "one").await;
    let wire = client.wire();
    wire.op(put("k", "v")).await.unwrap();
    // More often than one connection takes leases.
    for _ in 0..70 {
        tokio::time::sleep(Duration::from_millis(2)).await;
        client.renew().await.unwrap();
    }
    wire.op(put("k", "w")).await.unwrap();
    client.op(put("k", "x")).await.unwrap();
    assert_ne!(client.lease().as_deref(), Some(first.lease.as_str()));
    client.detach().await.unwrap();
    assert!(client.op(put("k", "y")).await.is_err());
}

/// Whoever passes requests on has to know which refusals are a host's that is
/// not well.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_is_about_one_block_says_so() {
    let planet = planet().await;
    let (_client, attached) = planet.attached(1, "one").await;
    let at = node::BlockAt { region: attached.block.region, index: attached.block.index };
    let mut raw = Raw::open(planet.at).await;
    assert_eq!(raw.prove(&key(1), &attached.lease).await.0, 200);
    let body = r#"{"kind":"put","key":"k","value":"v","patience_ms":1000}"#;
    let op = format!(
        "POST /v1/ops HTTP/1.1\r\nhost: t\r\nauthorization: Mycel {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        attached.lease,
        body.len()
    );
    let mut told = Vec::new();
    for sealed in [true, false] {
        if sealed {
            planet.engine.seal(&node::By::node(), &at, "a test").await.unwrap();
        } else {
            planet.engine.open_block(&node::By::node(), &at).await.unwrap();
            planet.engine.stop();
        }
        raw.send(&op).await;
        let (status, head, _) = raw.read().await;
        told.push((status, head.contains("\r\nmycel-local: 1\r\n")));
    }
    assert_eq!(told, [(503, true), (503, false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_region_seats_nobody_new() {
    let file = super::support::PLANET.replacen("id = \"one\"", "id = \"one\"\ndrained = true", 1);
    let listen = node::http::Listen { addresses: vec!["127.0.0.1:0".parse().unwrap()], ..Default::default() };
    let planet = super::serving(&file, listen).await;
    let client = planet.client(1).await;
    let refused = client.attach(Place::Region("one".to_owned()), None).await.unwrap_err();
    assert_eq!(refused.code(), Some(client::Code::Unavailable));
    assert!(refused.to_string().contains("drained"), "{refused}");
    assert_eq!(client.attach(Place::Anywhere, None).await.unwrap().block.region, "two");
}
