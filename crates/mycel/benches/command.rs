//! Whole commands, as a person starts them.

#![allow(clippy::unwrap_used, clippy::float_arithmetic)]

#[path = "../tests/support/hostile.rs"]
mod hostile;

use std::process::{Command, Stdio};
use std::{env, fs};

const MYCEL: &str = env!("CARGO_BIN_EXE_mycel");
const CARMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../planets/carma.toml");

fn run(program: &str, arguments: &[&str]) {
    Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
}

fn main() {
    let nothing = measure::child(50, || run("true", &[]));
    let version = measure::child(50, || run(MYCEL, &["--version"]));
    measure::title();
    measure::at_most("mycel --version", 5e6, version, Some(("the command `true`", nothing)));
    let all = measure::child(20, || {
        for command in ["check", "plan", "price"] {
            run(MYCEL, &[command, CARMA]);
        }
    });
    measure::at_most("check, plan and price carma: 3 processes", 1e7, all, Some(("`true` three times", nothing * 3.0)));
    measure::amount("  the highest resident memory of them", 32, measure::children().1 / 1_024, "MiB");
    hostile();
}

/// The slowest file of a mebibyte.
fn hostile() {
    let file = env::temp_dir().join(format!("mycel-hostile-{}.toml", std::process::id()));
    let mut worst = (0.0, "");
    for (name, text) in hostile::expensive() {
        fs::write(&file, &text).unwrap();
        let path = file.to_str().unwrap();
        let time = ["check", "plan", "price"].map(|command| measure::child(1, || run(MYCEL, &[command, path])));
        let slowest = time.into_iter().fold(0.0, f64::max);
        if slowest > worst.0 {
            worst = (slowest, name);
        }
    }
    let cat = measure::child(5, || run("cat", &[file.to_str().unwrap()]));
    fs::remove_file(&file).unwrap();
    measure::at_most(&format!("worst hostile MiB: {}", worst.1), 1e9, worst.0, Some(("cat", cat)));
    measure::amount("  the highest resident memory so far", 64, measure::children().1 / 1_024, "MiB");
}
