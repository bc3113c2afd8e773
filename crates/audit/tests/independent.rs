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

#[test]
fn another_program_tells_a_sealed_log_from_one_that_was_changed() {
    let Some(python) = python() else { return };
    let (log, key) = (TempDir::new().unwrap(), verifier().to_string());
    let ask = |indexes: &[&str]| {
        let output = run(&python, log.path(), &key, indexes);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!said.contains("Traceback"), "{said}");
        (output.status.code().unwrap(), said)
    };
    let (code, said) = ask(&[]);
    assert!(code == 1 && said.contains("there is no file `checkpoint`"), "{said}");
    written(log.path(), 700);
    let (code, said) = ask(&["0", "300", "699"]);
    assert_eq!(code, 2, "{said}");
    assert_eq!(said.matches("its hash is included; the entry is sealed").count(), 3, "{said}");
    assert!(said.contains("tiles: lead to the root") && said.contains("`mycel audit export`"), "{said}");
    assert_eq!(ask(&[]).0, 0, "what it was asked holds");
    let (code, said) = ask(&["700"]);
    assert!(code == 1 && said.contains("no entry 700"), "{said}");
    // A hash that was changed is told, sealed or not.
    for name in ["tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2"] {
        let tile = log.path().join(name);
        let good = fs::read(&tile).unwrap();
        let mut bytes = good.clone();
        bytes[20] ^= 1;
        fs::write(&tile, bytes).unwrap();
        let (code, said) = ask(&["0"]);
        assert!(code == 1 && said.contains("not good: "), "{name}: {said}");
        fs::write(&tile, good).unwrap();
    }
    fs::remove_file(log.path().join("tile/0/001")).unwrap();
    let (code, said) = ask(&["0"]);
    assert!(code == 1 && said.contains("tile/0/001 is not there"), "{said}");
}
