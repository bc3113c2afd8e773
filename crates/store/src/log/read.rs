//! Reading: the entries of a shard in order, one entry by its place, and all
//! of them against their checksums.
//!
//! It must never read behind what is durable, and never skip in silence: what
//! cannot be served is an error in its place, and reading goes on behind it.

use super::format::{Head, Place};
use super::inspect::Inspection;
use super::scan::{Bound, Scan, Step};
use super::segment::{self, FIRST, FileSource};
use super::{Damage, Extent, Loss, Position, ReadError};
use crate::disk::Disk;
use crate::planted::Planted;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// An entry, as it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its shard.
    pub shard: u32,
    /// Its sequence there.
    pub sequence: u64,
    /// The epoch of its writer.
    pub epoch: u64,
    /// Its block.
    pub block: u64,
    /// What was kept.
    pub bytes: Vec<u8>,
    /// Where its batch stands.
    pub position: Position,
}

/// What [`Log::verify`](super::Log::verify) found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Segments that were read.
    pub segments: u64,
    /// Batches of them.
    pub batches: u64,
    /// Entries of those, the damaged ones included.
    pub entries: u64,
    /// The first thousand damages.
    pub damage: Vec<Damage>,
    /// How many there are beside these.
    pub more_damage: u64,
}

/// The part of a log that was durable at some moment.
pub(crate) struct View<D> {
    pub(crate) disk: Arc<D>,
    extent: Arc<Mutex<Extent>>,
    pub(crate) first: u64,
    pub(crate) active: u64,
    pub(crate) end: u64,
    pub(crate) salt: u64,
    pub(crate) planted: Planted,
}

pub(crate) type FileScan<D> = Scan<OwnedFile<D>>;

/// A file with its disk.
pub(crate) struct OwnedFile<D: Disk> {
    disk: Arc<D>,
    file: D::File,
}

impl<D: Disk> super::scan::Source for OwnedFile<D> {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.disk.read_at(&self.file, offset, into)
    }
}

impl<D: Disk> View<D> {
    pub(crate) fn new(disk: Arc<D>, extent: &Arc<Mutex<Extent>>, planted: Planted) -> Self {
        let now = extent.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, active, end, salt) = (now.first, now.active, now.end, now.salt);
        Self { disk, extent: Arc::clone(extent), first, active, end, salt, planted }
    }

    /// All that is durable of a log that nobody writes to.
    pub(crate) fn of(disk: Arc<D>, salt: u64, first: u64, end: Position) -> Self {
        let (active, end, shards) = (end.segment, end.offset, BTreeMap::new());
        let extent = Extent { first, active, end, salt, shards, held: Vec::new() };
        Self::new(disk, &Arc::new(Mutex::new(extent)), Planted::default())
    }

    /// Where it ends.
    pub(crate) fn end(&self) -> Position {
        Position { segment: self.active, offset: self.end }
    }

    /// What is durable by now.
    pub(crate) fn refresh(&mut self) {
        let now = self.extent.lock().unwrap_or_else(PoisonError::into_inner);
        (self.first, self.active, self.end) = (now.first, now.active, now.end);
    }

    /// Opens a segment; what was pruned meanwhile is not damage.
    pub(crate) fn open(&self, number: u64) -> Result<D::File, ReadError> {
        self.disk.open(&segment::name(number)).map_err(|source| {
            let below = self.extent.lock().unwrap_or_else(PoisonError::into_inner).first;
            if number < below {
                return ReadError::Pruned { below };
            }
            ReadError::Io { file: segment::name(number), source }
        })
    }

    pub(crate) fn head(&self, number: u64) -> Result<segment::Headed, ReadError> {
        let failed = |source| ReadError::Io { file: segment::name(number), source };
        let file = self.open(number)?;
        segment::head(&FileSource { disk: &*self.disk, file: &file }, number).map_err(failed)
    }

    /// A walk over a segment; from its beginning where its head is lost.
    pub(crate) fn scan(&self, number: u64) -> Result<(FileScan<D>, Option<Head>), ReadError> {
        let head = self.head(number)?.head;
        let from = head.as_ref().map_or(0, Head::data_start);
        Ok((self.scan_from(number, from)?, head))
    }

    pub(crate) fn scan_from(&self, number: u64, from: u64) -> Result<FileScan<D>, ReadError> {
        let file = self.open(number)?;
        let bound = self.bound(number, &file)?;
        let source = OwnedFile { disk: Arc::clone(&self.disk), file };
        Ok(Scan::new(source, Place { salt: self.salt, segment: number }, from, bound, self.planted))
    }

    /// Where the entries of a segment end.
    fn bound(&self, number: u64, file: &D::File) -> Result<Bound, ReadError> {
        if number == self.active {
            return Ok(Bound::Exact(self.end));
        }
        match self.head(number + 1).ok().and_then(|headed| headed.head) {
            Some(next) => Ok(Bound::Exact(next.previous_end)),
            None => {
                let length = self.disk.len(file);
                Ok(Bound::Tail(length.map_err(|source| ReadError::Io { file: segment::name(number), source })?))
            }
        }
    }

    /// How far a segment may be written to.
    pub(crate) fn length(&self, number: u64) -> Result<u64, ReadError> {
        let (Bound::Exact(length) | Bound::Tail(length)) = self.bound(number, &self.open(number)?)?;
        Ok(length)
    }

    /// The newest segment in front of which the shard had not reached `from`.
    fn segment_of(&self, shard: u32, from: u64) -> Result<u64, ReadError> {
        let (mut low, mut high) = (self.first, self.active);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            // A lost head only makes the walk begin earlier.
            let head = self.head(middle)?.head;
            let before = head.is_some_and(|head| {
                head.shards.iter().find(|(id, _)| *id == shard).is_none_or(|(_, state)| state.next <= from)
            });
            if before { low = middle } else { high = middle - 1 }
        }
        Ok(low)
    }

    /// The entry of a batch at a position.
    pub(crate) fn entry(&self, position: Position, sequence: u64) -> Result<Entry, ReadError> {
        let Position { segment, offset } = position;
        let nothing = || ReadError::NoEntry { segment, offset };
        if segment < self.first {
            return Err(ReadError::Pruned { below: self.first });
        }
        if segment > self.active || !offset.is_multiple_of(8) {
            return Err(nothing());
        }
        let mut scan = self.scan_from(segment, offset)?;
        let file = segment::name(segment);
        let step = scan.next().map_err(|source| ReadError::Io { file: file.clone(), source })?;
        match step {
            Some(Step::Batch(batch)) => {
                let entry = batch.entries().find(|entry| entry.sequence == sequence).ok_or_else(nothing)?;
                served(&batch.fence, entry, position)
            }
            Some(Step::Lost { from, to }) => {
                Err(Damage { file, offset: from, length: to - from, what: Loss::Unknown }.into())
            }
            None => Err(nothing()),
        }
    }

    /// Reads everything.
    pub(crate) fn verify(&self) -> Result<Verified, ReadError> {
        let mut seen = Inspection::default();
        let mut first = self.first;
        for number in self.first..=self.active {
            let headed = match self.head(number) {
                Err(ReadError::Io { source, file }) if source.kind() == io::ErrorKind::NotFound => {
                    seen.report(Damage { file, offset: 0, length: 0, what: Loss::Segment });
                    continue;
                }
                // Pruned while this was reading.
                Err(ReadError::Pruned { .. }) => {
                    first = number + 1;
                    continue;
                }
                headed => headed?,
            };
            if let Some(copy) = headed.broken_copy {
                seen.report(segment::copy_damage(number, copy));
            }
            if number == first
                && let Some(head) = &headed.head
            {
                seen.shards = head.shards.iter().copied().collect();
            }
            let mut scan = match self.scan(number) {
                Err(ReadError::Pruned { .. }) => {
                    first = number + 1;
                    continue;
                }
                scan => scan?.0,
            };
            let failed = |source| ReadError::Io { file: segment::name(number), source };
            while let Some(step) = scan.next().map_err(failed)? {
                seen.see(number, &step);
            }
        }
        let segments = (self.active + 1).saturating_sub(first);
        let Inspection { batches, entries, damage, more_damage, .. } = seen;
        Ok(Verified { segments, batches, entries, damage, more_damage })
    }
}

pub(crate) fn served(
    fence: &super::format::Fence,
    entry: super::scan::Checked<'_>,
    position: Position,
) -> Result<Entry, ReadError> {
    let (shard, epoch, sequence, block) = (fence.shard, fence.epoch, entry.sequence, entry.block);
    match entry.bytes {
        Some(bytes) => Ok(Entry { shard, sequence, epoch, block, bytes: bytes.to_vec(), position }),
        None => Err(Damage {
            file: segment::name(position.segment),
            offset: entry.offset,
            length: u64::from(entry.length),
            what: Loss::Entry { shard, sequence, block },
        }
        .into()),
    }
}

/// The entries of one shard in order. What is damaged is an error in its
/// place; after an error of the disk itself there is nothing more.
pub struct Reader<D: Disk> {
    view: View<D>,
    shard: u32,
    next: u64,
    until: u64,
    segment: Option<u64>,
    scan: Option<FileScan<D>>,
    /// The last stretch of bytes that nothing is known about.
    hole: Option<(String, u64, u64)>,
    ready: VecDeque<Result<Entry, ReadError>>,
}

impl<D: Disk> Reader<D> {
    pub(crate) fn new(view: View<D>, shard: u32, from: u64, until: u64) -> Self {
        Self { view, shard, next: from, until, segment: None, scan: None, hole: None, ready: VecDeque::new() }
    }

    /// Reads on until something is ready; says whether something may come.
    fn advance(&mut self) -> Result<bool, ReadError> {
        let number = match self.segment {
            Some(number) => number,
            None => {
                self.skip_pruned()?;
                self.view.segment_of(self.shard, self.next)?
            }
        };
        self.segment = Some(number);
        if number > self.view.active {
            self.gap(self.until, segment::name(self.view.active), self.view.end);
            return Ok(false);
        }
        let mut scan = match self.scan.take() {
            Some(scan) => scan,
            None => self.view.scan(number)?.0,
        };
        let step = scan.next().map_err(|source| ReadError::Io { file: segment::name(number), source })?;
        match step {
            None => {
                self.segment = Some(number + 1);
                return Ok(true);
            }
            Some(Step::Lost { from, to }) => self.hole = Some((segment::name(number), from, to - from)),
            Some(Step::Batch(batch)) if batch.fence.shard == self.shard => {
                let position = Position { segment: number, offset: batch.start };
                self.gap(batch.fence.first.min(self.until), segment::name(number), batch.start);
                for entry in batch.entries().filter(|entry| (self.next..self.until).contains(&entry.sequence)) {
                    self.ready.push_back(served(&batch.fence, entry, position));
                }
                self.next = self.next.max(batch.fence.first + u64::from(batch.fence.count));
            }
            Some(Step::Batch(_)) => {}
        }
        self.scan = Some(scan);
        Ok(true)
    }

    /// What was pruned is told once, and reading goes on behind it.
    fn skip_pruned(&mut self) -> Result<(), ReadError> {
        let below = self.view.first;
        if below == FIRST {
            return Ok(());
        }
        let head = self.view.head(below)?.head;
        let shards = head.map(|head| head.shards).unwrap_or_default();
        let kept = shards.iter().find(|(id, _)| *id == self.shard).map_or(0, |(_, state)| state.next);
        if self.next < kept {
            self.ready.push_back(Err(ReadError::Pruned { below }));
            self.next = kept;
        }
        Ok(())
    }

    /// What the shard lacks in front of `first` is told, with the hole that it
    /// probably stood in.
    fn gap(&mut self, first: u64, file: String, offset: u64) {
        if first > self.next {
            let what = Loss::Entries { shard: self.shard, first: self.next, last: first - 1 };
            let (file, offset, length) = self.hole.take().unwrap_or((file, offset, 0));
            self.ready.push_back(Err(Damage { file, offset, length, what }.into()));
            self.next = first;
        }
    }
}

impl<D: Disk> Iterator for Reader<D> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            if self.next >= self.until {
                return None;
            }
            match self.advance() {
                Ok(_) => {}
                // Pruned meanwhile: what this shard lost by it is told next.
                Err(ReadError::Pruned { below }) => {
                    (self.view.first, self.segment, self.scan) = (below, None, None);
                }
                Err(error) => {
                    self.next = self.until;
                    return Some(Err(error));
                }
            }
        }
    }
}
