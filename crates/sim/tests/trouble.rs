//! The log on a disk that is full or fails, and the virtual disk itself.

#![allow(clippy::unwrap_used)]

use sim::{Op, VirtualDisk};
use std::sync::Arc;
use store::{AppendError, Barrier, Disk, EntryRef, Left, Loss, OpenError, Options, Position, ReadError, Writer};

const SEGMENT: u64 = 4_096;

fn options() -> Options {
    Options { segment_bytes: SEGMENT, ..Options::default() }
}

fn open(disk: &VirtualDisk) -> Result<Writer<VirtualDisk, u64>, OpenError> {
    Writer::open(Arc::new(disk.clone()), options()).map(|(writer, recovery)| {
        assert_eq!(recovery.damage, []);
        writer
    })
}

fn append(writer: &mut Writer<VirtualDisk, u64>, sequence: u64) -> Result<Position, AppendError> {
    let bytes = [u8::try_from(sequence % 250).unwrap() + 1; 200];
    writer.submit(0, 0, sequence, 1, &[EntryRef { block: sequence % 3, bytes: &bytes }]).unwrap();
    let mut answer = None;
    writer.commit(|_, given| answer = Some(given));
    writer.prepare();
    answer.unwrap()
}

#[test]
fn a_full_disk_is_an_answer_and_recovers() {
    let disk = VirtualDisk::new(1);
    let mut writer = open(&disk).unwrap();
    disk.faults(|faults| faults.capacity = Some(3 * SEGMENT));
    let mut next = 0;
    let full = loop {
        match append(&mut writer, next) {
            Ok(_) => next += 1,
            Err(error) => break error,
        }
    };
    assert!(next > 20 && full == AppendError::Full && full.is_retryable());
    for _ in 0..10 {
        assert_eq!(append(&mut writer, next), Err(AppendError::Full));
    }
    assert_eq!(writer.failure(), None);
    assert_eq!(writer.read(0, 0).filter(Result::is_ok).count(), usize::try_from(next).unwrap());
    // It survives a crash while it is full, and goes on when it no longer is.
    drop(writer);
    disk.crash();
    let mut writer = open(&disk).unwrap();
    assert_eq!(append(&mut writer, next), Err(AppendError::Full));
    disk.faults(|faults| faults.capacity = None);
    for more in next..next + 40 {
        append(&mut writer, more).unwrap();
    }
    let sequences: Vec<_> = writer.read(0, 0).map(|entry| entry.unwrap().sequence).collect();
    assert_eq!(sequences, (0..next + 40).collect::<Vec<_>>());
}

#[test]
fn a_full_quota_is_an_answer_and_recovers_when_the_log_is_pruned() {
    let disk = VirtualDisk::new(1);
    let options = Options { quota_bytes: Some(3 * SEGMENT), ..options() };
    let mut writer = Writer::<_, u64>::open(Arc::new(disk.clone()), options).unwrap().0;
    let mut positions = Vec::new();
    for round in 0..4 {
        let full = loop {
            match append(&mut writer, u64::try_from(positions.len()).unwrap()) {
                Ok(position) => positions.push(position),
                Err(error) => break error,
            }
        };
        assert!(full == AppendError::Quota { limit: 3 * SEGMENT } && full.is_retryable());
        let used = disk.list().unwrap().iter().filter(|name| name.ends_with(".log")).count();
        assert_eq!((used, writer.failure()), (3, None), "round {round}");
        let all: Vec<_> = writer.tail(None).map(|entry| entry.unwrap().position).collect();
        let below = positions[positions.len() - 2 * all.len() / 3];
        assert_eq!(writer.prune(below).unwrap().first, below.segment);
        let rest: Vec<_> = writer.tail(None).map(|entry| entry.unwrap().position).collect();
        assert!(rest.len() < all.len() && all.ends_with(&rest) && rest[0].segment == below.segment);
    }
    let next = u64::try_from(positions.len()).unwrap();
    append(&mut writer, next).unwrap();
    assert_eq!(writer.verify().unwrap().damage, []);
}

#[test]
fn what_was_pruned_is_told_as_that_and_what_is_lost_as_damage() {
    let disk = VirtualDisk::new(1);
    let mut writer = open(&disk).unwrap();
    let positions: Vec<_> = (0..80).map(|sequence| append(&mut writer, sequence).unwrap()).collect();
    let (old, kept) = (positions[3], positions[45]);
    assert!(old.segment < kept.segment);
    let (mut reading, mut following) = (writer.read(0, 0), writer.tail(None));
    reading.next().unwrap().unwrap();
    following.next().unwrap().unwrap();
    let pruned = writer.prune(kept).unwrap();
    assert_eq!((pruned.first, pruned.segments), (kept.segment, kept.segment - 1));
    assert_eq!(pruned.bytes, SEGMENT * pruned.segments);
    assert_eq!(writer.prune(old).unwrap().segments, 0);
    // Those who were reading are told once, and go on behind it.
    for answers in [reading.collect::<Vec<_>>(), following.collect()] {
        let (served, told): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert!(matches!(told[..], [Err(ReadError::Pruned { below })] if below == kept.segment), "{told:?}");
        let last = served.into_iter().last().unwrap().unwrap();
        assert_eq!(last.sequence, 79);
    }
    for _ in 0..2 {
        assert!(matches!(writer.tail(Some(old)).next(), Some(Err(ReadError::Pruned { .. }))));
        let mut answers = writer.read(0, 0);
        assert!(matches!(answers.next(), Some(Err(ReadError::Pruned { below })) if below == kept.segment));
        let rest: Vec<_> = answers.map(|entry| entry.unwrap().sequence).collect();
        assert!(rest.is_sorted() && rest.contains(&45) && rest.last() == Some(&79));
        assert_eq!(
            writer.read(0, 60).map(|entry| entry.unwrap().sequence).collect::<Vec<_>>(),
            (60..80).collect::<Vec<_>>()
        );
        let verified = writer.verify().unwrap();
        assert_eq!((verified.damage, verified.entries), (vec![], u64::try_from(rest.len()).unwrap()));
        drop(writer);
        disk.crash();
        writer = open(&disk).unwrap();
    }
    drop(writer);
    // A removal that the crash took back is done again; a lost segment is told.
    let leftover = disk.create("0000000000000001.log").unwrap();
    disk.allocate(&leftover, SEGMENT).unwrap();
    drop(open(&disk).unwrap());
    assert!(disk.bytes("0000000000000001.log").is_none());
    disk.remove(&format!("{:016x}.log", kept.segment)).unwrap();
    let (writer, recovery) = Writer::<_, u64>::open(Arc::new(disk.clone()), options()).unwrap();
    assert_eq!(recovery.damage[0].what, Loss::Segment);
    assert!(writer.verify().unwrap().damage.iter().any(|damage| damage.what == Loss::Segment));
    drop(writer);
    // Of the mark itself one copy is enough; without both it is told.
    for (offset, what) in [(9, Loss::Copy), (520, Loss::Mark)] {
        disk.flip("pruned", offset, 3);
        let (_, recovery) = Writer::<_, u64>::open(Arc::new(disk.clone()), options()).unwrap();
        assert!(recovery.damage.iter().any(|damage| damage.file == "pruned" && damage.what == what), "{what:?}");
    }
}

#[test]
fn nothing_is_removed_by_a_mark_that_cannot_be_of_these_segments() {
    let disk = VirtualDisk::new(2);
    let mut writer = open(&disk).unwrap();
    for sequence in 0..80 {
        append(&mut writer, sequence).unwrap();
    }
    writer.prune(writer.end()).unwrap();
    drop(writer);
    for name in disk.list().unwrap().iter().filter(|name| name.ends_with(".log")) {
        disk.remove(name).unwrap();
    }
    disk.allocate(&disk.create("0000000000000001.log").unwrap(), SEGMENT).unwrap();
    assert!(matches!(open(&disk).err(), Some(OpenError::Io { .. })));
    assert!(disk.bytes("0000000000000001.log").is_some());
}

#[test]
fn a_log_that_was_closed_says_so_and_its_end_is_never_taken_for_torn() {
    let disk = VirtualDisk::new(1);
    let open = || Writer::<_, u64>::open(Arc::new(disk.clone()), options()).unwrap();
    let (mut writer, recovery) = open();
    assert_eq!(recovery.left, Left::New);
    append(&mut writer, 0).unwrap();
    drop(writer);
    let (mut writer, recovery) = open();
    assert_eq!(recovery.left, Left::Closed);
    let last = append(&mut writer, 1).unwrap();
    std::mem::forget(writer);
    disk.crash();
    let (writer, recovery) = open();
    assert_eq!((recovery.left, recovery.cut), (Left::Killed, None));
    drop(writer);
    disk.crash();
    // Zeros over the last batch are what a tear leaves; here they are damage.
    let file = disk.open("0000000000000001.log").unwrap();
    disk.write_at(&file, last.offset, &[0; 400]).unwrap();
    let (mut writer, recovery) = open();
    assert_eq!((recovery.left, &recovery.cut), (Left::Closed, &None));
    assert!(recovery.damage[0].what == Loss::Unknown && recovery.damage[0].offset == last.offset, "{recovery:?}");
    assert_eq!(recovery.shards[&0].next, 1);
    assert!(append(&mut writer, 1).unwrap() > last);
}

#[test]
fn no_space_for_the_first_segment() {
    let disk = VirtualDisk::new(1);
    disk.faults(|faults| faults.capacity = Some(100));
    assert!(matches!(open(&disk).err(), Some(OpenError::Full { .. })));
    disk.faults(|faults| faults.capacity = None);
    append(&mut open(&disk).unwrap(), 0).unwrap();
}

#[test]
fn a_failed_sync_poisons_the_log_until_it_is_opened_again() {
    for op in [Op::Write, Op::SyncData] {
        let disk = VirtualDisk::new(5);
        let mut writer = open(&disk).unwrap();
        append(&mut writer, 0).unwrap();
        disk.faults(|faults| faults.fails_once = Some(op));
        assert!(matches!(append(&mut writer, 1), Err(AppendError::Unknown { .. })));
        let error = append(&mut writer, 1).unwrap_err();
        assert!(error == AppendError::Poisoned && !error.is_retryable() && writer.failure().is_some());
        drop(writer);
        disk.kill();
        let mut writer = open(&disk).unwrap();
        let next = writer.shards().next().unwrap().1.next;
        append(&mut writer, next).unwrap();
    }
}

#[test]
fn one_failed_read_is_told_and_can_be_tried_again() {
    let disk = VirtualDisk::new(5);
    let mut writer = open(&disk).unwrap();
    append(&mut writer, 0).unwrap();
    disk.faults(|faults| faults.fails_once = Some(Op::Read));
    let error = writer.read(0, 0).next().unwrap().unwrap_err();
    assert!(matches!(error, ReadError::Io { .. }) && error.is_retryable());
    writer.read(0, 0).next().unwrap().unwrap();
}

#[test]
fn a_segment_that_is_lost_is_told() {
    let disk = VirtualDisk::new(5);
    let mut writer = open(&disk).unwrap();
    for sequence in 0..60 {
        append(&mut writer, sequence).unwrap();
    }
    disk.remove("0000000000000002.log").unwrap();
    let damage = writer.verify().unwrap().damage;
    assert!(damage[0].what == Loss::Segment && damage[0].file == "0000000000000002.log");
    assert!(damage.iter().any(|damage| matches!(damage.what, Loss::Entries { shard: 0, .. })), "{damage:?}");
    drop(writer);
    let (writer, recovery) = Writer::<_, u64>::open(Arc::new(disk), options()).unwrap();
    assert_eq!(recovery.damage[0].what, Loss::Segment);
    assert!(writer.read(0, 0).any(|entry| entry.is_err()));
}

#[test]
fn a_lost_sector_touches_only_what_stood_there() {
    for sector in 2..8 {
        let disk = VirtualDisk::new(5);
        let mut writer = open(&disk).unwrap();
        for sequence in 0..60 {
            append(&mut writer, sequence).unwrap();
        }
        drop(writer);
        let file = disk.open("0000000000000001.log").unwrap();
        disk.write_at(&file, sector * 512, &[0x55; 512]).unwrap();
        let writer = open(&disk).unwrap();
        let entries: Vec<_> = writer.read(0, 0).collect();
        let lost = entries.iter().filter(|entry| entry.is_err()).count();
        assert!((1..=4).contains(&lost), "sector {sector}: {lost}");
        let served: Vec<_> = entries.into_iter().filter_map(Result::ok).collect();
        assert!(
            served.len() >= 56
                && served.iter().all(|entry| entry.bytes[0] == u8::try_from(entry.sequence + 1).unwrap())
        );
        assert_ne!(writer.verify().unwrap().damage, []);
    }
}

#[test]
fn names_and_bytes_that_were_not_synced_may_go() {
    let (mut names, mut bytes) = ([0; 2], [0; 2]);
    for seed in 0..200 {
        let disk = VirtualDisk::new(seed);
        let file = disk.create("a").unwrap();
        disk.write_at(&file, 0, &[1; 2_048]).unwrap();
        disk.sync_data(&file, Barrier::Group).unwrap();
        disk.sync_dir(Barrier::Name).unwrap();
        disk.write_at(&file, 512, &[2; 1_024]).unwrap();
        disk.rename("a", "b").unwrap();
        disk.crash();
        let kept = disk.list().unwrap();
        assert_eq!(kept.len(), 1);
        names[usize::from(kept[0] == "b")] += 1;
        let after = disk.bytes(&kept[0]).unwrap();
        assert!(after[..512].iter().chain(&after[1_536..]).all(|byte| *byte == 1));
        for sector in after[512..1_536].chunks(512) {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a torn sector");
            bytes[usize::from(sector[0] == 2)] += 1;
        }
        assert!(disk.len(&file).is_err(), "a handle from before the crash");
    }
    assert!(names.iter().chain(&bytes).all(|count| *count > 20), "{names:?} {bytes:?}");
}
