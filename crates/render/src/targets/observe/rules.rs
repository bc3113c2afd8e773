//! What Prometheus computes ahead: how often, how well and how fast a region
//! answers, over the windows that alerts and dashboards look at.
//!
//! Only what agents ask for counts. Probes, and the word of gateways among
//! themselves, would make a region look well that answers nobody else.

use super::View;
use crate::Refused;
use serde_json::{Value, json};

/// The ends of the buckets of the program's histogram, in microseconds and as it
/// writes them. A test compares them with the program's.
pub(super) const BUCKETS: [(u64, &str); 12] = [
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (2_500_000, "2.5"),
    (60_000_000, "60"),
];

/// The windows of alerts.
const WINDOWS: [&str; 7] = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];

/// Requests that no agent has asked.
const NOT_AGENTS: &str = "endpoint!~\"health|ready|metrics|openapi|tick|gateway|vouch|nowhere\"";

pub(super) fn file(view: &View<'_>) -> Result<String, Refused> {
    let rule = |name: String, expr: String| json!({ "record": name, "expr": expr, "labels": view.labels() });
    let mut rules: Vec<Value> = vec![
        // Prometheus makes `up`; without a host there is none, and the region does not answer.
        rule("mycel:answers".to_owned(), "max(up{job=\"mycel-host\"}) or vector(0)".to_owned()),
        rule("mycel:requests:rate5m".to_owned(), requests("5m", "")),
        rule("mycel:failed:rate5m".to_owned(), format!("{} or vector(0)", requests("5m", ",status=~\"5..\""))),
    ];
    for (quantile, percent) in [("0.5", 50), ("0.95", 95), ("0.99", 99)] {
        let name = format!("mycel:op_seconds:p{percent}");
        let buckets = "sum by (le) (rate(mycel_http_request_seconds_bucket{endpoint=\"op\"}[5m]))";
        rules.push(rule(name, format!("histogram_quantile({quantile}, {buckets})")));
    }
    for window in WINDOWS {
        rules.push(rule(format!("mycel:away:ratio_{window}"), format!("1 - avg_over_time(mycel:answers[{window}])")));
        let (failed, all) = (requests(window, ",status=~\"5..\""), requests(window, ""));
        // Where nobody asks there is no share, and none is made up.
        rules.push(rule(format!("mycel:failed:ratio_{window}"), format!("({failed} or vector(0)) / ({all} > 0)")));
    }
    let groups = json!({ "groups": [{ "name": "mycel", "interval": "15s", "rules": rules }] });
    view.file("what is computed ahead.", groups)
}

/// How many requests of agents a second there were, over a window.
pub(in crate::targets) fn requests(window: &str, more: &str) -> String {
    format!("sum(rate(mycel_http_requests_total{{{NOT_AGENTS}{more}}}[{window}]))")
}
