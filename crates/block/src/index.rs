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

use crate::chain::{Entry, Head, Link, OpId, Outcome};
use crate::house::{self, Deed};
use crate::kinds::{self, ClassTag, Cursor, Effect, Stored, Tag};
use std::collections::BTreeMap;
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
}

impl Space {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Chain, Self::Names, Self::Heads, Self::Seats, Self::Last, Self::Records, Self::Inbox, Self::Invited];

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

/// The rows that are there.
pub trait Rows {
    /// Why a row cannot be read.
    type Error;
    /// A row.
    fn row(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Self::Error>;
    /// The keys of an agent's inbox up to a place.
    fn inbox(&self, agent: AgentId, up_to: Cursor) -> Result<Vec<Vec<u8>>, Self::Error>;
}

/// Entries on their way to becoming rows.
#[derive(Debug, Default)]
pub struct Fold {
    blocks: BTreeMap<BlockRef, OfBlock>,
    inbox: BTreeMap<Vec<u8>, Vec<u8>>,
    acknowledged: BTreeMap<AgentId, Cursor>,
    invited: BTreeMap<Vec<u8>, Vec<u8>>,
    entries: u64,
}

/// What was folded of one block. Rows are kept as they grow, so that an entry
/// costs a search for its block, one for its agent, and no key of its own.
#[derive(Debug)]
struct OfBlock {
    head: Head,
    first: u64,
    places: Vec<u8>,
    agents: BTreeMap<AgentId, OfAgent>,
    seats: BTreeMap<Slot, Option<SeatRow>>,
}

/// What was folded of one agent in a block.
#[derive(Debug, Default)]
struct OfAgent {
    last: Option<(u64, Moment)>,
    names: Vec<NameRow>,
    records: BTreeMap<Tag, Option<Vec<u8>>>,
}

#[derive(Debug)]
struct NameRow {
    piece: u32,
    first: u64,
    names: Vec<u8>,
}

impl OfAgent {
    fn name(&mut self, entry: &Entry<'_>) {
        let piece = piece(entry.id);
        if self.names.last().is_none_or(|row| row.piece != piece) {
            self.names.push(NameRow { piece, first: entry.sequence, names: Vec::new() });
        }
        if let Some(row) = self.names.last_mut() {
            row.names.extend(entry.id.0.to_be_bytes());
            row.names.extend(entry.sequence.to_be_bytes());
            row.names.push(entry.outcome as u8);
        }
        let newest = newest(entry.id);
        let newest = self.last.map_or(newest, |(before, _)| before.max(newest));
        self.last = Some((newest, entry.time));
    }
}

impl Fold {
    /// How many entries it holds.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Where a chain ends, if an entry of it was folded.
    #[must_use]
    pub fn head(&self, block: BlockRef) -> Option<&Head> {
        self.blocks.get(&block).map(|block| &block.head)
    }

    /// The blocks of which entries were folded.
    pub fn blocks(&self) -> impl Iterator<Item = &BlockRef> {
        self.blocks.keys()
    }

    /// Takes an entry in, with its bytes' hash and its place in the log.
    pub fn add(&mut self, entry: &Entry<'_>, link: Link, place: Cursor) {
        let (block, sequence) = (entry.block, entry.sequence);
        let head = Head { block, sequence, epoch: entry.epoch, time: entry.time, link };
        let (places, agents, seats) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let of = self.blocks.entry(block);
        let of = of.or_insert_with(|| OfBlock { head, first: sequence, places, agents, seats });
        of.head = head;
        of.places.extend(place.to_bytes());
        self.entries += 1;
        if entry.kind >= house::FIRST {
            if let Some(deed) = Deed::decode(entry.kind, entry.payload) {
                if let Deed::Assign { invitation: Some(used), .. } = deed {
                    let value = key(&[&entry.agent.0, &used.expires.0.to_be_bytes()]);
                    self.invited.insert(key(&[&used.inviter, &used.serial]), value);
                }
                of.deed(entry, deed);
            }
            return;
        }
        let agent = of.agents.entry(entry.agent).or_default();
        agent.name(entry);
        if entry.outcome != Outcome::Done {
            return;
        }
        let effect = kinds::by_code(entry.kind).map(|kind| (kind.effect)(entry.payload));
        match effect {
            Some(Ok(Effect::Put(tag, class, envelope))) => {
                let stored = stored_value(entry, class, envelope);
                agent.records.insert(tag, Some(stored));
            }
            Some(Ok(Effect::Delete(tag))) => {
                agent.records.insert(tag, None);
            }
            Some(Ok(Effect::Send(to, envelope))) => {
                self.inbox.insert(key(&[&to.0, &place.to_bytes()]), message_value(entry, envelope));
            }
            Some(Ok(Effect::Acknowledge(up_to))) => {
                let known = self.acknowledged.entry(entry.agent).or_insert(up_to);
                *known = up_to.max(*known);
                self.inbox.retain(|key, _| !is_acknowledged(key, entry.agent, up_to));
            }
            Some(Ok(Effect::None) | Err(_)) | None => {}
        }
    }

    /// The rows that follow from these entries and the rows that are there.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn finish<R: Rows>(self, rows: &R) -> Result<Vec<Change>, R::Error> {
        let mut changes = Vec::new();
        for (block, of) in self.blocks {
            of.finish(block, rows, &mut changes)?;
        }
        let mut change = |space, key, value| changes.push(Change { space, key, value });
        for (key, value) in self.invited {
            change(Space::Invited, key, Some(value));
        }
        for (agent, up_to) in self.acknowledged {
            for key in rows.inbox(agent, up_to)? {
                change(Space::Inbox, key, None);
            }
        }
        for (key, value) in self.inbox {
            change(Space::Inbox, key, Some(value));
        }
        Ok(changes)
    }
}

impl OfBlock {
    fn deed(&mut self, entry: &Entry<'_>, deed: Deed) {
        match deed {
            Deed::Assign { slot, rights, until, .. } => {
                let seat = SeatRow { slot, agent: entry.agent, fencing: entry.sequence, until, rights };
                self.seats.insert(slot, Some(seat));
            }
            Deed::Renew { slot, until } => {
                // The row that is there already is completed when all is written.
                let renewed = SeatRow { slot, agent: entry.agent, fencing: 0, until, rights: Rights::default() };
                let seat = self.seats.entry(slot).or_insert(Some(renewed));
                if let Some(seat) = seat {
                    seat.until = until;
                }
            }
            Deed::Release { slot, .. } => {
                self.seats.insert(slot, None);
            }
        }
    }

    fn finish<R: Rows>(self, block: BlockRef, rows: &R, changes: &mut Vec<Change>) -> Result<(), R::Error> {
        let mut change = |space, key, value| changes.push(Change { space, key, value });
        let prefix = block_key(block);
        change(Space::Heads, prefix.to_vec(), Some(head_value(&self.head)));
        change(Space::Chain, key(&[&prefix, &self.first.to_be_bytes()]), Some(self.places));
        for (agent, of) in self.agents {
            for row in of.names {
                let key = key(&[&prefix, &agent.0, &row.piece.to_be_bytes(), &row.first.to_be_bytes()]);
                change(Space::Names, key, Some(row.names));
            }
            if let Some((newest, time)) = of.last {
                let key_of = last_key(block, agent);
                let before = rows.row(Space::Last, &key_of)?.as_deref().and_then(last).map_or(0, |(newest, _)| newest);
                let value = key(&[&newest.max(before).to_be_bytes(), &time.0.to_be_bytes()]);
                change(Space::Last, key_of, Some(value));
            }
            for (tag, value) in of.records {
                change(Space::Records, record_key(block, agent, tag), value);
            }
        }
        for (slot, seat) in self.seats {
            let key = seat_key(block, slot);
            let Some(mut seat) = seat else {
                change(Space::Seats, key, None);
                continue;
            };
            if seat.fencing == 0 {
                let before = rows.row(Space::Seats, &key)?.and_then(|value| SeatRow::read(&key, &value));
                let Some((_, before)) = before else { continue };
                seat = SeatRow { until: seat.until, ..before };
            }
            change(Space::Seats, key, Some(seat.value()));
        }
        Ok(())
    }
}

fn is_acknowledged(key: &[u8], agent: AgentId, up_to: Cursor) -> bool {
    let Some((whose, place)) = key.split_first_chunk::<32>() else { return false };
    *whose == agent.0 && Cursor::from_bytes(place).is_some_and(|place| place <= up_to)
}
