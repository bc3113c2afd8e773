//! An alert: when somebody is told, what they are told, and what they are to do.
//!
//! What an alert says is a template of Go to Prometheus, which reads two opening
//! braces as its own. So each brace of what the planet says is written as a value
//! in that language, and is read back as the brace that it was.

use super::View;
use super::story::Story;
use crate::Refused;
use serde_json::{Value, json};

/// How much somebody is disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::targets) enum Severity {
    /// At once, whatever the hour.
    Page,
    /// In the hours of work.
    Ticket,
}

impl Severity {
    pub(in crate::targets) fn word(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

/// An alert.
pub(in crate::targets) struct Alert {
    pub(in crate::targets) name: &'static str,
    pub(in crate::targets) severity: Severity,
    pub(in crate::targets) expr: String,
    /// How long it has to be so before somebody is told.
    pub(in crate::targets) hold: &'static str,
    /// What is wrong, behind the name of the region. `LABEL` in brackets is a
    /// label's value.
    pub(in crate::targets) summary: String,
    pub(in crate::targets) description: String,
    /// Alerts that tell its cause: while one of them fires, nobody is told of this.
    pub(in crate::targets) follows: &'static [&'static str],
    /// What to look at, and what to do, one after the other.
    pub(in crate::targets) steps: &'static [&'static str],
    /// When it fires, and when it does not.
    pub(super) stories: Vec<Story>,
}

impl Alert {
    /// Its words as they are read, with the values of labels.
    pub(super) fn words(&self, view: &View<'_>, labels: &[(&str, &str)]) -> Value {
        let filled = |text: &str| {
            labels.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("[{name}]"), value))
        };
        json!({
            "summary": format!("{}: {}", view.place.plan.name, filled(&self.summary)),
            "description": filled(&self.description),
            "runbook_url": self.runbook(),
        })
    }

    /// The same as Prometheus has to read them.
    fn annotations(&self, view: &View<'_>) -> Value {
        let asked = |text: &str| {
            let labels = self.labels();
            labels.iter().fold(text.to_owned(), |text, name| {
                text.replace(&format!("[{name}]"), &format!("{{{{ $labels.{name} }}}}"))
            })
        };
        json!({
            "summary": format!("{}: {}", literal(&view.place.plan.name), asked(&self.summary)),
            "description": asked(&self.description),
            "runbook_url": self.runbook(),
        })
    }

    /// The labels of its series that are said in its words.
    fn labels(&self) -> Vec<&'static str> {
        let said =
            |name: &&str| [&self.summary, &self.description].iter().any(|text| text.contains(&format!("[{name}]")));
        ["instance", "key"].into_iter().filter(said).collect()
    }

    /// Where its runbook is, below the folder that was rendered to: target
    /// `pipeline` writes it.
    fn runbook(&self) -> String {
        format!("pipeline/runbooks/{}.md", self.name)
    }
}

/// A text as a template of Go gives it back.
pub(super) fn literal(text: &str) -> String {
    text.replace('{', "{{\"{\"}}")
}

pub(super) fn file(view: &View<'_>, alerts: &[Alert]) -> Result<String, Refused> {
    let rules: Vec<Value> = alerts.iter().map(|alert| rule(view, alert)).collect();
    let groups = json!({ "groups": [{ "name": "mycel-alerts", "interval": "15s", "rules": rules }] });
    view.file("who is told of what.", groups)
}

fn rule(view: &View<'_>, alert: &Alert) -> Value {
    let mut labels = view.labels();
    labels["severity"] = json!(alert.severity.word());
    json!({
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.hold,
        "labels": labels,
        "annotations": alert.annotations(view),
    })
}
