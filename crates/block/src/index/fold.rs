//! Entries on their way to becoming rows.
//!
//! It must never need more than the entries and the rows that are there: no
//! key, no clock, and no order but the log's.

use super::{
    AgingRow, Change, SeatRow, Space, StanceRow, aging_key, block_key, head_value, key, last, last_key, message_value,
    newest, piece, record_key, seat_key, stored_value,
};
use crate::chain::{Entry, Head, Link, Outcome};
use crate::house::{self, Deed};
use crate::kinds::{self, ClassTag, Cursor, Effect, Stance, Tag};
use std::collections::BTreeMap;
use trust::lease::Rights;
use trust::{AgentId, BlockRef, Moment};
use vocab::Slot;

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
    stances: BTreeMap<Vec<u8>, Vec<u8>>,
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
    /// Records of classes, by the entries that wrote them; none for one that was
    /// written before these entries and is gone.
    aging: BTreeMap<u64, Option<AgingRow>>,
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
        let aging = BTreeMap::new();
        let of = of.or_insert_with(|| OfBlock { head, first: sequence, places, agents, seats, aging });
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
                of.replaced(entry);
                if class != ClassTag::NONE {
                    let (time, owner) = (entry.time, entry.agent);
                    of.aging.insert(sequence, Some(AgingRow { block, sequence, time, class, owner, tag }));
                }
            }
            Some(Ok(Effect::Delete(tag))) => {
                agent.records.insert(tag, None);
                of.replaced(entry);
            }
            Some(Ok(Effect::Send(to, envelope))) => {
                self.inbox.insert(key(&[&to.0, &place.to_bytes()]), message_value(entry, envelope));
            }
            Some(Ok(Effect::Acknowledge(up_to))) => {
                let known = self.acknowledged.entry(entry.agent).or_insert(up_to);
                *known = up_to.max(*known);
                self.inbox.retain(|key, _| !is_acknowledged(key, entry.agent, up_to));
            }
            Some(Ok(Effect::Stand(matter, class, stands))) => {
                let stance = Stance { sequence, time: entry.time, stands };
                let row = StanceRow { matter, agent: entry.agent, block, class, stance, place };
                self.stances.insert(row.key(), row.value());
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
        for (key, value) in self.stances {
            change(Space::Stances, key, Some(value));
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
            Deed::Expire(aged) => {
                self.agents.entry(entry.agent).or_default().records.insert(aged.tag, None);
                self.is_gone(aged.written);
            }
        }
    }

    /// What an entry's result says that it replaced grows no older.
    fn replaced(&mut self, entry: &Entry<'_>) {
        if let Some(before) = entry.result.try_into().ok().map(u64::from_be_bytes).filter(|before| *before != 0) {
            self.is_gone(before);
        }
    }

    fn is_gone(&mut self, written: u64) {
        // One that was written among these entries has no row yet.
        if written < self.first {
            self.aging.insert(written, None);
        } else {
            self.aging.remove(&written);
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
        for (sequence, row) in self.aging {
            let key = aging_key(block, sequence);
            match row {
                Some(row) => changes.push(row.change()),
                // Most have no class, and so no row.
                None if rows.row(Space::Aging, &key)?.is_none() => {}
                None => changes.push(Change { space: Space::Aging, key, value: None }),
            }
        }
        let mut change = |space, key, value| changes.push(Change { space, key, value });
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
