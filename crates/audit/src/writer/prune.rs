//! Pruning: segments whose entries are all older than the log is kept go, and
//! the bundles that follow from them. Hashes stay for ever, so every checkpoint
//! and every proof holds as it did.
//!
//! It must never remove an entry that the log itself does not say was pruned,
//! nor one whose hashes are not durable: the entry that says so comes first,
//! then the tiles are synced, then the oldest segment goes, one at a time. A
//! crash in between leaves more than was to be kept, and never less.

use super::core::Core;
use super::recover::{Found, OpenError, begin, grow, mend, remove_bundles};
use super::{AppendError, Audit};
use crate::entry::{Act, Entry};
use crate::number::wide;
use crate::path::{Row, WIDTH};
use crate::sealed::EntryKey;
use crate::segment;
use std::io;
use store::{Barrier, Disk};

/// What was pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// The first entry that is kept.
    pub first: u64,
    /// Which entry says so.
    pub entry: u64,
}

impl<D: Disk> Audit<D> {
    /// Prunes entries that were made before a time, whole segments of them.
    /// `enter` makes the entry that says so. While a segment goes, appends wait.
    ///
    /// # Errors
    /// When the disk refuses; what was not removed is, the next time.
    pub fn prune(&self, before: u64, enter: impl FnOnce(Act) -> Entry) -> Result<Option<Pruned>, AppendError> {
        let Some(first) = self.with(|core| core.older_than(before))? else { return Ok(None) };
        let entry = self.append(&[enter(Act::Pruned { first, before })])?;
        while self.with(|core| core.remove_oldest(first, &self.key))? {}
        Ok(Some(Pruned { first, entry }))
    }
}

impl<D: Disk> Core<D> {
    /// The first entry that is to be kept, when there are segments before it
    /// that are to go.
    fn older_than(&mut self, before: u64) -> io::Result<Option<u64>> {
        let is_old = |newest: u64| newest < before;
        if self.older.iter().all(|segment| is_old(segment.newest))
            && self.newest.since.is_some()
            && is_old(self.newest.newest)
        {
            self.publish()?;
            self.begin_segment()?;
        }
        let go = self.older.iter().take_while(|segment| is_old(segment.newest)).count();
        let first = self.older.get(go).map_or(self.newest.first, |kept| kept.first);
        if go == 0 {
            return Ok(None);
        }
        // All that a start will go on from.
        self.found(first).map_err(io::Error::other)?;
        Ok(Some(first))
    }

    /// Removes the oldest segment, if all of it is before an entry; its hashes
    /// are made durable first.
    fn remove_oldest(&mut self, kept: u64, key: &EntryKey) -> io::Result<bool> {
        let Some(oldest) = self.older.first().copied() else { return Ok(false) };
        let next = self.older.get(1).map_or(self.newest.first, |next| next.first);
        if next > kept {
            return Ok(false);
        }
        // What is published says that they were pruned before they are gone.
        self.publish()?;
        let (found, disk) = (self.found(oldest.first).map_err(io::Error::other)?, &self.disk);
        let truth = [found.truth(disk, key)];
        let grown = grow(&truth, found.grown.clone(), next, &mut |path, bytes| match path.row {
            Row::Entries => Ok(()),
            Row::Tile(_) => {
                mend(disk, path, bytes)?;
                disk.sync_data(&disk.open(&path.to_string())?, Barrier::Pruned)
            }
        })?;
        if grown.edge.size() != next {
            return Err(io::Error::other(OpenError::Changed(grown.edge.size())));
        }
        disk.sync_dir(Barrier::Pruned)?;
        disk.remove(&segment::name(oldest.first))?;
        // So that no crash keeps an older one than it takes.
        disk.sync_dir(Barrier::Name)?;
        self.older.remove(0);
        remove_bundles(&self.disk, oldest.first / wide(WIDTH)..next / wide(WIDTH))?;
        Ok(true)
    }

    fn found(&self, first: u64) -> Result<Found<D>, OpenError> {
        begin(&self.disk, (self.disk.open(&segment::name(first))?, first), &self.start)
    }
}
