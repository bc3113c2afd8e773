//! What `mycel render` is told.

use clap::{Args, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// The planet file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The folder to write to; nothing outside of it is touched.
    #[arg(long, short, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    /// What to render: compose, haproxy, kubernetes, machine, nginx, observe,
    /// pipeline, terraform, vlan; or all.
    #[arg(long, value_name = "TARGETS", value_delimiter = ',')]
    pub(crate) target: Vec<String>,
    /// Only these regions of the targets that have files for each.
    #[arg(long, value_name = "REGIONS", value_delimiter = ',')]
    pub(crate) region: Vec<String>,
    /// Write nothing, and say what differs from what is rendered: missing, edited,
    /// outdated, leftover or unexpected. Exit code 1 when anything does.
    #[arg(long, conflicts_with = "force")]
    pub(crate) check: bool,
    /// Overwrite what somebody has edited.
    #[arg(long)]
    pub(crate) force: bool,
    /// The container image to run; mycel and this program's version when left out.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// Where `mycel trust office` can be reached from the hosts: gateways are
    /// rendered apart from them (compose, kubernetes).
    #[arg(long, value_name = "HOST:PORT", value_parser = super::up::place)]
    pub(crate) office: Option<String>,
}
