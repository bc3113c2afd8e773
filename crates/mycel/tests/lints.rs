//! Every lint has two examples in `tests/lint/`: CODE.bad.toml, in which it
//! finds its mistake and nothing else does, and CODE.good.toml, in which there
//! is nothing to find. CODE.bad.txt is what a person sees.
//!
//! `UPDATE_EXPECT=1 cargo test -p mycel --test lints` rewrites the pictures.

#![allow(clippy::unwrap_used)]

use expect_test::expect_file;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint")
}

fn mycel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mycel")).args(arguments).current_dir(folder()).output().unwrap()
}

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_slice(&mycel(arguments).stdout).unwrap()
}

/// Its example would be 8 MiB; `bad_input.rs` makes one.
const TOO_LARGE: &str = "MY0010";

/// (code, severity) of every lint that has examples.
fn lints() -> Vec<(String, String)> {
    let list = json(&["check", "--list", "--json"]);
    let text = |lint: &serde_json::Value, key: &str| lint[key].as_str().unwrap().to_owned();
    list["lints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lint| (text(lint, "code"), text(lint, "severity")))
        .filter(|(code, _)| code != TOO_LARGE)
        .collect()
}

fn codes_found(file: &str) -> BTreeSet<String> {
    let found = json(&["check", "--json", file]);
    found["files"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["code"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_lint_finds_its_mistake_and_nothing_else() {
    for (code, severity) in lints() {
        let bad = format!("{code}.bad.toml");
        let output = mycel(&["check", "--color", "never", &bad]);
        assert_eq!(codes_found(&bad), BTreeSet::from([code.clone()]), "{bad}");
        assert_eq!(output.status.code(), Some(i32::from(severity == "error")), "{bad}");
        expect_file![folder().join(format!("{code}.bad.txt"))].assert_eq(&String::from_utf8(output.stdout).unwrap());
    }
}

#[test]
fn every_lint_is_quiet_when_there_is_no_mistake() {
    for (code, _) in lints() {
        let good = format!("{code}.good.toml");
        let output = mycel(&["check", "--strict", &good]);
        assert_eq!(output.status.code(), Some(0), "{good}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn codes_are_unique_ordered_and_have_no_stray_examples() {
    let codes: Vec<_> = lints().into_iter().map(|(code, _)| code).collect();
    assert!(codes.is_sorted() && codes.iter().collect::<BTreeSet<_>>().len() == codes.len(), "{codes:?}");
    let expected: BTreeSet<_> =
        codes.iter().flat_map(|code| ["bad.toml", "bad.txt", "good.toml"].map(|end| format!("{code}.{end}"))).collect();
    let there: BTreeSet<_> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let strays: Vec<_> = there.symmetric_difference(&expected).collect();
    assert!(strays.is_empty(), "missing or stray: {strays:?}");
}

#[test]
fn a_good_example_differs_from_its_bad_one_by_little() {
    for (code, _) in lints() {
        let read = |end: &str| std::fs::read(folder().join(format!("{code}.{end}"))).unwrap();
        let (bad, good) = (read("bad.toml"), read("good.toml"));
        assert_ne!(bad, good, "{code}");
    }
}
