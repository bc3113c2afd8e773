//! The right edge of a log: all that is needed to let it grow and to know its
//! root. Whatever is complete is handed out as a tile and forgotten.

use crate::number;
use crate::path::{Path, Row, WIDTH};
use std::convert::Infallible;
use trust::merkle::walk::{self, Subtrees};
use trust::merkle::{Frontier, Head, Node};

/// One tile: hashes, and where they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Its level.
    pub level: u8,
    /// Which of that level.
    pub index: u64,
    /// Its hashes, from left to right.
    pub nodes: Vec<Node>,
}

impl Tile {
    /// What it is called.
    #[must_use]
    pub fn path(&self) -> Path {
        Path { row: Row::Tile(self.level), index: self.index, width: self.nodes.len() }
    }

    /// What its file holds.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.nodes.iter().flat_map(|node| node.0).collect()
    }
}

/// The hashes of a tile's file.
pub(crate) fn nodes(bytes: &[u8]) -> Option<Vec<Node>> {
    let (nodes, []) = bytes.as_chunks::<32>() else { return None };
    Some(nodes.iter().map(|node| Node(*node)).collect())
}

/// The node over some nodes, which are all that it is over.
pub(crate) fn root(nodes: &[Node]) -> Node {
    let mut frontier = Frontier::default();
    for node in nodes {
        // A tile is no 2^62 leaves.
        let _ = frontier.append(*node);
    }
    frontier.head().root
}

/// A log of which the unfinished tiles are kept.
#[derive(Debug, Clone, Default)]
pub struct Edge {
    size: u64,
    rows: Vec<Vec<Node>>,
}

impl Edge {
    /// One that has grown so far, by the hashes of its tiles that are not full.
    pub(crate) fn of(size: u64, rows: Vec<Vec<Node>>) -> Self {
        Self { size, rows }
    }

    /// The hashes of its tiles that are not full, from level 0 on.
    pub(crate) fn rows(&self) -> &[Vec<Node>] {
        &self.rows
    }

    /// How many leaves there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf, and hands out the tiles that it completes.
    pub fn append(&mut self, leaf: Node, full: &mut impl FnMut(Tile)) {
        self.size += 1;
        let (mut node, mut tiles) = (leaf, self.size);
        for level in 0..=u8::MAX {
            if self.rows.len() == usize::from(level) {
                self.rows.push(Vec::with_capacity(WIDTH));
            }
            let row = &mut self.rows[usize::from(level)];
            row.push(node);
            if row.len() < WIDTH {
                return;
            }
            node = root(row);
            tiles /= number::wide(WIDTH);
            full(Tile {
                level,
                index: tiles.saturating_sub(1),
                nodes: std::mem::replace(row, Vec::with_capacity(WIDTH)),
            });
        }
    }

    /// The head of the log as it is.
    #[must_use]
    pub fn head(&self) -> Head {
        let Ok(head) = walk::head(&mut &*self, self.size);
        head
    }

    /// The tiles that are not full.
    #[must_use]
    pub fn partial(&self) -> Vec<Tile> {
        let tile = |(level, row): (u32, &Vec<Node>)| Tile {
            level: u8::try_from(level).unwrap_or(u8::MAX),
            index: self.size.checked_shr(8 * (level + 1)).unwrap_or(0),
            nodes: row.clone(),
        };
        (0..).zip(&self.rows).filter(|(_, row)| !row.is_empty()).map(tile).collect()
    }
}

impl Subtrees for &Edge {
    type Error = Infallible;

    /// For its own head alone, which is over nothing but what is kept.
    fn complete(&mut self, level: u32, index: u64) -> Result<Node, Infallible> {
        let row = self.rows.get(number::size(u64::from(level / 8))).map_or(&[][..], |row| &row[..]);
        let wide = 1 << (level % 8);
        let from = number::size((index << (level % 8)) % number::wide(WIDTH));
        Ok(root(row.get(from..from + wide).unwrap_or_default()))
    }
}
