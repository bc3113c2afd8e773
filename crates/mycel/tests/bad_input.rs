//! Any bytes at all as a planet file: a clear answer, in bounded memory.
//!
//! How long each takes is printed by `cargo xtask bench`; here the answer and
//! the peak of memory count, which no busy machine changes.

#![allow(clippy::unwrap_used)]

use nix::sys::resource::{UsageWho, getrusage};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MIB: usize = 1 << 20;
/// As much as any input may cost, as the kernel counts it.
const MAX_RESIDENT_KIB: i64 = 64 << 10;

fn repeat(unit: &str, bytes: usize) -> String {
    unit.repeat(bytes / unit.len())
}

/// Texts of a mebibyte that are expensive for somebody.
#[allow(clippy::too_many_lines)]
fn expensive() -> Vec<(&'static str, String)> {
    vec![
        ("an array of numbers", format!("a = [{}]", repeat("1,", MIB))),
        ("an array of tables", format!("a = [{}]", repeat("{a=1},", MIB))),
        ("headers", repeat("[[region]]\n", MIB)),
        (
            "regions",
            (0..16_000).map(|n| format!("[[region]]\nid = \"r{n}\"\nsite = [1, 2]\nfallback = [\"r1\"]\n")).collect(),
        ),
        ("equal regions", repeat("[[region]]\nid=\"r\"\nsite=[1,2]\n", MIB)),
        (
            "subnets",
            format!(
                "[planet]\nname=\"x\"\n[[region]]\nid=\"r\"\nsite=[1,2]\n{}",
                repeat("[[network.subnet]]\ntier=\"a\"\nnet=\"10.0.0.0/8\"\n", MIB)
            ),
        ),
        (
            "flows",
            format!(
                "[planet]\nname=\"x\"\n[[region]]\nid=\"r\"\nsite=[1,2]\n{}",
                repeat("[[network.flow]]\nfrom=\"a\"\nto=\"b\"\n", MIB)
            ),
        ),
        (
            "jurisdictions",
            format!(
                "[planet]\nname=\"x\"\n[[region]]\nid=\"r\"\nsite=[1,2]\njurisdictions=[{}]",
                repeat("\"EU\",", MIB)
            ),
        ),
        (
            "classes and regions",
            format!(
                "[planet]\nname=\"x\"\n[data]\nprimary=\"r0\"\n{}{}",
                (0..8_000)
                    .map(|n| format!("[[region]]\nid=\"r{n}\"\nsite=[1,2]\njurisdictions=[\"A\"]\n"))
                    .collect::<String>(),
                (0..8_000)
                    .map(|n| format!("[[data.class]]\nname=\"c{n}\"\njurisdictions=[\"A\"]\n"))
                    .collect::<String>(),
            ),
        ),
        ("keys", (0..90_000).map(|n| format!("key{n} = 1\n")).collect()),
        ("dotted keys", (0..60_000).map(|n| format!("a.b{n}.c = 1\n")).collect()),
        ("long dotted keys", (0..2_600).map(|n| format!("{}b{n} = 1\n", "a.".repeat(200))).collect()),
        ("new lines", repeat("\n", MIB)),
        ("equal signs", repeat("=", MIB)),
        ("brackets", repeat("[", MIB)),
        ("nested tables", format!("a = {}", repeat("{a=", MIB))),
        ("one key", repeat("a=1\n", MIB)),
        ("one long line", format!("name = \"{}\"", repeat("x", MIB))),
        ("one long key", repeat("k", MIB)),
        ("one long wrong value", format!("[planet]\nname = \"{}\"", repeat("X", MIB))),
        ("wrong values on one line", format!("region = [{}]", repeat("1,", MIB))),
        ("escapes", format!("a = \"{}\"", repeat("\\u0041", MIB))),
        ("control characters", repeat("\u{1b}[31m", MIB)),
    ]
}

/// Checks, plans and prices the bytes; the answers' exit codes.
fn answers(file: &Path) -> Vec<(Option<i32>, Vec<u8>)> {
    let run = |command: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_mycel")).arg(command).arg(file).output().unwrap();
        (output.status.code(), [output.stdout, output.stderr].concat())
    };
    COMMANDS.iter().map(|command| run(command)).collect()
}

/// Each command that reads a planet file.
const COMMANDS: &[&str] = &["check"];

fn scratch() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bad-input-{}.toml", std::process::id()))
}

#[test]
fn expensive_files_get_an_answer_in_bounded_memory() {
    let file = scratch();
    let mut files = expensive();
    files.push(("more than is read", repeat("# note\n", planet::MAX_FILE_BYTES + MIB)));
    files.push(("more pieces than are read", repeat("\n", 2 * MIB)));
    for (name, text) in files {
        fs::write(&file, &text).unwrap();
        for (code, output) in answers(&file) {
            assert!(matches!(code, Some(0 | 1)), "{name}: {code:?}");
            assert!(!output.is_empty(), "{name}");
            assert!(output.len() < MIB, "{name}: {} bytes of output", output.len());
        }
        // The kernel keeps the highest peak of all children so far.
        let peak = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
        assert!(peak <= MAX_RESIDENT_KIB, "{name}: {peak} KiB");
    }
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
