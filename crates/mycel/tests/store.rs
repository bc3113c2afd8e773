//! `mycel store`, from a planet that runs to one that was restored.
#![allow(clippy::unwrap_used)]

#[path = "support/place.rs"]
mod place;
#[path = "support/process.rs"]
mod process;

use place::{good, run, said};
use process::Folder;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

/// A planet that runs, and where.
struct Up(Child, String);

impl Up {
    fn new(folder: &Folder, data: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mycel"));
        command.args(["up", "--data", data, "--listen", "127.0.0.1:0", "--json", "--no-kernel-bans"]);
        let mut child = command.current_dir(&folder.0).stdout(Stdio::piped()).spawn().unwrap();
        let mut text = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            text.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let told: Value = serde_json::from_str(&text).unwrap();
        Self(child, told["at"][0].as_str().unwrap().to_owned())
    }

    fn stop(mut self) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

#[test]
fn a_backup_of_a_planet_that_runs_restores_to_one_that_serves_the_same() {
    let folder = Folder::new("store-round");
    let up = Up::new(&folder, "data");
    let url = up.1.clone();
    let op = |url: &str, more: &[&str]| {
        good(&folder.0, &[&["op"], more, &["--url", url, "--home", "home", "--patience", "30s"]].concat())
    };
    good(&folder.0, &["attach", "--url", &url, "--home", "home"]);
    op(&url, &["put", "greeting", "hello"]);

    let busy = run(&folder.0, &["store", "verify", "--data", "data"]);
    assert_eq!(busy.status.code(), Some(1));
    assert!(said(&busy).contains("in use") && said(&busy).contains("--as operator --home DIR"), "{}", said(&busy));
    let remote = run(&folder.0, &["store", "backup", "--url", "http://192.0.2.1", "--out", "no"]);
    assert!(said(&remote).contains("in the clear"), "{}", said(&remote));
    let nobody = run(&folder.0, &["store", "backup", "--url", &url, "--home", "home", "--out", "no"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(said(&nobody).contains("operator") && said(&nobody).contains("--home"), "{}", said(&nobody));
    let nowhere = run(&folder.0, &["store", "backup", "--as", "operator", "--out", "no"]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(said(&nowhere).contains("required") && said(&nowhere).contains("--url"), "{}", said(&nowhere));
    assert!(!folder.0.join("no.key").exists(), "a mistake makes no key");

    let online = ["store", "backup", "--url", &url, "--home", "data", "--out", "online.backup", "--with-owners"];
    let output = run(&folder.0, &online);
    assert!(output.status.success() && said(&output).contains("keep it apart"), "{}", said(&output));
    let mode = std::fs::metadata(folder.0.join("online.backup.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(run(&folder.0, &online).status.code(), Some(1), "nothing is overwritten");
    up.stop();

    let verified: Value =
        serde_json::from_str(&good(&folder.0, &["store", "verify", "--data", "data", "--json"])).unwrap();
    assert_eq!((&verified["found"]["whole"], &verified["found"]["index"]), (&true.into(), &"whole".into()));
    let lines = good(&folder.0, &["store", "dump", "--data", "data", "--json"]);
    let kinds: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "put").count(), 1, "{kinds:?}");
    let block = serde_json::from_str::<Value>(lines.lines().next().unwrap()).unwrap()["block"].clone();
    assert!(!good(&folder.0, &["store", "dump", "--data", "data", "--block", block.as_str().unwrap()]).is_empty());

    let key = ["--key", "online.backup.key"];
    let offline = [&["store", "backup", "--data", "data", "--out", "offline.backup"][..], &key].concat();
    good(&folder.0, &offline);
    good(&folder.0, &["store", "restore", "--from", "online.backup", "--data", "again"]);
    let bare = [&["store", "restore", "--from", "offline.backup", "--data", "bare"][..], &key].concat();
    let output = run(&folder.0, &bare);
    assert!(output.status.success() && said(&output).contains("--owners"), "{}", said(&output));
    assert_eq!(run(&folder.0, &bare).status.code(), Some(1), "nothing is overwritten");

    let up = Up::new(&folder, "again");
    let got = op(&up.1, &["get", "greeting"]);
    assert!(got.contains("hello"), "{got}");
    up.stop();
}

#[test]
fn damage_is_told_and_fails() {
    let folder = Folder::new("store-damage");
    let nothing = run(&folder.0, &["store", "verify", "--data", "nowhere"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(said(&nothing).contains("no planet.json") && !folder.0.join("nowhere").exists());
    assert_eq!(run(&folder.0, &["store", "nonsense"]).status.code(), Some(2));
    let up = Up::new(&folder, "data");
    good(&folder.0, &["attach", "--url", &up.1, "--home", "home"]);
    up.stop();
    let file = folder.0.join("data/log/0000000000000001.log");
    let mut bytes = std::fs::read(&file).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end - 100] ^= 1;
    std::fs::write(file, bytes).unwrap();
    let output = run(&folder.0, &["store", "verify", "--data", "data"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("damage") && said(&output).contains("0000000000000001.log"), "{}", said(&output));
}
