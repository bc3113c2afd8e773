//! Log-likelihood ratios, in natural units with sixteen bits behind the point.
//!
//! It must never divide or round in two ways: a GPU and another machine give the
//! same bits.

use std::fmt;

/// Bits behind the point.
const FRACTION: u32 = 16;

/// A log-likelihood ratio: above zero speaks for misbehaviour, below for honesty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nats(pub i32);

impl Nats {
    /// One.
    pub const ONE: Self = Self(1 << FRACTION);

    /// Within these bounds.
    #[must_use]
    pub fn clip(self, least: Self, most: Self) -> Self {
        self.clamp(least, most)
    }

    /// Times a weight, to the nearest: one multiplication and one shift, which
    /// takes half the time of cutting towards zero.
    #[must_use]
    pub const fn times(self, weight: Weight) -> Self {
        let product = self.0 as i64 * weight.0 as i64;
        #[allow(clippy::cast_possible_truncation, reason = "a weight is at most one")]
        Self(((product + (1 << (FRACTION - 1))) >> FRACTION) as i32)
    }

    /// The sum, which stays at the ends of what there is.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Nats {
    /// With two digits behind the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = (u64::from(self.0.unsigned_abs()) * 100) >> FRACTION;
        let sign = if self.0 < 0 && hundredths > 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

/// How much somebody's word counts: from nothing to one, with sixteen bits
/// behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Weight(u32);

impl Weight {
    /// All of it.
    pub const ONE: Self = Self(1 << FRACTION);

    /// So many millionths, and at most one.
    #[must_use]
    pub const fn ppm(ppm: vocab::Ppm) -> Self {
        let ppm = if ppm.0 > 1_000_000 { 1_000_000 } else { ppm.0 };
        #[allow(clippy::cast_possible_truncation, reason = "at most 1 << 16")]
        Self(((ppm as u64 * (1 << FRACTION)) / 1_000_000) as u32)
    }

    /// So many parts of 65,536, and at most one.
    #[must_use]
    pub const fn parts(parts: u32) -> Self {
        if parts > Self::ONE.0 { Self::ONE } else { Self(parts) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_leaves_its_share_to_the_nearest() {
        for value in [0, 1, 2, 65_535, 65_536, 1_000_001, i32::MAX] {
            for parts in [0, 1, 32_768, 65_535, 65_536] {
                let weight = Weight::parts(parts);
                let exact = i64::from(value) * i64::from(parts);
                for (value, exact) in [(value, exact), (-value, -exact)] {
                    let off = (i64::from(Nats(value).times(weight).0) << FRACTION) - exact;
                    assert!(off.abs() <= 1 << (FRACTION - 1), "{value} times {parts}: {off}");
                }
            }
            assert_eq!(Nats(value).times(Weight::ONE), Nats(value));
        }
        assert_eq!(Weight::ppm(vocab::Ppm(2_000_000)), Weight::ONE);
        assert_eq!(Weight::ppm(vocab::Ppm(500_000)), Weight::parts(32_768));
    }

    #[test]
    fn what_is_shown_is_cut_towards_zero() {
        assert_eq!(Nats(-98_304).to_string(), "-1.50");
        assert_eq!(Nats(-1).to_string(), "0.00");
        assert_eq!(Nats(655_360).to_string(), "10.00");
    }
}
