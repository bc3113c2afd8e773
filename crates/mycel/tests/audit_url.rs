//! `mycel audit --url`: the log of a planet that runs, as an auditor with a
//! right to it, a stranger and a witness see it; and of one that is not the log
//! it was.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

#[path = "support/process.rs"]
mod process;
#[path = "support/run.rs"]
mod run;

use client::Place;
use process::{Folder, Up, operator};
use run::{err, json, mycel, out};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Two regions, each a process behind a gateway.
const TWO: &str = r#"
[planet]
name = "two"
blocks = 2
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[[region]]
id = "two"
site = [53.35, -6.26]
jurisdictions = ["EU"]
[enrol]
how = "open"
quota = "1000000/s"
"#;

const PLANET: &str = r#"
[planet]
name = "seen"
blocks = 4
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[enrol]
how = "open"
quota = "1000000/s"
"#;

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// An auditor of one log, who may administer or not.
struct Auditor {
    url: String,
    home: String,
    key: String,
    place: String,
}

impl Auditor {
    fn of(up: &Up, data: &Path, place: &Path) -> Self {
        let key = text(&data.join("keys/audit.vkey"));
        Self { url: up.url.clone(), home: text(data), key, place: text(place) }
    }

    /// A command and what follows it, on the planet that runs.
    fn words<'a>(&'a self, command: &'a str, more: &[&'a str], named: bool) -> Vec<&'a str> {
        let named: &[&str] = if named { &["--as", "operator", "--home", &self.home] } else { &[] };
        [&["audit", command], more, &["--url", &self.url], named].concat()
    }

    fn ask(&self, command: &str, more: &[&str]) -> String {
        let words = self.words(command, more, true);
        let output = mycel(&words);
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a stranger is told who asks for it.
    fn stranger(&self, command: &str, more: &[&str]) -> String {
        let words = self.words(command, more, false);
        assert_eq!(mycel(&words).status.code(), Some(1), "{words:?}");
        err(&words)
    }

    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.place)
    }

    /// A witness that has no right at all: its exit code, and what it said.
    fn witness(&self) -> (Option<i32>, String) {
        let (own, state) = (self.file("witness.key"), self.file("seen.cosigned"));
        let more = ["--key", &self.key, "--key-file", &own, "--state", &state, "--name", "witness.example/w1"];
        let output = mycel(&self.words("witness", &more, false));
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        (output.status.code(), said)
    }
}

/// Turns away some networks, each an entry.
async fn act(up: &Up, data: &Path, nets: std::ops::Range<u8>) {
    let client = up.client(operator(data)).await;
    client.attach(Place::Anywhere, None).await.unwrap();
    for net in nets {
        client.ban(&format!("192.0.2.{net}/32"), Duration::from_secs(600)).await.unwrap();
    }
}

fn size(auditor: &Auditor) -> u64 {
    json(&auditor.words("verify", &["--key", &auditor.key, "--json"], true))["entries"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_reads_a_log_where_it_is_written_and_a_stranger_reads_no_entry() {
    let folder = Folder::new("audit-url");
    let (file, data) = (folder.planet(PLANET), folder.0.join("data"));
    let up = Up::start(&file, &data);
    act(&up, &data, 0..5).await;
    let auditor = Auditor::of(&up, &data, &folder.0);
    let tail = auditor.ask("tail", &["--most", "3"]);
    assert!(tail.lines().count() == 3 && tail.contains("banned net=192.0.2.4/32"), "{tail}");
    let export = auditor.ask("export", &[]);
    let lines: Vec<serde_json::Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // A start, the file of the planet, and five bans.
    assert_eq!((lines.len(), &lines[6]["with"]["net"]), (7, &"192.0.2.4/32".into()));
    assert_eq!(export, out(&["audit", "export", &text(&data.join("audit"))]), "it is what is in the folder");
    assert_eq!(size(&auditor), 7);
    let proof = auditor.file("6.tlog-proof");
    fs::write(&proof, auditor.ask("prove", &["--index", "6"])).unwrap();
    assert!(out(&["audit", "verify", &proof, "--key", &auditor.key]).contains("banned net=192.0.2.4/32"));
    // What is new since a checkpoint of before continues it.
    let before = auditor.file("before");
    fs::copy(data.join("audit/checkpoint"), &before).unwrap();
    act(&up, &data, 5..7).await;
    assert!(auditor.ask("verify", &["--key", &auditor.key, "--against", &before]).contains("good, and it continues"));
    let copy = auditor.file("copy");
    assert!(auditor.ask("mirror", &[&copy]).contains("the entries of 9"));
    assert_eq!(out(&["audit", "export", &copy]).lines().count(), 9);
    let hashes = auditor.file("hashes");
    assert!(out(&auditor.words("mirror", &[&hashes], false)).contains("the hashes of 9"));
    // Entries are for who administers; that there is no other log, anybody can see.
    for (command, more) in [("tail", vec![]), ("export", vec![]), ("prove", vec!["--index", "6"])] {
        let said = auditor.stranger(command, &more);
        assert!(said.contains("--as operator"), "{command}: {said}");
    }
    assert!(auditor.stranger("verify", &["--key", &auditor.key]).contains("--as operator"));
    let (code, said) = auditor.witness();
    assert!(code == Some(0) && said.contains("— witness.example/w1 "), "{said}");
    // Neither a folder and an address, nor none of them; and nobody is there.
    assert_eq!(mycel(&["audit", "tail"]).status.code(), Some(2));
    assert!(err(&["audit", "tail", &copy, "--url", &up.url]).contains("not both"));
    up.stop();
    assert!(auditor.stranger("tail", &[]).contains("`mycel up` runs a planet"));
}

#[test]
fn the_log_of_a_region_is_read_at_its_host_wherever_the_operator_sits() {
    let folder = Folder::new("audit-region");
    let (file, data) = (folder.planet(TWO), folder.0.join("data"));
    let up = Up::regions(&file, &data);
    let home = text(&data);
    for region in ["one", "two"] {
        // The operator came in by the gateway, and keeps the lease that it got there.
        let named = ["--as", "operator", "--home", &home, "--url", &up.url];
        for words in [&["detach"][..], &["attach", "--region", region]] {
            // Nobody holds anything the first time.
            let done = mycel(&[words, &named].concat());
            assert!(done.status.success() || words == ["detach"], "{}", String::from_utf8_lossy(&done.stderr));
        }
        let lease = fs::read_to_string(data.join("agents/operator.lease")).unwrap();
        assert!(lease.contains(&format!("\"{region}\"")), "{lease}");
        for at in up.told["regions"].as_array().unwrap() {
            let id = at["region"].as_str().unwrap();
            let auditor = Auditor {
                url: format!("http://{}", at["at"].as_str().unwrap()),
                home: home.clone(),
                key: text(&data.join("regions").join(id).join("keys/audit.vkey")),
                place: text(&folder.0),
            };
            let tail = auditor.ask("tail", &["--most", "100"]);
            assert!(tail.contains("started program=mycel"), "{region}, {id}: {tail}");
            assert!(auditor.ask("verify", &["--key", &auditor.key]).ends_with("good\n"));
            let copy = auditor.file(&format!("{region}-{id}"));
            assert!(auditor.ask("mirror", &[&copy]).contains("the entries of"));
            assert!(out(&["audit", "verify", &copy, "--key", &auditor.key]).ends_with("good\n"));
        }
        assert_eq!(fs::read_to_string(data.join("agents/operator.lease")).unwrap(), lease, "it is kept as it was");
    }
    up.stop();
}

#[test]
fn a_gateway_shows_hashes_and_says_where_its_entries_are() {
    let folder = Folder::new("audit-gateway");
    let (file, data) = (folder.planet(TWO), folder.0.join("data"));
    let up = Up::regions(&file, &data);
    let auditor = Auditor::of(&up, &data, &folder.0);
    let copy = auditor.file("copy");
    let refused = mycel(&auditor.words("mirror", &[&copy], true));
    let said = String::from_utf8_lossy(&[refused.stdout, refused.stderr].concat()).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("shows the hashes of its own log and no entries"), "{said}");
    assert!(said.contains("without --as it copies") && !said.contains("again"), "{said}");
    assert!(!Path::new(&copy).exists(), "no folder is left that has nothing in it");
    // What it says is so: hashes are copied, a witness needs no more, and a verifier does.
    let hashes = mycel(&auditor.words("mirror", &[&copy], false));
    assert!(hashes.status.success(), "{}", String::from_utf8_lossy(&hashes.stderr));
    assert!(String::from_utf8_lossy(&hashes.stderr).contains("finds none to verify"));
    let (own, state) = (auditor.file("witness.key"), auditor.file("two.cosigned"));
    let witness = ["audit", "witness", &copy, "--key", &auditor.key, "--key-file", &own, "--state", &state];
    assert!(mycel(&witness).status.success());
    let verified = mycel(&["audit", "verify", &copy, "--key", &auditor.key]);
    let said = String::from_utf8_lossy(&[verified.stdout, verified.stderr].concat()).into_owned();
    assert_eq!(verified.status.code(), Some(1), "{said}");
    assert!(
        said.contains("none is shown to be a signed one") && said.contains("witness` needs hashes alone"),
        "{said}"
    );
    let there = out(&["audit", "tail", &text(&data.join("audit"))]);
    assert!(there.contains("started program=mycel"), "{there}");
    up.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_taken_back_or_written_anew_is_told_by_witness_copy_and_checkpoint() {
    let folder = Folder::new("audit-url-fork");
    let (file, data, other) = (folder.planet(PLANET), folder.0.join("data"), folder.0.join("other"));
    let up = Up::start(&file, &data);
    act(&up, &data, 0..3).await;
    up.stop();
    let copied = Command::new("cp").args(["-r", &text(&data), &text(&other)]).status().unwrap();
    assert!(copied.success());
    // The one goes on, and is seen.
    let up = Up::start(&file, &data);
    act(&up, &data, 10..16).await;
    let one = Auditor::of(&up, &data, &folder.0);
    assert_eq!(one.witness().0, Some(0));
    let copy = one.file("copy");
    one.ask("mirror", &[&copy, "--key", &one.key]);
    let seen = one.file("seen");
    fs::copy(data.join("audit/checkpoint"), &seen).unwrap();
    let cosigned = fs::read(one.file("seen.cosigned")).unwrap();
    up.stop();
    // The other is what was there before, under the same key.
    let up = Up::start(&file, &other);
    let two = Auditor::of(&up, &other, &folder.0);
    let (code, said) = two.witness();
    assert!(code == Some(1) && said.contains("rollback") && said.contains("keep --state"), "{said}");
    let mirrored = mycel(&two.words("mirror", &[&copy], true));
    let said = String::from_utf8_lossy(&mirrored.stdout).into_owned();
    assert!(mirrored.status.code() == Some(1) && said.contains("rollback"), "{said}");
    // It grows beyond what was seen, and is another log.
    act(&up, &other, 20..30).await;
    assert!(size(&two) > 12);
    let (code, said) = two.witness();
    assert!(code == Some(1) && said.contains("a fork") && said.contains("keep --state"), "{said}");
    let mirrored = mycel(&two.words("mirror", &[&copy], true));
    let said = String::from_utf8_lossy(&mirrored.stdout).into_owned();
    assert!(mirrored.status.code() == Some(1) && said.contains("a fork"), "{said}");
    let against = mycel(&two.words("verify", &["--key", &two.key, "--against", &seen], true));
    let said = String::from_utf8_lossy(&against.stdout).into_owned();
    assert!(against.status.code() == Some(1) && said.contains("fault"), "{said}");
    assert_eq!(fs::read(two.file("seen.cosigned")).unwrap(), cosigned, "what was cosigned stays");
    up.stop();
    // The one is still what it was, and goes on.
    let up = Up::start(&file, &data);
    let one = Auditor::of(&up, &data, &folder.0);
    assert_eq!(one.witness().0, Some(0));
    one.ask("mirror", &[&copy]);
    up.stop();
}
