//! Every command and flag, declared once: help, completions and man pages all
//! come from here.

mod audit;
mod certificates;
mod deploy;
mod drill;
mod load;
mod op;
mod policy;
mod prove;
mod recovery;
mod render;
mod store;
mod trust;
mod up;

pub(crate) use audit::{AuditCommand, FromArgs, LogArgs, MirrorArgs, WitnessArgs};
pub(crate) use certificates::{
    InitArgs, IssueArgs, OfficeArgs, RequestArgs, RevokeArgs, RotateArgs, StatusArgs, WrapArgs,
};
pub(crate) use deploy::{DeployArgs, Onto};
pub(crate) use drill::DrillArgs;
pub(crate) use load::{LoadArgs, LoadKind};
pub(crate) use op::{EraseArgs, OpCommand, Sending};
pub(crate) use policy::{AccessArgs, DrainArgs, ExplainArgs, ResidencyArgs, RouteCommand};
pub(crate) use prove::ProveArgs;
pub(crate) use recovery::{DrillsArgs, HolderArgs, OpenShareArgs, RecoverArgs, RehearseArgs, SharesArgs, SplitArgs};
pub(crate) use render::RenderArgs;
pub(crate) use store::{BackupArgs, RestoreArgs, StoreCommand};
pub(crate) use trust::TrustCommand;
pub(crate) use up::{LogLevel, UpArgs};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

const AFTER: &str = "Exit codes: 0 good, 1 findings or failure, 2 usage. FILE `-`: standard input.";

/// A planet in one file: check it, plan it, price it, run it.
#[derive(Debug, Parser)]
#[command(name = "mycel", version, after_help = AFTER, max_term_width = 100)]
pub(crate) struct Cli {
    /// Colour: auto (knows NO_COLOR), always or never.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto, global = true, hide_possible_values = true, hide_default_value = true)]
    pub(crate) color: Color,

    /// Print JSON, with a `version` of its shape.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// The file with the PIN of the token that keeps keys.
    #[arg(long, value_name = "FILE", env = "MYCEL_TOKEN_PIN_FILE", hide_env = true, global = true, value_hint = ValueHint::FilePath)]
    pub(crate) pin_file: Option<PathBuf>,

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
    /// Run a planet: every region of the file, on this machine.
    Up(UpArgs),
    /// Get a slot on a planet that runs, and the lease to it.
    Attach(AttachArgs),
    /// Give the slot back.
    Detach {
        #[command(flatten)]
        who: Who,
    },
    /// Send an op, and wait until its entry is durable.
    #[command(subcommand)]
    Op(OpCommand),
    /// Destroy the keys to all that an agent has sealed, in every region.
    Erase(EraseArgs),
    /// Send ops at a rate, and measure each from when it was due.
    Load(LoadArgs),
    /// Kill a region of a planet under load, and judge what follows.
    Drill(DrillArgs),
    /// Show a block's chain, every link of it checked.
    Chain(ChainArgs),
    /// Show the messages that wait for an agent.
    Inbox(InboxArgs),
    /// Show the regions of a planet that runs, and how full they are.
    Regions {
        #[command(flatten)]
        who: Who,
    },
    /// Show blocks in which somebody holds a slot.
    Blocks(ListArgs),
    /// Seal a block, or let it go on.
    #[command(subcommand)]
    Block(BlockCommand),
    /// Show who holds which slot.
    Agents(ListArgs),
    /// Show who is turned away, turn somebody away, or lift that.
    #[command(subcommand)]
    Bans(BansCommand),
    /// Verify, show, back up or restore what a planet keeps.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Verify, show, prove or witness a planet's audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Write a small planet file to begin with.
    New(NewArgs),
    /// Look for mistakes in planet files, or explain one.
    Check(CheckArgs),
    /// Show what a planet comes to: blocks, addresses, machines.
    Plan(PlanArgs),
    /// Show what a planet costs in a month.
    Price(PriceArgs),
    /// Write a planet as deployments: Compose, Kubernetes, AWS.
    Render(RenderArgs),
    /// Prove that rendered files let the planet's flows through alone.
    Prove(ProveArgs),
    /// Show by which commands what is rendered reaches the regions.
    Deploy(DeployArgs),
    /// Show where records of each class may be, and every way out.
    Residency(ResidencyArgs),
    /// Show who may do what, or say why somebody may, or may not.
    Access(AccessArgs),
    /// Show where ops go and why, and who moves when a region is drained.
    #[command(subcommand)]
    Route(RouteCommand),
    /// Do on this machine what the plan says it can.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Make, show, rotate and recover the planet's keys.
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

/// Which planet, and as whom.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// The planet's address.
    #[arg(long, value_name = "URL", env = "MYCEL_URL", default_value = "http://127.0.0.1:7117")]
    pub(crate) url: String,
    /// Which of your agents; `operator` is the one who may administer a planet
    /// whose data directory is here.
    #[arg(long = "as", value_name = "NAME", env = "MYCEL_AS", default_value = "me")]
    pub(crate) name: String,
    /// Where keys and leases are kept.
    #[arg(long, value_name = "DIR", env = "MYCEL_HOME", default_value = ".mycel", value_hint = ValueHint::DirPath)]
    pub(crate) home: PathBuf,
    /// For https: the PEM file of whoever signed the planet's certificate.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) authority: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    #[command(flatten)]
    pub(crate) who: Who,
    /// In this region.
    #[arg(long, value_name = "ID")]
    pub(crate) region: Option<String>,
    /// In this cell of the region.
    #[arg(long, value_name = "N", requires = "region")]
    pub(crate) cell: Option<u64>,
    /// In the region nearest to this latitude and longitude, such as 48.2,16.4.
    #[arg(long, value_name = "LAT,LON", conflicts_with = "region", allow_hyphen_values = true)]
    pub(crate) near: Option<String>,
    /// Of this residency class: in a region where its records may be. It is kept
    /// with the lease until the slot is given back.
    #[arg(long, value_name = "NAME")]
    pub(crate) class: Option<String>,
    /// Where your records are; the region of your last slot when left out. What
    /// the class does when that region is lost is done.
    #[arg(long, value_name = "REGION")]
    pub(crate) records_in: Option<String>,
    /// An invitation, where the planet wants one.
    #[arg(long, value_name = "TEXT")]
    pub(crate) invitation: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ChainArgs {
    /// The block, as REGION/INDEX; your own when left out.
    pub(crate) block: Option<String>,
    /// Go on as entries come.
    #[arg(long, short)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) who: Who,
}

#[derive(Debug, Args)]
pub(crate) struct InboxArgs {
    /// Go on as messages come.
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Acknowledge what was shown: it will not come again.
    #[arg(long)]
    pub(crate) ack: bool,
    #[command(flatten)]
    pub(crate) who: Who,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    pub(crate) most: usize,
    #[command(flatten)]
    pub(crate) who: Who,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BlockCommand {
    /// Show how a block stands.
    Show {
        /// The block, as REGION/INDEX.
        block: String,
        #[command(flatten)]
        who: Who,
    },
    /// Let a block take nothing more in.
    Seal {
        /// The block, as REGION/INDEX.
        block: String,
        /// Why.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// Let a sealed block go on.
    Open {
        /// The block, as REGION/INDEX.
        block: String,
        #[command(flatten)]
        who: Who,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BansCommand {
    /// Show who is turned away, why, and until when.
    List {
        #[command(flatten)]
        who: Who,
    },
    /// Turn a network away.
    Add {
        /// An address or a network, such as 192.0.2.0/24.
        net: String,
        /// For how long.
        #[arg(long, value_name = "TIME", default_value = "1h")]
        lasts: vocab::Millis,
        #[command(flatten)]
        who: Who,
    },
    /// Let a network in again.
    Lift {
        /// The network, as the list shows it.
        net: String,
        #[command(flatten)]
        who: Who,
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
