//! The walks that proofs are made by, over any place where complete subtrees
//! are kept: in memory, or in the tiles of a log on a disk.
//!
//! They never check what they are asked: for a leaf or a size that is not
//! there they give a path that proves nothing.

use super::{Consistency, Head, Inclusion, Node, left_part};

/// Where the hashes of complete subtrees are found.
pub trait Subtrees {
    /// Why one was not found.
    type Error;

    /// The node over the leaves from `index · 2^level` on, 2^level of them.
    ///
    /// # Errors
    /// When it is not there.
    fn complete(&mut self, level: u32, index: u64) -> Result<Node, Self::Error>;
}

/// The head of the tree as it was with `size` leaves.
///
/// # Errors
/// When a subtree is not there.
pub fn head<S: Subtrees>(trees: &mut S, size: u64) -> Result<Head, S::Error> {
    Ok(Head { size, root: over(trees, 0, size)? })
}

/// The proof that a leaf is where it is, among the first `size`.
///
/// # Errors
/// When a subtree is not there.
pub fn inclusion<S: Subtrees>(trees: &mut S, index: u64, size: u64) -> Result<Inclusion, S::Error> {
    let mut path = Vec::new();
    let (mut from, mut left) = (0, size);
    while left > 1 {
        let part = left_part(left);
        if index < from + part {
            path.push(over(trees, from + part, left - part)?);
            left = part;
        } else {
            path.push(over(trees, from, part)?);
            (from, left) = (from + part, left - part);
        }
    }
    path.reverse();
    Ok(Inclusion { index, path })
}

/// The proof that the first `old` leaves are the first of the first `new`.
///
/// # Errors
/// When a subtree is not there.
pub fn consistency<S: Subtrees>(trees: &mut S, old: u64, new: u64) -> Result<Consistency, S::Error> {
    let mut path = Vec::new();
    let (mut from, mut left) = (0, new);
    // Down to the node where the old tree ends.
    while old > 0 && old < from + left {
        let part = left_part(left);
        if old <= from + part {
            path.push(over(trees, from + part, left - part)?);
            left = part;
        } else {
            path.push(over(trees, from, part)?);
            (from, left) = (from + part, left - part);
        }
    }
    // The old root itself is known to whoever checks.
    if from > 0 {
        path.push(over(trees, from, left)?);
    }
    path.reverse();
    Ok(Consistency { path })
}

/// The node over `size` leaves from `from` on, which begins where a left or a
/// right part can.
pub(super) fn over<S: Subtrees>(trees: &mut S, from: u64, size: u64) -> Result<Node, S::Error> {
    if size == 0 {
        return Ok(Node::empty());
    }
    if size.is_power_of_two() {
        let level = size.ilog2();
        return trees.complete(level, from >> level);
    }
    let part = left_part(size);
    Ok(Node::over(&over(trees, from, part)?, &over(trees, from + part, size - part)?))
}
