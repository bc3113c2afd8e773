//! What lies on the disk of a planet of which everything was used: regions with
//! processes of their own, gateways, agents, acts, rotations, revocations, shares
//! and drills. What somebody said stands in no file of its directory to be read,
//! but where the guide says that it does.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "support/place.rs"]
mod place;
#[path = "support/process.rs"]
mod process;

use base64ct::{Base64Unpadded, Encoding as _};
use custody::folder;
use place::{KEPT, bad, files, good, json, run, said};
use process::{Folder, Up};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What agents said: names and values of records, a message, an entry.
const SAID: [&str; 5] =
    ["xylophone-name", "quicksilver-value", "zeppelin-message", "obsidian-echo", "tourmaline-class-value"];
/// What was entered of acts: why, and about whom.
const ACTS: [&str; 4] = ["marzipan-reason", "198.51.100.77", "seahorse-holder", "porcupine-share"];
/// Why something was revoked, which is for everybody to read.
const REVOKED: [&str; 2] = ["a-stolen-rhinoceros", "a-lost-certificate"];

/// A word as it could stand somewhere: as it is, in letters of both cases, and in
/// base64 at each of its three beginnings.
fn forms(word: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = word.iter().map(|byte| format!("{byte:02x}")).collect();
    let base64 = (0..3).map(|before| {
        let text = Base64Unpadded::encode_string(&[&vec![0; before][..], word].concat());
        // The first and last letters are of what stands beside it as well.
        let (from, to) = (usize::from(before > 0) * (before + 1), text.len() - 2);
        text.as_bytes()[from..to].to_vec()
    });
    [word.to_vec(), hex.clone().into_bytes(), hex.to_uppercase().into_bytes()].into_iter().chain(base64).collect()
}

/// Every file below a place, with what is in it but for what is set aside.
fn written(data: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let is_set_aside = |page: &&[u8]| page.iter().all(|byte| *byte == 0);
    let taken = |bytes: &[u8]| bytes.chunks(4_096).filter(|page| !is_set_aside(page)).flatten().copied().collect();
    let below = |file: PathBuf| file.strip_prefix(data).unwrap().to_owned();
    files(data).into_iter().map(|(file, bytes)| (below(file), taken(&bytes))).collect()
}

/// In which of these files one of these words stands in any form.
fn said_in(files: &[(PathBuf, Vec<u8>)], words: &[&[u8]]) -> BTreeSet<PathBuf> {
    let forms: Vec<_> = words.iter().flat_map(|word| forms(word)).collect();
    let has = |bytes: &[u8], form: &[u8]| bytes.windows(form.len()).any(|window| window == form);
    let found = files.iter().filter(|(_, bytes)| forms.iter().any(|form| has(bytes, form)));
    found.map(|(file, _)| file.clone()).collect()
}

/// The same of what lies below a place now.
fn where_said(data: &Path, words: &[&[u8]]) -> BTreeSet<PathBuf> {
    said_in(&written(data), words)
}

fn texts<const N: usize>(words: &[&'static str; N]) -> Vec<&'static [u8]> {
    words.iter().map(|word| word.as_bytes()).collect()
}

/// Everything that a planet can be used for, from a shell.
fn used(place: &Path, up: &Up) {
    let [name, value, message, echo, of_class] = SAID;
    let [reason, net, holder, share] = ACTS;
    let at = ["--url", up.url.as_str(), "--home", "home"];
    let as_operator = ["--url", up.url.as_str(), "--home", "data", "--as", "operator"];
    let op = |words: &[&str]| good(place, &[&["op"], words, &at, &["--patience", "30s"]].concat());
    let slot = json(place, &[&["attach"], &at[..], &["--region", "one"]].concat());
    op(&["put", name, value]);
    op(&["put", "of a class", of_class, "--class", "kept"]);
    op(&["echo", echo]);
    let me = slot["agent"].as_str().unwrap();
    op(&["send", me, message]);
    op(&["get", name]);
    // In the other region as well, by another agent, who then erases all.
    good(place, &[&["attach"], &at[..], &["--region", "two", "--as", "other"]].concat());
    op(&["put", name, value, "--as", "other"]);
    op(&["erase", "--yes", "--as", "other"]);
    good(place, &[&["block", "seal", "one/0", "--reason", reason], &as_operator[..]].concat());
    good(place, &[&["block", "open", "one/0"], &as_operator[..]].concat());
    good(place, &[&["bans", "add", net], &as_operator[..]].concat());
    let of = "7".repeat(64);
    good(place, &["trust", "revoke", &of, "--reason", REVOKED[0], "--data", "data"]);
    good(place, &["trust", "revoke", &"5".repeat(32), "--reason", REVOKED[1], "--data", "data"]);
    good(place, &["trust", "rotate", "--data", "data"]);
    good(place, &["trust", "rotate", "--ca", "--data", "data"]);
    let split = ["trust", "split", "planet.toml", "--data", "data", "--out", "shares", "--holder", holder];
    let told = json(place, &split);
    let shares: Vec<_> = told["shares"].as_array().unwrap().iter().map(|one| one["file"].as_str().unwrap()).collect();
    good(place, &[&["trust", "drill", "planet.toml", "--data", "data"], &shares[..3]].concat());
    // One that goes wrong names the files of the shares, and so their holders.
    let named = format!("{share}.txt");
    fs::copy(place.join(shares[1]), place.join(&named)).unwrap();
    let wrong = ["trust", "drill", "planet.toml", "--data", "data", shares[1], &named];
    assert!(bad(place, &wrong).contains("shares"));
}

#[test]
fn nothing_that_was_said_stands_in_any_file_of_a_planet_of_which_everything_was_used() {
    let folder = Folder::new("at-rest");
    let planet =
        format!("{KEPT}[data]\nprimary = \"one\"\n[[data.class]]\nname = \"kept\"\njurisdictions = [\"EU\"]\n");
    let (file, data) = (folder.planet(&planet), folder.0.join("data"));
    good(&folder.0, &["trust", "init", "planet.toml", "--data", "data"]);
    let up = Up::gateways(&file, &data, "2");
    used(&folder.0, &up);
    let words = [texts(&SAID), texts(&ACTS)].concat();
    let nowhere = BTreeSet::new();
    assert_eq!(where_said(&data, &words), nowhere, "while it runs");
    up.stop();
    assert_eq!(where_said(&data, &words), nowhere, "when it has stopped");
    // Why something was revoked is on the list, which is for everybody, and nowhere else.
    let lists = ["keys/revoked", "regions/one/keys/revoked", "regions/two/keys/revoked"].map(PathBuf::from);
    assert_eq!(where_said(&data, &texts(&REVOKED)), BTreeSet::from(lists));
    // Secrets are in their own files and in no other.
    let all = written(&data);
    let mut many = 0;
    for (file, letters) in all.iter().filter(|(file, _)| file.extension().is_some_and(|end| end == "key")) {
        let secret = folder::hex(std::str::from_utf8(letters).unwrap().trim()).unwrap();
        assert_eq!(said_in(&all, &[&secret]), BTreeSet::from([file.clone()]));
        many += 1;
    }
    assert!(many > 20, "{many}");
    // And what was said is there for whoever has the keys, and the looking finds what is there.
    let tail = good(&folder.0, &["audit", "tail", "data/audit", "--most", "200"]);
    for word in [ACTS[1], ACTS[3], REVOKED[0], REVOKED[1]] {
        assert!(tail.contains(word), "{word} in {tail}");
    }
    for (number, form) in forms(SAID[1].as_bytes()).into_iter().enumerate() {
        fs::write(data.join(format!("slip-{number}")), [&b"  "[..], &form, &b"  "[..]].concat()).unwrap();
    }
    assert_eq!(where_said(&data, &texts(&SAID)).len(), 6);
    let told = said(&run(&folder.0, &["trust", "revoke", "--help"]));
    assert!(told.contains("everybody"), "{told}");
}
