//! Bans enforced by the kernel's packet filter, so that a flood from whoever is
//! banned costs no work of ours.
//!
//! A fast path and nothing more: [`block::bans::Bans`] stays the authority, and
//! each request is checked against it. What the kernel was not told, or has
//! lost, is turned away a little later and a little dearer. So nothing here
//! blocks or fails a caller, and where the kernel may not be told,
//! [`Enforcer::start`] says so once.
//!
//! `wanted` decides what is sent and `script` words it, both pure; `nft` runs
//! the program and `enforcer` is the thread around them.

mod enforcer;
mod nft;
mod script;
mod wanted;

pub use enforcer::{Enforcer, Status};
pub use nft::Unavailable;
pub use wanted::{LONGEST, MAX_BANS, MAX_CHANGES, MAX_PART};

use block::bans::Net;
use vocab::Millis;

/// What happened to a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A network is banned from now on; the last word on it counts, whether
    /// that is longer than the one before or shorter.
    Ban {
        /// Who; host bits do not matter.
        net: Net,
        /// For how long from now.
        lasts: Millis,
    },
    /// A network is banned no more, if it was.
    Lift(Net),
}
