//! What was promised, and whether a test would notice that it is not kept.

use crate::file::span::At;
use crate::finding::{Report, Severity};
use crate::lint::{Facts, Lint};
use crate::model::{LoadTest, Sla};
use vocab::{Millis, Ppm};

pub(super) static PERCENTILES: Lint = Lint {
    code: "MY0307",
    severity: Severity::Error,
    title: "a p95 above the p99",
    why: "The 99 of 100 requests that are answered within `p99` hold the 95 that are answered within `p95`, so `p95` is never the longer one. Usually the two were swapped.",
    hint: "swap them",
    look: |facts, report| {
        let promised = facts.planet.sla.iter().map(|sla| (&sla.p95, &sla.p99));
        let tested = facts.planet.load_test.iter().map(|test| (&test.p95, &test.p99));
        for (p95, p99) in promised.chain(tested) {
            let (Some(p95), Some(p99)) = (p95, p99) else { continue };
            if p95.value > p99.value {
                let what = format!("95 of 100 within {}, but 99 of 100 within {}", p95.value, p99.value);
                report.add(&PERCENTILES, what).at(p95.span, "95 of 100").at(p99.span, "99 of 100");
            }
        }
    },
};

pub(super) static IMPOSSIBLE: Lint = Lint {
    code: "MY0313",
    severity: Severity::Error,
    title: "a promise that nobody can keep",
    why: "100 % is no downtime and no failed request until the end of time. What is promised must leave room for the failures that will come, or it says nothing about them.",
    hint: "promise a share that leaves room: \"99.99%\" is 4 minutes a month",
    look: impossible,
};

fn impossible(facts: &Facts<'_>, report: &mut Report) {
    let of_planet = facts.planet.sla.iter().flat_map(|sla| [&sla.availability, &sla.primary, &sla.edge]);
    let of_regions = facts.planet.region.iter().map(|region| &region.availability);
    for share in of_planet.chain(of_regions).flatten().filter(|share| share.value >= Ppm::ONE) {
        report.add(&IMPOSSIBLE, format!("an availability of {} is promised", share.value)).at(share.span, "");
    }
    let errors = facts.planet.sla.as_ref().and_then(|sla| sla.errors.as_ref());
    if let Some(errors) = errors.filter(|errors| errors.value == Ppm(0)) {
        report
            .add(&IMPOSSIBLE, "it is promised that no request ever fails")
            .at(errors.span, "")
            .hint("promise a share that leaves room, such as \"0.1%\"");
    }
}

pub(super) static WEAK_TEST: Lint = Lint {
    code: "MY0314",
    severity: Severity::Warning,
    title: "a load test that passes while a promise is broken",
    why: "A test that allows more than users were promised says \"passed\" on a day when they are let down.",
    hint: "test against what was promised, or tighter",
    look: |facts, report| {
        let Some(sla) = &facts.planet.sla else { return };
        for test in &facts.planet.load_test {
            weak(sla, test, report);
        }
    },
};

fn weak(sla: &Sla, test: &LoadTest, report: &mut Report) {
    let mut compare = |what: String, tested: crate::Span, promised: crate::Span| {
        report.add(&WEAK_TEST, what).at(tested, "tested").at(promised, "promised");
    };
    let id = &test.name.value;
    for (name, tested, promised) in [("p95", &test.p95, &sla.p95), ("p99", &test.p99, &sla.p99)] {
        if let Some((tested, promised)) = looser::<Millis>(tested, promised) {
            let what = format!("`{id}` allows a {name} of {}, and {} is promised", tested.value, promised.value);
            compare(what, tested.span, promised.span);
        }
    }
    if let Some((tested, promised)) = looser::<Ppm>(&test.errors, &sla.errors) {
        let what = format!("`{id}` allows {} of errors, and {} is promised", tested.value, promised.value);
        compare(what, tested.span, promised.span);
    }
}

/// Both, when the test allows more than the promise.
fn looser<'a, T: PartialOrd>(tested: &'a Option<At<T>>, promised: &'a Option<At<T>>) -> Option<(&'a At<T>, &'a At<T>)> {
    let both = tested.as_ref().zip(promised.as_ref());
    both.filter(|(tested, promised)| tested.value > promised.value)
}

pub(super) static ABOVE_ALL: Lint = Lint {
    code: "MY0315",
    severity: Severity::Error,
    title: "a share above 100 %",
    why: "A share is a part of a whole, and there is no more of it than all.",
    hint: "write at most \"100%\"",
    look: above_all,
};

fn above_all(facts: &Facts<'_>, report: &mut Report) {
    let planet = facts.planet;
    let mut shares: Vec<(&str, &At<Ppm>)> = Vec::new();
    let errors = planet.sla.iter().filter_map(|sla| sla.errors.as_ref());
    shares.extend(errors.map(|share| ("of the requests may fail", share)));
    for test in &planet.load_test {
        shares.extend(test.errors.iter().map(|share| ("of the requests may fail in a test", share)));
        shares.extend(test.throughput_loss.iter().map(|share| ("of the throughput may be lost", share)));
    }
    shares.extend(planet.recovery.iter().map(|recovery| ("of a lost region's traffic moves", &recovery.takeover)));
    shares.extend(planet.observe.iter().map(|observe| ("of the requests are traced", &observe.traces)));
    if let Some(watch) = &planet.watch {
        let (reputation, targets) = (&watch.reputation, &watch.targets);
        shares.push(("of all reputation is needed", &reputation.needed));
        shares.push(("of all reputation is there at the start", &reputation.start));
        shares.push(("of trust is left after a broken promise", &reputation.trust_penalty));
        shares.push(("of the right to aggregate is left after a bad result", &reputation.aggregation_penalty));
        shares.extend(targets.attack_success.iter().map(|share| ("of the attacks may succeed", share)));
        shares.extend(targets.detection.iter().map(|share| ("of the attacks must be seen", share)));
    }
    for (what, share) in shares.into_iter().filter(|(_, share)| share.value > Ppm::ONE) {
        report.add(&ABOVE_ALL, format!("{} {what}", share.value)).at(share.span, "");
    }
}
