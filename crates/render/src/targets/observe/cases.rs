//! The tests of alerts, for `promtool test rules`: each alert in a story in which
//! it fires, with the words that somebody then reads, and in one in which not.

use super::View;
use super::alert::Alert;
use super::story::Story;
use crate::Refused;
use serde_json::{Value, json};

pub(super) fn file(view: &View<'_>, alerts: &[Alert]) -> Result<String, Refused> {
    let tests: Vec<Value> =
        alerts.iter().flat_map(|alert| alert.stories.iter().map(|story| case(view, alert, story))).collect();
    let tests = json!({ "rule_files": ["rules.yaml", "alerts.yaml"], "evaluation_interval": "1m", "tests": tests });
    view.file("when alerts fire, and when not: promtool test rules alerts_test.yaml", tests)
}

fn case(view: &View<'_>, alert: &Alert, story: &Story) -> Value {
    let series: Vec<Value> =
        story.series.iter().map(|(series, values)| json!({ "series": series, "values": values })).collect();
    let mut labels = view.labels();
    labels["severity"] = json!(alert.severity.word());
    for (name, value) in story.labels {
        labels[*name] = json!(value);
    }
    let told = json!({ "exp_labels": labels, "exp_annotations": alert.words(view, story.labels) });
    let expected = if story.fires { vec![told] } else { Vec::new() };
    let name = format!("{} {}", alert.name, if story.fires { "fires" } else { "is quiet" });
    json!({
        "name": name,
        "interval": "1m",
        "input_series": series,
        "alert_rule_test": [{
            "eval_time": format!("{}m", story.minutes),
            "alertname": alert.name,
            "exp_alerts": expected,
        }],
    })
}
