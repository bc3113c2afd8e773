//! Bytes, bit rates, event rates and shares.

use crate::BadQuantity;
use crate::decimal::{Decimal, show_fraction, take_multiplier};
use crate::time::Millis;
use std::fmt;
use std::str::FromStr;

/// An amount of memory or traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub u64);

const BYTE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// One unit of the table that is exactly the rest of the text.
fn unit(rest: &str, units: &[(&str, u64)]) -> Option<u64> {
    units.iter().find(|(name, _)| *name == rest.trim()).map(|(_, factor)| *factor)
}

/// The largest unit in which `value` is whole.
fn show_in(value: u64, units: &[(&str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let whole = |factor: u64| value >= factor && value.is_multiple_of(factor);
    let found = units.iter().filter(|(_, factor)| whole(*factor)).max_by_key(|(_, factor)| *factor);
    match found.or_else(|| units.iter().min_by_key(|(_, factor)| *factor)) {
        Some((name, factor)) => write!(f, "{} {name}", value / factor),
        None => write!(f, "{value}"),
    }
}

impl FromStr for Bytes {
    type Err = BadQuantity;

    /// "10 GiB", "200 B", "1.5 MB".
    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let bad = |what: &str| BadQuantity::new(format!("`{text}` {what}"), "10 GiB");
        let (number, rest) = Decimal::take(text.trim()).ok_or_else(|| bad("is not a size"))?;
        let factor = unit(rest, &BYTE_UNITS)
            .ok_or_else(|| bad("lacks a unit of size (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB)"))?;
        number.times(factor).map(Self).ok_or_else(|| bad("is not a whole number of bytes, or too large"))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_in(self.0, &BYTE_UNITS, f)
    }
}

impl Bytes {
    /// With one decimal in the binary unit that suits the size, for tables.
    #[must_use]
    pub fn rounded(self) -> String {
        let units = [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        let Some((name, factor)) = units.iter().find(|(_, factor)| self.0 >= *factor) else {
            return format!("{} B", self.0);
        };
        let tenths = (u128::from(self.0) * 10 + u128::from(factor / 2)) / u128::from(*factor);
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// A speed of a wire, in bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BitRate(pub u64);

const BIT_UNITS: [(&str, u64); 5] =
    [("Tbps", 1_000_000_000_000), ("Gbps", 1_000_000_000), ("Mbps", 1_000_000), ("kbps", 1_000), ("bps", 1)];

impl FromStr for BitRate {
    type Err = BadQuantity;

    /// "10 Gbps", "7.5 Gbps".
    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let bad = |what: &str| BadQuantity::new(format!("`{text}` {what}"), "10 Gbps");
        let (number, rest) = Decimal::take(text.trim()).ok_or_else(|| bad("is not a bit rate"))?;
        let factor =
            unit(rest, &BIT_UNITS).ok_or_else(|| bad("lacks a unit of speed (bps, kbps, Mbps, Gbps, Tbps)"))?;
        number.times(factor).map(Self).ok_or_else(|| bad("is not a whole number of bits, or too large"))
    }
}

impl fmt::Display for BitRate {
    /// In the unit that makes it short: "7.5 Gbps", as data sheets say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, factor)) in BIT_UNITS.iter().enumerate() {
            let thousandth = factor / 1_000;
            if at < 4 && self.0 >= *factor && self.0.is_multiple_of(thousandth) {
                return write!(f, "{} {name}", show_fraction(self.0 / thousandth, 3));
            }
        }
        show_in(self.0, &BIT_UNITS, f)
    }
}

/// So many events in so much time: "1000/min" has no exact count per second,
/// so both halves are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many events.
    pub events: u64,
    /// In how much time; never zero.
    pub per: Millis,
}

const RATE_UNITS: [(&str, u64); 6] =
    [("rps", 1_000), ("/s", 1_000), ("/min", 60_000), ("/m", 60_000), ("/h", 3_600_000), ("/d", 86_400_000)];

impl Rate {
    /// Events per second.
    #[must_use]
    pub const fn per_second(events: u64) -> Self {
        Self { events, per: Millis(1_000) }
    }

    /// Whole events a second, rounded up: what a machine must be able to do.
    #[must_use]
    pub fn per_second_ceil(self) -> u64 {
        let exact = (u128::from(self.events) * 1_000).div_ceil(u128::from(self.per.0.max(1)));
        u64::try_from(exact).unwrap_or(u64::MAX)
    }

    /// `self > other`, exactly.
    #[must_use]
    pub fn exceeds(self, other: Self) -> bool {
        u128::from(self.events) * u128::from(other.per.0) > u128::from(other.events) * u128::from(self.per.0)
    }
}

impl FromStr for Rate {
    type Err = BadQuantity;

    /// "50k rps", "1000/min", "1/s".
    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let bad = |what: &str| BadQuantity::new(format!("`{text}` {what}"), "50k rps");
        let (number, rest) = Decimal::take(text.trim()).ok_or_else(|| bad("is not a rate"))?;
        let is_unit = |rest: &str| unit(rest, &RATE_UNITS).is_some();
        let (factor, rest) = take_multiplier(rest, is_unit);
        let per = unit(rest, &RATE_UNITS).ok_or_else(|| bad("lacks a unit of rate (rps, /s, /min, /h, /d)"))?;
        let events = number
            .times(factor)
            .ok_or_else(|| bad("is not a whole number of events: use a longer period, such as /min"))?;
        Ok(Self { events, per: Millis(per) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, multiplier) = match self.events {
            0 => (0, ""),
            n if n % 1_000_000 == 0 => (n / 1_000_000, "M"),
            n if n % 1_000 == 0 => (n / 1_000, "k"),
            n => (n, ""),
        };
        match self.per.0 {
            1_000 => write!(f, "{count}{multiplier} rps"),
            60_000 => write!(f, "{count}{multiplier}/min"),
            3_600_000 => write!(f, "{count}{multiplier}/h"),
            86_400_000 => write!(f, "{count}{multiplier}/d"),
            _ => write!(f, "{count}{multiplier} per {}", self.per),
        }
    }
}

/// A share in parts per million: 99.995 % is 999,950.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ppm(pub u32);

impl Ppm {
    /// All of it.
    pub const ONE: Self = Self(1_000_000);

    /// Whole percents.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        Self(percent * 10_000)
    }

    /// `amount × self`, rounded up.
    #[must_use]
    pub fn of_ceil(self, amount: u64) -> u64 {
        let exact = (u128::from(amount) * u128::from(self.0)).div_ceil(1_000_000);
        u64::try_from(exact).unwrap_or(u64::MAX)
    }

    /// `part / whole`, rounded to the nearest millionth; 0 of 0 is 0.
    #[must_use]
    pub fn ratio(part: u64, whole: u64) -> Self {
        if whole == 0 {
            return Self(0);
        }
        let exact = (u128::from(part) * 1_000_000 + u128::from(whole) / 2) / u128::from(whole);
        Self(u32::try_from(exact).unwrap_or(u32::MAX))
    }
}

impl FromStr for Ppm {
    type Err = BadQuantity;

    /// "99.995%".
    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let bad = |what: &str| BadQuantity::new(format!("`{text}` {what}"), "99.9%");
        let (number, rest) = Decimal::take(text.trim()).ok_or_else(|| bad("is not a share"))?;
        if rest.trim() != "%" {
            return Err(bad("does not end in `%`"));
        }
        let ppm = number.times(10_000).ok_or_else(|| bad("has more than four decimals"))?;
        u32::try_from(ppm).map(Self).map_err(|_| bad("is too large"))
    }
}

impl fmt::Display for Ppm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", show_fraction(u64::from(self.0), 4))
    }
}
