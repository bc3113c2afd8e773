//! Whether each slot of a planet was given exactly once, told without a list
//! of eight billion entries.
//!
//! Every slot has a number; a census adds up a 128-bit hash of each number that
//! it sees, and counts them. Sums do not care for the order, so the census of
//! what a table gave equals the census of all numbers only if the two are the
//! same numbers: two different collections agree by chance once in 2^128. It
//! shares no code with the table that it checks.

/// The sum over a collection of numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    count: u64,
    low: u64,
    high: u64,
}

impl Census {
    /// All numbers below `end`, each once.
    #[must_use]
    pub fn of_all(end: u64) -> Self {
        let mut census = Self::default();
        for number in 0..end {
            census.add(number);
        }
        census
    }

    /// Adds a number.
    pub const fn add(&mut self, number: u64) {
        self.count += 1;
        self.low = self.low.wrapping_add(mix(number));
        self.high = self.high.wrapping_add(mix(number ^ 0xa5a5_a5a5_a5a5_a5a5));
    }

    /// Adds everything that another census has seen.
    pub const fn join(&mut self, other: Self) {
        self.count += other.count;
        self.low = self.low.wrapping_add(other.low);
        self.high = self.high.wrapping_add(other.high);
    }

    /// How many numbers were added.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The sum, for showing.
    #[must_use]
    pub fn digest(&self) -> String {
        format!("{:016x}{:016x}", self.high, self.low)
    }
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): a bijection in
/// which every bit of the number reaches every bit of the result.
const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Numbers below `end` in no order, none of them twice: steps of a length that
/// shares no factor with `end`.
pub fn scattered(end: u64, count: u64) -> impl Iterator<Item = u64> {
    let step =
        (0..).map(|more| end / 2 + end / 9 + 1 + more).find(|step| greatest_common(*step, end) == 1).unwrap_or(1);
    let next = move |at: &u64| u64::try_from((u128::from(*at) + u128::from(step)) % u128::from(end.max(1))).ok();
    std::iter::successors(Some(0).filter(|_| end > 0), next).take(usize::try_from(count.min(end)).unwrap_or(usize::MAX))
}

const fn greatest_common(mut one: u64, mut two: u64) -> u64 {
    while two > 0 {
        (one, two) = (two, one % two);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn order_does_not_count_and_everything_else_does() {
        let of = |numbers: &[u64]| {
            let mut census = Census::default();
            numbers.iter().for_each(|number| census.add(*number));
            census
        };
        assert_eq!(of(&[2, 0, 1]), Census::of_all(3));
        // One too few, one twice, one wrong, two swapped for two of the same sum.
        for wrong in [&[0, 1][..], &[0, 1, 2, 2], &[0, 1, 3], &[0, 0, 3], &[1, 1, 1]] {
            assert_ne!(of(wrong), Census::of_all(3), "{wrong:?}");
        }
        let mut joined = of(&[4, 3]);
        joined.join(Census::of_all(3));
        assert_eq!(joined, Census::of_all(5));
    }

    #[test]
    fn scattered_numbers_are_never_twice() {
        for end in [1u64, 2, 7, 60, 3_840, 10_000] {
            let numbers: BTreeSet<_> = scattered(end, end).collect();
            assert_eq!((numbers.len() as u64, numbers.last().copied()), (end, Some(end - 1)), "{end}");
        }
        assert_eq!(scattered(0, 5).count(), 0);
        assert_eq!(scattered(100, 7).count(), 7);
    }
}
