//! How often somebody may do something, exact at the boundary.
//!
//! GCRA: a limiter is one number, the moment at which everything that was let
//! through would have been spread out evenly. 8 bytes a slot, no timers, and
//! the same answer however often it is asked.

use vocab::{Millis, Rate};

/// What may happen how often, and how much of it at once.
///
/// Time is counted in ticks of 1/`events` of a millisecond, so that "three in
/// a second" is exact: the ops are 1,000 ticks apart, of which a millisecond
/// has three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Ticks of a millisecond.
    ticks: u64,
    /// Ticks between two ops.
    apart: u64,
    /// Ticks that somebody may be ahead.
    ahead: u64,
}

/// What a limiter answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Go on.
    Now,
    /// Not before so much time has passed.
    After(Millis),
    /// Never: the rate is zero.
    Never,
}

/// One limiter's whole memory: when the next op is due, in ticks. Zero is a
/// limiter that nobody has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due(u64);

/// Milliseconds since 1970 times this stay inside 64 bits until the year 2554.
const MOST_TICKS: u64 = 1_000_000;

impl Limit {
    /// So many ops, `burst` of them at once. A rate of more than a million ops
    /// in its period is counted in coarser ticks.
    #[must_use]
    pub fn new(rate: Rate, burst: u32) -> Self {
        let ticks = rate.events.min(MOST_TICKS);
        let apart = if rate.events == 0 {
            0
        } else {
            // Rounded up: a limit is never exceeded by rounding.
            let exact = (u128::from(rate.per.0) * u128::from(ticks)).div_ceil(u128::from(rate.events));
            u64::try_from(exact).unwrap_or(u64::MAX)
        };
        Self { ticks, apart, ahead: apart.saturating_mul(u64::from(burst.max(1) - 1)) }
    }

    /// Asks to do it now, and counts it when the answer is yes. A clock that
    /// steps back takes nobody's turn away and gives nobody another.
    pub fn ask(self, due: &mut Due, now_ms: u64) -> Answer {
        if self.ticks == 0 {
            return Answer::Never;
        }
        let now = now_ms.saturating_mul(self.ticks);
        let earliest = due.0.saturating_sub(self.ahead);
        if now < earliest {
            return Answer::After(Millis((earliest - now).div_ceil(self.ticks)));
        }
        due.0 = due.0.max(now).saturating_add(self.apart);
        Answer::Now
    }

    /// The limiter of somebody whose last op was let through at that moment:
    /// what a restart reads from the chain. It is never more generous than the
    /// one that was lost.
    #[must_use]
    pub fn after_op_at(self, then_ms: u64) -> Due {
        let full = self.ahead.saturating_add(self.apart);
        Due(then_ms.saturating_mul(self.ticks).saturating_add(full))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: u64 = 1_700_000_000_000;

    fn per_second(events: u64) -> Limit {
        Limit::new(Rate::per_second(events), 1)
    }

    #[test]
    fn one_a_second_is_exact_at_the_boundary() {
        let (limit, mut due) = (per_second(1), Due::default());
        assert_eq!(limit.ask(&mut due, DAY), Answer::Now);
        assert_eq!(limit.ask(&mut due, DAY), Answer::After(Millis(1_000)));
        assert_eq!(limit.ask(&mut due, DAY + 999), Answer::After(Millis(1)));
        assert_eq!(limit.ask(&mut due, DAY + 1_000), Answer::Now);
    }

    #[test]
    fn a_clock_that_steps_back_changes_nothing() {
        let (limit, mut due) = (per_second(1), Due::default());
        assert_eq!(limit.ask(&mut due, DAY), Answer::Now);
        assert_eq!(limit.ask(&mut due, DAY - 5_000), Answer::After(Millis(6_000)));
        assert_eq!(limit.ask(&mut due, DAY + 1_000), Answer::Now);
    }

    #[test]
    fn after_a_restart_nobody_gets_more() {
        let limit = Limit::new(Rate::per_second(2), 4);
        let mut lost = Due::default();
        while limit.ask(&mut lost, DAY) == Answer::Now {}
        let mut restored = limit.after_op_at(DAY);
        for later in (0..3_000).step_by(50) {
            let (was, is) = (limit.ask(&mut lost, DAY + later), limit.ask(&mut restored, DAY + later));
            assert!(is != Answer::Now || was == Answer::Now, "{later}");
        }
    }

    #[test]
    fn nothing_is_never() {
        assert_eq!(per_second(0).ask(&mut Due::default(), DAY), Answer::Never);
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_rate_and_burst(events in 1u64..2_000, per in 1u64..100_000, burst in 1u32..9, gaps in prop::collection::vec(0u64..400, 1..300)) {
            let rate = Rate { events, per: Millis(per) };
            let (limit, mut due) = (Limit::new(rate, burst), Due::default());
            let mut now = DAY;
            let mut passed = Vec::new();
            for gap in gaps {
                now += gap;
                match limit.ask(&mut due, now) {
                    Answer::Now => passed.push(now),
                    Answer::After(wait) => {
                        // The answer is exact: a millisecond earlier is too early.
                        let mut probe = due;
                        prop_assert_ne!(limit.ask(&mut probe, now + wait.0 - 1), Answer::Now);
                        prop_assert_eq!(limit.ask(&mut probe, now + wait.0), Answer::Now);
                    }
                    Answer::Never => prop_assert!(false),
                }
            }
            for (at, first) in passed.iter().enumerate() {
                for (count, last) in passed[at..].iter().enumerate() {
                    // count ops after the first need (count + 1 - burst) gaps.
                    let needed = (count as u64 + 1).saturating_sub(u64::from(burst));
                    prop_assert!(u128::from(last - first) * u128::from(events) + u128::from(events) > u128::from(needed) * u128::from(per));
                }
            }
        }
    }
}
