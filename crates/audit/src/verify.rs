//! The offline verifier: a log's files, its public key, and nothing else.
//!
//! Every entry is held against its leaf, every tile against what is below it
//! and above it, and the root against the signature. Where two files do not
//! agree, the one is believed that leads to the signed root; so what is named
//! is what was changed, and not what was found first. Nothing is kept of a log
//! but its edge, so a log of any length is verified in the same memory.

mod name;
mod settle;

pub use name::How;

use crate::checkpoint::{NotSigned, Signed};
use crate::entry::{Act, Entry};
use crate::files::{Source, checkpoint};
use crate::look::Wrong;
use crate::note::Verifier;
use crate::number::wide;
use crate::path::{Path, WIDTH};
use crate::successor::{self, Followed, Successor};
use crate::tiles::{Missing, Tiles, newest};
use crate::{Malformed, bundle};
use name::Namer;
use settle::Rows;
use std::fmt;
use std::io;
use trust::merkle::{Head, Node, walk};

/// Faults that are told one by one; the rest is counted.
pub const MAX_FAULTS: usize = 1_000;

/// What is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// There is no checkpoint, or none that is believed.
    Checkpoint(NotSigned),
    /// An entry is not the one that was signed.
    Entry(u64, How),
    /// Entries, and all the tiles that could say which of them, were changed.
    Entries(u64, u64),
    /// A tile is not the one that was signed.
    Tile(Path),
    /// A file is not there or cannot be read.
    File(Path, String),
    /// Entries and tiles agree, and not with what was signed.
    Unlike,
    /// A key was named as the next by the one before, and not in this entry.
    Successor(u64),
    /// A head was signed that this log does not continue.
    Fork(u64),
    /// More was signed than is here.
    Behind(u64),
    /// A head could not be compared, because of the files above.
    Unproved(u64),
    /// What a start reads of the log is not what was signed.
    Start(Wrong),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint(why) => write!(f, "the checkpoint is not believed: {why}"),
            Self::Entry(index, how) => write!(f, "entry {index} {how}"),
            Self::Entries(first, last) => {
                write!(f, "entries {first} to {last}: one of them or more, and the tiles over them, were changed")
            }
            Self::Tile(path) => write!(f, "{path} was changed: its hashes are not those that were signed"),
            Self::File(path, why) => write!(f, "{path}: {why}"),
            Self::Unlike => f.write_str(
                "entries and tiles agree with each other and not with the signed root: the log was written anew \
                 after it was signed, or the checkpoint is of another copy",
            ),
            Self::Successor(entry) => {
                write!(
                    f,
                    "the log's key was given to another by entry {entry}, it is said, and that entry is no such act"
                )
            }
            Self::Fork(size) => {
                write!(f, "a fork: the log has signed another history of its first {size} entries than the one here")
            }
            Self::Behind(size) => write!(f, "{size} entries were signed, and this log has fewer: it was rolled back"),
            Self::Unproved(size) => {
                write!(f, "whether the head over {size} entries is continued cannot be said before the rest is whole")
            }
            Self::Start(Wrong { file, why }) => write!(f, "{file}: a start refuses what it reads there: {why}"),
        }
    }
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The log, and what its checkpoint says; nothing when it is not believed.
    pub signed: Option<Signed>,
    /// The keys that followed the one that is known, up to the one that signed.
    pub way: Vec<Successor>,
    /// Entries from the first on that were pruned by age, and whose hashes are here.
    pub pruned: u64,
    /// When the youngest of these was made at the latest, in milliseconds since
    /// 1970 began; 0 where there are none.
    pub pruned_before: u64,
    /// Entries that are the signed ones.
    pub good: u64,
    /// Entries that are the signed ones, and that this program cannot read.
    pub unknown: u64,
    /// Entries that could not be held against anything: they are not here, or
    /// sealed, or their file is no bundle.
    pub unread: u64,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// How much more is.
    pub more: u64,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.faults.is_empty()
    }

    fn fault(&mut self, fault: Fault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        } else {
            self.more += 1;
        }
    }
}

/// Verifies a log, and that it continues other checkpoints of it. `progress`
/// is told how many entries were read, and of how many.
///
/// # Errors
/// When the checkpoint's file cannot be read; what is wrong with the log is in
/// the report.
pub fn verify<S: Source>(
    source: &S,
    log: &Verifier,
    others: &[String],
    progress: &mut dyn FnMut(u64, u64),
) -> io::Result<Report> {
    let (way, faults) = (Vec::new(), Vec::new());
    let (good, unknown, unread) = (0, 0, 0);
    let mut report = Report { signed: None, way, pruned: 0, pruned_before: 0, good, unknown, unread, faults, more: 0 };
    let opened = match checkpoint(source) {
        Ok(Some(text)) => successor::open(source, &text, log),
        Ok(None) => Err(NotSigned::Absent),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(Malformed("the file `checkpoint` is too long or no text").into())
        }
        Err(error) => return Err(error),
    };
    match opened {
        Ok(Followed { signed, way, .. }) => {
            let head = signed.checkpoint.head;
            report.signed = Some(signed);
            content(source, head, &mut report, progress);
            for (from, successor) in &way {
                handed(source, head, (from, successor), &mut report);
            }
            report.way = way.into_iter().map(|(_, successor)| successor).collect();
            for other in others {
                continues(source, log, head, other, &mut report);
            }
        }
        Err(why) => report.fault(Fault::Checkpoint(why)),
    }
    Ok(report)
}

/// Checks all entries and tiles of a head.
fn content<S: Source>(source: &S, head: Head, report: &mut Report, progress: &mut dyn FnMut(u64, u64)) {
    let tiles = Tiles::new(source, head.size);
    let mut rows = Rows::new(&tiles, head);
    let mut namer = Namer::default();
    let (kept, before) = pruned(source, &tiles, head);
    for index in 0..head.size.div_ceil(wide(WIDTH)) {
        let first = index * wide(WIDTH);
        progress(first, head.size);
        if index < kept && matches!(tiles.bundle(index), Err(Missing::File(_))) {
            // Nothing of it can be said to be good but its hashes.
            let good = report.good;
            rows.bundle(index, None, report, &mut namer);
            (report.good, report.pruned, report.pruned_before) = (good, first + wide(WIDTH), before);
            continue;
        }
        let mut unknown = 0;
        let leaves = leaves(&tiles, index, &mut unknown, report);
        let (good, is_read) = (report.good, leaves.is_some());
        let is_believed = rows.bundle(index, leaves, report, &mut namer);
        if !is_read {
            // The same: their hashes are here, which says nothing of entries that nobody has read.
            (report.good, report.unread) = (good, report.unread + (head.size - first).min(wide(WIDTH)));
        } else if is_believed {
            report.unknown += unknown;
        }
    }
    rows.finish(report, &mut namer);
    for (index, how) in namer.finish() {
        report.fault(Fault::Entry(index, how));
    }
    progress(head.size, head.size);
}

/// How many bundles an entry says were pruned, and before which time. The
/// entry is checked with all the others.
fn pruned<S: Source>(source: &S, tiles: &Tiles<'_, S>, head: Head) -> (u64, u64) {
    // A log that begins with its first entry is not looked through for it.
    if head.size == 0 || !matches!(tiles.bundle(0), Err(Missing::File(_))) {
        return (0, 0);
    }
    let says = |_, entry: &Entry| match entry.act {
        Act::Pruned { first, before } => Some((first.min(head.size) / wide(WIDTH), before)),
        _ => None,
    };
    newest(source, head.size, says).ok().flatten().unwrap_or_default()
}

/// The leaves of a bundle, as far as it can be read.
fn leaves<S: Source>(tiles: &Tiles<'_, S>, index: u64, unknown: &mut u64, report: &mut Report) -> Option<Vec<Node>> {
    let read = tiles.bundle(index).map_err(|missing| told(&missing)).and_then(|(path, bytes)| {
        let entries = bundle::read(&bytes).map_err(|why| (path, why.to_string()))?;
        // A full bundle may stand in for a partial one.
        let entries = if entries.len() == WIDTH { &entries[..path.width] } else { &entries[..] };
        *unknown = wide(entries.iter().filter(|entry| Entry::from_bytes(entry).is_err()).count());
        Ok(entries.iter().map(|entry| Node::leaf(entry)).collect())
    });
    read.map_err(|(path, why)| report.fault(Fault::File(path, why))).ok()
}

fn told(missing: &Missing) -> (Path, String) {
    match missing {
        Missing::File(path) => (*path, "it is not there".to_owned()),
        Missing::Damaged(path, why) => (*path, why.to_string()),
        Missing::Sealed(path) => (*path, bundle::NO_KEY.to_string()),
        Missing::Disk(path, error) => (*path, error.to_string()),
    }
}

/// Checks that the entry is there that a successor names, where it is kept.
fn handed<S: Source>(source: &S, head: Head, (from, successor): (&Verifier, &Successor), report: &mut Report) {
    let read =
        if successor.entry < head.size { Some(Tiles::new(source, head.size).entry(successor.entry)) } else { None };
    let says = match read {
        Some(Ok(entry)) => Entry::from_bytes(&entry).is_ok_and(|entry| match entry.act {
            Act::KeyRotated { from: old, to, .. } => old.0 == from.key().id().0 && to.0 == successor.next.key().id().0,
            _ => false,
        }),
        // It was pruned, or is told as missing.
        Some(Err(_)) => true,
        None => false,
    };
    if !says {
        report.fault(Fault::Successor(successor.entry));
    }
}

/// Checks that the log continues another checkpoint of it.
fn continues<S: Source>(source: &S, log: &Verifier, head: Head, other: &str, report: &mut Report) {
    let other = match successor::open(source, other, log) {
        Ok(other) => other.signed.checkpoint.head,
        Err(why) => return report.fault(Fault::Checkpoint(why)),
    };
    match compare(source, other, head) {
        Compared::Continued => {}
        Compared::Behind => report.fault(Fault::Behind(other.size)),
        // A file that is wrong proves nothing against the log.
        Compared::Fork if report.is_good() => report.fault(Fault::Fork(other.size)),
        Compared::Fork if other.size == head.size => report.fault(Fault::Fork(other.size)),
        Compared::Fork | Compared::Unknown => report.fault(Fault::Unproved(other.size)),
    }
}

/// How a head stands to another one of the same log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    Continued,
    Behind,
    Fork,
    /// Tiles are not there.
    Unknown,
}

/// Whether the newer head continues the older, by the tiles of the newer.
pub(crate) fn compare<S: Source>(source: &S, older: Head, newer: Head) -> Compared {
    if older.size > newer.size {
        return Compared::Behind;
    }
    if older.size == newer.size {
        return if older.root == newer.root { Compared::Continued } else { Compared::Fork };
    }
    match walk::consistency(&mut Tiles::new(source, newer.size), older.size, newer.size) {
        Ok(proof) if proof.verify(&older, &newer).is_ok() => Compared::Continued,
        Ok(_) => Compared::Fork,
        Err(_) => Compared::Unknown,
    }
}
