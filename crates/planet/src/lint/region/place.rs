//! Where regions stand: sites, zones, and what each provider calls them.

use crate::finding::Severity;
use crate::lint::Lint;
use crate::lint::overlap::{Claim, overlaps};
use std::collections::{BTreeMap, BTreeSet};

pub(super) static ONE_ZONE: Lint = Lint {
    code: "MY0105",
    severity: Severity::Warning,
    title: "a region in a single zone",
    why: "A zone is one building with one power feed. A region that uses a single zone is lost with it, and zones are lost far more often than regions.",
    hint: "name at least one more zone of the same place",
    look: |facts, report| {
        for region in &facts.planet.region {
            if let [zone] = region.zones.as_slice() {
                report
                    .add(&ONE_ZONE, format!("`{}` stands in the zone `{}` alone", region.id.value, zone.value))
                    .at(zone.span, "");
            }
        }
    },
};

/// Providers whose zones are called by their region and a letter.
const ZONES_BEGIN_WITH_REGION: [&str; 2] = ["aws", "gcp"];

pub(super) static ZONE_ELSEWHERE: Lint = Lint {
    code: "MY0109",
    severity: Severity::Error,
    title: "a zone of another provider region",
    why: "The name of a zone begins with its provider's name for the place: `us-west-1b` is in `us-west-1`. Machines can only be asked for in zones of the place that they are asked for in.",
    hint: "name zones of this region's own `provider_regions`",
    look: |facts, report| {
        for region in &facts.planet.region {
            if region.provider_regions.is_empty() || !ZONES_BEGIN_WITH_REGION.contains(&region.provider.as_str()) {
                continue;
            }
            let places: BTreeSet<&str> = region.provider_regions.iter().map(|place| place.as_str()).collect();
            let is_in_one = |zone: &str| (1..=zone.len()).any(|n| zone.get(..n).is_some_and(|p| places.contains(p)));
            for zone in region.zones.iter().filter(|zone| !is_in_one(zone.as_str())) {
                let first = &region.provider_regions[0];
                let other = region.provider_regions.len() - 1;
                let others = if other == 0 { String::new() } else { format!(" or {other} more") };
                report
                    .add(&ZONE_ELSEWHERE, format!("the zone `{}` is not in `{}`{others}", zone.value, first.value))
                    .at(zone.span, "this zone is somewhere else")
                    .at(first.span, format!("`{}` is here", region.id.value));
            }
        }
    },
};

pub(super) static SAME_SITE: Lint = Lint {
    code: "MY0110",
    severity: Severity::Warning,
    title: "two regions at one site",
    why: "What takes one of them takes both: the same flood, the same grid, the same cut cable. And no user is nearer to one than to the other.",
    hint: "write each region's own site, or make them zones of one region",
    look: |facts, report| {
        let mut seen = BTreeMap::new();
        for region in &facts.planet.region {
            if let Some((id, span)) = seen.insert(region.site.value, (&region.id.value, region.site.span)) {
                report
                    .add(&SAME_SITE, format!("`{id}` and `{}` stand on the same spot", region.id.value))
                    .at(region.site.span, "this site")
                    .at(span, "is also here");
            }
        }
    },
};

pub(super) static PROVIDER_REGION_SHARED: Lint = Lint {
    code: "MY0112",
    severity: Severity::Error,
    title: "one provider region in two regions",
    why: "Capacity, quotas and failures belong to the provider's region. Two regions of a planet in the same one are lost together, and each would create the other's networks again.",
    hint: "give each provider region to one region of the planet",
    look: |facts, report| {
        let mut seen = BTreeMap::new();
        for region in &facts.planet.region {
            for place in &region.provider_regions {
                let key = (region.provider.as_str(), place.as_str());
                let (owner, span) = *seen.entry(key).or_insert((region.id.as_str(), place.span));
                if owner != region.id.as_str() {
                    let what = format!("`{}` is claimed by `{owner}` and by `{}`", place.value, region.id.value);
                    report.add(&PROVIDER_REGION_SHARED, what).at(place.span, "again here").at(span, "first here");
                }
            }
        }
    },
};

pub(super) static PREFIXES_OVERLAP: Lint = Lint {
    code: "MY0113",
    severity: Severity::Error,
    title: "IPv6 prefixes that overlap",
    why: "A block's address says where the block stands. Where two regions hand out the same addresses, packets for one arrive in the other.",
    hint: "give each region a prefix of its own",
    look: |facts, report| {
        let prefixes = facts.planet.region.iter().filter_map(|region| Some((region.ipv6.as_ref()?, &region.id.value)));
        let claims = prefixes.map(|(net, id)| Claim::v6(net.value, (net, id))).collect();
        for ((a, a_id), (b, b_id)) in overlaps(claims) {
            let what = format!("`{}` of `{a_id}` and `{}` of `{b_id}` share addresses", a.value, b.value);
            report.add(&PREFIXES_OVERLAP, what).at(a.span, "this prefix").at(b.span, "overlaps this one");
        }
    },
};
