//! The flags of `mycel residency`, `mycel access` and `mycel route`.

use super::TableArgs;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ResidencyArgs {
    /// The planet file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct AccessArgs {
    /// The planet file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Ask for this right: read, operate, transfer or administer.
    #[arg(long, value_name = "RIGHT")]
    pub(crate) right: Option<String>,
    /// As the agent with this public key; as any agent when left out.
    #[arg(long, value_name = "KEY", requires = "right")]
    pub(crate) agent: Option<String>,
    /// As whoever started the planet.
    #[arg(long, requires = "right")]
    pub(crate) operator: bool,
    /// As somebody whose slot is in this region.
    #[arg(long, value_name = "ID", requires = "right")]
    pub(crate) from: Option<String>,
    /// For something in this region.
    #[arg(long, value_name = "ID", requires = "right")]
    pub(crate) region: Option<String>,
    /// For something of this residency class.
    #[arg(long, value_name = "NAME", requires = "right")]
    pub(crate) class: Option<String>,
    /// For something in the caller's own block.
    #[arg(long, requires = "right")]
    pub(crate) own: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RouteCommand {
    /// Show where an op would go, and why: every region with its terms.
    Explain(ExplainArgs),
    /// Show who would move where if a region were drained.
    Drain(DrainArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The planet file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Where the op comes from: latitude and longitude, such as 48.2,16.4.
    #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
    pub(crate) from: String,
    /// The residency class of its records.
    #[arg(long, value_name = "NAME")]
    pub(crate) class: Option<String>,
    /// The region that its records are in already.
    #[arg(long, value_name = "ID")]
    pub(crate) home: Option<String>,
    /// As if this region were lost.
    #[arg(long, value_name = "ID")]
    pub(crate) lost: Vec<String>,
    /// As if this region were drained.
    #[arg(long, value_name = "ID")]
    pub(crate) drained: Vec<String>,
    /// A round trip that you have measured, such as eu-west-1=35ms.
    #[arg(long, value_name = "ID=TIME")]
    pub(crate) rtt: Vec<String>,
    #[command(flatten)]
    pub(crate) tables: TableArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    /// The region.
    pub(crate) region: String,
    /// The planet file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Show only: this command never drains.
    #[arg(long, required = true)]
    pub(crate) preview: bool,
    #[command(flatten)]
    pub(crate) tables: TableArgs,
}
