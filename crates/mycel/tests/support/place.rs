//! The program, run to its end in a place of its own, and what it said.
#![allow(clippy::unwrap_used, dead_code)]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Two regions, open to everybody.
pub(crate) const KEPT: &str = r#"
[planet]
name = "kept"
blocks = 2
[[region]]
id = "one"
site = [53.35, -6.26]
jurisdictions = ["EU"]
[[region]]
id = "two"
site = [38.95, -77.45]
jurisdictions = ["US"]
[enrol]
how = "open"
quota = "1000000/s"
"#;

pub(crate) fn command(place: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mycel"));
    command.args(arguments).current_dir(place).env_remove("MYCEL_HOME").env_remove("MYCEL_URL");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn run(place: &Path, arguments: &[&str]) -> Output {
    command(place, arguments).output().unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

pub(crate) fn good(place: &Path, arguments: &[&str]) -> String {
    let output = run(place, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn bad(place: &Path, arguments: &[&str]) -> String {
    let output = run(place, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
    said(&output)
}

pub(crate) fn json(place: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&good(place, &[arguments, &["--json"]].concat())).unwrap()
}

/// Splits the root of `data`; the files of its shares.
pub(crate) fn shares(place: &Path, out: &str) -> Vec<String> {
    let told = json(place, &["trust", "split", "planet.toml", "--data", "data", "--out", out]);
    told["shares"].as_array().unwrap().iter().map(|one| one["file"].as_str().unwrap().to_owned()).collect()
}

/// Every file below a place, with what is in it.
pub(crate) fn files(place: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(place).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push((entry.path(), fs::read(entry.path()).unwrap()));
        }
    }
    found.sort();
    found
}
