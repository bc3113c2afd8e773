//! That a leaf is in a tree, at its place.

use super::{BadProof, Head, LONGEST, Node, read_proof, write_proof};
use crate::wire::{Kind, Malformed};

/// The nodes beside the way from a leaf up to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// Which leaf.
    pub index: u64,
    /// The nodes, from the leaf upwards.
    pub path: Vec<Node>,
}

impl Inclusion {
    /// Checks that the leaf is where the proof says it is (RFC 9162, 2.1.3.2).
    ///
    /// # Errors
    /// When it is not, or the proof has a node too few or too many.
    pub fn verify(&self, leaf: &Node, head: &Head) -> Result<(), BadProof> {
        if self.index >= head.size {
            return Err(BadProof);
        }
        // Where the way is, and where the last leaf's is, level by level.
        let (mut at, mut last) = (self.index, head.size - 1);
        let mut node = *leaf;
        for beside in &self.path {
            if last == 0 {
                return Err(BadProof);
            }
            if at % 2 == 1 || at == last {
                node = Node::over(beside, &node);
                // On the ragged edge, the levels without a node beside it.
                let skip = at.trailing_zeros();
                (at, last) = (at >> skip, last >> skip);
            } else {
                node = Node::over(&node, beside);
            }
            (at, last) = (at >> 1, last >> 1);
        }
        if last == 0 && node == head.root { Ok(()) } else { Err(BadProof) }
    }

    /// The proof in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        write_proof(Kind::Inclusion, self.index, &self.path)
    }

    /// Reads a proof.
    ///
    /// # Errors
    /// When it has not the one form of such a proof.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let (index, path) = read_proof(bytes, Kind::Inclusion, LONGEST)?;
        Ok(Self { index, path })
    }
}
