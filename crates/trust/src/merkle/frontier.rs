//! A tree of which only the edge is kept: enough to append and to know the
//! root, at one hash for each bit of the size. A block's chain keeps this much.

use super::{Head, LONGEST, Node, read_proof, write_proof};
use crate::wire::{Kind, Malformed};

/// The complete subtrees that the leaves fall into, the largest first: one for
/// each bit that is set in the size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Node>,
}

/// As many leaves as a frontier is read with: so many more can be appended
/// before the size would no longer fit that nobody lives to see it.
pub const MOST_LEAVES: u64 = 1 << 62;

impl Frontier {
    /// How many leaves there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf, and says which it is.
    pub fn append(&mut self, leaf: Node) -> u64 {
        let at = self.size;
        let mut node = leaf;
        // Each subtree that the new one is as large as is completed by it.
        for _ in 0..at.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = Node::over(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
        at
    }

    /// The head of the tree.
    #[must_use]
    pub fn head(&self) -> Head {
        let root = self.peaks.iter().copied().rev().reduce(|right, left| Node::over(&left, &right));
        Head { size: self.size, root: root.unwrap_or_else(Node::empty) }
    }

    /// The frontier in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        write_proof(Kind::Frontier, self.size, &self.peaks)
    }

    /// Reads a frontier.
    ///
    /// # Errors
    /// When it has not the one form of a frontier.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let (size, peaks) = read_proof(bytes, Kind::Frontier, LONGEST)?;
        if peaks.len() == size.count_ones() as usize && size <= MOST_LEAVES {
            Ok(Self { size, peaks })
        } else {
            Err(Malformed::Length(Kind::Frontier.what()))
        }
    }
}
