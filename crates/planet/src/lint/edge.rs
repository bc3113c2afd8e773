//! MY035x: machines near the users, and content delivery.

use super::{Facts, Lint, repeated};
use crate::finding::{Report, Severity};
use crate::law::{NO_CLASS, carries};
use crate::model::Class;
use vocab::Ppm;

pub(super) const ALL: &[&Lint] = &[&PATH_TWICE, &CLASS_CACHED, &FAILOVER, &HITS, &ABOVE_ALL, &CLASS_UNKNOWN];

static PATH_TWICE: Lint = Lint {
    code: "MY0350",
    severity: Severity::Error,
    title: "two CDN rules for one path",
    why: "Providers differ in which of two rules for one path they follow, so users of one provider would get other answers than users of another.",
    hint: "keep one rule for each path",
    look: |facts, report| {
        let rules = facts.planet.cdn.iter().flat_map(|cdn| &cdn.rule);
        for (again, first) in repeated(rules.map(|rule| (rule.path.as_str(), rule))) {
            let what = format!("`{}` and `{}` are both for `{}`", first.name.value, again.name.value, again.path.value);
            report.add(&PATH_TWICE, what).at(again.path.span, "again here").at(first.path.span, "first here");
        }
    },
};

fn classes<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a Class> {
    facts.planet.data.iter().flat_map(|data| &data.class)
}

static CLASS_CACHED: Lint = Lint {
    code: "MY0351",
    severity: Severity::Error,
    title: "records of a residency class in a CDN",
    why: "A CDN keeps answers near whoever asked, in every country where it has machines. What the law binds to a place may not be kept there, not even for a second.",
    hint: "write `ttl = \"0s\"`, so that such answers pass through and are not kept",
    look: |facts, report| {
        for rule in facts.planet.cdn.iter().flat_map(|cdn| &cdn.rule) {
            let carried: Vec<&Class> = classes(facts).filter(|class| carries(facts.planet, rule, class)).collect();
            let Some(first) = carried.first() else { continue };
            let is_named = rule.class.as_ref().is_some_and(|named| named.value == first.name.value);
            // A name that is not there is told by itself.
            if rule.class.is_some() && !is_named {
                continue;
            }
            let names: Vec<String> = carried.iter().map(|class| format!("`{}`", class.name.value)).collect();
            let (keeps, names) = (if is_named { "keeps" } else { "may keep" }, names.join(", "));
            let (name, ttl) = (&rule.name.value, &rule.ttl.value);
            let finding = report
                .add(
                    &CLASS_CACHED,
                    format!("the rule `{name}` {keeps} records of {names} for {ttl} all over the world"),
                )
                .at(rule.ttl.span, "kept this long")
                .at(first.name.span, "the law binds these to a place");
            if !is_named {
                finding.hint(
                    "write `class = \"none\"` if what it keeps is of no class, and `ttl = \"0s\"` if it may be of one",
                );
            }
        }
    },
};

static FAILOVER: Lint = Lint {
    code: "MY0352",
    severity: Severity::Warning,
    title: "an edge failover before the loss is known",
    why: "A node that dies is missed at its next heartbeat. Until then nobody knows that another must take over.",
    hint: "send a heartbeat several times within `failover`",
    look: |facts, report| {
        let Some(edge) = &facts.planet.edge else { return };
        let (failover, heartbeat) = (&edge.failover, &edge.heartbeat);
        let is_written = failover.span != edge.span || heartbeat.span != edge.span;
        if is_written && failover.value < heartbeat.value {
            let what = format!("a node is replaced within {}, and missed after {}", failover.value, heartbeat.value);
            report.add(&FAILOVER, what).at(failover.span, "replaced within").at(heartbeat.span, "missed after");
        }
    },
};

/// Above this, nearly nothing may ever be asked for the first time.
const MOST_HITS: Ppm = Ppm(999_000);

static HITS: Lint = Lint {
    code: "MY0353",
    severity: Severity::Warning,
    title: "a cache that never misses",
    why: "Whatever is asked for the first time, has changed or was pushed out is a miss. No cache of things that change answers more than 99.9 % of requests.",
    hint: "aim for \"90%\" to \"99%\"",
    look: |facts, report| {
        let hits = facts.planet.edge.as_ref().and_then(|edge| edge.cache.hits.as_ref());
        if let Some(hits) = hits.filter(|hits| hits.value > MOST_HITS && hits.value <= Ppm::ONE) {
            report.add(&HITS, format!("the cache should answer {} of requests", hits.value)).at(hits.span, "");
        }
    },
};

static ABOVE_ALL: Lint = Lint {
    code: "MY0354",
    severity: Severity::Error,
    title: "more than all traffic at the edge",
    why: "Edge and CDN can answer a part of the requests, at most all of them. A larger share would make the computed egress negative.",
    hint: "write at most \"100%\"",
    look: above_all,
};

fn above_all(facts: &Facts<'_>, report: &mut Report) {
    let offload = facts.planet.cdn.iter().map(|cdn| (&cdn.offload, "of the traffic stays at the CDN"));
    let edge = facts.planet.edge.as_ref();
    let hits =
        edge.and_then(|edge| edge.cache.hits.as_ref()).map(|hits| (hits, "of the requests are answered by the cache"));
    let prefetch =
        edge.and_then(|edge| edge.prefetch.as_ref()).map(|prefetch| (&prefetch.confidence, "sure before it fetches"));
    for (share, what) in offload.chain(hits).chain(prefetch).filter(|(share, _)| share.value > Ppm::ONE) {
        report.add(&ABOVE_ALL, format!("{} {what}", share.value)).at(share.span, "");
    }
}

static CLASS_UNKNOWN: Lint = Lint {
    code: "MY0355",
    severity: Severity::Error,
    title: "a CDN rule for a residency class that is not there",
    why: "The class says what may be kept where. A name that no class has protects nothing.",
    hint: "name a [[data.class]] of this file, or \"none\"",
    look: |facts, report| {
        let is_there = |name: &str| name == NO_CLASS || classes(facts).any(|class| class.name.as_str() == name);
        for rule in facts.planet.cdn.iter().flat_map(|cdn| &cdn.rule) {
            if let Some(name) = rule.class.as_ref().filter(|name| !is_there(name.as_str())) {
                let what =
                    format!("the rule `{}` is for the class `{}`, which is not there", rule.name.value, name.value);
                report.add(&CLASS_UNKNOWN, what).at(name.span, "");
            }
        }
    },
};
