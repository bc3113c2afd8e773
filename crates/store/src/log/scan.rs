//! Walks over the batches of a segment, whatever its bytes are.
//!
//! It must never hold more than one batch and one window, never hand on an
//! entry whose checksum disagrees, and never take damage for an end.
//!
//! How a tear is told from damage: groups are synced one after another, so only
//! the last one can be torn, and whatever is broken below a later group is
//! damage. In the last group itself a tear leaves the zeros that were there
//! before: whole sectors that the power took, or all behind the byte where the
//! write was stopped. A broken batch without such zeros is damage.

use super::format::{ALIGN, FENCE, Fence, MAX_BATCH, Place, ROW, Row, SECTOR, Side};
use crate::number::{all_zero, size, small, wide};
use crate::planted::Planted;
use std::io;

/// How much is read at once: enough that the call does not matter.
const WINDOW: usize = 1_024 * 1_024;

/// Where bytes come from.
pub(crate) trait Source {
    /// Reads until `into` is full or the source ends, and says how much.
    ///
    /// # Errors
    /// What the source says.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
}

impl Source for &[u8] {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let rest = self.get(size(offset)..).unwrap_or_default();
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

/// Where a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Everything below is known to be durable.
    Exact(u64),
    /// Somewhere below, perhaps in a torn group.
    Tail(u64),
}

/// What stands at one place.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    Batch(Batch<'a>),
    /// Bytes that nothing is known about.
    Lost {
        from: u64,
        to: u64,
    },
}

/// A batch of which at least one fence is whole.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) fence: Fence,
    pub(crate) start: u64,
    directory: &'a [u8],
    payload: &'a [u8],
    /// One of the two fences is broken; no entry is lost by it.
    pub(crate) fence_broken: bool,
    place: Place,
    planted: Planted,
}

/// An entry of a batch: its bytes are there only if they are the ones that
/// were written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked<'a> {
    pub(crate) sequence: u64,
    pub(crate) block: u64,
    /// Where its bytes stand in the segment.
    pub(crate) offset: u64,
    pub(crate) length: u32,
    pub(crate) bytes: Option<&'a [u8]>,
}

impl<'a> Batch<'a> {
    /// The entries in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Checked<'a>> {
        let (fence, place, payload, planted) = (self.fence, self.place, self.payload, self.planted);
        let first = self.start + wide(fence.bytes());
        let mut at = 0;
        (fence.first..).zip(Row::all(self.directory)).map(move |(sequence, row)| {
            let bytes = payload.get(at..at + small(row.length)).unwrap_or_default();
            let offset = first + wide(at);
            at += small(row.length);
            let agrees = planted.skips_checksums() || row.agrees(bytes, place.salt, fence.shard, sequence);
            let bytes = agrees.then_some(bytes);
            Checked { sequence, block: row.block, offset, length: row.length, bytes }
        })
    }
}

/// A walk over a segment.
pub(crate) struct Scan<S> {
    window: Window<S>,
    place: Place,
    bound: Bound,
    at: u64,
    /// A batch of a group that begins here was seen: all below was durable.
    durable_below: u64,
    /// No group begins behind that.
    no_more_groups: bool,
    planted: Planted,
}

impl<S: Source> Scan<S> {
    pub(crate) fn new(source: S, place: Place, from: u64, bound: Bound, planted: Planted) -> Self {
        let (Bound::Exact(limit) | Bound::Tail(limit)) = bound;
        let window = Window { source, start: 0, bytes: Vec::new(), limit };
        Self { window, place, bound, at: from, durable_below: 0, no_more_groups: false, planted }
    }

    /// All below was durable once, whatever stands there now.
    pub(crate) fn known_durable(&mut self, below: u64) {
        self.durable_below = below.min(self.limit());
    }

    /// The segment has grown, or has ended: the walk may go on to there.
    pub(crate) fn extend(&mut self, to: u64) {
        self.window.extend(to);
        self.bound = Bound::Exact(to);
    }

    /// Where the walk stands; at the end, where the next batch belongs.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Whether any batch stands in what is left.
    pub(crate) fn holds_batches(&mut self) -> io::Result<bool> {
        let (from, limit) = (self.at, self.limit());
        Ok(self.search(from, limit, |_, _, _| true)?.is_some())
    }

    fn limit(&self) -> u64 {
        match self.bound {
            Bound::Exact(limit) | Bound::Tail(limit) => limit,
        }
    }

    /// The next batch or the next hole; nothing at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Step<'_>>> {
        let start = self.at;
        if start >= self.limit() || self.only_zeros()? {
            return Ok(None);
        }
        let Some((fence, side)) = self.fence_of(start)? else {
            if matches!(self.bound, Bound::Tail(_)) && !self.durable(start)? {
                return Ok(None);
            }
            let end = match self.bound {
                Bound::Exact(limit) => limit,
                Bound::Tail(_) => self.durable_below,
            };
            let to =
                self.search(start + wide(ALIGN), self.limit(), |_, other, _| other > start)?.map_or(end, |(_, at)| at);
            self.at = to;
            return Ok(Some(Step::Lost { from: start, to }));
        };
        let whole = self
            .batch(fence, side, start)?
            .is_some_and(|batch| !batch.fence_broken && batch.entries().all(|entry| entry.bytes.is_some()));
        if !whole && matches!(self.bound, Bound::Tail(_)) && !self.durable(start)? && self.torn(start, fence)? {
            return Ok(None);
        }
        self.at = start + u64::from(fence.length);
        let to = self.at;
        let batch = self.batch(fence, side, start)?;
        Ok(Some(batch.map_or(Step::Lost { from: start, to }, Step::Batch)))
    }

    /// In a tail, zeros to the limit are its end. Below an exact end they are
    /// a hole.
    fn only_zeros(&mut self) -> io::Result<bool> {
        let durable = matches!(self.bound, Bound::Exact(_)) || self.at < self.durable_below;
        if durable || !all_zero(self.window.at(self.at, ALIGN)?) {
            return Ok(false);
        }
        Ok(self.remains()?.is_none())
    }

    /// Behind the last byte at or after the walk that is not zero.
    pub(crate) fn remains(&mut self) -> io::Result<Option<u64>> {
        let (mut at, mut last) = (self.at, None);
        while at < self.limit() {
            let bytes = self.window.at(at, WINDOW.min(size(self.limit() - at)))?;
            if bytes.is_empty() {
                break;
            }
            if !all_zero(bytes) {
                last = bytes.iter().rposition(|byte| *byte != 0).map(|index| at + wide(index) + 1);
            }
            at += wide(bytes.len());
        }
        Ok(last)
    }

    /// A whole fence of the batch at `start`: the front one, or the back one.
    fn fence_of(&mut self, start: u64) -> io::Result<Option<(Fence, Side)>> {
        if let Some((fence, Side::Front, _)) = self.whole_fence(start)? {
            return Ok(Some((fence, Side::Front)));
        }
        // A batch that begins behind this one ends the search: this one is over.
        let to = self.limit().min(start + wide(MAX_BATCH));
        let mut over = false;
        let found = self.search(start, to, |side, other, _| {
            over |= other > start;
            over || (side == Side::Back && other == start)
        })?;
        Ok(found.filter(|(_, at)| *at == start).map(|(fence, _)| (fence, Side::Back)))
    }

    /// The fence at `offset`, if its directory agrees and its batch ends in bounds.
    fn whole_fence(&mut self, offset: u64) -> io::Result<Option<(Fence, Side, u64)>> {
        let (place, limit) = (self.place, self.limit());
        let Some((fence, side, start)) = Fence::decode(self.window.at(offset, FENCE)?, offset, place) else {
            return Ok(None);
        };
        if start + u64::from(fence.length) > limit {
            return Ok(None);
        }
        let agrees = fence.directory_agrees(self.window.at(offset, fence.bytes())?);
        Ok(agrees.then_some((fence, side, start)))
    }

    /// The first whole fence from `from` on that is wanted: by its side, by
    /// where its batch begins and by where its group does.
    fn search(
        &mut self,
        from: u64,
        to: u64,
        mut wanted: impl FnMut(Side, u64, u64) -> bool,
    ) -> io::Result<Option<(Fence, u64)>> {
        let mut at = from.next_multiple_of(wide(ALIGN));
        while at < to {
            let bytes = self.window.at(at, FENCE)?;
            if bytes.is_empty() {
                break;
            }
            let skip = bytes.chunks_exact(ALIGN).take_while(|eight| Fence::side(eight).is_none()).count();
            if skip > 0 || bytes.len() < FENCE {
                at += wide(skip.max(1) * ALIGN);
                continue;
            }
            if let Some((fence, side, start)) = self.whole_fence(at)?
                && wanted(side, start, fence.group(start))
            {
                return Ok(Some((fence, start)));
            }
            at += wide(ALIGN);
        }
        Ok(None)
    }

    /// Whether a group was begun behind `start`: then all up to there had been
    /// synced.
    fn durable(&mut self, start: u64) -> io::Result<bool> {
        if start < self.durable_below || self.no_more_groups {
            return Ok(start < self.durable_below);
        }
        let mut below = 0;
        let limit = self.limit();
        self.search(start, limit, |_, _, group| {
            below = group;
            group > start
        })?;
        self.durable_below = self.durable_below.max(below);
        self.no_more_groups = start >= self.durable_below;
        Ok(start < self.durable_below)
    }

    /// Whether the end of the batch or a sector of it is as empty as before it
    /// was written.
    fn torn(&mut self, start: u64, fence: Fence) -> io::Result<bool> {
        let bytes = self.window.at(start, small(fence.length))?;
        let first = SECTOR - size(start) % SECTOR;
        let (head, rest) = bytes.split_at(first.min(bytes.len()));
        let unfinished = bytes.len() < small(fence.length) || bytes.last() == Some(&0);
        Ok(unfinished || all_zero(head) || rest.chunks(SECTOR).any(all_zero))
    }

    /// The batch at `start`, of which the fence on `side` is whole.
    fn batch(&mut self, fence: Fence, side: Side, start: u64) -> io::Result<Option<Batch<'_>>> {
        let (place, planted) = (self.place, self.planted);
        let bytes = self.window.at(start, small(fence.length))?;
        if bytes.len() < small(fence.length) {
            return Ok(None);
        }
        let (front, rest) = bytes.split_at(fence.bytes());
        let (payload, back) = rest.split_at(rest.len() - fence.bytes());
        let (good, other, other_at) = match side {
            Side::Front => (front, back, start + wide(bytes.len() - fence.bytes())),
            Side::Back => (back, front, start),
        };
        let mirrored = Fence::decode(other, other_at, place).is_some_and(|(copy, _, _)| copy == fence);
        let fence_broken = !mirrored || good[FENCE..] != other[FENCE..];
        Ok(Some(Batch {
            fence,
            start,
            directory: &good[FENCE..FENCE + small(fence.count) * ROW],
            payload,
            fence_broken,
            place,
            planted,
        }))
    }
}

/// A stretch of the source that is at hand.
struct Window<S> {
    source: S,
    start: u64,
    bytes: Vec<u8>,
    /// More than is asked for is read only up to here: a follower asks for
    /// little and often.
    limit: u64,
}

impl<S: Source> Window<S> {
    /// `length` bytes at `offset`, or fewer where the source ends.
    fn at(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let here = offset.checked_sub(self.start).map(size);
        let has = here.is_some_and(|here| here.checked_add(length).is_some_and(|end| end <= self.bytes.len()));
        if !has {
            let ahead = WINDOW.min(size(self.limit.saturating_sub(offset)));
            self.bytes.resize(length.max(ahead), 0);
            let read = self.source.read_at(offset, &mut self.bytes)?;
            self.bytes.truncate(read);
            self.start = offset;
        }
        let here = size(offset - self.start);
        Ok(&self.bytes[here..(here + length).min(self.bytes.len())])
    }

    /// What was read from behind the old limit is not what stands there now.
    fn extend(&mut self, limit: u64) {
        self.bytes.truncate(size(self.limit.saturating_sub(self.start)));
        self.limit = limit;
    }
}
