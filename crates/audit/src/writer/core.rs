//! What one writer at a time has in its hands: the truth's end, the edge of
//! the tree, and what is still to be published.

use super::replace;
use crate::checkpoint::Signers;
use crate::edge::Edge;
use crate::files::CHECKPOINT;
use crate::number::wide;
use crate::path::{Path, Row, WIDTH};
use crate::sealed::SEALED;
use crate::segment::{self, LONGEST, OLDEST};
use crate::{bundle, truth};
use std::collections::BTreeSet;
use std::io;
use store::{Barrier, Disk};
use trust::merkle::{Head, Node};

/// An entry as it is stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) leaf: Node,
    /// Its envelope.
    pub(super) sealed: Vec<u8>,
    /// When it was made.
    pub(super) time: u64,
}

/// A file of the truth, and when its entries were made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    /// Its first entry.
    pub(super) first: u64,
    /// When that was made; nothing as long as there is none.
    pub(super) since: Option<u64>,
    /// The newest time of any of its entries.
    pub(super) newest: u64,
}

impl Segment {
    pub(super) const fn new(first: u64) -> Self {
        Self { first, since: None, newest: 0 }
    }

    /// Has one entry more, which was made then.
    pub(super) fn takes(&mut self, time: u64) {
        self.since.get_or_insert(time);
        self.newest = self.newest.max(time);
    }
}

/// Why a batch was not written.
#[derive(Debug)]
pub(super) enum Stop {
    /// Nothing of it will be found.
    Refused(io::Error),
    /// Nobody knows what of it will be.
    Lost(io::Error),
}

/// The log in memory: its edge, and the sealed entries of the bundle that is
/// not full.
#[derive(Debug, Clone, Default)]
pub(super) struct Grown {
    pub(super) edge: Edge,
    pub(super) bundle: Vec<u8>,
    /// Tiles and bundles that were completed and are not written yet.
    pub(super) full: Vec<(Path, Vec<u8>)>,
}

impl Grown {
    pub(super) fn append(&mut self, leaf: Node, sealed: &[u8]) {
        let Self { edge, bundle, full } = self;
        if bundle.is_empty() {
            bundle.extend_from_slice(SEALED);
        }
        bundle::write(bundle, sealed);
        edge.append(leaf, &mut |tile| full.push((tile.path(), tile.bytes())));
        if edge.size().is_multiple_of(wide(WIDTH)) {
            let path = Path { row: Row::Entries, index: edge.size() / wide(WIDTH) - 1, width: WIDTH };
            full.push((path, std::mem::take(bundle)));
        }
    }

    /// The files of what is not full.
    pub(super) fn partial(&self) -> Vec<(Path, Vec<u8>)> {
        let mut files: Vec<_> = self.edge.partial().iter().map(|tile| (tile.path(), tile.bytes())).collect();
        if !self.bundle.is_empty() {
            let index = self.edge.size() / wide(WIDTH);
            files.push((Path::holding(Row::Entries, index, self.edge.size()), self.bundle.clone()));
        }
        files
    }
}

pub(super) struct Core<D: Disk> {
    pub(super) disk: D,
    pub(super) file: D::File,
    pub(super) signers: Signers,
    pub(super) grown: Grown,
    /// The first bytes of every segment.
    pub(super) start: Vec<u8>,
    /// Segments that are closed, from the oldest on, and the one that grows.
    pub(super) older: Vec<Segment>,
    pub(super) newest: Segment,
    /// Whether the next segment may have been begun already.
    pub(super) is_begun: bool,
    /// Where the next batch begins.
    pub(super) end: u64,
    /// Partial files that are there, and go once they are full.
    pub(super) partial: BTreeSet<Path>,
    /// The head that the checkpoint's file has.
    pub(super) signed: Option<Head>,
}

impl<D: Disk> Core<D> {
    pub(super) const fn size(&self) -> u64 {
        self.grown.edge.size()
    }

    pub(super) fn head(&self) -> Head {
        self.signed.unwrap_or(Head { size: 0, root: Node::empty() })
    }

    /// Writes a batch and makes it durable.
    pub(super) fn commit<'e>(&mut self, entries: impl Iterator<Item = &'e Stored> + Clone) -> Result<(), Stop> {
        // So that at most one batch is ever durable and not published.
        if self.signed.is_none_or(|signed| signed.size != self.size()) {
            self.publish().map_err(Stop::Refused)?;
        }
        let Some(first) = entries.clone().next() else { return Ok(()) };
        let since = self.newest.since.unwrap_or(first.time);
        if self.is_begun || self.end >= LONGEST || first.time.saturating_sub(since) >= OLDEST {
            self.begin_segment().map_err(Stop::Refused)?;
        }
        let (mut grown, mut newest) = (self.grown.clone(), self.newest);
        let mut batch: Vec<(Node, &[u8])> = Vec::new();
        for Stored { leaf, sealed, time } in entries {
            grown.append(*leaf, sealed);
            newest.takes(*time);
            batch.push((*leaf, sealed));
        }
        let bytes = truth::batch(&batch, &grown.edge.head().root);
        self.disk.write_at(&self.file, self.end, &bytes).map_err(Stop::Refused)?;
        self.disk.sync_data(&self.file, Barrier::Group).map_err(Stop::Lost)?;
        self.end += wide(bytes.len());
        (self.grown, self.newest) = (grown, newest);
        Ok(())
    }

    /// Goes on in a segment of its own, whole and under its name before
    /// anything is acknowledged in it. When that fails it is to be done again
    /// before anything else: its name may be there.
    pub(super) fn begin_segment(&mut self) -> io::Result<()> {
        self.is_begun = true;
        let (first, name) = (self.size(), segment::name(self.size()));
        let bytes = [&self.start[..], &segment::beginning(&self.grown.edge, &self.grown.bundle)].concat();
        replace(&self.disk, &name, &bytes, Some(Barrier::Head))?;
        self.disk.sync_dir(Barrier::Name)?;
        self.file = self.disk.open(&name)?;
        self.end = wide(bytes.len());
        self.older.push(std::mem::replace(&mut self.newest, Segment::new(first)));
        self.is_begun = false;
        Ok(())
    }

    /// Writes the tiles and the bundles, and then the checkpoint over them.
    /// Only the checkpoint is synced: the rest follows from the truth, and the
    /// next start writes again what a crash took.
    pub(super) fn publish(&mut self) -> io::Result<()> {
        for (path, bytes) in &self.grown.full {
            replace(&self.disk, &path.to_string(), bytes, None)?;
        }
        self.grown.full.clear();
        for (path, bytes) in self.grown.partial() {
            if !self.partial.contains(&path) {
                replace(&self.disk, &path.to_string(), &bytes, None)?;
                self.partial.insert(path);
            }
        }
        let head = self.grown.edge.head();
        if self.signed != Some(head) {
            let note = self.signers.sign(head).map_err(io::Error::other)?;
            replace(&self.disk, CHECKPOINT, note.to_string().as_bytes(), Some(Barrier::Mark))?;
            self.signed = Some(head);
        }
        self.clear()
    }

    /// Removes partial files of which the full one is there now.
    fn clear(&mut self) -> io::Result<()> {
        let size = self.size();
        let is_full = |path: &Path| {
            let level = if let Row::Tile(level) = path.row { u32::from(level) } else { 0 };
            path.index < size.checked_shr(8 * (level + 1)).unwrap_or(0)
        };
        for path in self.partial.iter().copied().filter(is_full).collect::<Vec<_>>() {
            match self.disk.remove(&path.to_string()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => self.partial.remove(&path),
            };
        }
        Ok(())
    }
}
