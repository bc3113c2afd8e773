//! Following a log: all of it, in its order, from any place on.

#![allow(clippy::unwrap_used)]

mod support {
    pub(crate) mod folder;
}

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use store::{Entry, EntryRef, Log, Loss, Options, Position, ReadError, RealDisk};
use support::folder::Folder;

fn open(path: &Path) -> Log<RealDisk> {
    let options = Options { segment_bytes: 16 * 1_024, ..Options::default() };
    Log::open(RealDisk::open(path).unwrap(), options).unwrap().0
}

/// Batches of three shards, of one to four entries, over some segments.
fn fill(log: &Log<RealDisk>, batches: u64) -> Vec<Position> {
    let batch = |number: u64| {
        let shard = u32::try_from(number * 7 % 3).unwrap();
        let bytes = number.to_le_bytes().repeat(40);
        let entries = vec![EntryRef { block: number % 5, bytes: &bytes }; usize::try_from(1 + number % 4).unwrap()];
        log.append(shard, log.shard(shard).next, 1, &entries).unwrap()
    };
    (0..batches).map(batch).collect()
}

fn all(log: &Log<RealDisk>, from: Option<Position>) -> Vec<Entry> {
    log.tail(from).map(Result::unwrap).collect()
}

/// By shard, as the readers give them.
fn shards(log: &Log<RealDisk>) -> BTreeMap<u32, Vec<Entry>> {
    (0..3).map(|shard| (shard, log.read(shard, 0).map(Result::unwrap).collect())).collect()
}

#[test]
fn a_tail_is_the_merge_of_the_shards_and_of_any_place_its_rest() {
    let folder = Folder::new("tail");
    let mut positions = Vec::new();
    for _ in 0..3 {
        let log = open(folder.path());
        positions.extend(fill(&log, 100));
        let whole = all(&log, None);
        let mut merged = BTreeMap::<u32, Vec<Entry>>::new();
        for entry in &whole {
            merged.entry(entry.shard).or_default().push(entry.clone());
        }
        assert_eq!(merged, shards(&log));
        assert!(whole.is_sorted_by_key(|entry| entry.position));
        for position in &positions {
            let rest = whole.iter().position(|entry| entry.position == *position).unwrap();
            assert_eq!(all(&log, Some(*position)), whole[rest..], "{position:?}");
        }
        assert_eq!(all(&log, Some(log.end())), []);
    }
    assert!(positions.last().unwrap().segment > 5);
}

#[test]
fn a_tail_goes_on_where_it_ended() {
    let folder = Folder::new("follow");
    let log = open(folder.path());
    let (mut tail, mut late) = (log.tail(None), log.tail(Some(log.end())));
    let mut seen = Vec::new();
    assert!(!tail.refresh() && tail.next().is_none());
    for round in 0..60 {
        fill(&log, round % 7);
        // Without a refresh there is nothing new.
        assert!(tail.next().is_none());
        assert_eq!(tail.refresh(), round % 7 > 0);
        seen.extend(tail.by_ref().map(Result::unwrap));
        assert_eq!(seen.last().map(|entry| entry.sequence), all(&log, None).last().map(|entry| entry.sequence));
    }
    assert!(log.end().segment > 3);
    assert_eq!(seen, all(&log, None));
    // One who was asleep all the while finds the same.
    assert!(late.refresh());
    assert_eq!(late.map(Result::unwrap).collect::<Vec<_>>(), seen);
}

#[test]
fn who_waits_is_woken_by_the_next_group_or_by_his_time() {
    let folder = Folder::new("wait");
    let log = open(folder.path());
    let end = log.end();
    assert_eq!(log.wait(end, Duration::from_millis(1)), end);
    let later = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| log.wait(end, Duration::from_secs(600)));
        fill(&log, 1);
        waiter.join().unwrap()
    });
    assert!(later > end && later == log.end());
}

#[test]
fn a_follower_in_a_thread_sees_everything_once() {
    let folder = Folder::new("thread");
    let log = open(folder.path());
    let mut tail = log.tail(None);
    let seen = std::thread::scope(|scope| {
        let writer = scope.spawn(|| fill(&log, 400));
        let mut seen = Vec::new();
        let mut end = Position { segment: 1, offset: 0 };
        loop {
            let done = writer.is_finished();
            end = log.wait(end, Duration::from_millis(20));
            tail.refresh();
            seen.extend(tail.by_ref().map(Result::unwrap));
            if done {
                return seen;
            }
        }
    });
    assert_eq!(seen, all(&log, None));
}

#[test]
fn who_reads_while_it_is_pruned_is_told_of_no_damage() {
    let folder = Folder::new("pruning");
    let log = open(folder.path());
    let told = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..40 {
                fill(&log, 20);
                log.prune(log.end()).unwrap();
            }
        });
        let mut told = 0;
        while !writer.is_finished() {
            let mut next = BTreeMap::from([(0, 0), (1, 0), (2, 0)]);
            for entry in log.tail(None) {
                match entry {
                    Ok(entry) => assert!(next.insert(entry.shard, entry.sequence + 1) <= Some(entry.sequence)),
                    Err(ReadError::Pruned { .. }) => told += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            let mut next = 0;
            for entry in log.read(1, 0) {
                match entry {
                    Ok(entry) => {
                        assert!(entry.sequence >= next);
                        next = entry.sequence + 1;
                    }
                    Err(ReadError::Pruned { .. }) => told += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            assert_eq!(log.verify().unwrap().damage, []);
        }
        told
    });
    assert!(told > 0);
}

#[test]
fn a_tail_tells_damage_in_its_place() {
    let folder = Folder::new("tail-damage");
    let log = open(folder.path());
    let positions = fill(&log, 200);
    let whole = all(&log, None);
    // A flipped bit in a payload; a stretch of nothing; a segment that is gone.
    let file = |segment: u64| folder.path().join(format!("{segment:016x}.log"));
    let of = |segment: u64| *positions.iter().filter(|position| position.segment == segment).nth(3).unwrap();
    let mut bytes = std::fs::read(file(1)).unwrap();
    bytes[usize::try_from(of(1).offset).unwrap() + 200] ^= 4;
    std::fs::write(file(1), bytes).unwrap();
    let mut bytes = std::fs::read(file(2)).unwrap();
    bytes[usize::try_from(of(2).offset).unwrap()..][..3_000].fill(0x77);
    std::fs::write(file(2), bytes).unwrap();
    std::fs::remove_file(file(3)).unwrap();

    let (mut served, mut told) = (Vec::new(), Vec::new());
    for entry in log.tail(None) {
        match entry {
            Ok(entry) => served.push(entry),
            Err(ReadError::Damaged(damage)) => told.push(damage),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(served.iter().all(|entry| whole.contains(entry)) && served.is_sorted_by_key(|entry| entry.position));
    // Nothing is missing that was not told.
    let mut lost: usize = 0;
    for damage in &told {
        match damage.what {
            Loss::Entry { .. } => lost += 1,
            Loss::Entries { first, last, .. } => lost += usize::try_from(last - first + 1).unwrap(),
            Loss::Unknown | Loss::Segment | Loss::Copy | Loss::Mark => {}
        }
    }
    assert_eq!(served.len() + lost, whole.len(), "{told:?}");
    let has = |what: fn(&Loss) -> bool| told.iter().any(|damage| what(&damage.what));
    assert!(has(|loss| matches!(loss, Loss::Entry { .. })) && has(|loss| matches!(loss, Loss::Entries { .. })));
    assert!(has(|loss| matches!(loss, Loss::Unknown)) && has(|loss| matches!(loss, Loss::Segment)));
}

#[test]
fn a_tail_from_nowhere_says_so() {
    let folder = Folder::new("nowhere");
    let log = open(folder.path());
    fill(&log, 5);
    let beyond = Position { segment: 1, offset: log.end().offset + 8 };
    let answers: Vec<_> = log.tail(Some(beyond)).collect();
    assert!(matches!(answers[..], [Err(ReadError::NoEntry { segment: 1, .. })]), "{answers:?}");
    let within = Position { segment: 1, offset: log.end().offset - 8 };
    assert!(matches!(log.tail(Some(within)).next(), Some(Err(ReadError::Damaged(_)))));
}
