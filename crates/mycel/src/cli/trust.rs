//! What `mycel trust` is told.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Compute hexadecimal digits of π, from which salts are taken. They are
    /// public, and add no strength to anything.
    Pi {
        /// Where to begin, counted from 0 after the point.
        #[arg(long, value_name = "N", default_value_t = 0)]
        at: u64,
        /// How many digits.
        #[arg(long, value_name = "K", default_value_t = 64)]
        digits: u64,
    },
}
