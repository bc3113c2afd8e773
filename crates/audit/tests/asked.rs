//! What a command asks a process to enter: only what commands do, only whole,
//! and only while somebody waits.
#![allow(clippy::unwrap_used)]

mod support;

use audit::asked::{Answer, Asked, FOLDER, Id, MOST_ENTRIES, MOST_WAITING, waiting};
use audit::entry::{Act, Key, Name, Right, Who};
use audit::{Entry, bundle};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::tempdir;

const ID: Id = Id([7; 16]);

/// A revocation that a request of a name asks for.
fn revoked(id: Id) -> Entry {
    let (act, rule) = (Act::KeyRevoked { key: Key([9; 32]) }, Name::default());
    let (who, right, address) = (Who::Directory, Right::Own, id.address());
    Entry { act, who, right, rule, address, ..support::entry(1) }
}

fn names(data: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(data.join(FOLDER)).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Why a process does not enter it.
fn refused(data: &Path, entry: Entry) -> String {
    let _asked = Asked::ask(data, ID, &[entry]).unwrap();
    waiting(data).unwrap()[0].entries.clone().unwrap_err()
}

#[test]
fn a_request_is_found_answered_and_gone() {
    let data = tempdir().unwrap();
    let data = data.path();
    assert!(waiting(data).unwrap().is_empty(), "nobody has asked for anything");
    let entries = vec![revoked(ID); MOST_ENTRIES];
    let asked = Asked::ask(data, ID, &entries).unwrap();
    assert_eq!(fs::metadata(data.join(FOLDER)).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(names(data), [format!("{ID}.ask")]);
    let request = waiting(data).unwrap().pop().unwrap();
    assert_eq!((request.id, request.entries.as_ref()), (ID, Ok(&entries)));
    assert!(request.is_waited_for() && asked.answer().unwrap().is_none());
    for answer in [Answer::Entered(u64::MAX), Answer::Refused("the disk is full".to_owned())] {
        request.answer(&answer).unwrap();
        assert_eq!(asked.answer().unwrap(), Some(answer));
        assert!(waiting(data).unwrap().is_empty(), "it is answered once");
    }
    let file = data.join(FOLDER).join(format!("{ID}.answer"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for bad in ["", "entered", "entered +1", "entered 01", "entered -1", "entered 1 ", "refused"] {
        fs::write(&file, bad).unwrap();
        assert!(asked.answer().is_err(), "{bad}");
    }
    drop(asked);
    assert!(!request.is_waited_for() && names(data).is_empty());
}

#[test]
fn only_what_commands_do_is_taken() {
    let data = tempdir().unwrap();
    let data = data.path();
    let with = |change: &dyn Fn(&mut Entry)| {
        let mut entry = revoked(ID);
        change(&mut entry);
        refused(data, entry)
    };
    for act in [Act::Sealed {}, Act::Stopped {}, Act::Erased { owner: Key([1; 32]) }, Act::Restored { entries: 1 }] {
        let why = with(&|entry| entry.act = act.clone());
        assert!(why.contains(&format!("no command enters `{}`", act.name())), "{why}");
    }
    let own = "not the command's own";
    assert!(with(&|entry| entry.who = Who::Node).contains(own));
    assert!(with(&|entry| entry.right = Right::Administer).contains(own));
    assert!(with(&|entry| entry.rule = Name::new("role operator").unwrap()).contains(own));
    assert!(with(&|entry| entry.address = Id([8; 16]).address()).contains(own));
    let too_many = vec![revoked(ID); MOST_ENTRIES + 1];
    let asked = Asked::ask(data, ID, &too_many).unwrap();
    assert!(waiting(data).unwrap()[0].entries.is_err());
    drop(asked);
}

#[test]
fn what_is_half_there_is_not_taken_and_what_nobody_waits_for_is_removed() {
    let data = tempdir().unwrap();
    let data = data.path();
    let bytes = {
        let _asked = Asked::ask(data, ID, &[revoked(ID)]).unwrap();
        fs::read(data.join(FOLDER).join(format!("{ID}.ask"))).unwrap()
    };
    // Any part of it, asked for by somebody who waits.
    let file = data.join(FOLDER).join(format!("{ID}.ask"));
    for cut in 0..bytes.len() {
        fs::write(&file, &bytes[..cut]).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let waits = File::open(&file).unwrap();
        waits.lock().unwrap();
        assert!(waiting(data).unwrap()[0].entries.is_err(), "{cut}");
    }
    // Whole, and whoever asked was killed: with an answer, a draft, or none.
    fs::write(&file, &bytes).unwrap();
    for end in ["answer", "new"] {
        let file = file.with_extension(end);
        fs::write(&file, "entered 1").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    }
    assert!(waiting(data).unwrap().is_empty());
    // An answer goes once its request has gone.
    waiting(data).unwrap();
    assert!(names(data).is_empty(), "{:?}", names(data));
    // What others can change is nobody's request, and what is none stays.
    fs::write(&file, &bytes).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o660)).unwrap();
    fs::write(data.join(FOLDER).join("note"), "mine").unwrap();
    let waits = File::open(&file).unwrap();
    waits.lock().unwrap();
    assert!(waiting(data).unwrap().is_empty());
    assert_eq!(names(data).len(), 2);
}

#[test]
fn a_flood_of_requests_is_a_few_at_once() {
    let data = tempdir().unwrap();
    let many = u8::try_from(MOST_WAITING).unwrap() + 9;
    let ids = (0..many).map(|of| Id([of; 16]));
    let _asked: Vec<_> = ids.map(|id| Asked::ask(data.path(), id, &[revoked(id)]).unwrap()).collect();
    assert_eq!(waiting(data.path()).unwrap().len(), MOST_WAITING);
    let mut bytes = Vec::new();
    bundle::write(&mut bytes, &revoked(Id([0; 16])).to_bytes());
    assert_eq!(fs::read(data.path().join(FOLDER).join(format!("{}.ask", Id([0; 16])))).unwrap(), bytes);
}
