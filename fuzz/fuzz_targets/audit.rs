//! Any text and any bytes as what an audit log is made of: what is read is
//! written as the same, and nobody has signed it. Then a true proof, of which
//! any letter is changed: it proves nothing then.
#![no_main]

use audit::asked::Answer;
use audit::entry::{Act, Name, Place, Reason, Right, Who};
use audit::note::Note;
use audit::path::Path;
use audit::proof::Proof;
use audit::{Checkpoint, Entry, KeyKind, Signed, Signer, Verifier, bundle, successor};
use std::sync::LazyLock;
use trust::Secret;
use trust::merkle::{Node, Tree};
use trust::sign::SigningKey;

static LOG: LazyLock<Signer> = LazyLock::new(|| {
    Signer::new("mycel/audit/garden/1a", KeyKind::Note, SigningKey::new(&Secret::take(&mut [1; 32]))).unwrap()
});

static TRUE: LazyLock<String> = LazyLock::new(|| {
    let mut tree = Tree::default();
    let entries: Vec<_> = (0..5).map(entry).collect();
    entries.iter().for_each(|entry| {
        tree.append(Node::leaf(entry));
    });
    let inclusion = tree.inclusion(3, 5).unwrap();
    let checkpoint = LOG.sign(tree.head()).unwrap().to_string();
    Proof { entry: entries[3].clone(), inclusion, checkpoint }.to_string()
});

fn entry(time: u64) -> Vec<u8> {
    let reason = Reason::new("why").unwrap();
    let (act, who, right, place) = (Act::Sealed {}, Who::Node, Right::Planet, Place::Planet);
    let (rule, address) = (Name::new("").unwrap(), Name::new("").unwrap());
    Entry { time, act, who, right, rule, address, place, reason }.to_bytes()
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(entry) = Entry::from_bytes(bytes) {
        assert_eq!(entry.to_bytes(), bytes);
        let _ = entry.json();
    }
    if let Ok(entries) = bundle::read(bytes) {
        let mut again = Vec::new();
        entries.iter().for_each(|entry| bundle::write(&mut again, entry));
        assert_eq!(again, bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        read(text);
        // Chance would rarely find the frame.
        read(&format!("a\n5\n{text}\n\n— a AAAAAAA=\n"));
        read(&format!("c2sp.org/tlog-proof@v1\nextra {text}"));
        read(&format!("tile/{text}"));
    }
    if let &[high, low, change, ..] = bytes {
        let mut changed = TRUE.clone().into_bytes();
        let at = usize::from(u16::from_be_bytes([high, low])) % changed.len();
        changed[at] ^= change;
        let proof = String::from_utf8(changed).ok().and_then(|text| Proof::parse(&text).ok());
        assert_eq!(proof.is_some_and(|proof| proof.verify(LOG.verifier()).is_ok()), change == 0);
    }
});

fn read(text: &str) {
    if let Ok(note) = Note::parse(text) {
        assert_eq!(note.to_string(), text);
        assert!(Signed::open(text, LOG.verifier()).is_err() || TRUE.ends_with(text));
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(proof) = Proof::parse(text) {
        assert_eq!(proof.to_string(), text);
        assert!(proof.verify(LOG.verifier()).is_err() || *TRUE == text);
    }
    if let Ok(notes) = successor::read(text) {
        assert_eq!(notes.iter().map(|(note, _)| note.to_string()).collect::<String>(), text);
        assert!(notes.iter().all(|(note, successor)| successor.to_string() == note.text));
    }
    if let Ok(path) = Path::parse(text) {
        assert_eq!(path.to_string(), text);
    }
    if let Ok(key) = Verifier::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(answer) = text.parse::<Answer>() {
        assert_eq!(answer.to_string(), text);
    }
}
