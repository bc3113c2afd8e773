//! What users were promised, and alerts on how fast the part of it that may fail
//! is used up.
//!
//! A planet promises a share of time in which it answers, and perhaps a share of
//! requests that may fail. The one is counted over time, the other over requests:
//! a region that nobody reaches has no failed requests. An alert looks at two
//! windows, as Google's workbook has it: a long one, so that it matters, and a
//! short one, so that it ends soon after the cause does. Budgets are whole
//! millionths, and every limit is computed from them exactly.

use super::View;
use super::alert::{Alert, Severity};
use super::rules::BUCKETS;
use super::story::{Story, grows, stays};
use crate::{Place, Scene};
use vocab::{Millis, Ppm};

/// How fast a budget is used up, in tenths; over which windows; who is told.
struct Burn {
    name: &'static str,
    tenths: u64,
    windows: [&'static str; 2],
    severity: Severity,
    follows: &'static [&'static str],
}

/// Two days, five, ten and thirty until nothing of a month's part is left.
const BURNS: [Burn; 4] = [
    Burn {
        name: "MycelBudgetGoneInTwoDays",
        tenths: 144,
        windows: ["1h", "5m"],
        severity: Severity::Page,
        follows: &["MycelHostDown"],
    },
    Burn {
        name: "MycelBudgetGoneInFiveDays",
        tenths: 60,
        windows: ["6h", "30m"],
        severity: Severity::Page,
        follows: &["MycelHostDown", "MycelBudgetGoneInTwoDays"],
    },
    Burn {
        name: "MycelBudgetGoneInTenDays",
        tenths: 30,
        windows: ["1d", "2h"],
        severity: Severity::Ticket,
        follows: &["MycelHostDown", "MycelBudgetGoneInTwoDays", "MycelBudgetGoneInFiveDays"],
    },
    Burn {
        name: "MycelBudgetGoneInAMonth",
        tenths: 10,
        windows: ["3d", "6h"],
        severity: Severity::Ticket,
        follows: &[
            "MycelHostDown",
            "MycelBudgetGoneInTwoDays",
            "MycelBudgetGoneInFiveDays",
            "MycelBudgetGoneInTenDays",
        ],
    },
];

/// What the users of a region were promised.
pub(in crate::targets) struct Promise {
    /// The share of time in which it may be away.
    pub(in crate::targets) time: Option<Ppm>,
    /// The share of requests that may fail.
    pub(in crate::targets) requests: Option<Ppm>,
    /// 99 and 95 of 100 requests are answered within.
    within: [(Option<Millis>, u64, &'static str); 2],
    /// The planet promises something of an edge.
    edge: bool,
}

impl Promise {
    /// The region's own promise; else that of a primary region, when it is one;
    /// else the planet's.
    pub(in crate::targets) fn of(scene: &Scene<'_>, place: &Place<'_>) -> Self {
        let (sla, data) = (scene.planet.sla.as_ref(), scene.planet.data.as_ref());
        let is_primary = data.is_some_and(|data| data.primary.as_str() == place.id());
        let primary = sla.and_then(|sla| sla.primary.as_ref()).filter(|_| is_primary);
        let whole = sla.and_then(|sla| sla.availability.as_ref());
        let available = place.region.availability.as_ref().or(primary).or(whole);
        let time = available.map(|share| Ppm(Ppm::ONE.0.saturating_sub(share.value.0)));
        let requests = sla.and_then(|sla| sla.errors.as_ref()).map(|share| share.value).or(time);
        let within = |time: Option<&planet::At<Millis>>| time.map(|time| time.value);
        Self {
            time,
            requests,
            within: [
                (within(sla.and_then(|sla| sla.p99.as_ref())), 1, "MycelSlow99"),
                (within(sla.and_then(|sla| sla.p95.as_ref())), 5, "MycelSlow95"),
            ],
            edge: sla.is_some_and(|sla| sla.edge.is_some()),
        }
    }

    /// What is promised and not watched, and what is not promised.
    pub(super) fn notes(&self, region: &str) -> Vec<String> {
        let mut notes = Vec::new();
        if self.requests.is_none() {
            notes.push(format!("{region}: no availability is promised, so no alert watches one"));
        }
        if self.edge {
            notes.push("the edge's availability is not watched: there are no edge nodes yet".to_owned());
        }
        for (time, _, name) in &self.within {
            if time.is_some_and(|time| bucket(time).is_none()) {
                notes.push(format!("{region}: {name} is not rendered: the longest time that is counted is 60 s"));
            }
        }
        notes
    }
}

pub(super) fn alerts(view: &View<'_>) -> Vec<Alert> {
    let burns = BURNS.iter().filter_map(|burn| burning(&view.promise, burn));
    let slow = view.promise.within.iter().filter_map(|(time, percent, name)| slow((*time)?, *percent, name));
    burns.chain(slow).collect()
}

/// The share above which a budget is used up so fast, in ten-millionths; none
/// where no share can be above it.
fn limit(budget: Ppm, burn: &Burn) -> Option<u64> {
    let limit = u64::from(budget.0).saturating_mul(burn.tenths);
    (limit < WHOLE).then_some(limit)
}

const WHOLE: u64 = 10_000_000;

/// A number of ten-millionths, exactly.
fn decimal(number: u64) -> String {
    let text = format!("{}.{:07}", number / WHOLE, number % WHOLE);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn burning(promise: &Promise, burn: &Burn) -> Option<Alert> {
    let time = promise.time.and_then(|budget| limit(budget, burn));
    let requests = promise.requests.and_then(|budget| limit(budget, burn));
    let above = |what: &str, limit: u64| {
        let [long, short] = burn.windows;
        let limit = decimal(limit);
        format!("(mycel:{what}:ratio_{long} > {limit} and mycel:{what}:ratio_{short} > {limit})")
    };
    let either = [time.map(|limit| above("away", limit)), requests.map(|limit| above("failed", limit))];
    let expr = either.into_iter().flatten().collect::<Vec<_>>().join(" or ");
    if expr.is_empty() {
        return None;
    }
    let budget = |share: Option<Ppm>| share.map_or_else(|| "nothing".to_owned(), |share| share.to_string());
    let rate = decimal(burn.tenths * WHOLE / 10);
    Some(Alert {
        name: burn.name,
        severity: burn.severity,
        expr,
        hold: "2m",
        summary: format!("what may fail is used up {rate} times as fast as was promised"),
        description: format!(
            "Promised is that it is away for at most {} of the time, and that at most {} of requests fail. Over {} and over \
             {} it was more than {rate} times that.",
            budget(promise.time),
            budget(promise.requests),
            burn.windows[0],
            burn.windows[1],
        ),
        follows: burn.follows,
        steps: &[
            "Look at the dashboard of the region: whether it is away (`mycel:away:ratio_5m`) or fails requests (`mycel:failed:ratio_5m`).",
            "When requests fail, the panel of answers by endpoint and status shows which; the host's log lines of that time say why.",
            "`GET /ready` at the host says what keeps it from serving.",
            "When a change came before it, take the change back first and understand it afterwards.",
        ],
        stories: stories(time, requests),
    })
}

/// A host that is away; requests that fail a tenth more often than the limit,
/// and a tenth less often.
fn stories(time: Option<u64>, requests: Option<u64>) -> Vec<Story> {
    let up = |value| stays("up{job=\"mycel-host\",instance=\"host\"}", value);
    let mut stories = Vec::new();
    if time.is_some() {
        stories.extend([Story::fires([up(0)]), Story::quiet([up(1)])]);
    }
    if let Some(limit) = requests {
        // Of 100 million requests a minute.
        let of = 10 * WHOLE;
        let asked = |failed: u64| {
            let series = |status: u16| format!("mycel_http_requests_total{{endpoint=\"op\",status=\"{status}\"}}");
            [up(1), grows(&series(503), failed.min(of)), grows(&series(200), of.saturating_sub(failed))]
        };
        stories.push(Story::fires(asked(limit.max(1) * 11)));
        stories.push(Story::quiet(asked(limit * 9)));
    }
    stories
}

/// The shortest time that the program counts and that is not below this one.
fn bucket(time: Millis) -> Option<&'static str> {
    BUCKETS.iter().find(|(micros, _)| *micros >= time.0.saturating_mul(1_000)).map(|(_, name)| *name)
}

/// The program counts in buckets. Above the next one after the promise it is
/// certain that the promise is broken; between the two nobody can know.
fn slow(time: Millis, percent: u64, name: &'static str) -> Option<Alert> {
    let bucket = bucket(time)?;
    // Prometheus 3 writes whole numbers as `60.0`.
    let counted =
        if bucket.contains('.') { format!("le=\"{bucket}\"") } else { format!("le=~\"{bucket}|{bucket}.0\"") };
    let of = |le: &str| format!("sum(rate(mycel_http_request_seconds_{le}[15m]))");
    let (within, all) = (of(&format!("bucket{{endpoint=\"op\",{counted}}}")), of("count{endpoint=\"op\"}"));
    let limit = decimal(WHOLE / 100 * percent);
    let asked = |quick: u64| {
        [
            grows(&format!("mycel_http_request_seconds_bucket{{endpoint=\"op\",le=\"{bucket}\"}}"), quick),
            grows("mycel_http_request_seconds_count{endpoint=\"op\"}", 1_000),
        ]
    };
    Some(Alert {
        name,
        severity: Severity::Ticket,
        expr: format!("1 - {within} / ({all} > 0) > {limit}"),
        hold: "5m",
        summary: format!("more than {percent} of 100 ops take longer than {time}"),
        description: format!(
            "Promised is that {} of 100 are answered within {time}; more than {percent} of 100 took longer than {bucket} s, \
             which is the next time that the program counts.",
            100 - percent
        ),
        follows: &["MycelIndexBehind"],
        steps: &[
            "The dashboard of the region shows how long ops take, and whether there are more of them than usual.",
            "A disk that is slow to sync shows in every op that writes: `iostat -x 5` on the host shows how long it takes.",
            "An agent that sends more than its rate waits in its block's queue; that is the time that its ops take.",
        ],
        stories: vec![Story::fires(asked(989 - 10 * percent)), Story::quiet(asked(1_001 - 10 * percent))],
    })
}
