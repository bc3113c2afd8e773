//! From entries to rows: what follows from many of them is folded together
//! before it is written.
//!
//! It must never matter how many are folded at once: the rows mean the same.

use super::{Change, Message, SeatRow, Space, block_key, head_value, key, last, last_key, names_key, newest};
use super::{record_key, seat_key, stored_value};
use crate::chain::{Entry, Head, Link, Outcome};
use crate::house::{self, Deed};
use crate::kinds::{self, Cursor, Effect, Stored};
use std::collections::BTreeMap;
use trust::lease::Rights;
use trust::{AgentId, BlockRef, Moment};

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
    heads: BTreeMap<BlockRef, Head>,
    chain: BTreeMap<BlockRef, (u64, Vec<u8>)>,
    names: BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
    last: BTreeMap<(BlockRef, AgentId), (u64, Moment)>,
    seats: BTreeMap<Vec<u8>, Option<SeatRow>>,
    records: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    inbox: BTreeMap<Vec<u8>, Vec<u8>>,
    acknowledged: BTreeMap<AgentId, Cursor>,
    invited: BTreeMap<Vec<u8>, Vec<u8>>,
    entries: u64,
}

impl Fold {
    /// How many entries it holds.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Takes an entry in, with its bytes' hash and its place in the log.
    pub fn add(&mut self, entry: &Entry<'_>, link: Link, place: Cursor) {
        let (block, sequence) = (entry.block, entry.sequence);
        self.entries += 1;
        self.heads.insert(block, Head { block, sequence, epoch: entry.epoch, time: entry.time, link });
        let (_, row) = self.chain.entry(block).or_insert((sequence, Vec::new()));
        row.extend(place.to_bytes());
        if entry.kind >= house::FIRST {
            if let Some(deed) = Deed::decode(entry.kind, entry.payload) {
                self.deed(entry, deed);
            }
            return;
        }
        let (_, row) = self.names.entry(names_key(block, entry.agent, entry.id)).or_insert((sequence, Vec::new()));
        row.extend(entry.id.0.to_be_bytes());
        row.extend(sequence.to_be_bytes());
        row.push(entry.outcome as u8);
        let last = self.last.entry((block, entry.agent)).or_insert((0, entry.time));
        *last = (last.0.max(newest(entry.id)), entry.time);
        if entry.outcome == Outcome::Done
            && let Some(Ok(effect)) = kinds::by_code(entry.kind).map(|kind| (kind.effect)(entry.payload))
        {
            self.effect(entry, effect, place);
        }
    }

    fn deed(&mut self, entry: &Entry<'_>, deed: Deed) {
        match deed {
            Deed::Assign { slot, rights, until, invitation } => {
                if let Some(used) = invitation {
                    let value = key(&[&entry.agent.0, &used.expires.0.to_be_bytes()]);
                    self.invited.insert(key(&[&used.inviter, &used.serial]), value);
                }
                let seat = SeatRow { slot, agent: entry.agent, fencing: entry.sequence, until, rights };
                self.seats.insert(seat_key(entry.block, slot), Some(seat));
            }
            Deed::Renew { slot, until } => {
                // The row that is there already is completed when all is written.
                let renewed = SeatRow { slot, agent: entry.agent, fencing: 0, until, rights: Rights::default() };
                let seat = self.seats.entry(seat_key(entry.block, slot)).or_insert(Some(renewed));
                if let Some(seat) = seat {
                    seat.until = until;
                }
            }
            Deed::Release { slot, .. } => {
                self.seats.insert(seat_key(entry.block, slot), None);
            }
        }
    }

    fn effect(&mut self, entry: &Entry<'_>, effect: Effect<'_>, place: Cursor) {
        let (block, sequence, time, id) = (entry.block, entry.sequence, entry.time, entry.id);
        match effect {
            Effect::None => {}
            Effect::Put(tag, class, envelope) => {
                let stored = Stored { sequence, time, id, class, envelope: envelope.to_vec() };
                self.records.insert(record_key(block, entry.agent, tag), Some(stored_value(&stored)));
            }
            Effect::Delete(tag) => {
                self.records.insert(record_key(block, entry.agent, tag), None);
            }
            Effect::Send(to, envelope) => {
                let envelope = envelope.to_vec();
                let message = Message { cursor: place, block, sequence, time, from: entry.agent, id, envelope };
                self.inbox.insert(key(&[&to.0, &place.to_bytes()]), message.value());
            }
            Effect::Acknowledge(up_to) => {
                let known = self.acknowledged.entry(entry.agent).or_insert(up_to);
                *known = up_to.max(*known);
                self.inbox.retain(|key, _| !is_acknowledged(key, entry.agent, up_to));
            }
        }
    }

    /// The rows that follow from these entries and the rows that are there.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn finish<R: Rows>(self, rows: &R) -> Result<Vec<Change>, R::Error> {
        let mut changes = Vec::new();
        let mut change = |space, key, value| changes.push(Change { space, key, value });
        for (block, head) in &self.heads {
            change(Space::Heads, block_key(*block).to_vec(), Some(head_value(head)));
        }
        for (block, (first, places)) in self.chain {
            change(Space::Chain, key(&[&block_key(block), &first.to_be_bytes()]), Some(places));
        }
        for (names, (first, row)) in self.names {
            change(Space::Names, key(&[&names, &first.to_be_bytes()]), Some(row));
        }
        for ((block, agent), (newest, time)) in self.last {
            let key_of = last_key(block, agent);
            let before = rows.row(Space::Last, &key_of)?.as_deref().and_then(last).map_or(0, |(newest, _)| newest);
            let value = key(&[&newest.max(before).to_be_bytes(), &time.0.to_be_bytes()]);
            change(Space::Last, key_of, Some(value));
        }
        for (key, seat) in self.seats {
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
        for (key, value) in self.records {
            change(Space::Records, key, value);
        }
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

fn is_acknowledged(key: &[u8], agent: AgentId, up_to: Cursor) -> bool {
    let Some((whose, place)) = key.split_first_chunk::<32>() else { return false };
    *whose == agent.0 && Cursor::from_bytes(place).is_some_and(|place| place <= up_to)
}
