//! `mycel trust` from init to revocation: by hand, on a planet that runs, and
//! with processes that are killed while certificates are renewed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

#[path = "support/pair.rs"]
mod pair;
#[path = "support/process.rs"]
mod process;
#[path = "support/run.rs"]
mod run;

use client::{Body, Client, Place};
use pair::{PAIR, put, seated, text};
use process::{Folder, Up, key, operator};
use run::{code, err, json, out};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

fn state(data: &Path, file: &str) -> String {
    let status = json(&["trust", "status", "--data", text(data), "--json"]);
    let keys = status["keys"].as_array().unwrap();
    let found = keys.iter().find(|item| item["file"] == file).unwrap_or_else(|| panic!("{file} in {status:#}"));
    found["state"].as_str().unwrap().to_owned()
}

#[test]
fn init_makes_what_is_missing_says_what_it_is_for_and_changes_nothing_the_second_time() {
    let folder = Folder::new("trust-init");
    let (file, data) = (folder.planet(PAIR), folder.0.join("data"));
    let told = out(&["trust", "init", text(&file), "--data", text(&data)]);
    for what in ["root.key", "operator.key", "ca.key", "ca.pem", "gateway.key", "regions/dublin/keys/node.key", "next:"]
    {
        assert!(told.contains(what), "{what} in {told}");
    }
    let secrets = |data: &Path| -> Vec<(PathBuf, Vec<u8>)> {
        let folders = [data.join("keys"), data.join("regions/ashburn/keys"), data.join("regions/dublin/keys")];
        let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
        let mut all: Vec<_> = files.map(|file| (file.clone(), fs::read(&file).unwrap())).collect();
        all.sort();
        all
    };
    let made = secrets(&data);
    assert!(made.iter().all(|(file, _)| fs::metadata(file).unwrap().permissions().mode() & 0o077 == 0));
    let again = json(&["trust", "init", text(&file), "--data", text(&data), "--json"]);
    assert_eq!(again["new"], false);
    assert_eq!(secrets(&data), made);
    // The root's secret goes where it is offline; nothing from day to day misses it.
    fs::remove_file(data.join("keys/root.key")).unwrap();
    assert_eq!(code(&["trust", "init", text(&file), "--data", text(&data)]), 0);
    let up = Up::regions(&file, &data);
    assert_eq!(up.told["id"], again["id"]);
    up.stop();
}

#[test]
fn status_is_1_when_a_key_is_open_late_or_taken_back() {
    let folder = Folder::new("trust-status");
    let (file, data) = (folder.planet(PAIR), folder.0.join("data"));
    assert_eq!(code(&["trust", "status", "--data", text(&data)]), 1);
    assert_eq!(code(&["trust", "init", text(&file), "--data", text(&data)]), 0);
    let status = ["trust", "status", "--data", text(&data)];
    assert_eq!(code(&status), 0, "{}", out(&status));
    let node = data.join("regions/dublin/keys/node.key");
    fs::set_permissions(&node, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!((code(&status), state(&data, "regions/dublin/keys/node.key").as_str()), (1, "OPEN to others"));
    fs::set_permissions(&node, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(code(&status), 0);
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(91 * 86_400);
    let operator = fs::File::options().write(true).open(data.join("keys/operator.key")).unwrap();
    operator.set_modified(long_ago).unwrap();
    assert_eq!((code(&status), state(&data, "keys/operator.key").as_str()), (1, "LATE"));
    // The planet may let it be older.
    let patient = folder.0.join("patient.toml");
    fs::write(&patient, format!("{PAIR}\n[keys]\nrotation = \"365d\"\n")).unwrap();
    assert_eq!(code(&["trust", "status", text(&patient), "--data", text(&data)]), 0);
    operator.set_modified(std::time::SystemTime::now()).unwrap();
    let revoke = ["trust", "revoke", "--region", "dublin", "--reason", "a stolen disk", "--data", text(&data)];
    assert_eq!(code(&revoke), 0, "{}", err(&revoke));
    assert_eq!((code(&status), state(&data, "regions/dublin/keys/node.key").as_str()), (1, "REVOKED: a stolen disk"));
    assert!(out(&status).contains("a stolen disk"));
    fs::write(data.join("keys/ca.pem"), "nonsense").unwrap();
    assert!(state(&data, "keys/ca.pem").starts_with("DAMAGED"));
}

#[test]
fn a_machine_apart_asks_by_a_file_and_gets_a_certificate_once() {
    let folder = Folder::new("trust-apart");
    let (file, data, apart) = (folder.planet(PAIR), folder.0.join("data"), folder.0.join("apart"));
    assert_eq!(code(&["trust", "init", text(&file), "--data", text(&data)]), 0);
    let ask = ["trust", "request", "--role", "block", "--region", "dublin", "--data", text(&apart), "--json"];
    assert!(err(&ask).contains("root.pub"), "{}", err(&ask));
    fs::create_dir_all(apart.join("keys")).unwrap();
    fs::copy(data.join("keys/root.pub"), apart.join("keys/root.pub")).unwrap();
    let asked = json(&ask);
    // What it cannot have is said.
    let wrap = ["trust", "wrap", "--data", text(&apart)];
    assert!(code(&wrap) == 1 && err(&wrap).contains("cannot have one"), "{}", err(&wrap));
    let (request, certificate) = (asked["request"].as_str().unwrap(), asked["certificate"].as_str().unwrap());
    let key = asked["key"].as_str().unwrap();
    let issue = ["trust", "issue", request, "--data", text(&data)];
    assert!(err(&issue).contains("is not expected"), "{}", err(&issue));
    let pem = out(&[&issue[..], &["--key", key]].concat());
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{pem}");
    fs::write(certificate, pem).unwrap();
    assert!(err(&[&issue[..], &["--key", key]].concat()).contains("answered already"));
    // From then on it is known.
    json(&ask);
    let next = json(&[&issue[..], &["--json"]].concat());
    assert!(next["name"].as_str().unwrap().ends_with("/region/dublin/role/block"), "{next}");
    // One certificate is taken back by its serial, and the key with all of its others.
    let serial = next["serial"].as_str().unwrap();
    for what in [serial, key] {
        assert_eq!(code(&["trust", "revoke", what, "--reason", "it was stolen", "--data", text(&data)]), 0);
    }
    json(&ask);
    assert!(err(&issue).contains("it was stolen"), "{}", err(&issue));
    assert_eq!(code(&["trust", "revoke", "12", "--reason", "x", "--data", text(&data)]), 2);
    assert_eq!(code(&["trust", "revoke", key, "--reason", "x", "--data", text(&apart)]), 1);
}

fn process_of(up: &Up, region: &str) -> String {
    let regions = up.told["regions"].as_array().unwrap();
    regions.iter().find(|known| known["region"] == region).unwrap()["process"].to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_is_revoked_is_away_within_seconds_and_comes_back_with_another_key() {
    let folder = Folder::new("trust-revoke");
    let (file, data) = (folder.planet(PAIR), folder.0.join("data"));
    let up = Up::regions(&file, &data);
    let (stays, goes) = (seated(&up, 1, "ashburn").await, seated(&up, 2, "dublin").await);
    goes.op(put("before")).await.unwrap();
    let revoke = ["trust", "revoke", "--region", "dublin", "--reason", "a stolen disk", "--data", text(&data)];
    assert_eq!(code(&revoke), 0);
    let begun = Instant::now();
    while goes.op(Body::Get(b"name".to_vec())).await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it is still served");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("away after {:?}", begun.elapsed());
    stays.op(put("value")).await.unwrap();
    // Its key is put away, and its process starts again with one that the CA has not taken back.
    fs::rename(data.join("regions/dublin/keys/node.key"), folder.0.join("stolen.key")).unwrap();
    up.stop();
    let up = Up::regions(&file, &data);
    let back = seated(&up, 2, "dublin").await;
    assert_eq!(back.op(Body::Get(b"name".to_vec())).await.unwrap().value.as_deref(), Some(&b"before"[..]));
    up.stop();
}

/// Whether the gateway sends anybody to a region.
fn is_used(up: &Up, region: &str) -> bool {
    let mut stream = TcpStream::connect(up.url.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let figure = |line: &str| {
        line.strip_prefix(&format!("mycel_gateway_region_usable{{region=\"{region}\"}} ")).map(str::to_owned)
    };
    page.lines().find_map(figure).unwrap_or_else(|| panic!("no figure of {region} in {page}")) == "1"
}

/// Nobody is sent to it, long before its health is looked at again.
#[test]
fn a_region_that_is_revoked_is_not_used_a_few_seconds_later() {
    let folder = Folder::new("trust-unused");
    let (file, data) = (folder.planet(&PAIR.replace("\"1s\"", "\"60s\"")), folder.0.join("data"));
    let up = Up::regions(&file, &data);
    let wait = |used: bool, most: u64| {
        let begun = Instant::now();
        while is_used(&up, "dublin") != used {
            assert!(begun.elapsed() < Duration::from_secs(most), "dublin is used: {}", !used);
            std::thread::sleep(Duration::from_millis(50));
        }
        println!("after {:?}", begun.elapsed());
    };
    wait(true, 30);
    assert_eq!(code(&["trust", "revoke", "--region", "dublin", "--reason", "a stolen disk", "--data", text(&data)]), 0);
    wait(false, 30);
    assert!(is_used(&up, "ashburn"));
    up.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_while_certificates_are_renewed_they_are_the_old_ones_or_new_ones() {
    let folder = Folder::new("trust-kill");
    let (file, data) = (folder.planet(PAIR), folder.0.join("data"));
    let short = ["--certificate-life", "6s"];
    // The whole planet, at moments that differ: every start has whole files and goes on.
    for round in 0_u64..6 {
        let up = Up::regions_with(&file, &data, &short);
        let agent = seated(&up, 1, "dublin").await;
        agent.op(put(&round.to_string())).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2_300 + 170 * round)).await;
        agent.op(put(&round.to_string())).await.unwrap();
        up.kill();
        let status = json(&["trust", "status", "--data", text(&data), "--json"]);
        let damaged = status["keys"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["state"].as_str().unwrap().starts_with("DAMAGED"));
        assert!(!damaged, "{status:#}");
        // Its children end with it, and let go of what they have locked.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // One region's process, again and again; the other is served all the while.
    let up = Up::regions_with(&file, &data, &short);
    let (stays, goes) = (seated(&up, 2, "ashburn").await, seated(&up, 1, "dublin").await);
    let killed = Command::new("kill").args(["-KILL", &process_of(&up, "dublin")]).status().unwrap();
    assert!(killed.success());
    let begun = Instant::now();
    while goes.op(Body::Get(b"name".to_vec())).await.is_err() {
        stays.op(put("value")).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    up.stop();
}

/// Every key, while agents work: nobody notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_rotated_on_request_while_the_planet_runs() {
    let folder = Folder::new("trust-rotate");
    let (file, data) = (folder.planet(PAIR), folder.0.join("data"));
    let nothing = ["trust", "rotate", "--data", text(&data)];
    assert!(code(&nothing) == 1 && err(&nothing).contains("no such key"), "{}", err(&nothing));
    let up = Up::regions(&file, &data);
    let agents = [seated(&up, 1, "ashburn").await, seated(&up, 2, "dublin").await];
    for agent in &agents {
        agent.op(put("before")).await.unwrap();
    }
    // Two regions' keys, two nodes', a gateway's, the operator's and three logs'; then those that are named.
    let first = client::Options { node: Some(agents[0].node()), ..client::Options::default() };
    for (named, keys) in [
        (&[][..], 9),
        (&["--region", "dublin"], 1),
        (&["--node", "--region", "dublin"], 1),
        (&["--node", "--gateway"], 3),
        (&["--operator"], 1),
        (&["--audit"], 3),
        (&["--audit", "--region", "dublin"], 1),
    ] {
        let mut asked = vec!["trust", "rotate", "--data", text(&data), "--json"];
        asked.extend(named);
        let asked: Vec<String> = asked.into_iter().map(str::to_owned).collect();
        let told = tokio::task::spawn_blocking(move || json(&asked.iter().map(String::as_str).collect::<Vec<_>>()));
        while !told.is_finished() {
            for agent in &agents {
                agent.op(put("during")).await.unwrap();
            }
        }
        let told = told.await.unwrap();
        assert_eq!((told["rotated"].as_u64(), told["waiting"].as_u64()), (Some(keys), Some(0)), "{told}");
    }
    for agent in &agents {
        let got = agent.op(Body::Get(b"name".to_vec())).await.unwrap();
        assert_eq!(got.value.as_deref(), Some(&b"during"[..]));
        agent.renew().await.unwrap();
    }
    let status = json(&["trust", "status", "--data", text(&data), "--json"]);
    let before = status["keys"].as_array().unwrap().iter().filter(|item| item["what"] == "region's key before");
    assert_eq!(before.filter(|item| item["good"] == true).count(), 2, "{status:#}");
    let come = |url: String, options| async move { Client::connect(&url, key(9), options).await.map(drop) };
    come(up.url.clone(), first.clone()).await.unwrap();
    up.stop();
    // The operator's nobody has to be up for.
    let before = operator(&data).id();
    let rotate = ["trust", "rotate", "--operator", "--data", text(&data), "--json"];
    let told = json(&rotate);
    assert_eq!((told["rotated"].as_u64(), told["waiting"].as_u64()), (Some(1), Some(0)), "{told}");
    assert_ne!(operator(&data).id(), before);
    // The others wait, and are replaced when it is up again.
    let rotate = ["trust", "rotate", "--node", "--patience", "0s", "--data", text(&data)];
    assert!(code(&rotate) == 1 && err(&rotate).contains("when their planet runs"), "{}", err(&rotate));
    let up = Up::regions(&file, &data);
    let late = up.client(operator(&data)).await;
    assert!(late.attach(Place::Region("dublin".to_owned()), None).await.unwrap().administers);
    late.blocks(None, 10).await.unwrap();
    all_are_rotated(&data);
    come(up.url.clone(), first).await.unwrap();
    assert_eq!(code(&["trust", "status", "--data", text(&data)]), 0);
    up.stop();
}

/// Every key that somebody uses, and no other: what the other way to run the
/// planet has left is not late, and nobody waits for it.
#[test]
fn keys_that_nobody_uses_are_not_late_and_nobody_waits_for_them() {
    let folder = Folder::new("trust-used");
    let (file, data) = (folder.planet(PAIR), folder.0.join("data"));
    assert_eq!(code(&["trust", "init", text(&file), "--data", text(&data)]), 0);
    let aged = |folder: &str, names: fn(&str) -> bool| {
        let files = fs::read_dir(data.join(folder)).unwrap().map(|file| file.unwrap().path());
        let mut many = 0;
        for file in files.filter(|file| names(file.file_name().unwrap().to_str().unwrap())) {
            let ago = std::time::SystemTime::now() - Duration::from_secs(91 * 86_400);
            fs::File::options().write(true).open(file).unwrap().set_modified(ago).unwrap();
            many += 1;
        }
        many
    };
    let is_key = |name: &str| name.ends_with(".key");
    let status = ["trust", "status", "--data", text(&data)];
    let rotate = ["trust", "rotate", "--data", text(&data), "--json"];
    let asked = || {
        let folders = ["keys", "regions/ashburn/keys", "regions/dublin/keys"].map(|folder| data.join(folder));
        let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).any(|name| name.ends_with(".rotate"))
    };
    // What `init` made for regions, of a planet that runs in one process.
    let up = Up::start(&file, &data);
    assert!(aged("regions/dublin/keys", |name| name.ends_with(".key")) > 1);
    assert_eq!(aged("keys", |name| ["ca.key", "ca.pem", "gateway.key"].contains(&name)), 3);
    assert_eq!(code(&status), 0, "{}", out(&status));
    // Its two regions' keys, its node's, the operator's and its log's.
    let told = json(&rotate);
    assert_eq!((told["rotated"].as_u64(), told["waiting"].as_u64()), (Some(5), Some(0)), "{told}");
    assert!(!asked());
    up.stop();
    // The other way round; what was aged is used now, and rotated at once.
    let up = Up::regions(&file, &data);
    assert!(aged("keys", |name| name == "node.key" || name.starts_with("region-") && name.ends_with(".key")) > 2);
    let begun = Instant::now();
    while code(&status) != 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", out(&status));
        std::thread::sleep(Duration::from_millis(100));
    }
    let told = json(&rotate);
    assert_eq!((told["rotated"].as_u64(), told["waiting"].as_u64()), (Some(9), Some(0)), "{told}");
    assert!(!asked());
    up.stop();
    // One that is used is late where nothing runs, and waited for.
    assert!(aged("regions/dublin/keys", is_key) > 1);
    assert_eq!((code(&status), state(&data, "regions/dublin/keys/node.key").as_str()), (1, "LATE"));
    let waits = ["trust", "rotate", "--node", "--patience", "0s", "--data", text(&data)];
    assert!(code(&waits) == 1 && err(&waits).contains("when their planet runs"), "{}", err(&waits));
}

/// Waits until no key waits to be replaced.
fn all_are_rotated(data: &Path) {
    let folders = ["keys", "regions/ashburn/keys", "regions/dublin/keys"].map(|folder| data.join(folder));
    let waits = |name: &str| name.ends_with(".rotate") || name.ends_with(".next.key");
    let begun = Instant::now();
    loop {
        let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
        let left: Vec<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).filter(|name| waits(name)).collect();
        if left.is_empty() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{left:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The whole planet, at moments that differ: every start goes on with the old
/// keys or the new ones, and whoever knew the first follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_while_keys_are_rotated_they_are_the_old_ones_or_new_ones() {
    let folder = Folder::new("trust-rotate-kill");
    let (file, data) = (folder.planet(PAIR), folder.0.join("data"));
    let mut first = None;
    for round in 0_u64..8 {
        let up = Up::regions(&file, &data);
        let node = first.get_or_insert(up.client(key(1)).await.node());
        let options = client::Options { node: Some(*node), ..client::Options::default() };
        let agent = Client::connect(&up.url, key(1), options).await.unwrap();
        let block = agent.attach(Place::Region("ashburn".to_owned()), None).await.unwrap().block;
        agent.op(put(&round.to_string())).await.unwrap();
        let mut follow = client::Follow::from_the_oldest(block);
        agent.chain(&mut follow, 500, Duration::ZERO).await.unwrap();
        let own = up.client(operator(&data)).await;
        assert!(own.attach(Place::Region("dublin".to_owned()), None).await.unwrap().administers, "round {round}");
        code(&["trust", "rotate", "--patience", "0s", "--data", text(&data)]);
        tokio::time::sleep(Duration::from_millis(350 * round)).await;
        up.kill();
        let status = json(&["trust", "status", "--data", text(&data), "--json"]);
        let bad = status["keys"].as_array().unwrap().iter().any(|item| item["good"] != true);
        assert!(!bad, "{status:#}");
        // Its children end with it, and let go of what they have locked.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // A region's process alone, while its gateway stays.
    let up = Up::regions(&file, &data);
    let (stays, goes) = (seated(&up, 2, "ashburn").await, seated(&up, 3, "dublin").await);
    code(&["trust", "rotate", "--node", "--patience", "0s", "--data", text(&data)]);
    let killed = Command::new("kill").args(["-KILL", &process_of(&up, "dublin")]).status().unwrap();
    assert!(killed.success());
    let begun = Instant::now();
    while goes.op(put("value")).await.is_err() {
        stays.op(put("value")).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    all_are_rotated(&data);
    stays.op(put("value")).await.unwrap();
    up.stop();
}
