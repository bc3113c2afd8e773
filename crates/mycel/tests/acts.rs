//! What commands do to a planet's keys, and that its audit log had it first: at
//! rest, while the planet runs, whatever is killed, and not at all where it
//! cannot be entered.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, clippy::print_stdout)]

#[path = "support/place.rs"]
mod place;
#[path = "support/process.rs"]
mod process;

use audit::entry::{Act, Name, Place, Right, Who};
use audit::{Entry, Tiles, home};
use custody::revocation::{Revocations, What};
use place::{KEPT, bad, command, good, said, shares};
use process::{Folder, Up, rounds};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Kills of each kind; the nightly run asks for more.
const ROUNDS: u32 = 10;

/// A planet with keys, that has not run.
fn planet(name: &str) -> (Folder, PathBuf, PathBuf) {
    let folder = Folder::new(name);
    let (file, data) = (folder.planet(KEPT), folder.0.join("data"));
    good(&folder.0, &["trust", "init", "planet.toml", "--data", "data"]);
    (folder, file, data)
}

fn start(file: &Path, data: &Path, regions: bool) -> Up {
    if regions { Up::regions(file, data) } else { Up::start(file, data) }
}

/// The entries of a log, every one of them checked.
fn entries(data: &Path) -> Vec<Entry> {
    let (log, mirror) = (home::verifier(data).unwrap().unwrap(), home::reader(&home::folder(data)).unwrap());
    let report = audit::verify::verify(&mirror, &log, &[], &mut |_, _| {}).unwrap();
    assert!(report.is_good() && report.unknown == 0, "{:?}", report.faults);
    let size = report.signed.unwrap().checkpoint.head.size;
    let tiles = Tiles::new(&mirror, size);
    (0..size).map(|index| Entry::from_bytes(&tiles.entry(index).unwrap()).unwrap()).collect()
}

/// What commands have entered, by name.
fn by_commands(data: &Path) -> Vec<&'static str> {
    let all = entries(data).into_iter().filter(|entry| entry.who == Who::Directory);
    all.map(|entry| {
        assert_eq!(entry.right, Right::Own);
        entry.act.name()
    })
    .collect()
}

fn key(number: u32) -> String {
    format!("{number:064x}")
}

fn revoke<'a>(key: &'a str, reason: &'a str) -> [&'a str; 7] {
    ["trust", "revoke", key, "--reason", reason, "--data", "data"]
}

/// Every key that is revoked, as the nodes read it.
fn revoked(data: &Path) -> BTreeSet<String> {
    let Ok(text) = fs::read_to_string(data.join("keys/revoked")) else { return BTreeSet::new() };
    let list = Revocations::read(&text).unwrap();
    let key = |entry: &custody::revocation::Revoked| match entry.what {
        What::Key(key) => key.to_string(),
        What::Serial(serial) => serial.to_string(),
    };
    list.entries().iter().map(key).collect()
}

/// Every revocation that is entered, as often as it is.
fn entered(data: &Path) -> Vec<String> {
    let key = |entry: Entry| match entry.act {
        Act::KeyRevoked { key } => Some(key.to_string()),
        Act::CertificateRevoked { serial } => Some(serial.as_str().to_owned()),
        _ => None,
    };
    entries(data).into_iter().filter_map(key).collect()
}

/// Each command once, and what the log then has of them.
fn all_commands(place: &Path, data: &Path, out: &str) {
    let before = by_commands(data).len();
    let serial = "5".repeat(32);
    good(place, &revoke(&key(1), "a stolen disk"));
    good(place, &revoke(&serial, "a mistake"));
    good(place, &revoke(&key(2), "another"));
    let shares = shares(place, out);
    let three: Vec<&str> = shares.iter().take(3).map(String::as_str).collect();
    let two = &three[..2];
    good(place, &[&["trust", "recover", "--data", "data"], &three[..]].concat());
    bad(place, &[&["trust", "drill", "planet.toml", "--data", "data"], two].concat());
    let drilled = [&["trust", "drill", "planet.toml", "--data", "data"], &three[..]].concat();
    let drilled = command(place, &drilled).output().unwrap();
    let expected = [
        "key revoked",
        "certificate revoked",
        "key revoked",
        "root split",
        "recovered",
        "recovery drilled",
        "recovery drill begun",
        "recovery drilled",
    ];
    assert_eq!(by_commands(data)[before..], expected, "{}", said(&drilled));
    let all = entries(data);
    let find = |name: &str| all.iter().rev().find(|entry| entry.act.name() == name).unwrap();
    assert_eq!(find("certificate revoked").reason.as_str(), "a mistake");
    assert!(matches!(find("root split").act, Act::RootSplit { needs: 3, shares: 5, .. }));
    assert!(matches!(find("recovered").act, Act::Recovered { shares: 3, .. }));
    let good = drilled.status.code() == Some(0);
    assert!(matches!(find("recovery drilled").act, Act::RecoveryDrilled { shares: 3, good: told, .. } if told == good));
    assert_eq!(fs::read_dir(data.join("audit-asked")).map_or(0, Iterator::count), 0, "no request is left");
}

/// Every key of the CA's and of the regions that is there was entered, as the one
/// that it is. A CA that a kill left without its endorsement is entered again by
/// whoever gives it one.
fn every_key_is_entered(data: &Path) {
    let told = entries(data);
    let keys = data.join("keys");
    let heirs = custody::heirs::names(&keys).unwrap();
    assert_eq!(heirs.len(), custody::heirs::AHEAD);
    let own = heirs.into_iter().chain(["ca".to_owned()]).map(|name| (keys.clone(), name, None));
    let regions = ["one", "two"]
        .map(|region| (data.join("regions").join(region).join("keys"), "node".to_owned(), Some(region.to_owned())));
    for (folder, name, region) in own.chain(regions) {
        let key = custody::folder::known(&folder, &name).unwrap().unwrap();
        let at = region.map_or(Place::Planet, |region| Place::Region(Name::cut(&region)));
        let is_it = |entry: &&Entry| {
            let made =
                matches!(&entry.act, Act::KeyMade { line, key: told } if line.as_str() == name && told.0 == key.0);
            made && entry.place == at
        };
        let (many, most) = (told.iter().filter(is_it).count(), if name == "ca" { 2 } else { 1 });
        assert!((1..=most).contains(&many), "{name}: {many}");
    }
}

fn verified(place: &Path, data: &str) {
    let (log, key) = (format!("{data}/audit"), format!("{data}/keys/audit.vkey"));
    assert!(good(place, &["audit", "verify", &log, "--key", &key]).ends_with("good\n"));
}

#[test]
fn each_command_enters_its_act_at_rest() {
    let (folder, _, data) = planet("acts-rest");
    // Root, operator, gateway and CA; those that are to follow the CA; and of each region its host's and its own.
    let made = [&["key made"; 4 + 3][..], &["key made", "region key made"], &["key made", "region key made"]].concat();
    assert_eq!(by_commands(&data), made, "init says which keys there are");
    every_key_is_entered(&data);
    good(&folder.0, &["trust", "init", "planet.toml", "--data", "data"]);
    assert_eq!(by_commands(&data).len(), made.len(), "and makes none the second time");
    all_commands(&folder.0, &data, "shares");
    verified(&folder.0, "data");
    let told = good(&folder.0, &["audit", "tail", "data/audit"]);
    for line in ["directory    own        key revoked key=", ": a stolen disk", "root split epoch=1 needs=3 shares=5"] {
        assert!(told.contains(line), "{line} in {told}");
    }
    // A region that is taken back is an entry for each key of it.
    let before = by_commands(&data).len();
    good(&folder.0, &["trust", "revoke", "--region", "one", "--reason", "another", "--data", "data"]);
    assert_eq!(by_commands(&data)[before..], ["key revoked"]);
    assert_eq!(revoked(&data), entered(&data).into_iter().collect());
    // What is refused before it is begun is no act.
    let before = by_commands(&data).len();
    assert!(bad(&folder.0, &revoke(&key(2), " no reason ")).contains("a reason is"));
    assert_eq!(by_commands(&data).len(), before);
}

#[test]
fn each_command_enters_its_act_while_the_planet_runs() {
    for (name, regions) in [("acts-one", false), ("acts-regions", true)] {
        let (folder, file, data) = planet(name);
        let up = start(&file, &data, regions);
        all_commands(&folder.0, &data, "shares");
        good(&folder.0, &["trust", "rotate", "--data", "data", "--region", "two"]);
        let log = if regions { data.join("regions/two") } else { data.clone() };
        let rotated = |entry: &Entry| {
            entry.who == Who::Directory && matches!(&entry.act, Act::RegionKeyRotated { from, to } if from != to)
        };
        assert_eq!(entries(&log).iter().filter(|entry| rotated(entry)).count(), 1);
        // Who asked for it is told, as of a region's key.
        let others: &[&str] = if regions { &["node", "gateway", "operator"] } else { &["node", "operator"] };
        let flags = others.iter().map(|name| format!("--{name}"));
        let rotate: Vec<_> =
            ["trust", "rotate", "--data", "data"].map(str::to_owned).into_iter().chain(flags).collect();
        good(&folder.0, &rotate.iter().map(String::as_str).collect::<Vec<_>>());
        for name in others {
            let log = if regions && *name == "node" { &log } else { &data };
            let asked = |entry: &&Entry| matches!(&entry.act, Act::KeyRotated { line, .. } if line.as_str() == *name);
            let told: Vec<_> = entries(log).into_iter().filter(|entry| asked(&entry)).collect();
            let by = |entry: &Entry| entry.who == Who::Directory && entry.reason.as_str() == "it was asked for";
            assert!(told.len() == 1 && by(&told[0]), "{name}: {told:?}");
        }
        if regions {
            let known = |entry: &Entry| matches!(entry.act, Act::GatewayKnown { .. });
            assert_eq!(entries(&log).iter().filter(|entry| known(entry)).count(), 1);
            verified(&folder.0, "data/regions/two");
        }
        let mut logs = vec![data.clone()];
        if regions {
            logs.extend(["one", "two"].map(|region| data.join("regions").join(region)));
        }
        let first: Vec<_> = logs.iter().map(|log| home::verifier(log).unwrap()).collect();
        good(&folder.0, &["trust", "rotate", "--data", "data", "--audit"]);
        turned(&logs, &first, 1);
        up.stop();
        // Nobody has to be up for it, and a planet goes on under the key that it finds.
        good(&folder.0, &["trust", "rotate", "--data", "data", "--audit", "--patience", "0s"]);
        turned(&logs, &first, 2);
        start(&file, &data, regions).stop();
        verified(&folder.0, "data");
        assert!(revoked(&data).is_superset(&entered(&data).into_iter().collect()));
    }
}

/// Each of these logs has had so many successors of its first key, as somebody
/// asked for.
fn turned(logs: &[PathBuf], first: &[Option<audit::Verifier>], many: usize) {
    for (log, first) in logs.iter().zip(first) {
        let first = first.as_ref().unwrap();
        let asked = |entry: &Entry| {
            entry.who == Who::Directory
                && matches!(&entry.act, Act::KeyRotated { line, .. } if line.as_str() == "audit")
        };
        assert_eq!(entries(log).iter().filter(|entry| asked(entry)).count(), many, "{}", log.display());
        let mirror = home::reader(&home::folder(log)).unwrap();
        let report = audit::verify::verify(&mirror, first, &[], &mut |_, _| {}).unwrap();
        assert!(report.is_good(), "{:?}", report.faults);
        let notes = fs::read_to_string(home::folder(log).join("successors")).unwrap();
        assert_eq!(audit::successor::read(&notes).unwrap().len(), many);
        let left = fs::read_dir(log.join("keys")).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        assert!(!left.into_iter().any(|name| name == "audit.rotate" || name == "audit.next.key"));
    }
}

#[test]
fn a_certificate_that_is_given_by_hand_is_entered_and_so_is_one_that_is_not() {
    let (folder, _, data) = planet("acts-issue");
    fs::create_dir_all(folder.0.join("apart/keys")).unwrap();
    fs::copy(data.join("keys/root.pub"), folder.0.join("apart/keys/root.pub")).unwrap();
    let ask = ["trust", "request", "--role", "block", "--region", "one", "--data", "apart", "--json"];
    let told: Value = serde_json::from_str(&good(&folder.0, &ask)).unwrap();
    let (file, of) = (told["request"].as_str().unwrap(), told["key"].as_str().unwrap());
    let before = entries(&data).len();
    assert!(bad(&folder.0, &["trust", "issue", file, "--data", "data"]).contains("not expected"));
    good(&folder.0, &["trust", "issue", file, "--data", "data", "--key", of]);
    let told = entries(&data).split_off(before);
    let issued = |entry: &Entry| matches!(&entry.act, Act::CertificateIssued { key, .. } if key.to_string() == of);
    assert!(told.len() == 3 && issued(&told[0]) && issued(&told[2]), "{told:?}");
    assert_eq!(told[1].act, Act::NotDone { entry: u64::try_from(before).unwrap() });
    assert!(told[1].reason.as_str().contains("not expected"), "{:?}", told[1]);
}

fn begin(place: &Path, arguments: &[&str]) -> Child {
    command(place, arguments).spawn().unwrap()
}

/// Nothing is revoked that is not entered, what was answered is both, and
/// nothing is entered twice.
fn agree(data: &Path, answered: &BTreeSet<String>) {
    let all = entered(data);
    let once: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(once.len(), all.len(), "entered twice");
    let done = revoked(data);
    assert!(done.is_subset(&once), "an act without an entry: {:?}", done.difference(&once));
    assert!(answered.is_subset(&done), "answered and not done: {:?}", answered.difference(&done));
}

#[test]
fn a_command_that_is_killed_leaves_an_entry_without_its_act_at_most() {
    let (folder, file, data) = planet("acts-kill");
    let (mut answered, mut number) = (BTreeSet::new(), 0);
    for running in [false, true] {
        let up = running.then(|| start(&file, &data, false));
        // How long it takes, so that it is killed before, while and after.
        let begun = Instant::now();
        good(&folder.0, &revoke(&key(9_999 + u32::from(running)), "how long"));
        let whole = begun.elapsed();
        for round in 0..2 * rounds(ROUNDS) {
            number += 1;
            let key = key(number);
            let mut child = begin(&folder.0, &revoke(&key, "a stolen disk"));
            std::thread::sleep(whole * round / rounds(ROUNDS) / 2 * 5 / 4);
            child.kill().unwrap();
            if child.wait().unwrap().success() {
                answered.insert(key);
            }
        }
        if let Some(up) = up {
            // Until what they asked for is nobody's.
            let begun = Instant::now();
            while fs::read_dir(data.join("audit-asked")).unwrap().next().is_some() {
                assert!(begun.elapsed() < Duration::from_secs(10), "requests of the dead are left");
                std::thread::sleep(Duration::from_millis(20));
            }
            up.stop();
        }
        agree(&data, &answered);
    }
    println!("{number} commands were killed, of which {} had ended", answered.len());
    verified(&folder.0, "data");
}

#[test]
fn no_share_is_written_and_no_ca_believed_that_is_not_entered() {
    let folder = Folder::new("acts-kill-split");
    folder.planet(KEPT);
    let mut whole = Duration::ZERO;
    // The first is not killed, and says how long it takes.
    for round in 0..rounds(ROUNDS) {
        let (name, begun) = (format!("init-{round}"), Instant::now());
        let mut child = begin(&folder.0, &["trust", "init", "planet.toml", "--data", &name]);
        if round == 0 {
            assert!(child.wait().unwrap().success());
            whole = begun.elapsed();
        }
        std::thread::sleep(whole * round / rounds(ROUNDS));
        child.kill().unwrap();
        child.wait().unwrap();
        let data = folder.0.join(&name);
        let is_believed = data.join("keys/ca.endorsed").exists();
        // What is missing is made by the next, which enters no CA that is believed, and mends the log's tiles.
        good(&folder.0, &["trust", "init", "planet.toml", "--data", &name]);
        if is_believed {
            let ca = |entry: &Entry| matches!(&entry.act, Act::KeyMade { line, .. } if line.as_str() == "ca");
            assert!(entries(&data).iter().any(ca), "round {round}");
        }
        every_key_is_entered(&data);
        verified(&folder.0, &name);
    }
    let data = folder.0.join("init-0");
    for round in 0..rounds(ROUNDS) {
        let (out, begun) = (format!("shares-{round}"), Instant::now());
        let split = ["trust", "split", "planet.toml", "--data", "init-0", "--out", &out];
        let mut child = begin(&folder.0, &split);
        if round == 0 {
            assert!(child.wait().unwrap().success());
            whole = begun.elapsed();
        }
        std::thread::sleep(whole * round / rounds(ROUNDS));
        child.kill().unwrap();
        child.wait().unwrap();
        // Whoever opens the log next makes the tiles anew that the killed one was about to.
        good(&folder.0, &["trust", "revoke", &key(round), "--reason", "another", "--data", "init-0"]);
        let last = custody::recovery::last_split(&data.join("keys")).unwrap().unwrap().epoch;
        let split = |entry: &Entry| matches!(entry.act, Act::RootSplit { epoch, .. } if epoch == last);
        assert!(entries(&data).iter().any(split), "round {round}: split {last}");
        let told = entries(&data).iter().filter(|entry| matches!(entry.act, Act::RootSplit { .. })).count();
        let shares = (0..=round).filter(|round| folder.0.join(format!("shares-{round}")).exists()).count();
        assert!(shares <= told, "round {round}: {shares} and {told}");
    }
    verified(&folder.0, "init-0");
}

#[test]
fn what_was_answered_is_entered_and_done_whenever_the_process_is_killed() {
    let (folder, file, data) = planet("acts-kill-process");
    let (mut answered, mut number) = (BTreeSet::new(), 0);
    for round in 0..rounds(ROUNDS) {
        let up = start(&file, &data, round % 2 == 1);
        let children: Vec<_> = (0..4)
            .map(|_| {
                number += 1;
                (key(number), begin(&folder.0, &revoke(&key(number), "a stolen disk")))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(u64::from(round * 41 % 300)));
        up.kill();
        // Each finds the log free, or that it was entered, and goes on.
        for (key, child) in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", said(&output));
            answered.insert(key);
        }
        // The regions end with the process that had begun them.
        std::thread::sleep(Duration::from_millis(300));
        agree(&data, &answered);
    }
    assert_eq!(u32::try_from(answered.len()).unwrap(), number);
    verified(&folder.0, "data");
}

/// Runs with files that may not grow beyond so many bytes; a write beyond fails
/// as on a disk that is full.
fn limited(child: &Up, bytes: &str) {
    let (process, limit) = (child.id().to_string(), format!("--fsize={bytes}"));
    assert!(Command::new("prlimit").args(["--pid", &process, &limit]).status().unwrap().success());
}

#[test]
fn what_cannot_be_entered_is_not_done() {
    let (folder, file, data) = planet("acts-full");
    // At rest, with a disk that is full.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    let mut at_rest = Command::new("sh");
    at_rest
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_mycel")])
        .args(revoke(&key(1), "full"))
        .current_dir(&folder.0);
    let output = at_rest.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("not done: "), "{}", said(&output));
    let shares = ["trust", "split", "planet.toml", "--data", "data", "--out", "shares"];
    at_rest = Command::new("sh");
    at_rest.args(["-c", script, "sh", env!("CARGO_BIN_EXE_mycel")]).args(shares).current_dir(&folder.0);
    assert_eq!(at_rest.output().unwrap().status.code(), Some(1));
    assert!(!folder.0.join("shares").exists() && !data.join("keys/split").exists());
    // A process that cannot write says why.
    let up = Up::with_limits(&file, &data, &["--regions"]);
    limited(&up, "0:unlimited");
    let why = bad(&folder.0, &revoke(&key(2), "full"));
    assert!(why.contains("not done: ") && why.contains("try"), "{why}");
    limited(&up, "unlimited:unlimited");
    assert!(revoked(&data).is_empty());
    // One that does nothing is waited for, and not for ever.
    up.signal("-STOP");
    let begun = Instant::now();
    let why = bad(&folder.0, &revoke(&key(3), "stopped"));
    assert!(why.contains("enters nothing") && why.contains("give the command again"), "{why}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    up.signal("-CONT");
    assert!(revoked(&data).is_empty(), "nothing was done");
    up.kill();
    std::thread::sleep(Duration::from_millis(500));
    // A log that somebody changed is not gone on with.
    let truth = data.join("audit/entries");
    let mut bytes = fs::read(&truth).unwrap();
    // In the first envelope, behind the file's head and the batch's.
    let at = 200;
    bytes[at] ^= 1;
    fs::write(&truth, &bytes).unwrap();
    assert!(bad(&folder.0, &revoke(&key(4), "edited")).contains("not done: "));
    assert!(revoked(&data).is_empty());
    bytes[at] ^= 1;
    fs::write(&truth, &bytes).unwrap();
    good(&folder.0, &revoke(&key(5), "at last"));
    agree(&data, &BTreeSet::from([key(5)]));
    verified(&folder.0, "data");
}
