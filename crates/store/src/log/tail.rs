//! Reading on: everything that is durable, of all shards, in the order of the
//! log, for those who follow it.
//!
//! It must never read behind what is durable, never skip in silence, and never
//! look at a segment in front of the one it begins in: who follows knows where
//! he stands, and a start must not depend on how long the log is.

use super::format::Head;
use super::read::{FileScan, View, served};
use super::scan::Step;
use super::{Damage, Entry, Loss, Position, ReadError, segment};
use crate::disk::Disk;
use std::collections::{BTreeMap, VecDeque};
use std::io;

/// The entries of all shards in the order of the log. What is damaged is an
/// error in its place; after an error of the disk itself there is nothing more.
///
/// It ends where the log was durable when it was made;
/// [`refresh`](Self::refresh) takes in what has become durable since.
pub struct Tail<D: Disk> {
    view: View<D>,
    segment: u64,
    /// Where to begin in it, but for its own beginning.
    offset: Option<u64>,
    scan: Option<FileScan<D>>,
    /// Where each shard stands here, as far as it was seen.
    next: BTreeMap<u32, u64>,
    /// The last stretch of bytes that nothing is known about.
    hole: Option<(String, u64, u64)>,
    ready: VecDeque<Result<Entry, ReadError>>,
    failed: bool,
}

impl<D: Disk> Tail<D> {
    pub(crate) fn new(view: View<D>, from: Option<Position>) -> Self {
        let mut ready = VecDeque::new();
        let (mut segment, mut offset) = from.map_or((view.first, None), |from| (from.segment, Some(from.offset)));
        if segment < view.first {
            ready.push_back(Err(ReadError::Pruned { below: view.first }));
            (segment, offset) = (view.first, None);
        }
        let beyond = from.filter(|from| *from > view.end());
        if let Some(Position { segment, offset }) = beyond {
            ready.push_back(Err(ReadError::NoEntry { segment, offset }));
        }
        let (scan, next) = (None, BTreeMap::new());
        Self { view, segment, offset, scan, next, hole: None, ready, failed: beyond.is_some() }
    }

    /// Takes in what has become durable since; says whether anything has.
    pub fn refresh(&mut self) -> bool {
        let before = self.view.end();
        self.view.refresh();
        let now = self.view.end();
        if now == before {
            return false;
        }
        if self.segment == before.segment
            && let Some(mut scan) = self.scan.take()
        {
            if now.segment == before.segment {
                scan.extend(now.offset);
                self.scan = Some(scan);
            } else {
                // Where it ended stands in the next head.
                self.offset = Some(scan.at());
            }
        }
        true
    }

    /// Reads on until something is ready; says whether something may come.
    fn advance(&mut self) -> Result<bool, ReadError> {
        let number = self.segment;
        if number > self.view.active {
            return Ok(false);
        }
        let Some(mut scan) = self.open()? else {
            return Ok(true);
        };
        let step = scan.next().map_err(|source| ReadError::Io { file: segment::name(number), source })?;
        match step {
            None if number == self.view.active => {
                self.scan = Some(scan);
                return Ok(false);
            }
            None => {
                self.segment = number + 1;
                return Ok(true);
            }
            Some(Step::Lost { from, to }) => {
                let (file, offset, length) = (segment::name(number), from, to - from);
                self.hole = Some((file.clone(), offset, length));
                self.ready.push_back(Err(Damage { file, offset, length, what: Loss::Unknown }.into()));
            }
            Some(Step::Batch(batch)) => {
                let (shard, first) = (batch.fence.shard, batch.fence.first);
                let position = Position { segment: number, offset: batch.start };
                let gap = gap(&mut self.next, shard, first, self.hole.as_ref(), position);
                self.ready.extend(gap);
                self.ready.extend(batch.entries().map(|entry| served(&batch.fence, entry, position)));
                self.next.insert(shard, first + u64::from(batch.fence.count));
            }
        }
        self.scan = Some(scan);
        Ok(true)
    }

    /// The walk that is under way, or the next one. None where there is no
    /// segment: then that is told, and the next one is next.
    fn open(&mut self) -> Result<Option<FileScan<D>>, ReadError> {
        if let Some(scan) = self.scan.take() {
            return Ok(Some(scan));
        }
        let number = self.segment;
        let opened = match self.offset.take() {
            Some(offset) => self.view.scan_from(number, offset).map(|scan| (scan, None)),
            None => self.view.scan(number),
        };
        match opened {
            Ok((scan, head)) => {
                self.at_head(number, head);
                Ok(Some(scan))
            }
            Err(error @ ReadError::Pruned { below }) => {
                self.ready.push_back(Err(error));
                self.segment = below;
                // What the shards lack from here on was pruned, not lost.
                self.next.clear();
                Ok(None)
            }
            Err(ReadError::Io { file, source }) if source.kind() == io::ErrorKind::NotFound => {
                self.ready.push_back(Err(Damage { file, offset: 0, length: 0, what: Loss::Segment }.into()));
                self.segment = number + 1;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A head says how the shards stand: what they lack was in front of it.
    fn at_head(&mut self, segment: u64, head: Option<Head>) {
        for (shard, state) in head.map(|head| head.shards).unwrap_or_default() {
            let position = Position { segment, offset: 0 };
            let gap = gap(&mut self.next, shard, state.next, self.hole.as_ref(), position);
            self.ready.extend(gap);
        }
    }
}

/// What a shard lacks in front of `first`, with the hole that it probably
/// stood in.
fn gap(
    next: &mut BTreeMap<u32, u64>,
    shard: u32,
    first: u64,
    hole: Option<&(String, u64, u64)>,
    position: Position,
) -> Option<Result<Entry, ReadError>> {
    let expected = next.insert(shard, first).filter(|expected| *expected < first)?;
    let what = Loss::Entries { shard, first: expected, last: first - 1 };
    let here = || (segment::name(position.segment), position.offset, 0);
    let (file, offset, length) = hole.cloned().unwrap_or_else(here);
    Some(Err(Damage { file, offset, length, what }.into()))
}

impl<D: Disk> Iterator for Tail<D> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            if self.failed {
                return None;
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return self.ready.pop_front(),
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
    }
}
