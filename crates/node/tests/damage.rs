//! A damaged log is told, and stops nobody whom the damage did not hit.
#![allow(clippy::unwrap_used)]

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

/// The start told of the damage and went on: the block took ops, and chained
/// them behind an entry that nobody can read.
#[tokio::test]
async fn an_entry_that_is_damaged_behind_the_index_seals_its_block_at_the_start() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let agent = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
    let other = Agent::attach(&engine, key(2), Where::Region("two".into())).await;
    for _ in 0..5 {
        agent.put(&engine, "name", "a value that can be found in the log").await.unwrap();
    }
    engine.stop();
    drop(engine);
    let log = folder.path().join("log/0000000000000001.log");
    let mut bytes = std::fs::read(&log).unwrap();
    // Whose it is stands in each entry: this is its third.
    let id = agent.key.id().0;
    let (third, _) = bytes.windows(32).enumerate().filter(|(_, bytes)| *bytes == id).nth(2).unwrap();
    bytes[third] ^= 1;
    std::fs::write(&log, bytes).unwrap();

    let (engine, started) = start(PLANET, folder.path());
    assert!(started.damage.iter().any(|damage| damage.contains("block one/0 is sealed")), "{:?}", started.damage);
    let again = Agent::attach(&engine, key(1), Where::Anywhere).await;
    let refused = again.put(&engine, "name", "more").await.unwrap_err();
    assert_eq!(refused.code, Code::Unavailable);
    assert!(refused.what.contains("sealed"), "{}", refused.what);
    let neighbour = Agent::attach(&engine, other.key, Where::Anywhere).await;
    neighbour.put(&engine, "name", "value").await.unwrap();
    engine.stop();
}
