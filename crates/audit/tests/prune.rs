//! What is older than a log is kept goes, and nothing else; what is left is as
//! good as it was. The crashes are in `crash.rs`.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use audit::entry::Act;
use audit::proof::{Proof, Unprovable};
use audit::verify::{Fault, Report, verify};
use audit::{Audit, Entry, Folders, Missing, OpenError, Pruned, Signed, Source, Tiles, read_checkpoint};
use std::fs;
use std::path::Path;
use support::{entry, mirrored, open, opened, verifier};
use tempfile::{TempDir, tempdir};

const DAY: u64 = 24 * 60 * 60 * 1_000;
const BEGINS: u64 = 1_800_000_000_000;

/// An entry of a day.
fn on(day: u64, number: u64) -> Entry {
    Entry { time: BEGINS + day * DAY, ..entry(number) }
}

/// Five entries a day: a segment is thirty days of them.
fn days(audit: &Audit<Folders>, which: std::ops::Range<u64>) {
    for day in which {
        audit.append(&(day * 5..day * 5 + 5).map(|number| on(day, number)).collect::<Vec<_>>()).unwrap();
    }
}

/// What is left on a day of what is kept for a year.
fn prune(audit: &Audit<Folders>, day: u64) -> Option<Pruned> {
    audit.prune(BEGINS + (day - 365) * DAY, |act| Entry { act, ..on(day, 0) }).unwrap()
}

fn check(folder: &Path) -> Report {
    verify(&opened(folder), &verifier(), &[], &mut |_, _| {}).unwrap()
}

fn segments(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.starts_with("entries")).collect();
    names.sort();
    names
}

/// A log of 500 days, pruned on the last.
fn pruned() -> (TempDir, Pruned) {
    let folder = tempdir().unwrap();
    let (audit, _) = open(Folders::open(folder.path()).unwrap()).unwrap();
    days(&audit, 0..500);
    let pruned = prune(&audit, 499).unwrap();
    (folder, pruned)
}

#[test]
fn what_is_older_than_a_year_goes_and_nothing_else() {
    let folder = tempdir().unwrap();
    let (audit, _) = open(Folders::open(folder.path()).unwrap()).unwrap();
    days(&audit, 0..394);
    assert_eq!(prune(&audit, 394), None, "the first thirty days are not all too old yet");
    days(&audit, 394..500);
    let gone = prune(&audit, 499).unwrap();
    // Of the days before the 134th, four segments are whole.
    assert_eq!(gone, Pruned { first: 120 * 5, entry: 2_500 });
    assert_eq!(prune(&audit, 499), None);
    let report = check(folder.path());
    assert!(report.is_good(), "{:?}", report.faults);
    // In whole bundles: some of what goes stays with what it is bundled with.
    assert_eq!((report.pruned, report.good), (512, 2_501 - 512));
    assert_eq!(report.pruned_before, BEGINS + 134 * DAY);
    assert_eq!(segments(folder.path()).len(), 13);
    drop(audit);
    let (audit, recovery) = open(Folders::open(folder.path()).unwrap()).unwrap();
    assert_eq!((recovery.entries, recovery.mended), (2_501, 0));
    days(&audit, 500..900);
    // A year after the last entry there is one segment, which says what was pruned.
    prune(&audit, 2_000).unwrap();
    drop(audit);
    assert_eq!(segments(folder.path()).len(), 1);
    assert_eq!(open(Folders::open(folder.path()).unwrap()).unwrap().1.entries, 2_501 + 2_000 + 1);
    assert!(check(folder.path()).is_good());
}

#[test]
fn proofs_of_what_was_pruned_hold_and_are_made_by_whoever_kept_it() {
    let (folder, _) = pruned();
    let source = opened(folder.path());
    let signed = Signed::open(&read_checkpoint(&source).unwrap().unwrap(), &verifier()).unwrap();
    assert!(matches!(Proof::make(&source, &signed, 300), Err(Unprovable::Missing(Missing::File(_)))));
    let kept = on(60, 300).to_bytes();
    let proof = Proof::of(&source, &signed, 300, kept).unwrap();
    assert_eq!(proof.verify(&verifier()).unwrap(), signed);
    let other = on(60, 301).to_bytes();
    assert!(matches!(Proof::of(&source, &signed, 300, other), Err(Unprovable::Unlike(300))));
    assert!(Proof::make(&source, &signed, 600).is_ok());
}

#[test]
fn a_copy_of_a_pruned_log_has_hashes_of_what_is_gone_and_an_older_copy_keeps_it() {
    let (new, old, folder) = (tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap());
    let (audit, _) = open(Folders::open(folder.path()).unwrap()).unwrap();
    days(&audit, 0..400);
    mirrored(folder.path(), old.path());
    days(&audit, 400..500);
    prune(&audit, 499).unwrap();
    for copy in [&new, &old, &new, &old] {
        mirrored(folder.path(), copy.path());
        assert!(check(copy.path()).is_good());
    }
    assert_eq!((check(new.path()).pruned, check(old.path()).pruned), (512, 0));
    assert_eq!(Tiles::new(&opened(old.path()), 2_501).entry(300).unwrap(), on(60, 300).to_bytes());
}

#[test]
fn what_is_gone_and_was_not_pruned_is_told() {
    let (folder, _) = pruned();
    // A tile over what was pruned, and one more bundle than the log says.
    let tile = folder.path().join("tile/0/000");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[37] ^= 1;
    fs::write(&tile, &bytes).unwrap();
    assert_eq!(check(folder.path()).faults, [Fault::Entries(0, 255)]);
    bytes[37] ^= 1;
    fs::write(&tile, bytes).unwrap();
    fs::remove_file(folder.path().join("tile/entries/002")).unwrap();
    let faults = check(folder.path()).faults;
    assert!(matches!(&faults[..], [Fault::File(path, _)] if path.to_string() == "tile/entries/002"), "{faults:?}");
    // A segment more than the log says, and one in the middle.
    let again = |which: usize| {
        let (folder, _) = pruned();
        fs::remove_file(folder.path().join(&segments(folder.path())[which])).unwrap();
        open(Folders::open(folder.path()).unwrap()).unwrap_err()
    };
    let (first, middle) = (again(0), again(3));
    assert!(matches!(first, OpenError::NotPruned(749)), "{first}");
    assert!(matches!(middle, OpenError::Changed(1_050)), "{middle}");
}

#[test]
fn a_beginning_that_was_changed_is_refused_and_nothing_is_pruned_for_it() {
    let folder = tempdir().unwrap();
    let (audit, _) = open(Folders::open(folder.path()).unwrap()).unwrap();
    days(&audit, 0..500);
    let name = folder.path().join(&segments(folder.path())[4]);
    let mut bytes = fs::read(&name).unwrap();
    bytes[100] ^= 1;
    fs::write(&name, &bytes).unwrap();
    let refused = audit.prune(BEGINS + 134 * DAY, |act: Act| Entry { act, ..on(499, 0) }).unwrap_err().to_string();
    assert!(refused.contains("damaged in its beginning"), "{refused}");
    assert_eq!(segments(folder.path()).len(), 17);
    drop(audit);
    let error = open(Folders::open(folder.path()).unwrap()).unwrap_err();
    assert!(matches!(error, OpenError::Segment(600)), "{error}");
    assert!(opened(folder.path()).file("tile/entries/000", 1 << 20).unwrap().is_some());
}
