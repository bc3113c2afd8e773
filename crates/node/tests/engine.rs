//! A planet that runs in this process: what was acknowledged is there.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod support;

use node::{Code, Where};
use std::time::Duration;
use support::{Agent, PLANET, key, start, verify};
use tempfile::tempdir;

#[tokio::test]
async fn an_op_ends_in_the_chain_and_outlives_a_restart() {
    let folder = tempdir().unwrap();
    let (engine, started) = start(PLANET, folder.path());
    assert!(started.new && started.entries == 0);
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    assert_eq!((agent.attached.block.region.as_str(), agent.attached.slot.number()), ("one", 0));
    let put = agent.put(&engine, "name", "value").await.unwrap();
    assert_eq!((put.sequence, put.before), (2, Some(0)));
    let got = agent.get(&engine, "name").await.unwrap();
    assert_eq!((got.value.as_deref(), got.before), (Some(&b"value"[..]), Some(2)));
    let part = engine.chain(&agent.attached.block, 1, 100, Duration::ZERO).await.unwrap();
    let head = verify(agent.session.lease().block, &part.entries);
    assert_eq!((head.sequence, head.link), part.head);
    assert_eq!(got.link, head.link);
    engine.stop();
    drop(engine);

    let (engine, started) = start(PLANET, folder.path());
    assert!(!started.new);
    assert_eq!((started.entries, started.followed, started.agents), (3, 0, 1));
    // The same slot again, and the lease from before is still good.
    let again = Agent::attach(&engine, key(1), Where::Anywhere).await;
    assert_eq!((again.attached.fencing, &again.attached.block), (agent.attached.fencing, &agent.attached.block));
    let got = again.get(&engine, "name").await.unwrap();
    assert_eq!(got.value.as_deref(), Some(&b"value"[..]));
    let part = engine.chain(&again.attached.block, 1, 100, Duration::ZERO).await.unwrap();
    assert_eq!(verify(again.session.lease().block, &part.entries).sequence, 4);
    engine.stop();
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_a_reason() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let refused = Agent::try_attach(&engine, key(1), Where::Region("nowhere".into())).await.err().unwrap();
    assert_eq!((refused.code, refused.field), (Code::Bad, Some("region")));
    let agent = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
    let classed =
        |class: &str| node::Body::Value { key: b"k".into(), value: b"v".into(), class: Some(class.to_owned()) };
    assert_eq!(agent.op(&engine, "put", classed("gdpr")).await.unwrap_err().code, Code::Residency);
    assert_eq!(agent.op(&engine, "put", classed("none")).await.unwrap_err().code, Code::Bad);
    let european = Agent::attach(&engine, key(2), Where::Region("two".into())).await;
    assert_eq!(european.op(&engine, "put", classed("gdpr")).await.unwrap().sequence, 2);
    // Nothing of what was refused is in the chain.
    let part = engine.chain(&agent.attached.block, 1, 100, Duration::ZERO).await.unwrap();
    assert_eq!(part.entries.len(), 1);
    engine.stop();
}
