//! Who is told: pages at once, tickets once a day, and of an alert's causes and
//! consequences the cause alone.
//!
//! Where somebody is told is a URL that often has a token in it, so it stands in
//! a file that an operator puts there, and never here.

use super::View;
use super::alert::{Alert, Severity};
use crate::Refused;
use serde_json::{Value, json};

/// Alerts of another planet or region: somebody is told of these too, since a
/// route that is missing is a mistake.
const UNROUTED: &str = "unrouted";

pub(super) fn file(view: &View<'_>, alerts: &[Alert]) -> Result<String, Refused> {
    let route = |severity: Severity, wait: &str, again: &str| {
        json!({
            "receiver": severity.word(),
            "matchers": [
                format!("planet=\"{}\"", view.planet()),
                format!("region=\"{}\"", view.region()),
                format!("severity=\"{}\"", severity.word()),
            ],
            "group_wait": wait,
            "repeat_interval": again,
        })
    };
    let receivers = [Severity::Page.word(), Severity::Ticket.word(), UNROUTED].map(receiver);
    let config = json!({
        "route": {
            "receiver": UNROUTED,
            "group_by": ["planet", "region", "alertname"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": [route(Severity::Page, "10s", "1h"), route(Severity::Ticket, "5m", "24h")],
        },
        "inhibit_rules": alerts.iter().filter_map(|alert| hushed(alert, alerts)).collect::<Vec<_>>(),
        "receivers": receivers,
    });
    view.file("who is told. Each `url_file` is one that an operator makes.", config)
}

/// An alert of which nobody is told while one that is its cause fires.
fn hushed(alert: &Alert, alerts: &[Alert]) -> Option<Value> {
    let there = |cause: &&str| alerts.iter().any(|alert| alert.name == *cause);
    let causes: Vec<&str> = alert.follows.iter().copied().filter(there).collect();
    (!causes.is_empty()).then(|| {
        json!({
            "source_matchers": [format!("alertname=~\"{}\"", causes.join("|"))],
            "target_matchers": [format!("alertname=\"{}\"", alert.name)],
            "equal": ["planet", "region"],
        })
    })
}

fn receiver(name: &str) -> Value {
    let file = format!("/etc/alertmanager/receivers/{name}.url");
    json!({ "name": name, "webhook_configs": [{ "url_file": file, "send_resolved": true }] })
}
