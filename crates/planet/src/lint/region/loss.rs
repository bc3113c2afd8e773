//! What happens when a region is lost, and what was promised about it.

use crate::finding::{Report, Severity};
use crate::lint::{Facts, Lint};
use crate::model::WhenLost;
use std::collections::BTreeSet;
use vocab::{Ppm, thousands};

pub(super) static TOO_SMALL: Lint = Lint {
    code: "MY0107",
    severity: Severity::Warning,
    title: "a fallback that is too small",
    why: "A fallback takes the traffic of the lost region on top of its own. One that cannot even take it alone fails next, and then whoever falls back on it.",
    hint: "raise the fallback's capacity, add another fallback, or lower `takeover` in [recovery]",
    look: too_small,
};

fn too_small(facts: &Facts<'_>, report: &mut Report) {
    let takeover = facts.planet.recovery.as_ref().map_or(Ppm::ONE, |recovery| recovery.takeover.value);
    for region in &facts.planet.region {
        let (Some(capacity), Some(first)) = (&region.capacity, region.fallback.first()) else { continue };
        let rooms = region.fallback.iter().map(|fallback| facts.region(fallback.as_str())?.capacity.as_ref());
        let Some(rooms) = rooms.collect::<Option<Vec<_>>>() else { continue };
        let room = rooms.iter().fold(0u64, |sum, room| sum.saturating_add(room.per_second_ceil()));
        let needed = takeover.of_ceil(capacity.per_second_ceil());
        if needed <= room {
            continue;
        }
        let whither = match region.fallback.len() {
            1 => format!("`{}`, which takes {} rps", first.value, thousands(room)),
            n => format!("{n} fallbacks, which take {} rps together", thousands(room)),
        };
        let what = format!("when `{}` is lost, {} rps go to {whither}", region.id.value, thousands(needed));
        let finding = report.add(&TOO_SMALL, what);
        finding.at(first.span, "takes over").at(capacity.span, format!("{takeover} of this moves"));
        if let [room] = rooms.as_slice() {
            finding.at(room.span, "there is room for this");
        }
    }
}

pub(super) static NO_FALLBACK: Lint = Lint {
    code: "MY0108",
    severity: Severity::Warning,
    title: "a region that nobody takes over",
    why: "Other regions of this planet have a fallback, so a loss was thought of. The users of this one are simply gone until it is back.",
    hint: "add `fallback = [\"…\"]`; where the law forbids one, say `when_lost = \"refuse\"` in the residency class",
    look: no_fallback,
};

fn no_fallback(facts: &Facts<'_>, report: &mut Report) {
    let regions = &facts.planet.region;
    let Some(other) = regions.iter().find(|region| !region.fallback.is_empty()) else { return };
    // Where records wait for their region rather than move, none was wanted.
    let classes = facts.planet.data.iter().flat_map(|data| &data.class);
    let (mut waits, mut waits_by_law) = (BTreeSet::new(), BTreeSet::new());
    for class in classes.filter(|class| class.when_lost.value == WhenLost::Refuse) {
        waits.extend(class.regions.iter().map(|id| id.as_str()));
        if class.regions.is_empty() {
            waits_by_law.extend(class.jurisdictions.iter().map(|law| law.as_str()));
        }
    }
    for region in regions.iter().filter(|region| region.fallback.is_empty()) {
        let by_law = region.jurisdictions.iter().any(|law| waits_by_law.contains(law.as_str()));
        if !by_law && !waits.contains(region.id.as_str()) {
            report
                .add(&NO_FALLBACK, format!("`{}` has no fallback, though `{}` has", region.id.value, other.id.value))
                .at(region.id.span, "");
        }
    }
}

pub(super) static PROMISE: Lint = Lint {
    code: "MY0114",
    severity: Severity::Warning,
    title: "a planet that promises more than its best region",
    why: "Where no region falls back on another, each user has one region and gets what that region gives. The planet cannot answer more often than the best of them.",
    hint: "add fallbacks, or promise what the regions promise",
    look: |facts, report| {
        let regions = &facts.planet.region;
        let Some(promise) = facts.planet.sla.as_ref().and_then(|sla| sla.availability.as_ref()) else { return };
        if regions.iter().any(|region| !region.fallback.is_empty()) {
            return;
        }
        let Some(all) = regions.iter().map(|region| region.availability.as_ref()).collect::<Option<Vec<_>>>() else {
            return;
        };
        let Some(best) = all.into_iter().max_by_key(|share| share.value) else { return };
        if promise.value > best.value {
            report
                .add(&PROMISE, format!("the planet promises {}, its best region {}", promise.value, best.value))
                .at(promise.span, "promised to all")
                .at(best.span, "the most that a region promises");
        }
    },
};
