//! `mycel trust status` says what a start or the CA's office would refuse, at the
//! file that it is about, and no more than can be known.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

#[path = "support/place.rs"]
mod place;
#[path = "support/process.rs"]
mod process;

use custody::folder;
use place::{KEPT, good, run, said};
use process::{Folder, Up};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

fn status(place: &Path) -> (Option<i32>, Value) {
    let output = run(place, &["trust", "status", "--data", "data", "--json"]);
    let told = serde_json::from_slice(&output.stdout);
    (output.status.code(), told.unwrap_or_else(|error| panic!("{error}: {}", said(&output))))
}

/// The rows that need something: each file with its state.
fn bad_rows(place: &Path) -> Vec<(String, String)> {
    let (code, told) = status(place);
    let rows = told["keys"].as_array().unwrap().iter().filter(|row| row["good"] == false);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows: Vec<_> = rows.map(|row| (text(&row["file"]), text(&row["state"]))).collect();
    assert_eq!(code, Some(i32::from(!rows.is_empty())), "{rows:?}");
    rows
}

/// A planet of two regions with a process each, that has run and has revoked and
/// issued something; then it was stopped.
fn has_run(name: &str) -> Folder {
    let folder = Folder::new(name);
    let (file, data) = (folder.planet(KEPT), folder.0.join("data"));
    good(&folder.0, &["trust", "init", "planet.toml", "--data", "data"]);
    Up::regions(&file, &data).stop();
    let key = "1".repeat(64);
    good(&folder.0, &["trust", "revoke", &key, "--reason", "a stolen disk", "--data", "data"]);
    // The list is brought to the regions.
    Up::regions(&file, &data).stop();
    assert_eq!(bad_rows(&folder.0), []);
    folder
}

/// What becomes of a file.
type Damage = dyn Fn(&[u8]) -> Vec<u8>;

#[test]
fn whatever_is_damaged_is_a_row_that_says_so_and_the_others_stay() {
    let folder = has_run("status-damaged");
    let data = folder.0.join("data");
    let cut = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let short = |bytes: &[u8]| bytes[..bytes.len() - 40].to_vec();
    let other = |_: &[u8]| "5e".repeat(32).into_bytes();
    // In the first envelope, behind the file's head and the batch's.
    let changed = |bytes: &[u8]| bytes.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == 200)).collect();
    let cases: [(&str, &str, &Damage, &str); 12] = [
        ("keys/audit.entries.key", "keys/audit.entries.key", &other, "DAMAGED: it is another key than"),
        ("keys/audit.entries.key", "keys/audit.entries.key", &cut, "DAMAGED: "),
        ("keys/audit.vkey", "keys/audit.vkey", &cut, "DAMAGED: it is no public key of a log"),
        ("keys/audit.key", "keys/audit.vkey", &other, "DAMAGED: it is not of audit.key beside it"),
        ("audit/entries", "audit", &changed, "DAMAGED: entry 0 is not what was acknowledged"),
        ("audit/entries", "audit", &cut, "DAMAGED: "),
        ("audit/checkpoint", "audit", &cut, "DAMAGED: the checkpoint is not believed"),
        ("regions/one/audit/entries", "regions/one/audit", &changed, "DAMAGED: entry 0 is not"),
        ("keys/issued", "keys/issued", &cut, "DAMAGED: it is no book of certificates"),
        ("keys/revoked", "keys/revoked", &cut, "DAMAGED: "),
        ("regions/two/keys/revoked", "regions/two/keys/revoked", &cut, "DAMAGED: "),
        ("keys/ca.pem", "keys/ca.pem", &short, "DAMAGED: it is cut short"),
    ];
    for (file, row, damage, state) in cases {
        let path = data.join(file);
        let before = fs::read(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        // Its dates and who may read it stay as they are.
        fs::write(&path, damage(&before)).unwrap();
        let rows = bad_rows(&folder.0);
        let told = matches!(&rows[..], [(file, found)] if file == row && found.starts_with(state));
        assert!(told, "{file}: {rows:?}");
        fs::write(&path, before).unwrap();
    }
    // Without the first certificate, the present CA's, nobody believes its list either.
    let pem = fs::read_to_string(data.join("keys/ca.pem")).unwrap();
    let second = pem.match_indices("-----BEGIN").nth(1).unwrap().0;
    fs::write(data.join("keys/ca.pem"), &pem[second..]).unwrap();
    let rows = bad_rows(&folder.0);
    assert!(rows[0].0 == "keys/ca.pem" && rows[0].1.contains("the CA whose key is beside it is not in it"), "{rows:?}");
    assert!(rows.len() == 2 && rows[1].0 == "keys/revoked", "{rows:?}");
    fs::write(data.join("keys/ca.pem"), pem).unwrap();
    for (file, row) in [("audit/checkpoint", "audit"), ("keys/audit.vkey", "audit"), ("audit/entries", "audit")] {
        fs::rename(data.join(file), folder.0.join("away")).unwrap();
        let rows = bad_rows(&folder.0);
        assert!(matches!(&rows[..], [(file, _)] if file == row), "{file} is away: {rows:?}");
        fs::rename(folder.0.join("away"), data.join(file)).unwrap();
    }
    // What is not there any more, though what is beside it shows that it was.
    for (file, row) in [
        ("keys/issued", "keys/issued"),
        ("keys/revoked", "keys/revoked"),
        ("keys/ca.pem", "keys/ca.pem"),
        ("keys/ca.next-2.key", "keys/ca.next-2.key"),
        ("regions/one/keys/node.key", "regions/one/keys/node.key"),
        ("regions/two/keys/ca.pem", "regions/two/keys/ca.pem"),
    ] {
        fs::rename(data.join(file), folder.0.join("away")).unwrap();
        let rows = bad_rows(&folder.0);
        let told = matches!(&rows[..], [(file, state)] if file == row && state.starts_with("MISSING: "));
        assert!(told, "{file} is away: {rows:?}");
        fs::rename(folder.0.join("away"), data.join(file)).unwrap();
    }
    // What says which requests were answered has no secrets, and is nobody else's to change.
    let issued = data.join("keys/issued");
    fs::set_permissions(&issued, fs::Permissions::from_mode(0o660)).unwrap();
    assert_eq!(bad_rows(&folder.0), [("keys/issued".to_owned(), "OPEN to others".to_owned())]);
    let why = said(&run(&folder.0, &["trust", "revoke", "--region", "one", "--reason", "x", "--data", "data"]));
    assert!(why.contains("chmod go=") && !why.contains("replace the key"), "{why}");
    fs::set_permissions(&issued, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(bad_rows(&folder.0), []);
}

/// As keys.md has it: the office needs the public half alone.
#[test]
fn a_key_that_went_to_its_machine_is_not_missing_where_its_public_half_stays() {
    let folder = Folder::new("status-apart");
    folder.planet(KEPT);
    good(&folder.0, &["trust", "init", "planet.toml", "--data", "data", "--apart"]);
    let keys = folder.0.join("data/gateways/one/keys");
    let public = folder::known(&keys, "gateway-0").unwrap().unwrap();
    fs::remove_file(keys.join("gateway-0.key")).unwrap();
    let rows = bad_rows(&folder.0);
    let is_told =
        |(file, state): &(String, String)| file == "gateways/one/keys/gateway-0.key" && state.starts_with("MISSING: ");
    assert!(rows.len() == 1 && is_told(&rows[0]), "{rows:?}");
    folder::write_public(&keys, "gateway-0", public).unwrap();
    assert_eq!(bad_rows(&folder.0), []);
}

#[test]
fn how_often_recovery_is_rehearsed_is_not_known_without_the_planet_file() {
    let folder = Folder::new("status-drill");
    let file = folder.planet(&format!("{KEPT}[keys]\nrecovery_drill = \"30d\"\n"));
    Up::start(&file, &folder.0.join("data")).stop();
    let (code, told) = status(&folder.0);
    assert_eq!((code, &told["rehearsal_late"]), (Some(0), &Value::Null), "{told:#}");
    let told = said(&run(&folder.0, &["trust", "status", "--data", "data"]));
    assert!(told.contains("never; how often it has to be is not known without the planet file"), "{told}");
    assert!(told.contains("mycel trust status FILE") && !told.contains("all are as they should be"), "{told}");
    let named = run(&folder.0, &["trust", "status", "planet.toml", "--data", "data"]);
    assert!(named.status.code() == Some(1) && said(&named).contains("never: LATE"), "{}", said(&named));
}

#[test]
fn a_key_that_was_replaced_because_it_was_revoked_needs_nothing_more() {
    let folder = Folder::new("status-before");
    let (file, data) = (folder.planet(KEPT), folder.0.join("data"));
    good(&folder.0, &["trust", "init", "planet.toml", "--data", "data"]);
    let up = Up::regions(&file, &data);
    let keys = data.join("regions/one/keys");
    let stolen = folder::known(&keys, "node").unwrap().unwrap().to_string();
    // Until the region has its certificate: what has none is not told apart.
    let begun = Instant::now();
    while !keys.join("node.pem").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    good(&folder.0, &["trust", "rotate", "--node", "--region", "one", "--data", "data"]);
    good(&folder.0, &["trust", "revoke", &stolen, "--reason", "a stolen disk", "--data", "data"]);
    let (code, told) = status(&folder.0);
    let rows = told["keys"].as_array().unwrap();
    let row = rows.iter().find(|row| row["file"] == "regions/one/keys/node.before.key").unwrap();
    assert_eq!(row["state"], "good: another took its place; revoked: a stolen disk");
    assert!(row["good"] == true && code == Some(0), "{told:#}");
    up.stop();
}
