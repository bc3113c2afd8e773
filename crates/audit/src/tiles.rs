//! A log as its tiles show it: whatever a proof needs, one tile at a time.

use crate::edge::{nodes, root};
use crate::files::Source;
use crate::number::{size as fits, wide};
use crate::path::{Path, Row, WIDTH};
use crate::{Entry, Malformed, bundle};
use std::io;
use trust::merkle::Node;
use trust::merkle::walk::Subtrees;

/// Why something of a log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// A file is not there.
    #[error("{0} is not there")]
    File(Path),
    /// A file is not what it should be.
    #[error("{0} is damaged: {1}")]
    Damaged(Path, Malformed),
    /// A file is as it should be, and nobody here has the key to its entries.
    #[error("{0}: {no_key}", no_key = bundle::NO_KEY)]
    Sealed(Path),
    /// A file could not be read.
    #[error("{0} cannot be read: {1}")]
    Disk(Path, io::Error),
}

impl Missing {
    /// Why the entries of a file could not be read.
    #[must_use]
    pub fn entries(path: Path, why: Malformed) -> Self {
        if why == bundle::NO_KEY { Self::Sealed(path) } else { Self::Damaged(path, why) }
    }
}

/// The tiles of a log of one size. What it reads it does not believe: proofs
/// that are made of it are checked against a head.
#[derive(Debug)]
pub struct Tiles<'s, S> {
    source: &'s S,
    size: u64,
    last: Option<(Path, Vec<Node>)>,
}

impl<'s, S: Source> Tiles<'s, S> {
    /// The tiles of the first `size` entries.
    #[must_use]
    pub const fn new(source: &'s S, size: u64) -> Self {
        Self { source, size, last: None }
    }

    fn read(&self, path: Path, most: usize) -> Result<Vec<u8>, Missing> {
        match self.source.file(&path.to_string(), most) {
            Ok(Some(bytes)) => return Ok(bytes),
            Ok(None) if path.width == WIDTH => return Err(Missing::File(path)),
            Ok(None) => {}
            Err(error) => return Err(Missing::Disk(path, error)),
        }
        // A partial tile may be gone when the full one is there.
        match self.source.file(&Path { width: WIDTH, ..path }.to_string(), most) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(Missing::File(path)),
            Err(error) => Err(Missing::Disk(path, error)),
        }
    }

    /// The hashes of a tile.
    ///
    /// # Errors
    /// When it is not there or not as long as it should be.
    pub fn tile(&self, level: u8, index: u64) -> Result<Vec<Node>, Missing> {
        let count = self.size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        let path = Path::holding(Row::Tile(level), index, count);
        let bytes = self.read(path, 32 * WIDTH)?;
        let damaged = || Missing::Damaged(path, Malformed("a tile is 32 bytes for each of its hashes"));
        let mut nodes = nodes(&bytes).ok_or_else(damaged)?;
        if nodes.len() != path.width && nodes.len() != WIDTH {
            return Err(damaged());
        }
        nodes.truncate(path.width);
        Ok(nodes)
    }

    /// The bytes of a bundle, and how many entries are in it by its place.
    ///
    /// # Errors
    /// When it is not there.
    pub fn bundle(&self, index: u64) -> Result<(Path, Vec<u8>), Missing> {
        let path = Path::holding(Row::Entries, index, self.size);
        // Ours are shorter; what the length of an entry can say is the limit.
        Ok((path, self.read(path, WIDTH * (2 + 65_535))?))
    }

    /// One entry.
    ///
    /// # Errors
    /// When its bundle is not there or is damaged.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, Missing> {
        let (path, bytes) = self.bundle(index / wide(WIDTH))?;
        let entries = bundle::read(&bytes).map_err(|why| Missing::entries(path, why))?;
        let entry = entries.get(fits(index % wide(WIDTH)));
        entry
            .map(|entry| entry.to_vec())
            .ok_or(Missing::Damaged(path, Malformed("it has fewer entries than it should")))
    }
}

/// The newest entry of which something is wanted, with its number, looked for
/// from the end, as far as entries are there. Nobody has checked it.
///
/// # Errors
/// When the log's files cannot be read.
pub fn newest<T>(
    source: &impl Source,
    size: u64,
    mut wanted: impl FnMut(u64, &Entry) -> Option<T>,
) -> Result<Option<T>, Missing> {
    let tiles = Tiles::new(source, size);
    for index in (0..size.div_ceil(wide(WIDTH))).rev() {
        let bytes = match tiles.bundle(index) {
            // What is older was pruned, or is in another copy.
            Err(Missing::File(path)) if path.width == WIDTH => return Ok(None),
            read => read?.1,
        };
        let entries = bundle::read(&bytes).unwrap_or_default();
        let numbered: Vec<_> = (index * wide(WIDTH)..).zip(&entries).collect();
        let found = numbered.iter().rev().find_map(|(number, entry)| wanted(*number, &Entry::from_bytes(entry).ok()?));
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

impl<S: Source> Subtrees for Tiles<'_, S> {
    type Error = Missing;

    fn complete(&mut self, level: u32, index: u64) -> Result<Node, Missing> {
        let row = u8::try_from(level / 8).unwrap_or(u8::MAX);
        let many = 1 << (level % 8);
        let first = index << (level % 8);
        let count = self.size.checked_shr(8 * u32::from(row)).unwrap_or(0);
        let path = Path::holding(Row::Tile(row), first / wide(WIDTH), count);
        if self.last.as_ref().is_none_or(|last| last.0 != path) {
            self.last = Some((path, self.tile(row, path.index)?));
        }
        let from = fits(first % wide(WIDTH));
        let nodes = self.last.as_ref().and_then(|(_, nodes)| nodes.get(from..from + many));
        nodes.map(root).ok_or(Missing::File(path))
    }
}
