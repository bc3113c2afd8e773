//! The flags of `mycel audit`.

use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check every entry and tile against the signed checkpoint, or a proof.
    Verify {
        /// The log's directory, or a copy of it; or the file of a proof.
        #[arg(value_name = "DIR", value_hint = ValueHint::AnyPath)]
        what: PathBuf,
        /// The log's public key, NAME+ID+KEY, or a file with it.
        #[arg(long, value_name = "KEY")]
        key: String,
        /// Another checkpoint of the log, which it has to continue.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        against: Vec<PathBuf>,
    },
    /// Show the newest entries; nothing is checked.
    Tail {
        #[command(flatten)]
        log: LogArgs,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 20)]
        most: u64,
    },
    /// Print a proof of one entry, which needs neither the log nor a network.
    Prove {
        #[command(flatten)]
        log: LogArgs,
        /// Which entry, counted from 0.
        #[arg(long, value_name = "N")]
        index: u64,
    },
    /// Print all entries as lines of JSON; nothing is checked.
    Export {
        #[command(flatten)]
        log: LogArgs,
    },
    /// Cosign the newest checkpoint, if it continues the last one cosigned.
    Witness(WitnessArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The log's directory, or a copy of it.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct WitnessArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// The log's public key, NAME+ID+KEY, or a file with it.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: String,
    /// The witness's own secret key; made when it is not there.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key_file: PathBuf,
    /// Where it keeps what it cosigned last: one file for each log.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) state: PathBuf,
    /// The witness's name, such as witness.example/w1.
    #[arg(long, value_name = "NAME", default_value = "mycel-witness")]
    pub(crate) name: String,
}
