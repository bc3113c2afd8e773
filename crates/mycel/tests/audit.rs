//! `mycel audit` as an auditor meets it: on the files of a log, without a
//! planet. What is printed is in `tests/golden/`, and in the guide.
#![allow(clippy::unwrap_used)]

#[path = "support/run.rs"]
mod run;

use audit::entry::{Act, Key, Name, Place, Reason, Right, Who};
use audit::{Entry, Folders, KeyKind, Signer, home, origin};
use expect_test::expect_file;
use run::{code, err, folder, json, mycel, out};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use trust::sign::SigningKey;
use trust::{AgentId, PlanetId, Secret};

fn log() -> Signer {
    let key = SigningKey::new(&Secret::take(&mut [1; 32]));
    Signer::new(&origin("garden", PlanetId([0x1a; 16])).unwrap(), KeyKind::Note, key).unwrap()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn entry(number: u64) -> Entry {
    let (act, place, reason) = match number % 6 {
        0 => (Act::Started { program: name("mycel 0.1.0") }, Place::Planet, ""),
        1 => (Act::Sealed {}, Place::Block(name("eu"), 17), "somebody writes what is not theirs"),
        2 => {
            (Act::Banned { net: name("192.0.2.0/24"), until: 1_800_003_600_000 }, Place::Region(name("eu")), "a flood")
        }
        3 => (Act::Erased { owner: Key([7; 32]) }, Place::Planet, ""),
        4 => (Act::Opened {}, Place::Block(name("eu"), 17), "it was a mistake"),
        _ => (Act::Stopped {}, Place::Planet, ""),
    };
    let node = matches!(number % 6, 0 | 5);
    let who = if node { Who::Node } else { Who::Key(AgentId([0x3c; 32])) };
    let right = match number % 6 {
        0 | 5 => Right::Planet,
        3 => Right::Own,
        _ => Right::Operate,
    };
    let (rule, address) = if node { ("", "") } else { ("role operator", "192.0.2.7") };
    let (time, reason) = (1_800_000_000_000 + number * 60_000, Reason::new(reason).unwrap());
    Entry { time, act, who, right, rule: name(rule), address: name(address), place, reason }
}

/// A data directory under this log's keys; the log is in `audit`.
fn write(data: &Path, from: u64, to: u64) {
    let keys = data.join("keys");
    fs::create_dir_all(&keys).unwrap();
    custody::folder::replace(&keys.join("audit.key"), "01".repeat(32).as_bytes()).unwrap();
    fs::write(keys.join("audit.vkey"), log().verifier().to_string()).unwrap();
    let (audit, _) = home::open(data, "garden", PlanetId([0x1a; 16])).unwrap();
    audit.append(&(from..to).map(entry).collect::<Vec<_>>()).unwrap();
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn an_auditor_sees_what_was_done_and_what_was_changed() {
    let (dir, key) = (TempDir::new().unwrap(), log().verifier().to_string());
    let (log, before) = (text(&dir.path().join("audit")), text(&dir.path().join("before")));
    write(dir.path(), 0, 300);
    fs::copy(dir.path().join("audit/checkpoint"), &before).unwrap();
    write(dir.path(), 300, 600);
    let golden = |name: &str, shown: &str| expect_file![folder("tests/golden").join(name)].assert_eq(shown);
    golden("audit-help.txt", &out(&["audit", "--help"]));
    golden("audit-tail.txt", &out(&["audit", "tail", &log, "--most", "6"]));
    golden("audit-verify.txt", &out(&["audit", "verify", &log, "--key", &key, "--against", &before]));
    golden("audit-prove.txt", &out(&["audit", "prove", &log, "--index", "301"]));
    assert_eq!(out(&["audit", "export", &log]).lines().count(), 600);
    let proof = dir.path().join("301.tlog-proof");
    fs::write(&proof, out(&["audit", "prove", &log, "--index", "301"])).unwrap();
    golden("audit-proof.txt", &out(&["audit", "verify", &text(&proof), "--key", &key]));
    assert_eq!(json(&["audit", "verify", &text(&proof), "--key", &key, "--json"])["entry"]["act"], "sealed");
    assert_eq!(json(&["audit", "verify", &log, "--key", &key, "--json"])["good"], true);
    // An operator who would rather not have sealed anything, and gives a copy away.
    let (from, copy) = (home::reader(&dir.path().join("audit")).unwrap(), dir.path().join("copy"));
    audit::copy::copy(&from, &Folders::open(&copy).unwrap(), self::log().verifier(), true, &mut |_, _| {}).unwrap();
    let bundle = copy.join("tile/entries/001");
    let mut bytes = fs::read(&bundle).unwrap();
    let at = bytes.windows(8).position(|window| window == b"somebody").unwrap();
    bytes[at..at + 8].copy_from_slice(b"everyone");
    fs::write(&bundle, bytes).unwrap();
    let copy = text(&copy);
    let bad = ["audit", "verify", &copy, "--key", &key];
    assert_eq!(code(&bad), 1);
    golden("audit-changed.txt", &out(&bad));
    assert_eq!(json(&[&bad[..], &["--json"]].concat())["faults"][0]["entry"], 259);
    // Whoever has the log's folder and not the key to its entries has hashes.
    fs::remove_file(dir.path().join("keys/audit.entries.key")).unwrap();
    let sealed = mycel(&["audit", "verify", &log, "--key", &key]);
    let said = String::from_utf8(sealed.stdout).unwrap();
    assert!(said.contains("its entries are sealed, and keys/audit.entries.key"), "{said}");
    let guide = fs::read_to_string(folder("../../docs/guides/audit.md")).unwrap();
    for name in ["audit-tail", "audit-verify", "audit-changed", "audit-proof"] {
        let golden = fs::read_to_string(folder("tests/golden").join(format!("{name}.txt"))).unwrap();
        let shown: String = golden.lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect();
        assert!(guide.contains(&shown), "docs/guides/audit.md does not show:\n{shown}");
    }
}

#[test]
fn a_witness_cosigns_what_continues_and_says_why_not() {
    let (dir, key) = (TempDir::new().unwrap(), log().verifier().to_string());
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    let (own, state) = (text(&dir.path().join("key")), text(&dir.path().join("garden.cosigned")));
    let ask = |data: &Path| {
        let log = text(&data.join("audit"));
        mycel(&["audit", "witness", &log, "--key", &key, "--key-file", &own, "--state", &state])
    };
    write(&one, 0, 300);
    let first = ask(&one);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let said = String::from_utf8(first.stdout).unwrap();
    assert!(said.starts_with("mycel/audit/garden/") && said.lines().count() == 6, "{said}");
    write(&one, 300, 600);
    assert!(ask(&one).status.success());
    write(&other, 1, 700);
    let fork = ask(&other);
    assert_eq!(fork.status.code(), Some(1));
    let said = String::from_utf8(fork.stderr).unwrap();
    assert!(said.contains("a fork: the log's first 600 entries") && said.contains("keep --state"), "{said}");
    // A key that others can read is nobody's.
    let mut permissions = fs::metadata(&own).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    fs::set_permissions(&own, permissions).unwrap();
    assert!(String::from_utf8(ask(&one).stderr).unwrap().contains("can be read by others"));
}

#[test]
fn what_a_start_would_refuse_is_found_by_whoever_verifies() {
    let (dir, key) = (TempDir::new().unwrap(), log().verifier().to_string());
    write(dir.path(), 0, 300);
    let (audit, entries) = (text(&dir.path().join("audit")), dir.path().join("audit/entries"));
    let verify = ["audit", "verify", &audit, "--key", &key];
    assert_eq!(code(&verify), 0);
    let good = fs::read(&entries).unwrap();
    let mut bytes = good.clone();
    bytes[5_000] ^= 1;
    fs::write(&entries, bytes).unwrap();
    let refused = home::open(dir.path(), "garden", PlanetId([0x1a; 16])).unwrap_err().to_string();
    assert!(refused.contains("`mycel audit verify"), "a start sends people here: {refused}");
    let said = mycel(&verify);
    assert_eq!(said.status.code(), Some(1));
    let (found, next) = (String::from_utf8(said.stdout).unwrap(), String::from_utf8(said.stderr).unwrap());
    assert!(found.contains("300 are the signed ones") && !found.contains("good"), "{found}");
    let fault = found.lines().last().unwrap();
    assert!(fault.starts_with("fault    entries: a start refuses what it reads there: entry "), "{found}");
    assert!(refused.contains(fault.rsplit(": entry ").next().unwrap()), "the same entry: {fault}\n{refused}");
    let guide = fs::read_to_string(folder("../../docs/guides/audit.md")).unwrap();
    assert!(guide.contains(&format!("    {fault}\n")), "docs/guides/audit.md does not show: {fault}");
    assert!(next.contains("whole in its tiles, and `mycel audit export` reads it"), "{next}");
    assert_eq!(json(&[&verify[..], &["--json"]].concat())["faults"][0]["file"], "entries");
    assert_eq!(out(&["audit", "export", &audit]).lines().count(), 300, "which is so");
    fs::write(&entries, good).unwrap();
    assert_eq!(code(&verify), 0);
}

#[test]
fn who_has_no_key_to_the_entries_is_told_that_and_nothing_else() {
    let (dir, key) = (TempDir::new().unwrap(), log().verifier().to_string());
    write(dir.path(), 0, 300);
    let audit = text(&dir.path().join("audit"));
    fs::remove_file(dir.path().join("keys/audit.entries.key")).unwrap();
    let said = mycel(&["audit", "verify", &audit, "--key", &key]);
    let (found, next) = (String::from_utf8(said.stdout).unwrap(), String::from_utf8(said.stderr).unwrap());
    assert_eq!(said.status.code(), Some(1));
    assert!(found.contains("entries  300 could not be read, and none is shown to be a signed one\n"), "{found}");
    assert!(!found.contains("are the signed ones") && next.contains("the hashes are the signed ones"), "{found}{next}");
    for command in [&["audit", "prove", &audit, "--index", "3"][..], &["audit", "tail", &audit]] {
        let said = err(command);
        assert!(said.contains("entries are sealed") && said.contains("the key by `mycel trust recover`"), "{said}");
        assert!(!said.contains("pruned") && !said.contains("damaged"), "{said}");
    }
}

#[test]
fn mistakes_are_told_with_what_to_try() {
    let (dir, key) = (TempDir::new().unwrap(), log().verifier().to_string());
    write(&dir.path().join("log"), 0, 3);
    let log = text(&dir.path().join("log/audit"));
    let nothing = text(&dir.path().join("nothing"));
    for (arguments, what, hint) in [
        (&["audit", "tail", &nothing][..], "has no checkpoint", "name the directory"),
        (&["audit", "prove", &log, "--index", "3"], "has 3 entries", "audit tail"),
        (&["audit", "verify", &log, "--key", "a+b+c"], "not the public key", "whoever runs the log"),
        (&["audit", "verify", &log, "--key", &nothing], "cannot read", "keys/audit.vkey"),
        (&["audit", "tail", &text(&dir.path().join("log"))], "is a planet's data directory", "log/audit"),
    ] {
        let said = err(arguments);
        assert!(said.contains(what) && said.contains(hint), "{arguments:?}: {said}");
        assert_eq!(code(arguments), 1);
    }
    // Where there is no checkpoint nothing is said of its signature.
    let (own, state) = (text(&dir.path().join("w.key")), text(&dir.path().join("w.cosigned")));
    let witness = ["audit", "witness", &nothing, "--key", &key, "--key-file", &own, "--state", &state];
    for arguments in [&["audit", "verify", &nothing, "--key", &key][..], &witness] {
        let output = mycel(arguments);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(1));
        assert!(said.contains("there is none: a planet signs one") && said.contains("name the directory"), "{said}");
        assert!(!said.contains("has not signed"), "{said}");
    }
}
