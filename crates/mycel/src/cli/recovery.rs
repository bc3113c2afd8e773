//! The flags of `mycel trust split`, `recover`, `drill` and what belongs to them.

use clap::{Args, ValueHint};
use std::path::PathBuf;

/// Where the planet's keys are.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// The planet's data directory; the planet may be running.
    #[arg(long, value_name = "DIR", default_value = ".mycel", value_hint = ValueHint::DirPath)]
    pub(crate) data: PathBuf,
}

/// Shares, as their holders brought them.
#[derive(Debug, Args)]
pub(crate) struct SharesArgs {
    /// Files with a share each; when there is none, standard input, a share a
    /// line, in words or letters.
    #[arg(value_name = "SHARE", value_hint = ValueHint::FilePath)]
    pub(crate) shares: Vec<PathBuf>,
    /// The key file of a holder, for a share that is sealed.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SplitArgs {
    /// The planet file, which says how many shares there are and how many are
    /// needed; 3 of 5 when left out.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The directory to make, with a file and a page for each share.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    /// Who gets the next share, and the key that it is sealed to; `mycel trust
    /// holder` shows it. Without a key it is not sealed.
    #[arg(long, value_name = "NAME[=KEY]")]
    pub(crate) holder: Vec<String>,
    /// Show the shares on the screen too.
    #[arg(long)]
    pub(crate) print: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HolderArgs {
    /// Your secret: a key file that you have, such as your agent's, or one to
    /// make.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct OpenShareArgs {
    /// The file of the sealed share.
    #[arg(value_name = "SHARE", value_hint = ValueHint::FilePath)]
    pub(crate) share: PathBuf,
    /// The key file that it was sealed to.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: PathBuf,
    /// The file to write; an existing one is never overwritten.
    #[arg(long, short, value_name = "FILE", required_unless_present = "print", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// Show it on the screen.
    #[arg(long)]
    pub(crate) print: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Make every key anew in this directory, out of the sealed copies in the
    /// data directory; without it, only the root secret is put back.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) into: Option<PathBuf>,
    /// Leave the keys plain that a token had wrapped: it is lost.
    #[arg(long, requires = "into")]
    pub(crate) plain: bool,
    #[command(flatten)]
    pub(crate) shares: SharesArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RehearseArgs {
    /// The planet file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) shares: SharesArgs,
    /// Where the keys are recovered to and wiped again: the data directory when
    /// left out. A directory in memory leaves no trace on a disk.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) scratch: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DrillsArgs {
    /// The planet file, which says how often recovery is rehearsed.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}
