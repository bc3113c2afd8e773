//! Golden vectors: states of a planet with the decisions that follow, in
//! `golden/decisions.json`, for this crate and for whatever serves through it.
//!
//! `UPDATE_EXPECT=1 cargo test -p policy --test golden` writes the decisions
//! anew; the states are written by hand.

#![allow(clippy::unwrap_used)]

use expect_test::expect_file;
use policy::explain::explain;
use policy::residency::Purpose;
use policy::route::{Policy, Request, Standing, decide};
use policy::score::{Condition, View};
use policy::set::RegionSet;
use policy::signal::Micros;
use policy::table::{Now, OriginNumber, Table};
use serde_json::{Value as Json, json};
use std::path::Path;
use vocab::{MicroDegrees, MicroUsd, Ppm, Site};

/// The planet that all of them are about.
const MESH: &str = include_str!("../../../planets/mesh.toml");

fn words(value: &Json) -> Vec<&str> {
    value.as_array().map(|all| all.iter().map(|word| word.as_str().unwrap()).collect()).unwrap_or_default()
}

fn number(value: &Json, otherwise: u64) -> u64 {
    value.as_u64().unwrap_or(otherwise)
}

/// Answers one vector.
fn answer(policy: &Policy, given: &Json) -> Json {
    let atlas = &policy.atlas;
    let regions = |key: &str| -> RegionSet { words(&given[key]).iter().map(|id| atlas.find(id).unwrap()).collect() };
    let angle = |at: usize| MicroDegrees(i32::try_from(given["from"][at].as_i64().unwrap()).unwrap());
    let from = Site { latitude: angle(0), longitude: angle(1) };
    let view = |(_, place): (_, &policy::atlas::Place)| View {
        distance_km: policy::place::kilometres(from, place.site),
        rtt: given["rtt_us"][&place.id].as_u64().map(Micros),
    };
    let condition = |(_, place): (_, &policy::atlas::Place)| Condition {
        health: Ppm(u32::try_from(number(&given["health_ppm"][&place.id], 1_000_000)).unwrap()),
        load: Ppm(u32::try_from(number(&given["load_ppm"][&place.id], 0)).unwrap()),
        cost: MicroUsd(number(&given["cost_microusd"][&place.id], 300_000)),
    };
    let views: Vec<View> = atlas.iter().map(view).collect();
    let conditions: Vec<Condition> = atlas.iter().map(condition).collect();
    let connections: Vec<u64> = atlas.iter().map(|(_, place)| number(&given["connections"][&place.id], 0)).collect();
    let standing = Standing {
        alive: atlas.all().minus(regions("dead")),
        drained: regions("drained"),
        room: atlas.all().minus(regions("full")),
        free: atlas.all().minus(regions("taken")),
        panic: given["panic"].as_bool().unwrap_or(false),
    };
    let now = Now { views: &views, conditions: &conditions, connections: &connections, standing, tick: 0 };
    let mut table = Table::new(atlas.count(), 1, policy.candidates());
    table.rebuild(&policy.settings, &now);
    let request = Request {
        origin: OriginNumber(0),
        class: policy.residency.find(given["class"].as_str().unwrap_or("none")).unwrap(),
        purpose: Purpose::Store,
        home: given["home"].as_str().map(|id| atlas.find(id).unwrap()),
    };
    let explained = explain(policy, &table, &now, &request);
    match decide(policy, &table, &standing, &request) {
        Ok(region) => json!({
            "region": atlas.id(region),
            "score": explained.regions.iter().find(|line| line.region == atlas.id(region)).unwrap().score,
        }),
        Err(refusal) => json!({
            "refused": refusal.words(),
            "retry_after_ms": refusal.retry_after.map(|after| after.0),
            "removed": refusal.removed.iter().map(|(region, filter)| (atlas.id(*region).to_owned(), json!(filter))).collect::<serde_json::Map<_, _>>(),
        }),
    }
}

#[test]
fn the_decisions_are_the_golden_ones() {
    let policy = Policy::new(&planet::parse(MESH.as_bytes()).0.unwrap()).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/decisions.json");
    let mut file: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for vector in file["vectors"].as_array_mut().unwrap() {
        vector["decides"] = answer(&policy, &vector["given"]);
    }
    expect_file![path].assert_eq(&format!("{}\n", serde_json::to_string_pretty(&file).unwrap()));
}
