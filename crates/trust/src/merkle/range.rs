//! That leaves are in a tree, one after another, with none between them.

use super::{BadProof, Head, LONGEST, Node, left_part, read_proof, write_proof};
use crate::wire::{Kind, Malformed};

/// The nodes over all that is not in the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The first leaf of the range.
    pub start: u64,
    /// The nodes, from left to right.
    pub path: Vec<Node>,
}

impl Range {
    /// Checks that the leaves are all there is from `start` on, in their order.
    ///
    /// # Errors
    /// When they are not, when there are none, or when the proof has a node too
    /// few or too many.
    pub fn verify(&self, leaves: &[Node], head: &Head) -> Result<(), BadProof> {
        let end = self.start.checked_add(leaves.len() as u64).ok_or(BadProof)?;
        if leaves.is_empty() || end > head.size {
            return Err(BadProof);
        }
        let mut given = Given { leaves, path: &self.path, start: self.start, end };
        let root = given.over(0, head.size)?;
        if root == head.root && given.leaves.is_empty() && given.path.is_empty() { Ok(()) } else { Err(BadProof) }
    }

    /// The proof in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        write_proof(Kind::Range, self.start, &self.path)
    }

    /// Reads a proof.
    ///
    /// # Errors
    /// When it has not the one form of such a proof.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        // One step a level on either side.
        let (start, path) = read_proof(bytes, Kind::Range, 2 * LONGEST)?;
        Ok(Self { start, path })
    }
}

/// What is left of the leaves and of the path, on the way from left to right.
struct Given<'p> {
    leaves: &'p [Node],
    path: &'p [Node],
    start: u64,
    end: u64,
}

impl Given<'_> {
    /// The node over `size` leaves from `from` on. It goes down only where the
    /// range is, so it is done after as many steps as there are leaves, and two
    /// for each level.
    fn over(&mut self, from: u64, size: u64) -> Result<Node, BadProof> {
        if self.end <= from || from + size <= self.start {
            return take(&mut self.path);
        }
        if size == 1 {
            return take(&mut self.leaves);
        }
        let part = left_part(size);
        let left = self.over(from, part)?;
        let right = self.over(from + part, size - part)?;
        Ok(Node::over(&left, &right))
    }
}

fn take(nodes: &mut &[Node]) -> Result<Node, BadProof> {
    let (first, rest) = nodes.split_first().ok_or(BadProof)?;
    *nodes = rest;
    Ok(*first)
}
