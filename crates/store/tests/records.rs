//! Records: one behaviour, whichever engine answers, and batches that are
//! there wholly or not at all.

#![allow(clippy::unwrap_used)]

mod support {
    pub(crate) mod folder;
}

use proptest::prelude::*;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use store::{Batch, FjallRecords, MAX_KEY, MAX_VALUE, MAX_WRITE, Memory, Records, RecordsError, Space};
use support::folder::Folder;

const LEFT: Space = Space("left");
const RIGHT: Space = Space("right");
const CACHE: u64 = 1 << 20;

fn fjall(folder: &Folder) -> FjallRecords {
    FjallRecords::open(folder.path(), &[LEFT, RIGHT], CACHE).unwrap()
}

/// On both engines.
fn both(name: &str, test: impl Fn(&dyn Records)) {
    let folder = Folder::new(name);
    test(&Memory::default());
    test(&fjall(&folder));
}

fn puts(rows: &[(&str, &str)]) -> Batch {
    let mut batch = Batch::default();
    for (key, value) in rows {
        batch.put(LEFT, *key, *value);
    }
    batch
}

fn row(key: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (key.into(), value.into())
}

#[test]
fn ranges_are_half_open_ascending_and_bounded() {
    both("ranges", |records| {
        records.write(puts(&[("b", "2"), ("a", "1"), ("c", "3"), ("aa", "4")])).unwrap();
        let all = [row("a", "1"), row("aa", "4"), row("b", "2"), row("c", "3")];
        assert_eq!(records.scan(LEFT, b"", None, 9).unwrap(), all);
        assert_eq!(records.scan(LEFT, b"a", Some(b"b"), 9).unwrap(), all[..2]);
        assert_eq!(records.scan(LEFT, b"aa", None, 2).unwrap(), all[1..3]);
        assert_eq!(records.scan(LEFT, b"b", Some(b"b"), 9).unwrap(), []);
        assert_eq!(records.scan(LEFT, b"c", Some(b"a"), 9).unwrap(), []);
        assert_eq!(records.scan(LEFT, b"", None, 0).unwrap(), []);
        assert_eq!(records.scan(RIGHT, b"", None, 9).unwrap(), []);
        assert_eq!(records.last(LEFT, b"", None).unwrap(), Some(row("c", "3")));
        assert_eq!(records.last(LEFT, b"", Some(b"c")).unwrap(), Some(row("b", "2")));
        assert_eq!(records.last(LEFT, b"ab", Some(b"b")).unwrap(), None);
        assert_eq!(records.last(LEFT, b"c", Some(b"a")).unwrap(), None);
    });
}

#[test]
fn the_last_write_of_a_key_wins() {
    both("last", |records| {
        let mut batch = puts(&[("a", "1"), ("b", "1")]);
        batch.delete(LEFT, "a");
        batch.put(LEFT, "b", "2");
        batch.delete(LEFT, "c");
        batch.put(LEFT, "c", "3");
        batch.put(RIGHT, "a", "4");
        assert_eq!((batch.len(), batch.is_empty()), (7, false));
        records.write(batch).unwrap();
        assert_eq!(records.get(LEFT, b"a").unwrap(), None);
        assert_eq!(records.get(LEFT, b"b").unwrap(), Some(b"2".to_vec()));
        assert_eq!(records.get(LEFT, b"c").unwrap(), Some(b"3".to_vec()));
        assert_eq!(records.get(RIGHT, b"a").unwrap(), Some(b"4".to_vec()));
    });
}

#[test]
fn what_is_too_long_is_refused_whole() {
    both("limits", |records| {
        for (key, value) in [(0, 1), (MAX_KEY + 1, 1), (1, MAX_VALUE + 1)] {
            let mut batch = puts(&[("a", "1")]);
            batch.put(LEFT, vec![1; key], vec![1; value]);
            let error = records.write(batch).unwrap_err();
            assert!(matches!(error, RecordsError::Key { .. } | RecordsError::Value { .. }), "{error}");
            assert!(!error.is_retryable());
        }
        let mut batch = puts(&[("a", "1")]);
        while batch.bytes() <= MAX_WRITE {
            batch.put(LEFT, batch.len().to_le_bytes(), vec![1; MAX_VALUE]);
        }
        assert!(matches!(records.write(batch), Err(RecordsError::Batch { .. })));
        assert!(matches!(records.get(LEFT, b""), Err(RecordsError::Key { .. })));
        assert_eq!(records.scan(LEFT, b"", None, 9).unwrap(), []);
        let mut batch = Batch::default();
        batch.put(LEFT, vec![7; MAX_KEY], vec![1; MAX_VALUE]);
        records.write(batch).unwrap();
        assert_eq!(records.get(LEFT, &[7; MAX_KEY]).unwrap().unwrap().len(), MAX_VALUE);
    });
}

#[test]
fn a_space_has_to_be_named_and_a_directory_has_one_user() {
    let folder = Folder::new("space");
    let records = fjall(&folder);
    let mut batch = puts(&[("a", "1")]);
    batch.put(Space("other"), "a", "1");
    assert!(matches!(records.write(batch), Err(RecordsError::Space { space: "other" })));
    assert_eq!(records.get(LEFT, b"a").unwrap(), None);
    let second = FjallRecords::open(folder.path(), &[LEFT], CACHE).err().unwrap();
    assert!(matches!(second, RecordsError::Locked { .. }) && second.is_retryable(), "{second}");
    drop(records);
    fjall(&folder);
}

#[test]
fn a_reader_never_sees_half_a_batch() {
    let folder = Folder::new("half");
    let records = fjall(&folder);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 0..3_000_u64 {
                let mut batch = Batch::default();
                // Applied in the order of their keys, so that a reader who
                // sees a new one looks next at one that is not there yet.
                batch.put(LEFT, "a", number.to_be_bytes());
                for filler in 0..16_u64 {
                    batch.put(LEFT, [b"b", &filler.to_be_bytes()[..]].concat(), vec![0; 64]);
                }
                batch.put(RIGHT, "z", number.to_be_bytes());
                records.write(batch).unwrap();
            }
        });
        while !writer.is_finished() {
            let first = records.get(LEFT, b"a").unwrap();
            let second = records.get(RIGHT, b"z").unwrap();
            assert!(first <= second, "{first:?} was seen, and then {second:?}");
        }
    });
}

#[derive(Debug, Clone)]
enum Op {
    Write(Vec<(bool, Vec<u8>, Option<Vec<u8>>)>),
    Get(bool, Vec<u8>),
    Scan(bool, Vec<u8>, Option<Vec<u8>>, usize),
    Last(bool, Vec<u8>, Option<Vec<u8>>),
    Persist,
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    // Few letters, so that keys meet, are prefixes of each other, and are empty.
    let key = || prop::collection::vec(0..3_u8, 0..4);
    let value = || prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..8));
    prop_oneof![
        6 => prop::collection::vec((any::<bool>(), key(), value()), 0..8).prop_map(Op::Write),
        3 => (any::<bool>(), key()).prop_map(|(space, key)| Op::Get(space, key)),
        3 => (any::<bool>(), key(), prop::option::of(key()), 0..9_usize)
            .prop_map(|(space, from, to, most)| Op::Scan(space, from, to, most)),
        3 => (any::<bool>(), key(), prop::option::of(key())).prop_map(|(space, from, to)| Op::Last(space, from, to)),
        1 => Just(Op::Persist),
        1 => Just(Op::Reopen),
    ]
}

/// What an engine answers, in words that can be compared.
fn answer(records: &dyn Records, op: &Op) -> String {
    let space = |left: &bool| if *left { LEFT } else { RIGHT };
    match op {
        Op::Write(writes) => {
            let mut batch = Batch::default();
            for (left, key, value) in writes {
                match value {
                    Some(value) => batch.put(space(left), key.clone(), value.clone()),
                    None => batch.delete(space(left), key.clone()),
                }
            }
            format!("{:?}", records.write(batch))
        }
        Op::Get(left, key) => format!("{:?}", records.get(space(left), key)),
        Op::Scan(left, from, to, most) => format!("{:?}", records.scan(space(left), from, to.as_deref(), *most)),
        Op::Last(left, from, to) => format!("{:?}", records.last(space(left), from, to.as_deref())),
        Op::Persist | Op::Reopen => format!("{:?}", records.persist()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn both_engines_answer_alike(ops in prop::collection::vec(op(), 1..60)) {
        let folder = Folder::new("alike");
        let model = Memory::default();
        let mut records = fjall(&folder);
        for op in ops {
            prop_assert_eq!(answer(&records, &op), answer(&model, &op), "{:?}", op);
            if matches!(op, Op::Reopen) {
                drop(records);
                records = fjall(&folder);
            }
        }
        for space in [LEFT, RIGHT] {
            prop_assert_eq!(
                records.scan(space, b"", None, usize::MAX).unwrap(),
                model.scan(space, b"", None, usize::MAX).unwrap()
            );
        }
    }
}

/// How often the child is killed here; the nightly profile says `MYCEL_KILLS`.
const KILLS: u64 = 10;

#[test]
fn a_killed_writer_leaves_whole_batches_from_the_first_on() {
    let folder = Folder::new("kill-records");
    let rounds = std::env::var("MYCEL_KILLS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(KILLS);
    let mut written = 0;
    for round in 0..rounds {
        let mut child = Command::new(env!("CARGO_BIN_EXE_write-for-ever"))
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let count = usize::try_from(1 + round * 137 % 900).unwrap();
        let said: Vec<_> = lines.by_ref().take(count).map(Result::unwrap).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        let rest = lines.map_while(Result::ok);
        let last = said.into_iter().chain(rest).filter_map(|line| line.strip_suffix('.')?.parse().ok()).last();
        written = last.unwrap_or(written);

        let records = fjall(&folder);
        let next = records.get(LEFT, b"next").unwrap().unwrap();
        let next = u64::from_le_bytes(next.try_into().unwrap());
        // The page cache outlives a process, so here nothing at all is lost.
        assert!(next >= written, "round {round}: {next} of {written} batches");
        let mut keys = Vec::new();
        for number in 0..next {
            keys.extend((0..1 + number % 5).map(|part| [number.to_be_bytes(), part.to_be_bytes()].concat()));
        }
        let of = |space| -> Vec<_> {
            let rows = records.scan(space, b"", Some(b"n"), usize::MAX).unwrap();
            rows.into_iter().map(|(key, _)| key).collect()
        };
        assert!(of(LEFT) == keys, "round {round}: half a batch on the left");
        assert!(of(RIGHT) == keys, "round {round}: half a batch on the right");
    }
    assert!(written > rounds);
}

/// What a power cut does to a journal: pages of what was not synced are zeros,
/// or were never written, while later ones are there.
#[test]
fn a_torn_journal_keeps_what_was_persisted() {
    let mut cut = 0;
    for round in 0..8_u64 {
        let folder = Folder::new("torn");
        let records = fjall(&folder);
        let write = |number: u64| {
            let mut batch = Batch::default();
            for part in 0..3_u64 {
                batch.put(LEFT, [number.to_be_bytes(), part.to_be_bytes()].concat(), vec![5; 20_000]);
                batch.put(RIGHT, [number.to_be_bytes(), part.to_be_bytes()].concat(), vec![6; 100]);
            }
            batch.put(LEFT, b"next", (number + 1).to_le_bytes());
            records.write(batch).unwrap();
        };
        (0..20).for_each(write);
        records.persist().unwrap();
        let journal = folder.path().join("0.jnl");
        let used = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let synced = used(&std::fs::read(&journal).unwrap());
        (20..40).for_each(write);
        // The process must not close it: a copy is what the cut leaves.
        let copy = Folder::new("torn-copy");
        let status = Command::new("cp").arg("-r").arg(folder.path().join(".")).arg(copy.path()).status().unwrap();
        assert!(status.success());
        let journal = copy.path().join("0.jnl");
        let mut bytes = std::fs::read(&journal).unwrap();
        let end = used(&bytes);
        let page = usize::try_from(round).unwrap() * 4_096 + synced.next_multiple_of(4_096);
        if page < end {
            bytes[page..(page + 4_096).min(end)].fill(0);
        }
        std::fs::write(&journal, bytes).unwrap();
        let again = fjall(&copy);
        cut += u32::from(again.cut().is_some());
        let next = again.get(LEFT, b"next").unwrap().unwrap();
        let next = u64::from_le_bytes(next.try_into().unwrap());
        assert!((20..=40).contains(&next), "round {round}: {next}");
        let rows = again.scan(LEFT, b"", Some(b"n"), usize::MAX).unwrap().len();
        assert_eq!(rows, usize::try_from(next * 3).unwrap(), "round {round}");
    }
    assert!(cut > 0, "the engine opens what is torn by itself: records/mend.rs may go");
}
