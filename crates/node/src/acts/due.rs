//! What an audit log is due from time to time: entries that are too old go, and
//! its key gives its place to the next.
//!
//! It must never do either without its entry, which `audit` makes first; and
//! what fails here is tried again, and keeps nobody from acting.

use super::{Acts, By, locked};
use audit::home;
use vocab::Millis;

/// How long the log is kept, how long its key is used, and how long the one
/// before signs beside it, where the planet does not say.
pub(super) const RULES: Rules = Rules { kept: Millis::days(365), every: Millis::days(90), overlap: Millis::days(7) };

/// What the planet's file says of its audit log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    kept: Millis,
    every: Millis,
    overlap: Millis,
}

impl Acts {
    /// Goes by what a planet's file says: how long entries are kept, and how
    /// often the log's key has a successor.
    pub fn follows(&self, planet: &planet::Planet) {
        let mut rules = locked(&self.rules);
        *rules = RULES;
        if let Some(watch) = &planet.watch {
            rules.kept = watch.audit.value;
        }
        if let Some(keys) = &planet.keys {
            (rules.every, rules.overlap) = (keys.rotation.value, keys.overlap.value);
        }
    }

    /// Prunes what is too old, and gives the key's place to the next when it is
    /// time.
    pub(super) fn look(&self) {
        let (rules, now) = (*locked(&self.rules), self.clock.now());
        let enter = |act| self.entry(&By::node(), self.place.clone(), act, "");
        match self.log.prune(now.0.saturating_sub(rules.kept.0), enter) {
            Ok(None) => {}
            Ok(Some(pruned)) => tracing::info!(first = pruned.first, "older entries of the audit log were pruned"),
            Err(why) => tracing::warn!(%why, "older entries of the audit log cannot be pruned"),
        }
        match home::turn(&self.data, &self.log, (now, rules.every, rules.overlap), enter) {
            Ok(None) => {}
            Ok(Some(next)) => {
                tracing::info!(%next, "the audit log goes on under another key");
                *locked(&self.vkey) = next.to_string();
            }
            Err(why) => {
                tracing::warn!(%why, "the audit log's key cannot be rotated: it stays in use, and is tried again");
            }
        }
    }
}
