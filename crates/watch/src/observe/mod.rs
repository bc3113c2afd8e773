//! From facts to evidence: observers, each of which holds one habit of an agent
//! against what honest agents do and what misbehaving ones do.
//!
//! An observer calls a fact odd, usual, or none of its concern. Its model has two
//! figures, how often a fact is odd with an honest agent and with one that
//! misbehaves in this way, and the evidence of a round follows from the counts by
//! multiplication alone. To add one: a file here, and a line in [`OBSERVERS`].
//!
//! It must never take silence for innocence: whoever misbehaves need not do so in
//! this way, so what one observer says for an agent is never below
//! [`Model::FLOOR`].

mod destinations;
mod failures;
mod profile;
mod rate;
mod recipients;
mod refusals;
mod replays;
mod size;
mod timing;

pub use profile::Profile;

use crate::nats::Nats;
use vocab::{Millis, OpFact};

/// How long facts are gathered before they are evidence.
pub const ROUND: Millis = Millis::seconds(5);

/// Which models these are. Whoever changes a figure of one raises it.
pub const VERSION: u32 = 1;

/// What a fact is to an observer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Rare with honest agents.
    Odd,
    /// What honest agents do.
    Usual,
    /// Nothing that it looks at.
    Nothing,
}

/// What an odd fact, a usual one and a round weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// An odd fact: ln(misbehaving / honest).
    pub odd: Nats,
    /// A usual one: ln((1 − misbehaving) / (1 − honest)).
    pub usual: Nats,
    /// The round itself, whatever is in it.
    pub round: Nats,
}

impl Model {
    /// The least that an observer says: ln 0.9, as if one misbehaving agent in
    /// ten misbehaved in its way.
    pub const FLOOR: Nats = Nats(-6_905);
    /// The most that it says in a round: four, so that no observer alone reaches
    /// a level in one.
    pub const CEILING: Nats = Nats(4 << 16);

    /// What counts say.
    #[must_use]
    pub fn says(&self, counts: Counts) -> Nats {
        let [odd, usual] = [counts.odd, counts.usual].map(i32::from);
        // 255 of each, by less than 16 each: far inside what 32 bits hold.
        let sum = odd * self.odd.0 + usual * self.usual.0 + self.round.0;
        Nats(sum).clip(Self::FLOOR, Self::CEILING)
    }
}

/// Facts of one round, as one observer saw them. Counting ends at 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Odd ones.
    pub odd: u8,
    /// Usual ones.
    pub usual: u8,
}

impl Counts {
    fn add(&mut self, seen: Seen) {
        match seen {
            Seen::Odd => self.odd = self.odd.saturating_add(1),
            Seen::Usual => self.usual = self.usual.saturating_add(1),
            Seen::Nothing => {}
        }
    }
}

/// One habit.
pub trait Observer: Sync {
    /// What it is called, for whoever is told why.
    fn name(&self) -> &'static str;
    /// What odd facts of its kind are, for people.
    fn odd(&self) -> &'static str;
    /// What a fact is to it, before the agent's profile has it.
    fn sees(&self, profile: &Profile, fact: &OpFact) -> Seen;
    /// What facts weigh.
    fn model(&self) -> Model;
}

/// All of them, in the order in which what they said is told.
pub static OBSERVERS: [&dyn Observer; 8] = [
    &rate::Rate,
    &timing::Timing,
    &size::Size,
    &destinations::Destinations,
    &failures::Failures,
    &replays::Replays,
    &refusals::Refusals,
    &recipients::Recipients,
];

/// What is known of an agent within a round.
#[derive(Debug, Clone, Default)]
pub struct Round {
    profile: Profile,
    counts: [Counts; OBSERVERS.len()],
}

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conclusion {
    /// All together, between [`Conclusion::LEAST`] and [`Conclusion::MOST`].
    pub evidence: Nats,
    /// What each observer said, in their order.
    pub said: [Nats; OBSERVERS.len()],
}

impl Conclusion {
    /// The least that a round says.
    pub const LEAST: Nats = Nats(-(1 << 16));
    /// The most: eight.
    pub const MOST: Nats = Nats(8 << 16);
}

impl Round {
    /// Takes a fact in.
    pub fn take(&mut self, fact: &OpFact) {
        for (observer, counts) in OBSERVERS.iter().zip(&mut self.counts) {
            counts.add(observer.sees(&self.profile, fact));
        }
        self.profile.take(fact);
    }

    /// Ends the round: what it came to, or nothing when no fact came. Silence is
    /// no evidence.
    pub fn end(&mut self) -> Option<Conclusion> {
        let counts = std::mem::take(&mut self.counts);
        self.profile.turn();
        if counts.iter().all(|counts| *counts == Counts::default()) {
            return None;
        }
        let mut said = [Nats::default(); OBSERVERS.len()];
        for ((said, observer), counts) in said.iter_mut().zip(OBSERVERS).zip(counts) {
            *said = observer.model().says(counts);
        }
        let evidence = said.iter().fold(Nats::default(), |sum, said| sum.plus(*said));
        Some(Conclusion { evidence: evidence.clip(Conclusion::LEAST, Conclusion::MOST), said })
    }
}
