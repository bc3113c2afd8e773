//! How many replicas there may be, and what adds one.

use crate::finding::{Report, Severity};
use crate::lint::{Facts, Lint};
use crate::model::Replicas;
use vocab::Ppm;

/// The sum of one count over all regions.
fn sum(facts: &Facts<'_>, count: impl Fn(&Replicas) -> u32) -> u64 {
    facts.planet.region.iter().map(|region| u64::from(count(&region.replicas))).sum()
}

fn least(replicas: &Replicas) -> u32 {
    replicas.min.value
}

pub(super) static MIN_UNREACHED: Lint = Lint {
    code: "MY0302",
    severity: Severity::Error,
    title: "a planet-wide minimum that is never reached",
    why: "No region goes below its own minimum, so the planet never goes below their sum. A lower minimum for the planet says something that cannot happen.",
    hint: "raise `min` of [scale] to the sum, or lower the regions'",
    look: |facts, report| {
        let Some(min) = facts.planet.scale.as_ref().and_then(|scale| scale.min.as_ref()) else { return };
        let sum = sum(facts, least);
        let Some(first) = facts.planet.region.first() else { return };
        if sum > u64::from(min.value) {
            report
                .add(&MIN_UNREACHED, format!("the planet's minimum is {}, and its regions' add up to {sum}", min.value))
                .at(min.span, "never reached")
                .at(first.replicas.min.span, format!("the first of those that add up to {sum}"));
        }
    },
};

pub(super) static MAX_UNREACHED: Lint = Lint {
    code: "MY0303",
    severity: Severity::Error,
    title: "a planet-wide maximum that is never reached",
    why: "No region goes above its own maximum, so the planet never goes above their sum. Whoever counts on the higher number on a bad day does not get it.",
    hint: "lower `max` of [scale] to the sum, or raise the regions'",
    look: |facts, report| {
        let Some(max) = facts.planet.scale.as_ref().and_then(|scale| scale.max.as_ref()) else { return };
        let sum = sum(facts, Replicas::at_most);
        let Some(first) = facts.planet.region.first() else { return };
        if sum < u64::from(max.value) {
            let span = first.replicas.max.as_ref().map_or(first.replicas.span, |max| max.span);
            report
                .add(&MAX_UNREACHED, format!("the planet's maximum is {}, and its regions' add up to {sum}", max.value))
                .at(max.span, "never reached")
                .at(span, format!("the first of those that add up to {sum}"));
        }
    },
};

pub(super) static LIMITS: Lint = Lint {
    code: "MY0304",
    severity: Severity::Error,
    title: "a planet-wide maximum below a minimum",
    why: "The planet would need more replicas than it may have.",
    hint: "raise `max` of [scale], or lower the minimum",
    look: |facts, report| {
        let Some(scale) = &facts.planet.scale else { return };
        let Some(max) = &scale.max else { return };
        if let Some(min) = scale.min.as_ref().filter(|min| min.value > max.value) {
            report
                .add(&LIMITS, format!("the planet has at least {} replicas and at most {}", min.value, max.value))
                .at(max.span, "at most")
                .at(min.span, "at least");
        }
        let sum = sum(facts, least);
        if sum > u64::from(max.value) {
            let first = facts.planet.region.first();
            report
                .add(&LIMITS, format!("the regions need {sum} replicas, and the planet may have {}", max.value))
                .at(max.span, "at most")
                .at(first.map_or(max.span, |first| first.replicas.min.span), "the regions' minima begin here");
        }
    },
};

pub(super) static NO_TRIGGER: Lint = Lint {
    code: "MY0305",
    severity: Severity::Warning,
    title: "a region that may grow, and nothing that makes it",
    why: "Replicas are added when a trigger of [scale] is passed. Without any, the maximum of a region is never used.",
    hint: "add a trigger to [scale], such as cpu = \"65%\"",
    look: |facts, report| {
        let triggered = facts.planet.scale.as_ref().is_some_and(|scale| {
            scale.cpu.is_some() || scale.memory.is_some() || scale.requests.is_some() || scale.p99.is_some()
        });
        let grows = facts.planet.region.iter().find(|region| region.replicas.at_most() > region.replicas.min.value);
        let Some(region) = grows.filter(|_| !triggered) else { return };
        let replicas = &region.replicas;
        let (id, min, most) = (&region.id.value, replicas.min.value, replicas.at_most());
        report
            .add(&NO_TRIGGER, format!("`{id}` may grow from {min} to {most} replicas, and nothing says when"))
            .at(replicas.max.as_ref().map_or(replicas.span, |max| max.span), "");
    },
};

/// A machine that is busier than this has no room for what happens until the
/// next one has started.
const FULLEST: Ppm = Ppm::percent(95);

pub(super) static TRIGGER: Lint = Lint {
    code: "MY0306",
    severity: Severity::Warning,
    title: "a trigger that is always or never passed",
    why: "A trigger at zero adds replicas until there are no more to add. One above 95 % leaves no room for the time in which a new replica starts, so it is passed when it is too late.",
    hint: "use \"50%\" to \"80%\" for shares",
    look: trigger,
};

fn trigger(facts: &Facts<'_>, report: &mut Report) {
    let Some(scale) = &facts.planet.scale else { return };
    for (what, share) in [("CPU", &scale.cpu), ("memory", &scale.memory)] {
        let Some(share) = share else { continue };
        if share.value == Ppm(0) || share.value > FULLEST {
            report.add(&TRIGGER, format!("replicas are added above {} of {what}", share.value)).at(share.span, "");
        }
    }
    if let Some(rate) = scale.requests.as_ref().filter(|rate| rate.events == 0) {
        report
            .add(&TRIGGER, "replicas are added above 0 requests")
            .at(rate.span, "")
            .hint("write what one replica can take");
    }
    if let Some(p99) = scale.p99.as_ref().filter(|p99| p99.0 == 0) {
        report
            .add(&TRIGGER, "replicas are added above a latency of 0")
            .at(p99.span, "")
            .hint("stay below `p99` of [sla]");
    }
}

pub(super) static TOO_LATE: Lint = Lint {
    code: "MY0308",
    severity: Severity::Warning,
    title: "replicas that are added after the promise is broken",
    why: "A trigger at or above the promised latency is passed when users already wait too long, and the new replica has yet to start.",
    hint: "set `p99` of [scale] well below `p99` of [sla]",
    look: |facts, report| {
        let trigger = facts.planet.scale.as_ref().and_then(|scale| scale.p99.as_ref());
        let promise = facts.planet.sla.as_ref().and_then(|sla| sla.p99.as_ref());
        let (Some(trigger), Some(promise)) = (trigger, promise) else { return };
        if trigger.value >= promise.value {
            let what = format!("replicas are added above {}, and {} is promised", trigger.value, promise.value);
            report.add(&TOO_LATE, what).at(trigger.span, "added above").at(promise.span, "promised");
        }
    },
};
