//! A copy of a log, brought up to date again and again; and what is not taken
//! into it.
#![allow(clippy::unwrap_used)]

mod support;

use audit::asked::Id;
use audit::copy::{NotCopied, copy};
use audit::entry::Who;
use audit::home::Copies;
use audit::verify::verify;
use audit::{Folders, Mirror, Opened, Source, home};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use support::{entries, open, opened, verifier, written};
use tempfile::{TempDir, tempdir};
use trust::Secret;

fn copied(from: &impl Source, to: &Path, with_entries: bool) -> Result<u64, NotCopied> {
    let disk = Folders::open(to).unwrap();
    copy(from, &disk, &verifier(), with_entries, &mut |_, _| {}).map(|copied| copied.before)
}

fn good(folder: &Path) -> u64 {
    let report = verify(&Mirror::new(folder), &verifier(), &[], &mut |_, _| {}).unwrap();
    assert!(report.is_good(), "{:?}", report.faults);
    report.good
}

/// A source of which some files are others.
struct Lies {
    of: Opened<Mirror>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Source for Lies {
    fn file(&self, name: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        let lie = self.files.get(name).cloned();
        lie.map_or_else(|| self.of.file(name, most), |lie| Ok(Some(lie)))
    }
}

fn lies(of: &TempDir, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Lies {
    let of = opened(of.path());
    let mut bytes = of.file(name, 1 << 24).unwrap().unwrap();
    change(&mut bytes);
    Lies { of, files: BTreeMap::from([(name.to_owned(), bytes)]) }
}

#[test]
fn a_copy_follows_its_log_and_is_as_good() {
    let (of, whole, hashes) = (tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap());
    let from = opened(of.path());
    let mut before = 0;
    for size in [1, 3, 200, 255, 256, 257, 600, 600, 70_000] {
        written(of.path(), size);
        assert_eq!(copied(&from, whole.path(), true).unwrap(), before);
        assert_eq!(copied(&from, hashes.path(), false).unwrap(), before);
        assert_eq!(good(whole.path()), size);
        before = size;
    }
    // What a crash took of the copy's tiles is fetched again.
    std::fs::remove_dir_all(whole.path().join("tile/0/x000")).ok();
    std::fs::remove_file(whole.path().join("tile/1/001.p/17")).unwrap();
    written(of.path(), 70_001);
    copied(&from, whole.path(), true).unwrap();
    assert_eq!(good(whole.path()), 70_001);
    // A copy of hashes becomes one of entries.
    copied(&from, hashes.path(), true).unwrap();
    assert_eq!(good(hashes.path()), 70_001);
}

#[test]
fn what_does_not_continue_a_copy_is_not_taken() {
    let (of, to) = (tempdir().unwrap(), tempdir().unwrap());
    written(of.path(), 300);
    copied(&opened(of.path()), to.path(), true).unwrap();
    // Another history of the same log, by whoever has its key.
    let fork = tempdir().unwrap();
    let (forked, _) = open(Folders::open(fork.path()).unwrap()).unwrap();
    forked.append(&entries(1, 290)).unwrap();
    let rolled = copied(&opened(fork.path()), to.path(), true);
    assert!(matches!(rolled, Err(NotCopied::Rollback { old: 300, new: 290 })), "{rolled:?}");
    forked.append(&entries(291, 400)).unwrap();
    for with_entries in [true, false] {
        let forked = copied(&opened(fork.path()), to.path(), with_entries);
        assert!(matches!(forked, Err(NotCopied::Fork(300))), "{forked:?}");
    }
    assert_eq!(good(to.path()), 300, "what was good still is");
    // An entry, a hash and a checkpoint that were changed on the way.
    written(of.path(), 700);
    let last = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    for (name, with_entries) in [("tile/entries/001", true), ("tile/0/001", false)] {
        let changed = copied(&lies(&of, name, last), to.path(), with_entries);
        assert!(matches!(changed, Err(NotCopied::Fork(300))), "{name}: {changed:?}");
    }
    let first = |bytes: &mut Vec<u8>| bytes[40] ^= 1;
    let changed = copied(&lies(&of, "checkpoint", first), to.path(), true);
    assert!(matches!(changed, Err(NotCopied::Checkpoint(_))), "{changed:?}");
    copied(&opened(of.path()), to.path(), true).unwrap();
    assert_eq!(good(to.path()), 700);
}

#[test]
fn the_newest_entry_of_a_kind_is_found_from_the_end() {
    let of = tempdir().unwrap();
    written(of.path(), 600);
    let time = |wanted: u64| {
        home::newest(&opened(of.path()), 600, |_, entry| (entry.time % 600 == wanted % 600).then_some(entry.time))
    };
    assert_eq!(time(7).unwrap(), Some(1_800_000_000_007));
    assert_eq!(home::newest(&opened(of.path()), 600, |_, _| None::<()>).unwrap(), None);
}

#[test]
fn one_act_is_entered_where_no_process_is() {
    let data = tempdir().unwrap();
    let planet = support::PLANET;
    let enter = |name: &str, of: u8| {
        let id = Id([of; 16]);
        let mut entry = entries(1, 1)[0].clone();
        (entry.who, entry.address) = (Who::Directory, id.address());
        home::append_at_rest(data.path(), (name, planet, None), (id, &[entry]))
    };
    assert_eq!(enter("garden.eu", 1).unwrap(), 0);
    // It is called what it was called at first, whoever opens it.
    assert_eq!(enter("garden", 2).unwrap(), 1);
    assert_eq!(enter("garden", 1).unwrap(), 0, "what was entered is not entered again");
    let log = home::verifier(data.path()).unwrap().unwrap();
    assert_eq!(log.name(), format!("mycel/audit/garden.eu/{planet}"));
    let (held, _) = home::open(data.path(), "garden", planet).unwrap();
    let refused = enter("garden", 3).unwrap_err().to_string();
    assert!(refused.contains("another process"), "{refused}");
    drop(held);
    let kept = |name: &str| custody::folder::existing(&data.path().join("keys"), name).unwrap().unwrap();
    let signing = *kept(home::KEY).expose();
    let kept_signing = || Secret::take(&mut signing.clone());
    // Another key beside the public one is refused, and nothing is made.
    let other = custody::folder::letters(&[7; 32]);
    custody::folder::replace(&data.path().join("keys/audit.key"), other.as_bytes()).unwrap();
    let refused = enter("garden", 3).unwrap_err().to_string();
    assert!(refused.contains("two halves"), "{refused}");
    // Its key is gone, and whoever enters has a copy.
    let key = data.path().join("keys/audit.key");
    std::fs::remove_file(&key).unwrap();
    let id = Id([4; 16]);
    let entry = audit::Entry { who: Who::Directory, address: id.address(), ..entries(1, 1)[0].clone() };
    let with = |signing: Secret, entries: Option<Secret>| {
        let copies = Copies { signing, entries };
        home::append_at_rest(data.path(), ("", planet, Some(&copies)), (id, std::slice::from_ref(&entry)))
    };
    assert!(with(Secret::take(&mut [7; 32]), None).is_err(), "another key is no copy");
    assert_eq!(with(kept_signing(), None).unwrap(), 2);
    // So is the key to the entries.
    let opens = kept(home::ENTRY_KEY);
    std::fs::remove_file(data.path().join("keys/audit.entries.key")).unwrap();
    assert!(with(kept_signing(), None).is_err());
    assert_eq!(with(kept_signing(), Some(opens)).unwrap(), 2, "it is not entered again");
    assert!(!key.exists() && !data.path().join("keys/audit.entries.key").exists());
}

/// Who can remove files and has no key cannot take back what was signed.
#[test]
fn a_log_whose_checkpoint_or_all_of_it_is_gone_is_not_begun_anew() {
    let data = tempdir().unwrap();
    let open = || home::open(data.path(), "garden", support::PLANET).map(|(log, _)| log.published().size);
    let (log, _) = home::open(data.path(), "garden", support::PLANET).unwrap();
    log.append(&entries(0, 3)).unwrap();
    drop(log);
    assert_eq!(open().unwrap(), 3);
    let checkpoint = home::folder(data.path()).join("checkpoint");
    let kept = std::fs::read(&checkpoint).unwrap();
    std::fs::remove_file(&checkpoint).unwrap();
    assert!(open().unwrap_err().to_string().contains("the checkpoint is gone"));
    std::fs::write(&checkpoint, kept).unwrap();
    assert_eq!(open().unwrap(), 3);
    std::fs::remove_dir_all(home::folder(data.path())).unwrap();
    assert!(open().unwrap_err().to_string().contains("the checkpoint is gone"));
}
