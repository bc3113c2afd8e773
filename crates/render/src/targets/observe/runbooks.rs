//! What to do for each alert, as text that a person reads at night.

use super::View;
use super::alert::Alert;
use std::fmt::Write as _;

pub(super) fn file(view: &View<'_>, alerts: &[Alert]) -> String {
    let mut text = format!(
        "# Region {} of planet {}: what to do when somebody is told\n\n\
         `mycel render` wrote this. Each alert leads to its part of this file by `runbook_url`.\n",
        view.region(),
        view.planet()
    );
    for alert in alerts {
        let (name, severity) = (alert.name, alert.severity.word());
        // Writing to a string does not fail.
        let _ =
            writeln!(text, "\n## {name}\nA {severity}, when it has been so for {}. {}", alert.hold, alert.description);
        if !alert.follows.is_empty() {
            let _ = writeln!(text, "Nobody is told while {} fires.", alert.follows.join(" or "));
        }
        let _ = writeln!(text);
        for (number, step) in (1..).zip(alert.steps) {
            let _ = writeln!(text, "{number}. {step}");
        }
        let _ = writeln!(text, "\nIt asks: `{}`", alert.expr);
    }
    text
}
