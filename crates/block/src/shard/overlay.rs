//! What has been appended and is not yet in the index: read before it, and
//! forgotten once it has followed.
//!
//! Bounded by how far the index may lag, which whoever runs the shard sees to.

use crate::chain::{OpId, Outcome};
use crate::kinds::{ClassTag, Matter, Stance, Stored, Tag};
use crate::rate::Due;
use std::collections::{BTreeMap, VecDeque};
use trust::AgentId;

/// An op that has ended: where, how, and how many of its agent's ended since,
/// counted up to 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// Its place in the chain.
    pub sequence: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// How many of the agent's ended since.
    pub newer: u32,
}

// What differs most is compared first: agents of one block are the same few.
type RecordAt = (Tag, u64, AgentId);
type NameAt = (OpId, u64, AgentId);
type LeftAt = (u64, AgentId);
type StanceAt = (u64, AgentId, (Matter, ClassTag));

/// What an entry of the overlay takes beside its envelope, in three maps'
/// nodes, about.
const EACH: usize = 256;

#[derive(Debug)]
enum Told {
    Record(RecordAt),
    Name(NameAt),
    Left(LeftAt),
    Stance(StanceAt),
}

/// What the index does not know yet.
#[derive(Debug)]
pub(super) struct Overlay {
    records: BTreeMap<RecordAt, (u64, Option<Stored>)>,
    names: BTreeMap<NameAt, Earlier>,
    /// Who has left a slot since: the newest name, and when the next op is due.
    gone: BTreeMap<LeftAt, (u64, (u64, Due))>,
    stances: BTreeMap<StanceAt, (u64, Stance)>,
    told: VecDeque<(u64, Told)>,
    bytes: usize,
}

impl Overlay {
    pub(super) fn new() -> Self {
        let (records, names, gone, stances) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { records, names, gone, stances, told: VecDeque::new(), bytes: 0 }
    }

    /// A record changed in the entry with this sequence of the shard.
    pub(super) fn record(&mut self, at: u64, key: RecordAt, value: Option<Stored>) {
        self.bytes += envelope(value.as_ref());
        if let Some((_, before)) = self.records.insert(key, (at, value)) {
            self.bytes -= envelope(before.as_ref());
        }
        self.tell(at, Told::Record(key));
    }

    /// An op ended in the entry with this sequence of the shard.
    pub(super) fn name(&mut self, at: u64, key: NameAt, earlier: Earlier) {
        self.names.insert(key, earlier);
        self.tell(at, Told::Name(key));
    }

    /// An agent left a slot in the entry with this sequence of the shard, or an
    /// op of one that has left ended there.
    pub(super) fn left(&mut self, at: u64, key: LeftAt, (newest, due): (u64, Due)) {
        let (before, was_due) = self.who_left(&key).unwrap_or((newest, due));
        self.gone.insert(key, (at, (newest.max(before), due.max(was_due))));
        self.tell(at, Told::Left(key));
    }

    /// An agent said something in the entry with this sequence of the shard.
    pub(super) fn stance(&mut self, at: u64, key: StanceAt, stance: Stance) {
        self.stances.insert(key, (at, stance));
        self.tell(at, Told::Stance(key));
    }

    /// What an agent has said, if the index does not know it yet.
    pub(super) fn said(&self, key: &StanceAt) -> Option<Stance> {
        self.stances.get(key).map(|(_, stance)| *stance)
    }

    fn tell(&mut self, at: u64, told: Told) {
        self.bytes += EACH;
        self.told.push_back((at, told));
    }

    /// What an agent that has left had.
    pub(super) fn who_left(&self, key: &LeftAt) -> Option<(u64, Due)> {
        self.gone.get(key).map(|(_, with)| *with)
    }

    /// What is kept here, about.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What a record says, if it changed: `Some(None)` is one that is gone.
    pub(super) fn find(&self, key: &RecordAt) -> Option<Option<&Stored>> {
        self.records.get(key).map(|(_, stored)| stored.as_ref())
    }

    /// An op that has ended and is not in the index.
    pub(super) fn ended(&self, key: &NameAt) -> Option<Earlier> {
        self.names.get(key).copied()
    }

    /// Forgets what stood before this sequence of the shard.
    pub(super) fn forget(&mut self, up_to: u64) {
        while let Some((at, told)) = self.told.pop_front() {
            if at >= up_to {
                self.told.push_front((at, told));
                return;
            }
            self.bytes -= EACH;
            match told {
                // A later entry may have changed it again.
                Told::Record(key) if self.records.get(&key).is_some_and(|(changed, _)| *changed == at) => {
                    self.bytes -= self.records.remove(&key).map_or(0, |(_, stored)| envelope(stored.as_ref()));
                }
                Told::Left(key) if self.gone.get(&key).is_some_and(|(left, _)| *left == at) => {
                    self.gone.remove(&key);
                }
                Told::Name(key) => {
                    self.names.remove(&key);
                }
                Told::Stance(key) if self.stances.get(&key).is_some_and(|(said, _)| *said == at) => {
                    self.stances.remove(&key);
                }
                Told::Record(_) | Told::Left(_) | Told::Stance(_) => {}
            }
        }
    }
}

fn envelope(stored: Option<&Stored>) -> usize {
    stored.map_or(0, |stored| stored.envelope.len())
}
