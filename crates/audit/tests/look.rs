//! Whoever looks at a log finds what a start would refuse it for, and nothing
//! while somebody writes it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use audit::home;
use audit::look::{at_rest, look};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tempfile::tempdir;

#[test]
fn a_log_that_is_written_meanwhile_is_whole_to_whoever_looks() {
    let place = tempdir().unwrap();
    let data = place.path();
    assert_eq!(look(data), [], "there is none");
    let (log, _) = home::open(data, "garden", support::PLANET).unwrap();
    log.append(&[support::entry(0)]).unwrap();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..1_500 {
                log.append(&[support::entry(number)]).unwrap();
            }
            ended.store(true, Relaxed);
        });
        let mut looks = 0;
        while !ended.load(Relaxed) {
            assert_eq!(look(data), [], "after {looks} looks");
            looks += 1;
        }
        assert!(looks > 3, "only {looks} looks");
    });
}

#[test]
fn what_a_start_reads_is_looked_at_where_one_starts_and_in_no_copy() {
    let place = tempdir().unwrap();
    let data = place.path();
    let (log, _) = home::open(data, "garden", support::PLANET).unwrap();
    log.append(&(0..20).map(support::entry).collect::<Vec<_>>()).unwrap();
    let key = home::verifier(data).unwrap().unwrap();
    let (home, copy) = (data.join("audit"), data.join("copy"));
    audit::copy::copy(&home::reader(&home).unwrap(), &audit::Folders::open(&copy).unwrap(), &key, true, &mut |_, _| {})
        .unwrap();
    assert_eq!((at_rest(&home, &key), at_rest(&copy, &key)), (None, None));
    let truth = home.join("entries");
    let good = fs::read(&truth).unwrap();
    let end = good.iter().rposition(|byte| *byte != 0).unwrap();
    for at in [3, 70, end / 2, end] {
        let mut changed = good.clone();
        changed[at] ^= 1;
        fs::write(&truth, changed).unwrap();
        assert_eq!(at_rest(&home, &key).unwrap().file, "entries", "byte {at}");
    }
    fs::remove_file(&truth).unwrap();
    let gone = at_rest(&home, &key).unwrap();
    assert!(gone.why.contains("20 entries were signed and 0 are there"), "{gone:?}");
    assert_eq!(at_rest(&copy, &key), None);
}

#[test]
fn looking_changes_nothing_and_names_what_a_start_would_refuse() {
    let place = tempdir().unwrap();
    let data = place.path();
    let (log, _) = home::open(data, "garden", support::PLANET).unwrap();
    let entries: Vec<_> = (0..20).map(support::entry).collect();
    log.append(&entries[..10]).unwrap();
    log.append(&entries[10..]).unwrap();
    drop(log);
    let truth = data.join("audit/entries");
    let good = fs::read(&truth).unwrap();
    // A tile follows from the entries, and the next start makes it anew.
    fs::remove_dir_all(data.join("audit/tile/0")).unwrap();
    assert_eq!(look(data), []);
    let mut told = 0;
    // The zeros behind the last batch are set aside and say nothing.
    let end = good.iter().rposition(|byte| *byte != 0).unwrap();
    for at in (0..=end).step_by(7) {
        let mut changed = good.clone();
        changed[at] ^= 1;
        fs::write(&truth, &changed).unwrap();
        let wrong = look(data);
        assert!(
            matches!(&wrong[..], [one] if one.file == "audit" || one.file == "keys/audit.entries.key"),
            "{wrong:?}"
        );
        assert_eq!(fs::read(&truth).unwrap(), changed);
        told += 1;
    }
    assert!(told > 100, "{told}");
    fs::write(&truth, &good).unwrap();
    assert_eq!(look(data), []);
    // And a start has nothing against what nobody found anything in.
    assert_eq!(home::open(data, "garden", support::PLANET).unwrap().1.entries, 20);
}
