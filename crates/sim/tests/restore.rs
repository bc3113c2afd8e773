//! Restoring a backup on a disk that stops, fails and loses: what opens
//! afterwards is whole.

#![allow(clippy::unwrap_used)]

use sim::{Dice, Op, VirtualDisk};
use std::sync::Arc;
use store::{Barrier, Disk, Entry, EntryRef, Log, OpenError, Options, Secrets, Writer, backup, restore};

const KEY: [u8; 32] = [3; 32];

fn options() -> Options {
    Options { segment_bytes: 8_192, ..Options::default() }
}

/// A log of some segments, pruned or not, as a backup; and what is in it.
fn file(prune: bool) -> (Vec<u8>, Vec<Entry>) {
    let (log, _) = Log::open(VirtualDisk::new(1), options()).unwrap();
    for sequence in 0..60 {
        let bytes = [u8::try_from(sequence).unwrap() + 1; 300];
        log.append(0, sequence, 1, &[EntryRef { block: 1, bytes: &bytes }]).unwrap();
    }
    if prune {
        let middle = log.tail(None).nth(40).unwrap().unwrap().position;
        log.prune(middle).unwrap();
    }
    let (mut file, secrets) = (Vec::new(), Secrets { key: &KEY, entropy: &[5; 32] });
    backup(&log, None, &mut file, secrets, None, &mut |_, _| {}).unwrap();
    (file, log.tail(None).map(Result::unwrap).collect())
}

/// Restores with some accident, and looks at what is there after a crash.
fn accident(seed: u64, ignores: Option<Barrier>) -> Result<bool, String> {
    let mut dice = Dice::new(seed);
    let (file, entries) = file(dice.one_in(2));
    let disk = Arc::new(VirtualDisk::new(dice.roll()));
    let stops = (!dice.one_in(3)).then(|| dice.below(80));
    let fails = dice.one_in(3).then(|| [Op::Create, Op::Write, Op::SyncData, Op::SyncDir][dice.index(4)]);
    disk.faults(|faults| (faults.stops_after, faults.fails_once, faults.ignores) = (stops, fails, ignores));
    let restored = restore(&mut &file[..], &KEY, &disk, None, &mut |_, _| {});
    disk.crash();
    disk.faults(|faults| faults.fails_once = None);
    match Writer::<_, u64>::open(Arc::clone(&disk), options()) {
        Ok((writer, recovery)) => {
            let mut found = Vec::new();
            for entry in writer.tail(None) {
                found.push(entry.map_err(|error| error.to_string())?);
            }
            if found != entries && (restored.is_ok() || !found.is_empty()) {
                return Err(format!("{} of {} entries, and it opens", found.len(), entries.len()));
            }
            if let Some(damage) = recovery.damage.first() {
                return Err(damage.to_string());
            }
            Ok(restored.is_ok())
        }
        Err(OpenError::Restoring { .. }) if restored.is_err() => Ok(false),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn what_opens_after_a_restore_is_whole() {
    let whole = (0..600).filter(|seed| match accident(*seed, None) {
        Ok(whole) => whole,
        Err(wrong) => panic!("seed {seed}: {wrong}"),
    });
    assert!((100..500).contains(&whole.count()));
}

#[test]
fn the_sync_of_a_restore_is_not_spare() {
    assert!((0..600).any(|seed| accident(seed, Some(Barrier::Restored)).is_err()));
}

/// The calls and the bytes that a start takes behind so many segments.
fn start(segments: u64) -> (u64, u64) {
    let disk = Arc::new(VirtualDisk::new(1));
    let (mut writer, _) = Writer::<_, u64>::open(Arc::clone(&disk), options()).unwrap();
    for sequence in 0.. {
        let bytes = [7; 900];
        writer.submit(0, 0, sequence, 1, &[EntryRef { block: 1, bytes: &bytes }]).unwrap();
        let mut segment = 0;
        writer.commit(|_, answer| segment = answer.unwrap().segment);
        if segment == segments {
            break;
        }
    }
    std::mem::forget(writer);
    disk.kill();
    let before = (disk.calls(), disk.read());
    let (writer, recovery) = Writer::<_, u64>::open(Arc::clone(&disk), options()).unwrap();
    let after = (disk.calls(), disk.read());
    assert_eq!(recovery.damage, []);
    assert_eq!(
        disk.list().unwrap().iter().filter(|name| name.ends_with(".log")).count(),
        usize::try_from(segments).unwrap()
    );
    // Who follows pays as little: for the last one, its own segment.
    let mut tail = writer.tail(Some(writer.end()));
    assert!(tail.next().is_none() && disk.calls() < after.0 + 6);
    (after.0 - before.0, after.1 - before.1)
}

#[test]
fn a_start_takes_as_long_however_long_the_log() {
    let (short, long) = (start(3), start(300));
    assert_eq!(short, long);
    // All of one segment, its head, and what was written last once more.
    assert!(short.0 < 30 && short.1 < 3 * 8_192, "{short:?}");
}
