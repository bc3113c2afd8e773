//! Worlds to try policy in: small planets, and states of them that chance chose.

// Each test file uses a part of it.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use policy::residency::{ClassNumber, Purpose};
use policy::route::{Policy, Request, Standing};
use policy::score::{Condition, View};
use policy::set::{RegionNumber, RegionSet};
use policy::signal::Micros;
use policy::table::{Now, OriginNumber, Table};
use proptest::prelude::*;
use vocab::{MicroUsd, Ppm};

/// Jurisdictions of regions, as a cycle: some lie in others, some are
/// recognised by others, one is none of it.
pub(crate) const LAWS: [&str; 8] = ["EU", "US-CA", "JP", "US", "GB", "SG", "DE", "BR"];

/// Classes that between them use every way to bind records to a place.
pub(crate) const CLASSES: &str = r#"
[[data.class]]
name = "gdpr"
jurisdictions = ["EU"]

[[data.class]]
name = "adequate"
jurisdictions = ["EU"]
adequacy = true

[[data.class]]
name = "ccpa"
regions = ["r1"]
jurisdictions = ["US"]
when_lost = "refuse"

[[data.class]]
name = "pdpa"
regions = ["r5"]
jurisdictions = ["SG"]
local_processing = true

[[data.class]]
name = "nowhere"
jurisdictions = ["AQ"]
"#;

/// The file of a planet with so many regions, in the order that is given.
pub(crate) fn file(order: &[usize]) -> String {
    let region = |at: &usize| {
        let (latitude, longitude) = ((*at * 37) % 120, (*at * 83) % 340);
        format!(
            "[[region]]\nid = \"r{at}\"\nsite = [{}.5, {}.25]\njurisdictions = [\"{}\"]\ncapacity = \"50 rps\"\n",
            i64::try_from(latitude).unwrap() - 60,
            i64::try_from(longitude).unwrap() - 170,
            LAWS[at % LAWS.len()]
        )
    };
    let regions: String = order.iter().map(region).collect();
    format!("[planet]\nname = \"w\"\n{regions}[data]\nprimary = \"r0\"\n{CLASSES}")
}

pub(crate) fn policy(file: &str) -> Policy {
    let (planet, report) = planet::parse(file.as_bytes());
    Policy::new(&planet.unwrap_or_else(|| panic!("{:?}", report.findings()))).unwrap()
}

/// A state of a planet of `regions` regions, seen from some origins.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) regions: usize,
    pub(crate) origins: usize,
    pub(crate) views: Vec<View>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) connections: Vec<u64>,
    pub(crate) standing: Standing,
}

impl World {
    pub(crate) fn now(&self, tick: u64) -> Now<'_> {
        Now {
            views: &self.views,
            conditions: &self.conditions,
            connections: &self.connections,
            standing: self.standing,
            tick,
        }
    }

    /// A table that was ranked for this state.
    pub(crate) fn table(&self, policy: &Policy) -> Table {
        let mut table = Table::new(self.regions, self.origins, policy.candidates());
        table.rebuild(&policy.settings, &self.now(0));
        table
    }

    /// Every request that can be made from a place of it.
    pub(crate) fn requests(&self, policy: &Policy) -> Vec<Request> {
        let mut all = Vec::new();
        for origin in 0..u32::try_from(self.origins).unwrap() {
            for class in 0..u16::try_from(policy.residency.count()).unwrap() {
                for purpose in Purpose::ALL {
                    let homes = [None, Some(RegionNumber(0)), Some(RegionNumber(1))];
                    all.extend(homes.map(|home| Request {
                        origin: OriginNumber(origin),
                        class: ClassNumber(class),
                        purpose,
                        home,
                    }));
                }
            }
        }
        all
    }
}

pub(crate) fn view() -> impl Strategy<Value = View> {
    let rtt = prop_oneof![1 => Just(None), 6 => (0..400_000_u64).prop_map(|rtt| Some(Micros(rtt)))];
    (0..20_016_u32, rtt).prop_map(|(distance_km, rtt)| View { distance_km, rtt })
}

pub(crate) fn condition() -> impl Strategy<Value = Condition> {
    let share = || (0..=1_000_000_u32).prop_map(Ppm);
    (share(), share(), 0..2_000_000_u64).prop_map(|(health, load, cost)| Condition {
        health,
        load,
        cost: MicroUsd(cost),
    })
}

pub(crate) fn set(regions: usize) -> impl Strategy<Value = RegionSet> {
    prop::collection::vec(any::<bool>(), regions).prop_map(|has| {
        let numbered = (0..=u8::MAX).map(RegionNumber).zip(has);
        numbered.filter(|(_, has)| *has).map(|(region, _)| region).collect()
    })
}

pub(crate) fn standing(regions: usize) -> impl Strategy<Value = Standing> {
    (set(regions), set(regions), set(regions), set(regions), any::<bool>())
        .prop_map(|(alive, drained, room, free, panic)| Standing { alive, drained, room, free, panic })
}

pub(crate) fn world(regions: usize, origins: usize) -> impl Strategy<Value = World> {
    let views = prop::collection::vec(view(), regions * origins);
    let conditions = prop::collection::vec(condition(), regions);
    let connections = prop::collection::vec(0..9_u64, regions);
    (views, conditions, connections, standing(regions)).prop_map(move |(views, conditions, connections, standing)| {
        World { regions, origins, views, conditions, connections, standing }
    })
}
