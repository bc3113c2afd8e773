//! The log on a real disk: its answers, its one writer, and kill -9.

#![allow(clippy::unwrap_used)]

mod support {
    pub(crate) mod folder;
}

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use store::{AppendError, Barrier, Disk, EntryRef, Log, OpenError, Options, ReadError, RealDisk, ShardState};
use support::folder::Folder;

fn open(path: &Path, options: Options) -> Log<RealDisk> {
    let (log, recovery) = Log::open(RealDisk::open(path).unwrap(), options).unwrap();
    assert_eq!(recovery.damage, []);
    log
}

fn small() -> Options {
    Options { segment_bytes: 16 * 1_024, ..Options::default() }
}

fn one(bytes: &[u8]) -> [EntryRef<'_>; 1] {
    [EntryRef { block: 3, bytes }]
}

#[test]
fn what_was_appended_is_read_over_segments_and_starts() {
    let folder = Folder::new("read");
    for start in 0..4_u64 {
        let log = open(folder.path(), small());
        assert_eq!(log.shard(9).next, start * 100);
        for sequence in start * 100..(start + 1) * 100 {
            let bytes = sequence.to_le_bytes().repeat(40);
            let position = log.append(9, sequence, 1, &one(&bytes)).unwrap();
            assert_eq!(log.entry(position, sequence).unwrap().bytes, bytes);
            assert!(matches!(log.entry(position, sequence + 1), Err(ReadError::NoEntry { .. })));
        }
        for from in [0, 1, start * 100, start * 100 + 99] {
            let read: Vec<_> = log.read(9, from).map(|entry| entry.unwrap().sequence).collect();
            assert_eq!(read, (from..(start + 1) * 100).collect::<Vec<_>>());
        }
        let verified = log.verify().unwrap();
        assert_eq!((verified.entries, verified.damage), ((start + 1) * 100, vec![]));
        assert!(start == 0 || verified.segments > 5);
    }
}

#[test]
fn only_the_next_sequence_and_the_newest_epoch_may_write() {
    let folder = Folder::new("fence");
    let log = open(folder.path(), small());
    log.append(1, 0, 5, &one(b"a")).unwrap();
    let sequence = |expected, next| Err(AppendError::Sequence { shard: 1, expected, next });
    assert_eq!(log.append(1, 0, 5, &one(b"b")), sequence(0, 1));
    assert_eq!(log.append(1, 2, 5, &one(b"b")), sequence(2, 1));
    assert_eq!(log.append(1, 1, 4, &one(b"b")), Err(AppendError::Epoch { shard: 1, epoch: 4, newest: 5 }));
    assert_eq!(log.append(1, 1, 5, &[]), Err(AppendError::Empty));
    log.seal(1, 1, 5).unwrap();
    assert_eq!(log.append(1, 1, 5, &one(b"b")), Err(AppendError::Sealed { shard: 1, epoch: 5 }));
    drop(log);
    // A seal outlives the process.
    let log = open(folder.path(), small());
    assert_eq!(log.shard(1), ShardState { next: 1, epoch: 5, sealed: true });
    assert_eq!(log.append(1, 1, 5, &one(b"b")), Err(AppendError::Sealed { shard: 1, epoch: 5 }));
    log.append(1, 1, 6, &one(b"b")).unwrap();
    let long = vec![0; 20_000];
    assert!(matches!(log.append(1, 2, 6, &one(&long)), Err(AppendError::TooLong { .. })));
    log.append(1, 2, 6, &one(b"c")).unwrap();
}

#[test]
fn appends_of_one_caller_keep_their_order_in_flight() {
    let folder = Folder::new("flight");
    let log = open(folder.path(), Options::default());
    let tickets: Vec<_> = (0..1_000).map(|sequence| log.submit(2, sequence, 1, &one(b"x")).unwrap()).collect();
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    assert_eq!(log.read(2, 0).count(), 1_000);
}

#[test]
fn a_full_queue_is_an_answer() {
    let folder = Folder::new("busy");
    let log = open(folder.path(), Options { queue_appends: 4, ..Options::default() });
    let (mut taken, mut refused) = (Vec::new(), 0);
    for shard in 0..2_000 {
        match log.submit(shard, 0, 1, &one(b"x")) {
            Ok(ticket) => taken.push(ticket),
            Err(error) => {
                assert!(matches!(error, AppendError::Busy { waiting: 4 }) && error.is_retryable());
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
    for ticket in taken {
        ticket.wait().unwrap();
    }
}

#[test]
fn a_second_writer_is_refused() {
    let folder = Folder::new("lock");
    let log = open(folder.path(), small());
    let again = Log::open(RealDisk::open(folder.path()).unwrap(), small());
    let error = again.err().expect("two writers");
    assert!(matches!(error, OpenError::Locked { .. }) && error.is_retryable());
    assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    drop(log);
    open(folder.path(), small());
}

#[test]
fn a_directory_of_version_1_opens() {
    let folder = Folder::new("version");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/version-1");
    for file in std::fs::read_dir(&fixture).expect("the fixture is part of the repository") {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    let log = open(folder.path(), Options { segment_bytes: 4_096, ..Options::default() });
    let texts: Vec<_> = log.read(7, 0).map(|entry| String::from_utf8(entry.unwrap().bytes).unwrap()).collect();
    assert_eq!(
        texts,
        (0..12).map(|number| format!("entry {number} {}", "of version 1 ".repeat(30))).collect::<Vec<_>>()
    );
    assert_eq!(log.shard(8), ShardState { next: 2, epoch: 4, sealed: true });
    assert_eq!(log.verify().unwrap().damage, []);
    log.append(7, 12, 1, &one(b"and on")).unwrap();
}

#[test]
fn a_later_version_is_refused() {
    let folder = Folder::new("newer");
    drop(open(folder.path(), small()));
    let file = folder.path().join("0000000000000001.log");
    let mut bytes = std::fs::read(&file).unwrap();
    (bytes[0], bytes[512]) = (2, 2);
    std::fs::write(&file, bytes).unwrap();
    let again = Log::open(RealDisk::open(folder.path()).unwrap(), small());
    assert!(matches!(again.err(), Some(OpenError::Newer { version: 2, known: 1, .. })));
}

#[test]
fn the_real_disk_renames_and_removes() {
    let folder = Folder::new("disk");
    let disk = RealDisk::open(&folder.path().join("a/b")).unwrap();
    let file = disk.create("one").unwrap();
    assert!(disk.create("one").is_err());
    disk.allocate(&file, 8_192).unwrap();
    disk.write_at(&file, 8_000, &[7; 300]).unwrap();
    disk.sync_data(&file, Barrier::Group).unwrap();
    disk.rename("one", "two").unwrap();
    disk.sync_dir(Barrier::Name).unwrap();
    let mut bytes = [1; 400];
    let file = disk.open("two").unwrap();
    assert_eq!((disk.len(&file).unwrap(), disk.read_at(&file, 7_990, &mut bytes).unwrap()), (8_300, 310));
    assert_eq!((bytes[9], bytes[10], bytes[309]), (0, 7, 7));
    assert_eq!(disk.list().unwrap(), ["two"]);
    disk.remove("two").unwrap();
    assert!(disk.list().unwrap().is_empty());
}

/// How often the child is killed; `MYCEL_KILLS=1000` for a night.
const KILLS: u32 = 20;

#[test]
fn what_was_acknowledged_survives_kill_9() {
    kill(&Folder::new("kill"), &[]);
}

#[test]
fn what_is_pruned_and_killed_keeps_its_end() {
    let folder = Folder::new("kill-prune");
    kill(&folder, &["prune"]);
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.filter(|name| name.to_string_lossy().ends_with(".log")).count() < 6);
}

fn kill(folder: &Folder, arguments: &[&str]) {
    let rounds = std::env::var("MYCEL_KILLS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(KILLS);
    let mut acknowledged = BTreeMap::new();
    for round in 0..rounds {
        let mut child = Command::new(env!("CARGO_BIN_EXE_append-for-ever"))
            .arg(folder.path())
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Killed after so many acknowledgements: wherever it then is.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.by_ref().take(usize::try_from(1 + round * 37 % 400).unwrap()) {
            note(&line.unwrap(), &mut acknowledged);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said before it died counts too.
        lines.map_while(Result::ok).for_each(|line| note(&line, &mut acknowledged));
        let log = open(folder.path(), Options { segment_bytes: 64 * 1_024, ..Options::default() });
        for (shard, next) in &acknowledged {
            assert!(log.shard(*shard).next >= *next, "round {round}: shard {shard} lost entries");
            let mut entries = log.read(*shard, 0).peekable();
            let pruned = entries.next_if(|entry| matches!(entry, Err(ReadError::Pruned { .. })));
            assert!(pruned.is_none() || !arguments.is_empty());
            let first = entries.peek().map_or(*next, |entry| entry.as_ref().unwrap().sequence);
            assert!(first == 0 || pruned.is_some());
            for (sequence, entry) in (first..).zip(entries) {
                let entry = entry.unwrap();
                assert_eq!((entry.sequence, &entry.bytes[..8]), (sequence, &sequence.to_le_bytes()[..]));
            }
        }
    }
    assert!(acknowledged.values().sum::<u64>() > u64::from(rounds));
}

/// "shard next": everything below is acknowledged.
fn note(line: &str, acknowledged: &mut BTreeMap<u32, u64>) {
    // The last line may be cut off by the kill; whole ones end in a dot.
    let Some((shard, next)) = line.strip_suffix('.').and_then(|line| line.split_once(' ')) else {
        return;
    };
    acknowledged.insert(shard.parse().unwrap(), next.parse().unwrap());
}
