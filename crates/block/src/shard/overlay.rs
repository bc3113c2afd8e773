//! What has been appended and is not yet in the index: read before it, and
//! forgotten once it has followed.
//!
//! Bounded by how far the index may lag, which whoever runs the shard sees to.

use crate::chain::{OpId, Outcome};
use crate::kinds::{Stored, Tag};
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

type RecordAt = (u64, AgentId, Tag);
type NameAt = (u64, AgentId, OpId);

#[derive(Debug)]
enum Told {
    Record(RecordAt),
    Name(NameAt),
}

/// What the index does not know yet.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    records: BTreeMap<RecordAt, (u64, Option<Stored>)>,
    names: BTreeMap<NameAt, Earlier>,
    told: VecDeque<(u64, Told)>,
}

impl Overlay {
    /// A record changed in the entry with this sequence of the shard.
    pub(super) fn record(&mut self, at: u64, key: RecordAt, value: Option<Stored>) {
        self.records.insert(key, (at, value));
        self.told.push_back((at, Told::Record(key)));
    }

    /// An op ended in the entry with this sequence of the shard.
    pub(super) fn name(&mut self, at: u64, key: NameAt, earlier: Earlier) {
        self.names.insert(key, earlier);
        self.told.push_back((at, Told::Name(key)));
    }

    /// What a record says, if it changed: `Some(None)` is one that is gone.
    pub(super) fn find(&self, key: &RecordAt) -> Option<Option<&Stored>> {
        self.records.get(key).map(|(_, stored)| stored.as_ref())
    }

    /// An op that has ended and is not in the index.
    pub(super) fn ended(&self, key: &NameAt) -> Option<Earlier> {
        self.names.get(key).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Forgets what stood before this sequence of the shard.
    pub(super) fn forget(&mut self, up_to: u64) {
        while let Some((at, told)) = self.told.pop_front() {
            if at >= up_to {
                self.told.push_front((at, told));
                return;
            }
            match told {
                // A later entry may have changed it again.
                Told::Record(key) => {
                    if self.records.get(&key).is_some_and(|(changed, _)| *changed == at) {
                        self.records.remove(&key);
                    }
                }
                Told::Name(key) => {
                    self.names.remove(&key);
                }
            }
        }
    }
}
