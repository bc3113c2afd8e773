//! The command line of Mycel: reads files, hands them to the pure crates, and
//! shows what they answer. It must never decide anything itself.
//!
//! Data goes to stdout and everything else to stderr. Exit codes: 0 good,
//! 1 findings or failure, 2 usage.

mod access;
mod acts;
mod agent;
mod audit;
mod bench;
mod chain;
mod check;
mod cli;
mod deploy;
mod drill;
mod erase;
mod failure;
mod files;
mod front;
mod fronts;
mod hardware;
mod load;
mod log;
mod look;
mod manual;
mod new;
mod op;
mod pin;
mod plan;
mod price;
mod processes;
mod prove;
mod render;
mod residency;
mod route;
mod screen;
mod spread;
mod store;
#[cfg(feature = "otel")]
mod traces;
mod trust;
mod up;
mod word;

use clap::Parser as _;
use cli::{BenchCommand, Cli, Command};
use failure::Failure;
use screen::Screen;
use std::process::ExitCode;

/// What a command ends with when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// The command worked, and what it found is bad.
    Bad,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let screen = Screen::new(cli.color, cli.json);
    pin::set_up(cli.pin_file);
    // Of what all regions would say their gateways' process says it once.
    let is_spoken_for = matches!(&cli.command, Command::Up(args) if args.until_stdin_closes);
    let screen = if is_spoken_for { screen.hushed() } else { screen };
    match run(cli.command, &screen) {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(1),
        // The reader of the pipe has seen enough.
        Err(Failure::PipeClosed) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.complain(&failure);
            ExitCode::from(1)
        }
    }
}

fn run(command: Command, screen: &Screen) -> Result<Verdict, Failure> {
    match command {
        Command::Up(args) => up::run(&args, screen),
        Command::Attach(args) => agent::attach(&args, screen),
        Command::Detach { who } => agent::detach(&who, screen),
        Command::Op(command) => op::run(command, screen),
        Command::Erase(args) => erase::run(&args, screen),
        Command::Load(args) => load::run(&args, screen),
        Command::Drill(args) => drill::run(&args, screen),
        Command::Chain(args) => chain::run(&args, screen),
        Command::Inbox(args) => look::inbox(&args, screen),
        Command::Regions { who } => look::regions(&who, screen),
        Command::Blocks(args) => look::blocks(&args, screen),
        Command::Block(command) => look::block(&command, screen),
        Command::Agents(args) => look::agents(&args, screen),
        Command::Bans(command) => look::bans(&command, screen),
        Command::Store(command) => store::run(command, screen),
        Command::Audit(command) => audit::run(&command, screen),
        Command::New(args) => new::run(&args, screen),
        Command::Check(args) => check::run(&args, screen),
        Command::Plan(args) => plan::run(&args, screen),
        Command::Price(args) => price::run(&args, screen),
        Command::Render(args) => render::run(&args, screen),
        Command::Deploy(args) => deploy::run(&args, screen),
        Command::Prove(args) => prove::run(&args, screen),
        Command::Residency(args) => residency::run(&args, screen),
        Command::Access(args) => access::run(&args, screen),
        Command::Route(command) => route::run(command, screen),
        Command::Bench(BenchCommand::Slots { file }) => bench::slots(&file, screen),
        Command::Trust(command) => trust::run(&command, screen),
        // Already JSON, and the same to everybody.
        Command::Schema => screen.json(&planet::schema()).map(|()| Verdict::Good),
        Command::Completions { shell } => manual::completions(shell, screen),
        Command::Man { out } => manual::pages(out.as_deref(), screen),
    }
}
