//! The flags of `mycel audit`.

use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check every entry and tile against the signed checkpoint, or a proof.
    Verify {
        /// The log's directory, or a copy of it; or the file of a proof.
        #[arg(value_name = "DIR", required_unless_present = "url", value_hint = ValueHint::AnyPath)]
        what: Option<PathBuf>,
        #[command(flatten)]
        from: FromArgs,
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
    /// Copy the log of a planet that runs, or what is new of it; checked as it comes.
    Mirror(MirrorArgs),
    /// Cosign the newest checkpoint, if it continues the last one cosigned.
    Witness(WitnessArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The log's directory, or a copy of it.
    #[arg(value_name = "DIR", required_unless_present = "url", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) from: FromArgs,
}

/// A planet that runs, instead of a directory.
#[derive(Debug, Args)]
pub(crate) struct FromArgs {
    /// The address of a planet that runs, instead of DIR.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Which of your agents asks; entries are shown to those who administer,
    /// such as `operator`, and all else to anybody.
    #[arg(long = "as", value_name = "NAME", requires = "url")]
    pub(crate) agent: Option<String>,
    /// Where keys and leases are kept.
    #[arg(long, value_name = "DIR", env = "MYCEL_HOME", default_value = ".mycel", value_hint = ValueHint::DirPath)]
    pub(crate) home: PathBuf,
    /// For https: the PEM file of whoever signed the planet's certificate.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) authority: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct MirrorArgs {
    /// The folder of the copy; made when it is not there.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) from: FromArgs,
    /// The log's public key, NAME+ID+KEY, or a file with it; the one that the
    /// copy was begun with when left out, and at first the one that the planet
    /// names.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
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
