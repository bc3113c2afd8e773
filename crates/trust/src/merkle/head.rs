//! The head of a tree: what somebody vouches for, and of which tree.
//!
//! A head alone is a number and a hash, which fit any tree. So what is signed
//! names the tree too, and there is no other way to sign one: a head of one
//! chain says nothing about another.

use super::Node;
use crate::ids::{PlanetId, name};
use crate::sign::{BadSignature, Domain, PublicKey, Signature, SigningKey};
use crate::wire::{Kind, Malformed, Reader, Writer};

name!(
    /// Which tree of its kind: a block's name for its chain, or 256 bits that
    /// stand for whatever else the tree is about.
    TreeId, 32
);

/// What a tree is over. The numbers are signed, and are for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TreeKind {
    /// The ops of one block.
    Chain = 1,
    /// What the watch has seen.
    Watch = 2,
    /// The audit log.
    Audit = 3,
    /// What was delivered and paid.
    Receipts = 4,
}

/// Which tree a head is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeRef {
    /// Its planet.
    pub planet: PlanetId,
    /// What it is over.
    pub kind: TreeKind,
    /// Which one of those.
    pub id: TreeId,
}

/// What somebody has to vouch for, both in one signature: how many leaves there
/// are, and their root. The root alone does not say how many: a proof against
/// the right root and a wrong number can show a leaf at a place where it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Node,
}

impl Head {
    /// Bytes of a head.
    pub const LEN: usize = 2 + 8 + 32;
    const SIGNED: usize = Self::LEN + 16 + 1 + 32;

    /// The head in bytes. They do not say of which tree: [`Head::sign`] does.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        Writer::new(Kind::Head).put(&self.size.to_be_bytes()).put(&self.root.0).finish(0)
    }

    /// Reads a head.
    ///
    /// # Errors
    /// When it has not the one form of a head, or a tree without leaves has
    /// another root than such a tree has.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, Kind::Head)?;
        let head = Self { size: reader.u64()?, root: Node(reader.take()?) };
        reader.end()?;
        if head.is_possible() { Ok(head) } else { Err(Malformed::Field("no leaves have one root, and it is not this")) }
    }

    /// Vouches for this head of one tree.
    #[must_use]
    pub fn sign(&self, tree: &TreeRef, key: &SigningKey) -> Signature {
        key.sign(Domain::HEAD, &self.signed(tree))
    }

    /// Checks that a key vouches for this head of this tree.
    ///
    /// # Errors
    /// When it has not signed this head, or has signed it of another tree.
    pub fn verify(&self, tree: &TreeRef, key: &PublicKey, signature: &Signature) -> Result<(), BadSignature> {
        key.verify(Domain::HEAD, &self.signed(tree), signature)
    }

    /// What is signed: the head, and then which tree it is of.
    fn signed(&self, tree: &TreeRef) -> [u8; Self::SIGNED] {
        Writer::new(Kind::Head)
            .put(&self.size.to_be_bytes())
            .put(&self.root.0)
            .put(&tree.planet.0)
            .put(&[tree.kind as u8])
            .put(&tree.id.0)
            .finish(0)
    }

    /// No leaves have one root; any number of them can have any.
    pub(super) fn is_possible(&self) -> bool {
        self.size > 0 || self.root == Node::empty()
    }
}
