//! Quotas, health and outliers: what they promise whatever the order of events.

#![allow(clippy::unwrap_used)]

mod support;

use policy::health::{BACK, FLOOR, Health, MOST_OUT, Outliers, is_panic};
use policy::quota::{FIRST_SHARE, Meter, divide, in_tick, ramped};
use policy::residency::{ClassNumber, Purpose};
use policy::route::{Filter, Request, Standing, TICK};
use policy::score::{Condition, View};
use policy::set::{RegionNumber, RegionSet};
use policy::signal::Outcome;
use policy::table::OriginNumber;
use proptest::prelude::*;
use support::{World, file, policy};
use vocab::{MicroUsd, Millis, Ppm, Rate};

const REGIONS: usize = 4;
const GATEWAYS: usize = 5;

/// A request at a gateway, at some time of some tick.
#[derive(Debug, Clone)]
struct Arrival {
    gateway: usize,
    tick: u64,
    into: u64,
    class: u16,
}

fn arrival() -> impl Strategy<Value = Arrival> {
    (0..GATEWAYS, 0..3_u64, 0..1_000_u64, 0..6_u16).prop_map(|(gateway, tick, into, class)| Arrival {
        gateway,
        tick,
        into,
        class,
    })
}

fn idle() -> World {
    let policy = policy(&file(&[0, 1, 2, 3]));
    let condition = Condition { health: Ppm::ONE, load: Ppm(0), cost: MicroUsd(0) };
    let view = |at: u32| View { distance_km: at * 900, rtt: None };
    World {
        regions: REGIONS,
        origins: 1,
        views: (0..4).map(view).collect(),
        conditions: vec![condition; REGIONS],
        connections: vec![0; REGIONS],
        standing: Standing::well(policy.atlas.all()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Gateways are late, early and in any order: requests of three ticks come
    /// mixed, each gateway looks at its own quotas only.
    #[test]
    fn admitted_never_exceeds_the_cap_and_everybody_is_answered(
        arrivals in prop::collection::vec(arrival(), 0..900),
        demands in prop::collection::vec(prop::collection::vec(0..80_u64, GATEWAYS), REGIONS),
    ) {
        let policy = policy(&file(&[0, 1, 2, 3]));
        let world = idle();
        let table = world.table(&policy);
        let cap = |tick: u64, region: usize| in_tick(Rate::per_second(50 + region as u64), tick);
        let meters = |tick: u64| -> Vec<Meter> {
            let parts: Vec<_> = (0..REGIONS).map(|region| divide(cap(tick, region), &demands[region])).collect();
            (0..GATEWAYS).map(|gateway| Meter::new(tick, parts.iter().map(|part| part[gateway]).collect())).collect()
        };
        let mut gateways: Vec<Vec<Meter>> = (0..3).map(meters).collect();
        let mut admitted = [[0_u64; REGIONS]; 3];
        let (mut taken, mut rejected) = (0, 0);
        for arrival in &arrivals {
            let request = Request { origin: OriginNumber(0), class: ClassNumber(arrival.class), purpose: Purpose::Store, home: None };
            let now = Millis(arrival.tick * TICK.0 + arrival.into);
            let tick = usize::try_from(arrival.tick).unwrap();
            let meter = &mut gateways[tick][arrival.gateway];
            match meter.admit(&policy, &table, &world.standing, &request, now) {
                Ok(region) => {
                    prop_assert!(policy.residency.may(request.class, Purpose::Store).has(region));
                    admitted[tick][region.at()] += 1;
                    taken += 1;
                }
                Err(refusal) => {
                    rejected += 1;
                    if refusal.removed.iter().any(|(_, filter)| *filter == Filter::Full) {
                        prop_assert_eq!(refusal.retry_after, Some(Millis(1_000 - arrival.into)));
                    }
                }
            }
        }
        for (tick, admitted) in admitted.iter().enumerate() {
            for (region, admitted) in admitted.iter().enumerate() {
                prop_assert!(*admitted <= cap(tick as u64, region), "{admitted} in region {region}");
            }
        }
        prop_assert_eq!(taken + rejected, arrivals.len());
    }

    #[test]
    fn a_division_adds_up_and_serves_small_demands_first(cap in 0..1_000_000_u64, demands in prop::collection::vec(0..u64::MAX / 64, 1..40)) {
        let parts = divide(cap, &demands);
        prop_assert_eq!(parts.iter().sum::<u64>(), cap);
        let fair = cap / demands.len() as u64;
        for (part, demand) in parts.iter().zip(&demands) {
            prop_assert!(*part >= fair.min(*demand), "{part} of {demand}, fair is {fair}");
        }
    }

    #[test]
    fn ticks_add_up_to_the_rate(events in 0..1_000_000_000_000_u64, per in 1..4_000_000_u64, first in any::<u32>(), ticks in 1..200_u64) {
        let rate = Rate { events, per: Millis(per) };
        let sum: u128 = (0..ticks).map(|tick| u128::from(in_tick(rate, u64::from(first) + tick))).sum();
        let until = |at: u128| at * 1_000 * u128::from(events) / u128::from(per);
        prop_assert_eq!(sum, until(u128::from(first) + u128::from(ticks)) - until(first.into()));
        for per in [0, 1, u64::MAX - 1, u64::MAX] {
            let _ = in_tick(Rate { events: u64::MAX, per: Millis(per) }, u64::MAX);
        }
    }

    #[test]
    fn outliers_never_exceed_the_cap(
        steps in prop::collection::vec((prop::collection::vec(0..=1_000_000_u32, 10), 0..60_000_u64, any::<[u32; 10]>()), 1..40),
    ) {
        let mut outliers = Outliers::new(10);
        let mut now = 0;
        for (success, passed, jitter) in steps {
            now += passed;
            let share = |shares: &[u32]| shares.iter().map(|share| Ppm(*share)).collect::<Vec<_>>();
            outliers.settle(&share(&success), Millis::seconds(30), &share(&jitter), Millis(now));
            let out = (0..10).filter(|at| outliers.is_out(*at, Millis(now))).count();
            prop_assert!(out * 1_000_000 <= 10 * usize::try_from(MOST_OUT.0).unwrap(), "{out} are out");
            prop_assert_eq!(outliers.regions(Millis(now)).count() as usize, out);
        }
    }

    /// The buckets count what a list of all requests counts.
    #[test]
    fn buckets_are_exact(requests in prop::collection::vec((0..400_u64, any::<bool>()), 0..300)) {
        let mut health = Health::new(Millis(10_000), 1);
        let (mut now, mut all) = (0, Vec::new());
        for (passed, good) in requests {
            now += passed;
            all.push((now, good));
            health.request(if good { Outcome::Answered } else { Outcome::Failed }, Millis(now));
            let first = (now / 1_000).saturating_sub(9) * 1_000;
            let in_window = all.iter().filter(|(at, _)| *at >= first);
            let good = in_window.clone().filter(|(_, good)| *good).count() as u64;
            prop_assert_eq!(health.counted(Millis(now)), (good, in_window.count() as u64 - good));
        }
    }
}

#[test]
fn a_total_outage_is_seen_within_the_window_however_good_the_past() {
    let mut health = Health::new(Millis(10_000), 3);
    for at in 0..1_000_000 {
        health.request(Outcome::Answered, Millis(at / 20));
    }
    let start = 50_000;
    assert!(health.settle(Millis(start)));
    for at in 0..100 {
        health.request(Outcome::TurnedAway, Millis(start + at * 100));
    }
    assert_eq!(health.success(Millis(start + 10_000)), Ppm(0));
    assert!(!health.settle(Millis(start + 10_000)));
}

#[test]
fn checks_and_floor_have_two_thresholds() {
    let mut health = Health::new(Millis(10_000), 3);
    for failed in 1..=3 {
        assert_eq!(health.value(Millis(0)), Ppm::ONE);
        health.check(false);
        assert_eq!(health.settle(Millis(failed)), failed < 3);
    }
    health.check(true);
    assert!(!health.settle(Millis(4)), "one good check is not enough");
    health.check(true);
    assert!(health.settle(Millis(5)));
    assert_eq!(health.back_since(), Millis(5));
    // Between the two thresholds it stays what it was.
    let between = |health: &mut Health, from: u64| {
        for at in 0..100_u64 {
            let good = at * 10_000 < u64::from(FLOOR.0.midpoint(BACK.0));
            health.request(if good { Outcome::Answered } else { Outcome::Failed }, Millis(from));
        }
        health.settle(Millis(from))
    };
    assert!(between(&mut health, 20_000));
    (0..3).for_each(|_| health.check(false));
    assert!(!health.settle(Millis(20_000)));
    (0..2).for_each(|_| health.check(true));
    assert!(!between(&mut health, 20_000));
}

#[test]
fn what_comes_back_comes_back_slowly() {
    let ramp = Millis::seconds(60);
    let at = |seconds: u64| ramped(1_000, Millis(5_000), Millis(5_000 + seconds * 1_000), ramp);
    assert_eq!([at(0), at(3), at(30), at(60), at(6_000)], [100, 100, 500, 1_000, 1_000]);
    assert_eq!(FIRST_SHARE, Ppm::percent(10));
    assert_eq!(ramped(u64::MAX, Millis(0), Millis(0), Millis(0)), u64::MAX);
    assert!((0..120).is_sorted_by_key(at));
}

#[test]
fn panic_needs_most_of_the_planet() {
    let all = RegionSet::first(4);
    let alive = |count| RegionSet::first(count);
    assert!(!is_panic(all, alive(2)) && is_panic(all, alive(1)) && !is_panic(all, all));
}

/// The worst go first, they come back at different times, and stay longer when
/// they do it again.
#[test]
fn outliers_come_back_apart() {
    let mut outliers = Outliers::new(10);
    let mut success = vec![Ppm::ONE; 10];
    (success[2], success[5], success[7], success[8]) = (Ppm(100_000), Ppm(0), Ppm(300_000), Ppm(200_000));
    let jitter: Vec<_> = (0..10).map(|at| Ppm(at * 100_000)).collect();
    outliers.settle(&success, Millis::seconds(10), &jitter, Millis(0));
    let out = |outliers: &Outliers, now| (0..10).filter(|at| outliers.is_out(*at, Millis(now))).collect::<Vec<_>>();
    assert_eq!(out(&outliers, 1), [2, 5, 8]);
    assert_eq!(out(&outliers, 11_500), [5, 8]);
    assert_eq!(out(&outliers, 13_000), [8]);
    assert_eq!(out(&outliers, 14_000), [0; 0]);
    outliers.settle(&success, Millis::seconds(10), &jitter, Millis(20_000));
    assert_eq!(out(&outliers, 41_000), [2, 5, 8], "the second time is twice as long");
    let region = RegionNumber(8);
    assert!(outliers.regions(Millis(41_000)).has(region));
}

/// What is above a region's quota goes to its next choice, as long as that may
/// take it, and is refused only when nobody has room.
#[test]
fn what_is_above_spills_to_the_next() {
    let policy = policy(&file(&[0, 1, 2, 3]));
    let world = idle();
    let table = world.table(&policy);
    let mut meter = Meter::new(0, vec![2, 1, 0, 2]);
    let adequate = policy.residency.find("adequate").unwrap();
    let mut goes = |class| {
        let request = Request { origin: OriginNumber(0), class, purpose: Purpose::Store, home: None };
        meter.admit(&policy, &table, &world.standing, &request, Millis(400)).map(|region| region.0)
    };
    let any: Vec<_> = (0..4).map(|_| goes(ClassNumber::NONE).unwrap()).collect();
    assert_eq!(any, [0, 0, 1, 3], "the third has no quota");
    // The class may be in 0 and 2, and there is no room in either.
    assert_eq!(goes(adequate).unwrap_err().retry_after, Some(Millis(600)));
    assert_eq!(goes(ClassNumber::NONE).unwrap(), 3);
    assert_eq!(goes(ClassNumber::NONE).unwrap_err().retry_after, Some(Millis(600)));
}

/// What ops cost adds up to the bill again.
#[test]
fn costs_are_those_of_the_bill() {
    let planet = planet::parse(include_bytes!("../../../planets/mesh.toml")).0.unwrap();
    let tables = planet::Tables::builtin();
    let plan = planet::plan::Plan::new(&planet, &tables).unwrap();
    let bill = planet::price::Bill::new(&planet, &plan, &tables).unwrap();
    let atlas = policy::atlas::Atlas::new(&planet).unwrap();
    let costs = policy::cost::Costs::new(&atlas, &plan, &bill);
    let millions = |at: usize| plan.regions[at].ops_per_second * 730 * 3_600 / 1_000_000;
    let sum: u64 = atlas.iter().map(|(number, place)| costs.each[number.at()].0 * millions(place.in_file)).sum();
    let billed: u64 = bill.regions.iter().map(|region| region.computed.0).sum();
    assert!(sum.abs_diff(billed) < billed / 1_000, "{sum} and {billed}");
    let ops: u64 = (0..plan.regions.len()).map(millions).sum();
    assert!(costs.scale.0.abs_diff(2 * billed / ops) < costs.scale.0 / 1_000, "{:?}", costs.scale);
}

/// A gateway whose clock is in another tick than its quotas admits nothing.
#[test]
fn quotas_of_another_tick_are_worth_nothing() {
    let policy = policy(&file(&[0, 1, 2, 3]));
    let world = idle();
    let table = world.table(&policy);
    let request = Request { origin: OriginNumber(0), class: ClassNumber::NONE, purpose: Purpose::Store, home: None };
    let mut meter = Meter::new(7, vec![10; REGIONS]);
    for (now, admits) in [(6_999, false), (7_000, true), (7_999, true), (8_000, false)] {
        assert_eq!(meter.admit(&policy, &table, &world.standing, &request, Millis(now)).is_ok(), admits, "{now}");
    }
    assert_eq!(meter.asked()[0], 4, "what is refused was asked for all the same");
}
