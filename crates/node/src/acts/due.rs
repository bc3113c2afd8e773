//! What an audit log is due from time to time: entries that are too old go, and
//! its key gives its place to the next.
//!
//! It must never do either without its entry, which `audit` makes first; and
//! what fails here is tried again, and keeps nobody from acting. The key is
//! looked at with the others, each second, see `signing`: somebody may ask for
//! another, and how old it is is told.

use super::{Acts, By, locked};
use crate::rotation::{AGAIN, Ages};
use audit::home::{self, KEY, Times};
use custody::succession;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use vocab::Millis;

/// How long the log is kept, how long its key is used, and how long the one
/// before signs beside it, where the planet does not say.
pub(super) const RULES: Rules = Rules { kept: Millis::days(365), every: Millis::days(90), overlap: Millis::days(7) };

/// A planet that was down for longer has its clock believed after an hour.
const APART: Millis = Millis::days(30);

/// What the planet's file says of its audit log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    kept: Millis,
    every: Millis,
    overlap: Millis,
}

/// What is told of the log's key, and looks until one that failed is tried again.
#[derive(Debug, Default)]
pub(super) struct LogsKey {
    ages: Ages,
    wait: AtomicU32,
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

    /// Whether the log's newest entry bears out the clock: one that is far ahead at
    /// a start would prune all there is, and nothing brings it back.
    pub(super) fn bears_out_the_clock(&self) -> bool {
        let newest = home::newest(&self.files, self.log.published().size, |_, entry| Some(entry.time));
        newest.is_ok_and(|newest| newest.is_some_and(|newest| self.clock.now().0 <= newest.saturating_add(APART.0)))
    }

    /// Prunes what is too old.
    pub(super) fn look(&self, may_prune: bool) {
        let (rules, now) = (*locked(&self.rules), self.clock.now());
        let enter = |act| self.entry(&By::node(), self.place.clone(), act, "");
        let before = if may_prune { now.0.saturating_sub(rules.kept.0) } else { 0 };
        match self.log.prune(before, enter) {
            Ok(None) => {}
            Ok(Some(pruned)) => tracing::info!(first = pruned.first, "older entries of the audit log were pruned"),
            Err(why) => tracing::warn!(%why, "older entries of the audit log cannot be pruned"),
        }
    }

    /// Gives the place of the log's key to the next when it is time, or somebody
    /// has asked for it.
    pub(crate) fn look_at_key(&self, settled: bool) {
        // Nothing is entered behind the end, which waits for this.
        let is_open = locked(&self.is_open);
        if !*is_open {
            return;
        }
        let wait = self.key.wait.load(Relaxed).saturating_sub(1);
        self.key.wait.store(wait, Relaxed);
        if let Err(why) = self.turn_key(settled, wait > 0) {
            self.key.wait.store(AGAIN, Relaxed);
            tracing::warn!(%why, "the audit log's key cannot be rotated: it stays in use, and is tried again");
        }
    }

    fn turn_key(&self, settled: bool, waits: bool) -> Result<(), home::HomeError> {
        let (rules, now, keys) = (*locked(&self.rules), self.clock.now(), self.data.join("keys"));
        self.key.ages.look(KEY, succession::age(&keys, KEY, now)?.unwrap_or_default(), rules.every);
        if waits {
            return Ok(());
        }
        let asked = succession::is_asked(&keys, KEY);
        let (by, why) = if asked { (By::directory(), "it was asked for") } else { (By::node(), "") };
        let enter = |act| self.entry(&by, self.place.clone(), act, why);
        let rests = self.key.ages.rests();
        let times = Times { now, settled, rests, every: rules.every, overlap: rules.overlap };
        if let Some(next) = home::turn(&self.data, &self.log, times, enter)? {
            tracing::info!(%next, "the audit log goes on under another key");
            *locked(&self.vkey) = next.to_string();
            self.key.ages.turned();
        }
        Ok(())
    }

    /// Figures about the log's key: a name, labels, and a number each.
    pub(crate) fn key_figures(&self) -> [(&'static str, String, u64); 3] {
        self.key.ages.figures(&format!("key=\"{KEY}\""))
    }
}
