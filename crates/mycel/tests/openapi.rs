//! The running server does what its own OpenAPI document says, by the word of
//! schemathesis, from PyPI: whatever it makes up from the document is answered
//! as the document says, and nothing of it is a fault.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "support/process.rs"]
mod process;

use process::{Folder, Up};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Requests that are made up for each operation, of either kind.
const EXAMPLES: &str = "20";

/// A planet on which nobody is turned away for making up requests.
const PLANET: &str = r#"
[planet]
name = "document"
blocks = 4
[block.monitor]
large_score = 0
requests_score = 0
destinations_score = 0
failures = 1000000
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[enrol]
how = "open"
quota = "1000000/s"
"#;

/// Where `cargo xtask test` put schemathesis; none where it may be missing.
fn schemathesis() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("MYCEL_SCHEMATHESIS") {
        return Some(path.into());
    }
    assert!(
        std::env::var_os("MYCEL_ALLOW_MISSING").is_some(),
        "run `cargo xtask test`, which installs schemathesis and sets MYCEL_SCHEMATHESIS"
    );
    eprintln!("SKIPPED: schemathesis is missing");
    None
}

#[test]
fn the_server_does_what_its_document_says() {
    let Some(schemathesis) = schemathesis() else { return };
    let folder = Folder::new("openapi");
    let up = Up::start(&folder.planet(PLANET), &folder.0.join("data"));
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.toml");
    let output = Command::new(schemathesis)
        .arg("--config-file")
        .arg(config)
        .args(["run", &format!("{}/v1/openapi.json", up.url), "--max-examples", EXAMPLES])
        .args(["--seed", "4", "--generation-deterministic", "--request-timeout", "10", "--no-color"])
        .current_dir(&folder.0)
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Test cases:"), "{said}");
}
