//! What an engine is asked, and what it answers.

use block::chain::{Link, OpId, Outcome};
use block::kinds::{Cursor, Matter};
use block::queue::State;
use std::net::Ipv4Addr;
use trust::{AgentId, BlockRef, Moment};
use vocab::{Millis, Site, Slot};

/// A block, as requests name it: by its region's id in the file, and its index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockAt {
    /// The region's id.
    pub region: String,
    /// Which block of it, counted from 0.
    pub index: u64,
}

/// Where an agent wants a slot.
#[derive(Debug, Clone, PartialEq)]
pub enum Where {
    /// In the first region that has one.
    Anywhere,
    /// In a region.
    Region(String),
    /// In a cell of a region.
    Cell(String, u64),
    /// In the nearest region that has one.
    Near(Site),
}

/// A slot, and the lease to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The lease, 188 letters.
    pub lease: String,
    /// The block.
    pub block: BlockAt,
    /// The slot.
    pub slot: Slot,
    /// Its address in its cell.
    pub address: Ipv4Addr,
    /// The sequence of the entry that assigned it.
    pub fencing: u64,
    /// Until when.
    pub until: Moment,
    /// Whether its agent may look at everything, seal and ban.
    pub administers: bool,
}

/// What an op is about, by its kind's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A record by its name: `get` and `delete`.
    Record {
        /// The record's name.
        key: Vec<u8>,
    },
    /// A record, what it is to say, and its residency class: `put`.
    Value {
        /// The record's name.
        key: Vec<u8>,
        /// What it says.
        value: Vec<u8>,
        /// Its residency class.
        class: Option<String>,
    },
    /// A message to an agent: `send`.
    Message {
        /// To whom.
        to: AgentId,
        /// What it says.
        message: Vec<u8>,
    },
    /// A place in the inbox: `ack`.
    Place(Cursor),
    /// A residency class, and whether something stands for it: `consent` and
    /// `opt-out`.
    Stance {
        /// The class.
        class: String,
        /// Whether it stands from now on, or is taken back.
        stands: bool,
    },
    /// Nothing: `erase`.
    Nothing,
    /// Any bytes: `echo`.
    Bytes(Vec<u8>),
}

/// An op as its agent asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct OpAsk {
    /// Its name.
    pub id: OpId,
    /// Its kind.
    pub kind: &'static str,
    /// What it is about.
    pub body: Body,
    /// When the rate is used up: wait for up to so long instead of a refusal.
    pub patience: Millis,
}

/// An op that has ended; its entry is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpDone {
    /// Its name.
    pub id: OpId,
    /// Its place in the chain.
    pub sequence: u64,
    /// When.
    pub time: Moment,
    /// The hash of its entry: the receipt.
    pub link: Link,
    /// How it ended.
    pub outcome: Outcome,
    /// After how many tries.
    pub tries: u8,
    /// `put`, `get`, `delete`: the entry that wrote what was there, 0 for none.
    pub before: Option<u64>,
    /// `get`: what the record says.
    pub value: Option<Vec<u8>>,
    /// Why it failed, if it did.
    pub why: Option<String>,
    /// Whether it had been here before: this is the same answer again.
    pub again: bool,
}

/// Where an op is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpSeen {
    /// It has not ended.
    Here(State),
    /// It has.
    Ended(OpDone),
}

/// A stretch of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainPart {
    /// Entries in their order, as they are hashed.
    pub entries: Vec<Vec<u8>>,
    /// Where the chain ends now: sequence, and hash of the last entry.
    pub head: (u64, Link),
    /// The node's signature over the head, see [`Engine::head_domain`].
    pub signature: [u8; 64],
    /// The node's key that made it.
    pub node: AgentId,
    /// The first entry that has not been pruned.
    pub oldest: u64,
    /// The last entry that was, when these begin behind it: its sequence, its
    /// hash, and the node's signature over both.
    pub anchor: Option<(u64, Link, [u8; 64])>,
}

/// A message in an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxMessage {
    /// Its place: what it is acknowledged by.
    pub cursor: Cursor,
    /// Who sent it.
    pub from: AgentId,
    /// When.
    pub time: Moment,
    /// The op that sent it.
    pub id: OpId,
    /// The block that it was sent in.
    pub block: BlockRef,
    /// Its place in that block's chain.
    pub sequence: u64,
    /// What it says; nothing when its sender's key was destroyed.
    pub message: Option<Vec<u8>>,
}

/// What an agent has said in a block, last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stance {
    /// Of what.
    pub matter: Matter,
    /// The residency class; none for an erasure, nor for a class that the file
    /// has no longer.
    pub class: Option<String>,
    /// Whether it stands: what was agreed before an erasure does not.
    pub stands: bool,
    /// The block.
    pub block: BlockRef,
    /// The entry that says so.
    pub sequence: u64,
    /// When.
    pub time: Moment,
}

/// An entry that says that what an owner had sealed is erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The block in whose chain it stands.
    pub block: BlockAt,
    /// Its place in that chain.
    pub sequence: u64,
    /// The hash of it.
    pub link: Link,
}

/// What came of a demand for erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasures {
    /// The entries that say so; none where the owner had never sealed anything.
    pub erased: Vec<Erased>,
    /// How many keys the demand was the end of.
    pub keys: u64,
}

/// A slot that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seated {
    /// Who.
    pub agent: AgentId,
    /// The block.
    pub block: BlockAt,
    /// The slot.
    pub slot: Slot,
    /// The sequence of the entry that assigned it.
    pub fencing: u64,
    /// Until when.
    pub until: Moment,
}

/// How a block stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockStanding {
    /// Which block.
    pub block: BlockAt,
    /// Its number on the planet as it is planned now.
    pub number: u64,
    /// Entries of its chain.
    pub entries: u64,
    /// The hash of the last one.
    pub link: Link,
    /// Slots that are taken.
    pub taken: u32,
    /// Slots in all.
    pub slots: u32,
    /// Ops that have not ended.
    pub waiting: usize,
    /// Why it is sealed.
    pub sealed: Option<String>,
}

/// How a region stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionStanding {
    /// Its id in the file.
    pub id: String,
    /// Its blocks.
    pub blocks: u64,
    /// Slots that are taken.
    pub taken: u64,
    /// Slots in all.
    pub slots: u64,
}

/// What a refusal is, for whoever has to put it into a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request makes no sense: 400.
    Bad,
    /// Nobody has proved who asks: 401.
    Unknown,
    /// The lease does not give the right, or the policy does not admit: 403.
    Forbidden,
    /// There is no such thing: 404.
    NotFound,
    /// It is too late for this: 409.
    Conflict,
    /// It was here, and is no longer: 410.
    Gone,
    /// Too large: 413.
    TooLarge,
    /// The lease is for another block: 421.
    WrongBlock,
    /// Too much, too soon: 429.
    TooMany,
    /// The law of the place does not allow it: 451.
    Residency,
    /// A fault of ours: 500.
    Internal,
    /// Not now: 503.
    Unavailable,
}

/// A refusal: what, why, and what to try.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Refusal {
    /// What kind.
    pub code: Code,
    /// What, why, and what to try.
    pub what: String,
    /// When trying again may help.
    pub retry_after: Option<Millis>,
    /// The right block, when this was the wrong one.
    pub right: Option<BlockAt>,
    /// The field of the request that is wrong.
    pub field: Option<&'static str>,
    /// Whether it is about one block or about slots alone, and says nothing of
    /// how the host stands.
    pub local: bool,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), retry_after: None, right: None, field: None, local: false }
    }

    /// Which may pass after a while.
    #[must_use]
    pub fn after(self, wait: Millis) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// Which is about one block or about slots alone: the host is well.
    #[must_use]
    pub fn local(self) -> Self {
        Self { local: true, ..self }
    }

    /// Which is about a field.
    #[must_use]
    pub fn field(self, field: &'static str) -> Self {
        Self { field: Some(field), ..self }
    }
}
