//! Alerts on what the program says of itself: who is away, whose key is late,
//! and what is written nowhere.

use super::View;
use super::alert::{Alert, Severity};
use super::story::{Story, grows, stays};

pub(super) fn alerts(view: &View<'_>) -> Vec<Alert> {
    let mut alerts = vec![host_down(), gateway_down(), requests_lost(), key_late(), few_heirs(), audit_failed()];
    if view.scene.office.is_some() {
        alerts.push(no_gateway());
    }
    // Who has drained a region knows that no gateway uses it.
    if !view.place.region.drained.value {
        alerts.push(region_lost(view));
    }
    alerts.extend([restarts(), measuring_down()]);
    alerts
}

fn up(job: &str, value: u64) -> (String, String) {
    stays(&format!("up{{job=\"{job}\",instance=\"a:7117\"}}"), value)
}

const AT: &[(&str, &str)] = &[("instance", "a:7117")];

fn host_down() -> Alert {
    Alert {
        name: "MycelHostDown",
        severity: Severity::Page,
        expr: "mycel:answers == 0".to_owned(),
        hold: "1m",
        summary: "its host does not answer".to_owned(),
        description: "Prometheus reaches no host of the region, or knows of none. Agents with a slot there are not \
                      served; what was acknowledged is on its disk."
            .to_owned(),
        follows: &[],
        steps: &[
            "See whether the process runs, and what its last log lines say.",
            "A start that is refused says why and what to try. Do not start a second host on another disk: it would give out the same slots.",
            "A disk that is full or failing shows in the machine's own log; free or replace it, then start the host again.",
            "When the process runs and answers others, Prometheus is cut off from it: look at the network policy `metrics`.",
        ],
        stories: vec![Story::fires([up("mycel-host", 0)]), Story::fires([]), Story::quiet([up("mycel-host", 1)])],
    }
}

fn gateway_down() -> Alert {
    Alert {
        name: "MycelGatewayDown",
        severity: Severity::Ticket,
        expr: "max by (instance) (up{job=\"mycel-gateway\"}) == 0".to_owned(),
        hold: "5m",
        summary: "the gateway at [instance] does not answer".to_owned(),
        description: "Connections that led through [instance] have ended; agents come by the others.".to_owned(),
        follows: &["MycelNoGateway"],
        steps: &[
            "See whether the process runs, and what its last log lines say.",
            "A gateway whose certificate has ended is not taken by hosts: `mycel trust status` shows it, and the office gives another.",
        ],
        stories: vec![Story::fires([up("mycel-gateway", 0)]).with(AT), Story::quiet([up("mycel-gateway", 1)])],
    }
}

fn no_gateway() -> Alert {
    Alert {
        name: "MycelNoGateway",
        severity: Severity::Page,
        expr: "(count(up{job=\"mycel-gateway\"} == 1) or vector(0)) == 0".to_owned(),
        hold: "2m",
        summary: "no gateway answers".to_owned(),
        description: "Agents do not reach the region, whatever its host does.".to_owned(),
        follows: &[],
        steps: &[
            "See whether any gateway runs, and what the last log lines say.",
            "All of them at once means what they share: the Secret of their keys, the office, the network.",
        ],
        stories: vec![Story::fires([up("mycel-gateway", 0)]), Story::quiet([up("mycel-gateway", 1)])],
    }
}

fn region_lost(view: &View<'_>) -> Alert {
    let series = format!("mycel_gateway_region_usable{{exported_region=\"{}\"}}", view.region());
    let of = |value| stays(&series.replace('}', ",instance=\"a:7117\"}"), value);
    Alert {
        name: "MycelRegionLost",
        severity: Severity::Page,
        expr: format!("min({series}) == 0"),
        hold: "1m",
        summary: "a gateway does not use the region".to_owned(),
        description:
            "Its host does not answer that gateway, fails what is asked, or says that it is not ready; or somebody \
                      has drained it."
                .to_owned(),
        follows: &["MycelHostDown"],
        steps: &[
            "`GET /ready` at the host says what keeps it from serving.",
            "When the host is well, look at the way from the gateway to it: its certificate, its name, the flow between their tiers.",
            "When somebody drains it, silence this alert for as long.",
        ],
        stories: vec![Story::fires([of(0)]), Story::quiet([of(1)])],
    }
}

fn requests_lost() -> Alert {
    let asked = |lost| {
        [
            grows("mycel_gateway_lost_total{instance=\"a\"}", lost),
            grows("mycel_gateway_requests_total{instance=\"a\"}", 1_000),
        ]
    };
    Alert {
        name: "MycelRequestsLost",
        severity: Severity::Ticket,
        expr: "sum(rate(mycel_gateway_lost_total[5m])) / (sum(rate(mycel_gateway_requests_total[5m])) > 0) > 0.01"
            .to_owned(),
        hold: "5m",
        summary: "hosts do not answer more than 1 of 100 requests of gateways".to_owned(),
        description: "A gateway sent them on, and no answer came back.".to_owned(),
        follows: &["MycelHostDown", "MycelRegionLost"],
        steps: &[
            "The dashboard of gateways shows round trips and which region is not used.",
            "Lines of the access log with status 502, 503 or 504 name the region.",
        ],
        stories: vec![Story::fires(asked(11)), Story::quiet(asked(10))],
    }
}

fn key_late() -> Alert {
    let of = |value| [stays("mycel_key_late{key=\"region\",instance=\"a:7117\"}", value)];
    Alert {
        name: "MycelKeyLate",
        severity: Severity::Ticket,
        expr: "max by (instance, key) (mycel_key_late) == 1".to_owned(),
        hold: "5m",
        summary: "the key `[key]` at [instance] is older than the planet lets it be".to_owned(),
        description: "It should have been rotated. It still works; something keeps the next one from taking its place."
            .to_owned(),
        follows: &[],
        steps: &[
            "`mycel trust status` shows every key, its age and what it needs.",
            "A rotation is entered in the audit log first: when that is not written, no key is rotated.",
            "`mycel trust rotate` has them replaced now, and says what stands in the way.",
        ],
        stories: vec![Story::fires(of(1)).with(&[("instance", "a:7117"), ("key", "region")]), Story::quiet(of(0))],
    }
}

fn few_heirs() -> Alert {
    let of = |value| [stays("mycel_ca_heirs{key=\"ca\"}", value)];
    Alert {
        name: "MycelFewHeirs",
        severity: Severity::Ticket,
        expr: "min(mycel_ca_heirs) < 2".to_owned(),
        hold: "5m",
        summary: "fewer than two CAs are left to follow the present one".to_owned(),
        description: "When the last one's time is over, no node gets a certificate.".to_owned(),
        follows: &[],
        steps: &[
            "Bring the root key back for a moment (`mycel trust recover`), run `mycel trust init planet.toml` again while the planet is down, and move the root key away again.",
            "Carry `ca.pem` and `ca.endorsed` to machines apart.",
        ],
        stories: vec![Story::fires(of(1)), Story::quiet(of(2))],
    }
}

fn audit_failed() -> Alert {
    let of = |value| [stays("mycel_audit_failed{instance=\"a:7117\"}", value)];
    Alert {
        name: "MycelAuditFailed",
        severity: Severity::Page,
        expr: "max by (instance) (mycel_audit_failed) == 1".to_owned(),
        hold: "0s",
        summary: "the audit log at [instance] is not written".to_owned(),
        description: "What has to be entered there first is not done, no key is rotated, and the process is not \
                      ready until it is started again."
            .to_owned(),
        follows: &[],
        steps: &[
            "The process's log lines say what the disk answered.",
            "Free or replace the disk. Start the process again: it reads the log and holds it against what was signed.",
            "When the start is refused, keep the directory as it is and hold it against a copy (docs/guides/audit.md).",
        ],
        stories: vec![Story::fires(of(1)).with(AT), Story::quiet(of(0))],
    }
}

fn restarts() -> Alert {
    let of = |values: &str| [("mycel_connections_total{instance=\"a:7117\"}".to_owned(), values.to_owned())];
    Alert {
        name: "MycelRestarts",
        severity: Severity::Ticket,
        expr: "max by (instance) (resets(mycel_connections_total[1h])) > 2".to_owned(),
        hold: "0s",
        summary: "the process at [instance] was started again more than twice within an hour".to_owned(),
        description: "Its counters began anew as often. What was acknowledged is kept; connections ended each time."
            .to_owned(),
        follows: &[],
        steps: &[
            "The last log lines before each start say why it ended.",
            "When there are none it was killed: by the kernel for its memory, or by whoever watches its health.",
        ],
        stories: vec![
            Story::fires(of("1 9 1 9 1 9 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15")).with(AT),
            Story::quiet(of("1 9 1 9 9 9 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23")),
        ],
    }
}

fn measuring_down() -> Alert {
    let of = |value| [stays("up{job=\"measuring\",instance=\"a:7117\"}", value)];
    Alert {
        name: "MycelMeasuringDown",
        severity: Severity::Ticket,
        expr: "max by (instance) (up{job=\"measuring\"}) == 0".to_owned(),
        hold: "10m",
        summary: "[instance], which measures or keeps measurements, does not answer".to_owned(),
        description: "The planet is served without it. What it should have kept is perhaps missing later.".to_owned(),
        follows: &[],
        steps: &["See whether it runs, whether its disk is full, and what its last log lines say."],
        stories: vec![Story::fires(of(0)).with(AT), Story::quiet(of(1))],
    }
}
