//! The texts and bytes of the C2SP specifications.
#![allow(clippy::unwrap_used)]

mod support;

use audit::note::Note;
use audit::path::{Path, Row};
use audit::proof::Proof;
use audit::{Checkpoint, Edge, KeyKind, NotSigned, Signed, Verifier, bundle, successor};
use proptest::prelude::*;
use support::{log, verifier, witness};
use trust::merkle::{Node, Tree};
use trust::sign::Signature;

/// Of the documentation of golang.org/x/mod/sumdb/note: another program's key,
/// note and signature.
const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

#[test]
fn a_note_of_another_program_holds() {
    let key = Verifier::parse(VKEY).unwrap();
    assert_eq!((key.name(), key.to_string().as_str()), ("PeterNeumann", VKEY));
    let note = Note::parse(NOTE).unwrap();
    assert_eq!(note.to_string(), NOTE);
    assert_eq!((note.lines[0].id, note.lines[0].name.as_str()), (key.id(), key.name()));
    let signature = Signature(note.lines[0].signature[..].try_into().unwrap());
    assert_eq!(key.key().verify_note(&note.text, &signature), Ok(()));
}

/// The checkpoint that the specifications show, with its cosignature.
#[test]
fn the_checkpoint_of_the_specification_is_read() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let note = Note::parse(text).unwrap();
    let checkpoint = Checkpoint::parse(&note.text).unwrap();
    assert_eq!((checkpoint.head.size, note.lines.len()), (20_852_163, 2));
    assert_eq!((note.to_string().as_str(), checkpoint.to_string()), (text, note.text));
    // Its witness signed at 1679315147.
    assert_eq!(note.lines[1].signature[..8], 1_679_315_147_u64.to_be_bytes());
}

#[test]
fn a_checkpoint_is_its_logs_and_nobody_elses() {
    let mut tree = Tree::default();
    tree.append(Node::leaf(b"one"));
    let mut note = log().sign(tree.head()).unwrap();
    note.lines.push(witness().line(&note.text, 1_679_315_147).unwrap());
    let text = note.to_string();
    let signed = Signed::open(&text, &verifier()).unwrap();
    assert_eq!(signed.checkpoint.head, tree.head());
    assert_eq!(signed.cosigned(witness().verifier()), Ok(1_679_315_147));
    for at in 0..text.len() {
        for bit in 0..7 {
            let mut other = text.clone().into_bytes();
            other[at] ^= 1 << bit;
            let Ok(other) = String::from_utf8(other) else { continue };
            let believed =
                Signed::open(&other, &verifier()).is_ok_and(|signed| signed.cosigned(witness().verifier()).is_ok());
            assert!(!believed, "bit {bit} of byte {at}");
        }
    }
    // A witness's line is no log's, and the other way round.
    let as_witness = Verifier::new(verifier().name(), KeyKind::Cosignature, *verifier().key()).unwrap();
    assert_eq!(signed.cosigned(&as_witness), Err(NotSigned::Missing));
    let two = text.replace("\n1\n", "\n01\n");
    assert!(matches!(Signed::open(&two, &verifier()), Err(NotSigned::Malformed(_))));
    let unsigned = text.lines().take(3).collect::<Vec<_>>().join("\n") + "\n";
    assert!(Signed::open(&unsigned, &verifier()).is_err());
}

#[test]
fn successors_are_read_as_they_were_written_and_in_no_other_form() {
    let text = include_str!("../../../fuzz/seeds/audit/successors.txt");
    let twice = successor::read(&format!("{text}{text}")).unwrap();
    assert_eq!(twice.iter().map(|(note, _)| note.to_string()).collect::<String>(), format!("{text}{text}"));
    assert_eq!((twice.len(), twice[0].1.entry), (2, 300));
    assert_eq!(successor::read("").unwrap().len(), 0);
    assert!(successor::read(&text.repeat(129)).is_err());
    for (from, to) in
        [("\n300\n", "\n0300\n"), ("successor v1", "successor v2"), ("\n\n", "\n\n\n"), ("successor", "x\nsuccessor")]
    {
        assert!(successor::read(&text.replacen(from, to, 1)).is_err(), "{from:?}");
    }
    // No checkpoint, so that neither is signed for the other.
    assert!(Checkpoint::parse(&twice[0].0.text).is_err());
}

#[test]
fn an_edge_gives_the_tiles_and_the_root_of_the_whole_tree() {
    let (mut edge, mut tree, mut full) = (Edge::default(), Tree::default(), Vec::new());
    for number in 0..70_000_u64 {
        let leaf = Node::leaf(&number.to_be_bytes());
        edge.append(leaf, &mut |tile| full.push(tile.path()));
        tree.append(leaf);
        if number % 1_009 == 0 || number % 256 > 253 || number > 65_500 && number < 65_600 {
            assert_eq!(edge.head(), tree.head(), "{number}");
        }
    }
    // The example of the specification.
    assert_eq!(full.iter().filter(|path| path.row == Row::Tile(0)).count(), 273);
    assert_eq!(full.iter().filter(|path| path.row == Row::Tile(1)).count(), 1);
    let partial: Vec<_> = edge.partial().iter().map(|tile| tile.path().to_string()).collect();
    assert_eq!(partial, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
}

proptest! {
    #[test]
    fn what_is_read_is_written_as_the_same(bytes: Vec<u8>, text in "(\\PC|\n)*") {
        if let Ok(entries) = bundle::read(&bytes) {
            let again: Vec<u8> = entries.iter().flat_map(|entry| {
                let mut one = Vec::new();
                bundle::write(&mut one, entry);
                one
            }).collect();
            prop_assert_eq!(again, bytes);
        }
        for text in [text.clone(), format!("a\n1\n{text}"), format!("{text}\n\n— a AAAAAAA=\n")] {
            if let Ok(note) = Note::parse(&text) { prop_assert_eq!(note.to_string(), text.clone()); }
            if let Ok(point) = Checkpoint::parse(&text) { prop_assert_eq!(point.to_string(), text.clone()); }
            if let Ok(proof) = Proof::parse(&text) { prop_assert_eq!(proof.to_string(), text.clone()); }
            if let Ok(path) = Path::parse(&text) { prop_assert_eq!(path.to_string(), text.clone()); }
        }
    }
}
