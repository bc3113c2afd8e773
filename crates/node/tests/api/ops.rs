//! Ops, chains and messages, as a client gets them.

use super::raw::Raw;
use super::support::{PLANET, key};
use super::{code, patient, planet, put, serving};
use client::{Body, Code, Error, Follow};
use node::http::Listen;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use wire::Hex;

#[tokio::test(flavor = "multi_thread")]
async fn an_op_is_done_and_its_chain_holds() {
    let planet = planet().await;
    let (client, attached) = planet.attached(1, "one").await;
    let done = client.op(put("greeting", "hello")).await.unwrap();
    let got = client.op(patient(Body::Get(b"greeting".to_vec()))).await.unwrap();
    assert_eq!(got.value.as_deref(), Some(&b"hello"[..]));
    assert_eq!(got.before, Some(done.sequence));

    let mut follow = Follow::begin(attached.block.clone());
    let stretch = client.chain(&mut follow, 100, Duration::ZERO).await.unwrap();
    assert_eq!(stretch.end, got.sequence);
    assert_eq!(follow.head().link, got.link, "the receipt is the chain's end");

    // Who follows is told of what comes.
    let writer = client.clone();
    let (stretch, next) = tokio::join!(client.chain(&mut follow, 100, Duration::from_secs(20)), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        writer.op(put("greeting", "again")).await.unwrap()
    });
    assert_eq!(stretch.unwrap().end, next.sequence);

    let standing = client.block(&attached.block).await.unwrap();
    assert_eq!(standing.entries, next.sequence);
    assert_eq!(client.regions().await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_name_gets_the_same_answer() {
    let planet = planet().await;
    let (client, _) = planet.attached(1, "one").await;
    let id = client.op_id().unwrap();
    let ask = || client::Ask { id: Some(id), ..put("k", "v") };
    let first = client.op(ask()).await.unwrap();
    let second = client.op(ask()).await.unwrap();
    assert!(second.again && !first.again);
    assert_eq!((first.sequence, first.link), (second.sequence, second.link));
    let third = client.wire().op(ask()).await.unwrap();
    assert_eq!((first.sequence, true), (third.sequence, third.again));
    assert_eq!(client.status(id).await.unwrap().sequence, Some(first.sequence));
    assert_eq!(client.ops(10).await.unwrap()[0].id, Hex(id.0.to_be_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_op_may_be_left_to_itself() {
    let planet = planet().await;
    let (client, _) = planet.attached(1, "one").await;
    let id = client.op_id().unwrap();
    client.op_later(client::Ask { id: Some(id), ..put("k", "v") }).await.unwrap();
    for _ in 0..100 {
        if client.status(id).await.is_ok_and(|told| told.state == client::tell::OpState::Done) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_op_that_waits_for_the_rate_has_no_place_in_the_queue_yet() {
    let file = PLANET.replace("op_rate = \"1000000/s\"", "op_rate = \"1/s\"");
    let planet = serving(&file, Listen { addresses: vec!["127.0.0.1:0".parse().unwrap()], ..Listen::default() }).await;
    let (client, _) = planet.attached(1, "one").await;
    client.op(put("k", "v")).await.unwrap();
    let id = client.op_id().unwrap();
    let told = client.op_later(client::Ask { id: Some(id), ..put("k", "w") }).await.unwrap();
    assert_eq!((told.state, told.before_it), (client::tell::OpState::Queued, None), "{told:?}");
    for _ in 0..100 {
        if client.status(id).await.is_ok_and(|told| told.state == client::tell::OpState::Done) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_come_back_as_they_were() {
    let planet = planet().await;
    let (client, _) = planet.attached(1, "one").await;
    let (name, value) = (vec![0xff, 0, 0xfe], vec![0xc3, 0x28, 0]);
    client.op(patient(Body::Put { key: name.clone(), value: value.clone(), class: None })).await.unwrap();
    assert_eq!(client.op(patient(Body::Get(name.clone()))).await.unwrap().value, Some(value.clone()));
    assert_eq!(client.wire().op(patient(Body::Get(name))).await.unwrap().value, Some(value));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_arrives_and_is_acknowledged() {
    let planet = planet().await;
    let (one, _) = planet.attached(1, "one").await;
    let (two, _) = planet.attached(2, "two").await;
    let sent = one.op(patient(Body::Send { to: two.agent(), message: b"hello".to_vec() }));
    let (messages, sent) = tokio::join!(two.inbox(None, 10, Duration::from_secs(20)), sent);
    let (messages, sent) = (messages.unwrap(), sent.unwrap());
    assert_eq!(messages[0].message.as_ref().unwrap().0, b"hello");
    assert_eq!((messages[0].sequence, messages[0].block.region.as_str()), (sent.sequence, "one"));
    let cursor = block::kinds::Cursor::from_bytes(&messages[0].cursor.0).unwrap();
    two.ack(cursor).await.unwrap();
    for _ in 0..100 {
        if two.inbox(None, 10, Duration::ZERO).await.unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it was not acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_come_as_events() {
    let planet = planet().await;
    let (one, _) = planet.attached(1, "one").await;
    let (two, attached) = planet.attached(2, "two").await;
    let mut raw = Raw::open(planet.at).await;
    assert_eq!(raw.prove(&key(2), &attached.lease).await.0, 200);
    raw.send(&format!("GET /v1/inbox/stream HTTP/1.1\r\nhost: t\r\nauthorization: Mycel {}\r\n\r\n", attached.lease))
        .await;
    let (status, head, _) = raw.read().await;
    assert_eq!(status, 200);
    assert!(head.contains("text/event-stream"), "{head}");
    one.op(patient(Body::Send { to: two.agent(), message: b"hello".to_vec() })).await.unwrap();
    let mut text = String::new();
    while !text.contains("\"message\":\"hello\"") {
        let mut bytes = [0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(20), raw.0.read(&mut bytes)).await.unwrap().unwrap();
        assert!(read > 0, "{text}");
        text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
    }
    assert!(text.contains("event: message"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_block_is_421_with_the_right_one() {
    let planet = planet().await;
    let (client, attached) = planet.attached(1, "one").await;
    let other = client::tell::Block { region: "two".to_owned(), index: 3 };
    let mut follow = Follow::begin(other);
    let error = client.chain(&mut follow, 1, Duration::ZERO).await.unwrap_err();
    let Error::Refused { code, fault } = error else { panic!("{error}") };
    assert_eq!((code, fault.right), (Code::WrongBlock, Some(attached.block)));
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_carry_many_ops_at_once() {
    let planet = planet().await;
    let (client, attached) = planet.attached(1, "one").await;
    let wire = std::sync::Arc::new(client.wire());
    let ops: Vec<_> = (0..1_000)
        .map(|at| {
            let wire = std::sync::Arc::clone(&wire);
            tokio::spawn(async move { wire.op(put(&format!("k{at}"), "v")).await })
        })
        .collect();
    let mut sequences = Vec::new();
    for op in ops {
        match op.await.unwrap() {
            Ok(done) => sequences.push(done.sequence),
            // A block's queue has an end.
            Err(error) => assert!(error.may_pass_later(), "{error}"),
        }
    }
    assert!(sequences.len() > 500, "{}", sequences.len());
    sequences.sort_unstable();
    sequences.dedup();
    let standing = client.block(&attached.block).await.unwrap();
    assert_eq!(sequences.last().copied(), Some(standing.entries));
    assert_eq!(
        code(wire.op(patient(Body::Send { to: trust::AgentId([9; 32]), message: vec![0; 1 << 20] })).await),
        Code::TooLarge
    );
}
