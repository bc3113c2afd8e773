//! Merkle trees, beside the definitions of RFC 6962 written down as they are.

use crate::world::{agent, planet, regional, secret, signer};
use proptest::prelude::*;
use std::collections::BTreeMap;
use trust::Malformed;
use trust::envelope::{DataKey, NotOpened, NotUnwrapped, WrappedKey};
use trust::merkle::{
    BadProof, Consistency, Frontier, Full, Head, Inclusion, MOST_LEAVES, Node, OutOfTree, Range, Tree, TreeId,
    TreeKind, TreeRef,
};
use trust::sign::{BadSignature, PublicKey};
use trust::{OwnerId, PlanetId};

/// MTH, PATH and SUBPROOF of RFC 6962, 2.1, word for word.
mod rfc {
    use trust::merkle::Node;

    fn k(n: usize) -> usize {
        (0..).map(|power| 1 << power).take_while(|&power| power < n).last().unwrap()
    }

    pub(super) fn mth(d: &[Node]) -> Node {
        match d {
            [] => Node::empty(),
            [leaf] => *leaf,
            d => Node::over(&mth(&d[..k(d.len())]), &mth(&d[k(d.len())..])),
        }
    }

    pub(super) fn path(m: usize, d: &[Node]) -> Vec<Node> {
        if d.len() == 1 {
            return vec![];
        }
        let (left, right) = d.split_at(k(d.len()));
        if m < left.len() {
            [path(m, left), vec![mth(right)]].concat()
        } else {
            [path(m - left.len(), right), vec![mth(left)]].concat()
        }
    }

    pub(super) fn subproof(m: usize, d: &[Node], b: bool) -> Vec<Node> {
        if m == d.len() {
            return if b { vec![] } else { vec![mth(d)] };
        }
        let (left, right) = d.split_at(k(d.len()));
        if m <= left.len() {
            [subproof(m, left, b), vec![mth(right)]].concat()
        } else {
            [subproof(m - left.len(), right, false), vec![mth(left)]].concat()
        }
    }
}

pub(crate) fn leaves(count: usize) -> Vec<Node> {
    (0..count).map(|at| Node::leaf(&at.to_be_bytes())).collect()
}

pub(crate) fn tree(leaves: &[Node]) -> Tree {
    let mut tree = Tree::default();
    for &leaf in leaves {
        tree.append(leaf);
    }
    tree
}

fn node(hex: &str) -> Node {
    Node(std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()))
}

/// The leaves and the roots that Certificate Transparency tests its logs with.
#[test]
fn the_roots_are_those_of_certificate_transparency() {
    let inputs: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let tree = tree(&inputs.map(Node::leaf));
    for (size, root) in (0u64..).zip(roots) {
        assert_eq!(tree.head_at(size), Ok(Head { size, root: node(root) }));
    }
    let beside = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ];
    assert_eq!(tree.inclusion(0, 8).unwrap().path, beside.map(node));
    assert_eq!(tree.consistency(1, 8).unwrap().path, beside.map(node));
    let between = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(tree.consistency(6, 8).unwrap().path, between.map(node));
}

#[test]
fn every_small_tree_is_the_rfcs_and_proves_all_of_itself() {
    const MOST: usize = 35;
    let leaves = leaves(MOST);
    let tree = tree(&leaves);
    for size in 0..=MOST {
        let d = &leaves[..size];
        let head = tree.head_at(size as u64).unwrap();
        assert_eq!(head.root, rfc::mth(d));
        for index in 0..size {
            let proof = tree.inclusion(index as u64, size as u64).unwrap();
            assert_eq!(proof.path, rfc::path(index, d));
            for (other, leaf) in leaves.iter().enumerate() {
                assert_eq!(proof.verify(leaf, &head).is_ok(), other == index);
            }
        }
        for old in 0..=size {
            let proof = tree.consistency(old as u64, size as u64).unwrap();
            let expected = if old == 0 { vec![] } else { rfc::subproof(old, d, true) };
            assert_eq!(proof.path, expected);
            let wrong = Head { size: old as u64, root: Node([0; 32]) };
            assert_eq!(proof.verify(&wrong, &head), Err(BadProof));
            for other in 0..=MOST {
                let other_head = tree.head_at(other as u64).unwrap();
                let holds = proof.verify(&other_head, &head).is_ok();
                assert_eq!(holds, other == old || (other == 0 || other == size) && proof.path.is_empty());
            }
        }
        for start in 0..size {
            for end in start + 1..=size {
                let proof = tree.range(start as u64, end as u64, size as u64).unwrap();
                assert_eq!(proof.verify(&leaves[start..end], &head), Ok(()));
                assert_eq!(proof.verify(&leaves[start..end - 1], &head), Err(BadProof));
                let shifted = Range { start: start as u64 + 1, ..proof.clone() };
                assert_eq!(shifted.verify(&leaves[start..end], &head), Err(BadProof));
            }
        }
    }
}

#[test]
fn what_the_tree_does_not_hold_is_not_proved() {
    let tree = tree(&leaves(5));
    let beyond = |wanted, size| OutOfTree { wanted, size };
    assert_eq!(tree.head_at(6), Err(beyond(6, 5)));
    assert_eq!(tree.inclusion(5, 5), Err(beyond(5, 5)));
    assert_eq!(tree.inclusion(0, 6), Err(beyond(6, 5)));
    assert_eq!(tree.inclusion(0, 0), Err(beyond(0, 0)));
    assert_eq!(tree.consistency(4, 3), Err(beyond(4, 3)));
    assert_eq!(tree.range(2, 2, 5), Err(beyond(2, 5)));
    assert_eq!(tree.range(3, 2, 5), Err(beyond(3, 5)));
    assert_eq!(tree.range(0, 5, 4), Err(beyond(5, 4)));
    let anything = Range { start: u64::MAX, path: vec![] };
    assert_eq!(anything.verify(&leaves(2), &Head { size: u64::MAX, root: Node::empty() }), Err(BadProof));
}

#[test]
fn two_heads_of_no_leaves_with_different_roots() {
    let nothing = Consistency { path: vec![] };
    let (empty, other) = (Head { size: 0, root: Node::empty() }, Head { size: 0, root: Node([7; 32]) });
    assert_eq!(nothing.verify(&empty, &empty), Ok(()));
    for (old, new) in [(&empty, &other), (&other, &empty), (&other, &other)] {
        assert_eq!(nothing.verify(old, new), Err(BadProof));
    }
    assert_eq!(nothing.verify(&other, &Head { size: 5, ..other }), Err(BadProof));
    assert_eq!(Head::from_bytes(&empty.to_bytes()), Ok(empty));
    assert!(matches!(Head::from_bytes(&other.to_bytes()), Err(Malformed::Field(_))));
}

/// The bytes of a frontier of so many leaves, whose peaks are all the same.
fn frontier_of(size: u64) -> Vec<u8> {
    let head = [&[1, 10][..], &size.to_be_bytes()].concat();
    [head, vec![5; 32 * usize::try_from(size.count_ones()).unwrap()]].concat()
}

#[test]
fn a_frontier_read_at_its_limit_overflows() {
    for beyond in [u64::MAX, u64::MAX - 1, 1 << 63, MOST_LEAVES + 1] {
        assert!(matches!(Frontier::from_bytes(&frontier_of(beyond)), Err(Malformed::Field(_))), "{beyond}");
    }
    let mut last = Frontier::from_bytes(&frontier_of(MOST_LEAVES - 1)).unwrap();
    assert_eq!(last.append(Node([1; 32])), Ok(MOST_LEAVES - 1));
    let full = last.clone();
    assert_eq!(last.append(Node([1; 32])), Err(Full));
    assert_eq!(last, full);
    assert_eq!(Frontier::from_bytes(&full.to_bytes()), Ok(full));
}

#[test]
fn a_signed_head_shown_for_another_tree() {
    let head = tree(&leaves(5)).head();
    let of = TreeRef { planet: planet(), kind: TreeKind::Chain, id: TreeId([1; 32]) };
    let key = PublicKey::new(agent(1)).unwrap();
    let signature = head.sign(&of, &signer(1));
    assert_eq!(head.verify(&of, &key, &signature), Ok(()));
    for other in [
        TreeRef { planet: PlanetId([0; 16]), ..of },
        TreeRef { kind: TreeKind::Watch, ..of },
        TreeRef { id: TreeId([2; 32]), ..of },
    ] {
        assert_eq!(head.verify(&other, &key, &signature), Err(BadSignature::Signature));
    }
    let longer = Head { size: 6, ..head };
    assert_eq!(longer.verify(&of, &key, &signature), Err(BadSignature::Signature));
    let other = PublicKey::new(agent(2)).unwrap();
    assert_eq!(head.verify(&of, &other, &signature), Err(BadSignature::Signature));
}

/// Payloads are sealed before they are hashed, so a proof outlives its data.
/// Erasure is one thing: the owner's wrapped key is taken out of its register.
#[test]
fn a_proof_holds_after_its_data_was_erased() {
    let wrapping = regional().wrapping();
    let (erased, other) = (OwnerId([1; 32]), OwnerId([2; 32]));
    let mut register: BTreeMap<OwnerId, WrappedKey> = [(erased, 11), (other, 12)]
        .into_iter()
        .map(|(owner, byte)| (owner, wrapping.wrap(&DataKey::new(planet(), owner, secret(byte))).unwrap()))
        .collect();
    // From here on there is no key but through the register.
    let key = |register: &BTreeMap<OwnerId, WrappedKey>, owner| {
        register.get(&owner).map(|wrapped| wrapping.unwrap(wrapped).unwrap())
    };
    let envelopes: Vec<_> =
        (0..5u8).map(|at| key(&register, erased).unwrap().seal(&[at], b"something personal").unwrap()).collect();
    let tree = tree(&envelopes.iter().map(|envelope| Node::leaf(envelope)).collect::<Vec<_>>());
    let (proof, head) = (tree.inclusion(3, 5).unwrap(), tree.head());
    assert_eq!(key(&register, erased).unwrap().open(&[3], &envelopes[3]).unwrap(), b"something personal");

    register.remove(&erased);
    assert!(key(&register, erased).is_none());
    // What a region has left: its own key, other owners' keys under their names
    // and under this one's, and entropy for a new key of this owner.
    let mut renamed = register[&other].to_bytes();
    renamed[2..34].copy_from_slice(&erased.0);
    assert_eq!(wrapping.unwrap(&WrappedKey::from_bytes(&renamed).unwrap()).unwrap_err(), NotUnwrapped::Sealed);
    for left in [key(&register, other).unwrap(), DataKey::new(planet(), erased, secret(13))] {
        for (at, envelope) in (0..).zip(&envelopes) {
            assert_eq!(left.open(&[at], envelope), Err(NotOpened::Sealed));
        }
    }
    assert_eq!(proof.verify(&Node::leaf(&envelopes[3]), &head), Ok(()));
}

proptest! {
    #[test]
    fn a_frontier_is_the_edge_of_the_tree(count in 0usize..300, kept in 0usize..300) {
        let leaves = leaves(count);
        let mut frontier = Frontier::default();
        let mut tree = Tree::default();
        for (at, &leaf) in leaves.iter().enumerate() {
            if at == kept {
                frontier = Frontier::from_bytes(&frontier.to_bytes()).unwrap();
            }
            prop_assert_eq!(frontier.append(leaf), Ok(tree.append(leaf)));
        }
        prop_assert_eq!(frontier.head(), tree.head());
        prop_assert_eq!(Frontier::from_bytes(&frontier.to_bytes()), Ok(frontier.clone()));
        prop_assert!(Frontier::from_bytes(&[&frontier.to_bytes()[..], &[0; 32]].concat()).is_err());
    }

    #[test]
    fn proofs_read_as_they_were_written(size in 1u64..300, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let tree = tree(&leaves(usize::try_from(size).unwrap()));
        let (a, b) = (a.index(usize::try_from(size).unwrap()) as u64, b.index(usize::try_from(size).unwrap()) as u64);
        let inclusion = tree.inclusion(a, size).unwrap();
        prop_assert_eq!(Inclusion::from_bytes(&inclusion.to_bytes()), Ok(inclusion.clone()));
        let consistency = tree.consistency(a, size).unwrap();
        prop_assert_eq!(Consistency::from_bytes(&consistency.to_bytes()), Ok(consistency.clone()));
        let range = tree.range(a.min(b), a.max(b) + 1, size).unwrap();
        prop_assert_eq!(Range::from_bytes(&range.to_bytes()), Ok(range.clone()));
        let head = tree.head();
        prop_assert_eq!(Head::from_bytes(&head.to_bytes()), Ok(head));
        prop_assert!(Head::from_bytes(&head.to_bytes()[..Head::LEN - 1]).is_err());
        prop_assert!(Head::from_bytes(&[&head.to_bytes()[..], &[0]].concat()).is_err());
        // No bytes of one are another, and none are part of another.
        for bytes in [inclusion.to_bytes(), consistency.to_bytes(), range.to_bytes()] {
            let reads = |bytes: &[u8]| {
                [Inclusion::from_bytes(bytes).is_ok(), Consistency::from_bytes(bytes).is_ok(), Range::from_bytes(bytes).is_ok()]
            };
            prop_assert_eq!(reads(&bytes).iter().filter(|&&reads| reads).count(), 1);
            prop_assert_eq!(reads(&bytes[..bytes.len() - 1]), [false; 3]);
            prop_assert_eq!(reads(&[&bytes[..], &[0]].concat()), [false; 3]);
        }
    }

    #[test]
    fn any_path_is_answered(index in any::<u64>(), size in any::<u64>(), old in any::<u64>(), path in prop::collection::vec(any::<[u8; 32]>().prop_map(Node), 0..70), leaves in prop::collection::vec(any::<[u8; 32]>().prop_map(Node), 0..20)) {
        let (head, old) = (Head { size, root: Node::empty() }, Head { size: old, root: Node([0; 32]) });
        let inclusion = Inclusion { index, path: path.clone() };
        let consistency = Consistency { path: path.clone() };
        let ranges = [index, size.saturating_sub(leaves.len() as u64)].map(|start| Range { start, path: path.clone() });
        prop_assert!(inclusion.verify(&Node::empty(), &head).is_err());
        prop_assert!(consistency.verify(&old, &head).is_err());
        prop_assert!(ranges.iter().all(|range| range.verify(&leaves, &head).is_err()));
    }
}
