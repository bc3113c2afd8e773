//! The lints: each has a code for ever, a reason, and advice.
//!
//! A lint looks for a kind of mistake, never for a known file; its examples
//! in `tests/lint/` use other values than the documents that inspired it.

mod access;
mod blocks;
mod data;
mod edge;
pub(crate) mod figures;
pub(crate) mod file;
mod money;
mod network;
mod overlap;
mod people;
mod price;
mod region;
mod service;
mod watch;

use crate::finding::{Report, Severity};
use crate::model::Planet;
use crate::tables::Tables;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// One kind of mistake.
#[derive(Debug)]
pub struct Lint {
    /// What it is called for ever: "MY0001".
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The mistake, in a line.
    pub title: &'static str,
    /// Why it is one.
    pub why: &'static str,
    /// What to try.
    pub hint: &'static str,
    /// Looks for it. Mistakes of the file itself are found while reading it.
    pub(crate) look: fn(&Facts<'_>, &mut Report),
}

/// What a lint may look at.
pub(crate) struct Facts<'a> {
    pub(crate) planet: &'a Planet,
    pub(crate) tables: &'a Tables,
    /// Regions by id, the first of each.
    regions: BTreeMap<&'a str, usize>,
}

impl<'a> Facts<'a> {
    fn new(planet: &'a Planet, tables: &'a Tables) -> Self {
        let mut regions = BTreeMap::new();
        for (at, region) in planet.region.iter().enumerate() {
            regions.entry(region.id.as_str()).or_insert(at);
        }
        Self { planet, tables, regions }
    }

    /// The region that is called `id`.
    pub(crate) fn region(&self, id: &str) -> Option<&'a crate::model::Region> {
        self.regions.get(id).map(|&at| &self.planet.region[at])
    }
}

/// Things whose key was there before, each with the first of that key.
fn repeated<K: Ord, T: Copy>(things: impl Iterator<Item = (K, T)>) -> Vec<(T, T)> {
    let mut seen = BTreeMap::new();
    let mut found = Vec::new();
    for (key, thing) in things {
        match seen.entry(key) {
            Entry::Occupied(first) => found.push((thing, *first.get())),
            Entry::Vacant(free) => _ = free.insert(thing),
        }
    }
    found
}

/// Every lint, by code.
#[must_use]
pub fn all() -> Vec<&'static Lint> {
    let groups = [
        file::ALL,
        region::ALL,
        people::ALL,
        blocks::ALL,
        service::ALL,
        edge::ALL,
        data::ALL,
        network::ALL,
        watch::ALL,
        money::ALL,
        price::ALL,
        figures::ALL,
        access::ALL,
    ];
    groups.into_iter().flatten().copied().collect()
}

/// The lint with a code.
#[must_use]
pub fn by_code(code: &str) -> Option<&'static Lint> {
    all().into_iter().find(|lint| lint.code.eq_ignore_ascii_case(code))
}

/// Looks for every mistake and adds what is found to the report.
pub fn check(planet: &Planet, tables: &Tables, report: &mut Report) {
    let facts = Facts::new(planet, tables);
    for lint in all() {
        (lint.look)(&facts, report);
    }
    report.sort();
}
