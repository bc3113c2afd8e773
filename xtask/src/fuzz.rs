//! `cargo xtask fuzz`: libFuzzer on the stable compiler.
//!
//! cargo-fuzz would want a nightly toolchain for its address sanitizer; the
//! crates under test forbid unsafe code, so coverage is all that is needed,
//! and that is an ordinary compiler flag.

use crate::run::{cargo, command, root, show, target};
use std::fs;

const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions";

/// No planet file may cost more; libFuzzer itself takes the rest.
const MEMORY_MIB: u32 = 512;
/// One input may take this long before it counts as a hang.
const TIMEOUT_SECONDS: u32 = 5;

pub(crate) fn run(target_name: Option<&str>, seconds: u32) -> Result<(), String> {
    let names = match target_name {
        Some(name) => vec![name.to_owned()],
        None => targets()?,
    };
    let folder = target().join("fuzz");
    // A target triple of our own keeps the flags away from build scripts.
    let triple = host()?;
    let mut build = cargo();
    build.args(["build", "--release", "--quiet", "--manifest-path", "fuzz/Cargo.toml", "--target", &triple]);
    show(build.env("RUSTFLAGS", COVERAGE).env("CARGO_TARGET_DIR", &folder))?;
    for name in names {
        let corpus = folder.join("corpus").join(&name);
        fs::create_dir_all(&corpus).map_err(|error| format!("cannot create {}: {error}", corpus.display()))?;
        let mut fuzz = command(folder.join(&triple).join("release").join(&name));
        fuzz.arg(&corpus);
        fuzz.args(seeds(&name));
        fuzz.args([
            format!("-max_total_time={seconds}"),
            format!("-timeout={TIMEOUT_SECONDS}"),
            format!("-rss_limit_mb={MEMORY_MIB}"),
        ]);
        fuzz.args(["-max_len=8192", "-print_final_stats=1", "-verbosity=0"]);
        fuzz.arg(format!("-artifact_prefix={}/", folder.display()));
        show(&mut fuzz)?;
    }
    Ok(())
}

/// Where a fuzzer begins: the planets and the lints' examples, segments, a
/// request to each endpoint, answers of hosts, a true demand, what an audit log is made of, what is signed
/// about certificates, a folder's manifest, or a deployment that somebody wrote.
fn seeds(name: &str) -> Vec<std::path::PathBuf> {
    let folders = match name {
        "parse" => vec!["planets", "crates/mycel/tests/lint"],
        "segment" => vec!["crates/store/tests/fixtures/version-1"],
        "request" => vec!["fuzz/seeds/request"],
        "reply" => vec!["fuzz/seeds/reply"],
        "erasure" => vec!["fuzz/seeds/erasure"],
        "audit" => vec!["fuzz/seeds/audit"],
        "recovery" => vec!["fuzz/seeds/recovery"],
        "custody" => vec!["fuzz/seeds/custody"],
        "manifest" => vec!["fuzz/seeds/manifest"],
        "prove" => vec!["crates/prove/tests/cases"],
        _ => vec![],
    };
    folders.into_iter().map(|folder| root().join(folder)).filter(|folder| folder.exists()).collect()
}

fn targets() -> Result<Vec<String>, String> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut names: Vec<_> = entries
        .flatten()
        .filter_map(|entry| entry.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn host() -> Result<String, String> {
    let version = crate::run::quiet(command("rustc").arg("-vV"))?;
    let line = version.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).ok_or_else(|| "rustc does not say its host".to_owned())
}
