//! `cargo xtask bench`: every crate's benches, each against its budget and
//! beside its peer.

use crate::run::{cargo, quiet, root, show};
use std::fs;

pub(crate) fn run() -> Result<(), String> {
    let crates = root().join("crates");
    let entries = fs::read_dir(&crates).map_err(|error| format!("cannot read {}: {error}", crates.display()))?;
    let mut names: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().join("benches").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    quiet(cargo().args(["build", "--release", "--workspace", "--benches"]))?;
    for name in names {
        show(cargo().args(["bench", "--quiet", "--benches", "--package", &name]))?;
    }
    Ok(())
}
