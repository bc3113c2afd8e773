//! How often somebody may do something, exact at the boundary.
//!
//! GCRA: a limiter is one number, the moment at which everything that was let
//! through would have been spread out evenly. 8 bytes a slot, no timers, and
//! the same answer however often it is asked.

use crate::{Millis, Rate};

/// What may happen how often, and how much of it at once: in any window of
/// length W at most `burst` of them, and one more for each W·rate that has
/// passed. [`Limit::within`] is the one that holds a window to a number.
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
    /// Never: the rate is zero, or the time is beyond what can be counted.
    Never,
}

/// One limiter's whole memory: when the next op is due, in ticks. Zero is a
/// limiter that nobody has used. It means something to the limit that counted it
/// and to no other: their ticks differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due(u64);

/// Milliseconds since 1970 times this stay inside 64 bits until the year 2554.
const MOST_TICKS: u64 = 1_000_000;

impl Limit {
    /// So many ops, `burst` of them at once. A rate of more than a million ops
    /// in its period is counted in coarser ticks, and a period of nothing as one
    /// of a millisecond.
    #[must_use]
    pub fn new(rate: Rate, burst: u32) -> Self {
        let ticks = rate.events.min(MOST_TICKS);
        let apart = if rate.events == 0 {
            0
        } else {
            // Rounded up: a limit is never exceeded by rounding.
            let exact = (u128::from(rate.per.0.max(1)) * u128::from(ticks)).div_ceil(u128::from(rate.events));
            u64::try_from(exact).unwrap_or(u64::MAX)
        };
        Self { ticks, apart, ahead: apart.saturating_mul(u64::from(burst.max(1) - 1)) }
    }

    /// Limits that share one [`Due`]: what is done under one counts under all,
    /// each thing by its own rate. Done alone, each is what [`Limit::new`] makes
    /// of it; rates that have no common tick are rounded to the stricter side.
    #[must_use]
    pub fn sharing<const N: usize>(rates: [(Rate, u32); N]) -> [Self; N] {
        let events = rates.iter().map(|(rate, _)| rate.events.min(MOST_TICKS)).filter(|events| *events > 0);
        let ticks = events.fold(1, |ticks: u64, events| common(ticks, events)).min(MOST_TICKS);
        rates.map(|(rate, burst)| {
            let coarse = Self::new(rate, burst);
            if rate.events == 0 || ticks == coarse.ticks {
                return coarse;
            }
            let exact = (u128::from(rate.per.0.max(1)) * u128::from(ticks)).div_ceil(u128::from(rate.events));
            let apart = u64::try_from(exact).unwrap_or(u64::MAX);
            Self { ticks, apart, ahead: apart.saturating_mul(u64::from(burst.max(1) - 1)) }
        })
    }

    /// At most `rate.events` in any window of `rate.per`, however it is laid:
    /// half of them at once, rounded up, and the others spread evenly.
    ///
    /// A burst of all of them would let nearly twice as many into a window that
    /// begins just before they are due again. So the n-th op of a window comes
    /// `n - burst` gaps after its first, and the gap is the period by one more
    /// than is left beside the burst: `burst + left` ops are a window's last.
    #[must_use]
    pub fn within(rate: Rate) -> Self {
        let left = rate.events / 2;
        // A smaller burst is a stricter limit.
        let burst = u32::try_from(rate.events - left).unwrap_or(u32::MAX);
        let events = if rate.events == 0 { 0 } else { left + 1 };
        Self::new(Rate { events, per: rate.per }, burst)
    }

    /// Asks to do it now, and counts it when the answer is yes. A clock that
    /// steps back takes nobody's turn away and gives nobody another.
    pub fn ask(self, due: &mut Due, now_ms: u64) -> Answer {
        if self.ticks == 0 {
            return Answer::Never;
        }
        // What cannot be counted is not let through.
        let Some(now) = now_ms.checked_mul(self.ticks) else {
            return Answer::Never;
        };
        let earliest = due.0.saturating_sub(self.ahead);
        if now < earliest {
            return Answer::After(Millis((earliest - now).div_ceil(self.ticks)));
        }
        let Some(next) = due.0.max(now).checked_add(self.apart) else {
            return Answer::Never;
        };
        due.0 = next;
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

/// The least that both go into, or more than any tick.
fn common(a: u64, b: u64) -> u64 {
    let (mut greatest, mut rest) = (a, b);
    while rest > 0 {
        (greatest, rest) = (rest, greatest % rest);
    }
    (a / greatest).saturating_mul(b)
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

    /// Saturated arithmetic let everybody through once numbers were large
    /// enough: a due moment that had stopped growing, less a burst that had not.
    #[test]
    fn what_cannot_be_counted_lets_nobody_through_for_ever() {
        let long = Limit::new(Rate { events: 2, per: Millis(u64::MAX) }, u32::MAX);
        let short = Limit::new(Rate { events: 1_000_000, per: Millis(1) }, 1);
        for (limit, now) in [(long, DAY), (long, u64::MAX), (short, u64::MAX), (short, u64::MAX / 1_000_000)] {
            let mut due = Due::default();
            let passed = (0..100).filter(|_| limit.ask(&mut due, now) == Answer::Now).count();
            assert!(passed <= 1, "{limit:?} at {now}: {passed}");
        }
    }

    #[test]
    fn a_period_of_nothing_is_still_a_limit() {
        let (limit, mut due) = (Limit::new(Rate { events: 2, per: Millis(0) }, 2), Due::default());
        assert_eq!([(); 3].map(|()| limit.ask(&mut due, DAY)), [Answer::Now, Answer::Now, Answer::After(Millis(1))]);
    }

    /// A window of its own for each period let a source through twice within
    /// one: at the end of the first and at the start of the next.
    #[test]
    fn twice_the_quota_at_the_edge_of_a_window() {
        let hour = Millis::hours(1);
        let (limit, mut due) = (Limit::within(Rate { events: 10, per: hour }), Due::default());
        let asked = (0..hour.0 * 2).step_by(1_000).map(|later| DAY + later);
        let passed: Vec<_> = asked.filter(|&now| limit.ask(&mut due, now) == Answer::Now).collect();
        for first in &passed {
            assert!(passed.iter().filter(|&at| (*first..first + hour.0).contains(at)).count() <= 10);
        }
        // Ten in the first hour, and six in each that follows.
        assert_eq!(passed.len(), 16);
        let (mut due, mut at_once) = (Due::default(), 0);
        while limit.ask(&mut due, DAY) == Answer::Now {
            at_once += 1;
        }
        assert_eq!(at_once, 5);
    }

    proptest! {
        #[test]
        fn no_window_of_its_period_holds_more_than_a_quota(events in 0u64..40, per in 1u64..100_000, gaps in prop::collection::vec(prop_oneof![Just(0u64), 1..200u64, 1..50_000u64], 1..300)) {
            let (limit, mut due) = (Limit::within(Rate { events, per: Millis(per) }), Due::default());
            let mut now = DAY;
            let mut passed = Vec::new();
            for gap in gaps {
                now += gap;
                if limit.ask(&mut due, now) == Answer::Now {
                    passed.push(now);
                }
            }
            for &first in &passed {
                let within = passed.iter().filter(|&&at| first <= at && at < first + per).count() as u64;
                prop_assert!(within <= events, "{within} of {events}");
            }
        }

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

    #[test]
    fn limits_that_share_are_each_what_they_are_alone() {
        let rates = [(Rate::per_second(3), 1), (Rate::per_second(10), 2), (Rate { events: 1, per: Millis(60_000) }, 1)];
        for (limit, (rate, burst)) in Limit::sharing(rates).into_iter().zip(rates) {
            let (mut due, mut alone) = (Due::default(), Due::default());
            for now in DAY..DAY + 3_000 {
                assert_eq!(limit.ask(&mut due, now), Limit::new(rate, burst).ask(&mut alone, now), "{rate:?} at {now}");
            }
        }
    }

    #[test]
    fn what_is_done_under_one_limit_counts_under_all() {
        let [slow, fast, never] =
            Limit::sharing([(Rate::per_second(1), 1), (Rate::per_second(10), 1), (Rate::per_second(0), 1)]);
        let mut due = Due::default();
        assert_eq!(slow.ask(&mut due, DAY), Answer::Now);
        assert_eq!(fast.ask(&mut due, DAY + 999), Answer::After(Millis(1)));
        assert_eq!(fast.ask(&mut due, DAY + 1_000), Answer::Now);
        assert_eq!(slow.ask(&mut due, DAY + 1_099), Answer::After(Millis(1)));
        assert_eq!(slow.ask(&mut due, DAY + 1_100), Answer::Now);
        assert_eq!(never.ask(&mut due, DAY + 9_000), Answer::Never);
    }

    proptest! {
        /// However they are mixed, no more is done than the rates add up to.
        #[test]
        fn shared_limits_are_never_exceeded(
            events in prop::array::uniform3(1_u64..2_000_000),
            asks in prop::collection::vec((0_usize..3, 0_u64..40), 1..200),
        ) {
            let rates = events.map(|events| (Rate::per_second(events), 1));
            let limits = Limit::sharing(rates);
            let (mut due, mut now, mut spent) = (Due::default(), DAY, 0_u128);
            for (which, pause) in asks {
                now += pause;
                // Each takes its share of a second, counted in parts that all of them divide.
                let share = 1_000_000_000_000_000 / u128::from(events[which]);
                if limits[which].ask(&mut due, now) == Answer::Now {
                    let passed = u128::from(now - DAY) * 1_000_000_000_000;
                    prop_assert!(spent <= passed + 1_000, "{} of {}", spent, passed);
                    spent = spent.max(passed) + share;
                }
            }
        }
    }
}
