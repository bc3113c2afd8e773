//! What the monitor has done, gathered for a moment, and how long whoever enters
//! it sleeps.
//!
//! It must never hold the log: one that nobody has any more is free for another.

use super::locked;
use audit::Entry;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long bans of the monitor are gathered; a kill loses so many at most.
const GATHER: Duration = Duration::from_secs(1);
/// How often it is looked for entries that are older than the log is kept:
/// segments are closed after thirty days, so that one waits for no longer.
pub(super) const LOOK: Duration = Duration::from_secs(60 * 60);

#[derive(Default)]
pub(super) struct Gathered {
    pub(super) named: Vec<Entry>,
    pub(super) more: u64,
    pub(super) ended: bool,
}

/// What the monitor has done and is not entered yet. Its thread holds this, and
/// not the log: a log that nobody has any more is free for another.
#[derive(Default)]
pub(super) struct Gathering {
    pub(super) gathered: Mutex<Gathered>,
    pub(super) something: Condvar,
}

impl Gathering {
    /// Waits until there is something, or it is time to look for what is too
    /// old, and then a while longer; whether it is over.
    pub(super) fn wait(&self) -> bool {
        let nothing = |gathered: &mut Gathered| gathered.named.is_empty() && gathered.more == 0 && !gathered.ended;
        let waited = self.something.wait_timeout_while(locked(&self.gathered), LOOK, nothing);
        let waited = waited.unwrap_or_else(PoisonError::into_inner).0;
        let waited = self.something.wait_timeout_while(waited, GATHER, |gathered| !gathered.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    pub(super) fn end(&self) {
        locked(&self.gathered).ended = true;
        self.something.notify_all();
    }
}
