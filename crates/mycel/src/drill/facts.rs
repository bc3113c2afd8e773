//! What a drill has seen, as data: who took part, what happened to whom and
//! when. Times are microseconds from when the agents began to work.

use crate::processes::How;
use std::collections::{BTreeMap, BTreeSet};
use vocab::{Millis, Rate};

/// An answer that was sent before the kill may be heard so much after it.
pub(super) const IN_TRANSIT: u64 = 250_000;

/// What the loss of the region means to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bond {
    /// Nothing: it is in another region.
    Elsewhere,
    /// It may be seated in another region.
    Moves,
    /// Its class may be in the lost region only.
    Waits,
    /// It comes while the region is away, and wants its first seat there.
    Arrives,
}

/// Who an agent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) class: Option<String>,
    pub(super) home: String,
    pub(super) bond: Bond,
}

/// Something that an agent was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) at: u64,
    pub(super) agent: usize,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// It was given a slot.
    Seated { region: String },
    /// It was told no, and why, if anybody said.
    Refused { why: Option<String> },
    /// An op was acknowledged, so long after it was due.
    Done { region: String, took: u64 },
}

/// When what was done to the region.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moments {
    pub(super) killed: u64,
    /// From when on it was let start again.
    pub(super) let_back: u64,
    /// When its process said that it serves.
    pub(super) serves: Option<u64>,
    pub(super) ended: u64,
}

/// A request, as the gateway wrote it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// When it was written, which is when the request was answered.
    pub(super) time_ms: u64,
    /// How long that took.
    pub(super) micros: u64,
    /// Whose it was; nobody's that is known.
    pub(super) agent: Option<usize>,
    /// The region that it was sent to.
    pub(super) region: Option<String>,
    pub(super) attach: bool,
    pub(super) status: u16,
}

/// The access log of the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) lines: Vec<Line>,
    /// Lines that were never written, or cannot be read.
    pub(super) missing: u64,
    /// The gateway's time when the agents began.
    pub(super) began_ms: u64,
}

/// An entry of a chain that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: u128,
    pub(super) link: [u8; 32],
    /// The router's own, such as who gets a slot.
    pub(super) house: bool,
}

/// An op that was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Acknowledged {
    /// When it was first sent, and when it was acknowledged.
    pub(super) sent: u64,
    pub(super) at: u64,
    pub(super) sequence: u64,
    pub(super) id: u128,
    pub(super) link: [u8; 32],
}

/// The chain of a block, as it was read at the end, and what was said of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) block: String,
    pub(super) region: String,
    /// Why it does not verify.
    pub(super) broken: Option<String>,
    pub(super) entries: BTreeMap<u64, Entry>,
    pub(super) acknowledged: Vec<Acknowledged>,
    /// Ops that were sent and never acknowledged.
    pub(super) open: BTreeSet<u128>,
}

/// A record, as it was read at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// What was acknowledged last.
    pub(super) acknowledged: u64,
    /// What was sent behind it, and never acknowledged.
    pub(super) open: Vec<u64>,
    pub(super) read: Result<Option<u64>, String>,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) lost: String,
    pub(super) how: How,
    pub(super) roles: Vec<Role>,
    /// In the order of their times.
    pub(super) events: Vec<Event>,
    pub(super) moments: Moments,
    /// Where records of each class may be.
    pub(super) allowed: BTreeMap<Option<String>, BTreeSet<String>>,
    pub(super) log: Log,
    pub(super) chains: Vec<Chain>,
    pub(super) records: Vec<Record>,
    /// What the lost region can take; anything when the file does not say.
    pub(super) capacity: Option<Rate>,
    /// When something was written to this disk that no agent waits for, and how
    /// long it took.
    pub(super) disk: Vec<(u64, u64)>,
    /// Within which 99 of 100 requests are promised to be answered.
    pub(super) promise: Millis,
}

impl Facts {
    /// The agents to whom the loss means this.
    pub(super) fn of(&self, bond: Bond) -> BTreeSet<usize> {
        let of = |(agent, role): (usize, &Role)| (role.bond == bond).then_some(agent);
        self.roles.iter().enumerate().filter_map(of).collect()
    }

    /// The acknowledged ops: when, whose, where, and after how long.
    pub(super) fn done(&self) -> impl Iterator<Item = (u64, usize, &str, u64)> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Done { region, took } => Some((event.at, event.agent, region.as_str(), *took)),
            _ => None,
        })
    }

    /// The refusals: when, whose, and why.
    pub(super) fn refusals(&self) -> impl Iterator<Item = (u64, usize, Option<&str>)> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Refused { why } => Some((event.at, event.agent, why.as_deref())),
            _ => None,
        })
    }

    /// Who was seated: when, who, and where.
    pub(super) fn seats(&self) -> impl Iterator<Item = (u64, usize, &str)> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Seated { region } => Some((event.at, event.agent, region.as_str())),
            _ => None,
        })
    }

    /// When the lost region acknowledged an op again.
    pub(super) fn back(&self) -> Option<u64> {
        self.done().find(|(at, _, region, _)| *at >= self.moments.let_back && *region == self.lost).map(|(at, ..)| at)
    }

    /// Until when it was away, as far as anybody saw.
    pub(super) fn away_until(&self) -> u64 {
        self.back().or(self.moments.serves).unwrap_or(self.moments.ended)
    }

    /// When the gateway first refused somebody after the kill.
    pub(super) fn noticed(&self) -> Option<u64> {
        let after = self.refusals().find(|(at, ..)| *at >= self.moments.killed);
        after.map(|(at, ..)| at - self.moments.killed)
    }

    /// Acknowledged ops a second before, while it was away, and after.
    pub(super) fn rates(&self) -> [u64; 3] {
        let Moments { killed, ended, .. } = self.moments;
        let until = self.away_until();
        [(0, killed), (killed, until), (until, ended)].map(|(from, to)| {
            let many = self.done().filter(|(at, ..)| (from..to).contains(at)).count();
            count(many).saturating_mul(1_000_000) / to.saturating_sub(from).max(1)
        })
    }
}

/// How many there are.
pub(super) fn count(many: usize) -> u64 {
    u64::try_from(many).unwrap_or(u64::MAX)
}

/// A share of sorted figures, by nearest rank: so many of a hundred are no larger.
pub(super) fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}
