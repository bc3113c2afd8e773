//! Durations, to the millisecond.

use crate::BadQuantity;
use crate::decimal::Decimal;
use std::fmt;
use std::str::FromStr;

/// A length of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

const EXAMPLE: &str = "5m";
const UNITS: [(&str, u64); 6] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("ms", 1), ("m", 60_000), ("s", 1_000)];

impl Millis {
    /// Whole days.
    #[must_use]
    pub const fn days(days: u64) -> Self {
        Self(days * 86_400_000)
    }
    /// Whole hours.
    #[must_use]
    pub const fn hours(hours: u64) -> Self {
        Self(hours * 3_600_000)
    }
    /// Whole minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        Self(minutes * 60_000)
    }
    /// Whole seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds * 1_000)
    }
}

impl FromStr for Millis {
    type Err = BadQuantity;

    /// "90d", "1h 30m", "1.5s", "200ms".
    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let bad = |what: String| BadQuantity::new(what, EXAMPLE);
        let mut rest = text.trim();
        let mut total = 0u64;
        if rest.is_empty() {
            return Err(bad("a duration is a number and a unit".into()));
        }
        while !rest.is_empty() {
            let (number, after) = Decimal::take(rest).ok_or_else(|| bad(format!("`{text}` is not a duration")))?;
            let after = after.trim_start();
            let (unit, factor) = UNITS
                .iter()
                .find(|(unit, _)| after.starts_with(unit))
                .ok_or_else(|| bad(format!("`{text}` lacks a unit of time (d, h, m, s, ms)")))?;
            let part =
                number.times(*factor).ok_or_else(|| bad(format!("`{text}` is not a whole number of milliseconds")))?;
            total = total.checked_add(part).ok_or_else(|| bad(format!("`{text}` is longer than can be counted")))?;
            rest = after[unit.len()..].trim_start();
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut left = self.0;
        let mut first = true;
        for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
            let count = left / size;
            left %= size;
            if count > 0 {
                write!(f, "{}{count}{unit}", if first { "" } else { " " })?;
                first = false;
            }
        }
        Ok(())
    }
}
