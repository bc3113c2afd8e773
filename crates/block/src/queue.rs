//! The ops of one block that have not ended: one runs at a time, the others
//! wait in the order in which they were accepted.
//!
//! A failing op is tried again where it stands, at the head; nothing passes it.
//! What has ended, or was cancelled, is in the chain and not here: whoever
//! submits hands in what the chain's index knows of the op.

use crate::chain::{OpId, Outcome};
use crate::kinds::Closed;
use std::collections::VecDeque;
use trust::{AgentId, Moment};
use vocab::Millis;

/// Ops that wait when the planet does not say how many may.
pub const MOST_WAITING: usize = 1_000;

/// How often an op is tried before it counts as failed.
pub const MOST_TRIES: u8 = 3;

/// For how long an op may be sent again.
pub const REMEMBERED: Millis = Millis::hours(24);

/// How far ahead an agent's clock may be.
pub const AHEAD: Millis = Millis::minutes(5);

/// An op as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// Who asks.
    pub agent: AgentId,
    /// By what name.
    pub id: OpId,
    /// What kind of op.
    pub kind: u8,
    /// What is asked, sealed.
    pub payload: Vec<u8>,
    /// The classes of records that it may not touch.
    pub closed: Closed,
}

/// Where an op is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits, with so many before it.
    Queued(usize),
    /// It runs.
    Running,
    /// It has ended, in the chain at this place.
    Ended(Outcome, u64),
    /// It was cancelled before it began.
    Cancelled,
}

/// What the chain's index knows of an op that is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// How it ended and where, if it is in the chain.
    pub ended: Option<(Outcome, u64)>,
    /// Whether it is among the agent's last 64.
    pub among_last: bool,
}

/// What becomes of an op that is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// It waits, with so many before it.
    Accepted(usize),
    /// It was here before: this is where it is.
    Again(State),
    /// Its name is older than what is remembered, so nobody can tell whether it
    /// was here before.
    TooOld,
    /// Its name was made in a future that is too far for a clock that is wrong.
    TooNew,
    /// As many wait as may.
    Full,
}

/// What becomes of an op that was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It will never run.
    Yes,
    /// It has begun.
    TooLate,
    /// There is no such op here.
    Unknown,
}

/// What follows when the running op was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It has ended, and is to be appended to the chain.
    Ended {
        /// The op.
        op: Op,
        /// How it ended.
        outcome: Outcome,
        /// After how many tries.
        tries: u8,
    },
    /// It stays at the head and is to be tried again.
    Again(u8),
    /// Nothing was running.
    Nothing,
}

/// The ops of a block that have not ended.
#[derive(Debug, Clone)]
pub struct Queue {
    waiting: VecDeque<Op>,
    running: Option<(Op, u8)>,
    most: usize,
}

impl Queue {
    /// An empty queue in which so many may wait.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { waiting: VecDeque::new(), running: None, most }
    }

    /// Takes an op in.
    pub fn submit(&mut self, op: Op, known: Known, now: Moment) -> Submitted {
        if let Some((outcome, sequence)) = known.ended {
            return Submitted::Again(State::Ended(outcome, sequence));
        }
        if let Some(state) = self.state(op.agent, op.id) {
            return Submitted::Again(state);
        }
        if now.since(op.id.made()) > REMEMBERED && !known.among_last {
            return Submitted::TooOld;
        }
        if op.id.made().since(now) > AHEAD {
            return Submitted::TooNew;
        }
        if self.waiting.len() >= self.most {
            return Submitted::Full;
        }
        let before = self.waiting.len() + usize::from(self.running.is_some());
        self.waiting.push_back(op);
        Submitted::Accepted(before)
    }

    /// Where an op is, as far as it is here.
    #[must_use]
    pub fn state(&self, agent: AgentId, id: OpId) -> Option<State> {
        let is = |op: &Op| op.agent == agent && op.id == id;
        if self.running.as_ref().is_some_and(|(op, _)| is(op)) {
            return Some(State::Running);
        }
        let at = self.waiting.iter().position(is)?;
        Some(State::Queued(at + usize::from(self.running.is_some())))
    }

    /// The ops that are here, in their order: the one that runs, then those
    /// that wait.
    pub fn ops(&self) -> impl Iterator<Item = &Op> {
        self.running.iter().map(|(op, _)| op).chain(&self.waiting)
    }

    /// Lets the next op begin, unless one runs already; the op that runs now.
    pub fn begin(&mut self) -> Option<&Op> {
        if self.running.is_none() {
            self.running = self.waiting.pop_front().map(|op| (op, 0));
        }
        self.running.as_ref().map(|(op, _)| op)
    }

    /// Says how the try of the running op went.
    pub fn tried(&mut self, good: bool) -> Tried {
        let Some((op, tries)) = self.running.take() else { return Tried::Nothing };
        let tries = tries.saturating_add(1);
        if good {
            return Tried::Ended { op, outcome: Outcome::Done, tries };
        }
        if tries >= MOST_TRIES {
            return Tried::Ended { op, outcome: Outcome::Failed, tries };
        }
        self.running = Some((op, tries));
        Tried::Again(tries)
    }

    /// Says that the try of the running op failed and nothing can help it.
    pub fn give_up(&mut self) -> Tried {
        let Some((op, tries)) = self.running.take() else { return Tried::Nothing };
        Tried::Ended { op, outcome: Outcome::Failed, tries: tries.saturating_add(1) }
    }

    /// What the original did with an op that failed.
    pub(crate) fn overtake(&mut self) {
        self.waiting.extend(self.running.take().map(|(op, _)| op));
    }

    /// Takes an op back that has not begun. That it was is for the chain to
    /// remember: an op whose cancelling is not written down is sent again.
    pub fn cancel(&mut self, agent: AgentId, id: OpId) -> Cancelled {
        match self.state(agent, id) {
            Some(State::Queued(_)) => {
                self.waiting.retain(|op| !(op.agent == agent && op.id == id));
                Cancelled::Yes
            }
            Some(_) => Cancelled::TooLate,
            None => Cancelled::Unknown,
        }
    }
}
