//! Whole commands, as a person starts them.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/support/hostile.rs"]
mod hostile;

use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs};

const MYCEL: &str = env!("CARGO_BIN_EXE_mycel");
const CARMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../planets/carma.toml");

fn run(program: &str, arguments: &[&str]) {
    Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
}

fn main() {
    let nothing = measure::each_child(50, || run("true", &[]));
    let version = measure::each_child(50, || run(MYCEL, &["--version"]));
    measure::row("mycel --version", version, Some(Duration::from_millis(5)), "the command `true`", nothing);
    let all = measure::each_child(20, || {
        for command in ["check", "plan", "price"] {
            run(MYCEL, &[command, CARMA]);
        }
    });
    measure::row(
        "check, plan and price carma, three processes",
        all,
        Some(Duration::from_millis(10)),
        "`true` three times",
        nothing * 3,
    );
    measure::amount("  the highest resident memory of them", measure::children().1 / 1_024, 32, "MiB");
    hostile();
}

/// The slowest file of a mebibyte.
fn hostile() {
    let file = env::temp_dir().join(format!("mycel-hostile-{}.toml", std::process::id()));
    let mut worst = (Duration::ZERO, "");
    for (name, text) in hostile::expensive() {
        fs::write(&file, &text).unwrap();
        let path = file.to_str().unwrap();
        let time = ["check", "plan", "price"].map(|command| measure::each_child(1, || run(MYCEL, &[command, path])));
        worst = worst.max((time.into_iter().max().unwrap(), name));
    }
    let cat = measure::each_child(5, || run("cat", &[file.to_str().unwrap()]));
    fs::remove_file(&file).unwrap();
    measure::row(&format!("worst hostile MiB: {}", worst.1), worst.0, Some(Duration::from_secs(1)), "cat", cat);
    measure::amount("  the highest resident memory so far", measure::children().1 / 1_024, 64, "MiB");
}
