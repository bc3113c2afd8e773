//! The witness: cosigns what continues what it cosigned, and nothing else.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use audit::witness::{Refused, cosign};
use audit::{NotSigned, OnDisk, Signed};
use sim::{Dice, VirtualDisk};
use store::Barrier;
use support::{entries, open, verifier, witness};
use trust::merkle::Head;

/// A log of so many entries that begins with this one.
fn logged(first: u64, many: u64) -> VirtualDisk {
    let disk = VirtualDisk::new(first + many);
    let (audit, _) = open(disk.clone()).unwrap();
    let all = entries(first, many);
    all.chunks(100).for_each(|chunk| {
        audit.append(chunk).unwrap();
    });
    disk
}

fn ask(state: &VirtualDisk, log: &VirtualDisk, seconds: u64) -> Result<Signed, Refused> {
    cosign(state, "last", &witness(), &verifier(), &OnDisk(log), seconds)
}

#[test]
fn a_log_that_grows_is_cosigned_and_a_fork_and_a_rollback_are_not() {
    let state = VirtualDisk::new(1);
    let first = ask(&state, &logged(0, 300), 1_000).unwrap();
    assert_eq!(first.cosigned(witness().verifier()), Ok(1_000));
    // What it prints is a checkpoint of the log, to everybody.
    assert!(Signed::open(&first.note.to_string(), &verifier()).is_ok());
    assert!(matches!(ask(&state, &logged(1, 700), 1_001), Err(Refused::Fork(300))));
    assert!(matches!(ask(&state, &logged(1, 300), 1_001), Err(Refused::Fork(300))));
    assert!(matches!(ask(&state, &logged(0, 299), 1_001), Err(Refused::Rollback { old: 300, new: 299 })));
    assert!(ask(&state, &logged(0, 300), 1_002).is_ok());
    let later = ask(&state, &logged(0, 700), 900).unwrap();
    assert_eq!(later.cosigned(witness().verifier()), Ok(1_002), "a clock that stepped back");
    assert!(matches!(ask(&state, &logged(0, 300), 1_003), Err(Refused::Rollback { old: 700, new: 300 })));
}

#[test]
fn what_nobody_can_check_is_not_cosigned() {
    let state = VirtualDisk::new(1);
    let log = logged(0, 700);
    log.flip("tile/0/001", 5, 1);
    log.flip("tile/0/002.p/188", 5, 1);
    assert!(matches!(ask(&state, &log, 1), Err(Refused::Tiles(_))));
    assert!(matches!(ask(&state, &VirtualDisk::new(5), 1), Err(Refused::Checkpoint(NotSigned::Absent))));
    assert!(ask(&state, &logged(0, 300), 1).is_ok());
    // A file of its own that it did not sign: better nothing than a fork.
    state.flip("last", 60, 1);
    assert!(matches!(ask(&state, &logged(0, 300), 1), Err(Refused::State(_))));
}

/// Two histories compete for a witness that crashes; what it let out never
/// forks.
fn run(seed: u64, ignores: Option<Barrier>, logs: &[[VirtualDisk; 3]; 2]) -> Result<(), String> {
    let (state, mut dice) = (VirtualDisk::new(seed), Dice::new(!seed));
    state.faults(|faults| faults.ignores = ignores);
    let mut out: Vec<(usize, Head)> = Vec::new();
    for time in 0..12 {
        if dice.one_in(2) {
            let after = dice.below(14);
            state.faults(|faults| faults.stops_after = Some(after));
        }
        let side = dice.index(2);
        match ask(&state, &logs[side][dice.index(3)], time) {
            Ok(signed) => out.push((side, signed.checkpoint.head)),
            Err(Refused::Disk(_) | Refused::Fork(_) | Refused::Rollback { .. }) => {}
            Err(error) => return Err(error.to_string()),
        }
        match dice.below(3) {
            0 => state.crash(),
            1 => state.kill(),
            _ => state.faults(|faults| faults.stops_after = None),
        }
    }
    if out.iter().any(|(side, _)| *side != out[0].0) {
        return Err("it cosigned both sides of a fork".to_owned());
    }
    if out.windows(2).any(|two| two[1].1.size < two[0].1.size) {
        return Err("it cosigned a rollback".to_owned());
    }
    Ok(())
}

#[test]
fn a_witness_that_crashes_never_cosigns_a_fork() {
    let logs = [0, 1].map(|first| [10, 300, 700].map(|many| logged(first, many)));
    for seed in 0..400 {
        run(seed, None, &logs).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
    }
    for barrier in [Barrier::Mark, Barrier::Name] {
        let found = (0..2_000).find_map(|seed| run(seed, Some(barrier), &logs).err().map(|wrong| (seed, wrong)));
        let (seed, wrong) = found.unwrap_or_else(|| panic!("nobody misses the sync of {barrier:?}"));
        println!("without {barrier:?}: seed {seed}: {wrong}");
    }
}
