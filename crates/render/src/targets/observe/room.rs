//! Alerts on room that runs out: slots, places for connections, and how far the
//! index is behind the log.

use super::View;
use super::alert::{Alert, Severity};
use super::story::{Story, grows, stays};

/// Half of what the program lets an index be behind before it waits.
const BEHIND: u64 = 32_768;

pub(super) fn alerts(view: &View<'_>) -> Vec<Alert> {
    vec![no_slots(view), few_slots(view), index_behind(view), turned_away()]
}

/// A figure of this region: a host tells those of all that its file names.
fn of(view: &View<'_>, name: &str) -> String {
    format!("{name}{{exported_region=\"{}\"}}", view.region())
}

fn slots(view: &View<'_>, free: u64, taken: u64) -> [(String, String); 2] {
    [stays(&of(view, "mycel_slots_free"), free), stays(&of(view, "mycel_slots_taken"), taken)]
}

fn no_slots(view: &View<'_>) -> Alert {
    Alert {
        name: "MycelNoSlots",
        severity: Severity::Page,
        expr: format!("sum({}) == 0", of(view, "mycel_slots_free")),
        hold: "5m",
        summary: "no slot is free".to_owned(),
        description: "Agents that come are sent elsewhere, or turned away.".to_owned(),
        follows: &[],
        steps: &[
            "See who holds slots (`GET /v1/agents`) and whether somebody has taken more than they should: `[enrol] quota` limits a source.",
            "More blocks for the region are a change of the planet file: `mycel plan planet.toml --diff new.toml` shows who moves.",
        ],
        stories: vec![Story::fires(slots(view, 0, 60)), Story::quiet(slots(view, 1, 59))],
    }
}

fn few_slots(view: &View<'_>) -> Alert {
    let (free, taken) = (of(view, "mycel_slots_free"), of(view, "mycel_slots_taken"));
    Alert {
        name: "MycelFewSlots",
        severity: Severity::Ticket,
        expr: format!("sum({free}) / (sum({free}) + sum({taken})) < 0.1"),
        hold: "15m",
        summary: "fewer than 1 of 10 slots are free".to_owned(),
        description: "When none is left, agents that come are sent elsewhere, or turned away.".to_owned(),
        follows: &["MycelNoSlots"],
        steps: &[
            "The dashboard of the region shows how fast they go. Give the region more blocks before they are gone.",
        ],
        stories: vec![Story::fires(slots(view, 99, 901)), Story::quiet(slots(view, 100, 900))],
    }
}

fn index_behind(view: &View<'_>) -> Alert {
    let series = of(view, "mycel_index_behind_entries");
    Alert {
        name: "MycelIndexBehind",
        severity: Severity::Ticket,
        expr: format!("max(min_over_time({series}[10m])) > {BEHIND}"),
        hold: "1m",
        summary: "the index is far behind the log".to_owned(),
        description: format!(
            "For ten minutes it was more than {BEHIND} entries behind. Nothing is lost; at twice as much per shard ops wait \
             for it, and a start takes longer."
        ),
        follows: &[],
        steps: &[
            "The disk is too slow for what is written, or something else uses it: `iostat -x 5` on the host shows which.",
            "Fewer ops help at once: the dashboard of the region shows who asks for what.",
        ],
        stories: vec![Story::fires([stays(&series, BEHIND + 1)]), Story::quiet([stays(&series, BEHIND)])],
    }
}

fn turned_away() -> Alert {
    let series = |away| {
        [
            grows("mycel_connections_turned_away_total{instance=\"a:7117\"}", away),
            grows("mycel_connections_total{instance=\"a:7117\"}", 1_000),
        ]
    };
    let rate = |name: &str| format!("sum by (instance) (rate({name}[5m]))");
    Alert {
        name: "MycelTurnedAway",
        severity: Severity::Ticket,
        expr: format!("{} > 0.1 * {}", rate("mycel_connections_turned_away_total"), rate("mycel_connections_total")),
        hold: "10m",
        summary: "the host at [instance] turns many connections away".to_owned(),
        description:
            "For each 10 that it takes there is more than one that it does not: there are too many, or their source is \
                      banned."
                .to_owned(),
        follows: &[],
        steps: &[
            "Log lines `a source is turned away` say which source, and why.",
            "One source is an attack or a mistake of its own; all of them mean that the region needs more room.",
        ],
        stories: vec![Story::fires(series(101)).with(&[("instance", "a:7117")]), Story::quiet(series(100))],
    }
}
