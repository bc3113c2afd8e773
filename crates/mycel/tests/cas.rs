//! The CA gives its place to the next: while agents work, at the hand of
//! somebody who is killed, and after a theft.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

#[path = "support/pair.rs"]
mod pair;
#[path = "support/process.rs"]
mod process;
#[path = "support/run.rs"]
mod run;

use custody::authority::Authority;
use custody::{folder, heirs};
use pair::{PAIR, put, seated, text};
use process::{Folder, Up};
use run::{code, err, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn metrics(url: &str) -> String {
    let mut line = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    line.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut told = String::new();
    line.read_to_string(&mut told).unwrap();
    told
}

/// A command beside what runs here.
async fn told(arguments: Vec<String>) -> serde_json::Value {
    let run = move || json(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn command(arguments: &[&str], data: &Path) -> Vec<String> {
    let all = [&["trust"], arguments, &["--data", text(data), "--json"]].concat();
    all.into_iter().map(str::to_owned).collect()
}

/// Certificates of six seconds, so that each CA that is in its place meanwhile
/// has issued some.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ca_is_rotated_while_agents_work_and_nobody_notices() {
    let folder = Folder::new("cas-rotate");
    let (file, data) = (folder.planet(PAIR), folder.0.join("data"));
    let up = Up::regions_with(&file, &data, &["--certificate-life", "6s"]);
    let agents = [seated(&up, 1, "ashburn").await, seated(&up, 2, "dublin").await];
    let first = folder::known(&data.join("keys"), "ca").unwrap();
    for heirs in [2, 1] {
        let asked = tokio::spawn(told(command(&["rotate", "--ca"], &data)));
        let begun = Instant::now();
        // Beyond the life of what the CA before has issued.
        while !asked.is_finished() || begun.elapsed() < Duration::from_secs(7) {
            for agent in &agents {
                agent.op(put("during")).await.unwrap();
            }
        }
        let told = asked.await.unwrap();
        // Where the root key is, the missing ones are endorsed before.
        assert_eq!(told["heirs"].as_u64(), Some(2), "{heirs}: {told}");
    }
    assert_ne!(folder::known(&data.join("keys"), "ca").unwrap(), first);
    let metrics = metrics(&up.url);
    assert!(metrics.contains("mycel_key_late{key=\"ca\"} 0"), "{metrics}");
    assert!(metrics.contains("mycel_key_rotations_total{key=\"ca\"} 2"), "{metrics}");
    // The gateways' own log tells of its key beside it.
    assert!(metrics.contains("mycel_key_late{key=\"audit\"} 0"), "{metrics}");
    assert!(metrics.contains("mycel_key_rotations_total{key=\"audit\"} 0"), "{metrics}");
    up.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_theft_another_ca_is_made_and_the_regions_are_back_within_seconds() {
    let folder = Folder::new("cas-theft");
    let (file, data) = (folder.planet(PAIR), folder.0.join("data"));
    let up = Up::regions(&file, &data);
    let agents = [seated(&up, 1, "ashburn").await, seated(&up, 2, "dublin").await];
    for agent in &agents {
        agent.op(put("before")).await.unwrap();
    }
    let keys = data.join("keys");
    let stolen: Vec<_> = Authority::read(&keys).unwrap().cas().into_iter().map(|(key, ..)| key).collect();
    told(command(&["revoke", "--ca", "--reason", "a stolen disk"], &data)).await;
    let begun = Instant::now();
    for agent in &agents {
        // The connections of before are cut; those that follow show certificates of the new CA.
        while agent.op(put("after")).await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it is not back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    println!("back after {:?}", begun.elapsed());
    let begun = Instant::now();
    for region in ["ashburn", "dublin"] {
        let keys = data.join("regions").join(region).join("keys");
        let believed = || Authority::read(&keys).unwrap().cas();
        while believed().iter().any(|(key, ..)| stolen.contains(key)) {
            assert!(begun.elapsed() < Duration::from_secs(10), "{region} believes a stolen CA");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let pem = fs::read_to_string(keys.join("node.pem")).unwrap();
        let issued = custody::certificate::Certificate::read_pem(&pem).unwrap();
        assert!(issued.from.0 > 0);
    }
    up.stop();
}

/// At instants that differ: the CA before or the next has its place, is
/// believed, and whoever runs the command again gets it done.
#[test]
fn a_rotation_that_is_killed_leaves_the_one_or_the_other() {
    let folder = Folder::new("cas-kill");
    let (file, data) = (folder.planet(PAIR), folder.0.join("data"));
    assert_eq!(code(&["trust", "init", text(&file), "--data", text(&data)]), 0);
    let keys = data.join("keys");
    std::thread::sleep(Duration::from_millis(heirs::HEARD.0));
    let mut turned = 0;
    for round in 0_u64..40 {
        let before = folder::known(&keys, "ca").unwrap().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_mycel"))
            .args(["trust", "rotate", "--ca", "--patience", "10s", "--data", text(&data)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(700 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let after = folder::known(&keys, "ca").unwrap().unwrap();
        turned += u64::from(before != after);
        let authority = Authority::read(&keys).unwrap();
        for name in heirs::names(&keys).unwrap() {
            folder::known(&keys, &name).unwrap().unwrap();
        }
        assert!(authority.cas().iter().any(|(key, ..)| *key == after), "round {round}");
    }
    println!("{turned} of 40 were done");
    // All of them at once: whoever is killed meanwhile runs it again.
    for round in 0_u64..20 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mycel"))
            .args(["trust", "revoke", "--ca", "--reason", "stolen", "--data", text(&data)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(2_500 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let present = folder::known(&keys, "ca").unwrap().unwrap();
        assert!(Authority::read(&keys).unwrap().cas().iter().any(|(key, ..)| *key == present), "round {round}");
    }
    let anew = ["trust", "revoke", "--ca", "--reason", "stolen", "--data", text(&data)];
    assert_eq!(code(&anew), 0, "{}", err(&anew));
    let done = ["trust", "rotate", "--ca", "--patience", "30s", "--data", text(&data)];
    assert_eq!(code(&done), 0, "{}", err(&done));
    assert!(!keys.join("ca.leaving").exists());
}

#[test]
fn without_the_root_key_it_is_said_what_is_missing() {
    let folder = Folder::new("cas-root");
    let (file, data) = (folder.planet(PAIR), folder.0.join("data"));
    assert_eq!(code(&["trust", "init", text(&file), "--data", text(&data)]), 0);
    let keys = data.join("keys");
    fs::rename(keys.join("root.key"), folder.0.join("safe")).unwrap();
    // Those that were endorsed are there, one after the other; a fourth is not.
    for _ in 0..heirs::AHEAD {
        let done = ["trust", "rotate", "--ca", "--data", text(&data)];
        assert_eq!(code(&done), 0, "{}", err(&done));
    }
    let rotate = ["trust", "rotate", "--ca", "--data", text(&data)];
    assert!(code(&rotate) == 1 && err(&rotate).contains("no CA is endorsed to follow"), "{}", err(&rotate));
    let revoke = ["trust", "revoke", "--ca", "--reason", "stolen", "--data", text(&data)];
    assert!(code(&revoke) == 1 && err(&revoke).contains("the root key is not in"), "{}", err(&revoke));
    // It is brought back, and the next ones are endorsed.
    fs::rename(folder.0.join("safe"), keys.join("root.key")).unwrap();
    assert_eq!(code(&["trust", "init", text(&file), "--data", text(&data)]), 0);
    assert_eq!(heirs::names(&keys).unwrap().len(), heirs::AHEAD);
    assert_eq!(code(&revoke), 0, "{}", err(&revoke));
}
