//! A region's capacity among gateways that are late, early, twice and new.

#![allow(clippy::unwrap_used)]

use policy::quota::in_tick;
use policy::shares::{AHEAD, NoShare, Shares};
use proptest::prelude::*;
use std::collections::BTreeMap;
use vocab::{Millis, Rate};

const CAPACITY: Rate = Rate { events: 10_000, per: Millis::seconds(7) };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whoever asks for whatever and whenever: the parts of a tick add up to no
    /// more than it has. Clocks jump, also backwards.
    #[test]
    fn the_parts_of_a_tick_never_exceed_it(
        asks in prop::collection::vec((0..6_u8, 0..12_u64, 0..9_u64, any::<u16>()), 1..200),
    ) {
        let mut shares = Shares::new(Some(CAPACITY));
        let mut given: BTreeMap<u64, u64> = BTreeMap::new();
        for (gateway, now, ahead, demand) in asks {
            let tick = now + ahead;
            if let Ok(part) = shares.ask(&gateway, (tick, u64::from(demand)), now) {
                *given.entry(tick).or_default() += part.unwrap();
            }
        }
        for (tick, given) in given {
            prop_assert!(given <= in_tick(CAPACITY, tick), "{given} of tick {tick}");
        }
    }

    /// Gateways that ask in turn get all that there is, each at least what it
    /// asked for or an even part.
    #[test]
    fn nothing_is_kept_back_from_those_who_ask(
        gateways in 1..8_u64, demands in prop::collection::vec(0..3_000_u64, 8),
    ) {
        let mut shares = Shares::new(Some(CAPACITY));
        let mut last = Vec::new();
        for now in 0..4 {
            last = (0..gateways).map(|gateway| {
                let demand = demands[usize::try_from(gateway).unwrap()];
                shares.ask(&gateway, (now + 2, demand), now).unwrap().unwrap()
            }).collect();
        }
        let whole = in_tick(CAPACITY, 5);
        prop_assert_eq!(last.iter().sum::<u64>(), whole);
        for (part, demand) in last.iter().zip(&demands) {
            prop_assert!(*part >= (*demand).min(whole / gateways), "{part} of {demand}");
        }
    }
}

#[test]
fn a_part_is_handed_out_once_and_a_newcomer_waits_for_the_next_division() {
    let mut shares = Shares::new(Some(CAPACITY));
    let whole = in_tick(CAPACITY, 2);
    assert_eq!(shares.ask(&"a", (2, 10), 0), Ok(Some(whole)), "who is alone has all of it");
    assert_eq!(shares.ask(&"a", (2, 10), 0), Ok(Some(0)));
    assert_eq!(shares.ask(&"b", (2, 10), 0), Ok(Some(0)));
    let (a, b) = (shares.ask(&"a", (3, 10), 1).unwrap().unwrap(), shares.ask(&"b", (3, 10), 1).unwrap().unwrap());
    assert_eq!((a + b, a.abs_diff(b) <= 1), (in_tick(CAPACITY, 3), true));
}

#[test]
fn a_gateway_that_is_gone_leaves_its_part_to_the_others() {
    let mut shares = Shares::new(Some(CAPACITY));
    assert!(shares.ask(&"a", (1, 500), 0).unwrap().is_some());
    for now in 0..=10 {
        shares.ask(&"b", (now + 1, 500), now).unwrap();
    }
    assert_eq!(shares.ask(&"b", (12, 500), 11), Ok(Some(in_tick(CAPACITY, 12))));
}

#[test]
fn a_clock_that_is_wrong_gets_nothing_and_is_told() {
    let mut shares = Shares::new(Some(CAPACITY));
    let (tick, now) = (100 + AHEAD + 1, 100);
    assert_eq!(shares.ask(&"a", (tick, 1), now), Err(NoShare::NotNow { tick, now }));
    assert_eq!(shares.ask(&"a", (99, 1), now), Err(NoShare::NotNow { tick: 99, now }));
    // A host's clock that was set back does not divide a tick twice.
    assert!(shares.ask(&"a", (100, 1), 100).unwrap() > Some(0));
    assert_eq!(shares.ask(&"a", (100, 1), 98), Ok(Some(0)));
    assert_eq!(shares.ask(&"a", (99, 1), 98), Err(NoShare::NotNow { tick: 99, now: 100 }));
}

#[test]
fn without_a_capacity_there_is_nothing_to_divide_and_gateways_are_bounded() {
    assert_eq!(Shares::new(None).ask(&1, (1, u64::MAX), 0), Ok(None));
    let mut shares = Shares::new(Some(CAPACITY));
    for gateway in 0..256 {
        shares.ask(&gateway, (1, u64::MAX), 0).unwrap();
    }
    assert_eq!(shares.ask(&256, (1, 1), 0), Err(NoShare::TooMany));
    assert!(shares.ask(&7, (2, u64::MAX), 0).unwrap().is_some());
}
