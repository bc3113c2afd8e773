//! What is remembered of an agent from one fact to the next: when it last did
//! something, and tags of whom it has dealt with.
//!
//! Envelope: 88 bytes an agent, whatever it does. It must never grow with an
//! agent's facts, so destinations are bits of a small map: two that share a bit
//! are taken for one, which makes a newcomer usual and never the reverse.

use vocab::{FactKind, Millis, OpFact};

/// Bits of one map.
const BITS: u32 = u128::BITS;

/// Tags that were met, in this round or the one before.
#[derive(Debug, Clone, Copy, Default)]
struct Met {
    now: u128,
    before: u128,
}

impl Met {
    const fn bit(tag: u64) -> u128 {
        // Fibonacci hashing: neighbours land far from each other.
        1 << (tag.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - BITS.trailing_zeros()))
    }

    const fn has(self, tag: u64) -> bool {
        (self.now | self.before) & Self::bit(tag) != 0
    }

    const fn add(&mut self, tag: u64) {
        self.now |= Self::bit(tag);
    }
}

/// What is remembered of an agent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Profile {
    last: Option<Millis>,
    gap: Option<u32>,
    destinations: Met,
    senders: Met,
    /// Rounds until what was met in the one before is forgotten.
    age: u8,
    /// Facts so far, up to as many as make it known.
    facts: u8,
}

/// Facts after which an agent's habits are known: to a newcomer all is new.
const KNOWN: u8 = 16;

/// Rounds for which tags are remembered, at least; twice as long at most.
const REMEMBERED: u8 = 12;

impl Profile {
    /// The time since its last fact, and that before it.
    #[must_use]
    pub fn gaps(&self, at: Millis) -> Option<(u32, u32)> {
        Some((self.since(at)?, self.gap?))
    }

    fn since(&self, at: Millis) -> Option<u32> {
        self.last.map(|last| u32::try_from(at.0.saturating_sub(last.0)).unwrap_or(u32::MAX))
    }

    /// Whether enough was seen of it to tell what is new to it.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.facts >= KNOWN
    }

    /// Whether it was at a destination lately.
    #[must_use]
    pub const fn was_at(&self, destination: u64) -> bool {
        self.destinations.has(destination)
    }

    /// Whether another has sent it anything lately.
    #[must_use]
    pub const fn heard_from(&self, other: u64) -> bool {
        self.senders.has(other)
    }

    /// Takes a fact in.
    pub fn take(&mut self, fact: &OpFact) {
        if fact.kind == FactKind::Receive {
            self.senders.add(fact.to);
            return;
        }
        self.gap = self.since(fact.at);
        // A clock that went back measures nothing, and is followed.
        self.last = Some(fact.at);
        self.destinations.add(fact.to);
        self.facts = self.facts.saturating_add(1);
    }

    /// A round has ended.
    pub fn turn(&mut self) {
        self.age = self.age.saturating_add(1);
        if self.age >= REMEMBERED {
            self.age = 0;
            for met in [&mut self.destinations, &mut self.senders] {
                met.before = std::mem::take(&mut met.now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_met_is_forgotten_after_two_ages_and_it_never_grows() {
        let mut profile = Profile::default();
        let fact =
            |to| OpFact { agent: 0, at: Millis(0), kind: FactKind::Read, size: 1, to, end: vocab::FactEnd::Done };
        profile.take(&fact(7));
        assert!(profile.was_at(7) && !profile.was_at(8) && !profile.heard_from(7));
        (0..REMEMBERED).for_each(|_| profile.turn());
        assert!(profile.was_at(7));
        (0..REMEMBERED).for_each(|_| profile.turn());
        assert!(!profile.was_at(7));
        assert!(size_of::<Profile>() <= 112, "{}", size_of::<Profile>());
    }
}
