//! Many ops on their way at once.
#![allow(clippy::unwrap_used)]

mod support;

use node::{Body, Code, OpAsk, Where};
use support::{Agent, PLANET, key, name, start};
use tempfile::tempdir;
use vocab::Millis;

fn echo(id: block::chain::OpId) -> OpAsk {
    OpAsk { id, kind: "echo", body: Body::Bytes(b"hello".to_vec()), patience: Millis(0) }
}

#[tokio::test]
async fn each_of_many_ops_gets_its_own_end_by_the_name_that_its_owner_gave_it() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    let ids: Vec<_> = (0..50).map(|_| name(&engine)).collect();
    let mut mailbox = engine.mailbox();
    for (called, id) in ids.iter().enumerate() {
        mailbox.take(&agent.connection, &agent.session, called, &echo(*id)).unwrap();
    }
    assert_eq!(mailbox.len(), 50);
    let mut ended = vec![None; 50];
    while !mailbox.is_empty() {
        let (called, done) = mailbox.ended().await;
        let done = done.unwrap();
        assert_eq!(done.id, ids[called]);
        assert!(ended[called].replace(done.sequence).is_none());
    }
    // In the order in which they were taken in, behind the entry that assigned the slot.
    assert_eq!(ended, (2..52).map(Some).collect::<Vec<_>>());

    // The same again: the same answers, among ops that are new.
    let fresh = name(&engine);
    for (called, id) in [ids[7], fresh, ids[3]].into_iter().enumerate() {
        mailbox.take(&agent.connection, &agent.session, called, &echo(id)).unwrap();
    }
    let mut told = [None; 3];
    for _ in 0..3 {
        let (called, done) = mailbox.ended().await;
        told[called] = Some(done.map(|done| (done.sequence, done.again)).unwrap());
    }
    assert_eq!(told, [Some((9, true)), Some((52, false)), Some((5, true))]);
    engine.stop();
}

#[tokio::test]
async fn what_is_refused_is_refused_alone() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    let mut mailbox = engine.mailbox();
    let wrong = OpAsk { kind: "put", ..echo(name(&engine)) };
    let (called, refused) = mailbox.take(&agent.connection, &agent.session, 'a', &wrong).unwrap_err();
    assert_eq!((called, refused.code), ('a', Code::Bad));
    // Before the beginning of what is remembered: the shard itself says no.
    let old = block::chain::OpId::new(trust::Moment(1), 7);
    mailbox.take(&agent.connection, &agent.session, 'b', &echo(old)).unwrap();
    mailbox.take(&agent.connection, &agent.session, 'c', &echo(name(&engine))).unwrap();
    let mut told = [mailbox.ended().await, mailbox.ended().await];
    told.sort_by_key(|(called, _)| *called);
    assert_eq!(told[0].1.as_ref().unwrap_err().code, Code::Conflict);
    assert_eq!(told[1].1.as_ref().unwrap().sequence, 2);
    // A planet that stops answers all the same.
    engine.stop();
    mailbox.take(&agent.connection, &agent.session, 'd', &echo(name(&engine))).unwrap();
    let (called, refused) = mailbox.ended().await;
    assert_eq!((called, refused.unwrap_err().code), ('d', Code::Unavailable));
}

/// Also among many, an erasure is told when it was carried out.
#[tokio::test]
async fn an_erasure_is_told_when_nothing_can_be_read_any_more() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    agent.put(&engine, "name", "value").await.unwrap();
    let register = || std::fs::read(folder.path().join("owners")).unwrap();
    assert_ne!(register(), [0; 160]);
    let mut mailbox = engine.mailbox();
    let erase = OpAsk { kind: "erase", body: Body::Nothing, ..echo(name(&engine)) };
    for again in [false, true] {
        mailbox.take(&agent.connection, &agent.session, 'e', &erase).unwrap();
        let (_, done) = mailbox.ended().await;
        let done = done.unwrap();
        assert_eq!((done.sequence, done.again), (3, again));
        assert_eq!(register(), [0; 160], "its key is overwritten");
    }
    engine.stop();
}
