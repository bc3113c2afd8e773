//! The program, run to its end in the folder of the planets.
#![allow(clippy::unwrap_used, dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Runs in the folder of the planets.
pub(crate) fn mycel(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mycel"));
    command
        .args(arguments)
        .current_dir(folder("../../planets"))
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

pub(crate) fn code(arguments: &[&str]) -> i32 {
    mycel(arguments).status.code().unwrap()
}

pub(crate) fn out(arguments: &[&str]) -> String {
    String::from_utf8(mycel(arguments).stdout).unwrap()
}

pub(crate) fn err(arguments: &[&str]) -> String {
    String::from_utf8(mycel(arguments).stderr).unwrap()
}

pub(crate) fn json(arguments: &[&str]) -> serde_json::Value {
    let value: serde_json::Value = serde_json::from_str(&out(arguments)).unwrap();
    assert_eq!(value["version"], 1, "{arguments:?}");
    value
}
