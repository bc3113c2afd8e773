//! What `mycel op` takes.

use super::Who;
use clap::{Args, Subcommand};

/// How an op is sent.
#[derive(Debug, Args)]
pub(crate) struct Sending {
    #[command(flatten)]
    pub(crate) who: Who,
    /// Wait at most so long for the rate; 0s fails at once.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub(crate) patience: vocab::Millis,
    /// The op's name, 32 letters: the same again does nothing twice.
    #[arg(long, value_name = "HEX")]
    pub(crate) id: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    /// The agent: 64 letters, or the name of one of yours.
    pub(crate) agent: String,
    /// Yes, all of it, for ever: records of every class, and messages that nobody has read.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Wait at most so long for a region that does not answer.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) patience: vocab::Millis,
    #[command(flatten)]
    pub(crate) who: Who,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OpCommand {
    /// Write a record.
    Put {
        /// The record's name.
        key: String,
        /// What it is to say.
        value: String,
        /// Its residency class.
        #[arg(long, value_name = "NAME")]
        class: Option<String>,
        #[command(flatten)]
        sending: Sending,
    },
    /// Read a record.
    Get {
        /// The record's name.
        key: String,
        #[command(flatten)]
        sending: Sending,
    },
    /// Remove a record.
    Delete {
        /// The record's name.
        key: String,
        #[command(flatten)]
        sending: Sending,
    },
    /// Send a message to an agent.
    Send {
        /// The agent: 64 letters, or the name of one of yours.
        to: String,
        /// What to say.
        message: String,
        #[command(flatten)]
        sending: Sending,
    },
    /// Make an entry in the chain, and nothing else.
    Echo {
        /// Any text.
        text: String,
        #[command(flatten)]
        sending: Sending,
    },
    /// Agree that records of a class are kept, or take that back.
    Consent {
        /// The residency class, as the planet file calls it.
        #[arg(long, value_name = "NAME")]
        class: String,
        /// Take it back. What was kept stays until it is deleted, erased or too old.
        #[arg(long)]
        withdraw: bool,
        #[command(flatten)]
        sending: Sending,
    },
    /// Opt out of having records of a class shared, or back in.
    OptOut {
        /// The residency class, as the planet file calls it.
        #[arg(long, value_name = "NAME")]
        class: String,
        /// Opt back in.
        #[arg(long)]
        back: bool,
        #[command(flatten)]
        sending: Sending,
    },
    /// Erase everything that you have sealed: the key to it is destroyed.
    Erase {
        /// Yes, all of it, for ever: records of every class, and messages that nobody has read.
        #[arg(long)]
        yes: bool,
        /// In every region that you have been in, and not only in that of your slot; --patience is then for a
        /// region that does not answer.
        #[arg(long, conflicts_with = "id")]
        everywhere: bool,
        #[command(flatten)]
        sending: Sending,
    },
    /// List what you have agreed to, opted out of and had erased.
    Stances {
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        most: usize,
        #[command(flatten)]
        who: Who,
    },
    /// Say where an op is.
    Status {
        /// The op's name.
        id: String,
        #[command(flatten)]
        who: Who,
    },
    /// Cancel an op that has not begun.
    Cancel {
        /// The op's name.
        id: String,
        #[command(flatten)]
        who: Who,
    },
    /// List your newest ops.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        most: usize,
        #[command(flatten)]
        who: Who,
    },
}
