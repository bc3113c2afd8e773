//! A disk that is full, really: a small file system in a world of its own.
//!
//! Every test runs itself again in namespaces of users and mounts, which go
//! when it ends; where that is not permitted it says so and is skipped.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

mod support;

use node::{AtRest, Code, Engine, Options, Refusal, Where};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::{Agent, PLANET, key, start_with};

/// Where the small file system is; it is seen in that world alone.
const AT: &str = "/mnt";

fn in_a_world(test: &str, size: &str, scene: impl AsyncFnOnce(&Path)) {
    if std::env::var_os("MYCEL_WORLD").is_some() {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", AT]).status();
        assert!(mounted.unwrap().success());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        return runtime.block_on(scene(Path::new(AT)));
    }
    let world = || {
        let mut command = Command::new("timeout");
        command.args(["-s", "KILL", "120", "unshare", "--user", "--map-root-user", "--mount"]);
        command
    };
    let possible = world().args(["mount", "-t", "tmpfs", "tmpfs", AT]).output();
    if !possible.as_ref().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: no namespace with a file system of its own here: {possible:?}");
        return;
    }
    let this = std::env::current_exe().unwrap();
    let again = world().arg(this).args(["--exact", test, "--nocapture"]).env("MYCEL_WORLD", "1").output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(again.status.success(), "in its world: {}\n{}", said(&again.stdout), said(&again.stderr));
}

fn small() -> Options {
    let log = store::Options { segment_bytes: 256 << 10, ..Default::default() };
    Options { log, ..Default::default() }
}

/// Fills what is left of the disk.
fn hog(at: &Path) {
    use std::io::Write as _;
    let mut file = fs::File::create(at.join("hog")).unwrap();
    let mut piece = 1 << 16;
    while piece > 0 {
        if file.write_all(&vec![1; piece]).is_err() {
            piece /= 2;
        }
    }
}

async fn refused(engine: &Engine, agent: &Agent) -> (u64, Refusal) {
    let mut told = 0;
    for at in 0..20_000 {
        match agent.put(engine, &format!("key {}", at % 64), &"v".repeat(3_000)).await {
            Ok(put) => told = put.sequence,
            Err(refused) => return (told, refused),
        }
    }
    panic!("the disk never filled");
}

async fn serves_again(engine: &Engine, agent: &Agent) -> u64 {
    for _ in 0..300 {
        if let Ok(put) = agent.put(engine, "after", "there is space").await {
            return put.sequence;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it did not recover: {:?}", agent.put(engine, "after", "there is space").await);
}

#[test]
fn a_full_disk_is_an_answer_and_passes_without_a_restart() {
    in_a_world("a_full_disk_is_an_answer_and_passes_without_a_restart", "160m", async |disk| {
        let data = disk.join("data");
        let (engine, _) = start_with(PLANET, &data, &small());
        let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
        agent.put(&engine, "first", "value").await.unwrap();
        for round in 0..3 {
            hog(disk);
            let (told, no) = refused(&engine, &agent).await;
            assert_eq!(no.code, Code::Unavailable, "{no}");
            assert!(no.retry_after.is_some(), "{no}");
            eprintln!("round {round}: {no}; ready: {:?}", engine.ready());
            // What needs no record and no entry still answers.
            engine.block(&agent.attached.block).await.unwrap();
            assert_eq!(engine.regions().len(), 2);
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            fs::remove_file(disk.join("hog")).unwrap();
            let after = serves_again(&engine, &agent).await;
            engine.ready().unwrap();
            assert!(after > told);
            let part = engine.chain(&agent.attached.block, 1, 100_000, Duration::ZERO).await.unwrap();
            let head = support::verify(agent.session.lease().block, &part.entries);
            assert!(head.sequence >= after);
            let got = agent.get(&engine, "first").await.unwrap();
            assert_eq!(got.value.as_deref(), Some(&b"value"[..]));
        }
        engine.stop();
        drop(engine);
        let checked = AtRest::open(&data).unwrap().verify(&mut |_| {}).unwrap();
        assert!(checked.is_whole(), "{checked:?}");
    });
}

#[test]
fn what_cannot_be_entered_is_not_done() {
    in_a_world("what_cannot_be_entered_is_not_done", "160m", async |disk| {
        let data = disk.join("data");
        let (engine, _) = start_with(PLANET, &data, &small());
        let agent = Agent::attach(&engine, key(1), Where::Anywhere).await;
        let (by, block) = (node::By::node(), &agent.attached.block);
        let net = block::bans::Net::of_source("192.0.2.1".parse().unwrap());
        let until = || engine.now().after(vocab::Millis::minutes(1));
        for round in 0..3 {
            hog(disk);
            // There may be room for a few in the blocks that files have already.
            let mut done = 0;
            let no = loop {
                match engine.seal(&by, block, &"w".repeat(500)).await {
                    Ok(()) => done += 1,
                    Err(no) => break no,
                }
                assert!(done < 1_000, "the disk never filled");
                engine.open_block(&by, block).await.ok();
            };
            eprintln!("round {round}, after {done}: {no}");
            assert_eq!(no.code, Code::Unavailable, "{no}");
            let banned = engine.ban(&by, net, until());
            assert_eq!(banned.is_ok(), !engine.bans().is_empty(), "{banned:?}");
            fs::remove_file(disk.join("hog")).unwrap();
            engine.seal(&by, block, "there is space").await.unwrap();
            engine.open_block(&by, block).await.unwrap();
            engine.ban(&by, net, until()).unwrap();
            engine.lift(&by, net).unwrap();
            engine.ready().unwrap();
        }
        engine.stop();
        drop(engine);
        let sealed = support::entered(&data).iter().filter(|entry| entry.reason.as_str() == "there is space").count();
        assert_eq!(sealed, 3);
    });
}
