//! Every planet satisfies the schema, and what is no planet does not, by the
//! word of a validator that is not ours: check-jsonschema, from PyPI.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `cargo xtask test` put the validator; none where it may be missing.
fn validator() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("MYCEL_CHECK_JSONSCHEMA") {
        return Some(path.into());
    }
    assert!(
        std::env::var_os("MYCEL_ALLOW_MISSING").is_some(),
        "run `cargo xtask test`, which installs check-jsonschema and sets MYCEL_CHECK_JSONSCHEMA"
    );
    eprintln!("SKIPPED: check-jsonschema is missing");
    None
}

fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(end))
        .collect();
    files.sort();
    files
}

fn schema(test: &str) -> PathBuf {
    let output = Command::new(env!("CARGO_BIN_EXE_mycel")).arg("schema").output().unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}.schema.json", std::process::id()));
    fs::write(&path, output.stdout).unwrap();
    path
}

#[test]
fn every_planet_satisfies_the_schema() {
    let Some(validator) = validator() else { return };
    let mut planets = files("../../planets", ".toml");
    planets.extend(files("../../planets/as-written", ".toml"));
    planets.extend(files("tests/lint", ".good.toml"));
    assert!(planets.len() > 20);
    let schema = schema("good");
    let output = Command::new(validator).arg("--schemafile").arg(&schema).args(planets).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    fs::remove_file(schema).unwrap();
}

/// What the reader refuses for its shape, the schema refuses as well.
#[test]
fn what_is_no_planet_does_not() {
    let Some(validator) = validator() else { return };
    let schema = schema("bad");
    for code in ["MY0002", "MY0003", "MY0004", "MY0005", "MY0006", "MY0007", "MY0008", "MY0009"] {
        let bad = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/lint/{code}.bad.toml"));
        let output = Command::new(&validator).arg("--schemafile").arg(&schema).arg(bad).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{code}");
    }
    fs::remove_file(schema).unwrap();
}
