//! What is kept, for how long, and how it comes back: retention, quotas,
//! verification, backups, and directories of earlier versions.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use node::{AtRest, Code, Compared, Engine, Options, Where, restore_planet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use support::{Agent, PLANET, copy, key, start, start_with, verify, verify_from};
use tempfile::tempdir;

const SEGMENT: u64 = 64 << 10;
const KEY: [u8; 32] = [9; 32];

fn small(quota_bytes: Option<u64>) -> Options {
    Options { log: store::Options { segment_bytes: SEGMENT, quota_bytes, ..Default::default() }, ..Default::default() }
}

/// The planet, whose chains are kept for so long.
fn kept(time: &str) -> String {
    PLANET.replace("[block]", &format!("[block]\nchain_kept = \"{time}\""))
}

/// Writes some segments' worth.
async fn fill(engine: &Engine, agent: &Agent, ops: usize) {
    for at in 0..ops {
        agent.put(engine, &format!("key {}", at % 40), &"v".repeat(2_000)).await.unwrap();
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never: {what}");
}

fn segments(data: &Path) -> usize {
    let names = fs::read_dir(data.join("log")).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().is_some_and(|name| name.ends_with(".log"))).count()
}

fn find(path: &Path) -> (String, Vec<u8>) {
    (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pruned_is_old_and_what_is_left_is_proved() {
    let folder = tempdir().unwrap();
    let (engine, _) = start_with(&kept("2s"), folder.path(), &small(None));
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    let other = Agent::attach(&engine, key(2), Where::Region("two".into())).await;
    let early = other.put(&engine, "early", "kept as a record").await.unwrap();
    fill(&engine, &agent, 150).await;
    let block = agent.attached.block.clone();
    let oldest = async || engine.chain(&block, 0, 1, Duration::ZERO).await.unwrap().oldest;
    until("something is pruned", async || oldest().await > 1).await;
    // Under load: what is new stays, and is there at once.
    for at in 0..100 {
        let put = agent.put(&engine, "newest", &format!("{at} {}", "v".repeat(2_000))).await.unwrap();
        let got = agent.get(&engine, "newest").await.unwrap();
        assert_eq!(got.before, Some(put.sequence));
        let part = engine.chain(&block, put.sequence, 1, Duration::ZERO).await.unwrap();
        assert_eq!(block::chain::link(&part.entries[0]), put.link);
    }
    let gone = engine.chain(&block, 1, 10, Duration::ZERO).await.unwrap_err();
    assert_eq!(gone.code, Code::Gone);
    assert!(gone.what.contains("is the oldest that is"), "{gone}");
    // Records do not go with the entries that wrote them.
    assert_eq!(other.get(&engine, "early").await.unwrap().before, Some(early.sequence));
    let part = engine.chain(&block, 0, 10_000, Duration::ZERO).await.unwrap();
    let head = verify_from(agent.session.lease().block, part.anchor.unwrap(), &part.entries);
    assert_eq!((head.sequence, head.link), part.head);
    assert!(!agent.ops_of(&engine).await.is_empty());
    engine.stop();
    drop(engine);

    let rest = AtRest::open(folder.path()).unwrap();
    let checked = rest.verify(&mut |_| {}).unwrap();
    assert!(checked.pruned && checked.is_whole(), "{checked:?}");
    assert_eq!(checked.index, Compared::Chains);
    drop(rest);

    let (engine, started) = start_with(&kept("25h"), folder.path(), &small(None));
    assert_eq!(started.damage, Vec::<String>::new());
    let again = Agent::attach(&engine, key(1), Where::Anywhere).await;
    assert_eq!(again.attached.fencing, agent.attached.fencing);
    let part = engine.chain(&block, 0, 10_000, Duration::ZERO).await.unwrap();
    let head = verify_from(again.session.lease().block, part.anchor.unwrap(), &part.entries);
    assert_eq!((head.sequence, head.link), part.head);
    assert_eq!(engine.block(&block).await.unwrap().sealed, None);
    engine.stop();
}

/// Of those who write together only the first meets the quota: the others are
/// told of it all the same, and not of the log's inside.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_quota_is_said_to_all_who_write_together() {
    let folder = tempdir().unwrap();
    let (engine, _) = start_with(PLANET, folder.path(), &small(Some(3 * SEGMENT)));
    let (mut agents, mut writers) = (Vec::new(), tokio::task::JoinSet::new());
    for seed in 1..=16 {
        agents.push(Agent::attach(&engine, key(seed), Where::Region("one".into())).await);
    }
    for agent in agents {
        let engine = engine.clone();
        writers.spawn(async move {
            let mut refused = Vec::new();
            while refused.len() < 20 {
                refused.extend(agent.put(&engine, "key", &"v".repeat(2_000)).await.err());
            }
            refused
        });
    }
    while let Some(refused) = writers.join_next().await {
        for refused in refused.unwrap() {
            assert_eq!(refused.code, Code::Unavailable);
            assert!(refused.what.contains("--quota") && refused.retry_after.is_some(), "{refused}");
        }
    }
    // Whoever attaches then is not told that its lease was another's.
    let mut newcomers = tokio::task::JoinSet::new();
    for seed in 101..=132 {
        let engine = engine.clone();
        newcomers.spawn(async move {
            for _ in 0..10 {
                let attached = Agent::try_attach(&engine, key(seed), Where::Region("one".into())).await;
                // What is left of the quota is room for a few.
                let Err(refused) = attached else { break };
                assert!(matches!(refused.code, Code::Unavailable | Code::Conflict), "{refused}");
                assert!(refused.retry_after.is_some(), "{refused}");
            }
        });
    }
    while let Some(ended) = newcomers.join_next().await {
        ended.unwrap();
    }
    engine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_quota_is_an_answer_and_passes_when_something_is_old() {
    let folder = tempdir().unwrap();
    let (engine, _) = start_with(&kept("4s"), folder.path(), &small(Some(3 * SEGMENT)));
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    let mut told = 0;
    let refused = loop {
        match agent.put(&engine, "key", &"v".repeat(2_000)).await {
            Ok(put) => told = put.sequence,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.code, Code::Unavailable);
    assert!(refused.retry_after.is_some() && refused.what.contains("chain_kept"), "{refused}");
    // What needs no entry still works.
    assert_eq!(engine.block(&agent.attached.block).await.unwrap().sealed, None);
    engine.chain(&agent.attached.block, told, 1, Duration::ZERO).await.unwrap();
    until("there is room again", async || agent.put(&engine, "key", "v").await.is_ok()).await;
    let part = engine.chain(&agent.attached.block, told, 10_000, Duration::ZERO).await.unwrap();
    assert_eq!(part.head.0, told + 1, "what was refused is not there");
    assert!(segments(folder.path()) <= 3);
    engine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_whole_is_told_so_and_each_damage_with_its_block() {
    let folder = tempdir().unwrap();
    let (engine, _) = start_with(PLANET, folder.path(), &small(None));
    assert!(matches!(AtRest::open(folder.path()), Err(node::RestError::InUse { .. })));
    let one = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
    let two = Agent::attach(&engine, key(2), Where::Region("two".into())).await;
    fill(&engine, &one, 60).await;
    let marked = two.put(&engine, "name", "value").await.unwrap();
    fill(&engine, &one, 60).await;
    engine.stop();
    drop(engine);
    let checked = AtRest::open(folder.path()).unwrap().verify(&mut |_| {}).unwrap();
    assert!(checked.is_whole() && !checked.pruned, "{checked:?}");
    assert_eq!((checked.entries, checked.blocks, checked.behind), (123, 2, 0));
    assert!(matches!(checked.index, Compared::Whole { rows } if rows > 40), "{:?}", checked.index);
    assert!(!folder.path().join("index.verify").exists());

    // A flipped bit in the one entry of block two.
    let mut hit = None;
    AtRest::open(folder.path())
        .unwrap()
        .each(&mut |read| {
            let kept = read.unwrap();
            if kept.block.region == "two" && block::chain::link(&kept.entry.bytes) == marked.link {
                hit = Some(kept.entry);
            }
            true
        })
        .unwrap();
    let hit = hit.unwrap();
    let file = folder.path().join(format!("log/{:016x}.log", hit.position.segment));
    let (name, mut bytes) = find(&file);
    let at = bytes.windows(hit.bytes.len()).position(|window| window == hit.bytes).unwrap();
    bytes[at + 100] ^= 1;
    fs::write(&file, bytes).unwrap();
    let checked = AtRest::open(folder.path()).unwrap().verify(&mut |_| {}).unwrap();
    let fault = &checked.faults[0];
    assert_eq!(fault.block.as_ref().map(|block| block.region.as_str()), Some("two"), "{checked:?}");
    assert_eq!(fault.file.as_ref(), Some(&name));
    assert!(checked.faults.iter().all(|fault| fault.block.as_ref().is_some_and(|block| block.region == "two")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_not_what_the_log_makes_is_told() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    fill(&engine, &agent, 20).await;
    engine.stop();
    drop(engine);
    use store::{FjallRecords, Records as _, Space};
    let records = FjallRecords::open(&folder.path().join("index"), &[Space("records")], 1 << 20).unwrap();
    let (row, mut value) = records.last(Space("records"), b"", None).unwrap().unwrap();
    value[30] ^= 1;
    let mut batch = store::Batch::default();
    batch.put(Space("records"), row, value);
    records.write(batch).unwrap();
    records.persist().unwrap();
    drop(records);
    let checked = AtRest::open(folder.path()).unwrap().verify(&mut |_| {}).unwrap();
    assert_eq!(checked.faults.len(), 1, "{checked:?}");
    assert!(checked.faults[0].what.contains("\"records\""), "{checked:?}");
    assert_eq!(checked.faults[0].block.as_ref(), Some(&agent.attached.block));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_has_all_that_was_told_before_and_runs_again() {
    let (folder, elsewhere) = (tempdir().unwrap(), tempdir().unwrap());
    let (engine, _) = start_with(PLANET, folder.path(), &small(None));
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    fill(&engine, &agent, 60).await;
    let before = agent.put(&engine, "before", "the backup").await.unwrap();
    let load = tokio::spawn({
        let engine = engine.clone();
        async move {
            let agent = Agent::attach(&engine, key(2), Where::Region("two".into())).await;
            fill(&engine, &agent, 200).await;
        }
    });
    let taking = engine.clone();
    let taken = |owners| {
        let engine = taking.clone();
        tokio::task::spawn_blocking(move || {
            let mut file = Vec::new();
            engine.backup(&node::By::node(), &mut file, &KEY, owners).map(|backup| (file, backup)).unwrap()
        })
    };
    let (file, backup) = taken(true).await.unwrap();
    let (bare, _) = taken(false).await.unwrap();
    load.await.unwrap();
    engine.stop();
    drop((engine, taking));
    assert!(backup.files >= 6, "{backup:?}");
    assert_eq!(store::check(&mut &file[..], &KEY, &mut |_, _| {}).unwrap(), backup);

    let to = elsewhere.path().join("again");
    assert!(restore_planet(&mut &file[..], &[1; 32], &to, None, &mut |_, _| {}).is_err());
    assert!(!to.exists(), "the wrong key leaves nothing");
    assert!(restore_planet(&mut &file[..file.len() - 9], &KEY, &to, None, &mut |_, _| {}).is_err());
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0, "half a backup leaves nothing");
    let proven = restore_planet(&mut &file[..], &KEY, &to, None, &mut |_, _| {}).unwrap();
    assert!(proven.checked.is_whole() && proven.owners, "{proven:?}");
    assert!(restore_planet(&mut &file[..], &KEY, &to, None, &mut |_, _| {}).is_err(), "nothing is overwritten");
    runs_again(&to, &agent, before.sequence, Some(b"the backup")).await;

    // Without the owners' keys the chain is whole, and nobody reads what they sealed.
    let to = elsewhere.path().join("bare");
    let proven = restore_planet(&mut &bare[..], &KEY, &to, None, &mut |_, _| {}).unwrap();
    assert!(proven.checked.is_whole() && !proven.owners);
    runs_again(&to, &agent, before.sequence, None).await;
    // With the register of today they do.
    let to = elsewhere.path().join("register");
    let register = folder.path().join("owners");
    restore_planet(&mut &bare[..], &KEY, &to, Some(&register), &mut |_, _| {}).unwrap();
    runs_again(&to, &agent, before.sequence, Some(b"the backup")).await;
}

async fn runs_again(data: &Path, agent: &Agent, sequence: u64, says: Option<&[u8]>) {
    let (engine, started) = start(PLANET, data);
    assert!(!started.new && started.damage.is_empty());
    let again = Agent::attach(&engine, key(1), Where::Anywhere).await;
    assert_eq!((again.attached.fencing, &again.attached.block), (agent.attached.fencing, &agent.attached.block));
    let part = engine.chain(&again.attached.block, 1, 10_000, Duration::ZERO).await.unwrap();
    assert!(verify(again.session.lease().block, &part.entries).sequence >= sequence);
    let got = again.get(&engine, "before").await.unwrap();
    // Under another key a record has another name: it is as if it were not there.
    assert_eq!((got.value.as_deref(), got.before), (says, Some(says.map_or(0, |_| sequence))));
    engine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_destroyed_after_a_backup_stays_erased_by_the_register_of_today() {
    let (folder, elsewhere) = (tempdir().unwrap(), tempdir().unwrap());
    let (engine, _) = start(PLANET, folder.path());
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    let put = agent.put(&engine, "before", "the backup").await.unwrap();
    let mut file = Vec::new();
    engine.backup(&node::By::node(), &mut file, &KEY, false).unwrap();
    let demand = trust::erasure::Demand::make(&agent.key, engine.planet(), agent.id(), engine.now());
    assert_eq!(engine.erase(&demand, false, [192, 0, 2, 1].into()).await.unwrap().keys, 1);
    engine.stop();
    drop(engine);
    let to = elsewhere.path().join("again");
    let register = folder.path().join("owners");
    restore_planet(&mut &file[..], &KEY, &to, Some(&register), &mut |_, _| {}).unwrap();
    runs_again(&to, &agent, put.sequence, None).await;
}

fn version(number: u32) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/version-{number}"))
}

/// Writes the directory of a version, once, before that version is released.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes tests/data/version-1, which is there already"]
async fn write_the_directory_of_this_version() {
    let data = version(1);
    assert!(!data.exists(), "a directory of a version is never written anew");
    let log = store::Options { segment_bytes: 16 << 10, ..Default::default() };
    let (engine, _) = start_with(PLANET, &data, &Options { log, ..Default::default() });
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    for at in 0..40 {
        agent.put(&engine, &format!("key {at}"), &format!("value {at} {}", "of version 1 ".repeat(20))).await.unwrap();
    }
    let other = Agent::attach(&engine, key(2), Where::Region("two".into())).await;
    let message = node::Body::Message { to: agent.id(), message: b"from version 1".to_vec() };
    other.op(&engine, "send", message).await.unwrap();
    engine.stop();
    drop(engine);
    fs::remove_dir_all(data.join("index")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_version_1_opens_without_its_index() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    copy(&version(1), &data);
    // A checkout lets others read what is in it, and such a key is refused.
    for key in fs::read_dir(data.join("keys")).unwrap() {
        fs::set_permissions(key.unwrap().path(), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let (engine, started) = start(PLANET, &data);
    assert_eq!((started.new, started.entries, started.followed), (false, 43, 43));
    let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
    let got = agent.get(&engine, "key 17").await.unwrap();
    assert!(got.value.unwrap().starts_with(b"value 17 of version 1"));
    let inbox = engine.inbox(agent.id(), None, 10, Duration::ZERO).await.unwrap();
    assert_eq!(inbox[0].message.as_deref(), Some(&b"from version 1"[..]));
    let part = engine.chain(&agent.attached.block, 1, 1_000, Duration::ZERO).await.unwrap();
    let head = verify(agent.session.lease().block, &part.entries);
    assert_eq!((head.sequence, head.link), part.head);
    engine.stop();
    drop(engine);
    let checked = AtRest::open(&data).unwrap().verify(&mut |_| {}).unwrap();
    assert!(checked.is_whole(), "{checked:?}");
}
