//! What agents were like in a round, together: how many there were, and sums and
//! products of what each observer said, from which mean and covariance follow.
//!
//! Sums of integers are exact, so what parts are put together to is what the
//! whole is, bit for bit and in any order; no formula for joining means has to be
//! trusted, and the test holds it against Chan's. A child's word is bounded by
//! what it can have seen: a count above its agents, or sums that so many agents
//! cannot have, are no summary.
//!
//! Envelope: 360 bytes, whatever is below.

use crate::nats::Nats;
use crate::observe::{Model, OBSERVERS};

/// Observers.
pub const HABITS: usize = OBSERVERS.len();
/// Pairs of observers, each with itself as well.
const PAIRS: usize = HABITS * (HABITS + 1) / 2;

/// What agents were like in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    count: u64,
    sums: [i64; HABITS],
    products: [i64; PAIRS],
}

impl Default for Summary {
    fn default() -> Self {
        Self { count: 0, sums: [0; HABITS], products: [0; PAIRS] }
    }
}

/// Where the pair of two observers stands.
const fn pair(one: usize, other: usize) -> usize {
    let (low, high) = if one < other { (one, other) } else { (other, one) };
    high * (high + 1) / 2 + low
}

impl Summary {
    /// Its length in bytes.
    pub const LEN: usize = 8 * (1 + HABITS + PAIRS);

    /// Takes an agent in.
    pub fn take(&mut self, said: &[Nats; HABITS]) {
        self.count = self.count.saturating_add(1);
        for (high, one) in said.iter().enumerate() {
            self.sums[high] = self.sums[high].saturating_add(i64::from(one.0));
            for (low, other) in said.iter().enumerate().take(high + 1) {
                let product = &mut self.products[pair(low, high)];
                *product = product.saturating_add(i64::from(one.0) * i64::from(other.0));
            }
        }
    }

    /// Puts another to it.
    pub fn join(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        for (sum, other) in self.sums.iter_mut().zip(other.sums) {
            *sum = sum.saturating_add(other);
        }
        for (product, other) in self.products.iter_mut().zip(other.products) {
            *product = product.saturating_add(other);
        }
    }

    /// How many agents there were.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The mean of what an observer said; nothing of nobody.
    #[must_use]
    pub fn mean(&self, habit: usize) -> Option<Nats> {
        let mean = self.sums.get(habit)?.checked_div(i64::try_from(self.count).ok()?)?;
        i32::try_from(mean).ok().map(Nats)
    }

    /// The covariance of two observers, with 32 bits behind the point: n Σxy − Σx
    /// Σy over n²; nothing of nobody.
    #[must_use]
    pub fn covariance(&self, one: usize, other: usize) -> Option<i128> {
        let count = i128::from(self.count);
        let of = |habit: usize| self.sums.get(habit).copied().map(i128::from);
        let product = i128::from(*self.products.get(pair(one, other))?);
        (count * product - of(one)? * of(other)?).checked_div(count * count)
    }

    /// Whether so many agents at most can have come to this.
    #[must_use]
    pub fn is_possible(&self, most: u64) -> bool {
        let count = i128::from(self.count);
        let (least, highest) = (i128::from(Model::FLOOR.0), i128::from(Model::CEILING.0));
        let holds = |habit: usize| {
            let (sum, square) = (i128::from(self.sums[habit]), i128::from(self.products[pair(habit, habit)]));
            (least * count..=highest * count).contains(&sum)
                && square <= highest * highest * count
                && sum * sum <= square * count
        };
        self.count <= most
            && (0..HABITS).all(|habit| holds(habit) && (0..habit).all(|low| self.is_correlated(low, habit)))
    }

    /// Whether a product of two observers fits the squares of both.
    fn is_correlated(&self, low: usize, high: usize) -> bool {
        let of = |one, other| i128::from(self.products[pair(one, other)]);
        of(low, high) * of(low, high) <= of(low, low) * of(high, high)
    }

    /// In bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let (places, _) = bytes.as_chunks_mut::<8>();
        let numbers = self.sums.iter().chain(&self.products).map(|number| number.to_be_bytes());
        let numbers = std::iter::once(self.count.to_be_bytes()).chain(numbers);
        places.iter_mut().zip(numbers).for_each(|(place, number)| *place = number);
        bytes
    }

    /// Reads one. Whether it can be, [`Summary::is_possible`] says.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        let (places, _) = bytes.as_chunks::<8>();
        let number = |at: usize| places.get(at).copied().map(i64::from_be_bytes).unwrap_or_default();
        Self {
            count: number(0).cast_unsigned(),
            sums: std::array::from_fn(|at| number(1 + at)),
            products: std::array::from_fn(|at| number(1 + HABITS + at)),
        }
    }
}

/// What several say an observer's mean is: the one in the middle, or between the
/// two that are, so that fewer than half of them move it no further than to
/// another's, however many agents each claims to have seen. Nothing of nobody.
#[must_use]
pub fn median(of: &[Summary], habit: usize) -> Option<Nats> {
    let mut means: Vec<Nats> = of.iter().filter_map(|summary| summary.mean(habit)).collect();
    means.sort_unstable();
    let (low, high) = (means.get(means.len().checked_sub(1)? / 2)?, means.get(means.len() / 2)?);
    Some(Nats(low.0.midpoint(high.0)))
}
