//! The only clock of the shell: the cores are handed what it says.
//!
//! It follows the machine's and never steps back. When that one is set back,
//! it goes on from where it was, a little slower, until the two meet: limits,
//! ticks and leases go on, and nothing waits for as long as the step was.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use trust::Moment;
use vocab::Millis;

/// Threads read the machine's clock a moment before or after each other: that
/// is no step.
const STEP: u64 = 20;

/// Of each sixteen milliseconds that pass after a step back, so many count.
const SLOWER: u64 = 15;

/// A clock that runs this far ahead of what has passed was set.
const JUMP: Millis = Millis::minutes(1);

/// What cannot be undone waits for so long after that.
const SETTLE: Duration = Duration::from_secs(3_600);

/// Wall-clock time that never steps back while the process runs.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    latest: AtomicU64,
    /// Where it was at a step back, and when.
    held: Mutex<Option<(u64, Instant)>>,
    /// For tests: how far the machine's is ahead.
    ahead: u64,
}

impl Clock {
    /// One that is so far ahead, for tests of clocks that were set.
    pub(crate) fn ahead(by: Millis) -> Self {
        Self { ahead: by.0, ..Self::default() }
    }

    /// The time.
    #[allow(clippy::disallowed_methods)] // This is where the time comes in.
    pub(crate) fn now(&self) -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since.as_millis()).unwrap_or(u64::MAX).saturating_add(self.ahead);
        // Within a millisecond nobody has to write: threads share what they only read.
        let latest = self.latest.load(Ordering::Relaxed);
        if latest < now {
            return Moment(self.latest.fetch_max(now, Ordering::Relaxed).max(now));
        }
        if latest - now <= STEP { Moment(latest) } else { self.go_on(latest, Instant::now()) }
    }

    /// The time after a step back.
    fn go_on(&self, latest: u64, at: Instant) -> Moment {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |(from, begun): (u64, Instant)| {
            let passed = u64::try_from(at.saturating_duration_since(begun).as_millis()).unwrap_or(u64::MAX);
            from.saturating_add(passed / 16 * SLOWER + passed % 16 * SLOWER / 16)
        };
        // One that is behind what was told since is of an earlier step.
        let now = match held.map(since).filter(|now| now + STEP >= latest) {
            Some(now) => now,
            None => {
                tracing::warn!("the machine's clock was set back: the planet's goes on, slower, until they meet");
                *held = Some((latest, at));
                latest
            }
        };
        Moment(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }
}

/// Whether a clock can be believed by whoever ends things for good: a clock
/// that was set ahead may be set back, and what was ended stays ended.
#[derive(Debug)]
pub(crate) struct Settled {
    seen: Option<(Moment, Instant)>,
    from: Option<Instant>,
}

impl Settled {
    /// Nothing was seen yet.
    pub(crate) const fn new() -> Self {
        Self { seen: None, from: None }
    }

    /// Whether it can be believed, to be asked again and again.
    pub(crate) fn is(&mut self, clock: &Clock) -> bool {
        self.is_now(clock.now())
    }

    /// The same of a time that somebody's clock says now.
    #[allow(clippy::disallowed_methods)] // Beside the time, how much of it has passed.
    pub(crate) fn is_now(&mut self, now: Moment) -> bool {
        self.is_at(now, Instant::now())
    }

    fn is_at(&mut self, now: Moment, at: Instant) -> bool {
        if let Some((before, then)) = self.seen {
            let passed = u64::try_from(at.saturating_duration_since(then).as_millis()).unwrap_or(u64::MAX);
            if now.since(before).0 > passed.saturating_add(JUMP.0) {
                tracing::warn!("the clock was set ahead: for an hour nothing is taken for too old to be kept");
                self.from = at.checked_add(SETTLE);
            }
        }
        self.seen = Some((now, at));
        self.from.is_none_or(|from| at >= from)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_goes_on_until_it_is_met() {
        let (clock, begun) = (Clock::default(), Instant::now());
        let at = |millis: u64| begun + Duration::from_millis(millis);
        let mut latest = 1_000_000;
        assert_eq!(clock.go_on(latest, at(0)), Moment(latest));
        for (passed, now) in [(16, 1_000_015), (1_600, 1_001_500), (960_000, 1_900_000)] {
            latest = clock.go_on(latest, at(passed)).0;
            assert_eq!(latest, now, "after {passed} ms");
        }
        // A second step, long after the first was made up for.
        latest = 9_000_000;
        assert_eq!(clock.go_on(latest, at(2_000_000)), Moment(latest));
        assert_eq!(clock.go_on(latest, at(2_001_600)), Moment(latest + 1_500));
    }

    #[test]
    fn what_is_told_never_steps_back() {
        let clock = Clock::default();
        let first = clock.now();
        clock.latest.store(first.0 + 60_000, Ordering::Relaxed);
        let held = clock.now();
        assert!(held.0 >= first.0 + 60_000);
        std::thread::sleep(Duration::from_millis(50));
        let later = clock.now();
        assert!(later > held && later.0 < held.0 + 10_000, "it goes on at about the same pace: {held:?} {later:?}");
    }

    #[test]
    fn a_clock_that_was_set_ahead_ends_nothing_for_an_hour() {
        let (mut settled, begun) = (Settled::new(), Instant::now());
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let now = |seconds: u64| Moment(1_000_000_000 + seconds * 1_000);
        assert!(settled.is_at(now(0), at(0)));
        assert!(settled.is_at(now(30), at(1)), "a small step is none");
        assert!(!settled.is_at(now(86_400 * 732), at(2)));
        assert!(!settled.is_at(now(86_400 * 732 + 3_500), at(3_502)));
        assert!(settled.is_at(now(86_400 * 732 + 3_700), at(3_702)), "it was meant");
        assert!(settled.is_at(now(86_400 * 732 + 3_701), at(3_703)));
    }
}
