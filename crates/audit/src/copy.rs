//! A copy of a log that somebody else keeps, brought up to the newest
//! checkpoint.
//!
//! It must never take a checkpoint before all that it is over is here, and
//! leads to its root; nor one that does not continue the copy's own. Leaves are
//! hashed as they come, and tiles are made of them here: nothing is fetched
//! twice, and nothing is believed but the signed root.

use crate::checkpoint::{NotSigned, Signed};
use crate::edge::Edge;
use crate::files::{CHECKPOINT, OnDisk, Source, checkpoint};
use crate::note::Verifier;
use crate::number::{size as fits, wide};
use crate::path::{Path, Row, WIDTH};
use crate::tiles::{Missing, Tiles};
use crate::writer::replace;
use crate::{Malformed, bundle, successor};
use std::io;
use store::{Barrier, Disk};
use trust::merkle::{Head, Node};

/// Why a copy was not brought up to date; what it was it still is.
#[derive(Debug, thiserror::Error)]
pub enum NotCopied {
    /// The checkpoint is not there, or not believed.
    #[error("the log's checkpoint is not believed: {0}")]
    Checkpoint(NotSigned),
    /// The copy's own checkpoint is not believed.
    #[error("the copy's own checkpoint is not believed: {0}")]
    Own(NotSigned),
    /// There are fewer entries than the copy has.
    #[error("a rollback: the copy has {old} entries that were signed, and the log has {new} now")]
    Rollback {
        /// What the copy has.
        old: u64,
        /// What there is.
        new: u64,
    },
    /// The first entries are others than the copy has.
    #[error(
        "a fork, or a file that was changed: what the log serves now does not continue the {0} entries that the copy \
         has and does not lead to the signed root; keep the copy as it is"
    )]
    Fork(u64),
    /// Something is not there, or not as it should be.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The disk, or the network.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

/// What a copy came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// How many entries it had.
    pub before: u64,
    /// What it has now.
    pub signed: Signed,
}

/// Brings a copy up to the newest checkpoint of a log; with its entries, or with
/// the hashes alone, of which everybody may have a copy. `progress` is told how
/// many entries are here, and of how many.
///
/// # Errors
/// When the log does not continue the copy, or something cannot be had.
pub fn copy<D: Disk>(
    from: &impl Source,
    to: &D,
    log: &Verifier,
    entries: bool,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Copied, NotCopied> {
    let text = checkpoint(from)?.ok_or(NotCopied::Checkpoint(NotSigned::Absent))?;
    let signed = successor::open(from, &text, log).map_err(NotCopied::Checkpoint)?.signed;
    // What the copy has may be of a key on the way, or of one that its own file leads to.
    let own = checkpoint(&OnDisk(to))?
        .map(|own| successor::open(from, &own, log).or_else(|_| successor::open(&OnDisk(to), &own, log)));
    let own = own.transpose().map_err(NotCopied::Own)?;
    let (old, new) = (own.map(|own| own.signed.checkpoint.head), signed.checkpoint.head);
    let before = old.map_or(0, |old| old.size);
    if before > new.size {
        return Err(NotCopied::Rollback { old: before, new: new.size });
    }
    let disk = OnDisk(to);
    let here = Tiles::new(&disk, before);
    // A copy that a crash has left half, or that had no entries, is fetched again and held against what it was.
    let there = Tiles::new(from, new.size);
    let begins = || here.bundle(0).is_ok() || matches!(there.bundle(0), Err(Missing::File(_)));
    let has_entries = before == 0 || here.bundle((before - 1) / wide(WIDTH)).is_ok() && begins();
    let whole = old.and_then(|old| restored(&here, old)).filter(|_| has_entries || !entries);
    let mut edge = whole.unwrap_or_default();
    for index in edge.size() / wide(WIDTH)..new.size.div_ceil(wide(WIDTH)) {
        progress(edge.size(), new.size);
        let leaves = leaves(&there, index, entries, to)?;
        let known = edge.partial().into_iter().find(|tile| tile.level == 0).map_or_else(Vec::new, |tile| tile.nodes);
        if !leaves.starts_with(&known) {
            return Err(NotCopied::Fork(before));
        }
        let mut full = Vec::new();
        for leaf in &leaves[known.len()..] {
            edge.append(*leaf, &mut |tile| full.push(tile));
            if old.is_some_and(|old| old.size == edge.size() && old != edge.head()) {
                return Err(NotCopied::Fork(before));
            }
        }
        for tile in full {
            replace(to, &tile.path().to_string(), &tile.bytes(), None)?;
        }
    }
    if edge.head() != new {
        return Err(NotCopied::Fork(before));
    }
    for tile in edge.partial() {
        replace(to, &tile.path().to_string(), &tile.bytes(), None)?;
    }
    if let Some(notes) = from.file(successor::FILE, successor::LONGEST)? {
        replace(to, successor::FILE, &notes, Some(Barrier::Mark))?;
    }
    replace(to, CHECKPOINT, signed.note.to_string().as_bytes(), Some(Barrier::Mark))?;
    to.sync_dir(Barrier::Name)?;
    progress(new.size, new.size);
    Ok(Copied { before, signed })
}

/// The leaves of a stretch, from its entries, which are kept, or from hashes.
fn leaves<S: Source, D: Disk>(there: &Tiles<'_, S>, index: u64, entries: bool, to: &D) -> Result<Vec<Node>, NotCopied> {
    if !entries {
        return Ok(there.tile(0, index)?);
    }
    let (path, bytes) = match there.bundle(index) {
        // It was pruned; where it was not, whoever verifies the copy is told.
        Err(Missing::File(path)) if path.width == WIDTH => return Ok(there.tile(0, index)?),
        read => read?,
    };
    let damaged = |why| NotCopied::Missing(Missing::Damaged(path, why));
    let read = bundle::read(&bytes).map_err(|why| Missing::entries(path, why))?;
    // A full bundle may stand in for one that was not full when it was signed.
    let read = read.get(..path.width).ok_or_else(|| damaged(Malformed("it has fewer entries than it should")))?;
    let mut kept = Vec::with_capacity(bytes.len());
    read.iter().for_each(|entry| bundle::write(&mut kept, entry));
    replace(to, &path.to_string(), &kept, None)?;
    Ok(read.iter().map(|entry| Node::leaf(entry)).collect())
}

/// The edge of a copy, when its own tiles give the head that it has.
fn restored<S: Source>(here: &Tiles<'_, S>, head: Head) -> Option<Edge> {
    let row = |level: u8| {
        let count = head.size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        let (index, width) = (count / wide(WIDTH), fits(count % wide(WIDTH)));
        let path = Path { row: Row::Tile(level), index, width };
        if path.width == 0 { Some(Vec::new()) } else { here.tile(level, index).ok() }
    };
    let rows = (0..8).map(row).collect::<Option<Vec<_>>>()?;
    let edge = Edge::of(head.size, rows);
    (edge.head() == head).then_some(edge)
}
