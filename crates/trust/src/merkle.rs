//! Merkle trees as in RFC 6962: the only ones in the house, for chains, the
//! watch's tree, the audit log and receipts.
//!
//! A leaf is hashed with 0 before it and a node with 1, so that no node is ever
//! taken for a leaf. Where leaves do not fill a power of two the tree is
//! ragged, and nothing is doubled: two lists of leaves never share a root.
//!
//! The hash is SHA-256, because the whole world can check it; a faster one
//! gains nothing on nodes of 64 bytes.

mod consistency;
mod frontier;
mod head;
mod inclusion;
mod range;
mod tree;
pub mod walk;

pub use consistency::Consistency;
pub use frontier::{Frontier, Full, MOST_LEAVES};
pub use head::{Head, TreeId, TreeKind, TreeRef};
pub use inclusion::Inclusion;
pub use range::Range;
pub use tree::Tree;

use crate::hash::sha256;
use crate::ids::name;
use crate::wire::{Kind, Malformed, Reader, VERSION};

name!(
    /// The hash of a leaf, or of all the leaves below a node.
    Node, 32
);

impl Node {
    /// A leaf.
    #[must_use]
    pub fn leaf(data: &[u8]) -> Self {
        Self(sha256(&[&[0], data]))
    }

    /// A node over two others.
    #[must_use]
    pub fn over(left: &Self, right: &Self) -> Self {
        Self(sha256(&[&[1], &left.0, &right.0]))
    }

    /// The root of no leaves.
    #[must_use]
    pub fn empty() -> Self {
        Self(sha256(&[]))
    }
}

/// What was proved is not so, or the proof is not the one proof of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not hold")]
pub struct BadProof;

/// What a tree does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree has {size} leaves, and leaf {wanted} was asked for")]
pub struct OutOfTree {
    /// The leaf that was asked for, or that the asked size ends with.
    pub wanted: u64,
    /// How many there are.
    pub size: u64,
}

/// No path is longer: one step for each bit of a position.
const LONGEST: usize = 64;

/// The size of the left part of `size` leaves: the largest power of two that
/// leaves something to the right.
const fn left_part(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Writes a proof: the head of its form, one number, then the nodes.
fn write_proof(kind: Kind, number: u64, path: &[Node]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(10 + 32 * path.len());
    bytes.extend_from_slice(&[VERSION, kind as u8]);
    bytes.extend_from_slice(&number.to_be_bytes());
    path.iter().for_each(|node| bytes.extend_from_slice(&node.0));
    bytes
}

/// Reads what [`write_proof`] wrote, of at most `longest` nodes.
fn read_proof(bytes: &[u8], kind: Kind, longest: usize) -> Result<(u64, Vec<Node>), Malformed> {
    let mut reader = Reader::new(bytes, kind)?;
    let number = reader.u64()?;
    let (nodes, []) = reader.rest().as_chunks::<32>() else {
        return Err(Malformed::Length(kind.what()));
    };
    if nodes.len() > longest {
        return Err(Malformed::Length(kind.what()));
    }
    Ok((number, nodes.iter().map(|&node| Node(node)).collect()))
}
