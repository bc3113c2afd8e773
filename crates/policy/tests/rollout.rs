//! Rollouts: what is told in which order, and what is put back when.
#![allow(clippy::unwrap_used, clippy::panic)]

use planet::{Planet, Strategy};
use policy::rollout::{Bad, Burn, End, Gate, Next, Part, Rollout, Seen, Step, order, parts};
use policy::set::RegionNumber;
use proptest::prelude::*;
use std::collections::BTreeMap;
use vocab::{Millis, Ppm};

fn planet(rollout: &str) -> Planet {
    let text = format!(
        "[planet]\nname = \"three\"\nblocks = 3\n{rollout}\n\
         [[region]]\nid = \"b\"\nsite = [1, 2]\nreplicas = {{ min = 2 }}\n\
         [[region]]\nid = \"a\"\nsite = [1, 2]\n[[region]]\nid = \"c\"\nsite = [1, 2]\n"
    );
    planet::parse(text.as_bytes()).0.unwrap()
}

const GOOD: Seen = Seen { ready: true, short: Some(Burn(0)), long: Some(Burn(0)) };

/// Has it go to its end, and tells each part when it is asked how it does; every
/// step that was told.
fn run(rollout: &mut Rollout, seen: impl Fn(Option<Step>, Millis) -> Seen) -> (Vec<Step>, End) {
    let (mut steps, mut told_at) = (Vec::new(), Millis(0));
    for minute in 0..100_000 {
        let now = Millis(minute * 60_000);
        match rollout.next(seen(steps.last().copied(), Millis(now.0 - told_at.0)), now) {
            Next::Wait => {}
            Next::Do(step) => {
                steps.push(step);
                told_at = now;
            }
            Next::Ended(end) => return (steps, end),
        }
    }
    panic!("it never ends: {steps:?}");
}

#[test]
fn regions_come_in_the_order_of_the_file_or_the_one_that_it_names() {
    let ids = |planet: &Planet| order(planet).iter().map(|(_, region)| region.id.to_string()).collect::<String>();
    assert_eq!(ids(&planet("")), "bac");
    assert_eq!(ids(&planet("[rollout]\norder = [\"c\", \"b\"]")), "cba");
    // Numbered as everywhere: in the order of their ids.
    let numbers: Vec<u8> = order(&planet("")).iter().map(|(number, _)| number.0).collect();
    assert_eq!(numbers, [1, 0, 2]);
}

#[test]
fn each_strategy_has_its_waves_and_the_host_last() {
    let planet = planet("");
    let of = |strategy| parts(strategy, &planet.region[0]);
    let all = Part::Traffic(Ppm::ONE);
    assert_eq!(of(Strategy::BlueGreen), [Part::Beside, all, Part::Old, Part::Host]);
    assert_eq!(of(Strategy::Rolling), [Part::Traffic(Ppm::percent(50)), all, Part::Host]);
    let some = [5, 25].map(|percent| Part::Traffic(Ppm::percent(percent)));
    assert_eq!(of(Strategy::Canary), [Part::Beside, some[0], some[1], all, Part::Old, Part::Host]);
}

#[test]
fn what_stays_good_reaches_every_region_each_part_watched() {
    let gate = Gate::default();
    let (steps, end) = run(&mut Rollout::new(&planet(""), gate), |_, _| GOOD);
    assert_eq!((steps.len(), end), (3 * 4, End::Done));
    assert!(steps.iter().all(|step| matches!(step, Step::Forward(..))));
}

#[test]
fn a_region_that_gets_worse_is_put_back_in_the_other_order_and_no_other_is() {
    let bad = Burn(14_400);
    let host = Step::Forward(RegionNumber(0), Part::Host);
    let (steps, end) = run(&mut Rollout::new(&planet(""), Gate::default()), |last, _| {
        if last == Some(host) { Seen { short: Some(bad), ..GOOD } } else { GOOD }
    });
    let back: Vec<Step> = steps.iter().copied().filter(|step| matches!(step, Step::Back(..))).collect();
    let order = [Part::Host, Part::Old, Part::Traffic(Ppm::ONE), Part::Beside];
    assert_eq!(back, order.map(|part| Step::Back(RegionNumber(0), part)));
    assert_eq!(end, End::PutBack(RegionNumber(0), Bad::Burns(bad)));
    // `c` comes after it, and was never touched.
    assert!(!steps.iter().any(|step| matches!(step, Step::Forward(RegionNumber(2), _))));
}

#[test]
fn without_rollback_it_stops_where_it_stands() {
    let worse = |last, _| if last == Some(Step::Forward(RegionNumber(1), Part::Host)) { Seen::default() } else { GOOD };
    let (steps, end) = run(&mut Rollout::new(&planet("[rollout]\nrollback = false"), Gate::default()), worse);
    assert_eq!((steps.len(), end), (4, End::Stopped(RegionNumber(1), Bad::NotReady)));
}

#[test]
fn silence_is_not_health_and_slow_burning_is_none_either() {
    let silent = |last, _| {
        let moves = matches!(last, Some(Step::Forward(_, Part::Traffic(_))));
        if moves { Seen { short: None, long: None, ..GOOD } } else { GOOD }
    };
    let (_, end) = run(&mut Rollout::new(&planet(""), Gate::default()), silent);
    assert_eq!(end, End::PutBack(RegionNumber(1), Bad::NotMeasured));
    let slow = |last, _| {
        let moves = matches!(last, Some(Step::Forward(_, Part::Traffic(_))));
        if moves { Seen { long: Some(Burn(1_001)), ..GOOD } } else { GOOD }
    };
    let (_, end) = run(&mut Rollout::new(&planet(""), Gate::default()), slow);
    assert_eq!(end, End::PutBack(RegionNumber(1), Bad::Burns(Burn(1_001))));
}

#[test]
fn what_cannot_be_put_back_is_a_persons() {
    let never = |last, _| match last {
        None | Some(Step::Forward(_, Part::Beside)) => GOOD,
        _ => Seen::default(),
    };
    let (_, end) = run(&mut Rollout::new(&planet(""), Gate::default()), never);
    assert_eq!(end, End::Stuck(RegionNumber(1), Part::Traffic(Ppm::ONE)));
}

#[test]
fn a_budget_burns_as_fast_as_errors_come() {
    let promised = Ppm(999_000);
    assert_eq!(Burn::of(Ppm(1_000), promised), Burn(1_000));
    assert_eq!(Burn::of(Ppm(14_400), promised), Burn(14_400));
    assert_eq!(Burn::of(Ppm(0), Ppm::ONE), Burn(0));
    assert_eq!(Burn::of(Ppm(1), Ppm::ONE), Burn(u64::MAX));
}

proptest! {
    /// Whatever is seen, at any time: one region is in between at most, nothing
    /// moves on that was not good, a region that was put back has nothing of the
    /// new version, and there is an end.
    #[test]
    fn one_region_is_in_between_whatever_is_seen(
        strategy in 0..3_usize,
        back in any::<bool>(),
        looks in proptest::collection::vec((any::<bool>(), 0..4_u8, 0..4_u8, 1..40_u64), 1..400),
    ) {
        let strategy = ["blue-green", "rolling", "canary"][strategy];
        let planet = planet(&format!("[rollout]\nstrategy = \"{strategy}\"\nrollback = {back}"));
        let of = order(&planet).into_iter().map(|(number, region)| {
            (number, parts(planet.rollout.as_ref().unwrap().strategy.value, region))
        });
        let whole: BTreeMap<u8, Vec<Part>> = of.map(|(number, parts)| (number.0, parts)).collect();
        let mut has: BTreeMap<u8, Vec<Part>> = BTreeMap::new();
        let mut rollout = Rollout::new(&planet, Gate::default());
        let burn = |kind: u8| [None, Some(Burn(0)), Some(Burn(1_001)), Some(Burn(20_000))][usize::from(kind)];
        let (mut now, mut told) = (Millis(0), 0);
        let mut ended = None;
        for (ready, short, long, minutes) in looks {
            now = Millis(now.0 + minutes * 60_000);
            let seen = Seen { ready, short: burn(short), long: burn(long) };
            match rollout.next(seen, now) {
                Next::Wait => {}
                Next::Do(Step::Forward(region, part)) => {
                    prop_assert!(told == 0 || ready, "it moved on from a part that was not ready");
                    prop_assert!(told == 0 || seen.short.is_none_or(|burn| burn < Burn(14_400)));
                    has.entry(region.0).or_default().push(part);
                    told += 1;
                }
                Next::Do(Step::Back(region, part)) => {
                    prop_assert!(back);
                    let parts = has.get_mut(&region.0).unwrap();
                    prop_assert!(parts.contains(&part), "{parts:?} {part:?}");
                    // From the last one on.
                    let at = parts.iter().position(|has| *has == part).unwrap();
                    prop_assert!(at + 1 == parts.len() || at + 2 == parts.len());
                    parts.truncate(at + 1);
                }
                Next::Ended(end) => {
                    ended = Some(end);
                    break;
                }
            }
            let between = has.iter().filter(|(region, parts)| !parts.is_empty() && parts.len() < whole[region].len());
            prop_assert!(between.count() <= 1, "{has:?}");
            for (region, parts) in &has {
                prop_assert_eq!(&whole[region][..parts.len()], &parts[..]);
            }
        }
        match ended {
            Some(End::Done) => prop_assert_eq!(has, whole),
            Some(End::PutBack(region, _)) => {
                // The last part that is put back is the first that it had.
                prop_assert_eq!(has[&region.0].len(), 1);
                for (other, parts) in has.iter().filter(|(other, _)| **other != region.0) {
                    prop_assert_eq!(parts, &whole[other]);
                }
            }
            Some(End::Stopped(..)) => prop_assert!(!back),
            Some(End::Stuck(..)) => prop_assert!(back),
            None => {}
        }
        // An end stays the end.
        if let Some(end) = ended {
            prop_assert_eq!(rollout.next(GOOD, now), Next::Ended(end));
        }
    }
}
