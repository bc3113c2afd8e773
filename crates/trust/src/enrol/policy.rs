//! Who may enrol: the planet's own words, made into what a book asks.

use crate::ids::AgentId;
use crate::sign::PublicKey;
use crate::sorted::Sorted;
use vocab::Rate;
use vocab::limit::Limit;

/// Who may enrol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy {
    /// Anybody, and so many of each source.
    Open(Quota),
    /// Whoever holds an invitation of one of these.
    Invitation(Sorted<AgentId>),
    /// These agents.
    Keys(Sorted<AgentId>),
}

/// How many agents one source may enrol, in how much time: never more than that
/// in any stretch of that time, half of them at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota(Rate);

/// Why a policy is none. Each would let nobody in, or not whom it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPolicy {
    /// A quota of no agents.
    #[error("a quota of no agents lets nobody enrol: let a source enrol one at least")]
    NoAgents,
    /// A quota without a time.
    #[error("a quota in no time is no quota: say in how much time")]
    NoTime,
    /// No keys.
    #[error("no keys are named, so that nobody could enrol: name those who may enrol, or who may invite")]
    NoKeys,
    /// What was named as a key is none.
    #[error("{0} is not a canonical Ed25519 key of prime order: nobody can have it")]
    Key(AgentId),
}

impl Quota {
    /// So many agents in so much time.
    ///
    /// # Errors
    /// When either is nothing.
    pub const fn new(rate: Rate) -> Result<Self, BadPolicy> {
        match (rate.events, rate.per.0) {
            (0, _) => Err(BadPolicy::NoAgents),
            (_, 0) => Err(BadPolicy::NoTime),
            _ => Ok(Self(rate)),
        }
    }

    /// The limit of a network that has so many shares.
    pub(super) fn limit(self, shares: u32) -> Limit {
        Limit::within(Rate { events: self.0.events.saturating_mul(shares.into()), ..self.0 })
    }
}

impl Policy {
    /// Anybody may enrol, so many of each source.
    ///
    /// # Errors
    /// When the quota is of no agents, or in no time.
    pub fn open(quota: Rate) -> Result<Self, BadPolicy> {
        Quota::new(quota).map(Self::Open)
    }

    /// Whoever holds an invitation of one of these may enrol.
    ///
    /// # Errors
    /// When there are none, or one is no key.
    pub fn invitation(inviters: impl IntoIterator<Item = AgentId>) -> Result<Self, BadPolicy> {
        keys(inviters).map(Self::Invitation)
    }

    /// These agents may enrol.
    ///
    /// # Errors
    /// When there are none, or one is no key.
    pub fn list(agents: impl IntoIterator<Item = AgentId>) -> Result<Self, BadPolicy> {
        keys(agents).map(Self::Keys)
    }
}

fn keys(names: impl IntoIterator<Item = AgentId>) -> Result<Sorted<AgentId>, BadPolicy> {
    let is_key = |name| PublicKey::new(name).map(|_| name).map_err(|_| BadPolicy::Key(name));
    let keys: Sorted<_> = names.into_iter().map(is_key).collect::<Result<_, _>>()?;
    if keys == Sorted::NONE { Err(BadPolicy::NoKeys) } else { Ok(keys) }
}
