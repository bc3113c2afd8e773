//! Files that people wrote by hand, right and wrong: each folder of
//! `tests/cases/` is a deployment of `shop.toml`, or of a planet of its own, with
//! what is said of it beside.
//! `UPDATE_EXPECT=1 cargo test -p prove --test cases` rewrites that.

#![allow(clippy::unwrap_used)]

mod support;

use expect_test::expect_file;
use prove::Files;
use std::fs;
use std::path::{Path, PathBuf};
use support::told;

fn files(folder: &Path) -> Files {
    let (mut found, mut folders) = (Files::new(), vec![folder.to_owned()]);
    while let Some(here) = folders.pop() {
        for entry in fs::read_dir(here).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !["expected.txt", "planet.toml"].contains(&name.as_str()) {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn files_that_people_wrote_are_judged_as_well() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let text = fs::read_to_string(cases.join("shop.toml")).unwrap();
    let mut folders: Vec<PathBuf> = fs::read_dir(&cases).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    assert!(folders.len() >= 20, "{folders:?}");
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(folder.join("planet.toml")).unwrap_or_else(|_| text.clone());
        let planet = planet::parse(text.as_bytes()).0.unwrap();
        let report = prove::prove(&planet, &text, &files(&folder));
        expect_file![folder.join("expected.txt")].assert_eq(&format!("{}\n", told(&report)));
        assert_eq!(report.is_proved(), name.starts_with("right"), "{name}: {}", told(&report));
    }
}
