//! Deciding and ranking, beside what they cannot be faster than and beside a
//! score that is computed for each request.

#![allow(clippy::unwrap_used)]

use policy::residency::{ClassNumber, Purpose};
use policy::route::{Policy, Request, Standing, decide};
use policy::score::{Condition, View, score};
use policy::set::RegionNumber;
use policy::signal::Micros;
use policy::table::{Now, OriginNumber, Table};
use std::hint::black_box;
use vocab::{MicroUsd, Ppm};

const ORIGINS: u32 = 256;

fn main() {
    measure::title();
    for regions in [5, 7, 16] {
        let world = World::new(regions);
        decisions(&world);
        rebuilds(&world);
    }
}

struct World {
    policy: Policy,
    table: Table,
    views: Vec<View>,
    conditions: Vec<Condition>,
    connections: Vec<u64>,
}

impl World {
    fn new(regions: u32) -> Self {
        let laws = ["EU", "US", "US-CA", "SG", "JP"];
        let region = |at: u32| {
            let law = laws[at as usize % laws.len()];
            format!("[[region]]\nid = \"r{at}\"\nsite = [{}, {}]\njurisdictions = [\"{law}\"]\n", at * 5, at * 20)
        };
        let classes =
            ["gdpr\"\njurisdictions = [\"EU\"]", "ccpa\"\njurisdictions = [\"US\"]", "pdpa\"\nregions = [\"r3\"]"];
        let class = |class: &&str| format!("[[data.class]]\nname = \"{class}\n");
        let file = format!(
            "[planet]\nname = \"w\"\n{}[data]\nprimary = \"r0\"\n{}",
            (0..regions).map(region).collect::<String>(),
            classes.iter().map(class).collect::<String>()
        );
        let policy = Policy::new(&planet::parse(file.as_bytes()).0.unwrap()).unwrap();
        let view = |at: u32| {
            let spread = at.wrapping_mul(2_654_435_761) >> 8;
            View { distance_km: spread % 18_000, rtt: Some(Micros(u64::from(spread % 280_000))) }
        };
        let condition = Condition { health: Ppm(990_000), load: Ppm(400_000), cost: MicroUsd(180_000) };
        let count = policy.atlas.count();
        let mut world = Self {
            table: Table::new(count, ORIGINS as usize, policy.candidates()),
            views: (0..ORIGINS * regions).map(view).collect(),
            conditions: vec![condition; count],
            connections: vec![0; count],
            policy,
        };
        let (mut table, now) = (world.table.clone(), world.now(0));
        table.rebuild(&world.policy.settings, &now);
        world.table = table;
        world
    }

    fn now(&self, tick: u64) -> Now<'_> {
        Now {
            views: &self.views,
            conditions: &self.conditions,
            connections: &self.connections,
            standing: Standing::well(self.policy.atlas.all()),
            tick,
        }
    }
}

fn decisions(world: &World) {
    let regions = world.policy.atlas.count();
    let standing = Standing::well(world.policy.atlas.all());
    let mut call = 0_u32;
    let mut request = || {
        call = call.wrapping_add(1);
        let origin = OriginNumber(call.wrapping_mul(2_654_435_761) % ORIGINS);
        let class = ClassNumber(u16::try_from(call & 3).unwrap());
        Request { origin, class, purpose: Purpose::Store, home: None }
    };
    let ours = measure::many(|| {
        drop(black_box(decide(&world.policy, &world.table, &standing, black_box(&request()))));
    });
    let live = measure::many(|| {
        let request = black_box(request());
        let may = world.policy.residency.may(request.class, request.purpose);
        let views = &world.views[request.origin.0 as usize * regions..][..regions];
        let settings = &world.policy.settings;
        let scored = (0..=u8::MAX).map(RegionNumber).zip(views).filter(|(region, _)| may.has(*region));
        let scores = scored.map(|(region, view)| {
            (score(*view, world.conditions[region.at()], settings.weights, settings.scales).terms.score(), region)
        });
        black_box(scores.max());
    });
    measure::at_most(&format!("decide: {regions} regions, 3 classes"), 50.0, ours, Some(("the live score", live)));
}

fn rebuilds(world: &World) {
    let regions = world.policy.atlas.count();
    let mut table = world.table.clone();
    let mut tick = 0;
    let ours = measure::many(|| {
        tick += 1;
        table.rebuild(black_box(&world.policy.settings), black_box(&world.now(tick)));
    });
    // A ranking cannot cost less than sorting as many numbers.
    let mut numbers: Vec<Vec<u64>> = (0..ORIGINS).map(|_| vec![0; regions]).collect();
    let mut seed = 1_u64;
    let sort = measure::many(|| {
        for row in &mut numbers {
            for number in row.iter_mut() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *number = seed >> 33;
            }
            row.sort_unstable();
        }
        black_box(&numbers);
    });
    let peer = format!("sorting {ORIGINS} × {regions} numbers");
    measure::at_most(&format!("rebuild: {ORIGINS} origins, {regions} regions"), 2e5, ours, Some((&peer, sort)));
}
