//! How long chains are kept: whole segments of the log go when all that is in
//! them is older, and with them the rows that say where it stood.
//!
//! It must never remove what the index has not followed durably, nor an entry
//! before the link of it is kept that what is left begins with.
//!
//! The order is anchors, rows, segment, each durable before the next: whatever
//! a kill leaves, the same segment is the oldest still, and all of it is done
//! again.

use crate::below::{Index, MARKS, after, anchor_key, space};
use crate::clock::{Clock, Settled};
use crate::follower::{Regions, followed};
use crate::wake::Progress;
use block::chain::{Entry, Head, link};
use block::index::{self, Space, block_key, head_value};
use block::kinds::Trouble;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use store::{Batch, Log, Position, ReadError, RealDisk, Records as _, Space as RecordsSpace};
use trust::{BlockRef, Moment};
use vocab::Millis;

/// Between two looks at the oldest segment; a look costs two reads of a row
/// unless the segment has become old.
const LOOK: Duration = Duration::from_secs(1);
/// Rows that are changed in one batch: others write in between.
const STEP: usize = 1_024;

/// Whoever prunes.
pub(crate) struct Keeper {
    pub(crate) log: Arc<Log<RealDisk>>,
    pub(crate) index: Arc<Index>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) clock: Arc<Clock>,
    /// Which region each shard is of, served or not.
    pub(crate) regions: Regions,
    /// How long entries are kept.
    pub(crate) kept: Millis,
    /// The newest time in the oldest segment, once it was read.
    pub(crate) newest: Option<(u64, Moment)>,
    /// The segment whose rows are gone already; a backup may hold it.
    pub(crate) cleared: Option<u64>,
    pub(crate) settled: Settled,
}

/// What a segment holds, as far as its going changes rows.
struct Held {
    newest: Moment,
    anchors: BTreeMap<BlockRef, Head>,
    /// What the keys of its ops' names begin with.
    names: BTreeSet<Vec<u8>>,
}

fn trouble(error: &dyn std::fmt::Display) -> Trouble {
    Trouble(error.to_string())
}

impl Keeper {
    /// Prunes until the planet stops.
    pub(crate) fn run(mut self) {
        while self.progress.wait_to_try_again(LOOK) {
            let settled = self.settled.is(&self.clock);
            if !settled || self.progress.why_stuck().is_some() {
                continue;
            }
            match self.all_that_is_old() {
                Ok(0) => {}
                Ok(segments) => tracing::info!(segments, "pruned what is older than the planet keeps"),
                // Nothing is lost by it: the next look tries again.
                Err(why) => tracing::warn!(%why, "cannot prune"),
            }
        }
    }

    fn all_that_is_old(&mut self) -> Result<u64, Trouble> {
        let mut segments = 0;
        while self.progress.why_stuck().is_none() && self.one()? {
            segments += 1;
        }
        Ok(segments)
    }

    /// Prunes the oldest segment, if all of it is old and followed; whether it
    /// went.
    fn one(&mut self) -> Result<bool, Trouble> {
        let first = self.log.first();
        let due = |newest: Moment, now: Moment| newest.after(self.kept) < now;
        let now = self.clock.now();
        if first >= self.log.end().segment || self.newest.is_some_and(|(of, at)| of == first && !due(at, now)) {
            return Ok(false);
        }
        if self.cleared != Some(first) {
            if followed(&self.index)?.is_none_or(|position| position.segment <= first) {
                return Ok(false);
            }
            let held = self.read(first)?;
            self.newest = Some((first, held.newest));
            if !due(held.newest, now) {
                return Ok(false);
            }
            self.clear(&held)?;
            self.cleared = Some(first);
        }
        let below = Position { segment: first + 1, offset: 0 };
        let pruned = self.log.prune(below).map_err(|error| trouble(&error))?;
        Ok(pruned.first > first)
    }

    /// Reads the oldest segment.
    fn read(&self, first: u64) -> Result<Held, Trouble> {
        let mut held = Held { newest: Moment(0), anchors: BTreeMap::new(), names: BTreeSet::new() };
        for read in self.log.tail(None) {
            let entry = match read {
                Ok(entry) => entry,
                // It was told when the index came by, and its block is sealed.
                Err(ReadError::Damaged(_) | ReadError::Pruned { .. }) => continue,
                Err(error) => return Err(trouble(&error)),
            };
            if entry.position.segment > first {
                break;
            }
            let (Some(region), Ok(read)) = (self.regions.get(&entry.shard), Entry::decode(&entry.bytes)) else {
                continue;
            };
            let block = BlockRef { region: *region, index: entry.block };
            held.newest = held.newest.max(read.time);
            let (sequence, epoch, time) = (read.sequence, read.epoch, read.time);
            held.anchors.insert(block, Head { block, sequence, epoch, time, link: link(&entry.bytes) });
            if read.kind < block::house::FIRST {
                held.names.insert(index::names_key(block, read.agent, read.id));
            }
        }
        Ok(held)
    }

    fn clear(&self, held: &Held) -> Result<(), Trouble> {
        let persist = || self.index.records.persist().map_err(|error| trouble(&error));
        let mut step = Step { index: &self.index, batch: Batch::default() };
        for (block, anchor) in &held.anchors {
            step.batch.put(MARKS, anchor_key(*block), head_value(anchor));
            step.go_on()?;
        }
        step.write()?;
        // With it, what the index had followed.
        persist()?;
        for anchor in held.anchors.values() {
            let prefix = block_key(anchor.block);
            let end = index::key(&[&prefix, &anchor.sequence.saturating_add(1).to_be_bytes()]);
            step.clear(Space::Chain, prefix.to_vec(), &end, |key, value| {
                let first = key.last_chunk().map_or(u64::MAX, |first| u64::from_be_bytes(*first));
                let count = u64::try_from(index::places(value).count()).unwrap_or(u64::MAX);
                first.saturating_add(count) <= anchor.sequence.saturating_add(1)
            })?;
        }
        for prefix in &held.names {
            let anchor = index::block_of(prefix).and_then(|block| held.anchors.get(&block));
            let Some(up_to) = anchor.map(|anchor| anchor.sequence) else { continue };
            step.clear(Space::Names, prefix.clone(), &after(prefix), |_, value| {
                index::names(value).all(|named| named.sequence <= up_to)
            })?;
        }
        step.write()?;
        persist()
    }
}

/// Rows that are changed a few at a time.
struct Step<'a> {
    index: &'a Index,
    batch: Batch,
}

impl Step<'_> {
    /// Removes the rows between two keys of which it is said that they go.
    fn clear(
        &mut self,
        of: Space,
        mut from: Vec<u8>,
        end: &[u8],
        goes: impl Fn(&[u8], &[u8]) -> bool,
    ) -> Result<(), Trouble> {
        let of: RecordsSpace = space(of);
        loop {
            let rows = self.index.records.scan(of, &from, Some(end), STEP).map_err(|error| trouble(&error))?;
            for (key, _) in rows.iter().filter(|(key, value)| goes(key, value)) {
                self.batch.delete(of, key.clone());
                self.go_on()?;
            }
            match rows.last() {
                Some((key, _)) if rows.len() == STEP => from = [key, &[0][..]].concat(),
                _ => return Ok(()),
            }
        }
    }

    fn go_on(&mut self) -> Result<(), Trouble> {
        if self.batch.len() < STEP { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), Trouble> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() { Ok(()) } else { self.index.records.write(batch).map_err(|error| trouble(&error)) }
    }
}
