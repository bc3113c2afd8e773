//! Removing what is old: whole segments, from the oldest on.
//!
//! It must never remove a segment before it is known durably that it was meant
//! to go, or its loss could not be told from damage; never the one that is
//! written to; and never one that somebody holds, as a backup does.
//!
//! Why the removals themselves are not synced: one that a crash takes back is
//! done again at the next start, which knows by the mark what is to go.

use super::{Extent, Position, marks, segment};
use crate::disk::Disk;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What pruning came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// How many segments were removed.
    pub segments: u64,
    /// How much space they had set aside.
    pub bytes: u64,
    /// The oldest segment that is there.
    pub first: u64,
}

/// Why a log was not pruned, or not wholly.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {source}; nothing that was to stay is touched: look at the disk and prune again")]
pub struct PruneError {
    what: String,
    source: io::Error,
}

impl PruneError {
    /// Whether the same call can succeed later: always, what was done stays
    /// done.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        true
    }

    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self { what, source }
    }
}

/// Segments from one on, which are not pruned while this lives.
#[derive(Debug)]
pub struct Hold {
    extent: Arc<Mutex<Extent>>,
    segment: u64,
}

impl Hold {
    /// Holds what is there from a segment on.
    pub(crate) fn new(extent: &Arc<Mutex<Extent>>, from: u64) -> Self {
        let mut now = enter(extent);
        let segment = from.max(now.first);
        now.held.push(segment);
        drop(now);
        Self { extent: Arc::clone(extent), segment }
    }

    /// The oldest segment that it holds.
    #[must_use]
    pub fn segment(&self) -> u64 {
        self.segment
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut now = enter(&self.extent);
        if let Some(index) = now.held.iter().position(|held| *held == self.segment) {
            now.held.swap_remove(index);
        }
    }
}

fn enter(extent: &Mutex<Extent>) -> MutexGuard<'_, Extent> {
    extent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the segments that lie wholly below a position. One caller at a
/// time.
pub(crate) fn prune<D: Disk>(disk: &D, extent: &Mutex<Extent>, below: Position) -> Result<Pruned, PruneError> {
    let mut now = enter(extent);
    let held = now.held.iter().copied().min().unwrap_or(u64::MAX);
    let before = now.first;
    let first = below.segment.min(now.active).min(held).max(before);
    // At once, so that nobody begins to hold what is about to go.
    now.first = first;
    drop(now);
    if first > before
        && let Err(error) = marks::write(disk, marks::PRUNED, Position { segment: first, offset: 0 })
    {
        enter(extent).first = before;
        return Err(PruneError::io(format!("note how far {} is pruned", disk.place()))(error));
    }
    remove(disk, first)
}

/// Removes what stands below a segment, and was to go.
pub(crate) fn remove<D: Disk>(disk: &D, first: u64) -> Result<Pruned, PruneError> {
    let mut pruned = Pruned { segments: 0, bytes: 0, first };
    let names = disk.list().map_err(PruneError::io(format!("list {}", disk.place())))?;
    for name in names.iter().filter(|name| segment::number(name).is_some_and(|number| number < first)) {
        let bytes = disk.open(name).and_then(|file| disk.len(&file)).unwrap_or(0);
        disk.remove(name).map_err(PruneError::io(format!("remove {name}")))?;
        pruned.segments += 1;
        pruned.bytes += bytes;
    }
    Ok(pruned)
}
