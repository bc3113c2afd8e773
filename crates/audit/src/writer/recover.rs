//! Opening a log: the truth is read from its beginning, held against the last
//! signed checkpoint, and everything else is made to follow from it.
//!
//! It must never cut what was acknowledged, and never sign a head that does not
//! continue the one that was signed: where the two do not agree it refuses, and
//! names the entry.

use super::core::{Core, Grown};
use super::upgrade::upgrade;
use super::{Audit, replace};
use crate::checkpoint::{NotSigned, Signed, Signer};
use crate::edge::Edge;
use crate::files::{OnDisk, Source, checkpoint};
use crate::number::{size as fits, wide};
use crate::path::{Path, Row, WIDTH};
use crate::sealed::EntryKey;
use crate::tiles::Tiles;
use crate::truth::{self, FILE, Form, Next, Truth};
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
    /// The key to the entries is not the one that they were sealed with.
    #[error("the entries are sealed, and the key to them is another one: bring back keys/audit.entries.key")]
    OtherKey,
    /// The checkpoint's file is not what this log's key has signed.
    #[error("the file of the checkpoint is not believed: {0}")]
    Checkpoint(NotSigned),
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
    pub(super) end: u64,
    /// Up to here it is known to be durable, because it was signed.
    durable: u64,
}

impl<D: Disk> Audit<D> {
    /// Opens the log of a disk, or begins it; the second key is to its entries.
    ///
    /// # Errors
    /// When what is there is not what was acknowledged and signed.
    pub fn open(disk: D, signer: Signer, key: EntryKey) -> Result<(Self, Recovery), OpenError> {
        let lock = disk.lock("lock").map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => OpenError::InUse(disk.place()),
            _ => OpenError::Disk(error),
        })?;
        let signed = match checkpoint(&OnDisk(&disk)) {
            Ok(text) => text.map(|text| Signed::open(&text, signer.verifier())).transpose(),
            Err(error) if error.kind() == ErrorKind::InvalidData => Err(NotSigned::False),
            Err(error) => return Err(error.into()),
        };
        let signed = signed.map_err(OpenError::Checkpoint)?.map(|signed| signed.checkpoint.head);
        let (file, left) = truth_file(&disk, (signer.verifier().name(), &key), signed)?;
        let truth = Truth { disk: &disk, file: &file, form: Form::Sealed(&key) };
        let whole = check(&truth, signed.unwrap_or_else(none))?;
        let cut = left + settle(&disk, &file, &whole)?;
        // The name may be in the cache alone.
        disk.sync_dir(Barrier::Name)?;
        let mut mended = 0;
        let grown = grow(&truth, whole.end, &mut mended)?;
        let entries = grown.edge.size();
        remove_partial(&disk, &grown)?;
        let partial = BTreeSet::new();
        let mut core = Core { disk, file, signer, grown, end: whole.end, partial, signed };
        core.publish()?;
        Ok((Self::new(core, key, lock), Recovery { entries, cut, mended }))
    }
}

fn none() -> Head {
    Head { size: 0, root: Node::empty() }
}

/// The file of entries, begun when there is none and never was, and written
/// again when it is of version 1; and how much of that was left out.
fn truth_file<D: Disk>(
    disk: &D,
    (origin, key): (&str, &EntryKey),
    signed: Option<Head>,
) -> Result<(D::File, u64), OpenError> {
    let start = Form::Sealed(key).start(origin);
    let mut file = match disk.open(FILE) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Some(head) = signed.filter(|head| head.size > 0) {
                return Err(OpenError::Lost { has: 0, signed: head.size });
            }
            replace(disk, FILE, &start, Some(Barrier::Head))?;
            disk.open(FILE)?
        }
        Err(error) => return Err(error.into()),
    };
    let mut found = vec![0; start.len()];
    let read = disk.read_at(&file, 0, &mut found)?;
    found.truncate(read);
    let mut left = 0;
    if found.starts_with(&Form::Plain.start(origin)) {
        left = upgrade(disk, &file, (origin, key), signed.unwrap_or_else(none))?;
        file = disk.open(FILE)?;
    } else if found != start {
        return Err(if truth::is_of(&found, origin) { OpenError::OtherKey } else { OpenError::Foreign });
    }
    Ok((file, left))
}

/// Reads all batches, and holds them against what was signed.
pub(super) fn check<D: Disk>(truth: &Truth<'_, D>, signed: Head) -> Result<Whole, OpenError> {
    let mut edge = Edge::default();
    let mut whole = Whole { end: truth.start(), durable: truth.start() };
    loop {
        let broken = match truth.next(whole.end)? {
            Next::Batch(batch) => {
                let before = edge.clone();
                for (leaf, _) in &batch.entries {
                    edge.append(*leaf, &mut |_| {});
                    if edge.size() == signed.size && edge.head() != signed {
                        return Err(different(truth, signed.size)?);
                    }
                }
                if edge.head().root == batch.root {
                    whole.end = batch.end;
                    if edge.size() <= signed.size {
                        whole.durable = batch.end;
                    }
                    continue;
                }
                edge = before;
                0
            }
            Next::End if edge.size() < signed.size => {
                return Err(OpenError::Lost { has: edge.size(), signed: signed.size });
            }
            Next::End => 0,
            Next::Broken(at) => at,
        };
        // The batch before was durable when this one was written.
        let was_acknowledged = edge.size() < signed.size || truth.follows(whole.end + 1)?;
        if was_acknowledged {
            return Err(OpenError::Changed(edge.size() + wide(broken)));
        }
        return Ok(whole);
    }
}

/// Which entry is not the one that its tile has.
fn different<D: Disk>(truth: &Truth<'_, D>, size: u64) -> Result<OpenError, OpenError> {
    let source = OnDisk(truth.disk);
    let tiles = Tiles::new(&source, size);
    let (mut at, mut index, mut tile) = (truth.start(), 0_u64, Vec::new());
    while let Next::Batch(batch) = truth.next(at)? {
        for (leaf, _) in &batch.entries {
            if index >= size {
                return Ok(OpenError::Unlike(size));
            }
            if index.is_multiple_of(wide(WIDTH)) {
                tile = tiles.tile(0, index / wide(WIDTH)).unwrap_or_default();
            }
            if tile.get(fits(index % wide(WIDTH))).is_some_and(|stored| stored != leaf) {
                return Ok(OpenError::Changed(index));
            }
            index += 1;
        }
        at = batch.end;
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

/// Grows the log in memory again, and writes each full file that is not there
/// or not right.
fn grow<D: Disk>(truth: &Truth<'_, D>, end: u64, mended: &mut u64) -> io::Result<Grown> {
    let (mut grown, disk) = (Grown::default(), truth.disk);
    let mut at = truth.start();
    while at < end
        && let Next::Batch(batch) = truth.next(at)?
    {
        for (leaf, entry) in &batch.entries {
            grown.append(*leaf, entry);
        }
        for (path, bytes) in std::mem::take(&mut grown.full) {
            let name = path.to_string();
            if OnDisk(disk).file(&name, bytes.len()).ok().flatten().as_ref() != Some(&bytes) {
                replace(disk, &name, &bytes, None)?;
                if path.row == Row::Entries {
                    // Of version 1 there may be some, with entries as they are.
                    remove_narrower(disk, path)?;
                }
                *mended += 1;
            }
        }
        at = batch.end;
    }
    Ok(grown)
}

/// Removes what there is of partial files: a crash may have left anything in
/// them, and the newest are written again.
fn remove_partial<D: Disk>(disk: &D, grown: &Grown) -> io::Result<()> {
    grown
        .partial()
        .into_iter()
        .try_for_each(|(newest, _)| remove_narrower(disk, Path { width: newest.width + 1, ..newest }))
}

/// Removes a file's partial forms of before.
fn remove_narrower<D: Disk>(disk: &D, path: Path) -> io::Result<()> {
    for width in 1..path.width {
        match disk.remove(&Path { width, ..path }.to_string()) {
            Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
