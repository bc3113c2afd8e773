//! Which of two files is believed: the one that leads to the signed root.
//!
//! A full tile's hash stands in the tile above it, and that one's above that.
//! What is not full is the edge, which gives the root itself: there every
//! choice is tried.

use super::name::Namer;
use super::{Fault, Report, told};
use crate::edge::root;
use crate::files::Source;
use crate::number::{size, wide};
use crate::path::{Path, Row, WIDTH};
use crate::tiles::Tiles;
use std::convert::Infallible;
use trust::merkle::walk::{self, Subtrees};
use trust::merkle::{Head, Node};

/// Rows at the edge of which each choice is tried; no log has more.
const LEVELS: usize = 8;

/// What the edge of one level could be.
struct Choice {
    computed: Vec<Node>,
    /// What its file says, when that is something else.
    stored: Option<Vec<Node>>,
}

pub(super) struct Rows<'t, 's, S> {
    tiles: &'t Tiles<'s, S>,
    head: Head,
    /// What was computed of each level above the leaves, since its last full tile.
    rows: Vec<Vec<Node>>,
    /// The tile of each level that slots are looked up in.
    above: Vec<Option<(u64, Option<Vec<Node>>)>>,
    leaves: Option<Choice>,
}

impl<'t, 's, S: Source> Rows<'t, 's, S> {
    pub(super) fn new(tiles: &'t Tiles<'s, S>, head: Head) -> Self {
        Self { tiles, head, rows: Vec::new(), above: vec![None; 1 + LEVELS], leaves: None }
    }

    fn path(&self, level: usize, index: u64) -> Path {
        let level = u8::try_from(level).unwrap_or(u8::MAX);
        let count = self.head.size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        Path::holding(Row::Tile(level), index, count)
    }

    /// A tile as its file has it, which is told when it cannot be read.
    fn stored(&self, level: usize, index: u64, report: &mut Report) -> Option<Vec<Node>> {
        let read = self.tiles.tile(u8::try_from(level).unwrap_or(u8::MAX), index);
        read.map_err(|missing| {
            let (path, why) = told(&missing);
            report.fault(Fault::File(path, why));
        })
        .ok()
    }

    /// What the tile above says that a full tile's hash is.
    fn slot(&mut self, level: usize, index: u64) -> Option<Node> {
        let (above, at) = (level + 1, index / wide(WIDTH));
        if self.above.get(above)?.as_ref().is_none_or(|(kept, _)| *kept != at) {
            let read = self.tiles.tile(u8::try_from(above).unwrap_or(u8::MAX), at).ok();
            self.above[above] = Some((at, read));
        }
        let (_, tile) = self.above[above].as_ref()?;
        tile.as_ref()?.get(size(index % wide(WIDTH))).copied()
    }

    /// Takes the leaves of the next bundle; whether they are believed so far.
    pub(super) fn bundle(
        &mut self,
        index: u64,
        leaves: Option<Vec<Node>>,
        report: &mut Report,
        namer: &mut Namer,
    ) -> bool {
        let stored = self.stored(0, index, report);
        let width = self.path(0, index).width;
        let (computed, stored) = match (leaves, stored) {
            (Some(leaves), Some(stored)) if leaves == stored => (leaves, None),
            (Some(leaves), stored) => (leaves, stored),
            // The bundle was told already; its tile says what was in it.
            (None, Some(stored)) => (stored, None),
            (None, None) => (vec![Node::empty(); width], None),
        };
        let agree = stored.is_none();
        report.good += if agree { wide(computed.len()) } else { 0 };
        if width < WIDTH {
            self.leaves = Some(Choice { computed, stored });
            return agree;
        }
        let (mut believed, first) = (root(&computed), index * wide(WIDTH));
        if let Some(stored) = stored {
            let slot = self.slot(0, index);
            if slot == Some(root(&stored)) {
                believed = root(&stored);
                report.good += wide(computed.iter().zip(&stored).filter(|(one, other)| one == other).count());
                namer.compare(first, &computed, &stored);
            } else if slot == Some(believed) {
                report.good += wide(WIDTH);
                report.fault(Fault::Tile(self.path(0, index)));
            } else {
                report.fault(Fault::Entries(first, first + wide(WIDTH) - 1));
            }
        }
        self.push(1, believed, index, report);
        agree
    }

    /// Takes the hash of a full tile of the level below.
    fn push(&mut self, level: usize, node: Node, index: u64, report: &mut Report) {
        if level > LEVELS {
            return;
        }
        if self.rows.len() < level {
            self.rows.push(Vec::with_capacity(WIDTH));
        }
        self.rows[level - 1].push(node);
        if self.rows[level - 1].len() < WIDTH {
            return;
        }
        let computed = std::mem::replace(&mut self.rows[level - 1], Vec::with_capacity(WIDTH));
        let index = index / wide(WIDTH);
        let mut believed = root(&computed);
        let stored = self.stored(level, index, report).filter(|stored| *stored != computed);
        if let Some(stored) = stored {
            if self.slot(level, index) == Some(root(&stored)) {
                believed = root(&stored);
                self.below(level, index, &computed, &stored, report);
            } else {
                report.fault(Fault::Tile(self.path(level, index)));
            }
        }
        self.push(level + 1, believed, index, report);
    }

    /// Names the entries below the hashes of a tile that is believed.
    fn below(&self, level: usize, index: u64, computed: &[Node], stored: &[Node], report: &mut Report) {
        let each = 1_u64.checked_shl(8 * u32::try_from(level).unwrap_or(u32::MAX)).unwrap_or(u64::MAX);
        for (at, _) in computed.iter().zip(stored).enumerate().filter(|(_, (one, other))| one != other) {
            let first = (index * wide(WIDTH) + wide(at)).saturating_mul(each);
            let told = Fault::Entries(first, first.saturating_add(each - 1));
            if !report.faults.contains(&told) {
                report.fault(told);
            }
        }
    }

    /// Settles the edge by the signed root.
    pub(super) fn finish(mut self, report: &mut Report, namer: &mut Namer) {
        let mut edge = vec![self.leaves.take().unwrap_or(Choice { computed: Vec::new(), stored: None })];
        for (below, computed) in std::mem::take(&mut self.rows).into_iter().enumerate() {
            let level = below + 1;
            let index = self.head.size.checked_shr(8 * u32::try_from(level + 1).unwrap_or(u32::MAX)).unwrap_or(0);
            let stored = if computed.is_empty() { None } else { self.stored(level, index, report) };
            let stored = stored.filter(|stored| *stored != computed);
            edge.push(Choice { computed, stored });
        }
        let open: Vec<_> = (0..edge.len()).filter(|at| edge[*at].stored.is_some()).collect();
        // What was computed from entries comes first.
        let chosen = (0..1_usize << open.len().min(LEVELS)).find(|choice| {
            let row = |at: usize| {
                let takes_stored = open.iter().position(|open| *open == at).is_some_and(|bit| choice >> bit & 1 == 1);
                edge[at].stored.as_ref().filter(|_| takes_stored).unwrap_or(&edge[at].computed).clone()
            };
            let rows: Vec<_> = (0..edge.len()).map(row).collect();
            let Ok(head) = walk::head(&mut &Edges(rows), self.head.size);
            head == self.head
        });
        let Some(chosen) = chosen else { return report.fault(Fault::Unlike) };
        for (bit, level) in open.into_iter().enumerate() {
            let Choice { computed, stored: Some(stored) } = &edge[level] else { continue };
            let index = self.head.size.checked_shr(8 * u32::try_from(level + 1).unwrap_or(u32::MAX)).unwrap_or(0);
            match (chosen >> bit & 1 == 1, level) {
                (true, 0) => {
                    report.good += wide(computed.iter().zip(stored).filter(|(one, other)| one == other).count());
                    namer.compare(index * wide(WIDTH), computed, stored);
                }
                (true, level) => self.below(level, index, computed, stored, report),
                (false, _) => {
                    report.good += if level == 0 { wide(computed.len()) } else { 0 };
                    report.fault(Fault::Tile(self.path(level, index)));
                }
            }
        }
    }
}

/// The rows of an edge, of which a head is made.
struct Edges(Vec<Vec<Node>>);

impl Subtrees for &Edges {
    type Error = Infallible;

    fn complete(&mut self, level: u32, index: u64) -> Result<Node, Infallible> {
        let row = self.0.get(size(u64::from(level / 8))).map_or(&[][..], |row| &row[..]);
        let (from, many) = (size((index << (level % 8)) % wide(WIDTH)), 1 << (level % 8));
        // A row that is too short gives a root that nobody signed.
        Ok(root(row.get(from..from + many).unwrap_or_default()))
    }
}
