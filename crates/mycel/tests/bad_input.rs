//! Any bytes at all as a planet file: a clear answer, in bounded memory.
//!
//! How long each takes is printed by `cargo xtask bench`; here the answer and
//! the peak of memory count, which no busy machine changes.

#![allow(clippy::unwrap_used)]

#[path = "support/hostile.rs"]
mod hostile;

use hostile::{MIB, expensive, repeat};
use nix::sys::resource::{UsageWho, getrusage};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// As much as any input may cost, as the kernel counts it.
const MAX_RESIDENT_KIB: i64 = 64 << 10;

/// Checks, plans and prices the bytes; the answers' exit codes.
fn answers(file: &Path) -> Vec<(Option<i32>, Vec<u8>)> {
    let run = |command: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_mycel")).arg(command).arg(file).output().unwrap();
        (output.status.code(), [output.stdout, output.stderr].concat())
    };
    COMMANDS.iter().map(|command| run(command)).collect()
}

/// Each command that reads a planet file.
const COMMANDS: &[&str] = &["check", "plan", "price", "residency", "access"];

fn scratch() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bad-input-{}.toml", std::process::id()))
}

#[test]
fn expensive_files_get_an_answer_in_bounded_memory() {
    let file = scratch();
    let mut files = expensive();
    files.push(("more than is read", repeat("# note\n", planet::MAX_FILE_BYTES + MIB)));
    files.push(("more pieces than are read", repeat("\n", 2 * MIB)));
    let mut priced = 0;
    for (name, text) in files {
        fs::write(&file, &text).unwrap();
        for (code, output) in answers(&file) {
            assert!(matches!(code, Some(0 | 1)), "{name}: {code:?}");
            assert!(!output.is_empty(), "{name}");
            assert!(output.len() < MIB, "{name}: {} bytes of output", output.len());
            priced += u32::from(output.windows(8).any(|word| word == b" a month"));
        }
        // The kernel keeps the highest peak of all children so far.
        let peak = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
        assert!(peak <= MAX_RESIDENT_KIB, "{name}: {peak} KiB");
    }
    // The expensive way is gone to its end: some of them are planets with a price.
    assert!(priced >= 6, "{priced}");
    fs::remove_file(&file).unwrap();
}

#[test]
fn too_large_is_said_by_its_code() {
    let output = Command::new(env!("CARGO_BIN_EXE_mycel")).args(["check", "--json", "/dev/zero"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["files"][0]["findings"][0]["code"], "MY0010");
}

#[test]
fn what_is_not_text_is_said_so() {
    let file = scratch().with_extension("bin");
    fs::write(&file, [b'[', 0xff, 0xfe]).unwrap();
    for (code, output) in answers(&file) {
        assert_eq!(code, Some(1));
        assert!(String::from_utf8(output).unwrap().contains("byte 1 of the file is not UTF-8 text"));
    }
    fs::remove_file(&file).unwrap();
}
