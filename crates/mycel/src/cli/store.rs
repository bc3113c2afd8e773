//! The flags of `mycel store`.

use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Read all that a planet keeps: every checksum, every link, every row.
    Verify(DataArgs),
    /// Show the entries of the log, in their order.
    Dump {
        #[command(flatten)]
        data: DataArgs,
        /// Of this block only, as REGION/INDEX.
        #[arg(long, value_name = "BLOCK")]
        block: Option<String>,
    },
    /// Write all of it to one file, sealed; also while the planet runs.
    Backup(BackupArgs),
    /// Make a data directory from a backup, and follow every chain in it.
    Restore(RestoreArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// The data directory; no planet may be using it.
    #[arg(long, value_name = "DIR", default_value = ".mycel", value_hint = ValueHint::DirPath)]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The data directory of a planet that does not run.
    #[arg(long, value_name = "DIR", default_value = ".mycel", conflicts_with = "url", value_hint = ValueHint::DirPath)]
    pub(crate) data: PathBuf,
    /// The address of a planet that runs; --as and --home then say as whom.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// As whom, at a planet that runs: somebody who may administer, such as its
    /// operator. It takes --url.
    #[arg(long = "as", value_name = "NAME", default_value = "operator", requires = "url")]
    pub(crate) name: String,
    /// Where the key of whom --as names is kept: for the operator, the planet's
    /// data directory.
    #[arg(long, value_name = "DIR", env = "MYCEL_HOME", default_value = ".mycel", value_hint = ValueHint::DirPath)]
    pub(crate) home: PathBuf,
    /// For https: the PEM file of whoever signed the planet's certificate.
    #[arg(long, value_name = "FILE", requires = "url", value_hint = ValueHint::FilePath)]
    pub(crate) authority: Option<PathBuf>,
    /// The file to write; an existing one is never overwritten.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
    /// The key that it is sealed under, made when it is not there: OUT.key when
    /// left out.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
    /// Put the owners' keys in too. What is erased later stays readable for
    /// whoever has such a backup and its key.
    #[arg(long)]
    pub(crate) with_owners: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) from: PathBuf,
    /// The key that it is sealed under: FROM.key when left out.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
    /// The directory to make.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: PathBuf,
    /// The owners' keys to read with: the file `owners` of the planet as it was
    /// last, which knows what was erased since.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) owners: Option<PathBuf>,
}
