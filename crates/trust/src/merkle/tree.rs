//! A tree that is kept whole, to prove things from: 64 bytes for a leaf.
//!
//! Every complete subtree's hash is kept, level by level; it never changes once
//! it is there, so a proof is a walk of one step a level, for the tree as it is
//! and as it was.

use super::walk::{self, Subtrees};
use super::{Consistency, Head, Inclusion, Node, OutOfTree, Range, left_part};
use std::convert::Infallible;

/// All leaves, and all complete subtrees over them.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// `levels[k][i]` is over the leaves from `i · 2ᵏ` on, 2ᵏ of them.
    levels: Vec<Vec<Node>>,
}

/// What a place of a level is in memory: no tree of 2⁶⁴ leaves fits in one.
fn place(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

impl Tree {
    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Adds a leaf, and says which it is.
    pub fn append(&mut self, leaf: Node) -> u64 {
        let at = self.size();
        let mut node = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(node);
            let [.., left, right] = row[..] else {
                break;
            };
            if row.len() % 2 == 1 {
                break;
            }
            node = Node::over(&left, &right);
        }
        at
    }

    /// The head of the tree as it is.
    #[must_use]
    pub fn head(&self) -> Head {
        let size = self.size();
        Head { size, root: self.over(0, size) }
    }

    /// The head of the tree as it was with `size` leaves.
    ///
    /// # Errors
    /// When there are not as many.
    pub fn head_at(&self, size: u64) -> Result<Head, OutOfTree> {
        self.has(size)?;
        Ok(Head { size, root: self.over(0, size) })
    }

    /// The proof that a leaf is where it is, among the first `size`.
    ///
    /// # Errors
    /// When there are not as many, or the leaf is not among them.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Inclusion, OutOfTree> {
        self.has(size)?;
        if index >= size {
            return Err(OutOfTree { wanted: index, size });
        }
        let Ok(proof) = walk::inclusion(&mut &*self, index, size);
        Ok(proof)
    }

    /// The proof that the first `old` leaves are the first of the first `new`.
    ///
    /// # Errors
    /// When there are not as many, or the old tree was the larger.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Consistency, OutOfTree> {
        self.has(new)?;
        if old > new {
            return Err(OutOfTree { wanted: old, size: new });
        }
        let Ok(proof) = walk::consistency(&mut &*self, old, new);
        Ok(proof)
    }

    /// The proof that leaves are where they are, one after another from `start`
    /// and before `end`, among the first `size`.
    ///
    /// # Errors
    /// When there are not as many, or the range holds none.
    pub fn range(&self, start: u64, end: u64, size: u64) -> Result<Range, OutOfTree> {
        self.has(size)?;
        if end > size || start >= end {
            return Err(OutOfTree { wanted: end.max(start), size });
        }
        let mut path = Vec::new();
        self.outside(&mut path, (start, end), 0, size);
        Ok(Range { start, path })
    }

    /// The nodes over all that is not in the range, from left to right.
    fn outside(&self, path: &mut Vec<Node>, (start, end): (u64, u64), from: u64, size: u64) {
        if end <= from || from + size <= start {
            path.push(self.over(from, size));
        } else if from < start || end < from + size {
            let part = left_part(size);
            self.outside(path, (start, end), from, part);
            self.outside(path, (start, end), from + part, size - part);
        }
    }

    /// The node over `size` leaves from `from` on, which begins where a left or
    /// a right part can.
    fn over(&self, from: u64, size: u64) -> Node {
        let Ok(node) = walk::over(&mut &*self, from, size);
        node
    }

    fn has(&self, size: u64) -> Result<(), OutOfTree> {
        let have = self.size();
        if size <= have { Ok(()) } else { Err(OutOfTree { wanted: size, size: have }) }
    }
}

impl Subtrees for &Tree {
    type Error = Infallible;

    fn complete(&mut self, level: u32, index: u64) -> Result<Node, Infallible> {
        Ok(self.levels[level as usize][place(index)])
    }
}
