//! What a walk over segments adds up to: how the shards stand, and what is
//! damaged.
//!
//! It must never hold entries: start-up must not need the log in memory.

use super::format::Kind;
use super::format::ShardState;
use super::scan::{Batch, Step};
use super::{Damage, Loss, segment};
use std::collections::BTreeMap;

/// The most damages that are told one by one; the rest is counted. A disk with
/// more is to be replaced, not read about.
pub(crate) const MAX_DAMAGE: usize = 1_000;

/// The sum of a walk.
#[derive(Debug, Default)]
pub(crate) struct Inspection {
    pub(crate) shards: BTreeMap<u32, ShardState>,
    pub(crate) batches: u64,
    pub(crate) entries: u64,
    pub(crate) damage: Vec<Damage>,
    pub(crate) more_damage: u64,
}

impl Inspection {
    pub(crate) fn report(&mut self, damage: Damage) {
        if self.damage.len() < MAX_DAMAGE {
            self.damage.push(damage);
        } else {
            self.more_damage += 1;
        }
    }

    pub(crate) fn see(&mut self, number: u64, step: &Step<'_>) {
        match step {
            Step::Batch(batch) => self.batch(number, batch),
            Step::Lost { from, to } => {
                self.report(Damage {
                    file: segment::name(number),
                    offset: *from,
                    length: to - from,
                    what: Loss::Unknown,
                });
            }
        }
    }

    fn batch(&mut self, number: u64, batch: &Batch<'_>) {
        let (fence, file) = (batch.fence, || segment::name(number));
        self.batches += 1;
        if batch.fence_broken {
            let length = u64::from(fence.length);
            self.report(Damage { file: file(), offset: batch.start, length, what: Loss::Copy });
        }
        for entry in batch.entries() {
            self.entries += 1;
            if entry.bytes.is_none() {
                let what = Loss::Entry { shard: fence.shard, sequence: entry.sequence, block: entry.block };
                self.report(Damage { file: file(), offset: entry.offset, length: u64::from(entry.length), what });
            }
        }
        let state = self.shards.get(&fence.shard).copied().unwrap_or_default();
        if fence.first > state.next {
            let what = Loss::Entries { shard: fence.shard, first: state.next, last: fence.first - 1 };
            self.report(Damage { file: file(), offset: batch.start, length: 0, what });
        }
        let next = state.next.max(fence.first + u64::from(fence.count));
        let state = ShardState { next, epoch: state.epoch.max(fence.epoch), sealed: fence.kind == Kind::Seal };
        self.shards.insert(fence.shard, state);
    }
}
