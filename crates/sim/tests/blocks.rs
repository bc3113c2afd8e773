//! Blocks over a log over a disk that loses, tears and fills up, under a clock
//! that jumps: what was acknowledged is there once and in order, whoever asks
//! for it again.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_possible_truncation)]

mod support {
    pub(crate) mod agents;
    pub(crate) mod index;
    pub(crate) mod linear;
    pub(crate) mod planet;
    pub(crate) mod truth;
}

use block::Planted;
use block::chain::{Entry, Outcome};
use block::house::FIRST;
use std::collections::{BTreeMap, BTreeSet};
use support::linear::{Did, Event, check};
use support::planet::{self, Mistake};

const SEEDS: u64 = 400;
/// A planted bug has to be found within so many.
const SEEDS_FOR_A_BUG: u64 = 500;

/// More on request: MYCEL_SEEDS=100000 for a night.
fn seeds() -> u64 {
    std::env::var("MYCEL_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS)
}

#[test]
fn what_blocks_acknowledge_survives_every_crash_once_and_in_order() {
    for seed in 0..seeds() {
        if let Err(wrong) = planet::run(seed, Mistake::Nothing) {
            panic!("seed {seed}: {wrong}");
        }
    }
}

#[test]
fn same_seed_same_digest_of_every_message() {
    let mut seen = BTreeSet::new();
    for seed in 0..20 {
        let digest = planet::run(seed, Mistake::Nothing).unwrap();
        assert_eq!(digest, planet::run(seed, Mistake::Nothing).unwrap(), "seed {seed}");
        seen.insert(digest);
    }
    assert_eq!(seen.len(), 20);
}

#[test]
fn every_bug_that_is_planted_in_a_block_is_found() {
    for mistake in [
        Mistake::AnswersEarly,
        Mistake::EvictsTooEarly,
        Mistake::SkipsTheLookup,
        Mistake::ForgetsTheRate,
        Mistake::Core(Planted::RetriesAtTheBack),
        Mistake::Core(Planted::ReleasesUnwritten),
        Mistake::Core(Planted::ForgetsTheOverlay),
    ] {
        let found = (0..SEEDS_FOR_A_BUG).find_map(|seed| planet::run(seed, mistake).err().map(|wrong| (seed, wrong)));
        let (seed, wrong) = found.unwrap_or_else(|| panic!("nobody notices {mistake:?}"));
        println!("{mistake:?}: seed {seed}: {wrong}");
    }
}

/// Worlds in which nothing happens would prove nothing.
#[test]
fn much_happens_in_these_worlds() {
    let mut seen = BTreeMap::new();
    let mut began_again = 0;
    for seed in 0..60 {
        let planet = planet::Planet::lived(seed, Mistake::Nothing).unwrap();
        began_again += planet.began_again;
        for bytes in planet.truth.chains.values().flatten() {
            let entry = Entry::decode(bytes).unwrap();
            let what = match (entry.kind, entry.outcome, entry.tries) {
                (FIRST.., ..) => "came or left",
                (_, Outcome::Done, 1) => "done at once",
                (_, Outcome::Done, _) => "done by a retry",
                (_, Outcome::Failed, _) => "failed",
                (_, Outcome::Cancelled, _) => "cancelled",
            };
            *seen.entry(what).or_insert(0) += 1;
        }
    }
    println!("{seen:?}, {began_again} shards read anew");
    assert!(seen.len() == 5 && seen.values().all(|count| *count > 10) && began_again > 10);
}

/// Two writers and two readers of one record, as a chain could tell them.
fn history() -> Vec<Event> {
    let event = |place, (asked, answered), did, saw| Event { place, asked, answered, did, saw };
    let (one, two) = (b"one".to_vec(), b"two".to_vec());
    vec![
        event(1, (0, Some(3)), Did::Put(one.clone()), 0),
        event(2, (2, Some(9)), Did::Get(Some(Some(one))), 1),
        event(3, (1, None), Did::Put(two.clone()), 1),
        event(4, (4, Some(8)), Did::Get(Some(Some(two))), 3),
        event(5, (9, Some(11)), Did::Delete, 3),
        event(6, (10, Some(12)), Did::Get(Some(None)), 0),
    ]
}

#[test]
fn a_stale_read_is_found() {
    assert_eq!(check(&history()), Ok(()));
    // The last read says what the writer before last wrote.
    let mut stale = history();
    (stale[3].did, stale[3].saw) = (Did::Get(Some(Some(b"one".to_vec()))), 1);
    assert!(check(&stale).is_err());
    // Its client heard another value than the chain says.
    let mut lied = history();
    lied[3].did = Did::Get(Some(Some(b"one".to_vec())));
    assert!(check(&lied).is_err());
    // A read that is told in front of a write that had returned before it.
    let mut early = history();
    early[0].asked = 12;
    assert!(check(&early).is_err());
    // Something that was deleted is read again.
    let mut ghost = history();
    (ghost[5].did, ghost[5].saw) = (Did::Get(Some(Some(b"two".to_vec()))), 3);
    assert!(check(&ghost).is_err());
}

#[test]
fn a_flipped_bit_hits_its_block_and_the_others_go_on() {
    let mut hit = 0;
    for seed in 0..seeds() / 2 {
        match planet::Planet::lived(seed, Mistake::Nothing).and_then(planet::Planet::flipped) {
            Ok(blocks) => hit += usize::from(blocks > 0),
            Err(wrong) => panic!("seed {seed}: {wrong}"),
        }
    }
    assert!(hit > 20, "only {hit} flips hit an entry");
}
