//! Any bytes as a proof or a frontier: what is read is written as the same
//! bytes, and proves nothing.
#![no_main]

use trust::merkle::{Consistency, Frontier, Full, Head, Inclusion, MOST_LEAVES, Node, Range};

libfuzzer_sys::fuzz_target!(|input: (u64, u64, u8, &[u8])| {
    let (size, old, count, bytes) = input;
    let (head, old) = (Head { size, root: Node([1; 32]) }, Head { size: old, root: Node([2; 32]) });
    // Chance would rarely find a whole number of nodes.
    let whole = &bytes[..bytes.len().min(8 + bytes.len().saturating_sub(8) / 32 * 32)];
    for kind in 7..=11 {
        let bytes = [&[1, kind], whole].concat();
        if let Ok(proof) = Inclusion::from_bytes(&bytes) {
            assert_eq!(proof.to_bytes(), bytes);
            assert!(proof.verify(&Node([3; 32]), &head).is_err());
        }
        if let Ok(proof) = Consistency::from_bytes(&bytes) {
            assert_eq!(proof.to_bytes(), bytes);
            assert!(proof.verify(&old, &head).is_err());
        }
        if let Ok(proof) = Range::from_bytes(&bytes) {
            assert_eq!(proof.to_bytes(), bytes);
            assert!(proof.verify(&vec![Node([3; 32]); count.into()], &head).is_err());
        }
        if let Ok(head) = Head::from_bytes(&bytes) {
            assert_eq!(head.to_bytes()[..], bytes);
        }
        if let Ok(mut frontier) = Frontier::from_bytes(&bytes) {
            assert_eq!(frontier.to_bytes(), bytes);
            let before = frontier.size();
            let appended = frontier.append(Node([3; 32]));
            assert_eq!(appended, if before < MOST_LEAVES { Ok(before) } else { Err(Full) });
            assert_eq!(Frontier::from_bytes(&frontier.to_bytes()), Ok(frontier));
        }
    }
});
