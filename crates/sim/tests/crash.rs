//! The log over a disk that loses, tears and reorders what was not synced.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support {
    pub(crate) mod world;
}

use sim::{Dice, VirtualDisk};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Barrier, Loss, Planted, ReadError, Writer};
use support::world::{self, Mistake, options};

const SEEDS: u64 = 600;
/// A planted bug has to be found within so many.
const SEEDS_FOR_A_BUG: u64 = 5_000;

#[test]
fn acknowledged_entries_survive_every_crash_once_and_in_order() {
    // More on request: MYCEL_SEEDS=100000 for a night.
    let seeds = std::env::var("MYCEL_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    for seed in 0..seeds {
        if let Err(wrong) = world::run(seed, Mistake::default()) {
            panic!("seed {seed}: {wrong}");
        }
    }
}

#[test]
fn same_seed_same_digest() {
    let mut seen = BTreeSet::new();
    for seed in 0..40 {
        let digest = world::run(seed, Mistake::default()).unwrap();
        assert_eq!(digest, world::run(seed, Mistake::default()).unwrap(), "seed {seed}");
        seen.insert(digest);
    }
    assert_eq!(seen.len(), 40);
}

fn found_after(mistake: Mistake) -> Option<(u64, String)> {
    (0..SEEDS_FOR_A_BUG).find_map(|seed| world::run(seed, mistake).err().map(|wrong| (seed, wrong)))
}

#[test]
fn every_removed_sync_is_found() {
    for barrier in Barrier::ALL {
        let found = found_after(Mistake { ignores: Some(barrier), ..Mistake::default() });
        let (seed, wrong) = found.unwrap_or_else(|| panic!("nobody misses the sync of {barrier:?}"));
        println!("without {barrier:?}: seed {seed}: {wrong}");
    }
}

#[test]
fn every_planted_bug_is_found() {
    for planted in
        [Planted::AcknowledgesEarly, Planted::IgnoresFailedSync, Planted::LeavesRemains, Planted::TrustsTheCache]
    {
        let found = found_after(Mistake { planted, ..Mistake::default() });
        let (seed, wrong) = found.unwrap_or_else(|| panic!("nobody notices {planted:?}"));
        println!("{planted:?}: seed {seed}: {wrong}");
    }
}

#[test]
fn a_skipped_checksum_is_found() {
    let wrong = (0..SEEDS).find_map(|seed| flip(seed, Planted::SkipsChecksums).err());
    println!("SkipsChecksums: {}", wrong.expect("nobody notices a skipped checksum"));
}

#[test]
fn a_flipped_bit_is_reported_with_its_block_and_never_served() {
    for seed in 0..SEEDS {
        if let Err(wrong) = flip(seed, Planted::Nothing) {
            panic!("seed {seed}: {wrong}");
        }
    }
}

/// Turns one bit of a log over and holds what is served against what was kept.
fn flip(seed: u64, planted: Planted) -> Result<(), String> {
    let (world, disk) = world::history(seed, Mistake::default())?;
    let mut dice = Dice::new(!seed);
    let names: Vec<_> =
        (1..64).map(|number| format!("{number:016x}.log")).filter(|name| disk.bytes(name).is_some()).collect();
    let name = &names[dice.index(names.len())];
    let bytes = disk.bytes(name).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0);
    let offset = dice.below(u64::try_from(used).unwrap() + 1);
    disk.flip(name, offset, u8::try_from(dice.below(8)).unwrap());
    // Both a log that goes on and one that starts with the damage must tell.
    let (writer, recovery) = Writer::<VirtualDisk, u64>::open(Arc::new(disk.clone()), options(planted))
        .map_err(|error| error.to_string())?;
    if recovery.cut.is_some() {
        return Err(format!("{name} at {offset}: cut instead of reported"));
    }
    let verified = writer.verify().map_err(|error| error.to_string())?;
    let blocks: BTreeSet<_> = verified
        .damage
        .iter()
        .filter_map(|damage| match damage.what {
            Loss::Entry { block, .. } => Some(block),
            _ => None,
        })
        .collect();
    for shard in 0..2 {
        let mut at = 0;
        for entry in writer.read(shard, 0) {
            match entry {
                Ok(entry) => {
                    if world.kept.get(&(shard, entry.sequence)) != Some(&(entry.block, entry.bytes)) {
                        return Err(format!(
                            "{name} at {offset}: {} of shard {shard} is served and is another",
                            entry.sequence
                        ));
                    }
                }
                Err(ReadError::Damaged(damage)) => {
                    let Loss::Entry { block, .. } = damage.what else {
                        return Err(format!("one bit, and {damage}"));
                    };
                    let inside = (damage.offset..damage.offset + damage.length).contains(&offset);
                    if damage.file != *name || !inside || !blocks.contains(&block) {
                        return Err(format!("{name} at {offset}: reported as {damage}"));
                    }
                }
                Err(ReadError::Pruned { .. }) => continue,
                Err(error) => return Err(error.to_string()),
            }
            at += 1;
        }
        let kept = world.kept.keys().filter(|(other, _)| *other == shard).count();
        if at != kept {
            return Err(format!("{name} at {offset}: {at} of {kept} entries of shard {shard}"));
        }
    }
    Ok(())
}
