//! What `mycel deploy` is told.

use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// What is deployed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Onto {
    /// A machine for each region, by `docker compose`.
    Compose,
    /// A cluster for each region, by `kubectl`, whose contexts have their names.
    Kubernetes,
    /// AWS, by `terraform`: a root for each region, and then what is of none.
    Terraform,
}

impl Onto {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Compose => "compose",
            Self::Kubernetes => "kubernetes",
            Self::Terraform => "terraform",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// The planet file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// What is deployed with.
    #[arg(long, value_enum, value_name = "TARGET")]
    pub(crate) target: Onto,
    /// The folder that `mycel render` has written from this file.
    #[arg(long, value_name = "DIR", default_value = "deploy", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    /// The folder of what runs now, for going back to it (compose,
    /// terraform).
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) before: Option<PathBuf>,
    /// Show the commands and their order, and carry nothing out: it is all that
    /// there is yet.
    #[arg(long, required = true)]
    pub(crate) plan: bool,
}
