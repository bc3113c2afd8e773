//! What a block says about an op that it has run, or turned away.

use crate::time::Millis;

/// What somebody wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactKind {
    /// Something was read.
    Read,
    /// Something was written.
    Write,
    /// Something was sent to another agent.
    Send,
    /// Another agent has sent something to this one: `to` is who.
    Receive,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactEnd {
    /// As it was asked for.
    Done,
    /// It ran, and failed.
    Failed,
    /// Its name had been used before: it was not run again.
    Replayed,
    /// The lease is none for where it was shown: the slot is somebody else's.
    Refused,
    /// Its agent had asked for too much by then.
    Limited,
}

/// A fact about one op of one agent. It holds nothing of what the op was about:
/// destinations are tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpFact {
    /// Whose op: the agent's number with whoever watches it.
    pub agent: u32,
    /// When it ended, by the block's clock.
    pub at: Millis,
    /// What was wanted.
    pub kind: FactKind,
    /// Bytes that it took and gave.
    pub size: u32,
    /// A tag of its destination: of a record, or of another agent.
    pub to: u64,
    /// How it ended.
    pub end: FactEnd,
}
