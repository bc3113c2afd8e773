//! What `mycel drill` takes.

use super::load::rate;
use crate::processes::How;
use clap::{Args, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct DrillArgs {
    /// The planet file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The region that is lost.
    #[arg(long, value_name = "REGION")]
    pub(crate) lose: String,
    /// How it is lost.
    #[arg(long, value_enum, value_name = "HOW", default_value_t = How::Kill)]
    pub(crate) how: How,
    /// How many agents work, half of them there.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(4..=4_096))]
    pub(crate) agents: u32,
    /// How many ops are due, of all agents.
    #[arg(long, value_name = "RATE", default_value = "200/s", value_parser = rate)]
    pub(crate) rate: vocab::Rate,
    /// How long all is well before it.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub(crate) before: vocab::Millis,
    /// How long the region is away.
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) down: vocab::Millis,
    /// How long is looked at what follows.
    #[arg(long, value_name = "TIME", default_value = "35s")]
    pub(crate) after: vocab::Millis,
    /// Keep everything, in a new folder.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
}
