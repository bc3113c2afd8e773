//! What is believed of each agent: prior odds, moved by what is reported of it,
//! and forgotten again.
//!
//! Within a round reports only add up, so their order is of no account, bit for
//! bit; at its end the sum is clipped, what was believed has faded a little, and
//! both are put together. Beside it runs a cumulated sum that does not fade,
//! against whoever misbehaves so little that each round is forgotten before the
//! next, or has been good for long first.
//!
//! Envelope: 16 bytes an agent, four to a cache line; a report is one addition.

use crate::batch::Point;
use crate::level::Level;
use crate::nats::{Nats, Weight};
use crate::observe::Conclusion;

/// Where an agent begins: one of a thousand misbehaves. ln(0.001 / 0.999).
pub const PRIOR: Nats = Nats(-452_641);
/// What is left of what was believed after a round: 63 parts of 64. Half of it
/// is forgotten in four minutes.
const KEPT: Weight = Weight::parts(64_512);
/// How good an agent can become: as much below the prior as lifts a level, and
/// no more, so that nobody saves up.
const BEST: Nats = Nats(PRIOR.0 - 327_680);
/// How bad.
const WORST: Nats = Nats(PRIOR.0 + (24 << 16));
/// What honest rounds take from the cumulated sum: 0.05 each.
const DRIFT: Nats = Nats(3_277);
/// Where the cumulated sum ends.
const MOST_CUMULATED: Nats = Nats(32 << 16);
/// Reports about one agent in a round: so many fit into the sum, each at its most.
pub const MOST_REPORTS: u16 = 2_048;

/// What is believed of one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Agent {
    /// Log-odds that it misbehaves.
    odds: Nats,
    /// The cumulated sum.
    cumulated: Nats,
    /// What was reported in this round.
    reported: Nats,
    /// By how many.
    reports: u16,
    level: Level,
}

impl Default for Agent {
    fn default() -> Self {
        let zero = Nats::default();
        Self { odds: PRIOR, cumulated: zero, reported: zero, reports: 0, level: Level::None }
    }
}

impl Agent {
    /// A report about it, by the weight of who says so. Whoever reports twice in
    /// a round has to be kept from that before.
    pub fn report(&mut self, evidence: Nats, weight: Weight) {
        self.add(weighed(evidence, weight));
    }

    fn add(&mut self, weighed: Nats) {
        if self.reports < MOST_REPORTS {
            self.reports += 1;
            // At most 2,048 times eight: inside 32 bits.
            self.reported = Nats(self.reported.0.wrapping_add(weighed.0));
        }
    }

    /// Ends the round; the level after it.
    pub fn end(&mut self) -> Level {
        let said = self.reported.clip(Conclusion::LEAST, Conclusion::MOST);
        let faded = self.odds.minus(PRIOR).times(KEPT);
        self.odds = PRIOR.plus(faded).plus(said).clip(BEST, WORST);
        if self.reports > 0 {
            self.cumulated = self.cumulated.plus(said).minus(DRIFT).clip(Nats::default(), MOST_CUMULATED);
        }
        (self.reported, self.reports) = (Nats::default(), 0);
        self.level = self.level.after(self.against(), self.cumulated);
        self.level
    }

    /// Log-odds that it misbehaves.
    #[must_use]
    pub const fn odds(&self) -> Nats {
        self.odds
    }

    /// How far that is from where everybody begins.
    #[must_use]
    pub const fn against(&self) -> Nats {
        self.odds.minus(PRIOR)
    }

    /// The cumulated sum.
    #[must_use]
    pub const fn cumulated(&self) -> Nats {
        self.cumulated
    }

    /// What is done about it.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }
}

fn weighed(evidence: Nats, weight: Weight) -> Nats {
    evidence.clip(Conclusion::LEAST, Conclusion::MOST).times(weight)
}

/// Points that are weighed before any is added.
const AHEAD: usize = 64;

/// What is believed of the agents of one watcher, by their numbers.
#[derive(Debug, Clone, Default)]
pub struct Beliefs(Vec<Agent>);

impl Beliefs {
    /// So many agents, of whom nothing is known.
    #[must_use]
    pub fn new(agents: usize) -> Self {
        Self(vec![Agent::default(); agents])
    }

    /// What one reporter says, by the weight of its word; of whom there is not,
    /// nothing. All is weighed before any is added, so that memory is waited for
    /// in many places at once.
    pub fn report(&mut self, points: &[Point], weight: Weight) {
        let mut ahead = [Nats::default(); AHEAD];
        for points in points.chunks(AHEAD) {
            for (ahead, point) in ahead.iter_mut().zip(points) {
                *ahead = weighed(point.evidence, weight);
            }
            for (weighed, point) in ahead.iter().zip(points) {
                if let Some(agent) = usize::try_from(point.agent).ok().and_then(|at| self.0.get_mut(at)) {
                    agent.add(*weighed);
                }
            }
        }
    }

    /// Ends a round; whoever's level has changed, with the one before.
    pub fn end(&mut self, mut changed: impl FnMut(u32, Level, &Agent)) {
        for (number, agent) in (0..).zip(&mut self.0) {
            let before = agent.level;
            if agent.end() != before {
                changed(number, before, agent);
            }
        }
    }

    /// One agent.
    #[must_use]
    pub fn agent(&self, agent: u32) -> Option<&Agent> {
        self.0.get(usize::try_from(agent).ok()?)
    }
}

const _: () = assert!(size_of::<Agent>() == 16);
