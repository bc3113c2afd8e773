//! Backups: whole while the log goes on, or told not to be.

#![allow(clippy::unwrap_used)]

mod support {
    pub(crate) mod folder;
}

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::{
    BackupError, Batch, Beside, Entry, EntryRef, FjallRecords, Left, Log, Memory, OpenError, Options, Part, ReadError,
    RealDisk, Records, Restored, SealedWriter, Secrets, Space, backup, backup_with, check, restore, restore_with,
};
use support::folder::Folder;

const KEY: [u8; 32] = [7; 32];
const SPACES: &[Space] = &[Space("one"), Space("two")];

fn options() -> Options {
    Options { segment_bytes: 64 * 1_024, ..Options::default() }
}

fn open(path: &Path) -> Log<RealDisk> {
    let (log, recovery) = Log::open(RealDisk::open(path).unwrap(), options()).unwrap();
    assert_eq!(recovery.damage, []);
    log
}

fn append(log: &Log<RealDisk>, count: u64) {
    for number in 0..count {
        let shard = u32::try_from(number % 3).unwrap();
        let bytes = number.to_le_bytes().repeat(50);
        log.append(shard, log.shard(shard).next, 1, &[EntryRef { block: number % 7, bytes: &bytes }]).unwrap();
    }
}

fn all(log: &Log<RealDisk>) -> Vec<Entry> {
    log.tail(None).map(Result::unwrap).collect()
}

fn filled(records: &impl Records, rows: u64) {
    let mut batch = Batch::default();
    for row in 0..rows {
        let value = vec![3; usize::try_from(row % 900).unwrap()];
        batch.put(SPACES[usize::try_from(row % 2).unwrap()], row.to_be_bytes(), value);
    }
    records.write(batch).unwrap();
}

/// A backup, and what progress was told last.
fn taken(log: &Log<RealDisk>, records: Option<&dyn Records>, entropy: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let mut last = (0, 0);
    let part = records.map(|records| Part { records, spaces: SPACES });
    let secrets = Secrets { key: &KEY, entropy: &[entropy; 32] };
    backup(log, part, &mut file, secrets, None, &mut |done, all| {
        assert!(done > last.0 && done <= all);
        last = (done, all);
    })
    .unwrap();
    assert_eq!(last.0, last.1);
    file
}

fn restored(file: &[u8], into: &Path, records: Option<&dyn Records>) -> Result<Restored, BackupError> {
    let part = records.map(|records| Part { records, spaces: SPACES });
    let disk = Arc::new(RealDisk::open(into).unwrap());
    restore(&mut &*file, &KEY, &disk, part, &mut |_, _| {})
}

#[test]
fn a_backup_restores_to_what_was_backed_up() {
    let (from, to, to_records) = (Folder::new("from"), Folder::new("to"), Folder::new("to-records"));
    let log = open(from.path());
    append(&log, 1_000);
    let records = Memory::default();
    filled(&records, 3_000);
    let file = taken(&log, Some(&records), 1);
    // Nothing of it can be read.
    assert!(!file.windows(8).any(|bytes| bytes == 500_u64.to_le_bytes()) && !file.windows(6).any(|six| six == [3; 6]));

    let into = FjallRecords::open(to_records.path(), SPACES, 1 << 20).unwrap();
    let restored = restored(&file, to.path(), Some(&into)).unwrap();
    assert_eq!((restored.verified.entries, restored.verified.damage.len()), (1_000, 0));
    assert_eq!((restored.backup.rows, restored.backup.end), (3_000, log.end()));
    for space in SPACES {
        let rows = |records: &dyn Records| records.scan(*space, b"", None, usize::MAX).unwrap();
        assert_eq!(rows(&into), rows(&records));
    }
    let (again, recovery) = Log::open(RealDisk::open(to.path()).unwrap(), options()).unwrap();
    assert_eq!((recovery.left, recovery.damage.len()), (Left::Closed, 0));
    assert_eq!(all(&again), all(&log));
    append(&again, 300);
    assert_eq!(again.verify().unwrap().damage, []);
}

#[test]
fn a_backup_while_it_goes_on_has_all_that_was_acknowledged_before() {
    let from = Folder::new("busy-from");
    let log = open(from.path());
    append(&log, 400);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for shard in 10..12 {
            let (log, stop) = (&log, &stop);
            scope.spawn(move || {
                for sequence in 0.. {
                    let bytes = [u8::try_from(sequence % 251).unwrap(); 300];
                    log.append(shard, sequence, 1, &[EntryRef { block: 1, bytes: &bytes }]).unwrap();
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        for round in 0..6 {
            let before = all(&log);
            let file = taken(&log, None, round);
            let to = Folder::new("busy-to");
            assert_eq!(restored(&file, to.path(), None).unwrap().verified.damage, []);
            let again = all(&open(to.path()));
            let now = all(&log);
            assert!(again.len() >= before.len() && again[..] == now[..again.len()], "round {round}");
            let first = log.prune(again.last().unwrap().position).unwrap().first;
            assert!(first > 1 && matches!(log.read(0, 0).next(), Some(Err(ReadError::Pruned { .. }))));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_is_being_backed_up_is_not_pruned_and_records_are_never_ahead() {
    let (from, from_records, to) = (Folder::new("held-from"), Folder::new("held-records"), Folder::new("held-to"));
    let log = open(from.path());
    append(&log, 1_000);
    let before = all(&log);
    let records = FjallRecords::open(from_records.path(), SPACES, 1 << 20).unwrap();
    filled(&records, 50);
    // Whenever a step is done, the log goes on, a record follows, and somebody
    // prunes all that he may.
    let (mut file, mut followed) = (Vec::new(), 0);
    let part = Part { records: &records, spaces: SPACES };
    let secrets = Secrets { key: &KEY, entropy: &[4; 32] };
    let done = backup(&log, Some(part), &mut file, secrets, None, &mut |_, _| {
        log.append(9, followed, 1, &[EntryRef { block: 1, bytes: &[1; 200] }]).unwrap();
        followed += 1;
        let mut batch = Batch::default();
        batch.put(SPACES[1], b"followed", followed.to_be_bytes());
        records.write(batch).unwrap();
        assert_eq!(log.prune(log.end()).unwrap().first, 1);
    });
    let done = done.unwrap();
    assert!(followed > 40 && done.end < log.end());
    let into = Memory::default();
    restored(&file, to.path(), Some(&into)).unwrap();
    let again = open(to.path());
    assert_eq!(all(&again)[..before.len()], before);
    let known =
        into.get(SPACES[1], b"followed").unwrap().map_or(0, |known| u64::from_be_bytes(known.try_into().unwrap()));
    assert!(again.shard(9).next >= known && again.shard(9).next >= 40, "{known}");
    // Nothing holds it any longer.
    assert!(log.prune(log.end()).unwrap().first > 1);
}

#[test]
fn a_pruned_log_and_a_part_of_one_restore_as_such() {
    let (from, to) = (Folder::new("part-from"), Folder::new("part-to"));
    let log = open(from.path());
    append(&log, 1_500);
    let whole = all(&log);
    let since = whole[700].position;
    let mut file = Vec::new();
    let secrets = Secrets { key: &KEY, entropy: &[1; 32] };
    let done = backup(&log, None, &mut file, secrets, Some(since), &mut |_, _| {}).unwrap();
    assert_eq!(done.first, since.segment);
    restored(&file, to.path(), None).unwrap();
    let again = open(to.path());
    assert!(whole.ends_with(&all(&again)) && all(&again)[0].position.segment == since.segment);
    assert!(matches!(again.read(0, 0).next(), Some(Err(ReadError::Pruned { below })) if below == since.segment));
}

#[test]
fn every_changed_bit_every_cut_and_every_other_order_is_found() {
    let (from, records) = (Folder::new("bits-from"), Memory::default());
    let log = open(from.path());
    append(&log, 3_000);
    filled(&records, 2_000);
    let file = taken(&log, Some(&records), 9);
    assert!(file.len() > 2 << 20, "three chunks");
    let fails = |file: &[u8], what: &str| {
        let to = Folder::new("bits-to");
        let into = Memory::default();
        let error = restored(file, to.path(), Some(&into)).expect_err(what);
        assert!(!error.is_retryable(), "{what}: {error}");
        // And what is there does not pass for a log.
        match Log::open(RealDisk::open(to.path()).unwrap(), options()) {
            Err(OpenError::Restoring { .. }) => {}
            Ok((_, recovery)) => assert_eq!(recovery.left, Left::New, "{what}"),
            Err(error) => panic!("{what}: {error}"),
        }
        error
    };
    let step = file.len() / 40;
    for at in (0..96).chain((96..file.len()).step_by(step)).chain(file.len() - 17..file.len()) {
        let mut changed = file.clone();
        changed[at] ^= 1 << (at % 8);
        fails(&changed, &format!("bit of byte {at}"));
    }
    let chunk = 4 + (1 << 20) + 16;
    for cut in [0, 5, 50, 91, 92, 93, 96, 92 + chunk, 92 + 2 * chunk, file.len() - 1] {
        fails(&file[..cut], &format!("cut at {cut}"));
    }
    let (head, chunks) = file.split_at(92);
    let swapped = [head, &chunks[chunk..2 * chunk], &chunks[..chunk], &chunks[2 * chunk..]].concat();
    let without = [head, &chunks[..chunk], &chunks[2 * chunk..]].concat();
    let twice = [head, &chunks[..chunk], chunks].concat();
    let longer = [&file[..], &[0]].concat();
    let other = taken(&log, Some(&records), 10);
    let mixed = [head, &other[92..92 + chunk], &chunks[chunk..]].concat();
    for (changed, what) in
        [(swapped, "swapped"), (without, "without"), (twice, "twice"), (longer, "longer"), (mixed, "mixed")]
    {
        assert!(matches!(fails(&changed, what), BackupError::Damaged { .. }), "{what}");
    }
    assert!(matches!(fails(b"something else entirely", "else"), BackupError::NotOne));
    let mut newer = file.clone();
    newer[0] = 3;
    assert!(matches!(fails(&newer, "newer"), BackupError::Newer { version: 3, known: 2 }));
}

#[test]
fn a_wrong_key_and_a_wrong_place_are_told() {
    let (from, to) = (Folder::new("wrong-from"), Folder::new("wrong-to"));
    let log = open(from.path());
    append(&log, 10);
    let records = Memory::default();
    filled(&records, 4);
    let file = taken(&log, Some(&records), 1);
    let disk = Arc::new(RealDisk::open(to.path()).unwrap());
    let wrong = restore(&mut &*file, &[8; 32], &disk, None, &mut |_, _| {}).unwrap_err();
    assert!(matches!(wrong, BackupError::Key));
    let full = restored(&file, to.path(), Some(&records)).unwrap_err();
    assert!(matches!(full, BackupError::NotEmpty { .. }));
    let nowhere = restored(&file, to.path(), None).unwrap_err();
    assert!(matches!(nowhere, BackupError::Nowhere { .. }), "{nowhere}");
    let again = restored(&file, to.path(), Some(&Memory::default())).unwrap_err();
    assert!(matches!(again, BackupError::NotEmpty { .. }), "{again}");
    let open = restored(&file, from.path(), Some(&Memory::default())).unwrap_err();
    assert!(matches!(open, BackupError::NotEmpty { .. }), "{open}");
    let unfinished = Log::open(RealDisk::open(to.path()).unwrap(), options()).err().unwrap();
    assert!(matches!(unfinished, OpenError::Restoring { .. }) && !unfinished.is_retryable());
}

#[test]
fn damage_is_copied_and_told() {
    let (from, to) = (Folder::new("damaged-from"), Folder::new("damaged-to"));
    let log = open(from.path());
    append(&log, 1_000);
    let position = all(&log)[20].position;
    let file = from.path().join(format!("{:016x}.log", position.segment));
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[usize::try_from(position.offset).unwrap() + 100] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    std::fs::remove_file(from.path().join(format!("{:016x}.log", 4))).unwrap();
    let backup = taken(&log, None, 1);
    let there = log.verify().unwrap();
    let restored = restored(&backup, to.path(), None).unwrap();
    assert_eq!(restored.verified.damage, there.damage);
    assert!(there.damage.len() > 1);
}

fn beside(name: &str, bytes: &'static [u8]) -> Beside {
    Beside { name: name.to_owned(), length: u64::try_from(bytes.len()).unwrap(), bytes: Box::new(bytes) }
}

#[test]
fn files_beside_the_log_come_back_and_none_leads_out_of_it() {
    let (from, to) = (Folder::new("files-from"), Folder::new("files-to"));
    let log = open(from.path());
    append(&log, 10);
    let secrets = Secrets { key: &KEY, entropy: &[3; 32] };
    let large: &'static [u8] = vec![5; 3 << 20].leak();
    let taken = |name: &'static str| {
        let mut file = Vec::new();
        let mut files = || Ok(vec![beside("empty", b""), beside(name, large), beside("keys/one.key", b"secret")]);
        backup_with(&log, None, &mut files, &mut file, secrets, None, &mut |_, _| {}).map(|backup| (file, backup))
    };
    let (file, backup) = taken("large").unwrap();
    assert_eq!((backup.files, check(&mut &file[..], &KEY, &mut |_, _| {}).unwrap()), (3, backup));
    assert!(!file.windows(6).any(|window| window == b"secret"));
    let mut found = std::collections::BTreeMap::<String, Vec<u8>>::new();
    let mut take = |name: &str, at: u64, bytes: &[u8]| {
        let file = found.entry(name.to_owned()).or_default();
        assert_eq!(u64::try_from(file.len()).unwrap(), at);
        file.extend_from_slice(bytes);
        Ok(())
    };
    let disk = Arc::new(RealDisk::open(to.path()).unwrap());
    restore_with(&mut &file[..], &KEY, &disk, None, &mut take, &mut |_, _| {}).unwrap();
    let wanted = [("empty", &b""[..]), ("keys/one.key", b"secret"), ("large", large)];
    assert_eq!(found, wanted.into_iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect());
    for name in ["", "..", "../out", "/out", "keys/../../out", "keys//out", "a\\b", "nul\0"] {
        assert!(matches!(taken(name), Err(BackupError::File { .. })), "{name}");
    }
    let cut = check(&mut &file[..file.len() - 1], &KEY, &mut |_, _| {}).unwrap_err();
    assert!(matches!(cut, BackupError::Damaged { .. }));
}

#[test]
fn a_backup_of_version_1_restores() {
    let file = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/version-1.backup")).unwrap();
    assert_eq!(file[0], 1);
    let (to, records) = (Folder::new("version-1"), Memory::default());
    let restored = restored(&file, to.path(), Some(&records)).unwrap();
    assert_eq!((restored.backup.rows, restored.verified.entries, restored.backup.files), (20, 30, 0));
    assert_eq!(all(&open(to.path())).len(), 30);
}

/// A segment with the last number that there is: the one after it was counted.
#[test]
fn a_log_that_says_that_it_has_every_segment_is_refused() {
    let pieces = [
        0x02, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x31, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0x03, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x31, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x5b,
    ];
    let mut file = Vec::new();
    let mut sealed = SealedWriter::new(&mut file, Secrets { key: &KEY, entropy: &[2; 32] }, b"every").unwrap();
    sealed.write(&pieces).unwrap();
    sealed.finish().unwrap();
    let folder = Folder::new("every-segment");
    let refused = restored(&file, folder.path(), None).unwrap_err();
    assert!(refused.to_string().contains("last number"), "{refused}");
}
