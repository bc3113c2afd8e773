//! MY06xx: who watches the agents, who must agree, and who holds the keys.

mod enrol;
mod keys;
mod quorum;

use super::{Facts, Lint};
use crate::file::span::At;
use crate::finding::{Report, Severity};
use std::collections::BTreeMap;
use vocab::Ppm;

pub(super) const ALL: &[&Lint] = &[
    &quorum::UNSAFE,
    &quorum::STUCK,
    &HIERARCHY,
    &REJECTED,
    &quorum::ESCALATION,
    &STALENESS,
    &CONFIRMATIONS,
    &keys::RECOVERY,
    &keys::ONE_SHARE,
    &keys::OVERLAP,
    &keys::ROTATION,
    &keys::AUDIT,
    &keys::BRIDGE_TWICE,
    &enrol::NOBODY,
    &enrol::UNREAD_KEYS,
    &keys::AUDIT_YEAR,
    &keys::TOO_SOON,
];

static HIERARCHY: Lint = Lint {
    code: "MY0603",
    severity: Severity::Error,
    title: "a watch that cannot see all agents",
    why: "Local nodes watch agents, regional nodes put their results together, and hubs decide. Every agent needs a local node, and each level has at most as many nodes as the one below it.",
    hint: "add nodes, or watch more agents with each",
    look: hierarchy,
};

fn hierarchy(facts: &Facts<'_>, report: &mut Report) {
    let Some(watch) = &facts.planet.watch else { return };
    let seen = u64::from(watch.local.value) * u64::from(watch.agents_per_local.value);
    if seen < watch.agents.value {
        let (seen, all) = (vocab::thousands(seen), vocab::thousands(watch.agents.value));
        report
            .add(&HIERARCHY, format!("the local nodes watch {seen} agents, and there are {all}"))
            .at(
                watch.local.span,
                format!("{} nodes with {} agents each", watch.local.value, watch.agents_per_local.value),
            )
            .at(watch.agents.span, "agents");
    }
    let levels = [(&watch.local, "local nodes"), (&watch.regional, "regional nodes"), (&watch.hubs, "hubs")];
    for pair in levels.windows(2) {
        let [(below, of), (above, what)] = pair else { continue };
        if above.value > below.value {
            report
                .add(&HIERARCHY, format!("there are {} {what} above {} {of}", above.value, below.value))
                .at(above.span, *what)
                .at(below.span, *of)
                .hint(format!("have at least {} {of}, or fewer {what}", above.value));
        }
    }
    if watch.hubs.value == 0 {
        report
            .add(&HIERARCHY, "there is no hub that could decide")
            .at(watch.hubs.span, "")
            .hint("4 hubs tolerate one that lies");
    }
}

static REJECTED: Lint = Lint {
    code: "MY0604",
    severity: Severity::Error,
    title: "new nodes that are rejected for ever",
    why: "A node earns reputation by results that count, and its results count once it has enough reputation. A new one that begins below that never gets there.",
    hint: "write `probation = \"1d\"`, in which its results count while it earns its own, or start it at `needed`",
    look: |facts, report| {
        let Some(reputation) = facts.planet.watch.as_ref().map(|watch| &watch.reputation) else { return };
        let (start, needed) = (&reputation.start, &reputation.needed);
        if start.value < needed.value && reputation.probation.0 == 0 {
            report
                .add(&REJECTED, format!("a new node has {} of reputation and needs {}", start.value, needed.value))
                .at(start.span, "at the start")
                .at(needed.span, "needed");
        }
    },
};

static STALENESS: Lint = Lint {
    code: "MY0606",
    severity: Severity::Error,
    title: "a shortest time that is longer than the longest",
    why: "Times are drawn between a least and a most. Where the least is larger, or one of the two is missing, there is nothing to draw from.",
    hint: "write least <= most, for the same kinds of reading",
    look: staleness,
};

fn staleness(facts: &Facts<'_>, report: &mut Report) {
    let Some(staleness) = facts.planet.watch.as_ref().map(|watch| &watch.staleness) else { return };
    ordered(&staleness.jitter_least, &staleness.jitter_most, "times are stretched by", report);
    ordered(&staleness.retry_least, &staleness.retry_most, "the pause before a retry is", report);
    let most: BTreeMap<&str, _> = staleness.most.iter().map(|(kind, time)| (kind.as_str(), time)).collect();
    let least: BTreeMap<&str, _> = staleness.least.iter().map(|(kind, time)| (kind.as_str(), time)).collect();
    for (kind, time) in &staleness.least {
        match most.get(kind.as_str()) {
            Some(most) => ordered(time, most, &format!("a reading of `{}` is good for", kind.value), report),
            None => _ = report.add(&STALENESS, format!("`{}` has a least and no most", kind.value)).at(kind.span, ""),
        }
    }
    for (kind, _) in staleness.most.iter().filter(|(kind, _)| !least.contains_key(kind.as_str())) {
        report.add(&STALENESS, format!("`{}` has a most and no least", kind.value)).at(kind.span, "");
    }
}

fn ordered<T: PartialOrd + std::fmt::Display>(least: &At<T>, most: &At<T>, what: &str, report: &mut Report) {
    if least.value > most.value {
        report
            .add(&STALENESS, format!("{what} at least {} and at most {}", least.value, most.value))
            .at(least.span, "at least")
            .at(most.span, "at most");
    }
}

static CONFIRMATIONS: Lint = Lint {
    code: "MY0607",
    severity: Severity::Warning,
    title: "an alarm after a single reading",
    why: "One reading may be noise. Raising thresholds for the whole planet on its word makes an attack of every hiccup.",
    hint: "ask for 2 or 3 confirmations",
    look: |facts, report| {
        let Some(confirmations) = facts.planet.watch.as_ref().map(|watch| &watch.confirmations) else { return };
        if confirmations.value < 2 {
            let times = if confirmations.value == 0 { "no reading" } else { "one reading" };
            report
                .add(&CONFIRMATIONS, format!("{times} is enough to declare a partition or an attack"))
                .at(confirmations.span, "");
        }
    },
};

/// More than half.
const MAJORITY: Ppm = Ppm::percent(50);
