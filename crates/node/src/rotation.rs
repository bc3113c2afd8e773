//! Rotation of regional keys, while the planet runs: a thread that looks whether
//! one is due, or was asked for. That of keys which sign is in `signing`.
//!
//! It must never make anything with a key that is not on the disk, nor take a
//! key away while something is under it: the next key is written, all owners'
//! keys are wrapped under it, it takes the place of the one before, and only
//! then are leases made with it. The audit log has it before any of that. What a kill cuts short goes on at the next
//! start. Nobody waits for it, and no lease ends by it.

use crate::acts::{Acts, By};
use crate::clock::{Clock, Settled};
use crate::engine::keys::Keys;
use crate::home::{HomeError, regional_name};
use crate::keyring::Keyring;
use crate::wake::Progress;
use audit::entry::{Act, Name, Place};
use custody::{folder, succession};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use trust::{Moment, PlanetId, RegionTag, RegionalKey};
use vocab::Millis;

/// How long a key is used when the planet says nothing.
pub(crate) const DATA_ROTATION: Millis = Millis::days(30);

/// Between two looks.
pub(crate) const LOOK: Duration = Duration::from_secs(1);
/// A key that is older than this beyond its time is late: something keeps it
/// from being rotated.
pub(crate) const GRACE: Millis = Millis::hours(1);
/// A rotation that failed is tried again after so many looks.
pub(crate) const AGAIN: u32 = 60;

/// A region whose key is rotated here.
pub(crate) struct Turning {
    pub(crate) id: String,
    pub(crate) tag: RegionTag,
    pub(crate) keys: Arc<Keys>,
    pub(crate) ages: Arc<Ages>,
}

/// What is told of a key, for the metrics: 0 while nothing was looked at.
#[derive(Debug, Default)]
pub(crate) struct Ages {
    pub(crate) age: AtomicU64,
    pub(crate) turns: AtomicU64,
    pub(crate) late: AtomicU64,
    rest: AtomicU64,
}

/// Looks after a rotation in which no age makes a key due: by a clock that was
/// far ahead, and was set back, every key that is made looks old.
const REST: u64 = 3_600;

impl Ages {
    /// Whether the last rotation here was just now.
    pub(crate) fn rests(&self) -> bool {
        self.rest.load(Relaxed) > 0
    }

    /// Whether a key is due by its age: none is by a clock that was just set
    /// ahead, nor right behind a rotation.
    pub(crate) fn makes_due(&self, age: Millis, every: Millis, settled: bool) -> bool {
        settled && !self.rests() && age >= every
    }

    /// How old a key is now; whoever is late is told of when that begins.
    pub(crate) fn look(&self, key: &str, age: Millis, every: Millis) {
        self.age.store(age.0, Relaxed);
        self.rest.store(self.rest.load(Relaxed).saturating_sub(1), Relaxed);
        let late = age.0 > every.0.saturating_add(GRACE.0);
        if self.late.swap(u64::from(late), Relaxed) == 0 && late {
            tracing::warn!(key, %age, %every, "a key is older than the planet lets one be: something keeps it from being rotated");
        }
    }

    /// Another key has taken its place.
    pub(crate) fn turned(&self) {
        self.turns.fetch_add(1, Relaxed);
        self.rest.store(REST, Relaxed);
        self.age.store(0, Relaxed);
        self.late.store(0, Relaxed);
    }

    /// The same as figures, under a label.
    pub(crate) fn figures(&self, label: &str) -> [(&'static str, String, u64); 3] {
        let told = |figure: &AtomicU64| figure.load(Relaxed);
        [
            ("mycel_key_age_seconds", label.to_owned(), told(&self.age) / 1_000),
            ("mycel_key_rotations_total", label.to_owned(), told(&self.turns)),
            ("mycel_key_late", label.to_owned(), told(&self.late)),
        ]
    }
}

/// Whoever rotates.
pub(crate) struct Rotation {
    pub(crate) folder: PathBuf,
    pub(crate) planet: PlanetId,
    pub(crate) regions: Vec<Turning>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) settled: Settled,
    pub(crate) acts: Arc<Acts>,
    /// How long a key is used, and how long it is believed after that.
    pub(crate) every: Millis,
    pub(crate) overlap: Millis,
    /// Looks until a failed one is tried again.
    pub(crate) wait: u32,
}

impl Rotation {
    /// Rotates until the planet stops.
    pub(crate) fn run(mut self) {
        self.look();
        while self.progress.wait_to_try_again(LOOK) {
            self.look();
        }
    }

    /// Looks at every key once.
    pub(crate) fn look(&mut self) {
        self.wait = self.wait.saturating_sub(1);
        let (now, settled) = (self.clock.now(), self.settled.is(&self.clock));
        for region in &self.regions {
            if let Err(why) = self.region(region, now, settled) {
                self.wait = AGAIN;
                tracing::warn!(region = region.id, %why, "its key cannot be rotated: it stays in use, and is tried again");
                break;
            }
        }
    }

    fn region(&self, region: &Turning, now: Moment, settled: bool) -> Result<(), HomeError> {
        let name = regional_name(region.tag);
        let age = succession::age(&self.folder, &name, now)?.unwrap_or_default();
        region.ages.look(&name, age, self.every);
        let asked = succession::is_asked(&self.folder, &name);
        let begun = succession::begun(&self.folder, &name)?.is_some();
        if self.wait == 0 && (begun || asked || region.ages.makes_due(age, self.every, settled)) {
            self.rotate(region, now, asked)?;
            succession::answer(&self.folder, &name)?;
        }
        if settled { self.end_overlap(region, now) } else { Ok(()) }
    }

    fn rotate(&self, region: &Turning, now: Moment, asked: bool) -> Result<(), HomeError> {
        let (name, key) = (regional_name(region.tag), |secret| RegionalKey::new(self.planet, region.tag, secret));
        let before = folder::secret(&self.folder, &name).map(key)?;
        let next = succession::begin(&self.folder, &name).map(key)?;
        let (from, to) = (before.id(), next.id());
        let act = Act::RegionKeyRotated { from: Name::cut(&from.to_string()), to: Name::cut(&to.to_string()) };
        let (by, why) = if asked { (By::directory(), "it was asked for") } else { (By::node(), "its time has come") };
        // The next key is there and nothing is under it yet. What was cut short was perhaps entered.
        let entered = self.acts.enter_once(&by, Place::Region(Name::cut(&region.id)), act, why);
        entered.map_err(|refusal| HomeError::NotEntered(refusal.what))?;
        let owners = self.keyring.rewrap(region.tag, (next.id(), next.wrapping()))?;
        succession::finish(&self.folder, &name)?;
        region.keys.next(next, before, now.after(self.overlap));
        self.keyring.forget(region.tag);
        region.ages.turned();
        tracing::info!(region = region.id, %from, %to, owners, "its key was rotated");
        Ok(())
    }

    fn end_overlap(&self, region: &Turning, now: Moment) -> Result<(), HomeError> {
        let name = regional_name(region.tag);
        let ended = |since: Moment| since.after(self.overlap) <= now;
        if succession::before(&self.folder, &name)?.is_some_and(|(_, since)| ended(since)) {
            succession::forget(&self.folder, &name)?;
            tracing::info!(region = region.id, "the key before its present one was destroyed");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_due_by_its_age_and_by_a_clock_that_is_believed() {
        let (ages, month) = (Ages::default(), Millis::days(30));
        assert!(ages.makes_due(month, month, true) && !ages.makes_due(Millis(month.0 - 1), month, true));
        assert!(!ages.makes_due(Millis::days(9_000), month, false), "the clock was set ahead");
        ages.turned();
        assert!(!ages.makes_due(Millis::days(9_000), month, true), "it was just rotated");
        (0..REST).for_each(|_| ages.look("one", month, month));
        assert!(ages.makes_due(month, month, true));
    }
}
