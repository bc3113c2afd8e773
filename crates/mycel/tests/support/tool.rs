//! Programs that are not ours, and what they say.
#![allow(clippy::unwrap_used, clippy::print_stderr, dead_code)]

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The planets of this repository.
pub(crate) const PLANETS: [&str; 6] = ["garden", "carma", "mesh", "erlmcp", "watch", "bitcraps"];

/// Where `cargo xtask test` put a tool; none where it may be missing.
pub(crate) fn tool(variable: &str, name: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(path.into());
    }
    assert!(
        std::env::var_os("MYCEL_ALLOW_MISSING").is_some(),
        "run `cargo xtask test`, which installs {name} and sets {variable}"
    );
    eprintln!("SKIPPED: {name} is missing");
    None
}

/// Whether it was content, and all that it said.
pub(crate) fn said(command: &mut Command) -> (bool, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}
