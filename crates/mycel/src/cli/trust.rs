//! What `mycel trust` is told.

use super::certificates::{InitArgs, IssueArgs, OfficeArgs, RequestArgs, RevokeArgs, RotateArgs, StatusArgs, WrapArgs};
use super::recovery::{DrillsArgs, HolderArgs, OpenShareArgs, RecoverArgs, RehearseArgs, SplitArgs};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Make the keys of a planet that are missing, and say what each is for.
    Init(InitArgs),
    /// Show every key and certificate: how old, until when, and what is wrong.
    Status(StatusArgs),
    /// Have the token that keeps the root wrap the keys that are plain yet.
    Wrap(WrapArgs),
    /// Have keys replaced now: all that can be, or those that are named. A planet
    /// that runs goes on meanwhile.
    Rotate(RotateArgs),
    /// Take back a certificate, a key, or all that a region's host has.
    Revoke(RevokeArgs),
    /// Ask for a certificate, on a machine apart from the CA.
    Request(RequestArgs),
    /// Answer a request for a certificate, where the CA is.
    Issue(IssueArgs),
    /// Give certificates to nodes on machines apart, for as long as this runs.
    Office(OfficeArgs),
    /// Split the planet's root secret into shares: some of them give it back,
    /// and fewer say nothing.
    Split(SplitArgs),
    /// Show the key that shares are sealed to for you.
    Holder(HolderArgs),
    /// Open a share that was sealed to you.
    OpenShare(OpenShareArgs),
    /// Put the root secret back together, and make the other keys anew.
    Recover(RecoverArgs),
    /// Rehearse a recovery: prove that the shares open what the planet keeps.
    Drill(RehearseArgs),
    /// Show the rehearsed recoveries, and whether the last is too long ago.
    Drills(DrillsArgs),
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
