//! MY03xx: how ops are routed, what was promised, and when replicas are added.

mod promise;
mod scale;

use super::{Facts, Lint, repeated};
use crate::finding::{Report, Severity};
use vocab::Millis;

pub(super) const ALL: &[&Lint] = &[
    &WEIGHTS,
    &scale::MIN_UNREACHED,
    &scale::MAX_UNREACHED,
    &scale::LIMITS,
    &scale::NO_TRIGGER,
    &scale::TRIGGER,
    &promise::PERCENTILES,
    &scale::TOO_LATE,
    &NOTICED_LATE,
    &ANSWERS_KEPT,
    &ROLLOUT,
    &NO_CHECK,
    &promise::IMPOSSIBLE,
    &promise::WEAK_TEST,
    &promise::ABOVE_ALL,
];

const ALL_WEIGHTS: u64 = 100;

static WEIGHTS: Lint = Lint {
    code: "MY0301",
    severity: Severity::Error,
    title: "route weights that do not add up to 100",
    why: "A region's score is the weighted mean of four terms. The weights are its parts of 100, so that a weight means the same in every planet.",
    hint: "change the weights until they add up to 100; one that is left out has its default",
    look: |facts, report| {
        let weights = &facts.planet.route.weights;
        let all = [&weights.geography, &weights.health, &weights.latency, &weights.cost];
        let sum: u64 = all.iter().map(|weight| u64::from(weight.value)).sum();
        if sum != ALL_WEIGHTS {
            let parts = all.map(|weight| weight.value.to_string()).join(" + ");
            report.add(&WEIGHTS, format!("the route weights add up to {sum}")).at(weights.span, parts);
        }
    },
};

static NOTICED_LATE: Lint = Lint {
    code: "MY0309",
    severity: Severity::Warning,
    title: "a loss that is noticed after traffic should have moved",
    why: "Traffic can only avoid a lost region once the loss is known, and that takes `unhealthy_after` checks, one every `health_check`.",
    hint: "check more often, ask for fewer failed checks, or allow more time in `reroute`",
    look: |facts, report| {
        let Some(recovery) = &facts.planet.recovery else { return };
        let route = &facts.planet.route;
        let noticed = Millis(route.health_check.0.saturating_mul(route.unhealthy_after.value.into()));
        if noticed > recovery.reroute.value {
            let what = format!(
                "a loss is noticed after {noticed}, and traffic must avoid it after {}",
                recovery.reroute.value
            );
            report
                .add(&NOTICED_LATE, what)
                .at(
                    route.health_check.span,
                    format!("{} checks, one every {}", route.unhealthy_after.value, route.health_check.value),
                )
                .at(recovery.reroute.span, "traffic must have moved");
        }
    },
};

static ANSWERS_KEPT: Lint = Lint {
    code: "MY0310",
    severity: Severity::Warning,
    title: "DNS answers that outlive a reroute",
    why: "Whoever asked for the address just before a loss keeps it for `ttl`, and keeps calling the lost region.",
    hint: "lower `ttl` of [network.dns], or allow more time in `reroute`",
    look: |facts, report| {
        let (Some(network), Some(recovery)) = (&facts.planet.network, &facts.planet.recovery) else { return };
        let (ttl, reroute) = (&network.dns.ttl, &recovery.reroute);
        if ttl.value > reroute.value {
            let what = format!(
                "names are kept for {}, and traffic must avoid a lost region after {}",
                ttl.value, reroute.value
            );
            report.add(&ANSWERS_KEPT, what).at(ttl.span, "kept").at(reroute.span, "traffic must have moved");
        }
    },
};

static ROLLOUT: Lint = Lint {
    code: "MY0311",
    severity: Severity::Error,
    title: "a rollout that does not reach each region once",
    why: "New versions go through the regions in this order. A region that is left out stays on the old version for ever.",
    hint: "name each region once, or leave `order` out to use the order of the file",
    look: rollout,
};

fn rollout(facts: &Facts<'_>, report: &mut Report) {
    let Some(rollout) = facts.planet.rollout.as_ref().filter(|rollout| !rollout.order.is_empty()) else { return };
    for id in rollout.order.iter().filter(|id| facts.region(id.as_str()).is_none()) {
        report.add(&ROLLOUT, format!("`{}` is no region of this planet", id.value)).at(id.span, "");
    }
    for (again, first) in repeated(rollout.order.iter().map(|id| (id.as_str(), id))) {
        report
            .add(&ROLLOUT, format!("`{}` is rolled out twice", again.value))
            .at(again.span, "again here")
            .at(first.span, "first here");
    }
    let reached: std::collections::BTreeSet<&str> = rollout.order.iter().map(|id| id.as_str()).collect();
    for region in facts.planet.region.iter().filter(|region| !reached.contains(region.id.as_str())) {
        report
            .add(&ROLLOUT, format!("`{}` is left out of the rollout", region.id.value))
            .at(region.id.span, "never reached")
            .at(rollout.order[0].span, "the order begins here");
    }
}

static NO_CHECK: Lint = Lint {
    code: "MY0312",
    severity: Severity::Error,
    title: "a health check that cannot be made",
    why: "Checks with no time between them are a flood, and a region that is unhealthy after no failed check is never healthy.",
    hint: "the defaults are health_check = \"30s\" and unhealthy_after = 1",
    look: |facts, report| {
        let route = &facts.planet.route;
        if route.health_check.0 == 0 {
            report.add(&NO_CHECK, "there is no time between health checks").at(route.health_check.span, "");
        }
        if route.unhealthy_after.value == 0 {
            report.add(&NO_CHECK, "a region is unhealthy after 0 failed checks").at(route.unhealthy_after.span, "");
        }
    },
};
