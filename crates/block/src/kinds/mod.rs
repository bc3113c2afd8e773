//! What an op can do: one file for each kind, and all of them in [`ALL`].
//!
//! A kind is a pure function. It sees the payload as it stands in the chain,
//! which is sealed: a record goes by a keyed tag of its name, and what it says
//! is an envelope that nobody here can open. What follows from an entry is
//! read from the entry alone, so that an index can be made again from the log
//! and still holds when an owner's key was destroyed.

mod ack;
mod consent;
mod delete;
mod echo;
pub(crate) mod erase;
mod get;
mod opt_out;
#[cfg(feature = "planted")]
mod panic;
mod put;
mod send;

pub use erase::demanded;

use crate::chain::OpId;
use std::sync::Arc;
use trust::lease::Rights;
use trust::{AgentId, BlockRef, Moment};

/// A record's name, as a code under its owner's key: equal names of one owner
/// have equal tags, and nobody else can tell which name it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(pub [u8; 16]);

/// A residency class, known by a tag of its name in the planet file; all zeros
/// is no class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassTag(pub [u8; 8]);

impl ClassTag {
    /// No class: the record may be kept anywhere.
    pub const NONE: Self = Self([0; 8]);

    /// The class that the file calls `name`.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let mut tag = [0; 8];
        let mut hasher = blake3::Hasher::new_derive_key("mycel residency class v1");
        hasher.update(name.as_bytes()).finalize_xof().fill(&mut tag);
        Self(tag)
    }
}

/// Classes of records that an op may not touch, each with what to say to whom.
/// A rule of the planet closes them, and which class a record is of is known
/// only at its op's turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closed(Option<Arc<[(ClassTag, String)]>>);

impl Closed {
    /// These classes, each with why.
    #[must_use]
    pub fn new(classes: Vec<(ClassTag, String)>) -> Self {
        Self((!classes.is_empty()).then(|| classes.into()))
    }

    /// Why records of a class may not be touched; nothing when they may.
    #[must_use]
    pub fn why(&self, class: ClassTag) -> Option<&str> {
        let all = self.0.as_deref().unwrap_or_default();
        all.iter().find(|(closed, _)| *closed == class).map(|(_, why)| why.as_str())
    }
}

/// A place in the log, and so in the one order that all blocks of a process
/// share: what an inbox is read and acknowledged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cursor {
    /// The segment.
    pub segment: u64,
    /// Where in it its batch begins.
    pub offset: u64,
    /// Its sequence in its shard.
    pub sequence: u64,
}

impl Cursor {
    /// Bytes of a cursor.
    pub const LEN: usize = 24;

    /// The cursor as bytes, which sort as cursors do.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&self.segment.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_be_bytes());
        bytes[16..].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    /// Reads a cursor that is exactly these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let number = |at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[at..at + 8]);
            u64::from_be_bytes(eight)
        };
        Some(Self { segment: number(0), offset: number(8), sequence: number(16) })
    }
}

/// A record as it is kept: where it comes from, and its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The entry that wrote it.
    pub sequence: u64,
    /// When.
    pub time: Moment,
    /// The op that wrote it, which its envelope was sealed for.
    pub id: OpId,
    /// Its residency class.
    pub class: ClassTag,
    /// What it says, sealed.
    pub envelope: Vec<u8>,
}

/// What an agent can have said, once and for all that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Matter {
    /// That records of a class may be kept.
    Consent = 1,
    /// That records of a class may not be shared.
    OptOut = 2,
    /// That all it had sealed be erased.
    Erasure = 3,
}

/// What an agent has said of a matter last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stance {
    /// The entry that says so.
    pub sequence: u64,
    /// When.
    pub time: Moment,
    /// Whether it stands, or was taken back.
    pub stands: bool,
}

/// Whether there is room in an inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// A place in it is now kept for this message.
    Kept,
    /// As many wait as may.
    Full,
    /// Nobody by that name holds a lease.
    Nobody,
}

/// Something below did not answer; trying again may help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

/// What an op may look at.
pub trait View {
    /// A record of an owner in a block.
    fn record(&self, block: BlockRef, owner: AgentId, tag: Tag) -> Result<Option<Stored>, Trouble>;
    /// What an agent has said last in a block, of a matter and a class.
    fn stance(&self, block: BlockRef, agent: AgentId, on: (Matter, ClassTag)) -> Result<Option<Stance>, Trouble>;
    /// Keeps a place in an agent's inbox.
    fn keep_room(&self, to: AgentId) -> Result<Room, Trouble>;
}

/// Whether an agent has agreed to records of a class, at this point of its
/// block's chain. An erasure ends what was agreed before it.
pub(crate) fn agreed(view: &dyn View, block: BlockRef, agent: AgentId, class: ClassTag) -> Result<bool, Trouble> {
    let Some(consent) = view.stance(block, agent, (Matter::Consent, class))?.filter(|consent| consent.stands) else {
        return Ok(false);
    };
    let erased = view.stance(block, agent, (Matter::Erasure, ClassTag::NONE))?;
    Ok(erased.is_none_or(|erased| erased.sequence < consent.sequence))
}

/// An op as its kind sees it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The block.
    pub block: BlockRef,
    /// Who asks, and so whose records it is about.
    pub agent: AgentId,
    /// What is asked, as the chain keeps it.
    pub payload: &'a [u8],
    /// The classes of records that it may not touch.
    pub closed: &'a Closed,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// It is done; this goes into the chain, and the record to whoever asked.
    Done(Vec<u8>, Option<Stored>),
    /// It failed; trying again may help.
    Again(String),
    /// It failed, and always will.
    Never(String),
}

/// What an entry changes outside its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect<'a> {
    /// Nothing.
    None,
    /// A record has this value from now on.
    Put(Tag, ClassTag, &'a [u8]),
    /// A record is gone.
    Delete(Tag),
    /// A message waits for an agent.
    Send(AgentId, &'a [u8]),
    /// An agent has what came up to here.
    Acknowledge(Cursor),
    /// An agent has said something of a matter and a class, or taken it back.
    Stand(Matter, ClassTag, bool),
}

/// A payload that is none of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoPayload(pub &'static str);

/// A kind of op.
#[derive(Debug)]
pub struct Kind {
    /// Its number in the chain, for ever.
    pub code: u8,
    /// Its name in requests.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// What a lease must give for it.
    pub right: Rights,
    /// What follows from an entry of this kind that is done.
    pub effect: for<'a> fn(&'a [u8]) -> Result<Effect<'a>, NoPayload>,
    /// Tries it.
    pub run: fn(Request<'_>, &dyn View) -> Ran,
}

/// Every kind that an agent may ask for.
pub static ALL: [&Kind; 9] = [
    &put::PUT,
    &get::GET,
    &delete::DELETE,
    &send::SEND,
    &ack::ACK,
    &echo::ECHO,
    &consent::CONSENT,
    &opt_out::OPT_OUT,
    &erase::ERASE,
];

/// Kinds that only tests have. They are in no list, so that what is generated
/// from [`ALL`] does not depend on who tests what.
#[cfg(not(feature = "planted"))]
static PLANTED: [&Kind; 0] = [];
#[cfg(feature = "planted")]
static PLANTED: [&Kind; 1] = [&panic::PANIC];

fn every() -> impl Iterator<Item = &'static Kind> {
    ALL.into_iter().chain(PLANTED)
}

/// The kind of a number.
#[must_use]
pub fn by_code(code: u8) -> Option<&'static Kind> {
    every().find(|kind| kind.code == code)
}

/// The kind of a name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Kind> {
    every().find(|kind| kind.name == name)
}

/// What becomes of an op that is the end of what a record said before: the
/// sequence of the entry that wrote it, 0 for none.
fn supersede(request: Request<'_>, view: &dyn View) -> Ran {
    let tag = match tagged(request.payload) {
        Ok((tag, _)) => tag,
        Err(why) => return Ran::Never(why.to_string()),
    };
    let before = match view.record(request.block, request.agent, tag) {
        Ok(before) => before,
        Err(trouble) => return Ran::Again(trouble.to_string()),
    };
    if let Some(why) = before.as_ref().and_then(|before| request.closed.why(before.class)) {
        return Ran::Never(why.to_owned());
    }
    Ran::Done(before.map_or(0, |before| before.sequence).to_be_bytes().to_vec(), None)
}

/// A payload that begins with so many bytes which are not sealed.
fn split<'p, const N: usize>(payload: &'p [u8], what: &'static str) -> Result<([u8; N], &'p [u8]), NoPayload> {
    payload.split_first_chunk().map(|(head, rest)| (*head, rest)).ok_or(NoPayload(what))
}

/// A payload that begins with the tag of a record.
fn tagged(payload: &[u8]) -> Result<(Tag, &[u8]), NoPayload> {
    split(payload, "the payload is too short for the tag of a record").map(|(tag, rest)| (Tag(tag), rest))
}

/// A payload that is a class, and whether something stands for it.
fn stance(payload: &[u8]) -> Result<(ClassTag, bool), NoPayload> {
    let (class, rest) = split(payload, "the payload is too short for a residency class")?;
    let class = ClassTag(class);
    match rest {
        _ if class == ClassTag::NONE => Err(NoPayload("records without a class ask for nothing")),
        [0] => Ok((class, false)),
        [1] => Ok((class, true)),
        _ => Err(NoPayload("behind the class is 1 or 0, and nothing else")),
    }
}
