//! What `mycel load` takes.

use super::Who;
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// How many ops are due, of all agents together. A planet lets each slot do as many as its `op_rate` says.
    #[arg(long, value_name = "RATE", default_value = "10/s", value_parser = rate)]
    pub(crate) rate: vocab::Rate,
    /// How many agents send them: they attach for this, and detach at the end.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub(crate) agents: u32,
    /// Ops of one agent that may be on their way together.
    #[arg(long, value_name = "M", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(crate) in_flight: u32,
    /// For how long.
    #[arg(long = "for", value_name = "TIME", default_value = "10s")]
    pub(crate) time: vocab::Millis,
    /// What each op does.
    #[arg(long, value_enum, value_name = "KIND", default_value_t = LoadKind::Echo)]
    pub(crate) kind: LoadKind,
    /// What each op carries.
    #[arg(long, value_name = "BYTES", default_value_t = 128, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) bytes: u32,
    /// Send an op whenever another has ended, at no rate: this shows what the planet can do, and hides how long it
    /// lets others wait.
    #[arg(long, conflicts_with = "rate")]
    pub(crate) closed: bool,
    /// The planet's address.
    #[arg(long, value_name = "URL", env = "MYCEL_URL", default_value = "http://127.0.0.1:7117")]
    url: String,
    /// Who brings the agents: the operator as many as it likes, anybody else as many as may enrol from here.
    #[arg(long = "as", value_name = "NAME", env = "MYCEL_AS", default_value = "operator")]
    name: String,
    /// Where its key and lease are kept.
    #[arg(long, value_name = "DIR", env = "MYCEL_HOME", default_value = ".mycel", value_hint = ValueHint::DirPath)]
    home: PathBuf,
    /// For https: the PEM file of whoever signed the planet's certificate.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    authority: Option<PathBuf>,
}

impl LoadArgs {
    /// Who brings the agents.
    pub(crate) fn who(&self) -> Who {
        let (url, name, home) = (self.url.clone(), self.name.clone(), self.home.clone());
        Who { url, name, home, authority: self.authority.clone() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoadKind {
    /// An entry in the chain, and nothing else.
    Echo,
    /// Writes one of 1,000 records of its agent.
    Put,
    /// Reads one of these.
    Get,
    /// In turn the one and the other.
    Mix,
}

/// A rate; a number alone is so many a second.
pub(super) fn rate(text: &str) -> Result<vocab::Rate, vocab::BadQuantity> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { format!("{text}/s").parse() } else { text.parse() }
}
