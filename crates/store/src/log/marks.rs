//! What a directory says about itself beside its segments: how far it was
//! pruned, and where it ended when it was closed.
//!
//! It must never be needed to find an entry: a mark only tells a loss from an
//! intention. Each is there twice, in a sector of its own, and is replaced by
//! renaming, so that it is the old one or the new one.
//!
//! ```text
//! mark  version u8, 7 letters, segment u64, offset u64, crc32c u32, zeros to 512; the same again
//! ```

use super::Position;
use super::format::{SECTOR, VERSION};
use crate::disk::{Barrier, Disk};
use crate::number::{u32_at, u64_at, wide};
use std::io;

const LENGTH: usize = 28;

/// A kind of mark: its file, and the letters that it begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) file: &'static str,
    letters: &'static [u8; 7],
    /// Why its bytes are synced, and why its name is.
    why: (Barrier, Barrier),
}

/// The oldest segment that was not pruned.
pub(crate) const PRUNED: Kind = Kind { file: "pruned", letters: b"mycelpr", why: (Barrier::Mark, Barrier::Pruned) };
/// Where the log ended when it was closed.
pub(crate) const CLOSED: Kind = Kind { file: "closed", letters: b"mycelcl", why: (Barrier::Closed, Barrier::Closed) };

/// What a reading of a mark came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// There is none.
    None,
    /// One copy is broken, or none.
    Whole { at: Position, broken_copy: Option<u64> },
    /// Both copies are broken.
    Broken,
}

fn encode(kind: Kind, at: Position) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(kind.letters);
    bytes.extend_from_slice(&at.segment.to_le_bytes());
    bytes.extend_from_slice(&at.offset.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes.resize(SECTOR, 0);
    bytes.extend_from_within(..);
    bytes
}

fn decode(kind: Kind, bytes: &[u8]) -> Option<Position> {
    let bytes = bytes.get(..LENGTH)?;
    let whole =
        bytes[0] == VERSION && &bytes[1..8] == kind.letters && u32_at(bytes, 24) == crc32c::crc32c(&bytes[..24]);
    whole.then(|| Position { segment: u64_at(bytes, 8), offset: u64_at(bytes, 16) })
}

/// The mark of a directory.
pub(crate) fn read<D: Disk>(disk: &D, kind: Kind) -> io::Result<Mark> {
    let file = match disk.open(kind.file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Mark::None),
        opened => opened?,
    };
    let mut bytes = [0; 2 * SECTOR];
    let read = disk.read_at(&file, 0, &mut bytes)?;
    let copies = [0, SECTOR].map(|at| bytes[..read].get(at..).and_then(|copy| decode(kind, copy)));
    Ok(match copies {
        [Some(at), Some(other)] if at == other => Mark::Whole { at, broken_copy: None },
        [Some(at), _] => Mark::Whole { at, broken_copy: Some(wide(SECTOR)) },
        [None, Some(at)] => Mark::Whole { at, broken_copy: Some(0) },
        [None, None] => Mark::Broken,
    })
}

/// Replaces the mark of a directory, durably.
pub(crate) fn write<D: Disk>(disk: &D, kind: Kind, at: Position) -> io::Result<()> {
    let aside = format!("{}.new", kind.file);
    // It may be there already, from before a crash.
    let file = match disk.create(&aside) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(&aside),
        created => created,
    }?;
    disk.write_at(&file, 0, &encode(kind, at))?;
    disk.sync_data(&file, kind.why.0)?;
    disk.rename(&aside, kind.file)?;
    disk.sync_dir(kind.why.1)
}
