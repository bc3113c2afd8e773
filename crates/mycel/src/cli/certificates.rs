//! What `mycel trust` is told about keys and certificates.

use super::LogLevel;
use clap::{Args, ValueHint};
use custody::spiffe::Role;
use std::net::SocketAddr;
use std::path::PathBuf;
use vocab::Millis;

/// Where a planet's keys are.
#[derive(Debug, Args)]
pub(crate) struct Data {
    /// The planet's directory.
    #[arg(long, value_name = "DIR", default_value = ".mycel", value_hint = ValueHint::DirPath)]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The planet file: it says which regions there are.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Make the root key in the PKCS#11 token of this label, and wrap the other
    /// keys by it.
    #[arg(long, value_name = "LABEL", requires = "module")]
    pub(crate) token: Option<String>,
    /// The library that speaks for the token.
    #[arg(long, value_name = "PATH", requires = "token", value_hint = ValueHint::FilePath)]
    pub(crate) module: Option<PathBuf>,
    /// Also make a directory for the gateways of each region that run on
    /// machines apart, with keys for as many as the file lets there be.
    #[arg(long)]
    pub(crate) apart: bool,
    #[command(flatten)]
    pub(crate) home: Data,
}

#[derive(Debug, Args)]
pub(crate) struct OfficeArgs {
    /// The planet file: it says which regions there are.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Where nodes on machines apart come; what passes is signed, and nothing of
    /// it is secret.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7116")]
    pub(crate) listen: SocketAddr,
    /// How long certificates last; seven days at most.
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub(crate) life: Millis,
    /// How much to log to standard error.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = LogLevel::Warn)]
    pub(crate) log: LogLevel,
    /// Log as JSON, a line each.
    #[arg(long)]
    pub(crate) log_json: bool,
    #[command(flatten)]
    pub(crate) home: Data,
}

#[derive(Debug, Args)]
pub(crate) struct WrapArgs {
    #[command(flatten)]
    pub(crate) home: Data,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The planet file, whose [keys] say how old keys may be; the one that it
    /// last ran with, or the defaults, when left out.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) home: Data,
}

#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The key of this region only; with --node, that of its host, and with
    /// --audit, that of its log.
    #[arg(long, value_name = "REGION", conflicts_with_all = ["gateway", "operator", "ca"])]
    pub(crate) region: Option<String>,
    /// The keys of the hosts, by which they sign heads and show who they are.
    #[arg(long)]
    pub(crate) node: bool,
    /// The keys of the gateways.
    #[arg(long)]
    pub(crate) gateway: bool,
    /// The operator's key: also while the planet does not run.
    #[arg(long)]
    pub(crate) operator: bool,
    /// The keys of the audit logs, the planet's and the regions': also while the
    /// planet does not run.
    #[arg(long)]
    pub(crate) audit: bool,
    /// The CA alone: one that the root key has endorsed takes its place.
    #[arg(long, conflicts_with_all = ["node", "gateway", "operator", "audit"])]
    pub(crate) ca: bool,
    /// How long to wait until it is done.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) patience: Millis,
    #[command(flatten)]
    pub(crate) home: Data,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The serial of a certificate, 32 letters, or a key, 64 letters.
    #[arg(value_name = "SERIAL|KEY", required_unless_present_any = ["region", "ca"], conflicts_with_all = ["region", "ca"])]
    pub(crate) what: Option<custody::revocation::What>,
    /// Every key that a node of this region has had a certificate for.
    #[arg(long, value_name = "REGION", conflicts_with = "ca")]
    pub(crate) region: Option<String>,
    /// The CA and those that were to follow it: another is made with the root
    /// key, and every node asks it for another certificate.
    #[arg(long)]
    pub(crate) ca: bool,
    /// Why. The list is public: every node has it, and everybody may read this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) home: Data,
}

#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// What the node does: gateway, block, hub or edge.
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Role,
    /// The region that it is of.
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    #[command(flatten)]
    pub(crate) home: Data,
}

#[derive(Debug, Args)]
pub(crate) struct IssueArgs {
    /// The request.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) request: PathBuf,
    /// The node's key, as whoever runs the node has told it: needed the first
    /// time, and when it bears another name since.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// How long the certificate lasts; seven days at most.
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub(crate) life: Millis,
    #[command(flatten)]
    pub(crate) home: Data,
}
