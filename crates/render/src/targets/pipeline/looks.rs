//! Commands by which one sees what an alert is about: of the program, and of what
//! it was deployed with. A test has the program's own parser read each of its.

use crate::Scene;

/// What an alert is about, which says where one looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Host,
    Gateway,
    Keys,
    Slots,
    Connections,
    Audit,
    /// What measures; no command of the program sees it.
    Measuring,
}

pub(super) fn about(alert: &str) -> About {
    match alert {
        "MycelGatewayDown" | "MycelNoGateway" | "MycelRegionLost" | "MycelRequestsLost" => About::Gateway,
        "MycelKeyLate" | "MycelFewHeirs" => About::Keys,
        "MycelNoSlots" | "MycelFewSlots" => About::Slots,
        "MycelTurnedAway" => About::Connections,
        "MycelAuditFailed" => About::Audit,
        "MycelMeasuringDown" => About::Measuring,
        _ => About::Host,
    }
}

/// What one types first, with a word on each. `$region` is the one that the alert
/// names, and `$url` where agents come to it.
pub(super) fn commands(scene: &Scene<'_>, alert: &str) -> Vec<String> {
    let about = about(alert);
    let ours: &[&str] = match about {
        About::Host | About::Gateway => {
            &["sh pipeline/health.sh \"$region=$url\"", "mycel regions --url \"$url\" --as operator --home .mycel"]
        }
        About::Keys => &[
            "mycel trust status pipeline/planet.toml --data .mycel",
            "mycel audit tail --url \"$url\" --as operator --home .mycel",
        ],
        About::Slots => &[
            "mycel regions --url \"$url\" --as operator --home .mycel",
            "mycel agents --url \"$url\" --as operator --home .mycel",
            "mycel plan pipeline/planet.toml",
        ],
        About::Connections => &["mycel bans list --url \"$url\" --as operator --home .mycel"],
        About::Audit => {
            &["sh pipeline/health.sh \"$region=$url\"", "mycel audit tail --url \"$url\" --as operator --home .mycel"]
        }
        About::Measuring => &[],
    };
    let mut lines: Vec<String> = ours.iter().map(|line| (*line).to_owned()).collect();
    lines.extend(deployed(scene, about));
    lines
}

/// The same where it was deployed.
fn deployed(scene: &Scene<'_>, about: About) -> Vec<String> {
    let kubectl = |rest: &str| format!("kubectl --context \"$region\" --namespace {} {rest}", scene.name());
    let compose = |rest: &str| format!("docker compose --project-directory \"compose/$region\" {rest}");
    match about {
        About::Gateway => {
            vec![
                kubectl("get pods --output wide"),
                kubectl("logs statefulset/gateway --tail 100"),
                kubectl("logs statefulset/host --tail 100"),
            ]
        }
        About::Measuring => {
            let measuring = "docker compose --project-directory \"observe/$region\"";
            vec![format!("{measuring} ps"), format!("{measuring} logs --tail 100")]
        }
        About::Keys => Vec::new(),
        _ => vec![
            kubectl("get pods --output wide"),
            kubectl("logs statefulset/host --tail 100"),
            compose("ps"),
            compose("logs --tail 100 host"),
        ],
    }
}
