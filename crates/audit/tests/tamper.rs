//! What an operator could do to a log on a disk, and what the verifier says.
#![allow(clippy::unwrap_used)]

mod support;

use audit::entry::Reason;
use audit::path::Path as Name;
use audit::proof::{NotProved, Proof, Unprovable};
use audit::verify::{Fault, How, Report, verify};
use audit::{Edge, Folders, Mirror, NotSigned, Signed, bundle, read_checkpoint};
use std::fs;
use std::path::Path;
use support::{entries, entry, mirrored, open, opened, verifier, written};
use tempfile::TempDir;
use trust::merkle::Node;

/// How a bundle begins that is in envelopes.
const SEALED: &[u8] = b"\xff\xffMABS1\n";
/// Two full tiles of level 0 and more, so that there are two levels.
const MANY: u64 = 700;

fn some() -> TempDir {
    let (log, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    written(log.path(), MANY);
    mirrored(log.path(), folder.path());
    folder
}

/// The same where it was written: its entries are in envelopes.
fn sealed() -> TempDir {
    let folder = TempDir::new().unwrap();
    written(folder.path(), MANY);
    folder
}

fn check(folder: &Path, others: &[String]) -> Report {
    verify(&opened(folder), &verifier(), others, &mut |_, _| {}).unwrap()
}

fn faults(folder: &TempDir) -> Vec<Fault> {
    check(folder.path(), &[]).faults
}

/// The entries of all bundles, to be written again otherwise.
fn content(folder: &TempDir) -> Vec<Vec<u8>> {
    let read = |name: &str| fs::read(folder.path().join("tile/entries").join(name)).unwrap();
    let bundles = [read("000"), read("001"), read("002.p/188")];
    let plain = |bytes: &[u8]| bytes.strip_prefix(SEALED).unwrap_or(bytes).to_vec();
    let bundles = bundles.map(|bytes| plain(&bytes));
    bundles.iter().flat_map(|bytes| bundle::read(bytes).unwrap().into_iter().map(<[u8]>::to_vec)).collect()
}

fn put(folder: &TempDir, entries: &[Vec<u8>]) {
    for (chunk, name) in entries.chunks(256).zip(["000", "001", "002.p/188"]) {
        let file = folder.path().join("tile/entries").join(name);
        let mut bytes = if fs::read(&file).unwrap().starts_with(SEALED) { SEALED.to_vec() } else { Vec::new() };
        chunk.iter().for_each(|entry| bundle::write(&mut bytes, entry));
        fs::write(file, bytes).unwrap();
    }
}

/// What is found in a copy, and no less where the entries are in envelopes.
fn changed(change: impl Fn(&mut Vec<Vec<u8>>)) -> Vec<Fault> {
    let [copy, log] = [some(), sealed()].map(|folder| {
        let mut entries = content(&folder);
        change(&mut entries);
        put(&folder, &entries);
        faults(&folder)
    });
    assert_eq!(copy, log);
    copy
}

#[test]
fn a_log_that_nobody_touched_is_good() {
    for many in [0, 1, 255, 256, 257, 512, MANY] {
        let folder = TempDir::new().unwrap();
        written(folder.path(), many);
        let report = check(folder.path(), &[]);
        assert_eq!((report.faults, report.good, report.unknown), (vec![], many, 0));
    }
}

#[test]
fn an_entry_that_was_changed_is_named() {
    for index in [0, 255, 256, 300, 512, 699] {
        let found = changed(|entries| {
            let mut other = entry(index);
            other.reason = Reason::new("nothing to see").unwrap();
            entries[usize::try_from(index).unwrap()] = other.to_bytes();
        });
        assert_eq!(found, [Fault::Entry(index, How::Changed)]);
    }
}

#[test]
fn an_entry_that_was_dropped_is_named() {
    for index in [0, 100, 255, 256, 511, 600, 699] {
        let found = changed(|entries| {
            entries.remove(usize::try_from(index).unwrap());
        });
        assert_eq!(found, [Fault::Entry(index, How::Dropped)]);
    }
}

#[test]
fn an_entry_that_was_inserted_is_named() {
    for index in [0, 100, 255, 256, 600] {
        let found = changed(|entries| {
            entries.insert(usize::try_from(index).unwrap(), entry(9_999).to_bytes());
            entries.pop();
        });
        assert_eq!(found, [Fault::Entry(index, How::Inserted)]);
    }
}

#[test]
fn entries_that_were_swapped_are_named() {
    for (one, other) in [(3, 4), (0, 255), (10, 400), (512, 699), (698, 699)] {
        let found = changed(|entries| {
            entries.swap(usize::try_from(one).unwrap(), usize::try_from(other).unwrap());
        });
        assert_eq!(found, [Fault::Entry(one, How::Swapped(other))]);
    }
}

#[test]
fn entries_that_were_reordered_are_named() {
    let found = changed(|entries| entries[20..23].rotate_left(1));
    let moved = |at, from| Fault::Entry(at, How::Moved(from));
    assert_eq!(found, [moved(20, 21), moved(21, 22), moved(22, 20)]);
}

fn flip(folder: &TempDir, name: &str, at: usize) {
    let file = folder.path().join(name);
    let mut bytes = fs::read(&file).unwrap();
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_tile_that_was_changed_is_named() {
    for name in ["tile/0/000", "tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2"] {
        for at in [0, 37] {
            let folder = some();
            flip(&folder, name, at);
            assert_eq!(faults(&folder), [Fault::Tile(Name::parse(name).unwrap())], "{name}");
        }
    }
}

#[test]
fn a_file_that_is_gone_or_cut_is_named() {
    for name in ["tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/001", "tile/entries/002.p/188"] {
        let folder = some();
        fs::remove_file(folder.path().join(name)).unwrap();
        let found = faults(&folder);
        assert!(matches!(&found[..], [Fault::File(path, _)] if path.to_string() == name), "{name}: {found:?}");
        fs::write(folder.path().join(name), [0, 0, 7]).unwrap();
        let found = faults(&folder);
        assert!(matches!(&found[..], [Fault::File(path, _)] if path.to_string() == name), "{name}: {found:?}");
    }
}

/// Whoever changes an entry and all tiles above it cannot sign the new root.
#[test]
fn what_was_written_anew_behind_a_signature_is_told() {
    let (folder, other) = (some(), TempDir::new().unwrap());
    let (audit, _) = open(Folders::open(other.path()).unwrap()).unwrap();
    let mut all = entries(0, MANY);
    all[5].reason = Reason::new("nothing to see").unwrap();
    audit.append(&all).unwrap();
    fs::copy(folder.path().join("checkpoint"), other.path().join("checkpoint")).unwrap();
    assert_eq!(check(other.path(), &[]).faults, [Fault::Unlike]);
    // One entry, its leaf, and the tile above, but not what that leads to.
    let mut entries = content(&folder);
    entries[5] = all[5].to_bytes();
    put(&folder, &entries);
    let (mut edge, mut full) = (Edge::default(), None);
    entries[..256].iter().for_each(|entry| edge.append(Node::leaf(entry), &mut |tile| full = Some(tile)));
    fs::write(folder.path().join("tile/0/000"), full.unwrap().bytes()).unwrap();
    assert_eq!(faults(&folder), [Fault::Entries(0, 255)]);
}

/// Whoever has the disk and not the key.
#[test]
fn sealed_entries_are_told_as_sealed_where_their_key_is_not() {
    let folder = sealed();
    let report = verify(&Mirror::new(folder.path()), &verifier(), &[], &mut |_, _| {}).unwrap();
    let told = |fault: &Fault| matches!(fault, Fault::File(_, why) if why.contains("audit.entries.key"));
    assert!(report.faults.len() == 3 && report.faults.iter().all(told), "{:?}", report.faults);
    // A bit of an envelope: the entry in it is the one that is named.
    let mut entries = content(&folder);
    entries[300][60] ^= 1;
    put(&folder, &entries);
    assert_eq!(faults(&folder), [Fault::Entry(300, How::Changed)]);
}

#[test]
fn entries_that_nobody_has_read_are_not_said_to_be_the_signed_ones() {
    let unread = |folder: &Path, unread: u64| {
        let report = verify(&Mirror::new(folder), &verifier(), &[], &mut |_, _| {}).unwrap();
        assert_eq!((report.good, report.unread), (MANY - unread, unread));
        assert!(report.faults.iter().all(|fault| matches!(fault, Fault::File(..))), "{:?}", report.faults);
        report.faults.len()
    };
    // Nobody has the key to what stands where the log is written.
    assert_eq!(unread(sealed().path(), MANY), 3);
    let folder = some();
    fs::remove_file(folder.path().join("tile/entries/002.p/188")).unwrap();
    assert_eq!(unread(folder.path(), 188), 1);
    fs::write(folder.path().join("tile/entries/001"), [0, 9, 1]).unwrap();
    assert_eq!(unread(folder.path(), 188 + 256), 2);
}

#[test]
fn a_false_signature_is_told() {
    let folder = some();
    flip(&folder, "checkpoint", 120);
    assert!(matches!(faults(&folder)[..], [Fault::Checkpoint(_)]));
    let folder = some();
    let key = audit::Signer::new(verifier().name(), audit::KeyKind::Note, support::key(9)).unwrap();
    let report = verify(&Mirror::new(folder.path()), key.verifier(), &[], &mut |_, _| {}).unwrap();
    assert_eq!(report.faults, [Fault::Checkpoint(NotSigned::Missing)]);
    fs::remove_file(folder.path().join("checkpoint")).unwrap();
    assert_eq!(faults(&folder), [Fault::Checkpoint(NotSigned::Absent)], "which is no word on its signature");
}

#[test]
fn a_fork_and_a_rollback_are_told() {
    let (folder, other) = (some(), TempDir::new().unwrap());
    let point = |folder: &Path| read_checkpoint(&Mirror::new(folder)).unwrap().unwrap();
    let newest = point(folder.path());
    // The same log, earlier: continued.
    let early = TempDir::new().unwrap();
    written(early.path(), 300);
    assert!(check(folder.path(), &[point(early.path()), newest.clone()]).is_good());
    // The later checkpoint, of somebody who has the whole of it.
    assert_eq!(check(early.path(), &[newest]).faults, [Fault::Behind(MANY)]);
    // Another history under the same key.
    let (audit, _) = open(Folders::open(other.path()).unwrap()).unwrap();
    audit.append(&entries(1, 300)).unwrap();
    assert_eq!(check(folder.path(), &[point(other.path())]).faults, [Fault::Fork(300)]);
    audit.append(&entries(301, 400)).unwrap();
    assert_eq!(check(folder.path(), &[point(other.path())]).faults, [Fault::Fork(MANY)]);
}

#[test]
fn one_entry_is_proved_and_nothing_else() {
    let folder = some();
    let mirror = Mirror::new(folder.path());
    let signed = Signed::open(&read_checkpoint(&mirror).unwrap().unwrap(), &verifier()).unwrap();
    for index in [0, 1, 255, 256, 512, 699] {
        let proof = Proof::make(&mirror, &signed, index).unwrap();
        let text = proof.to_string();
        assert_eq!(Proof::parse(&text), Ok(proof.clone()));
        assert_eq!(proof.verify(&verifier()).unwrap(), signed);
        assert_eq!(proof.entry, entry(index).to_bytes());
        for at in (0..text.len()).step_by(7) {
            let mut other = text.clone().into_bytes();
            other[at] ^= 1;
            let other = String::from_utf8(other).ok().and_then(|text| Proof::parse(&text).ok());
            assert!(other.is_none_or(|proof| proof.verify(&verifier()).is_err()), "byte {at}");
        }
        let moved = Proof { entry: entry(index + 1).to_bytes(), ..proof };
        assert!(matches!(moved.verify(&verifier()), Err(NotProved::Inclusion(_))));
    }
    assert!(matches!(Proof::make(&mirror, &signed, MANY), Err(Unprovable::Beyond { size: MANY, .. })));
    flip(&folder, "tile/entries/000", 30);
    assert!(matches!(Proof::make(&mirror, &signed, 0), Err(Unprovable::Unlike(0))));
}
