//! That a tree has only grown: what was there is there, in its place.

use super::{BadProof, Head, LONGEST, Node, read_proof, write_proof};
use crate::wire::{Kind, Malformed};

/// The nodes from which both the old root and the new one can be computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consistency {
    /// The nodes, as RFC 6962 orders them.
    pub path: Vec<Node>,
}

impl Consistency {
    /// Checks that the new tree begins with the old one (RFC 9162, 2.1.4.2).
    ///
    /// # Errors
    /// When it does not, or the proof has a node too few or too many.
    pub fn verify(&self, old: &Head, new: &Head) -> Result<(), BadProof> {
        if old.size > new.size || !old.is_possible() || !new.is_possible() {
            return Err(BadProof);
        }
        if old.size == 0 || old.size == new.size {
            let is_trivial = old.size < new.size || old.root == new.root;
            return if is_trivial && self.path.is_empty() { Ok(()) } else { Err(BadProof) };
        }
        // The first node is the largest complete subtree that the old tree ends
        // with; when that is all of it, it is the old root, and is left out.
        let skip = (old.size - 1).trailing_ones();
        let (mut at, mut last) = ((old.size - 1) >> skip, (new.size - 1) >> skip);
        let (first, rest) = if old.size.is_power_of_two() {
            (old.root, &self.path[..])
        } else {
            let (first, rest) = self.path.split_first().ok_or(BadProof)?;
            (*first, rest)
        };
        let (mut old_node, mut new_node) = (first, first);
        for beside in rest {
            if last == 0 {
                return Err(BadProof);
            }
            if at % 2 == 1 || at == last {
                old_node = Node::over(beside, &old_node);
                new_node = Node::over(beside, &new_node);
                let skip = at.trailing_zeros();
                (at, last) = (at >> skip, last >> skip);
            } else {
                new_node = Node::over(&new_node, beside);
            }
            (at, last) = (at >> 1, last >> 1);
        }
        if last == 0 && old_node == old.root && new_node == new.root { Ok(()) } else { Err(BadProof) }
    }

    /// The proof in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        write_proof(Kind::Consistency, 0, &self.path)
    }

    /// Reads a proof.
    ///
    /// # Errors
    /// When it has not the one form of such a proof.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        match read_proof(bytes, Kind::Consistency, LONGEST + 1)? {
            (0, path) => Ok(Self { path }),
            _ => Err(Malformed::Field("a proof of consistency names no leaf")),
        }
    }
}
