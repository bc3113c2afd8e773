//! Attacks that must fail, each named after what it replays.

use crate::merkle::{leaves, tree};
use crate::world::{FENCING, NOW, agent, block, cell_key, door, lease, planet, region, regional, secret, signer, slot};
use trust::enrol::{Application, Book, Enrolled, Invitation, Policy, Record, Refused as NotEnrolled, Serial, Source};
use trust::envelope::{DataKey, NotOpened, NotUnwrapped, WrappedKey};
use trust::lease::{Door, Lease, LeaseText, Refused};
use trust::merkle::{BadProof, Consistency, Head, Inclusion, Node, Range};
use trust::rotation::Line;
use trust::rotation::Refused::{Forked, Stale};
use trust::{CellKey, OwnerId, RegionalKey};
use vocab::Millis;

/// What the host of block 2,000 says to a text that is shown for slot 5.
fn shown(text: &str) -> Result<Lease, Refused> {
    let keys = [cell_key(block(2_000))];
    door(&keys).admit(text, slot(5), FENCING, NOW).map(|admitted| *admitted.lease())
}

fn valid() -> String {
    lease().issue(&cell_key(block(2_000)), NOW).unwrap().as_str().to_owned()
}

/// In the original any string of the right shape was an administrator.
#[test]
fn the_carma_admin_string() {
    let pi = trust::pi::digits(0, 188).unwrap();
    let strings = [
        "admin".to_owned(),
        "carma-admin-3141592653589793".to_owned(),
        "pi_admin_".to_owned() + &pi[..32],
        pi.clone(),
        pi.to_lowercase(),
        "A".repeat(LeaseText::LEN),
        "_".repeat(LeaseText::LEN),
        // The right version, the right kind, and π after it.
        format!("AQE{}", &pi[..LeaseText::LEN - 3]),
        // A true lease's every word, and π for its code.
        format!("{}{}", &valid()[..145], &pi[..43]),
    ];
    for string in strings {
        assert!(shown(&string).is_err(), "{string}");
    }
}

#[test]
fn a_lease_for_the_neighbours_slot() {
    let keys = [cell_key(block(2_000))];
    let refused = door(&keys).admit(&valid(), slot(6), FENCING, NOW);
    assert_eq!(refused, Err(Refused::WrongSlot { right: slot(5) }));
    // The neighbour's block, with the same slot, and the same key.
    let next_door = Door { block: block(2_001), ..door(&keys) };
    assert_eq!(next_door.admit(&valid(), slot(5), FENCING, NOW), Err(Refused::WrongBlock { right: block(2_000) }));
}

#[test]
fn the_slots_previous_holder() {
    let previous = Lease { fencing: FENCING - 1, agent: agent(9), ..lease() };
    let text = previous.issue(&cell_key(block(2_000)), NOW).unwrap();
    assert_eq!(shown(text.as_str()), Err(Refused::Superseded));
}

#[test]
fn a_lease_cut_glued_or_signed_again() {
    let text = valid();
    assert_eq!(shown(&text), Ok(lease()));
    for end in 0..text.len() {
        assert!(matches!(shown(&text[..end]), Err(Refused::Malformed(_))), "cut at {end}");
    }
    for more in ["A", "AA", "AAA", "AAAA", "="] {
        assert!(matches!(shown(&format!("{text}{more}")), Err(Refused::Malformed(_))), "{more}");
    }
    // Half of one and half of another that are both valid, at every letter.
    let longer = Lease { expires: NOW.after(Millis::days(6)), ..lease() };
    let other = longer.issue(&cell_key(block(2_000)), NOW).unwrap();
    assert_eq!(shown(other.as_str()), Ok(longer));
    for at in 1..text.len() {
        let glued = format!("{}{}", &other.as_str()[..at], &text[at..]);
        let is_either = glued == text || glued == other.as_str();
        assert!(is_either || shown(&glued).is_err(), "glued at {at}");
    }
    // Signed again, with a key of one's own that has taken the right one's name.
    let own = CellKey::new(planet(), region(), block(2_000).cell(), regional().id(), secret(66));
    assert_eq!(shown(longer.issue(&own, NOW).unwrap().as_str()), Err(Refused::Forged));
    let own = RegionalKey::new(planet(), region(), secret(66));
    let text = longer.issue(&own.cell(block(2_000).cell()), NOW).unwrap();
    assert_eq!(shown(text.as_str()), Err(Refused::UnknownKey(own.id())));
}

#[test]
fn a_lease_with_any_bit_flipped() {
    let text = valid();
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let refused = String::from_utf8(bytes).map(|text| shown(&text));
            assert!(refused.is_err() || refused.is_ok_and(|refused| refused.is_err()), "bit {bit} of letter {at}");
        }
    }
}

#[test]
fn a_host_forging_a_lease_for_another_cell() {
    // Block 2,000 is in cell 1. The host of cell 7 has the key of cell 7.
    let host = regional().cell(vocab::CellId(7));
    assert!(lease().issue(&host, NOW).is_err());
    // It lies about which cell its key is for.
    let lying = CellKey::new(planet(), region(), block(2_000).cell(), host.id(), {
        trust::Secret::take(&mut host.secret().expose().clone())
    });
    let forged = lease().issue(&lying, NOW).unwrap();
    assert_eq!(shown(forged.as_str()), Err(Refused::Forged));
    // At a host of both cells, that has the key which made it.
    let keys = [regional().cell(vocab::CellId(7)), cell_key(block(2_000))];
    assert_eq!(door(&keys).admit(forged.as_str(), slot(5), FENCING, NOW), Err(Refused::Forged));
    let only_seven = door(&keys[..1]).admit(forged.as_str(), slot(5), FENCING, NOW);
    assert_eq!(only_seven, Err(Refused::UnknownKey(host.id())));
}

#[test]
fn an_invitation_used_twice() {
    let invitation = Invitation::issue(&signer(100), planet(), Serial([7; 16]), NOW.after(Millis::days(1)));
    let policy = Policy::invitation([agent(100)]).unwrap();
    let source = Source::from(std::net::IpAddr::from([203, 0, 113, 1]));
    let mut book = Book::default();
    let enrol = |book: &mut Book, who, now| {
        let application = Application::make(&signer(who), planet(), Some(invitation), now);
        book.enrol(&policy, planet(), &application, source, now)
    };
    let Ok(Enrolled::New(first)) = enrol(&mut book, 1, NOW) else {
        panic!("it is new");
    };
    assert_eq!(first.agent, agent(1));
    // By another agent, and after the book was read back.
    assert_eq!(enrol(&mut book, 2, NOW), Err(NotEnrolled::Used));
    // The one who had used it may have lost the answer, and is told the same again.
    assert_eq!(enrol(&mut book, 1, NOW.after(Millis::hours(1))), Ok(Enrolled::Again(first)));
    assert_eq!(enrol(&mut book, 2, NOW.after(Millis::hours(1))), Err(NotEnrolled::Used));
    // In whatever order its records come: one without the invitation, that
    // ends earlier or later, does not make the invitation good again.
    for other in [NOW.after(Millis(1)), NOW.after(Millis::days(2))] {
        let other = Record { invitation: None, until: other, ..first };
        for records in [[first, other], [other, first]] {
            let mut read_back = Book::default();
            for record in records {
                read_back.remember(record, NOW);
            }
            assert_eq!(enrol(&mut read_back, 2, NOW), Err(NotEnrolled::Used));
        }
    }
    // An application that was refused does not use one up.
    let mut book = Book::default();
    let stolen = Application { agent: agent(3), ..Application::make(&signer(2), planet(), Some(invitation), NOW) };
    assert_eq!(book.enrol(&policy, planet(), &stolen, source, NOW), Err(NotEnrolled::Signature));
    assert!(enrol(&mut book, 1, NOW).is_ok());
}

#[test]
fn a_stale_rotation() {
    let day = |day| NOW.after(Millis::days(day));
    let mut line = Line::new(planet(), agent(1)).unwrap();
    let first = line.rotate(&signer(1), &signer(2), day(90), day(97));
    line.accept(&first, NOW).unwrap();
    let second = line.rotate(&signer(2), &signer(3), day(180), day(187));
    line.accept(&second, NOW).unwrap();
    // Whoever found the first key, long after it gave its place away.
    assert_eq!(line.accept(&first, NOW), Err(Stale { found: 1, have: 2 }));
    let back = Line::new(planet(), agent(1)).unwrap().rotate(&signer(1), &signer(66), day(200), day(207));
    assert_eq!(line.accept(&back, NOW), Err(Forked { at: 1 }));
    assert_eq!(line.accept(&second, NOW), Err(Stale { found: 2, have: 2 }));
    // Whoever has the second key names another successor: two truths, one line.
    let mut before = Line::new(planet(), agent(1)).unwrap();
    before.accept(&first, NOW).unwrap();
    let rival = before.rotate(&signer(2), &signer(66), day(180), day(187));
    assert_eq!(line.accept(&rival, NOW), Err(Forked { at: 2 }));
    // Without that key it is only a bad signature.
    let forged = before.rotate(&signer(66), &signer(66), day(180), day(187));
    assert_eq!(line.accept(&forged, NOW), Err(trust::rotation::Refused::Signature));
    assert_eq!(line.newest(), agent(3));
}

#[test]
fn an_envelope_moved_to_another_owner() {
    let (alice, mallory) = (OwnerId([1; 32]), OwnerId([2; 32]));
    let key = DataKey::new(planet(), alice, secret(11));
    let envelope = key.seal(b"record 1", b"alice owes nothing").unwrap();
    let opened = |key: &DataKey, context: &[u8]| key.open(context, &envelope);
    assert_eq!(opened(&key, b"record 1").unwrap(), b"alice owes nothing");
    assert_eq!(opened(&key, b"record 2"), Err(NotOpened::Sealed));
    assert_eq!(opened(&DataKey::new(planet(), mallory, secret(12)), b"record 1"), Err(NotOpened::Sealed));
    // Even with the same secret under another owner's name, or on another planet.
    assert_eq!(opened(&DataKey::new(planet(), mallory, secret(11)), b"record 1"), Err(NotOpened::Sealed));
    let elsewhere = DataKey::new(trust::PlanetId([0; 16]), alice, secret(11));
    assert_eq!(opened(&elsewhere, b"record 1"), Err(NotOpened::Sealed));
    // The owner's wrapped key under another owner's name.
    let mut wrapped = regional().wrapping().wrap(&key).unwrap().to_bytes();
    wrapped[2..34].copy_from_slice(&mallory.0);
    let renamed = WrappedKey::from_bytes(&wrapped).unwrap();
    assert_eq!(regional().wrapping().unwrap(&renamed).unwrap_err(), NotUnwrapped::Sealed);
}

/// The two hashes below a node, shown as a leaf's data, have the node's hash
/// where leaves and nodes are hashed alike.
#[test]
fn a_merkle_second_preimage() {
    let leaves = leaves(4);
    let tree = tree(&leaves);
    let below = [leaves[0].0, leaves[1].0].concat();
    let inner = Node::over(&leaves[0], &leaves[1]);
    assert_ne!(Node::leaf(&below), inner);
    let head = tree.head();
    // A shorter way, from the node, in the tree as it is and in one of two leaves.
    let shorter = Inclusion { index: 0, path: tree.inclusion(0, 4).unwrap().path[1..].to_vec() };
    for leaf in [Node::leaf(&below), inner] {
        assert_eq!(shorter.verify(&leaf, &head), Err(BadProof));
    }
    let two = Head { size: 2, root: head.root };
    assert_eq!(shorter.verify(&Node::leaf(&below), &two), Err(BadProof));
    // Two levels as one list of leaves.
    let right = Node::over(&leaves[2], &leaves[3]);
    assert_ne!(crate::merkle::tree(&[Node::leaf(&inner.0), Node::leaf(&right.0)]).head().root, head.root);
}

/// Where an odd leaf is paired with itself, a list and the list with its last
/// leaf doubled have one root.
#[test]
fn an_odd_leaf_duplicated() {
    for count in [1, 3, 5, 6, 7, 9, 11, 100] {
        let leaves = leaves(count);
        let head = tree(&leaves).head();
        for doubled in 1..=count {
            let longer = tree(&[&leaves[..], &leaves[count - doubled..]].concat()).head();
            assert_ne!(longer.root, head.root, "the last {doubled} of {count}");
        }
        let last = count as u64 - 1;
        let proof = tree(&leaves).inclusion(last, head.size).unwrap();
        let beyond = Inclusion { index: last + 1, ..proof };
        assert_eq!(beyond.verify(&leaves[count - 1], &head), Err(BadProof));
    }
}

#[test]
fn a_proof_truncated_or_extended() {
    let leaves = leaves(100);
    let tree = tree(&leaves);
    let head = tree.head();
    // Every path with one node too few, and with one too many of each kind.
    let wrong = |path: &[Node]| {
        let mut wrong: Vec<Vec<Node>> = (0..path.len()).map(|at| [&path[..at], &path[at + 1..]].concat()).collect();
        for more in [head.root, Node::empty(), leaves[0], path.last().copied().unwrap_or(leaves[1])] {
            wrong.extend((0..=path.len()).map(|at| [&path[..at], &[more], &path[at..]].concat()));
        }
        wrong
    };
    for index in 0..100u64 {
        let leaf = leaves[usize::try_from(index).unwrap()];
        for path in wrong(&tree.inclusion(index, 100).unwrap().path) {
            assert_eq!(Inclusion { index, path }.verify(&leaf, &head), Err(BadProof));
        }
        let old = tree.head_at(index).unwrap();
        for path in wrong(&tree.consistency(index, 100).unwrap().path) {
            assert_eq!(Consistency { path }.verify(&old, &head), Err(BadProof));
        }
        let range = leaves[usize::try_from(index).unwrap()..].chunks(7).next().unwrap();
        let end = index + range.len() as u64;
        for path in wrong(&tree.range(index, end, 100).unwrap().path) {
            assert_eq!(Range { start: index, path }.verify(range, &head), Err(BadProof));
        }
    }
}
