//! When each op is due, whoever sends it: the answers to earlier ones do not
//! move it, or the slow moments would be measured least.

use std::time::Duration;
use vocab::{Millis, Rate};

/// When the op of a number is due, from the beginning.
pub(crate) fn due(rate: Rate, number: u64) -> Duration {
    let nanos = u128::from(number) * u128::from(rate.per.0) * 1_000_000 / u128::from(rate.events.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// How many are due before an end.
pub(super) fn due_before(rate: Rate, end: Millis) -> u64 {
    let whole = u128::from(end.0) * u128::from(rate.events);
    u64::try_from(whole.div_ceil(u128::from(rate.per.0.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_those_are_due_that_are_counted() {
        for text in ["1/s", "3/s", "7/min", "1000/s", "333333/s"] {
            let rate: Rate = text.parse().unwrap();
            for end in [1, 999, 1_000, 10_000, 61_234] {
                let many = due_before(rate, Millis(end));
                assert!(due(rate, many) >= Duration::from_millis(end), "{text} {end}");
                assert!(many == 0 || due(rate, many - 1) < Duration::from_millis(end), "{text} {end}");
            }
        }
    }
}
