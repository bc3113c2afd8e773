//! What is done about an agent, by how much speaks against it.
//!
//! Thresholds are Wald's: ln((1 − miss) / false alarm). An honest agent whose
//! behaviour is as the models say reaches one with at most that probability in
//! one run of a test that ends at its bounds. Here what is believed fades and the
//! test goes on for ever, and agents are unlike the models: how many honest ones
//! reach a level is measured (`tests/agents.rs`) and not proved.

use crate::nats::Nats;
use std::fmt;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Level {
    /// Nothing.
    #[default]
    None,
    /// People may look.
    Watch,
    /// Its rate is cut.
    Slow,
    /// It may do nothing but ask why.
    Quarantine,
    /// It is turned away.
    Ban,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Watch => "watch",
            Self::Slow => "slow",
            Self::Quarantine => "quarantine",
            Self::Ban => "ban",
        })
    }
}

/// Levels with what reaches them; one agent of a hundred that misbehaves as the
/// models say is missed.
pub const THRESHOLDS: [(Level, Nats); 4] = [
    // An honest agent of 10^8.
    (Level::Ban, Nats(1_206_559)),
    // Of 10^6.
    (Level::Quarantine, Nats(904_755)),
    // Of 10^4.
    (Level::Slow, Nats(602_950)),
    // Of 10^3.
    (Level::Watch, Nats(452_048)),
];

/// Below this a level is lifted: ln(miss / (1 − false alarm)).
pub const LIFTED: Nats = Nats(-301_739);

/// What a cumulated sum reaches with an honest agent in 10^10 rounds at the
/// earliest, on average.
pub const SLEEPER: Nats = Nats(1_509_022);

impl Level {
    /// The level after a round: of how far what is believed is from where it
    /// began, of the cumulated sum, and of the level before. A level goes up at
    /// its threshold, and all at once down when it is lifted.
    #[must_use]
    pub fn after(self, against: Nats, cumulated: Nats) -> Self {
        let reached =
            THRESHOLDS.iter().find(|(_, threshold)| against >= *threshold).map_or(Self::None, |(level, _)| *level);
        let reached = if cumulated >= SLEEPER { reached.max(Self::Quarantine) } else { reached };
        if against <= LIFTED && cumulated < SLEEPER { Self::None } else { self.max(reached) }
    }
}
