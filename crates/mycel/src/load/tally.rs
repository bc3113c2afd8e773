//! What came of the ops so far.

use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The longest latency that is told apart from longer ones.
const LONGEST_MICROS: u64 = 600_000_000;
/// Digits of a latency that are kept.
const DIGITS: u8 = 3;

/// Counts and latencies, shared by all agents.
pub(super) struct Tally(Mutex<Counts>);

/// What has been counted.
pub(super) struct Counts {
    /// From the moment that each was due until its answer.
    pub(super) latency: Histogram<u64>,
    /// Those that were refused or lost, by the name of why.
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) sent: u64,
    pub(super) done: u64,
}

impl Counts {
    pub(super) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.sent.saturating_sub(self.done).saturating_sub(self.failed())
    }
}

impl Tally {
    pub(super) fn new() -> Option<Self> {
        let latency = Histogram::new_with_bounds(1, LONGEST_MICROS, DIGITS).ok()?;
        Some(Self(Mutex::new(Counts { latency, errors: BTreeMap::new(), sent: 0, done: 0 })))
    }

    pub(super) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn sent(&self) {
        self.counts().sent += 1;
    }

    pub(super) fn ended(&self, took: Duration, error: Option<String>) {
        let mut counts = self.counts();
        match error {
            None => {
                counts.done += 1;
                counts.latency.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1));
            }
            Some(why) => *counts.errors.entry(why).or_default() += 1,
        }
    }
}
