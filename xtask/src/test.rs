//! `cargo xtask test`: all that must hold before a change lands.

use crate::run::{cargo, quiet, show};
use crate::tools::Tools;
use crate::{fuzz, tidy};

/// Long enough to find what a change broke outright; `cargo xtask fuzz` is
/// there for the rest.
const FUZZ_SECONDS: u32 = 10;

/// What is off by default.
const OPTIONAL: &str = "mycel/otel-test,mycel/pkcs11,custody/pkcs11";

pub(crate) fn run(allow_missing: bool) -> Result<(), String> {
    components()?;
    let tools = Tools::gather(allow_missing)?;
    show(cargo().args(["fmt", "--all", "--check"]))?;
    show(cargo().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"]))?;
    // What is off by default is checked with its feature, and the rest without.
    let clippy =
        ["clippy", "--quiet", "--all-targets", "--package", "node", "--package", "mycel", "--package", "custody"];
    show(cargo().args([&clippy[..], &["--features", OPTIONAL, "--", "--deny", "warnings"]].concat()))?;
    tidy::run()?;
    let mut tests = cargo();
    tests.args(["test", "--workspace"]);
    for (name, path) in &tools.variables {
        tests.env(name, path);
    }
    if !tools.missing.is_empty() {
        tests.env("MYCEL_ALLOW_MISSING", "1");
    }
    show(&mut tests)?;
    // One program with all of it, and the whole workspace so that nothing else is built again.
    let mut optional = cargo();
    optional.args(["test", "--workspace", "--features", OPTIONAL, "--test", "otel", "--test", "token"]);
    for (name, path) in &tools.variables {
        optional.env(name, path);
    }
    if !tools.missing.is_empty() {
        optional.env("MYCEL_ALLOW_MISSING", "1");
    }
    show(&mut optional)?;
    if tools.has("CXX") {
        fuzz::run(None, FUZZ_SECONDS)?;
    }
    if tools.missing.is_empty() {
        println!("\nall good, nothing skipped");
    } else {
        println!("\nall good, but SKIPPED for want of tools:");
        for missing in &tools.missing {
            println!("  - {missing}");
        }
    }
    Ok(())
}

/// The tests that take chances, with more of them than `run` has time for.
pub(crate) fn night() -> Result<(), String> {
    for tests in [
        &["--package", "sim"][..],
        &["--package", "audit", "--test", "crash", "nothing_acknowledged"],
        &["--package", "store", "--test", "log", "--test", "records", "kill"],
        &["--package", "mycel", "--test", "kill"],
        &["--package", "mycel", "--test", "render", "whatever_is_killed"],
    ] {
        let mut night = cargo();
        night.args(["test", "--release"]).args(tests);
        for (name, many) in [("MYCEL_KILLS", "1000"), ("MYCEL_ROUNDS", "1000"), ("MYCEL_SEEDS", "100000")] {
            night.env(name, std::env::var(name).unwrap_or_else(|_| many.to_owned()));
        }
        show(&mut night)?;
    }
    Ok(())
}

/// rustfmt and clippy come with most toolchains, and by rustup with the others.
fn components() -> Result<(), String> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if quiet(cargo().args([subcommand, "--version"])).is_err() {
            println!("installing {component} with rustup");
            quiet(crate::run::command("rustup").args(["component", "add", component]))?;
        }
    }
    Ok(())
}
