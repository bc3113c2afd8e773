//! `mycel load` against a planet that runs: every op that was due is somewhere
//! in what it says, and its agents are gone when it ends.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

#[path = "support/process.rs"]
mod process;

use process::{Folder, Up};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Duration;

const PLANET: &str = r#"
[planet]
name = "load"
blocks = 2
[block]
op_rate = "1000000/s"
[block.monitor]
large_score = 0
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[enrol]
how = "open"
quota = "1000000/s"
"#;

struct Planet {
    up: Up,
    folder: Folder,
}

impl Planet {
    fn start(name: &str) -> Self {
        let folder = Folder::new(name);
        let up = Up::start(&folder.planet(PLANET), &folder.0.join("data"));
        Self { up, folder }
    }

    fn mycel(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mycel"));
        command.args(arguments).args(["--as", "operator", "--url", &self.up.url, "--home"]);
        command.arg(self.folder.0.join("data")).stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    fn load(&self, arguments: &[&str]) -> Value {
        let output = self.mycel(&[&["load", "--json"], arguments].concat()).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        })
    }

    /// Who holds a slot.
    fn agents(&self) -> usize {
        let output = self.mycel(&["agents", "--json"]).output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        told["agents"].as_array().unwrap().len()
    }
}

fn number(told: &Value, name: &str) -> u64 {
    told[name].as_u64().unwrap_or_else(|| panic!("no {name} in {told}"))
}

#[test]
fn what_was_due_is_done_refused_or_told() {
    let planet = Planet::start("load-due");
    let told = planet.load(&["--rate", "300", "--agents", "40", "--for", "1s", "--kind", "mix"]);
    assert_eq!((number(&told, "due"), told["interrupted"].as_bool()), (300, Some(false)), "{told}");
    assert_eq!(number(&told, "done") + number(&told, "never_sent") + number(&told, "unanswered"), 300, "{told}");
    // More than one op at a time of one agent can do: what waits for its turn here is late, or never goes.
    let told = planet.load(&["--rate", "1000000/s", "--agents", "1", "--in-flight", "1", "--for", "1s"]);
    assert!(number(&told, "never_sent") > 0, "{told}");
    assert_eq!(number(&told, "sent") + number(&told, "never_sent"), 1_000_000, "{told}");
    assert!(told["latency_us"]["max"].as_u64().unwrap() > 500_000, "it waited for a second in the end: {told}");
    assert_eq!(planet.agents(), 1, "its agents are gone");
}

#[test]
fn a_closed_loop_says_what_it_leaves_out() {
    let planet = Planet::start("load-closed");
    let output = planet.mycel(&["load", "--closed", "--agents", "2", "--for", "1s", "--kind", "put"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("what it did not send then is in no figure"), "{said}");
    assert!(!said.contains("errors"), "{said}");
}

#[test]
fn an_interrupted_load_shows_what_it_has() {
    let planet = Planet::start("load-interrupted");
    let child = planet.mycel(&["load", "--json", "--rate", "50/s", "--agents", "3", "--for", "60s"]).spawn().unwrap();
    // It attaches, waits a second, and begins.
    std::thread::sleep(Duration::from_secs(4));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let told: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(told["interrupted"], true);
    assert!(number(&told, "done") > 10, "{told}");
    assert_eq!(planet.agents(), 1, "its agents are gone");
}
