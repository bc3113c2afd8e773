//! MY01xx: regions, and how the planet is divided over them.

mod loss;
mod place;

use super::{Facts, Lint};
use crate::finding::{Report, Severity};
use std::collections::BTreeMap;

pub(super) const ALL: &[&Lint] = &[
    &TWICE,
    &OFF_EARTH,
    &FALLBACK_UNKNOWN,
    &ZONE_SHARED,
    &place::ONE_ZONE,
    &REPLICAS,
    &loss::TOO_SMALL,
    &loss::NO_FALLBACK,
    &place::ZONE_ELSEWHERE,
    &place::SAME_SITE,
    &NO_REGIONS,
    &place::PROVIDER_REGION_SHARED,
    &place::PREFIXES_OVERLAP,
    &loss::PROMISE,
];

static TWICE: Lint = Lint {
    code: "MY0101",
    severity: Severity::Error,
    title: "two regions with one id",
    why: "A block is named by its region and its index there. Two regions with one id would give two blocks one name.",
    hint: "give each region an id of its own",
    look: |facts, report| {
        let mut seen = BTreeMap::new();
        for region in &facts.planet.region {
            if let Some(earlier) = seen.insert(region.id.as_str(), region.id.span) {
                report
                    .add(&TWICE, format!("two regions are called `{}`", region.id.value))
                    .at(region.id.span, "this one")
                    .at(earlier, "and this one");
            }
        }
    },
};

static OFF_EARTH: Lint = Lint {
    code: "MY0102",
    severity: Severity::Error,
    title: "a site that is not on Earth",
    why: "A site is [latitude, longitude]: at most 90 degrees from the equator and 180 from Greenwich. The usual mistake is to swap the two.",
    hint: "write the latitude first",
    look: |facts, report| {
        for region in facts.planet.region.iter().filter(|region| !region.site.is_on_earth()) {
            let what = format!("{}° north, {}° east is no place on Earth", region.site.latitude, region.site.longitude);
            report.add(&OFF_EARTH, what).at(region.site.span, "");
        }
    },
};

static FALLBACK_UNKNOWN: Lint = Lint {
    code: "MY0103",
    severity: Severity::Error,
    title: "a fallback that is no other region",
    why: "When a region is lost its traffic goes to its fallback. A name that no region has, or the region's own, is found on the worst day.",
    hint: "name another region of this file",
    look: |facts, report| {
        for region in &facts.planet.region {
            for fallback in &region.fallback {
                let own = fallback.value == region.id.value;
                if own || facts.region(fallback.as_str()).is_none() {
                    let what = if own { "is the region itself" } else { "is no region of this planet" };
                    report
                        .add(
                            &FALLBACK_UNKNOWN,
                            format!("the fallback `{}` of `{}` {what}", fallback.value, region.id.value),
                        )
                        .at(fallback.span, "");
                }
            }
        }
    },
};

static ZONE_SHARED: Lint = Lint {
    code: "MY0104",
    severity: Severity::Error,
    title: "one zone in two regions",
    why: "A zone is a building in one place. A file that names the same zone in several regions was made by copying, and all but one of them cannot be deployed.",
    hint: "name the zones of each region's own provider region",
    look: |facts, report| {
        let mut seen = BTreeMap::new();
        for region in &facts.planet.region {
            for zone in &region.zones {
                let key = (region.provider.as_str(), zone.as_str());
                match seen.get(&key) {
                    Some((owner, span)) if *owner != region.id.as_str() => {
                        report
                            .add(
                                &ZONE_SHARED,
                                format!("the zone `{}` is in `{owner}` and in `{}`", zone.value, region.id.value),
                            )
                            .at(zone.span, "again here")
                            .at(*span, "first here");
                    }
                    _ => {
                        seen.insert(key, (region.id.as_str(), zone.span));
                    }
                }
            }
        }
    },
};

static REPLICAS: Lint = Lint {
    code: "MY0106",
    severity: Severity::Error,
    title: "replica counts that contradict each other",
    why: "A region begins with `start` replicas and stays between `min` and `max`. Counts that are not in this order leave no number that satisfies them all.",
    hint: "write counts with min <= start <= max",
    look: replicas,
};

fn replicas(facts: &Facts<'_>, report: &mut Report) {
    for region in &facts.planet.region {
        let counts = &region.replicas;
        let (id, min) = (&region.id.value, counts.min.value);
        if let Some(max) = counts.max.as_ref().filter(|max| max.value < min) {
            report
                .add(&REPLICAS, format!("`{id}` has at least {min} replicas and at most {}", max.value))
                .at(max.span, "at most")
                .at(counts.min.span, "at least");
            continue;
        }
        let Some(start) = &counts.start else { continue };
        if start.value < min {
            report
                .add(&REPLICAS, format!("`{id}` starts with {} replicas and has at least {min}", start.value))
                .at(start.span, "at the start")
                .at(counts.min.span, "at least");
        } else if let Some(max) = counts.max.as_ref().filter(|max| max.value < start.value) {
            report
                .add(&REPLICAS, format!("`{id}` starts with {} replicas and has at most {}", start.value, max.value))
                .at(start.span, "at the start")
                .at(max.span, "at most");
        }
    }
}

static NO_REGIONS: Lint = Lint {
    code: "MY0111",
    severity: Severity::Error,
    title: "a planet without regions",
    why: "Every block stands in a region. Without one there is nowhere to put anything.",
    hint: "add a [[region]] with an `id` and a `site`",
    look: |facts, report| {
        let head = &facts.planet.planet;
        if facts.planet.region.is_empty() {
            report.add(&NO_REGIONS, format!("`{}` has no regions", head.name.value)).at(head.name.span, "");
        }
    },
};
