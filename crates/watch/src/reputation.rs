//! Whose word counts, and how much.
//!
//! A newcomer is believed by half, as the mean of Beta(1, 1) is: who begins with
//! nothing is refused for ever. Each round in which a reporter agrees with what
//! came out of all of them counts for it, and each in which it does not against
//! it; both fade. What is proved by its own signature takes a share of its trust
//! at once, and good rounds bring that back slowly.

use crate::blame::Blame;
use crate::nats::Weight;
use trust::Moment;
use vocab::{Millis, Ppm};

/// One round, in the units in which rounds are counted.
const ROUND: u32 = 1_024;
/// A part of what was counted fades each round: one of 1,024.
const FADES: u32 = 10;
/// A part of lost trust comes back with each good round: one of 256.
const RETURNS: u32 = 8;

/// What a planet asks of whoever reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What is needed to aggregate.
    pub needed: Ppm,
    /// Where a newcomer begins.
    pub start: Ppm,
    /// For how long a newcomer may aggregate while it earns that.
    pub probation: Millis,
    /// What a broken promise leaves of trust.
    pub trust_penalty: Ppm,
    /// And of the right to aggregate.
    pub aggregation_penalty: Ppm,
    /// Below this nobody is heard.
    pub ejected: Ppm,
}

impl From<&planet::Reputation> for Rules {
    fn from(said: &planet::Reputation) -> Self {
        Self {
            needed: *said.needed,
            start: *said.start,
            probation: *said.probation,
            trust_penalty: *said.trust_penalty,
            aggregation_penalty: *said.aggregation_penalty,
            ejected: *said.ejected,
        }
    }
}

/// How somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    since: Moment,
    good: u32,
    bad: u32,
    trust: Ppm,
    aggregation: Ppm,
    is_out: bool,
}

const fn part(of: Ppm, share: Ppm) -> Ppm {
    #[allow(clippy::cast_possible_truncation, reason = "a share of 32 bits, and at most one")]
    Ppm((of.0 as u64 * share.0 as u64 / 1_000_000) as u32)
}

impl Standing {
    /// A newcomer.
    #[must_use]
    pub const fn new(since: Moment) -> Self {
        let whole = Ppm(1_000_000);
        Self { since, good: 0, bad: 0, trust: whole, aggregation: whole, is_out: false }
    }

    /// How reliable it was: the mean of Beta, with two rounds for where it began.
    #[must_use]
    pub fn score(&self, rules: &Rules) -> Ppm {
        let begun = 2 * u64::from(ROUND);
        let good = begun * u64::from(rules.start.0) / 1_000_000 + u64::from(self.good);
        let all = begun + u64::from(self.good) + u64::from(self.bad);
        Ppm::ratio(good, all)
    }

    /// What its word weighs.
    #[must_use]
    pub fn weight(&self, rules: &Rules) -> Weight {
        if self.is_out { Weight::default() } else { Weight::ppm(part(self.score(rules), self.trust)) }
    }

    /// Whether it may put others' results together.
    #[must_use]
    pub fn may_aggregate(&self, rules: &Rules, now: Moment) -> bool {
        let score = part(part(self.score(rules), self.trust), self.aggregation);
        let is_new = now.since(self.since) < rules.probation && part(self.trust, self.aggregation) == Ppm(1_000_000);
        !self.is_out && (score >= rules.needed || is_new && score >= rules.start)
    }

    /// Whether it is heard no more.
    #[must_use]
    pub const fn is_out(&self) -> bool {
        self.is_out
    }

    /// A round in which it reported: whether that agrees with what came out.
    pub fn round(&mut self, agreed: bool, rules: &Rules) {
        for count in [&mut self.good, &mut self.bad] {
            *count -= *count >> FADES;
        }
        if agreed {
            self.good = self.good.saturating_add(ROUND);
            for share in [&mut self.trust, &mut self.aggregation] {
                // The last part of a million comes back as well.
                share.0 += (1_000_000 - share.0).div_ceil(1 << RETURNS);
            }
        } else {
            self.bad = self.bad.saturating_add(ROUND);
        }
        let heard = part(self.score(rules), self.trust);
        // Who is out comes back where a newcomer begins, so that nobody goes in and out.
        self.is_out = if self.is_out { heard < rules.start } else { heard < rules.ejected };
    }

    /// A broken promise, as is proved.
    pub fn blame(&mut self, _proved: &Blame, rules: &Rules) {
        self.trust = part(self.trust, rules.trust_penalty);
        self.aggregation = part(self.aggregation, rules.aggregation_penalty);
        self.is_out |= part(self.score(rules), self.trust) < rules.ejected;
    }
}
