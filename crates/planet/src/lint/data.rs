//! MY04xx: where records live, who may have them, and what survives.

mod backup;
mod class;
mod kept;
mod law;

use super::{Facts, Lint};
use crate::file::span::At;
use crate::file::value::Name;
use crate::finding::{Report, Severity};
use crate::model::Sync;

pub(super) const ALL: &[&Lint] = &[
    &UNKNOWN_REGION,
    &class::FALLBACK_FORBIDDEN,
    &class::OUTSIDE,
    &class::NOWHERE,
    &backup::TOO_OLD,
    &backup::TOO_SLOW,
    &INTERVAL,
    &backup::NEVER_RESTORED,
    &TOO_FAR,
    &class::NO_ERASURE,
    &class::KEPT_FOR_EVER,
    &REPLICA_OF_ITSELF,
    &class::TWICE,
    &backup::COLD,
    &class::COPIES_LEAVE,
    &law::ADEQUACY_OF_NOBODY,
    &law::TWICE,
    &law::CIRCLE,
    &kept::OUTLIVED,
    &kept::NEVER_PRUNED,
];

static UNKNOWN_REGION: Lint = Lint {
    code: "MY0401",
    severity: Severity::Error,
    title: "records in a region that is not there",
    why: "Records are placed by the id of a region. A name that no region has is a place where nothing can be kept.",
    hint: "name a region of this file",
    look: |facts, report| {
        let Some(data) = &facts.planet.data else { return };
        let mut must_be_there = |id: &At<Name>, what: &str| {
            if facts.region(id.as_str()).is_none() {
                let what = format!("{what} placed in `{}`, which is no region of this planet", id.value);
                report.add(&UNKNOWN_REGION, what).at(id.span, "");
            }
        };
        must_be_there(&data.primary, "the primary is");
        for (id, _) in &data.replicas {
            must_be_there(id, "replicas are");
        }
        for class in &data.class {
            for id in &class.regions {
                must_be_there(id, &format!("`{}` is", class.name.value));
            }
        }
    },
};

static INTERVAL: Lint = Lint {
    code: "MY0408",
    severity: Severity::Warning,
    title: "replicas that lag behind what may be lost",
    why: "When the primary is lost, its replicas lack what was written since the last `interval`. A longer interval than `rpo` loses more than was agreed.",
    hint: "replicate more often, or write `sync = \"synchronous\"`",
    look: |facts, report| {
        let (Some(data), Some(recovery)) = (&facts.planet.data, &facts.planet.recovery) else { return };
        let (interval, rpo) = (&data.interval, &recovery.rpo);
        if data.sync.value == Sync::Asynchronous && !data.replicas.is_empty() && interval.value > rpo.value {
            let what = format!("replicas lag {} behind, and {} of data may be lost", interval.value, rpo.value);
            report.add(&INTERVAL, what).at(interval.span, "replicated every").at(rpo.span, "may be lost");
        }
    },
};

/// A round trip of a millisecond covers this much fibre at most: light in
/// glass does 200 km in a millisecond, once there and once back.
const KILOMETRES_PER_MILLISECOND: u64 = 100;

static TOO_FAR: Lint = Lint {
    code: "MY0410",
    severity: Severity::Error,
    title: "a synchronous replica that light cannot reach in time",
    why: "A synchronous write waits for the replica and back, and light in fibre takes 1 ms for every 100 km of distance. No machine and no money makes that shorter.",
    hint: "replicate asynchronously, choose a nearer region, or promise a longer `p99`",
    look: too_far,
};

fn too_far(facts: &Facts<'_>, report: &mut Report) {
    let Some(data) = facts.planet.data.as_ref().filter(|data| data.sync.value == Sync::Synchronous) else { return };
    let promise = facts.planet.sla.as_ref().and_then(|sla| sla.p99.as_ref());
    let (Some(promise), Some(primary)) = (promise, facts.region(data.primary.as_str())) else { return };
    for (id, _) in &data.replicas {
        let Some(region) = facts.region(id.as_str()) else { continue };
        let distance = u64::from(primary.site.kilometres_to(region.site.value));
        if distance > promise.0.saturating_mul(KILOMETRES_PER_MILLISECOND) {
            let wait = distance / KILOMETRES_PER_MILLISECOND;
            report
                .add(&TOO_FAR, format!("a write waits {wait}ms for `{}`, and {} is promised", id.value, promise.value))
                .at(id.span, format!("{} km from `{}`", vocab::thousands(distance), data.primary.value))
                .at(promise.span, "promised")
                .at(data.sync.span, "each write waits");
        }
    }
}

static REPLICA_OF_ITSELF: Lint = Lint {
    code: "MY0413",
    severity: Severity::Warning,
    title: "replicas in the primary's own region",
    why: "Replicas are there for the day on which the primary's region is lost. Those that stand in it are lost with it.",
    hint: "put replicas into other regions",
    look: |facts, report| {
        let Some(data) = &facts.planet.data else { return };
        for (id, _) in data.replicas.iter().filter(|(id, _)| id.value == data.primary.value) {
            report
                .add(&REPLICA_OF_ITSELF, format!("`{}` is the primary and has replicas as well", id.value))
                .at(id.span, "replicas here")
                .at(data.primary.span, "of the primary here");
        }
    },
};
