//! A damaged log is told, and stops nobody whom the damage did not hit.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod support;

use node::{Code, Where};
use std::time::Duration;
use support::{Agent, PLANET, key, start};
use tempfile::tempdir;

/// The index stayed in front of a damaged entry: when that was a shard's last,
/// every reader waited for it in vain.
#[tokio::test]
async fn a_damaged_last_entry_seals_its_block_and_holds_up_nobody() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let agent = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
    agent.put(&engine, "name", "value").await.unwrap();
    let link = agent.put(&engine, "name", "the last").await.unwrap().link;
    engine.stop();
    drop(engine);
    // The index is made again, from a log whose last entry has one bit that is other.
    std::fs::remove_dir_all(folder.path().join("index")).unwrap();
    let log = folder.path().join("log/0000000000000001.log");
    let mut bytes = std::fs::read(&log).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    // Behind the last entry is its batch's fence.
    bytes[used - 120] ^= 1;
    std::fs::write(&log, bytes).unwrap();

    let (engine, _) = start(PLANET, folder.path());
    let read = engine.chain(&agent.attached.block, 1, 100, Duration::ZERO).await.unwrap();
    assert_eq!(read.entries.len(), 2);
    assert_ne!(read.head.1, link);
    let other = Agent::attach(&engine, key(2), Where::Region("two".into())).await;
    other.put(&engine, "name", "value").await.unwrap();
    let again = Agent::attach(&engine, key(1), Where::Anywhere).await;
    assert_eq!(again.put(&engine, "name", "more").await.unwrap_err().code, Code::Unavailable);
    engine.stop();
}
