//! A tree of which only the edge is kept: enough to append and to know the
//! root, at one hash for each bit of the size. A block's chain keeps this much.

use super::{Head, LONGEST, Node, read_proof, write_proof};
use crate::wire::{Kind, Malformed};

/// The most leaves of a frontier: at a thousand million a second they last for
/// 146 years, and no sum of two sizes overflows.
pub const MOST_LEAVES: u64 = 1 << 62;

/// The frontier takes no further leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree has {MOST_LEAVES} leaves, the most there can be: begin another")]
pub struct Full;

/// The complete subtrees that the leaves fall into, the largest first: one for
/// each bit that is set in the size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Node>,
}

impl Frontier {
    /// How many leaves there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf, and says which it is.
    ///
    /// # Errors
    /// When there are [`MOST_LEAVES`]; the frontier stays as it is.
    pub fn append(&mut self, leaf: Node) -> Result<u64, Full> {
        let at = self.size;
        if at >= MOST_LEAVES {
            return Err(Full);
        }
        let mut node = leaf;
        // Each subtree that the new one is as large as is completed by it.
        for _ in 0..at.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = Node::over(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
        Ok(at)
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
    /// When it has not the one form of a frontier, or more than [`MOST_LEAVES`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let (size, peaks) = read_proof(bytes, Kind::Frontier, LONGEST)?;
        if size > MOST_LEAVES {
            return Err(Malformed::Field("a frontier has at most 2^62 leaves"));
        }
        if peaks.len() == size.count_ones() as usize {
            Ok(Self { size, peaks })
        } else {
            Err(Malformed::Length(Kind::Frontier.what()))
        }
    }
}
