//! What every decision promises, under any state of the planet.

#![allow(clippy::unwrap_used)]

mod support;

use policy::explain::{Because, explain};
use policy::preview::drain;
use policy::residency::Purpose;
use policy::route::{Filter, Policy, Request, Standing, decide, removes};
use policy::score::{Condition, POINT, POINTS, Score, View, Weights, score};
use policy::set::{RegionNumber, RegionSet};
use policy::signal::Micros;
use policy::table::{Now, OriginNumber, Table, Tie};
use proptest::prelude::*;
use support::{World, file, policy, world};
use vocab::{MicroUsd, Ppm};

/// Regions of the worlds here, and places that ask.
const REGIONS: usize = 8;
const ORIGINS: usize = 3;

fn eight() -> Policy {
    policy(&file(&[0, 1, 2, 3, 4, 5, 6, 7]))
}

/// Where a class may be, written out by hand: nothing of this comes from the
/// code that is tried.
fn by_hand(class: &str, purpose: Purpose, home: Option<RegionNumber>) -> Vec<u8> {
    let (keeps, lawful): (&[u8], &[u8]) = match class {
        "none" => (&[0, 1, 2, 3, 4, 5, 6, 7], &[0, 1, 2, 3, 4, 5, 6, 7]),
        "gdpr" => (&[0, 6], &[0, 6]),
        "adequate" => (&[0, 2, 4, 6], &[0, 2, 4, 6]),
        "ccpa" => (&[1], &[1, 3]),
        "pdpa" => (&[5], &[5]),
        _ => (&[], &[]),
    };
    let may = if purpose == Purpose::Process { lawful } else { keeps };
    let stays = match class {
        "ccpa" => purpose != Purpose::BackUp,
        "pdpa" => purpose == Purpose::Process,
        _ => false,
    };
    may.iter().copied().filter(|at| !stays || home.is_none_or(|home| home.0 == *at)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn in_residency_or_refused_under_any_state(before in world(REGIONS, ORIGINS), now in world(REGIONS, ORIGINS)) {
        let policy = eight();
        // A table of another moment: decisions must hold between two rebuilds.
        let table = before.table(&policy);
        for request in now.requests(&policy) {
            let class = policy.residency.class(request.class).unwrap();
            let may = by_hand(&class.name, request.purpose, request.home);
            match decide(&policy, &table, &now.standing, &request) {
                Ok(region) => {
                    prop_assert!(may.contains(&region.0), "{} went to {region:?}", class.name);
                    prop_assert!(!now.standing.drained.has(region) && now.standing.room.has(region));
                    prop_assert!(request.purpose != Purpose::Store || now.standing.free.has(region));
                    let alive = may.iter().map(|at| RegionNumber(*at)).filter(|at| now.standing.alive.has(*at));
                    let could = alive.filter(|at| !now.standing.drained.has(*at)).count();
                    prop_assert!(now.standing.alive.has(region) || (now.standing.panic && could == 0));
                }
                Err(refusal) => {
                    prop_assert_eq!(refusal.removed.len(), REGIONS, "each region has a reason");
                    // Who waits for a region in which it may never be is not told to wait.
                    prop_assert_eq!(refusal.retry_after.is_none(), may.is_empty());
                    for (region, filter) in &refusal.removed {
                        let is_law = matches!(filter, Filter::Unlawful | Filter::NotListed | Filter::NotHome);
                        prop_assert_eq!(is_law, !may.contains(&region.0), "{:?} of {:?}", filter, region);
                    }
                }
            }
        }
    }

    #[test]
    fn better_health_or_rtt_never_makes_a_region_lose(
        world in world(REGIONS, ORIGINS),
        faster in 0..400_000_u64,
        healthier in 0..=1_000_000_u32,
        emptier in 0..=1_000_000_u32,
    ) {
        let policy = eight();
        let before = world.table(&policy);
        for region in 0..REGIONS {
            let mut better = world.clone();
            for origin in 0..ORIGINS {
                let view = &mut better.views[origin * REGIONS + region];
                view.rtt = view.rtt.map(|rtt| Micros(rtt.0.saturating_sub(faster)));
            }
            let condition = &mut better.conditions[region];
            condition.health = Ppm(condition.health.0.saturating_add(healthier).min(1_000_000));
            condition.load = Ppm(condition.load.0.saturating_sub(emptier));
            // From nothing, and where each origin is somewhere already.
            let after = better.table(&policy);
            let mut later = before.clone();
            later.rebuild(&policy.settings, &better.now(1_000));
            let region = RegionNumber(u8::try_from(region).unwrap());
            for request in world.requests(&policy) {
                if decide(&policy, &before, &world.standing, &request).ok() == Some(region) {
                    prop_assert_eq!(decide(&policy, &after, &better.standing, &request).ok(), Some(region));
                    prop_assert_eq!(decide(&policy, &later, &better.standing, &request).ok(), Some(region));
                }
            }
        }
    }

    #[test]
    fn a_region_without_a_slot_is_passed_over_by_whoever_wants_one_and_by_nobody_else(
        world in world(REGIONS, ORIGINS),
        gone in 0..8_u8,
    ) {
        let policy = eight();
        let (table, gone) = (world.table(&policy), RegionNumber(gone));
        let after = Standing { free: world.standing.free.without(gone), ..world.standing };
        for request in world.requests(&policy) {
            let before = decide(&policy, &table, &world.standing, &request).ok();
            let now = decide(&policy, &table, &after, &request).ok();
            if request.purpose == Purpose::Store && before == Some(gone) {
                prop_assert_ne!(now, Some(gone));
                let removed = policy::route::removes(&policy, &after, &request, gone);
                prop_assert_eq!(removed, Some(Filter::Taken));
            } else {
                prop_assert_eq!(now, before);
            }
        }
    }

    #[test]
    fn removing_a_region_moves_only_its_own_users(world in world(REGIONS, ORIGINS), gone in 0..8_u8, how in 0..3_u8) {
        let policy = eight();
        let world = World { standing: Standing { room: policy.atlas.all(), panic: false, ..world.standing }, ..world };
        let table = world.table(&policy);
        let gone = RegionNumber(gone);
        let mut after = world.standing;
        match how {
            0 => after.alive = after.alive.without(gone),
            1 => after.drained.insert(gone),
            _ => after.room = after.room.without(gone),
        }
        // At once, and after the table was ranked without it.
        let mut later = table.clone();
        later.rebuild(&policy.settings, &Now { standing: after, ..world.now(1_000) });
        for request in world.requests(&policy) {
            let before = decide(&policy, &table, &world.standing, &request).ok();
            for table in [&table, &later] {
                let now = decide(&policy, table, &after, &request).ok();
                if before != Some(gone) {
                    prop_assert_eq!(now, before, "{:?} moved", request);
                } else {
                    prop_assert_ne!(now, before);
                }
            }
        }
    }

    #[test]
    fn bounded_noise_moves_nobody(
        world in world(REGIONS, ORIGINS),
        noise in prop::collection::vec(prop::collection::vec(-4_000_i64..=4_000, REGIONS * ORIGINS), 1..20),
    ) {
        // 4 ms either way is 0.3 points of latency, and at most 1.6 of geography
        // where the distance is not believed: for the region in use and for a
        // challenger together, less than the 5 of the hysteresis.
        let policy = eight();
        let mut world = world;
        for view in &mut world.views {
            view.rtt = view.rtt.or(Some(Micros(90_000)));
        }
        let mut table = world.table(&policy);
        let requests = world.requests(&policy);
        let first: Vec<_> = requests.iter().map(|request| decide(&policy, &table, &world.standing, request).ok()).collect();
        for (tick, noise) in noise.iter().enumerate() {
            let mut noisy = world.clone();
            for (view, noise) in noisy.views.iter_mut().zip(noise) {
                view.rtt = view.rtt.map(|rtt| Micros(rtt.0.saturating_add_signed(*noise)));
            }
            table.rebuild(&policy.settings, &noisy.now(1_000 * (tick as u64 + 1)));
            for (request, first) in requests.iter().zip(&first) {
                let may = policy.residency.candidates(request.class, request.purpose, request.home);
                // Who cannot use the region in use has no inertia to rely on.
                let seated = request.purpose == Purpose::Store;
                let could = if seated { world.standing.room.and(world.standing.free) } else { world.standing.room };
                if table.in_use(request.origin, request.class).is_some_and(|used| may.has(used) && could.has(used)) {
                    prop_assert_eq!(&decide(&policy, &table, &world.standing, request).ok(), first);
                }
            }
        }
    }

    #[test]
    fn the_order_of_regions_is_irrelevant(world in world(REGIONS, ORIGINS), seed in any::<[u8; 8]>(), tie in 0..3_u8) {
        let mut order: Vec<usize> = (0..REGIONS).collect();
        order.sort_by_key(|at| (seed[*at], *at));
        let tie = [Tie::LeastConnections, Tie::InTurn, Tie::Nearest][usize::from(tie)];
        let (mut plain, mut shuffled) = (eight(), policy(&file(&order)));
        (plain.settings.tie, shuffled.settings.tie) = (tie, tie);
        // The same figures for regions of the same id.
        let mut moved = world.clone();
        for (number, place) in shuffled.atlas.iter() {
            let own = plain.atlas.find(&place.id).unwrap();
            moved.conditions[number.at()] = world.conditions[own.at()];
            moved.connections[number.at()] = world.connections[own.at()];
            for origin in 0..ORIGINS {
                moved.views[origin * REGIONS + number.at()] = world.views[origin * REGIONS + own.at()];
            }
        }
        let (one, other) = (world.table(&plain), moved.table(&shuffled));
        for request in world.requests(&plain) {
            let named = |policy: &Policy, table: &Table| {
                decide(policy, table, &world.standing, &request).ok().map(|region| policy.atlas.id(region).to_owned())
            };
            prop_assert_eq!(named(&plain, &one), named(&shuffled, &other));
        }
    }

    #[test]
    fn the_terms_of_an_explanation_add_up_and_it_names_the_winner(
        before in world(REGIONS, ORIGINS),
        world in world(REGIONS, ORIGINS),
    ) {
        let policy = eight();
        let mut table = before.table(&policy);
        let now = world.now(7);
        table.rebuild(&policy.settings, &now);
        for request in world.requests(&policy) {
            let explained = explain(&policy, &table, &now, &request);
            let decided = decide(&policy, &table, &now.standing, &request);
            prop_assert_eq!(explained.winner.as_deref(), decided.as_ref().ok().map(|region| policy.atlas.id(*region)));
            prop_assert_eq!(explained.regions.len(), REGIONS);
            for line in &explained.regions {
                let terms = line.terms;
                prop_assert_eq!(line.score.0, terms.geography + terms.health + terms.latency + terms.cost);
                prop_assert!(line.score <= Score(POINTS * POINT));
                let region = policy.atlas.find(&line.region).unwrap();
                prop_assert_eq!(line.removed, removes(&policy, &now.standing, &request, region));
                if line.removed.is_some() {
                    prop_assert_ne!(Some(&line.region), explained.winner.as_ref());
                }
            }
        }
    }

    #[test]
    fn extremes_neither_overflow_nor_panic(
        distance_km in any::<u32>(), rtt in any::<u64>(), health in any::<u32>(), load in any::<u32>(), cost in any::<u64>(),
        scale in any::<u64>(), tick in any::<u64>(),
    ) {
        let mut policy = eight();
        policy.settings.scales.rtt = Micros(scale);
        policy.settings.scales.cost = MicroUsd(scale);
        policy.settings.scales.distance_km = u32::try_from(scale >> 32).unwrap();
        let view = View { distance_km, rtt: Some(Micros(rtt)) };
        let condition = Condition { health: Ppm(health), load: Ppm(load), cost: MicroUsd(cost) };
        let world = World {
            regions: REGIONS,
            origins: 1,
            views: vec![view; REGIONS],
            conditions: vec![condition; REGIONS],
            connections: vec![u64::MAX; REGIONS],
            standing: Standing::well(policy.atlas.all()),
        };
        let mut table = world.table(&policy);
        table.rebuild(&policy.settings, &world.now(tick));
        let scored = score(view, condition, policy.settings.weights, policy.settings.scales);
        prop_assert!(scored.terms.score() <= Score(POINTS * POINT));
        let far = Request { origin: OriginNumber(u32::MAX), class: policy::residency::ClassNumber(u16::MAX), purpose: Purpose::Store, home: Some(RegionNumber(255)) };
        prop_assert!(decide(&policy, &table, &world.standing, &far).is_err());
    }

    #[test]
    fn a_preview_is_what_happens(past in world(REGIONS, ORIGINS), world in world(REGIONS, ORIGINS), gone in 0..8_u8) {
        let policy = eight();
        // The table is a tick old, as a gateway's is.
        let table = past.table(&policy);
        let gone = RegionSet::from_iter([RegionNumber(gone)]);
        let moves = drain(&policy, &table, &world.now(1), gone);
        let drained = Standing { drained: world.standing.drained.or(gone), ..world.standing };
        let (mut stays, mut after) = (table.clone(), table);
        stays.rebuild(&policy.settings, &world.now(1));
        after.rebuild(&policy.settings, &Now { standing: drained, ..world.now(1) });
        let mut told = 0;
        for (class, _) in policy.residency.iter() {
            for origin in (0..3).map(OriginNumber) {
                let request = Request { origin, class, purpose: Purpose::Store, home: None };
                let before = decide(&policy, &stays, &world.standing, &request).ok();
                let now = decide(&policy, &after, &drained, &request).ok();
                let moved = moves.iter().find(|known| known.class == class && known.origins.contains(&origin));
                // Whoever was refused before is nobody's user.
                let moves = before.is_some() && before != now;
                prop_assert_eq!(moved.map(|known| (Some(known.from), known.to)), moves.then_some((before, now)));
                told += usize::from(moved.is_some());
            }
        }
        prop_assert_eq!(told, moves.iter().map(|known| known.origins.len()).sum::<usize>());
    }
}

/// Whoever comes from nowhere goes to the fewest connections among the regions
/// that it may be in.
#[test]
fn who_comes_from_nowhere_goes_where_there_are_the_fewest_connections() {
    let policy = eight();
    let condition = Condition { health: Ppm::ONE, load: Ppm(0), cost: MicroUsd(0) };
    let world = World {
        regions: REGIONS,
        origins: 1,
        views: vec![View { distance_km: 100, rtt: None }; REGIONS],
        conditions: vec![condition; REGIONS],
        connections: vec![9, 3, 2, 8, 1, 7, 5, 4],
        standing: Standing::well(policy.atlas.all()),
    };
    let table = world.table(&policy);
    for (class, region) in [("none", 4), ("gdpr", 6), ("adequate", 4), ("pdpa", 5)] {
        let class = policy.residency.find(class).unwrap();
        let request = Request { origin: OriginNumber::NOWHERE, class, purpose: Purpose::Store, home: None };
        let decided = decide(&policy, &table, &world.standing, &request).unwrap();
        assert_eq!(decided, RegionNumber(region));
        let explained = explain(&policy, &table, &world.now(0), &request);
        let because = if region == 5 { Because::OnlyOne } else { Because::Fallback };
        assert_eq!((explained.because, explained.regions.len()), (Some(because), REGIONS));
    }
}

#[test]
fn weights_are_parts_of_a_hundred() {
    assert!(Weights::new(40, 30, 20, 10).is_ok());
    for (geography, cost) in [(41, 10), (40, 9), (u32::MAX, u32::MAX)] {
        assert!(Weights::new(geography, 30, 20, cost).is_err());
    }
}

/// A challenger waits for the hysteresis and for the dwell, and not at all when
/// the region in use is gone.
#[test]
fn a_region_in_use_has_inertia_and_a_lost_one_none() {
    let policy = policy(&file(&[0, 3]));
    let view = |rtt| View { distance_km: 1_000, rtt: Some(Micros(rtt)) };
    let condition = Condition { health: Ppm::ONE, load: Ppm(0), cost: MicroUsd(0) };
    let all = policy.atlas.all();
    let mut world = World {
        regions: 2,
        origins: 1,
        views: vec![view(40_000), view(45_000)],
        conditions: vec![condition; 2],
        connections: vec![0; 2],
        standing: Standing::well(all),
    };
    let mut table = world.table(&policy);
    let request = Request {
        origin: OriginNumber(0),
        class: policy::residency::ClassNumber::NONE,
        purpose: Purpose::Store,
        home: None,
    };
    let goes = |table: &Table, world: &World| decide(&policy, table, &world.standing, &request).unwrap().0;
    assert_eq!(goes(&table, &world), 0);
    // 35 ms faster is 2.3 points: less than 5.
    world.views = vec![view(45_000), view(10_000)];
    table.rebuild(&policy.settings, &world.now(100));
    assert_eq!(goes(&table, &world), 0, "the challenger is not better by enough");
    // Beyond 5 points, and the dwell is over.
    world.conditions[0].health = Ppm(900_000);
    table.rebuild(&policy.settings, &world.now(101));
    assert_eq!(goes(&table, &world), 1);
    // Back again is better by as much, and too early.
    world.conditions.swap(0, 1);
    world.views.swap(0, 1);
    table.rebuild(&policy.settings, &world.now(102));
    assert_eq!(goes(&table, &world), 1, "it has just moved");
    // Unless it is lost.
    world.standing.alive = world.standing.alive.without(RegionNumber(1));
    table.rebuild(&policy.settings, &world.now(103));
    assert_eq!(goes(&table, &world), 0);
}
