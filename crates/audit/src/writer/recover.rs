//! Opening a log: the truth is read from the first segment that is kept, held
//! against the last signed checkpoint, and everything else is made to follow
//! from it.
//!
//! It must never cut what was acknowledged, and never sign a head that does not
//! continue the one that was signed: where the two do not agree it refuses, and
//! names the entry.

use super::core::{Core, Grown, Segment};
use super::upgrade::upgrade;
use super::{Audit, replace};
use crate::checkpoint::{NotSigned, Signers};
use crate::edge::Edge;
use crate::files::{OnDisk, Source, checkpoint};
use crate::number::{size as fits, wide};
use crate::path::{Path, Row, WIDTH};
use crate::sealed::EntryKey;
use crate::segment::{self, MOST_OF_BEGINNING};
use crate::tiles::Tiles;
use crate::truth::{self, Form, Next, Truth};
use crate::verify::{Compared, compare};
use crate::{Entry, entry};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use store::{Barrier, Disk};
use trust::merkle::{Head, Node};

/// How much is copied and erased at once.
const STRIDE: usize = 1 << 16;

/// Why a log was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes it.
    #[error("another process writes the audit log in {0}")]
    InUse(String),
    /// The disk.
    #[error("the audit log cannot be read or written: {0}")]
    Disk(#[from] io::Error),
    /// The file of entries is of another log, or none.
    #[error("the file of entries is of another log, or damaged in its first bytes")]
    Foreign,
    /// A segment's beginning is damaged.
    #[error("the segment of entries from entry {0} on is damaged in its beginning")]
    Segment(u64),
    /// The first entries are gone, and were not pruned.
    #[error("entries 0 to {0} are gone, and no entry behind them says that they were pruned")]
    NotPruned(u64),
    /// The key to the entries is not the one that they were sealed with.
    #[error("the entries are sealed, and the key to them is another one: bring back keys/audit.entries.key")]
    OtherKey,
    /// The checkpoint's file is not what this log's key has signed.
    #[error("the file of the checkpoint is not believed: {0}")]
    Checkpoint(NotSigned),
    /// What was signed last is gone.
    #[error("the checkpoint is gone, and without it nobody can tell how many entries were signed")]
    NoCheckpoint,
    /// An entry is not what was acknowledged.
    #[error("entry {0} is not what was acknowledged: it was changed or damaged")]
    Changed(u64),
    /// The entries are not those that were signed, and the tiles do not say where.
    #[error("the {0} entries that were signed are others now, and the tiles do not say which")]
    Unlike(u64),
    /// Entries are gone.
    #[error("{signed} entries were signed and {has} are there: entry {has} and what follows are gone")]
    Lost {
        /// How many are there.
        has: u64,
        /// How many were signed.
        signed: u64,
    },
}

/// What opening found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// How many entries there are.
    pub entries: u64,
    /// Bytes at the end that were never acknowledged, and are erased.
    pub cut: u64,
    /// Full tiles and bundles that were not there or not right, and are now.
    pub mended: u64,
}

/// What of the truth is whole.
pub(super) struct Whole {
    /// The end of the last segment.
    pub(super) end: u64,
    /// Up to here that is known to be durable, because it was signed.
    durable: u64,
    /// How many entries there are.
    size: u64,
    /// The segments, and when their entries were made.
    segments: Vec<Segment>,
    /// Before which entry entries were pruned.
    pruned: u64,
}

/// A file of the truth, open, with what the log had grown to where it begins.
pub(super) struct Found<D: Disk> {
    pub(super) file: D::File,
    start: u64,
    pub(super) grown: Grown,
}

impl<D: Disk> Found<D> {
    pub(super) fn truth<'f>(&'f self, disk: &'f D, key: &'f EntryKey) -> Truth<'f, D> {
        let (form, first) = (Form::Sealed(key), self.grown.edge.size());
        Truth { disk, file: &self.file, form, first, start: self.start }
    }
}

impl<D: Disk> Audit<D> {
    /// Opens the log of a disk, or begins it; the second key is to its entries.
    ///
    /// # Errors
    /// When what is there is not what was acknowledged and signed.
    pub fn open(disk: D, signers: impl Into<Signers>, key: EntryKey) -> Result<(Self, Recovery), OpenError> {
        let signers = signers.into();
        let lock = disk.lock("lock").map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => OpenError::InUse(disk.place()),
            _ => OpenError::Disk(error),
        })?;
        let signed = match checkpoint(&OnDisk(&disk)) {
            Ok(text) => text.map(|text| signers.open(&text)).transpose(),
            Err(error) if error.kind() == ErrorKind::InvalidData => Err(NotSigned::False),
            Err(error) => return Err(error.into()),
        };
        let signed = signed.map_err(OpenError::Checkpoint)?;
        // A key that has come or gone since signs the same head once more.
        let is_theirs = signed.as_ref().is_some_and(|signed| signers.are_of(&signed.note));
        let signed = signed.map(|signed| signed.checkpoint.head);
        let origin = signers.present.verifier().name();
        let start = Form::Sealed(&key).start(origin);
        let (mut found, left) = segments(&disk, (origin, &key, &start), signed.unwrap_or_else(none))?;
        let truths: Vec<_> = found.iter().map(|found| found.truth(&disk, &key)).collect();
        let Some(begins) = found.first().map(|found| found.grown.clone()) else { return Err(OpenError::Foreign) };
        let mut whole = check(&truths, begins.edge.clone(), signed.unwrap_or_else(none))?;
        let first = begins.edge.size();
        if whole.pruned < first {
            return Err(OpenError::NotPruned(first - 1));
        }
        let mut mended = 0;
        let cut = left + truths.last().map_or(Ok(0), |last| settle(&disk, last.file, &whole))?;
        // Names may be in the cache alone.
        disk.sync_dir(Barrier::Name)?;
        let grown = grow(&truths, begins, whole.size, &mut |path, bytes| {
            mended += u64::from(mend(&disk, path, bytes)?);
            Ok(())
        })?;
        drop(truths);
        let (Some(Found { file, .. }), Some(newest)) = (found.pop(), whole.segments.pop()) else {
            return Err(OpenError::Foreign);
        };
        let (older, partial, end) = (whole.segments, BTreeSet::new(), whole.end);
        let signed = signed.filter(|_| is_theirs);
        let mut core = Core { disk, file, signers, grown, start, older, newest, is_begun: false, end, partial, signed };
        core.publish()?;
        // Behind the checkpoint alone: the one of before stands on what these were.
        remove_partial(&core.disk, &core.grown)?;
        remove_bundles(&core.disk, 0..first / wide(WIDTH))?;
        // From here on there is a checkpoint, whatever is pulled: one that is gone was removed.
        core.disk.sync_dir(Barrier::Name)?;
        Ok((Self::new(core, key, lock), Recovery { entries: whole.size, cut, mended }))
    }
}

fn none() -> Head {
    Head { size: 0, root: Node::empty() }
}

/// The segments from the oldest on. The first is begun when there is none and
/// never was, and written again when it is of version 1; and how much of that
/// was left out.
fn segments<D: Disk>(
    disk: &D,
    (origin, key, start): (&str, &EntryKey, &[u8]),
    signed: Head,
) -> Result<(Vec<Found<D>>, u64), OpenError> {
    let mut firsts: Vec<u64> = disk.list()?.iter().filter_map(|name| segment::first(name)).collect();
    firsts.sort_unstable();
    if firsts.is_empty() {
        if signed.size > 0 {
            return Err(OpenError::Lost { has: 0, signed: signed.size });
        }
        replace(disk, &segment::name(0), start, Some(Barrier::Head))?;
        firsts.push(0);
    }
    let mut left = 0;
    let mut found = Vec::with_capacity(firsts.len());
    for first in firsts {
        let mut file = disk.open(&segment::name(first))?;
        let mut read = vec![0; start.len()];
        let many = disk.read_at(&file, 0, &mut read)?;
        read.truncate(many);
        if first == 0 && read.starts_with(&Form::Plain.start(origin)) {
            left = upgrade(disk, &file, (origin, key), signed)?;
            file = disk.open(&segment::name(first))?;
        } else if read != start {
            return Err(if truth::is_of(&read, origin) { OpenError::OtherKey } else { OpenError::Foreign });
        }
        found.push(begin(disk, (file, first), start)?);
    }
    Ok((found, left))
}

/// A segment, with what stands at its beginning.
pub(super) fn begin<D: Disk>(disk: &D, (file, first): (D::File, u64), start: &[u8]) -> Result<Found<D>, OpenError> {
    let length = wide(start.len());
    if first == 0 {
        return Ok(Found { file, start: length, grown: Grown::default() });
    }
    let mut bytes = vec![0; MOST_OF_BEGINNING.min(fits(disk.len(&file)?.saturating_sub(length)))];
    disk.read_at(&file, length, &mut bytes)?;
    let read = segment::read(&bytes).filter(|(edge, ..)| edge.size() == first);
    let (edge, bundle, long) = read.ok_or(OpenError::Segment(first))?;
    Ok(Found { file, start: length + long, grown: Grown { edge, bundle, full: Vec::new() } })
}

/// Reads all batches from an edge on, and holds them against what was signed.
pub(super) fn check<D: Disk>(truths: &[Truth<'_, D>], mut edge: Edge, signed: Head) -> Result<Whole, OpenError> {
    let mut whole = Whole { end: 0, durable: 0, size: 0, segments: Vec::new(), pruned: 0 };
    if let Some(first) = truths.first()
        && signed.size > 0
        && edge.size() >= signed.size
        && compare(&OnDisk(first.disk), signed, edge.head()) != Compared::Continued
    {
        return Err(OpenError::Unlike(signed.size));
    }
    for (truth, next) in truths.iter().zip(1..) {
        (whole.end, whole.durable) = (truth.start, truth.start);
        whole.segments.push(Segment::new(truth.first));
        let until = truths.get(next).map(|next| next.first);
        let broken = batches(truths, truth, (&mut edge, &mut whole), (until, signed))?;
        if until == Some(edge.size()) {
            // What stands behind was never acknowledged: the next began without it.
            continue;
        }
        // The batch before was durable when this one was written.
        if until.is_some() || edge.size() < signed.size || truth.follows(whole.end + 1)? {
            return Err(match broken {
                None if until.is_none() => OpenError::Lost { has: edge.size(), signed: signed.size },
                broken => OpenError::Changed(edge.size() + wide(broken.unwrap_or(0))),
            });
        }
    }
    whole.size = edge.size();
    Ok(whole)
}

/// Reads the batches of a segment, up to the entry that the next begins with;
/// how many entries of a broken one are whole.
fn batches<D: Disk>(
    truths: &[Truth<'_, D>],
    truth: &Truth<'_, D>,
    (edge, whole): (&mut Edge, &mut Whole),
    (until, signed): (Option<u64>, Head),
) -> Result<Option<usize>, OpenError> {
    while until != Some(edge.size()) {
        let batch = match truth.next(whole.end)? {
            Next::Batch(batch) => batch,
            Next::End => return Ok(None),
            Next::Broken(at) => return Ok(Some(at)),
        };
        let before = edge.clone();
        for read in &batch.entries {
            edge.append(read.leaf, &mut |_| {});
            if edge.size() == signed.size && edge.head() != signed {
                return Err(different(truths, signed.size)?);
            }
        }
        if edge.head().root != batch.root {
            *edge = before;
            return Ok(Some(0));
        }
        whole.end = batch.end;
        if edge.size() <= signed.size {
            whole.durable = batch.end;
        }
        for read in &batch.entries {
            if let Some(segment) = whole.segments.last_mut() {
                segment.takes(entry::time_of(&read.entry));
            }
            if let Ok(Entry { act: entry::Act::Pruned { first, .. }, .. }) = Entry::from_bytes(&read.entry) {
                whole.pruned = whole.pruned.max(first);
            }
        }
    }
    Ok(None)
}

/// Which entry is not the one that its tile has.
fn different<D: Disk>(truths: &[Truth<'_, D>], size: u64) -> Result<OpenError, OpenError> {
    for truth in truths {
        let source = OnDisk(truth.disk);
        let tiles = Tiles::new(&source, size);
        let (mut at, mut index, mut tile) = (truth.start, truth.first, None);
        while let Next::Batch(batch) = truth.next(at)? {
            for read in &batch.entries {
                if index >= size {
                    return Ok(OpenError::Unlike(size));
                }
                if tile.is_none() || index.is_multiple_of(wide(WIDTH)) {
                    tile = Some(tiles.tile(0, index / wide(WIDTH)).unwrap_or_default());
                }
                let stored = tile.as_ref().and_then(|tile| tile.get(fits(index % wide(WIDTH))));
                if stored.is_some_and(|stored| *stored != read.leaf) {
                    return Ok(OpenError::Changed(index));
                }
                index += 1;
            }
            at = batch.end;
        }
    }
    Ok(OpenError::Unlike(size))
}

/// Makes durable what was found and erases what was cut: a failed sync, or a
/// kill, may have left either in the cache alone.
fn settle<D: Disk>(disk: &D, file: &D::File, whole: &Whole) -> io::Result<u64> {
    let length = disk.len(file)?.max(whole.end);
    let mut bytes = vec![0; STRIDE];
    let mut at = whole.durable;
    while at < whole.end {
        let most = fits(whole.end - at).min(STRIDE);
        let read = disk.read_at(file, at, &mut bytes[..most])?;
        disk.write_at(file, at, &bytes[..read])?;
        at += wide(read.max(1));
    }
    let zeros = vec![0; STRIDE];
    let mut at = whole.end;
    while at < length {
        let most = fits(length - at).min(STRIDE);
        disk.write_at(file, at, &zeros[..most])?;
        at += wide(most);
    }
    disk.sync_data(file, Barrier::Found)?;
    Ok(length - whole.end)
}

/// What is done with a full file.
type Full<'f> = dyn FnMut(&Path, &[u8]) -> io::Result<()> + 'f;

/// Grows the log in memory again, up to so many entries, and hands over each
/// file that is full on the way.
pub(super) fn grow<D: Disk>(
    truths: &[Truth<'_, D>],
    mut grown: Grown,
    size: u64,
    full: &mut Full<'_>,
) -> io::Result<Grown> {
    for (truth, next) in truths.iter().zip(1..) {
        let until = truths.get(next).map_or(size, |next| next.first);
        let mut at = truth.start;
        while grown.edge.size() < until
            && let Next::Batch(batch) = truth.next(at)?
        {
            for read in &batch.entries {
                grown.append(read.leaf, &read.stored);
            }
            for (path, bytes) in std::mem::take(&mut grown.full) {
                full(&path, &bytes)?;
            }
            at = batch.end;
        }
    }
    Ok(grown)
}

/// Writes a full file that is not there or not right; whether it was so.
pub(super) fn mend<D: Disk>(disk: &D, path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let name = path.to_string();
    if OnDisk(disk).file(&name, bytes.len()).ok().flatten().is_some_and(|found| found == bytes) {
        return Ok(false);
    }
    replace(disk, &name, bytes, None)?;
    if path.row == Row::Entries {
        // Of version 1 there may be some, with entries as they are.
        remove_narrower(disk, *path)?;
    }
    Ok(true)
}

/// Removes bundles whose entries were pruned.
pub(super) fn remove_bundles<D: Disk>(disk: &D, which: std::ops::Range<u64>) -> io::Result<()> {
    which.into_iter().try_for_each(|index| remove(disk, Path { row: Row::Entries, index, width: WIDTH }))
}

fn remove<D: Disk>(disk: &D, path: Path) -> io::Result<()> {
    match disk.remove(&path.to_string()) {
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Err(error),
        _ => Ok(()),
    }
}

/// Removes the partial files of before: the newest were written again, for a
/// crash may have left anything in them.
fn remove_partial<D: Disk>(disk: &D, grown: &Grown) -> io::Result<()> {
    grown.partial().into_iter().try_for_each(|(newest, _)| remove_narrower(disk, newest))
}

/// Removes a file's partial forms of before.
fn remove_narrower<D: Disk>(disk: &D, path: Path) -> io::Result<()> {
    (1..path.width).try_for_each(|width| remove(disk, Path { width, ..path }))
}
