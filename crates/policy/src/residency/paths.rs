//! Ways by which a planet's own settings would carry records of a class out of
//! its regions: fallbacks, replicas, backups, delivery networks.
//!
//! No decision of this crate takes such a way, because residency filters first.
//! The settings are read by other hands too (a database replicates what it is
//! told to), so a way out that is merely not taken is still a way out.

use super::{Compiled, Purpose, Residency};
use crate::atlas::Atlas;
use planet::law::carries;
use planet::{Planet, WhenLost};
use serde::Serialize;

/// The kind of a way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// The class lists a region that its law does not allow.
    Listed,
    /// There is no region for it at all.
    Nowhere,
    /// Where a lost region's records move.
    Fallback,
    /// Where the primary's records are copied.
    Replica,
    /// Where copies for the worst day are kept.
    Backup,
    /// What a delivery network keeps.
    Delivery,
}

impl Path {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Nowhere => "nowhere",
            Self::Fallback => "fallback",
            Self::Replica => "replica",
            Self::Backup => "backup",
            Self::Delivery => "delivery",
        }
    }
}

/// A way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// The class whose records would leave.
    pub class: String,
    /// By which way.
    pub path: Path,
    /// From which region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// To which region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// In words.
    pub what: String,
    /// What to try.
    pub hint: &'static str,
}

/// Every way out that the planet's settings open, class by class.
#[must_use]
pub fn breaches(planet: &Planet, atlas: &Atlas, residency: &Residency) -> Vec<Breach> {
    let mut found = Vec::new();
    for (_, class) in residency.iter().skip(1) {
        placement(planet, atlas, class, &mut found);
        fallbacks(planet, atlas, class, &mut found);
        replicas(planet, atlas, class, &mut found);
        backups(planet, atlas, class, &mut found);
        delivery(planet, class, &mut found);
    }
    found
}

/// The declaration behind a class.
fn declared<'p>(planet: &'p Planet, class: &Compiled) -> Option<&'p planet::Class> {
    planet.data.iter().flat_map(|data| &data.class).find(|declared| declared.name.as_str() == class.name)
}

fn placement(planet: &Planet, atlas: &Atlas, class: &Compiled, found: &mut Vec<Breach>) {
    let name = &class.name;
    for id in declared(planet, class).iter().flat_map(|declared| &declared.regions) {
        let Some(region) = atlas.find(id.as_str()) else { continue };
        if !class.lawful.has(region) {
            found.push(Breach {
                class: name.clone(),
                path: Path::Listed,
                from: None,
                to: Some(id.to_string()),
                what: format!("`{name}` lists `{}`, which is in none of its jurisdictions", id.value),
                hint: "remove the region from the class, or add the jurisdiction that allows it",
            });
        }
    }
    if class.keeps.is_empty() {
        found.push(Breach {
            class: name.clone(),
            path: Path::Nowhere,
            from: None,
            to: None,
            what: format!("no region may keep `{name}`: every record of it is refused"),
            hint: "name `regions`, or `jurisdictions` that a region has",
        });
    }
}

/// A fallback is a way out where the class says that its records move, and they
/// could move nowhere else.
fn fallbacks(planet: &Planet, atlas: &Atlas, class: &Compiled, found: &mut Vec<Breach>) {
    if class.duties.when_lost == WhenLost::Refuse {
        return;
    }
    let keeps = |id: &str| atlas.find(id).is_some_and(|region| class.keeps.has(region));
    for region in planet.region.iter().filter(|region| keeps(region.id.as_str())) {
        if region.fallback.iter().any(|fallback| keeps(fallback.as_str())) {
            continue;
        }
        for fallback in region.fallback.iter().filter(|fallback| atlas.find(fallback.as_str()).is_some()) {
            let (name, from, to) = (&class.name, &region.id.value, &fallback.value);
            found.push(Breach {
                class: name.clone(),
                path: Path::Fallback,
                from: Some(from.to_string()),
                to: Some(to.to_string()),
                what: format!("when `{from}` is lost its records of `{name}` move to `{to}`, where they may not be"),
                hint: "add a fallback that the class allows, or write `when_lost = \"refuse\"` in the class",
            });
        }
    }
}

/// The primary is copied whole. Where a class may be in it, the copies must
/// stand where it may be.
fn replicas(planet: &Planet, atlas: &Atlas, class: &Compiled, found: &mut Vec<Breach>) {
    let Some(data) = &planet.data else { return };
    let Some(primary) = atlas.find(data.primary.as_str()) else { return };
    if !class.keeps.has(primary) {
        return;
    }
    for (id, count) in data.replicas.iter().filter(|(_, count)| count.value > 0) {
        let Some(region) = atlas.find(id.as_str()) else { continue };
        if !class.keeps.has(region) {
            let name = &class.name;
            found.push(Breach {
                class: name.clone(),
                path: Path::Replica,
                from: Some(data.primary.to_string()),
                to: Some(id.to_string()),
                what: format!(
                    "`{}` may keep `{name}`, and is copied to {} replicas in `{}`, which may not",
                    data.primary.value, count.value, id.value
                ),
                hint: "move the replicas, or list for the class only regions that are not replicated out",
            });
        }
    }
}

/// A copy in another region needs another region.
fn backups(planet: &Planet, atlas: &Atlas, class: &Compiled, found: &mut Vec<Breach>) {
    let crosses = planet.backup.as_ref().is_some_and(|backup| backup.cross_region.value);
    let places = class.may(Purpose::BackUp);
    // Records that wait for their region are copied as all others are.
    if !crosses || places.count() != 1 {
        return;
    }
    let name = &class.name;
    found.extend(places.iter().map(|only| Breach {
        class: name.clone(),
        path: Path::Backup,
        from: Some(atlas.id(only).to_owned()),
        to: None,
        what: format!("backups go to another region, and `{name}` may only be in `{}`", atlas.id(only)),
        hint: "allow the class a second region, or write `cross_region = false`: copies then stay where they are made",
    }));
}

/// A delivery network keeps answers wherever it has machines. A rule that does
/// not say of which class they are may keep every one.
fn delivery(planet: &Planet, class: &Compiled, found: &mut Vec<Breach>) {
    let Some(declared) = declared(planet, class) else { return };
    let rules = planet.cdn.iter().flat_map(|cdn| &cdn.rule);
    for rule in rules.filter(|rule| carries(planet, rule, declared)) {
        let (name, called, ttl) = (&class.name, &rule.name.value, &rule.ttl.value);
        let is_named = rule.class.as_ref().is_some_and(|named| named.as_str() == name);
        let keeps = if is_named { "keeps" } else { "names no class, and may keep" };
        found.push(Breach {
            class: name.clone(),
            path: Path::Delivery,
            from: None,
            to: None,
            what: format!("the rule `{called}` {keeps} `{name}` for {ttl} all over the world"),
            hint: if is_named {
                "write `ttl = \"0s\"`, so that such answers pass through and are not kept"
            } else {
                "write `class = \"none\"` if what it keeps is of no class, and `ttl = \"0s\"` if it may be of one"
            },
        });
    }
}
