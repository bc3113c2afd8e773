//! What is looked up, made from what was written: rows that follow from the
//! log alone, so that they may lag behind it and can be made again.
//!
//! The rows of many entries are folded together before they are written: one
//! row of places for each block, one of names for each agent, one of heads. A
//! busy block therefore costs a few rows for thousands of entries.
//!
//! | space | key | value |
//! |---|---|---|
//! | chain | block, first sequence | 24 bytes a place in the log, for a run of entries |
//! | names | block, agent, second of the name's time, sequence | 25 bytes an op: its name, its place, how it ended |
//! | heads | block | the chain's end |
//! | seats | block, slot | who holds it |
//! | last | block, agent | newest name, time of the last op |
//! | records | block, owner, tag | [`Stored`] |
//! | inbox | agent, place in the log | from where, the op, its envelope |
//! | invited | who invited, which invitation | by whom it was used, until when that matters |
//! | aging | block, sequence of the entry that wrote a record of a class | whose, which, of what class, when |
//! | stances | matter, agent, block, class | what the agent said last, and its place in the log |

mod fold;

pub use fold::{Fold, Rows};

use crate::chain::{Entry, Head, Link, OpId, Outcome};
use crate::house;
use crate::kinds::{ClassTag, Cursor, Matter, Stance, Stored, Tag};
use trust::lease::Rights;
use trust::{AgentId, BlockRef, Moment, RegionTag};
use vocab::Slot;

/// Which rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    /// Where the entries of a chain stand.
    Chain,
    /// Where the ops of an agent stand.
    Names,
    /// Where chains end.
    Heads,
    /// Who holds slots.
    Seats,
    /// What each agent did last.
    Last,
    /// Records.
    Records,
    /// Messages that were not acknowledged.
    Inbox,
    /// Invitations that were used up.
    Invited,
    /// Records of classes, in the order in which they were written.
    Aging,
    /// What agents have said of classes, and of what they had sealed.
    Stances,
}

impl Space {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Chain,
        Self::Names,
        Self::Heads,
        Self::Seats,
        Self::Last,
        Self::Records,
        Self::Inbox,
        Self::Invited,
        Self::Aging,
        Self::Stances,
    ];

    /// What it is called on the disk.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Names => "names",
            Self::Heads => "heads",
            Self::Seats => "seats",
            Self::Last => "last",
            Self::Records => "records",
            Self::Inbox => "inbox",
            Self::Invited => "invited",
            Self::Aging => "aging",
            Self::Stances => "stances",
        }
    }
}

/// One change of a row: its new value, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Of which rows.
    pub space: Space,
    /// Of which row.
    pub key: Vec<u8>,
    /// What it is from now on.
    pub value: Option<Vec<u8>>,
}

/// A block as a key.
#[must_use]
pub fn block_key(block: BlockRef) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&block.region.0);
    key[8..].copy_from_slice(&block.index.to_be_bytes());
    key
}

/// The block that a key begins with.
#[must_use]
pub fn block_of(key: &[u8]) -> Option<BlockRef> {
    let (region, rest) = key.split_first_chunk()?;
    let (index, _) = rest.split_first_chunk()?;
    Some(BlockRef { region: RegionTag(*region), index: u64::from_be_bytes(*index) })
}

/// A key of several parts.
#[must_use]
pub fn key(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Names are kept in pieces of 2^10 milliseconds of the time in the name, so
/// that one is found without a look at the others.
const PIECE: u32 = 10;

/// The key that the rows of an op's name begin with.
#[must_use]
pub fn names_key(block: BlockRef, agent: AgentId, id: OpId) -> Vec<u8> {
    key(&[&block_key(block), &agent.0, &piece(id).to_be_bytes()])
}

fn piece(id: OpId) -> u32 {
    u32::try_from(id.made().0 >> PIECE).unwrap_or(u32::MAX)
}

/// An op in a row of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub id: OpId,
    /// Its place in the chain.
    pub sequence: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// Reads a row of names.
pub fn names(value: &[u8]) -> impl DoubleEndedIterator<Item = Named> + '_ {
    let (rows, _) = value.as_chunks::<25>();
    rows.iter().filter_map(|row| {
        let (id, rest) = row.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let outcome = Outcome::from_number(*rest.first()?)?;
        Some(Named { id: OpId(u128::from_be_bytes(*id)), sequence: u64::from_be_bytes(*sequence), outcome })
    })
}

/// Reads a row of places.
pub fn places(value: &[u8]) -> impl Iterator<Item = Cursor> + '_ {
    let (rows, _) = value.as_chunks::<{ Cursor::LEN }>();
    rows.iter().filter_map(|row| Cursor::from_bytes(row))
}

/// The value of a head's row.
#[must_use]
pub fn head_value(head: &Head) -> Vec<u8> {
    key(&[&head.sequence.to_be_bytes(), &head.epoch.to_be_bytes(), &head.time.0.to_be_bytes(), &head.link.0])
}

/// Reads a head's row.
#[must_use]
pub fn head(block: BlockRef, value: &[u8]) -> Option<Head> {
    let mut fields = Numbers(value);
    let (sequence, epoch, time) = (fields.next()?, fields.next()?, fields.next()?);
    let link = Link(fields.0.try_into().ok()?);
    Some(Head { block, sequence, epoch, time: Moment(time), link })
}

/// Who holds a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatRow {
    /// Which slot.
    pub slot: Slot,
    /// Who.
    pub agent: AgentId,
    /// The sequence of the entry that assigned it.
    pub fencing: u64,
    /// Until when.
    pub until: Moment,
    /// What its leases give.
    pub rights: Rights,
}

impl SeatRow {
    fn value(&self) -> Vec<u8> {
        let (fencing, until, rights) =
            (self.fencing.to_be_bytes(), self.until.0.to_be_bytes(), self.rights.bits().to_be_bytes());
        key(&[&fencing, &until, &rights, &self.agent.0])
    }

    /// Reads a row of seats.
    #[must_use]
    pub fn read(key: &[u8], value: &[u8]) -> Option<(BlockRef, Self)> {
        let slot = Slot::new(*key.get(16)?)?;
        let mut fields = Numbers(value);
        let (fencing, until) = (fields.next()?, fields.next()?);
        let (rights, agent) = fields.0.split_first_chunk()?;
        let (rights, agent) = (Rights::from_bits(u16::from_be_bytes(*rights))?, AgentId(agent.try_into().ok()?));
        Some((block_of(key)?, Self { slot, agent, fencing, until: Moment(until), rights }))
    }
}

/// The key of a seat.
#[must_use]
pub fn seat_key(block: BlockRef, slot: Slot) -> Vec<u8> {
    key(&[&block_key(block), &[slot.number()]])
}

/// The key of what an agent did last in a block.
#[must_use]
pub fn last_key(block: BlockRef, agent: AgentId) -> Vec<u8> {
    key(&[&block_key(block), &agent.0])
}

/// Reads what an agent did last: its newest name, and when it was let through.
#[must_use]
pub fn last(value: &[u8]) -> Option<(u64, Moment)> {
    let mut fields = Numbers(value);
    Some((fields.next()?, Moment(fields.next()?)))
}

/// The key of a record.
#[must_use]
pub fn record_key(block: BlockRef, owner: AgentId, tag: Tag) -> Vec<u8> {
    key(&[&block_key(block), &owner.0, &tag.0])
}

fn stored_value(entry: &Entry<'_>, class: ClassTag, envelope: &[u8]) -> Vec<u8> {
    let (sequence, time) = (entry.sequence.to_be_bytes(), entry.time.0.to_be_bytes());
    key(&[&sequence, &time, &entry.id.0.to_be_bytes(), &class.0, envelope])
}

/// Reads a record.
#[must_use]
pub fn stored(value: &[u8]) -> Option<Stored> {
    let mut fields = Numbers(value);
    let (sequence, time) = (fields.next()?, Moment(fields.next()?));
    let (id, rest) = fields.0.split_first_chunk()?;
    let (class, envelope) = rest.split_first_chunk()?;
    let id = OpId(u128::from_be_bytes(*id));
    Some(Stored { sequence, time, id, class: ClassTag(*class), envelope: envelope.to_vec() })
}

/// A message in an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place, which it is acknowledged by.
    pub cursor: Cursor,
    /// The block that it was sent in.
    pub block: BlockRef,
    /// Its place in that block's chain.
    pub sequence: u64,
    /// When.
    pub time: Moment,
    /// Who sent it.
    pub from: AgentId,
    /// The op that sent it.
    pub id: OpId,
    /// What it says, sealed under its sender's key.
    pub envelope: Vec<u8>,
}

fn message_value(entry: &Entry<'_>, envelope: &[u8]) -> Vec<u8> {
    let (sequence, time) = (entry.sequence.to_be_bytes(), entry.time.0.to_be_bytes());
    key(&[&sequence, &time, &block_key(entry.block), &entry.agent.0, &entry.id.0.to_be_bytes(), envelope])
}

impl Message {
    /// Reads a row of an inbox.
    #[must_use]
    pub fn read(key: &[u8], value: &[u8]) -> Option<Self> {
        let cursor = Cursor::from_bytes(key.get(32..)?)?;
        let mut fields = Numbers(value);
        let (sequence, time) = (fields.next()?, Moment(fields.next()?));
        let block = block_of(fields.0)?;
        let (from, rest) = fields.0.get(16..)?.split_first_chunk()?;
        let (id, envelope) = rest.split_first_chunk()?;
        let id = OpId(u128::from_be_bytes(*id));
        Some(Self { cursor, block, sequence, time, from: AgentId(*from), id, envelope: envelope.to_vec() })
    }
}

/// Reads an invitation that was used up, and by whom.
#[must_use]
pub fn invited(key: &[u8], value: &[u8]) -> Option<(AgentId, house::Invitation)> {
    let (inviter, serial) = key.split_first_chunk()?;
    let (agent, expires) = value.split_first_chunk()?;
    let expires = Moment(u64::from_be_bytes(expires.try_into().ok()?));
    let serial = serial.try_into().ok()?;
    Some((AgentId(*agent), house::Invitation { inviter: *inviter, serial, expires }))
}

/// A record of a class, by the entry that wrote it: so that those of a block
/// are found in the order in which they grow too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgingRow {
    /// The block.
    pub block: BlockRef,
    /// The entry.
    pub sequence: u64,
    /// When.
    pub time: Moment,
    /// Its class.
    pub class: ClassTag,
    /// Whose it is.
    pub owner: AgentId,
    /// Which of its owner's.
    pub tag: Tag,
}

impl AgingRow {
    /// The row of a record's row, if it has a class.
    #[must_use]
    pub fn of_record(key: &[u8], value: &[u8]) -> Option<Self> {
        let (owner, tag) = key.get(16..)?.split_first_chunk()?;
        let mut fields = Numbers(value);
        let (sequence, time) = (fields.next()?, Moment(fields.next()?));
        let class = ClassTag(*fields.0.get(16..)?.first_chunk()?);
        let (owner, tag) = (AgentId(*owner), Tag(tag.try_into().ok()?));
        (class != ClassTag::NONE).then_some(Self { block: block_of(key)?, sequence, time, class, owner, tag })
    }

    /// The change that writes it.
    #[must_use]
    pub fn change(&self) -> Change {
        Change { space: Space::Aging, key: aging_key(self.block, self.sequence), value: Some(self.value()) }
    }

    fn value(&self) -> Vec<u8> {
        key(&[&self.time.0.to_be_bytes(), &self.class.0, &self.owner.0, &self.tag.0])
    }

    /// Reads a row of aging.
    #[must_use]
    pub fn read(key: &[u8], value: &[u8]) -> Option<Self> {
        let sequence = u64::from_be_bytes(key.get(16..)?.try_into().ok()?);
        let mut fields = Numbers(value);
        let time = Moment(fields.next()?);
        let (class, rest) = fields.0.split_first_chunk()?;
        let (owner, tag) = rest.split_first_chunk()?;
        let (class, owner, tag) = (ClassTag(*class), AgentId(*owner), Tag(tag.try_into().ok()?));
        Some(Self { block: block_of(key)?, sequence, time, class, owner, tag })
    }
}

fn aging_key(block: BlockRef, sequence: u64) -> Vec<u8> {
    key(&[&block_key(block), &sequence.to_be_bytes()])
}

/// What an agent has said, with where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StanceRow {
    /// Of what.
    pub matter: Matter,
    /// Who.
    pub agent: AgentId,
    /// The block in whose chain it stands.
    pub block: BlockRef,
    /// The class; none for an erasure.
    pub class: ClassTag,
    /// What.
    pub stance: Stance,
    /// Where in the log: what was made behind it, it is not about.
    pub place: Cursor,
}

impl StanceRow {
    fn value(&self) -> Vec<u8> {
        let Stance { sequence, time, stands } = self.stance;
        key(&[&self.place.to_bytes(), &sequence.to_be_bytes(), &time.0.to_be_bytes(), &[u8::from(stands)]])
    }

    fn key(&self) -> Vec<u8> {
        stance_key(self.block, self.agent, (self.matter, self.class))
    }

    /// Reads a row of stances.
    #[must_use]
    pub fn read(key: &[u8], value: &[u8]) -> Option<Self> {
        let (matter, rest) = key.split_first()?;
        let matter = [Matter::Consent, Matter::OptOut, Matter::Erasure].into_iter().find(|of| *of as u8 == *matter)?;
        let (agent, rest) = rest.split_first_chunk()?;
        let (block, class) = (block_of(rest)?, rest.get(16..)?.try_into().ok()?);
        let (place, stance) = value.split_at_checked(Cursor::LEN)?;
        let mut fields = Numbers(stance);
        let (sequence, time) = (fields.next()?, Moment(fields.next()?));
        let stands = match fields.0 {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        let stance = Stance { sequence, time, stands };
        Some(Self {
            matter,
            agent: AgentId(*agent),
            block,
            class: ClassTag(class),
            stance,
            place: Cursor::from_bytes(place)?,
        })
    }
}

/// What the keys of an agent's stances on a matter begin with, in every block.
#[must_use]
pub fn stances_key(matter: Matter, agent: AgentId) -> Vec<u8> {
    key(&[&[matter as u8], &agent.0])
}

/// The key of an agent's stance in a block.
#[must_use]
pub fn stance_key(block: BlockRef, agent: AgentId, (matter, class): (Matter, ClassTag)) -> Vec<u8> {
    key(&[&stances_key(matter, agent), &block_key(block), &class.0])
}

struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }
}

/// The newest that a name can be compared by: its first 64 bits.
#[must_use]
pub fn newest(id: OpId) -> u64 {
    u64::try_from(id.0 >> 64).unwrap_or(u64::MAX)
}
