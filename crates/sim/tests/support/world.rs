//! A log, its submitters, and everything that they were promised.

#![allow(clippy::unwrap_used)]

use sim::{Dice, Op, Schedule, VirtualDisk};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{AppendError, Barrier, EntryRef, OpenError, Options, Planted, Position, Writer};

/// Small, so that a run of some hundred appends rotates often.
pub(crate) const SEGMENT: u64 = 8 * 1_024;
const SHARDS: u64 = 2;
const SUBMITTERS: usize = 3;
const LIVES: u64 = 5;

/// A mistake that is planted, or none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mistake {
    pub(crate) planted: Planted,
    pub(crate) ignores: Option<Barrier>,
}

/// An append that was submitted and may yet turn up.
#[derive(Debug, Clone)]
struct Sent {
    shard: u32,
    first: u64,
    entries: Vec<(u64, Vec<u8>)>,
}

type Kept = BTreeMap<(u32, u64), (u64, Vec<u8>)>;

#[derive(Default)]
pub(crate) struct World {
    /// What was acknowledged, or was served once: it must stay.
    pub(crate) kept: Kept,
    /// Without an answer, or with the answer that nobody knows.
    open: BTreeMap<u64, Sent>,
    next: BTreeMap<u32, u64>,
    tokens: u64,
    /// In which segment what is kept stands.
    places: BTreeMap<(u32, u64), u64>,
    /// What stands below this segment may be pruned: the disk failed meanwhile.
    perhaps_gone: u64,
    wrong: Option<String>,
}

pub(crate) fn options(planted: Planted) -> Options {
    // So that it is reached now and then.
    let quota_bytes = Some(8 * SEGMENT);
    Options { segment_bytes: SEGMENT, group_bytes: 2_048, salt: 7, planted, quota_bytes, ..Options::default() }
}

type Open = Writer<VirtualDisk, u64>;

/// A whole run; its digest, or what broke.
pub(crate) fn run(seed: u64, mistake: Mistake) -> Result<[u8; 32], String> {
    let (_, disk) = history(seed, mistake)?;
    Ok(disk.digest())
}

/// A whole run; the world that it leaves.
pub(crate) fn history(seed: u64, mistake: Mistake) -> Result<(World, VirtualDisk), String> {
    let mut dice = Dice::new(seed);
    let disk = VirtualDisk::new(dice.roll());
    disk.faults(|faults| faults.ignores = mistake.ignores);
    let mut world = World::default();
    for _ in 0..LIVES {
        let within = if dice.one_in(2) { 30 } else { 300 };
        let stops = (!dice.one_in(4)).then(|| dice.below(within));
        disk.faults(|faults| faults.stops_after = stops);
        world.live(&disk, &mut dice, mistake.planted)?;
        // A process dies more often than a machine, and then the machine dies.
        if dice.one_in(3) {
            disk.kill();
        } else {
            disk.crash();
        }
        disk.faults(|faults| faults.fails_once = None);
    }
    disk.crash();
    let writer = world.open(&disk, mistake.planted)?.ok_or("the last start failed")?;
    let verified = writer.verify().map_err(|error| error.to_string())?;
    if let Some(damage) = verified.damage.first() {
        return Err(format!("damage without a fault: {damage}"));
    }
    drop(writer);
    Ok((world, disk))
}

impl World {
    /// From a start to whatever ends it.
    fn live(&mut self, disk: &VirtualDisk, dice: &mut Dice, planted: Planted) -> Result<(), String> {
        let Some(mut writer) = self.open(disk, planted)? else {
            return Ok(());
        };
        let schedule = Schedule::new(SUBMITTERS + 3, dice);
        for _ in 0..dice.below(200) {
            match schedule.next(dice) {
                0 => self.commit(&mut writer),
                1 => writer.prepare(),
                2 if dice.one_in(12) => self.prune(&mut writer, dice),
                2 if dice.one_in(40) => {
                    let op = [Op::Write, Op::SyncData, Op::SyncDir, Op::Allocate, Op::Create][dice.index(5)];
                    disk.faults(|faults| faults.fails_once = Some(op));
                }
                2 => {}
                _ => self.submit(&mut writer, dice),
            }
            if let Some(wrong) = self.wrong.take() {
                return Err(wrong);
            }
            if writer.failure().is_some() {
                break;
            }
        }
        // Whoever dies does not close.
        if dice.one_in(4) {
            drop(writer);
        } else {
            std::mem::forget(writer);
        }
        Ok(())
    }

    /// Prunes below something that was kept, or below everything.
    fn prune(&mut self, writer: &mut Open, dice: &mut Dice) {
        let below = self.places.values().nth(dice.index(self.places.len() + 1)).copied().unwrap_or(u64::MAX);
        match writer.prune(Position { segment: below, offset: 0 }) {
            Ok(pruned) => {
                if below != u64::MAX && pruned.first < below {
                    self.wrong = Some(format!("pruned below {below}, and {} is there", pruned.first));
                }
                self.forget(pruned.first);
            }
            Err(_) => {
                let newest = self.places.values().max().map_or(0, |segment| segment + 1);
                self.perhaps_gone = self.perhaps_gone.max(below.min(newest));
            }
        }
    }

    fn forget(&mut self, first: u64) {
        self.kept.retain(|key, _| self.places.get(key).is_none_or(|segment| *segment >= first));
        self.places.retain(|_, segment| *segment >= first);
    }

    /// Opens the log and holds it against all that was promised.
    fn open(&mut self, disk: &VirtualDisk, planted: Planted) -> Result<Option<Open>, String> {
        let (writer, recovery) = match Open::open(Arc::new(disk.clone()), options(planted)) {
            Ok(opened) => opened,
            Err(OpenError::Io { source, .. }) if source.kind() == std::io::ErrorKind::Other => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        if let Some(damage) = recovery.damage.first() {
            return Err(format!("damage without a fault: {damage}"));
        }
        let mut found = Kept::new();
        let mut places = BTreeMap::new();
        for shard in 0..u32::try_from(SHARDS).unwrap() {
            let mut next = Some(0);
            for entry in writer.read(shard, 0) {
                let entry = match entry {
                    Ok(entry) => entry,
                    // Once, and first.
                    Err(store::ReadError::Pruned { .. }) if next == Some(0) => {
                        next = None;
                        continue;
                    }
                    Err(store::ReadError::Io { source, .. }) if source.kind() == std::io::ErrorKind::Other => {
                        return Ok(None);
                    }
                    Err(error) => return Err(error.to_string()),
                };
                if next.is_some_and(|next| entry.sequence != next) {
                    return Err(format!("shard {shard}: {} instead of {next:?}", entry.sequence));
                }
                next = Some(entry.sequence + 1);
                places.insert((shard, entry.sequence), entry.position.segment);
                found.insert((shard, entry.sequence), (entry.block, entry.bytes));
            }
        }
        self.compare(&found)?;
        self.next = recovery.shards.iter().map(|(shard, state)| (*shard, state.next)).collect();
        // What was served once is as good as acknowledged.
        self.kept = found;
        self.places = places;
        self.open.clear();
        Ok(Some(writer))
    }

    fn compare(&self, found: &Kept) -> Result<(), String> {
        for (key, kept) in &self.kept {
            match found.get(key) {
                None if self.places[key] < self.perhaps_gone => {}
                None => return Err(format!("{key:?} was acknowledged and is gone")),
                Some(other) if other != kept => return Err(format!("{key:?} was acknowledged and is another")),
                Some(_) => {}
            }
        }
        for (key, entry) in found.iter().filter(|(key, _)| !self.kept.contains_key(*key)) {
            let whole = self.open.values().any(|sent| {
                let mut entries = (sent.first..).zip(&sent.entries);
                let ours =
                    sent.shard == key.0 && entries.clone().any(|(sequence, sent)| sequence == key.1 && sent == entry);
                ours && entries.all(|(sequence, sent_entry)| found.get(&(sent.shard, sequence)) == Some(sent_entry))
            });
            if !whole {
                return Err(format!("{key:?} was refused, or is half of an append, and is there"));
            }
        }
        Ok(())
    }

    fn submit(&mut self, writer: &mut Open, dice: &mut Dice) {
        let shard = u32::try_from(dice.below(SHARDS)).unwrap();
        let next = self.next.entry(shard).or_default();
        // Now and then somebody is wrong about what comes next.
        let first = if dice.one_in(20) { *next + dice.below(3) } else { *next };
        self.tokens += 1;
        let token = self.tokens;
        let entries: Vec<_> = (0..=dice.below(3))
            .map(|index| {
                // Few lengths, so that new batches end where old ones did.
                let length = [16, 16, 16, 64, 500, 1_100][dice.index(6)];
                let mut bytes = vec![u8::try_from(token % 251).unwrap() + 1; length];
                bytes[..8].copy_from_slice(&token.to_le_bytes());
                bytes[8..16].copy_from_slice(&index.to_le_bytes());
                (dice.below(5), bytes)
            })
            .collect();
        *next = first + u64::try_from(entries.len()).unwrap();
        let batch: Vec<_> = entries.iter().map(|(block, bytes)| EntryRef { block: *block, bytes }).collect();
        writer.submit(token, shard, first, 1, &batch).unwrap();
        self.open.insert(token, Sent { shard, first, entries });
    }

    fn commit(&mut self, writer: &mut Open) {
        let mut answers = Vec::new();
        writer.commit(|token, answer| answers.push((token, answer)));
        for (token, answer) in answers {
            self.hear(token, &answer);
        }
        let durable: BTreeMap<_, _> = writer.shards().map(|(shard, state)| (shard, state.next)).collect();
        if self.open.is_empty() {
            self.next = durable;
        }
    }

    fn hear(&mut self, token: u64, answer: &Result<Position, AppendError>) {
        match answer {
            Ok(position) => {
                let sent = self.open.remove(&token).unwrap();
                for (sequence, entry) in (sent.first..).zip(sent.entries) {
                    self.places.insert((sent.shard, sequence), position.segment);
                    if self.kept.insert((sent.shard, sequence), entry).is_some() {
                        self.wrong = Some(format!("shard {}: {sequence} was given twice", sent.shard));
                    }
                }
            }
            // It may be there or not.
            Err(AppendError::Unknown { .. }) => {}
            Err(_) => {
                self.open.remove(&token);
            }
        }
    }
}
