//! The habits that no compiler checks: each file says what it is, holds one
//! idea, and what ARCHITECTURE.md promises to be tested is.

use crate::run::{command, quiet, root};
use std::fs;

/// A file above this holds two ideas. Tests at its end do not count.
const MAX_LINES: usize = 450;

pub(crate) fn run() -> Result<(), String> {
    println!("\n── tidy");
    let listed = quiet(command("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    let mut wrong = Vec::new();
    for file in listed.lines() {
        // A file that was removed and not yet committed is still listed.
        let Ok(text) = fs::read_to_string(root().join(file)) else {
            continue;
        };
        if file.ends_with(".rs") {
            source(file, &text, &mut wrong);
        }
        if file.ends_with(".md") {
            links(file, &text, &mut wrong);
        }
        if text.contains("\t") && (file.ends_with(".rs") || file.ends_with(".toml")) {
            wrong.push(format!("{file}: tabs"));
        }
    }
    invariants(&mut wrong);
    if wrong.is_empty() { Ok(()) } else { Err(format!("untidy:\n  {}", wrong.join("\n  "))) }
}

fn source(file: &str, text: &str, wrong: &mut Vec<String>) {
    if !text.starts_with("//!") && !text.starts_with("#!") {
        wrong.push(format!("{file}: does not begin with `//!` and what it is"));
    }
    let code = text.split("\n#[cfg(test)]").next().unwrap_or(text);
    let lines = code.lines().count();
    if lines > MAX_LINES {
        wrong.push(format!("{file}: {lines} lines hold more than one idea (at most {MAX_LINES})"));
    }
}

/// Links to files of the project lead somewhere.
fn links(file: &str, text: &str, wrong: &mut Vec<String>) {
    let folder = root().join(file);
    let folder = folder.parent().map(std::path::Path::to_owned).unwrap_or_default();
    for part in text.split("](").skip(1) {
        let link = part.split(')').next().unwrap_or_default();
        let path = link.split('#').next().unwrap_or_default();
        if !path.is_empty() && !path.contains("://") && !folder.join(path).exists() {
            wrong.push(format!("{file}: the link to {link} leads nowhere"));
        }
    }
}

/// In ARCHITECTURE.md an invariant names its test as `file.rs::test_name`.
fn invariants(wrong: &mut Vec<String>) {
    let Ok(text) = fs::read_to_string(root().join("ARCHITECTURE.md")) else {
        wrong.push("ARCHITECTURE.md is missing".to_owned());
        return;
    };
    for mention in text.split('`').filter(|code| code.contains(".rs::")) {
        let Some((file, test)) = mention.split_once("::") else {
            continue;
        };
        let found = fs::read_to_string(root().join(file)).is_ok_and(|source| source.contains(&format!("fn {test}(")));
        if !found {
            wrong.push(format!("ARCHITECTURE.md: there is no test {mention}"));
        }
    }
}
