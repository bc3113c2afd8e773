//! What a newcomer would otherwise type by hand: `cargo xtask test` checks all
//! there is to check, and installs what that needs.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod fuzz;
mod run;
mod test;
mod tidy;
mod tools;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Test, measure, fuzz and tidy the project")]
struct Xtask {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Format, clippy with warnings denied, tidy, and every test.
    Test {
        /// Go on without tools that cannot be installed, and list what was skipped.
        #[arg(long)]
        allow_missing: bool,
    },
    /// Measure against the budgets and the peers.
    Bench,
    /// Fuzz one target, or each in turn.
    Fuzz {
        /// The target; every one when left out.
        target: Option<String>,
        /// How long each runs.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// What takes chances, as often as a night lets it: a thousand kills of each
    /// kind, and a hundred thousand worlds of the simulated disk.
    Night,
    /// Check the habits that no compiler checks.
    Tidy,
}

fn main() -> ExitCode {
    let result = match Xtask::parse().task {
        Task::Test { allow_missing } => test::run(allow_missing),
        Task::Bench => bench::run(),
        Task::Fuzz { target, seconds } => fuzz::run(target.as_deref(), seconds),
        Task::Night => test::night(),
        Task::Tidy => tidy::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
