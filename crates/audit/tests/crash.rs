//! The log on a disk that loses, tears and reorders what was not synced.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use audit::note::Note;
use audit::verify::verify;
use audit::{Audit, Checkpoint, Entry, NotSigned, OnDisk, OpenError, Opened, Tiles};
use sim::{Dice, Op, VirtualDisk};
use std::collections::BTreeMap;
use store::Barrier;
use support::{all, entries, entry_key, open, verifier};
use trust::merkle::{Head, Node, Tree};

const SEEDS: u64 = 400;
const SEEDS_FOR_A_BUG: u64 = 3_000;
const LIVES: u64 = 4;

/// The log on a disk, with its entries out of their envelopes.
fn seen(disk: &VirtualDisk) -> Opened<OnDisk<'_, VirtualDisk>> {
    Opened::new(OnDisk(disk), Some(entry_key()))
}

fn time(entry: &[u8]) -> u64 {
    Entry::from_bytes(entry).unwrap().time
}

/// What somebody has been told, and must stay so.
#[derive(Default)]
struct Told {
    acknowledged: BTreeMap<u64, Vec<u8>>,
    heads: Vec<Head>,
    /// What is older may be gone.
    before: u64,
}

impl Told {
    /// Whatever stands under the name is what a client would get now.
    fn look(&mut self, disk: &VirtualDisk) {
        if let Some(text) = disk.bytes("checkpoint").and_then(|bytes| String::from_utf8(bytes).ok())
            && let Ok(note) = Note::parse(&text)
        {
            self.heads.push(Checkpoint::parse(&note.text).unwrap().head);
        }
    }

    fn acknowledges(&mut self, at: u64, entry: &Entry) -> Result<(), String> {
        let is_first = self.acknowledged.insert(at, entry.to_bytes()).is_none();
        is_first.then_some(()).ok_or_else(|| format!("entry {at} was acknowledged twice"))
    }

    /// Asks that what is older than some time goes.
    fn prune(&mut self, audit: &Audit<VirtualDisk>, dice: &mut Dice) -> Result<(), String> {
        let mut time = || 1_800_000_000_000 + dice.below(1 << 40);
        let (before, time, mut says) = (time(), time(), None);
        self.before = self.before.max(before);
        let pruned = audit.prune(before, |act| {
            let entry = Entry { act, time, ..support::entry(0) };
            says = Some(entry.clone());
            entry
        });
        match pruned {
            Ok(Some(pruned)) => self.acknowledges(pruned.entry, &says.unwrap()),
            _ => Ok(()),
        }
    }

    /// One life: opened, written to, and ended by the dice.
    fn live(&mut self, disk: &VirtualDisk, dice: &mut Dice) -> Result<(), String> {
        if dice.one_in(2) {
            let after = 5 + dice.below(150);
            disk.faults(|faults| faults.stops_after = Some(after));
        }
        match open(disk.clone()) {
            Ok((audit, _)) => {
                for _ in 0..dice.below(12) {
                    if dice.one_in(8) {
                        self.prune(&audit, dice)?;
                    }
                    if dice.one_in(12) {
                        disk.faults(|faults| faults.fails_once = Some(Op::SyncData));
                    }
                    let many = if dice.one_in(4) { 300 } else { 1 + dice.below(9) };
                    let sent = entries(dice.below(1 << 40), many);
                    let acknowledged = audit.append(&sent);
                    self.look(disk);
                    if let Ok(first) = acknowledged {
                        for (at, entry) in (first..).zip(&sent) {
                            self.acknowledges(at, entry)?;
                        }
                    }
                }
            }
            Err(OpenError::Disk(_)) => {}
            Err(error) => return Err(error.to_string()),
        }
        self.look(disk);
        disk.faults(|faults| faults.fails_once = None);
        if dice.one_in(3) {
            disk.kill();
        } else {
            disk.crash();
        }
        Ok(())
    }

    /// All that was told is so.
    fn holds(&self, disk: &VirtualDisk) -> Result<(), String> {
        let report = verify(&seen(disk), &verifier(), &[], &mut |_, _| {}).map_err(|error| error.to_string())?;
        if !report.is_good() {
            return Err(format!("{:?}", report.faults));
        }
        let size = report.signed.unwrap().checkpoint.head.size;
        let (mut tree, source) = (Tree::default(), seen(disk));
        let tiles = Tiles::new(&source, size);
        for bundle in 0..report.pruned / 256 {
            tiles.tile(0, bundle).map_err(|error| error.to_string())?.into_iter().for_each(|leaf| {
                tree.append(leaf);
            });
        }
        let gone = self.acknowledged.range(..report.pruned).find(|(_, entry)| time(entry) >= self.before);
        if let Some((at, _)) = gone {
            return Err(format!("entry {at} is too young to be pruned, and is gone"));
        }
        for (index, entry) in (report.pruned..).zip(all(&source, report.pruned, size)?) {
            if self.acknowledged.get(&index).is_some_and(|told| *told != entry) {
                return Err(format!("entry {index} is another"));
            }
            tree.append(Node::leaf(&entry));
        }
        if let Some((last, _)) = self.acknowledged.last_key_value().filter(|(last, _)| **last >= size) {
            return Err(format!("entry {last} was acknowledged and is gone: there are {size}"));
        }
        match self.heads.iter().find(|head| tree.head_at(head.size).ok() != Some(**head)) {
            Some(head) => Err(format!("a fork: {} entries were signed as others", head.size)),
            None => Ok(()),
        }
    }
}

fn run(seed: u64, ignores: Option<Barrier>) -> Result<u64, String> {
    let (disk, mut dice, mut told) = (VirtualDisk::new(seed), Dice::new(!seed), Told::default());
    disk.faults(|faults| faults.ignores = ignores);
    for _ in 0..LIVES {
        told.live(&disk, &mut dice)?;
    }
    open(disk.clone()).map_err(|error| error.to_string())?;
    told.holds(&disk)?;
    Ok(u64::try_from(told.acknowledged.len()).unwrap())
}

#[test]
fn nothing_acknowledged_is_lost_and_the_log_stays_one_log() {
    let seeds = std::env::var("MYCEL_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let mut acknowledged = 0;
    for seed in 0..seeds {
        match run(seed, None) {
            Ok(many) => acknowledged += many,
            Err(wrong) => panic!("seed {seed}: {wrong}"),
        }
    }
    println!("{acknowledged} entries acknowledged in {seeds} runs of {LIVES} lives");
    assert!(acknowledged > 10 * seeds);
}

/// Not by the dice: the machine stops after each call in turn, and the power
/// fails then.
#[test]
fn a_crash_after_each_call_loses_nothing_acknowledged() {
    for stops in 0..400 {
        let (disk, mut told) = (VirtualDisk::new(stops), Told::default());
        disk.faults(|faults| faults.stops_after = Some(stops));
        if let Ok((audit, _)) = open(disk.clone()) {
            for from in (0..600).step_by(100) {
                let sent = entries(from, 100);
                if let Ok(first) = audit.append(&sent) {
                    told.acknowledged.extend((first..).zip(sent.iter().map(audit::Entry::to_bytes)));
                }
                told.look(&disk);
            }
        }
        disk.crash();
        open(disk.clone()).unwrap_or_else(|error| panic!("after {stops} calls: {error}"));
        told.holds(&disk).unwrap_or_else(|wrong| panic!("after {stops} calls: {wrong}"));
    }
}

/// Whether what is published verifies as it stands, before anybody opens it.
fn is_good(disk: &VirtualDisk, when: &str) {
    disk.kill();
    let report = verify(&seen(disk), &verifier(), &[], &mut |_, _| {}).unwrap();
    assert!(report.is_good(), "{when}: {:?}", report.faults);
}

/// Not by the dice: a writer is killed after each call in turn while it appends,
/// and whoever opens the log then as well.
#[test]
fn what_is_published_verifies_wherever_a_writer_is_killed() {
    // The edge of a tile and a bundle, and within both.
    for (many, more) in [(300, 10), (250, 10), (0, 3)] {
        for stops in 0..20 {
            // Each seventh call, from another one on each time.
            let (mut opens, mut is_open) = (stops % 7, false);
            while !is_open {
                let disk = VirtualDisk::new(1);
                let (audit, _) = open(disk.clone()).unwrap();
                audit.append(&entries(0, many)).unwrap();
                disk.faults(|faults| faults.stops_after = Some(stops));
                let _ = audit.append(&entries(many, more));
                drop(audit);
                is_good(&disk, &format!("{many} and {more}, after {stops} calls"));
                disk.faults(|faults| faults.stops_after = Some(opens));
                is_open = open(disk.clone()).is_ok();
                is_good(&disk, &format!("{many} and {more}, after {stops} calls, and {opens} of whoever opens it"));
                opens += 7;
            }
            assert!(opens > 10, "so many calls it takes at least");
        }
    }
}

#[test]
fn what_is_published_verifies_when_the_disk_is_full() {
    let mut refused = 0;
    for left in (0..40_000).step_by(500) {
        let disk = VirtualDisk::new(1);
        let (audit, _) = open(disk.clone()).unwrap();
        audit.append(&entries(0, 300)).unwrap();
        // Durable, and not published: the machine of before was stopped there.
        disk.faults(|faults| faults.stops_after = Some(2));
        audit.append(&entries(300, 10)).unwrap();
        drop(audit);
        is_good(&disk, "when it was stopped");
        disk.faults(|faults| faults.capacity = Some(100_000 + left));
        refused += u64::from(open(disk.clone()).is_err());
        is_good(&disk, &format!("with {left} bytes more"));
        disk.faults(|faults| faults.capacity = None);
        open(disk.clone()).unwrap();
        is_good(&disk, "when there is room again");
    }
    assert!(refused > 0, "no disk was ever full");
}

#[test]
fn what_is_published_verifies_wherever_pruning_is_killed() {
    for stops in 0..300 {
        let disk = VirtualDisk::new(1);
        let (audit, _) = open(disk.clone()).unwrap();
        audit.append(&entries(0, 600)).unwrap();
        disk.faults(|faults| faults.stops_after = Some(stops));
        let before = 2_000_000_000_000;
        let pruned = audit.prune(before, |act| Entry { act, time: before, ..support::entry(0) });
        drop(audit);
        is_good(&disk, &format!("after {stops} calls"));
        disk.faults(|faults| faults.stops_after = Some(stops));
        let opened = open(disk.clone()).is_ok();
        is_good(&disk, &format!("after {stops} calls, and as many of whoever opens it"));
        if pruned.is_ok() && opened {
            return;
        }
    }
    panic!("it takes more than 300 calls");
}

#[test]
fn every_removed_sync_is_found() {
    for barrier in Barrier::ALL {
        let found = (0..SEEDS_FOR_A_BUG).find_map(|seed| run(seed, Some(barrier)).err().map(|wrong| (seed, wrong)));
        let (seed, wrong) = found.unwrap_or_else(|| panic!("nobody misses the sync of {barrier:?}"));
        println!("without {barrier:?}: seed {seed}: {wrong}");
    }
}

#[test]
fn same_seed_same_digest() {
    let digest = |seed| {
        let (disk, mut dice, mut told) = (VirtualDisk::new(seed), Dice::new(!seed), Told::default());
        for _ in 0..LIVES {
            told.live(&disk, &mut dice).unwrap();
        }
        disk.digest()
    };
    for seed in 0..20 {
        assert_eq!(digest(seed), digest(seed), "seed {seed}");
    }
}

/// A disk with 600 entries in six batches, all signed.
fn full() -> VirtualDisk {
    let disk = VirtualDisk::new(1);
    let (audit, _) = open(disk.clone()).unwrap();
    for from in (0..600).step_by(100) {
        audit.append(&entries(from, 100)).unwrap();
    }
    drop(audit);
    disk.kill();
    disk
}

/// Where an entry's envelope stands in the truth.
fn place(disk: &VirtualDisk, index: u64) -> u64 {
    let bytes = disk.bytes("entries").unwrap();
    let (mut at, mut entry) = (64, 0);
    loop {
        let count = u32::from_be_bytes(bytes[at + 4..at + 8].try_into().unwrap());
        at += 44;
        for _ in 0..count {
            if entry == index {
                return u64::try_from(at + 6).unwrap();
            }
            at += 6 + usize::from(u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap()));
            entry += 1;
        }
    }
}

#[test]
fn opening_refuses_what_is_not_what_was_signed_and_names_the_entry() {
    for index in [0, 1, 99, 100, 257, 511, 599] {
        let disk = full();
        disk.flip("entries", place(&disk, index) + 4, 3);
        let error = open(disk.clone()).unwrap_err();
        assert!(matches!(error, OpenError::Changed(named) if named == index), "{index}: {error}");
        // The tiles are evidence, and stay as they are.
        assert!(verify(&seen(&disk), &verifier(), &[], &mut |_, _| {}).unwrap().is_good());
    }
    let disk = full();
    let shorter = VirtualDisk::new(2);
    open(shorter.clone()).unwrap().0.append(&entries(0, 100)).unwrap();
    shorter.kill();
    copy(&disk, &shorter, "checkpoint");
    let error = open(shorter).unwrap_err();
    assert!(matches!(error, OpenError::Lost { has: 100, signed: 600 }), "{error}");
    // Written anew, with every sum right: only what was signed tells.
    let other = VirtualDisk::new(3);
    let (audit, _) = open(other.clone()).unwrap();
    let mut all = entries(0, 600);
    all[333].reason = audit::entry::Reason::new("another").unwrap();
    audit.append(&all).unwrap();
    drop(audit);
    other.kill();
    copy(&other, &disk, "entries");
    let error = open(disk.clone()).unwrap_err();
    assert!(matches!(error, OpenError::Changed(333)), "{error}");
    disk.flip("checkpoint", 40, 1);
    let error = open(disk).unwrap_err();
    assert!(
        matches!(error, OpenError::Checkpoint(NotSigned::False | NotSigned::Malformed(_) | NotSigned::Origin)),
        "{error}"
    );
}

fn copy(from: &VirtualDisk, to: &VirtualDisk, name: &str) {
    use store::Disk as _;
    let _ = to.remove(name);
    let file = to.create(name).unwrap();
    to.write_at(&file, 0, &from.bytes(name).unwrap()).unwrap();
}

#[test]
fn a_damage_behind_what_was_signed_is_no_torn_end() {
    let disk = full();
    let old = VirtualDisk::new(2);
    let (audit, _) = open(old.clone()).unwrap();
    audit.append(&entries(0, 100)).unwrap();
    drop(audit);
    // As if the newest names of the checkpoint had been lost, and a bit with them.
    copy(&old, &disk, "checkpoint");
    disk.flip("entries", place(&disk, 250) + 4, 3);
    let error = open(disk).unwrap_err();
    assert!(matches!(error, OpenError::Changed(250)), "{error}");
}

#[test]
fn tiles_that_are_gone_or_wrong_are_made_again() {
    let disk = full();
    disk.flip("tile/0/001", 77, 1);
    {
        use store::Disk as _;
        disk.remove("tile/entries/000").unwrap();
    }
    let (_, recovery) = open(disk.clone()).unwrap();
    assert_eq!((recovery.entries, recovery.cut, recovery.mended), (600, 0, 2));
    assert!(verify(&seen(&disk), &verifier(), &[], &mut |_, _| {}).unwrap().is_good());
}

#[test]
fn a_full_disk_is_an_answer_and_passes() {
    let disk = full();
    let (audit, _) = open(disk.clone()).unwrap();
    let used = 400_000;
    disk.faults(|faults| faults.capacity = Some(used));
    let mut told = 600;
    while audit.append(&entries(told, 50)).is_ok() {
        told += 50;
    }
    assert!(told > 600);
    disk.faults(|faults| faults.capacity = None);
    assert_eq!(audit.append(&entries(told, 3)).unwrap(), told);
    drop(audit);
    disk.crash();
    let (_, recovery) = open(disk.clone()).unwrap();
    assert_eq!(recovery.entries, told + 3);
}

#[test]
fn many_who_append_at_once_have_a_place_each() {
    let disk = VirtualDisk::new(9);
    let (audit, _) = open(disk.clone()).unwrap();
    let before = disk.calls();
    let places: std::collections::BTreeSet<u64> = std::thread::scope(|scope| {
        let one = |thread: u64| {
            let audit = &audit;
            scope.spawn(move || {
                (0..50).map(|at| audit.append(&entries(thread * 50 + at, 1)).unwrap()).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..16).map(one).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(places, (0..800).collect());
    println!("{} calls of the disk for 800 appends by 16", disk.calls() - before);
    assert_eq!(audit.append(&entries(0, 4_097)), Err(audit::AppendError::TooMany(4_097)));
}
