//! The root secret in shares, from a planet that runs to a drill, and whatever
//! is killed on the way.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "support/place.rs"]
mod place;
#[path = "support/process.rs"]
mod process;

use place::{KEPT, bad, command, good, json, run, said, shares};
use process::{Folder, Up};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What the planet is called in its place.
const FILE: &str = "planet.toml";
/// Kills of one command: from before its first step to behind its last.
const KILLS: u32 = 24;

/// A planet that has run, with a record in it; then it was stopped.
fn kept(name: &str) -> (Folder, PathBuf) {
    let folder = Folder::new(name);
    let file = folder.planet(&format!("{KEPT}[keys]\nrecovery_drill = \"30d\"\n"));
    let place = file.parent().unwrap().to_owned();
    let up = Up::start(&file, &place.join("data"));
    good(&place, &["attach", "--url", &up.url, "--home", "home"]);
    good(&place, &["op", "put", "greeting", "hello", "--url", &up.url, "--home", "home", "--patience", "30s"]);
    up.stop();
    (folder, place)
}

fn drill(place: &Path, data: &str, shares: &[String]) -> Output {
    let mut arguments = vec!["trust", "drill", FILE, "--data", data];
    arguments.extend(shares.iter().map(String::as_str));
    run(place, &arguments)
}

fn modes(place: &Path, found: &mut Vec<(PathBuf, u32)>) {
    for file in std::fs::read_dir(place).unwrap() {
        let path = file.unwrap().path();
        found.push((path.clone(), std::fs::metadata(&path).unwrap().permissions().mode() & 0o777));
        if path.is_dir() {
            modes(&path, found);
        }
    }
}

#[test]
fn a_planet_comes_back_from_its_shares_and_a_copy_without_keys() {
    let (_folder, place) = kept("recovery");
    let shares = shares(&place, "shares");
    let mut found = Vec::new();
    modes(&place.join("shares"), &mut found);
    assert_eq!(found.len(), 10);
    assert!(found.iter().all(|(_, mode)| *mode == 0o600), "{found:?}");

    // While it runs: nothing is locked by a drill.
    let up = Up::start(&place.join(FILE), &place.join("data"));
    let output = drill(&place, "data", &shares[1..4]);
    assert!(output.status.success(), "{}", said(&output));
    up.stop();
    let told = json(&place, &["trust", "drills", FILE, "--data", "data"]);
    let last = &told["drills"][0];
    assert_eq!(
        (&last["good"], &last["keys"], &last["owners"], &last["records"]),
        (&true.into(), &7.into(), &1.into(), &1.into(),)
    );
    assert_eq!((&told["late"], &last["shares"]), (&false.into(), &serde_json::json!([2, 3, 4])));

    // A copy of the directory without a single secret, and three shares.
    assert!(Command::new("cp").args(["-r", "data", "copy"]).current_dir(&place).status().unwrap().success());
    for key in std::fs::read_dir(place.join("copy/keys")).unwrap() {
        let key = key.unwrap().path();
        if key.extension().is_some_and(|end| end == "key") {
            std::fs::remove_file(key).unwrap();
        }
    }
    let three = [&["trust", "recover", "--data", "copy", "--into", "copy"], &to_str(&shares[..3])[..]].concat();
    assert_eq!(json(&place, &three)["keys_made"], 7);
    for key in std::fs::read_dir(place.join("data/keys")).unwrap() {
        let name = key.unwrap().file_name();
        if name.to_str().unwrap().ends_with(".key") {
            let of = |data: &str| std::fs::read(place.join(data).join("keys").join(&name)).unwrap();
            assert_eq!(of("copy"), of("data"));
        }
    }
    let up = Up::start(&place.join(FILE), &place.join("copy"));
    let got = good(&place, &["op", "get", "greeting", "--url", &up.url, "--home", "home", "--patience", "30s"]);
    assert!(got.contains("hello"), "{got}");
    up.stop();
}

fn to_str(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[test]
fn a_root_that_is_away_comes_back_from_words_and_no_planet_needs_it() {
    let (_folder, place) = kept("words");
    let shares = shares(&place, "shares");
    let root = std::fs::read(place.join("data/keys/root.key")).unwrap();
    std::fs::remove_file(place.join("data/keys/root.key")).unwrap();
    Up::start(&place.join(FILE), &place.join("data")).stop();
    assert!(!place.join("data/keys/root.key").exists(), "no other root was made");
    let words = |file: &String| -> String {
        let text = std::fs::read_to_string(place.join(file)).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join(" ")
    };
    let typed = |lines: &[String]| -> Output {
        let mut child = command(&place, &["trust", "recover", "--data", "data"]).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.join("\n").as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let mut lines: Vec<String> = shares[..3].iter().map(words).collect();
    let (first, rest) = lines[1].split_once(' ').unwrap();
    let wrong = format!("{} {rest}", if first == "zoo" { "abandon" } else { "zoo" });
    let told = said(&typed(&[lines[0].clone(), wrong, lines[2].clone()]));
    assert!(told.contains("line 2: word 1") && told.contains(&format!("\"{first}\" would be right")), "{told}");
    assert!(said(&typed(&lines[..2])).contains("2 of the 3 shares that are needed"));
    assert!(!place.join("data/keys/root.key").exists());
    lines.insert(1, String::new());
    let output = typed(&lines);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(std::fs::read(place.join("data/keys/root.key")).unwrap(), root);
}

/// Mistakes in a planet file are shown with their lines; a share in its place is
/// not.
#[test]
fn a_share_that_is_taken_for_the_planet_file_is_not_shown() {
    let (_folder, place) = kept("recovery-shown");
    let shares = shares(&place, "shares");
    let told = bad(&place, &[&["trust", "drill", "--data", "data"], &to_str(&shares)[..]].concat());
    assert!(told.contains("is no planet file") && told.contains("comes first"), "{told}");
    let text = std::fs::read_to_string(place.join(&shares[0])).unwrap();
    let words: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect();
    assert!(words.len() > 20, "{text}");
    // Short ones are also words of English.
    let shown = |word: &&str| word.len() > 5 && told.contains(*word);
    assert_eq!(words.iter().copied().find(|word| shown(word)), None, "{told}");
}

#[test]
fn shares_that_are_few_changed_or_of_another_split_are_named() {
    let (_folder, place) = kept("named");
    let (one, two) = (shares(&place, "one"), shares(&place, "two"));
    let recover = |files: &[&String]| {
        let mut arguments = vec!["trust", "recover", "--data", "data", "--into", "anew"];
        arguments.extend(files.iter().map(|file| file.as_str()));
        bad(&place, &arguments)
    };
    assert!(recover(&[&one[0], &one[1]]).contains("say nothing about the root secret"));
    assert!(recover(&[&one[0], &one[1], &one[1]]).contains("is one/share-2.txt again"));
    let told = recover(&[&one[0], &one[1], &two[2]]);
    assert!(told.contains("two/share-3.txt is of split 2") && told.contains("of split 1"), "{told}");
    let text = std::fs::read_to_string(place.join(&one[2])).unwrap();
    std::fs::write(place.join("changed.txt"), text.replacen('a', "e", 40)).unwrap();
    let told = recover(&[&one[0], &one[1], &"changed.txt".to_owned()]);
    assert!(told.contains("changed.txt: "), "{told}");
    assert!(!place.join("anew").exists());
    let output = drill(&place, "data", &one[..2]);
    assert_eq!(output.status.code(), Some(1));
    let drills = bad(&place, &["trust", "drills", FILE, "--data", "data"]);
    assert!(drills.contains("bad") && drills.contains("no recovery was rehearsed yet"), "{drills}");
    let red = bad(&place, &["trust", "drills", FILE, "--data", "data", "--color", "always"]);
    assert!(red.contains("\u{1b}[91m"), "{red:?}");
    // Of nothing that was said is a word of a share.
    let again = bad(&place, &["trust", "split", FILE, "--data", "data", "--out", "one"]);
    assert!(again.contains("exists"), "{again}");
}

/// Whoever slips learns it, and gives the command again: no drill went badly.
#[test]
fn what_is_a_slip_is_no_drill_and_leaves_nothing() {
    let (_folder, place) = kept("slips");
    let shares = shares(&place, "shares");
    let three = to_str(&shares[..3]);
    let drill = |more: &[&str], shares: &[&str]| {
        bad(&place, &[&["trust", "drill", FILE, "--data", "data"], more, shares].concat())
    };
    assert!(drill(&["--scratch", FILE], &three).contains("check that path"));
    assert!(drill(&[], &["shares/share-1.txt", "shares/share-9.txt"]).contains("name the file of a share"));
    let told = bad(&place, &["trust", "drill", "nowhere", "shares/share-1.txt"]);
    assert!(told.contains("the planet file comes first") && !told.contains("mycel new"), "{told}");
    let told = good(&place, &["trust", "drills", "--data", "data"]);
    assert!(told.contains("no recovery was rehearsed yet; how often it has to be is not known"), "{told}");
    assert!(bad(&place, &["trust", "drills", FILE, "--data", "data"]).contains("asks for one every 30d"));
    let log = good(&place, &["audit", "tail", "data/audit"]);
    assert!(log.contains("split") && !log.contains("drill"), "{log}");
}

#[test]
fn what_is_no_planets_directory_is_refused_and_left_as_it_is() {
    let (_folder, place) = kept("nowhere");
    let shares = shares(&place, "shares");
    let three = to_str(&shares[..3]);
    let told = bad(&place, &[&["trust", "recover", "--data", "nosuch"], &three[..]].concat());
    assert!(told.contains("is no copy of a planet's data directory") && !place.join("nosuch").exists(), "{told}");
    let told = bad(&place, &["trust", "wrap", "--data", "shares"]);
    assert!(told.contains("no planet's data directory") && !place.join("shares/lock").exists(), "{told}");
}

#[test]
fn a_share_that_others_can_read_is_told_of() {
    let (_folder, place) = kept("lent");
    let shares = shares(&place, "shares");
    std::fs::set_permissions(place.join(&shares[1]), std::fs::Permissions::from_mode(0o644)).unwrap();
    let told = said(&drill(&place, "data", &shares[..3]));
    assert!(told.contains("good: ") && told.contains("shares/share-2.txt can be read by others"), "{told}");
    assert_eq!(told.matches("can be read by others").count(), 1, "{told}");
}

#[test]
fn a_share_that_is_sealed_opens_for_its_holder_alone() {
    let (_folder, place) = kept("sealed");
    let key = good(&place, &["trust", "holder", "--key", "alice.key"]);
    good(&place, &["trust", "holder", "--key", "bob.key"]);
    let holder = format!("alice={}", key.trim());
    let told = good(&place, &["trust", "split", "--data", "data", "--out", "shares", "--holder", &holder]);
    let words = std::fs::read_to_string(place.join("shares/share-2.txt")).unwrap();
    let words: Vec<&str> = words.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(!told.contains(words[0]), "no share is shown that was not asked for");
    let sealed = "shares/share-1-alice.txt";
    let recover = ["trust", "recover", "--data", "data", sealed, "shares/share-2.txt", "shares/share-3.txt"];
    assert!(bad(&place, &recover).contains("sealed to its holder"));
    assert!(bad(&place, &[&recover[..], &["--key", "bob.key"]].concat()).contains("sealed to another key"));
    good(&place, &[&recover[..], &["--key", "bob.key", "--key", "alice.key"]].concat());
    assert!(bad(&place, &["trust", "open-share", sealed, "--key", "bob.key", "--print"]).contains("another key"));
    assert_eq!(good(&place, &["trust", "open-share", sealed, "--key", "alice.key", "--out", "mine.txt"]), "");
    assert_eq!(std::fs::metadata(place.join("mine.txt")).unwrap().permissions().mode() & 0o777, 0o600);
    good(&place, &["trust", "recover", "--data", "data", "mine.txt", "shares/share-2.txt", "shares/share-3.txt"]);
}

/// How long a command takes, and the same killed after each part of that.
fn killed_everywhere(begin: &dyn Fn(u32) -> Child, check: &dyn Fn(u32)) {
    let begun = Instant::now();
    begin(0).wait().unwrap();
    let whole = begun.elapsed();
    check(0);
    for round in 1..=KILLS {
        let mut child = begin(round);
        std::thread::sleep(whole * round / KILLS + Duration::from_micros(u64::from(round) * 37));
        let _ = child.kill();
        child.wait().unwrap();
        check(round);
    }
}

#[test]
fn what_is_killed_while_it_recovers_is_as_before_or_recovered() {
    let (_folder, place) = kept("killed");
    let shares = shares(&place, "shares");
    let all = |place: &Path| -> Vec<(String, Vec<u8>)> {
        let Ok(names) = std::fs::read_dir(place.join("keys")) else { return Vec::new() };
        let mut keys: Vec<_> = names
            .map(|key| key.unwrap().path())
            .filter(|key| key.extension().is_some_and(|end| end == "key"))
            .map(|key| (key.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&key).unwrap()))
            .collect();
        keys.sort();
        keys
    };
    let (data, into) = (place.join("data"), place.join("into"));
    // Those of the audit log stay where that is.
    let mut right = all(&data);
    right.retain(|(name, _)| !name.starts_with("audit."));
    let arguments: Vec<&str> =
        [&["trust", "recover", "--data", "data", "--into", "into"], &to_str(&shares[..3])[..]].concat();
    let begin = |_| {
        let _ = std::fs::remove_dir_all(&into);
        command(&place, &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    killed_everywhere(&begin, &|_| {
        // Each key is there whole, or not at all, and the same again makes the rest.
        assert!(all(&into).iter().all(|key| right.contains(key)));
        good(&place, &arguments);
        assert_eq!(all(&into), right);
    });
}

#[test]
fn what_is_killed_while_it_splits_has_handed_out_all_shares_or_none() {
    let (_folder, place) = kept("splits");
    let out = |round: u32| format!("shares-{round}");
    let begin = |round| {
        let arguments = ["trust", "split", "--data", "data", "--out", &out(round)];
        command(&place, &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let last = std::cell::Cell::new(0);
    killed_everywhere(&begin, &|round| {
        let shares = place.join(out(round));
        if shares.exists() {
            assert_eq!(std::fs::read_dir(&shares).unwrap().count(), 10);
        }
        // Whatever was killed, its number is given to no other split.
        let again = format!("again-{round}");
        let told = json(&place, &["trust", "split", "--data", "data", "--out", &again]);
        let epoch = told["split"].as_u64().unwrap();
        assert!(epoch > last.replace(epoch));
        if shares.exists() {
            let text = std::fs::read_to_string(shares.join("share-1.txt")).unwrap();
            assert!(!text.contains(&format!("split {epoch}")));
        }
    });
}

#[test]
fn a_drill_leaves_nothing_whether_it_is_killed_or_interrupted() {
    let (_folder, place) = kept("wiped");
    let shares = shares(&place, "shares");
    let mut arguments = vec!["trust", "drill", FILE, "--data", "data", "--scratch", "scratch"];
    arguments.extend(to_str(&shares[..3]));
    let scratch = place.join("scratch/drill.scratch");
    let begin = |_| command(&place, &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let left = std::cell::Cell::new(0);
    killed_everywhere(&begin, &|round| {
        if scratch.exists() {
            assert_eq!(std::fs::metadata(&scratch).unwrap().permissions().mode() & 0o777, 0o700);
            left.set(left.get() + 1);
        }
        // The next one wipes what was left, and then its own.
        if round % 6 == 0 {
            good(&place, &arguments);
            assert!(!scratch.exists());
        }
        if round == 0 {
            assert!(!place.join("scratch").exists(), "it was made for the drill");
        }
    });
    assert!(left.get() > 0, "no kill came while something was there to be left");
    for round in 0..8 {
        let mut child = begin(0);
        std::thread::sleep(Duration::from_millis(4 * round));
        let signal = if round % 2 == 0 { "-INT" } else { "-TERM" };
        let _ = Command::new("kill").args([signal, &child.id().to_string()]).status();
        child.wait().unwrap();
        if scratch.exists() {
            // Ended before it listened for that: nothing but what was killed outright may be left.
            good(&place, &arguments);
        }
        assert!(!scratch.exists());
    }
}
