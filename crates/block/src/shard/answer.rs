//! What a shard answers.

use crate::chain::{Link, Outcome};
use crate::kinds::Stored;
use crate::queue::{Cancelled, REMEMBERED, State};
use trust::Moment;
use vocab::Millis;

/// An op that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its place in the chain.
    pub sequence: u64,
    /// When.
    pub time: Moment,
    /// The hash of its entry: the receipt.
    pub link: Link,
    /// How.
    pub outcome: Outcome,
    /// After how many tries.
    pub tries: u8,
    /// What the chain says that came of it; of a failed one, why.
    pub result: Vec<u8>,
    /// The record that was read.
    pub record: Option<Stored>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The op has ended, and its entry is durable.
    Ended(Box<Ended>),
    /// It had ended before it was asked for: its entry is at this place.
    Before(Outcome, u64),
    /// It was taken in, or is here already, and has not ended.
    Here(State),
    /// What became of an op that was taken back.
    Cancelled(Cancelled),
    /// The entry that the router wrote is durable: its place.
    Written(u64),
    /// No.
    Refused(Why),
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The block is sealed.
    #[error("the block is sealed: {0}")]
    Sealed(String),
    /// Somebody else holds the slot.
    #[error("the slot has been assigned again since this lease")]
    NotHolder,
    /// Nobody can tell any more whether the op was here before.
    #[error("the op's name is older than {}: send it under a new name", REMEMBERED)]
    TooOld,
    /// Its name is from the future.
    #[error("the op's name is from the future: set the clock")]
    TooNew,
    /// The holder has sent too much.
    #[error("too many ops: the next one in {0}")]
    Rate(Millis),
    /// The planet lets nobody send ops.
    #[error("this planet's rate of ops is zero")]
    NoRate,
    /// As many ops wait as may.
    #[error("as many ops wait in this block as may")]
    Full,
    /// The record's class may not be in this region.
    #[error("records of this residency class may not be in this region")]
    Residency,
    /// The record's class needs its owner's consent, which does not stand here.
    #[error("{0}")]
    Consent(String),
    /// The record is not there, or may be kept for longer.
    #[error("the record is not too old, or gone already")]
    NotTooOld,
    /// There is no such kind of op, or its payload is none of its kind.
    #[error("{0}")]
    Payload(String),
    /// Something below does not answer.
    #[error("{0}")]
    Trouble(String),
    /// As many blocks are loaded as may be, and none of them is at rest.
    #[error("too many blocks are busy")]
    Crowded,
}
