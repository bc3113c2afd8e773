//! The log's own key gives its place to the next, wherever it is killed: it is
//! one log, which whoever knows any of its keys can verify.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use audit::copy::copy;
use audit::entry::{Act, Key, Name};
use audit::home::Times;
use audit::successor::{self, Successor};
use audit::verify::{Fault, Report, verify};
use audit::witness::cosign;
use audit::{Audit, Entry, Folders, KeyKind, Mirror, NotSigned, OnDisk, Opened, Signer, Signers, Verifier, home};
use audit::{read_checkpoint, successor::Followed};
use custody::{sealed, succession};
use sim::VirtualDisk;
use std::fs;
use std::path::Path;
use store::Barrier;
use support::{PLANET, entries, entry, entry_key, log, verifier, witness};
use tempfile::{TempDir, tempdir};
use trust::Moment;
use vocab::Millis;

fn enter(act: Act) -> Entry {
    Entry { act, ..entry(0) }
}

/// A data directory with a log of so many entries.
fn data(many: u64) -> TempDir {
    let data = tempdir().unwrap();
    let keys = data.path().join("keys");
    custody::folder::private(&keys).unwrap();
    sealed::root(&keys).unwrap();
    open(data.path()).append(&entries(0, many)).unwrap();
    data
}

fn open(data: &Path) -> Audit<Folders> {
    home::open(data, "garden", PLANET).unwrap().0
}

fn known(data: &Path) -> Verifier {
    home::verifier(data).unwrap().unwrap()
}

fn check(data: &Path, log: &Verifier) -> Report {
    verify(&home::reader(&home::folder(data)).unwrap(), log, &[], &mut |_, _| {}).unwrap()
}

fn point(data: &Path) -> String {
    read_checkpoint(&Mirror::new(&home::folder(data))).unwrap().unwrap()
}

fn is_signed(data: &Path, log: &Verifier) -> bool {
    audit::Signed::open(&point(data), log).is_ok()
}

#[test]
fn a_key_gives_its_place_to_the_next_and_either_verifies() {
    let data = data(300);
    let (data, old) = (data.path(), known(data.path()));
    let log = open(data);
    let new = home::rotate(data, &log, enter).unwrap();
    assert!(new != old && new.name() == old.name() && known(data) == new);
    log.append(&entries(301, 10)).unwrap();
    // While both are believed, both sign.
    assert!(is_signed(data, &old) && is_signed(data, &new));
    assert_eq!((check(data, &old).faults, check(data, &new).faults), (vec![], vec![]));
    drop(log);
    let log = open(data);
    log.append(&entries(311, 10)).unwrap();
    assert!(is_signed(data, &old) && is_signed(data, &new), "also after a start");
    home::end_overlap(data, &log).unwrap();
    assert!(!is_signed(data, &old) && is_signed(data, &new));
    assert!(!data.join("keys/audit.before.key").exists());
    // Whoever knows the old one alone is led to the new one, by the entry that says so.
    let report = check(data, &old);
    assert!(report.is_good(), "{:?}", report.faults);
    assert_eq!(report.way, [Successor { next: new.clone(), entry: 300 }]);
    assert_eq!(check(data, &new).way, []);
    let third = home::rotate(data, &log, enter).unwrap();
    home::end_overlap(data, &log).unwrap();
    let way = check(data, &old).way;
    assert_eq!(way.iter().map(|step| step.entry).collect::<Vec<_>>(), [300, 321]);
    drop(log);
    assert_eq!(open(data).append(&entries(0, 1)).unwrap(), 322);
    assert!(is_signed(data, &third) && check(data, &old).is_good());
    let sealed = sealed::names(&data.join("keys"), ".sealed").unwrap();
    assert!(sealed.contains(&"audit".to_owned()) && sealed.contains(&"audit.entries".to_owned()), "{sealed:?}");
}

/// What is there when it is killed behind each of its steps; then a start, and
/// the same again.
#[test]
fn a_rotation_that_is_killed_at_any_step_is_gone_on_with() {
    for step in 0..6 {
        let data = data(300);
        let (data, old) = (data.path(), known(data.path()));
        let keys = data.join("keys");
        let log = open(data);
        let next = succession::begin(&keys, "audit").unwrap();
        let next = || Signer::new(old.name(), KeyKind::Note, trust::sign::SigningKey::new(&next)).unwrap();
        let to = Key(next().verifier().key().id().0);
        if step >= 1 {
            let from = Key(old.key().id().0);
            log.append(&[enter(Act::KeyRotated { line: Name::cut("audit"), from, to })]).unwrap();
        }
        if step >= 2 {
            log.hand_over(next(), 300).unwrap();
        }
        drop(log);
        match step {
            // As it is left between the two files of the keys, and behind both.
            3 => drop(fs::copy(keys.join("audit.key"), keys.join("audit.before.key")).unwrap()),
            4.. => succession::finish(&keys, "audit").unwrap(),
            _ => {}
        }
        if step >= 5 {
            fs::write(keys.join("audit.vkey"), format!("{}\n", next().verifier())).unwrap();
        }
        let log = open(data);
        log.append(&entries(400, 3)).unwrap();
        assert!(check(data, &old).is_good(), "step {step}: {:?}", check(data, &old).faults);
        let turned = turn(data, &log, (Millis::days(90), Millis::days(7)), 1);
        assert_eq!(turned.is_some(), step < 4, "step {step}");
        let new = known(data);
        assert_eq!(Key(new.key().id().0), to, "step {step}: it is the key that was begun with");
        assert!(is_signed(data, &old) && is_signed(data, &new), "step {step}");
        home::end_overlap(data, &log).unwrap();
        drop(log);
        drop(open(data));
        let report = check(data, &old);
        assert!(report.is_good(), "step {step}: {:?}", report.faults);
        assert_eq!(report.way.len(), 1, "step {step}: it was entered once");
        assert!(!is_signed(data, &old) && is_signed(data, &new), "step {step}");
    }
}

/// Whoever looks so many days from now.
fn turn(data: &Path, log: &Audit<Folders>, (every, overlap): (Millis, Millis), days: u64) -> Option<Verifier> {
    let written = fs::metadata(data.join("keys/audit.key")).unwrap().modified().unwrap();
    let since = written.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let now = Moment(u64::try_from(since).unwrap()).after(Millis::days(days));
    home::turn(data, log, Times { now, settled: true, rests: false, every, overlap }, enter).unwrap()
}

#[test]
fn a_key_is_rotated_when_it_is_due_or_asked_for_and_no_sooner() {
    let data = data(10);
    let (data, first, lives) = (data.path(), known(data.path()), (Millis::days(90), Millis::days(7)));
    let log = open(data);
    assert_eq!(turn(data, &log, lives, 89), None);
    let second = turn(data, &log, lives, 90).unwrap();
    assert_eq!(turn(data, &log, lives, 1), None);
    assert!(is_signed(data, &first), "the overlap is not over");
    assert_eq!(turn(data, &log, lives, 8), None);
    assert!(!is_signed(data, &first) && is_signed(data, &second), "and now it is");
    succession::ask(&data.join("keys"), "audit").unwrap();
    assert!(turn(data, &log, lives, 8).is_some());
    assert_eq!(turn(data, &log, lives, 1), None);
}

#[test]
fn no_key_is_due_nor_destroyed_by_a_clock_that_was_set_ahead() {
    let data = data(10);
    let (data, first) = (data.path(), known(data.path()));
    let log = open(data);
    let (every, overlap) = (Millis::days(90), Millis::days(7));
    let soon = Times { now: Moment(u64::MAX / 2), settled: false, rests: false, every, overlap };
    let look = |times| home::turn(data, &log, times, enter).unwrap();
    assert_eq!(look(soon), None);
    succession::ask(&data.join("keys"), "audit").unwrap();
    assert!(look(soon).is_some(), "what somebody asks for is done by any clock");
    assert_eq!(look(soon), None);
    assert!(is_signed(data, &first) && data.join("keys/audit.before.key").exists(), "and the one before stays");
    assert_eq!(look(Times { settled: true, rests: true, ..soon }), None, "it was just rotated");
    assert!(!is_signed(data, &first));
    assert!(look(Times { settled: true, ..soon }).is_some());
}

#[test]
fn a_log_that_nobody_has_is_rotated_by_whoever_asks_and_else_by_who_has_it() {
    let data = data(10);
    let (data, first) = (data.path(), known(data.path()));
    let log = open(data);
    assert_eq!(home::rotate_at_rest(data, PLANET, enter).unwrap(), None, "a process has it");
    drop(log);
    let next = home::rotate_at_rest(data, PLANET, enter).unwrap().unwrap();
    assert!(next != first && known(data) == next && check(data, &first).is_good());
}

#[test]
fn copies_and_witnesses_go_on_under_the_next_key() {
    let data = data(300);
    let (data, old) = (data.path(), known(data.path()));
    let (to, state) = (tempdir().unwrap(), VirtualDisk::new(1));
    let (log, source) = (open(data), home::reader(&home::folder(data)).unwrap());
    let mirror = || copy(&source, &Folders::open(to.path()).unwrap(), &old, true, &mut |_, _| {}).unwrap();
    let ask = |seconds| cosign(&state, "last", &witness(), &old, &source, seconds).unwrap();
    mirror();
    ask(1);
    home::rotate(data, &log, enter).unwrap();
    home::end_overlap(data, &log).unwrap();
    log.append(&entries(400, 100)).unwrap();
    for seconds in [2, 3] {
        assert_eq!(mirror().signed.checkpoint.head.size, 401);
        assert_eq!(ask(seconds).checkpoint.head.size, 401);
    }
    let report = verify(&Mirror::new(to.path()), &old, &[point(data)], &mut |_, _| {}).unwrap();
    assert!(report.is_good() && report.way.len() == 1, "{:?}", report.faults);
}

#[test]
fn what_no_known_key_has_named_is_not_believed() {
    let data = data(300);
    let (data, old) = (data.path(), known(data.path()));
    let log = open(data);
    let new = home::rotate(data, &log, enter).unwrap();
    home::end_overlap(data, &log).unwrap();
    let file = home::folder(data).join("successors");
    let good = fs::read_to_string(&file).unwrap();
    let source = Mirror::new(&home::folder(data));
    let follow = || successor::open(&source, &point(data), &old).map(|Followed { by, .. }| by);
    assert_eq!(follow().unwrap(), new);
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] ^= 1;
        fs::write(&file, bytes).unwrap();
        // The last line is the new key's own, which proves nothing to anybody else.
        let of_old = good.match_indices('\u{2014}').nth(1).unwrap().0;
        assert!(follow().is_err() || at >= of_old, "byte {at}");
    }
    // By the same words, signed by somebody else; and a key that names itself.
    let stranger = || Signer::new(old.name(), KeyKind::Note, support::key(9)).unwrap();
    let next = || Signer::new(old.name(), KeyKind::Note, support::key(8)).unwrap();
    let forged = Successor { next: new.clone(), entry: 300 }.sign(&stranger(), &next()).unwrap().to_string();
    fs::write(&file, forged).unwrap();
    assert_eq!(follow().unwrap_err(), NotSigned::Missing);
    fs::remove_file(&file).unwrap();
    assert_eq!(follow().unwrap_err(), NotSigned::Missing);
    fs::write(&file, &good).unwrap();
    assert!(check(data, &old).is_good());
}

#[test]
fn no_more_successors_are_named_than_are_read() {
    let disk = VirtualDisk::new(1);
    let (audit, _) = Audit::open(disk.clone(), log(), entry_key()).unwrap();
    let next = |number: u8| Signer::new(verifier().name(), KeyKind::Note, support::key(number)).unwrap();
    for number in 100..228 {
        audit.hand_over(next(number), 0).unwrap();
    }
    let why = audit.hand_over(next(228), 0).unwrap_err().to_string();
    assert!(why.contains("stays in use"), "{why}");
    audit.let_go().unwrap();
    audit.append(&entries(0, 1)).unwrap();
    let source = OnDisk(&disk);
    let text = read_checkpoint(&source).unwrap().unwrap();
    assert_eq!(successor::open(&source, &text, &verifier()).unwrap().by, *next(227).verifier());
}

#[test]
fn an_entry_that_gave_no_key_away_is_told() {
    let disk = VirtualDisk::new(1);
    let next = || Signer::new(verifier().name(), KeyKind::Note, support::key(7)).unwrap();
    let (audit, _) = Audit::open(disk.clone(), log(), entry_key()).unwrap();
    audit.append(&entries(0, 5)).unwrap();
    audit.hand_over(next(), 3).unwrap();
    audit.let_go().unwrap();
    let source = Opened::new(OnDisk(&disk), Some(entry_key()));
    let report = verify(&source, &verifier(), &[], &mut |_, _| {}).unwrap();
    assert_eq!(report.faults, [Fault::Successor(3)]);
    let other = Signer::new("another", KeyKind::Note, support::key(7)).unwrap();
    assert!(audit.hand_over(other, 3).unwrap_err().to_string().contains("another log"));
}

/// The machine stops after each call in turn, and the power fails then; keys are
/// files of another folder, and are as far as they were.
fn crashed(stops: u64, seed: u64, ignores: Option<Barrier>) -> Result<(), String> {
    let next = || Signer::new(verifier().name(), KeyKind::Note, support::key(7)).unwrap();
    let (from, to) = (Key(verifier().key().id().0), Key(next().verifier().key().id().0));
    let disk = VirtualDisk::new(seed);
    let (audit, _) = Audit::open(disk.clone(), log(), entry_key()).unwrap();
    audit.append(&entries(0, 5)).unwrap();
    let entry = audit.append(&[enter(Act::KeyRotated { line: Name::cut("audit"), from, to })]).unwrap();
    disk.faults(|faults| (faults.stops_after, faults.ignores) = (Some(stops), ignores));
    // The key takes its place when this is done, and the one before goes when that is.
    let is_over = audit.hand_over(next(), entry).is_ok();
    let is_alone = is_over && audit.append(&entries(9, 2)).is_ok() && audit.let_go().is_ok();
    drop(audit);
    disk.crash();
    let signers = match (is_over, is_alone) {
        (false, _) => Signers::from(log()),
        (true, false) => Signers { present: next(), before: Some(log()) },
        (true, true) => Signers::from(next()),
    };
    let opened = Audit::open(disk.clone(), signers, entry_key()).map_err(|error| error.to_string())?;
    drop(opened);
    let source = Opened::new(OnDisk(&disk), Some(entry_key()));
    let report = verify(&source, &verifier(), &[], &mut |_, _| {}).map_err(|error| error.to_string())?;
    if report.is_good() { Ok(()) } else { Err(format!("{:?}", report.faults)) }
}

#[test]
fn a_crash_at_any_call_leaves_a_log_that_the_first_key_verifies() {
    for stops in 0..60 {
        crashed(stops, stops, None).unwrap_or_else(|wrong| panic!("after {stops} calls: {wrong}"));
    }
    for barrier in [Barrier::Mark, Barrier::Name] {
        let found = (0..2_000).any(|seed| crashed(seed % 60, seed, Some(barrier)).is_err());
        assert!(found, "nobody misses the sync of {barrier:?}");
    }
}
