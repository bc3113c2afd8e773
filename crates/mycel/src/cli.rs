//! Every command and flag, declared once: help, completions and man pages all
//! come from here.

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

const AFTER: &str =
    "Exit codes: 0 good, 1 findings or failure, 2 usage.\nA FILE of `-` is standard input. NO_COLOR is respected.";

/// A planet in one file: check it, plan it, price it.
#[derive(Debug, Parser)]
#[command(name = "mycel", version, after_help = AFTER, max_term_width = 100)]
pub(crate) struct Cli {
    /// When to use colour: auto, always or never.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto, global = true, hide_possible_values = true, hide_default_value = true)]
    pub(crate) color: Color,

    /// Print JSON, with a `version` of its shape.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a small planet file to begin with.
    New(NewArgs),
    /// Look for mistakes in planet files, or explain one.
    Check(CheckArgs),
    /// Show what a planet comes to: blocks, addresses, machines.
    Plan(PlanArgs),
    /// Show what a planet costs in a month.
    Price(PriceArgs),
    /// Do on this machine what the plan says it can.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Look into what trust is made of.
    #[command(subcommand)]
    Trust(TrustCommand),
    /// Print the JSON Schema of planet files, for editors.
    Schema,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for each command.
    Man {
        /// The folder to write the pages to.
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Compute hexadecimal digits of π, from which salts are taken. They are
    /// public, and add no strength to anything.
    Pi {
        /// Where to begin, counted from 0 after the point.
        #[arg(long, value_name = "N", default_value_t = 0)]
        at: u64,
        /// How many digits.
        #[arg(long, value_name = "K", default_value_t = 64)]
        digits: u64,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Give out every slot of a planet, check that each was given once, and
    /// release and give again one in a hundred.
    Slots {
        /// The planet file.
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// What the planet is called.
    #[arg(default_value = "garden")]
    pub(crate) name: String,
    /// The file to write, or `-` for standard output; an existing one is never
    /// overwritten.
    #[arg(long, short, value_name = "FILE", default_value = "planet.toml", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The planet files.
    #[arg(value_name = "FILE", required_unless_present_any = ["explain", "list"], value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// Explain a finding by its code.
    #[arg(long, value_name = "CODE", conflicts_with_all = ["files", "list"])]
    pub(crate) explain: Option<String>,
    /// List every lint.
    #[arg(long, conflicts_with = "files")]
    pub(crate) list: bool,
    /// Let warnings fail the check too.
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) tables: TableArgs,
}

/// Data that replaces what is built in.
#[derive(Debug, Args)]
pub(crate) struct TableArgs {
    /// Figures about machines, instead of the built-in ones.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) calibration: Option<PathBuf>,
    /// A price book, instead of the built-in one.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) prices: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The planet file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Say where a block, a slot or an address stands: NUMBER/SLOT,
    /// REGION:INDEX/SLOT, REGION:CELL:192.168.x.y or an IPv6 address.
    #[arg(long, value_name = "WHAT", conflicts_with = "diff", allow_hyphen_values = true)]
    pub(crate) locate: Vec<String>,
    /// Say what changes from FILE to another planet file, and who moves.
    #[arg(long, value_name = "OTHER", value_hint = ValueHint::FilePath)]
    pub(crate) diff: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) tables: TableArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PriceArgs {
    /// The planet file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Also price the planet after a loss: region:ID=lost.
    #[arg(long, value_name = "WHAT")]
    pub(crate) what_if: Option<String>,
    #[command(flatten)]
    pub(crate) tables: TableArgs,
}
