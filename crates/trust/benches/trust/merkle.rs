//! A tree of ten million leaves, beside bare SHA-256 of as many blocks.

use measure::{at_least, at_most, both, many, once, plain};
use sha2::{Digest, Sha256};
use std::hint::black_box;
use trust::merkle::{Frontier, Node, Tree};

const LEAVES: u32 = 10_000_000;

pub(crate) fn run() {
    // What a leaf costs: its own hash, and one node in the mean.
    let (entry, node) = ([5u8; 65], [6u8; 65]);
    let hash = |bytes: &[u8; 65]| assert_ne!(Sha256::digest(black_box(bytes))[..], [0; 32]);
    let raw = many(|| {
        hash(&entry);
        hash(&node);
    });
    let mut tree = Tree::default();
    let grown = once(|| {
        for at in 0..LEAVES {
            let mut entry = [5u8; 64];
            entry[..4].copy_from_slice(&at.to_be_bytes());
            black_box(tree.append(Node::leaf(&entry)));
        }
    });
    let each = grown / f64::from(LEAVES);
    at_least("merkle: append, tree kept whole", 1e6, each, Some(("two SHA-256", raw)));
    let mut frontier = Frontier::default();
    let edge = many(|| assert!(frontier.append(Node::leaf(black_box(&[5; 64]))).is_ok()));
    at_least("merkle: append, edge only", 1e6, edge, Some(("two SHA-256", raw)));

    let size = u64::from(LEAVES);
    let mut at = 0u64;
    // Leaves all over the tree, so that the cache does not help more than it would.
    let mut next = move || {
        at = (at + 6_180_339) % size;
        at
    };
    let inclusion = many(|| assert!(tree.inclusion(next(), size).is_ok()));
    at_most("merkle: inclusion proof from 10,000,000", 50e3, inclusion, None);
    plain("merkle: consistency proof", many(|| assert!(tree.consistency(size / 3, size).is_ok())));

    let head = tree.head();
    let (proof, mut entry) = (tree.inclusion(1_234_567, size).unwrap(), [5u8; 64]);
    entry[..4].copy_from_slice(&1_234_567u32.to_be_bytes());
    let steps = proof.path.len();
    let (verify, raw) = both(
        || assert!(black_box(&proof).verify(&Node::leaf(&entry), &head).is_ok()),
        || (0..=steps).for_each(|_| hash(&node)),
    );
    at_least("merkle: inclusion proofs verified", 2e5, verify, Some(("SHA-256 of each step", raw)));
    let old = tree.head_at(size / 3).unwrap();
    let grown = tree.consistency(size / 3, size).unwrap();
    plain("merkle: consistency proof verified", many(|| assert!(black_box(&grown).verify(&old, &head).is_ok())));
}
