//! A log that this program wrote, verified by another: `verify.py`, which is
//! Python with nothing but its standard library.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{mirrored, verifier, written};
use tempfile::TempDir;

/// Where Python is; none where it may be missing.
fn python() -> Option<PathBuf> {
    let given = std::env::var_os("MYCEL_PYTHON").map(PathBuf::from);
    let python = given.unwrap_or_else(|| "python3".into());
    if Command::new(&python).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    assert!(
        std::env::var_os("MYCEL_ALLOW_MISSING").is_some(),
        "run `cargo xtask test`, which installs python3, or set MYCEL_ALLOW_MISSING"
    );
    eprintln!("SKIPPED: python3 is missing");
    None
}

fn run(python: &Path, folder: &Path, key: &str, indexes: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify.py");
    Command::new(python).arg(script).arg(folder).arg(key).args(indexes).output().unwrap()
}

#[test]
fn another_program_verifies_the_checkpoint_and_the_proofs() {
    let Some(python) = python() else { return };
    let (log, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    written(log.path(), 700);
    mirrored(log.path(), folder.path());
    let key = verifier().to_string();
    let good = run(&python, folder.path(), &key, &["0", "1", "255", "256", "511", "512", "699"]);
    let said = String::from_utf8_lossy(&good.stdout).into_owned();
    assert!(good.status.success(), "{said}{}", String::from_utf8_lossy(&good.stderr));
    assert_eq!(said.lines().next(), Some("checkpoint of 700 entries: signed"));
    assert_eq!(said.lines().filter(|line| line.ends_with(": included")).count(), 7);
    // And it can tell: an entry, a root, a key.
    let bundle = folder.path().join("tile/entries/001");
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[20] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    assert_eq!(run(&python, folder.path(), &key, &["256"]).status.code(), Some(1));
    let point = folder.path().join("checkpoint");
    let text = fs::read_to_string(&point).unwrap();
    fs::write(&point, text.replace("\n700\n", "\n699\n")).unwrap();
    let forged = run(&python, folder.path(), &key, &["0"]);
    assert!(String::from_utf8_lossy(&forged.stderr).contains("a false signature"));
}
