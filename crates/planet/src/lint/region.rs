//! MY01xx: regions, and how the planet is divided over them.

use super::Lint;
use crate::finding::Severity;
use std::collections::BTreeMap;

pub(super) const ALL: &[&Lint] = &[&TWICE, &OFF_EARTH, &FALLBACK_UNKNOWN, &ZONE_SHARED];

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
