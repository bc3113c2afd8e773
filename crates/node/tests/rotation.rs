//! Regional keys give their place to the next while the planet runs: nobody
//! notices, and a kill leaves the old state or the new one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

mod support;

use audit::entry::{Act, Who};
use node::{Engine, Where};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use support::{Agent, PLANET, copy, entered, key, start};
use tempfile::tempdir;
use trust::RegionTag;

fn file(folder: &Path, end: &str) -> PathBuf {
    folder.join("keys").join(format!("region-{}{end}", RegionTag::of("one")))
}

/// Asks for a rotation, and waits until it was made.
async fn rotate(folder: &Path) {
    let asked = file(folder, ".rotate");
    fs::write(&asked, "").unwrap();
    for _ in 0..200 {
        if !asked.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it was not rotated");
}

/// Rotations as the audit log has them, and whether somebody asked.
fn told(folder: &Path) -> Vec<bool> {
    let rotated = |entry: audit::Entry| match entry.act {
        Act::RegionKeyRotated { from, to } if from != to => Some(entry.who == Who::Directory),
        _ => None,
    };
    entered(folder).into_iter().filter_map(rotated).collect()
}

fn figure(engine: &Engine, name: &str) -> u64 {
    let figures = engine.figures();
    figures.iter().find(|(known, label, _)| *known == name && label.contains("\"one\"")).unwrap().2
}

/// Leases from before and from after, sessions that began before, records that
/// were sealed before: all go on, whatever is rotated meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_rotated_under_load_without_one_failed_request() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let early = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
    early.put(&engine, "early", "kept").await.unwrap();
    let before = fs::read_to_string(file(folder.path(), ".key")).unwrap();
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let loads: Vec<_> = (2..6)
        .map(|seed| {
            let (engine, over, done) = (engine.clone(), Arc::clone(&over), Arc::clone(&done));
            tokio::spawn(async move {
                let mut number = 0_u64;
                let agent = Agent::attach(&engine, key(seed), Where::Region("one".into())).await;
                while !over.load(Relaxed) {
                    // Its lease is shown again and again, whichever key it is under.
                    let renewed = engine.renew(&agent.session).await.unwrap();
                    let channel = trust::attach::Channel([seed; 32]);
                    let mut connection = engine.connect([10, 0, 0, seed].into(), channel).unwrap();
                    engine.challenge(&mut connection, &renewed.lease).unwrap();
                    for _ in 0..20 {
                        let (name, value) = (format!("name {}", number % 50), format!("value {number}"));
                        agent.put(&engine, &name, &value).await.unwrap();
                        let got = agent.get(&engine, &name).await.unwrap();
                        assert_eq!(got.value.as_deref(), Some(value.as_bytes()));
                        number += 1;
                        done.fetch_add(1, Relaxed);
                    }
                }
            })
        })
        .collect();
    for _ in 0..4 {
        rotate(folder.path()).await;
    }
    let during = done.load(Relaxed);
    over.store(true, Relaxed);
    for load in loads {
        load.await.unwrap();
    }
    assert!(during > 100, "{during} ops meanwhile say little");
    assert_eq!((figure(&engine, "mycel_key_rotations_total"), figure(&engine, "mycel_key_late")), (4, 0));
    assert!(figure(&engine, "mycel_key_age_seconds") < 60);
    assert_eq!(told(folder.path()), [true; 4], "each is entered, and that it was asked for");
    assert_ne!(fs::read_to_string(file(folder.path(), ".key")).unwrap(), before);
    // A session from before all of it, and its records.
    assert_eq!(early.get(&engine, "early").await.unwrap().value.as_deref(), Some(&b"kept"[..]));
    engine.stop();
    drop(engine);
    let (engine, _) = start(PLANET, folder.path());
    let early = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
    assert_eq!(early.get(&engine, "early").await.unwrap().value.as_deref(), Some(&b"kept"[..]));
    engine.stop();
}

/// A lease of the key before is good for as long as that is believed, and a
/// lease of the one before that is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_good_under_the_key_before_and_not_under_the_one_before_that() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let agent = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
    let show = |engine: &Engine| {
        let mut connection = engine.connect([10, 0, 0, 1].into(), trust::attach::Channel([9; 32])).unwrap();
        engine.challenge(&mut connection, &agent.attached.lease).map(drop)
    };
    show(&engine).unwrap();
    rotate(folder.path()).await;
    show(&engine).unwrap();
    rotate(folder.path()).await;
    let refused = show(&engine).unwrap_err();
    assert!(refused.what.contains("ask for a new lease"), "{refused:?}");
    // Whose session it is goes on, and whoever asks for a new lease gets one.
    agent.put(&engine, "name", "value").await.unwrap();
    let again = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
    assert_eq!(again.get(&engine, "name").await.unwrap().value.as_deref(), Some(&b"value"[..]));
    engine.stop();
}

/// What is erased under one key stays erased under the next, and the register
/// of before can be read from no file.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_stays_erased_and_the_old_register_is_gone() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let (erased, stays) = (
        Agent::attach(&engine, key(1), Where::Region("one".into())).await,
        Agent::attach(&engine, key(2), Where::Region("one".into())).await,
    );
    for agent in [&erased, &stays] {
        agent.put(&engine, "name", "value").await.unwrap();
    }
    let register = fs::read(folder.path().join("owners")).unwrap();
    erased.op(&engine, "erase", node::Body::Nothing).await.unwrap();
    rotate(folder.path()).await;
    let told = erased.get(&engine, "name").await.unwrap();
    assert_eq!(told.value, None, "{told:?}");
    assert_eq!(stays.get(&engine, "name").await.unwrap().value.as_deref(), Some(&b"value"[..]));
    let now = fs::read(folder.path().join("owners")).unwrap();
    let wrapped = |bytes: &[u8], place: usize| bytes[place * 160 + 1..(place + 1) * 160 - 4].to_vec();
    assert!(wrapped(&now, 0).iter().all(|byte| *byte == 0));
    assert_ne!(wrapped(&now, 1), wrapped(&register, 1));
    engine.stop();
}

/// Each state that a kill can leave is made here from its files.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_kill_cuts_short_goes_on_at_the_next_start() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let agent = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
    agent.put(&engine, "name", "value").await.unwrap();
    engine.stop();
    drop((engine, agent));
    let old = tempdir().unwrap();
    copy(folder.path(), old.path());
    let (engine, _) = start(PLANET, folder.path());
    rotate(folder.path()).await;
    engine.stop();
    drop(engine);
    let read = |folder: &Path, end: &str| fs::read(file(folder, end)).unwrap();
    let (first, next) = (read(folder.path(), ".before.key"), read(folder.path(), ".key"));
    assert_eq!(first, read(old.path(), ".key"));
    let owners = fs::read(folder.path().join("owners")).unwrap();
    // Made, and nothing under it; the register half written; all of it under the
    // next key; and the one before kept already.
    for step in 0..4 {
        let killed = tempdir().unwrap();
        copy(old.path(), killed.path());
        custody::folder::replace(&file(killed.path(), ".next.key"), &next).unwrap();
        match step {
            1 => custody::folder::replace(&killed.path().join("owners.new"), &owners[..80]).unwrap(),
            2 | 3 => custody::folder::replace(&killed.path().join("owners"), &owners).unwrap(),
            _ => {}
        }
        if step == 3 {
            custody::folder::replace(&file(killed.path(), ".before.key"), &first).unwrap();
        }
        let (engine, _) = start(PLANET, killed.path());
        let agent = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
        let got = agent.get(&engine, "name").await.unwrap();
        assert_eq!(got.value.as_deref(), Some(&b"value"[..]), "after step {step}");
        agent.put(&engine, "name", "again").await.unwrap();
        for _ in 0..100 {
            if read(killed.path(), ".key") == next {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        engine.stop();
        drop((engine, agent));
        assert_eq!((read(killed.path(), ".key"), file(killed.path(), ".next.key").exists()), (next.clone(), false));
        let (engine, _) = start(PLANET, killed.path());
        let agent = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
        assert_eq!(
            agent.get(&engine, "name").await.unwrap().value.as_deref(),
            Some(&b"again"[..]),
            "after step {step}"
        );
        engine.stop();
        assert_eq!(told(killed.path()), [false], "it is one rotation, and entered before it goes on");
    }
}

/// A key that has had its time is rotated without being asked for; when that
/// fails it is told as late, and stays in use.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_had_its_time_is_rotated_and_one_that_cannot_be_is_late() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    engine.stop();
    drop(engine);
    let aged = |days: u64| {
        let file = fs::File::options().write(true).open(file(folder.path(), ".key")).unwrap();
        let made = file.metadata().unwrap().modified().unwrap();
        file.set_modified(made - Duration::from_secs(days * 86_400)).unwrap();
    };
    aged(29);
    let (engine, _) = start(PLANET, folder.path());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(figure(&engine, "mycel_key_rotations_total"), 0, "29 days are not 30");
    aged(31);
    for _ in 0..100 {
        if figure(&engine, "mycel_key_rotations_total") == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((figure(&engine, "mycel_key_rotations_total"), figure(&engine, "mycel_key_late")), (1, 0));
    assert_eq!(told(folder.path()), [false], "nobody asked for it");
    // Somebody has put a folder where the next key is to stand.
    fs::create_dir(file(folder.path(), ".next.key")).unwrap();
    aged(31);
    for _ in 0..100 {
        if figure(&engine, "mycel_key_late") == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((figure(&engine, "mycel_key_rotations_total"), figure(&engine, "mycel_key_late")), (1, 1));
    let agent = Agent::attach(&engine, key(1), Where::Region("one".into())).await;
    agent.put(&engine, "name", "value").await.unwrap();
    engine.stop();
}

/// A node's, the operator's and the audit log's as well, in one process: by their
/// age, and late when something is in the way.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_sign_are_rotated_at_their_age_and_one_that_cannot_be_is_late() {
    let folder = tempdir().unwrap();
    let (engine, _) = start(PLANET, folder.path());
    let keys = folder.path().join("keys");
    let aged = |name: &str, days: u64| {
        let file = fs::File::options().write(true).open(keys.join(format!("{name}.key"))).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(days * 86_400)).unwrap();
    };
    let told = |name: &str, key: &str| {
        let label = format!("key=\"{key}\"");
        engine.figures().into_iter().find(|(known, of, _)| *known == name && *of == label).unwrap().2
    };
    let (node, operator) = (engine.node(), custody::folder::known(&keys, "operator").unwrap());
    for key in ["node", "operator", "audit"] {
        aged(key, 89);
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(told("mycel_key_rotations_total", "node"), 0, "89 days are not 90");
    assert!(told("mycel_key_age_seconds", "operator") >= 89 * 86_400);
    for key in ["node", "operator", "audit"] {
        aged(key, 91);
        let mut looks = 0;
        while told("mycel_key_rotations_total", key) == 0 {
            assert!(looks < 400, "{key} is not rotated");
            looks += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(told("mycel_key_late", key), 0);
    }
    assert!(engine.node() != node && engine.line().len() == 1);
    assert_ne!(custody::folder::known(&keys, "operator").unwrap(), operator);
    // Somebody has put a folder where the next key is to stand.
    fs::create_dir(keys.join("node.next.key")).unwrap();
    let stays = engine.node();
    aged("node", 91);
    let mut looks = 0;
    while told("mycel_key_late", "node") == 0 {
        assert!(looks < 400, "it is not told");
        looks += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((told("mycel_key_rotations_total", "node"), engine.node()), (1, stays), "it stays in use");
    engine.stop();
    drop(engine);
    // The line is the node's over a start, too.
    fs::remove_dir(keys.join("node.next.key")).unwrap();
    aged("node", 1);
    let (engine, _) = start(PLANET, folder.path());
    assert_eq!((engine.node(), engine.line().len()), (stays, 1));
    engine.stop();
}
