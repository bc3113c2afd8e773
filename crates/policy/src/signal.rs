//! Signals smoothed over time, in integers.
//!
//! Samples come when they come, so a sample's weight follows from the time since
//! the one before: dt / (τ + dt), the implicit form of exponential decay. It
//! needs no exponential, never overshoots, and forgets all after a long silence.

use serde::Serialize;
use std::fmt;
use vocab::Millis;

/// A length of time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Micros(pub u64);

impl fmt::Display for Micros {
    /// In milliseconds, with one decimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.saturating_add(50) / 100;
        write!(f, "{}.{} ms", tenths / 10, tenths % 10)
    }
}

/// Bits behind the point that a smoothed value keeps, so that small samples are
/// not rounded away.
const FRACTION: u32 = 20;
/// The largest sample: 2^42 µs are fifty days.
const MOST: u64 = 1 << 42;

/// How long a round trip between an origin and a region is remembered. With
/// 10 s, jitter and spikes moved 47 of 234 cities in 1,000 ticks; with 30 s, 8. A
/// region that is lost is left at once, by its health and not by this.
pub const RTT_MEMORY: Millis = Millis::seconds(30);

/// A smoothed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Smoothed {
    fixed: u64,
    at: Millis,
}

impl Smoothed {
    /// The first sample is all that is known.
    #[must_use]
    pub fn new(sample: u64, at: Millis) -> Self {
        Self { fixed: sample.min(MOST) << FRACTION, at }
    }

    /// The value.
    #[must_use]
    pub const fn value(self) -> u64 {
        (self.fixed + (1 << (FRACTION - 1))) >> FRACTION
    }

    /// Takes a sample in, `tau` being the time after which half of the past is
    /// forgotten. Time that stands still or runs backwards counts as a
    /// millisecond: samples of one instant all count.
    pub fn add(&mut self, sample: u64, at: Millis, tau: Millis) {
        let passed = u128::from(at.0.saturating_sub(self.at.0).max(1));
        let (old, new) = (u128::from(self.fixed), u128::from(sample.min(MOST) << FRACTION));
        let tau = u128::from(tau.0);
        let mean = (old * tau + new * passed) / (tau + passed);
        self.fixed = u64::try_from(mean).unwrap_or(u64::MAX);
        self.at = self.at.max(at);
    }

    /// The same, but a sample above the value is believed at once: for choosing
    /// between hosts, where the cost of a slow one is paid by whoever waits.
    pub fn add_peak(&mut self, sample: u64, at: Millis, tau: Millis) {
        if sample > self.value() {
            *self = Self::new(sample, self.at.max(at));
        } else {
            self.add(sample, at, tau);
        }
    }
}

/// How a request ended, seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered; a refusal that the caller deserved is an answer too.
    Answered,
    /// It was turned away for want of room: 429 or 503.
    TurnedAway,
    /// It failed.
    Failed,
}

impl Outcome {
    /// Whether the region did its work.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Answered)
    }

    /// The time that a request counts with. A region that refuses fast would
    /// otherwise look like the fastest and draw everybody in: what is not
    /// answered took as long as anybody would have waited.
    #[must_use]
    pub fn charged(self, took: Micros, patience: Micros) -> Micros {
        if self.is_success() { took } else { took.max(patience) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAU: Millis = Millis(10_000);

    #[test]
    fn a_constant_stays_and_a_step_is_followed() {
        let mut value = Smoothed::new(80_000, Millis(0));
        for second in 1..100 {
            value.add(80_000, Millis(second * 1_000), TAU);
            assert_eq!(value.value(), 80_000);
        }
        value.add(40_000, Millis(109_000), TAU);
        assert_eq!(value.value(), 60_000, "half of the past is forgotten after tau");
    }

    #[test]
    fn a_thousand_small_samples_are_not_rounded_away() {
        let mut value = Smoothed::new(100, Millis(0));
        for at in 1..=200_000 {
            value.add(200, Millis(at), TAU);
        }
        assert_eq!(value.value(), 200);
    }

    #[test]
    fn a_peak_is_believed_at_once_and_forgotten_slowly() {
        let mut value = Smoothed::new(10, Millis(0));
        value.add_peak(1_000, Millis(1), TAU);
        assert_eq!(value.value(), 1_000);
        value.add_peak(10, Millis(1_001), TAU);
        assert!((900..1_000).contains(&value.value()), "{value:?}");
    }

    #[test]
    fn extremes_do_not_overflow() {
        let mut value = Smoothed::new(u64::MAX, Millis(u64::MAX));
        value.add(u64::MAX, Millis(0), Millis(u64::MAX));
        value.add_peak(u64::MAX, Millis(u64::MAX), Millis(0));
        assert_eq!(value.value(), MOST);
    }

    #[test]
    fn a_fast_refusal_counts_as_slow() {
        let (fast, patience) = (Micros(200), Micros(1_000_000));
        assert_eq!(Outcome::Answered.charged(fast, patience), fast);
        for outcome in [Outcome::TurnedAway, Outcome::Failed] {
            assert_eq!(outcome.charged(fast, patience), patience);
            assert_eq!(outcome.charged(Micros(2_000_000), patience), Micros(2_000_000));
        }
    }
}
