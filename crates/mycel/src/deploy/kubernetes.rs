//! Kubernetes: gateways by the partition of their StatefulSet, from the highest
//! ordinal down, then the host.

use super::{Act, Ground};
use policy::rollout::Part;
use vocab::Ppm;

/// For a host to start: its index follows what its log has that it has not.
const HOST: &str = "20m";
/// For gateways to.
const GATEWAYS: &str = "10m";

pub(super) fn acts(ground: &Ground<'_>, part: Part) -> Vec<Act> {
    let (context, space) = (ground.region.id.as_str(), ground.planet.planet.name.as_str());
    let kubectl = |rest: &str| format!("kubectl --context {context} --namespace {space} {rest}");
    let many = u64::from(ground.region.replicas.at_start().max(1));
    let apply = |files: &[&str]| {
        let files: Vec<String> = files.iter().map(|file| format!("--filename {}{file}", ground.out)).collect();
        kubectl(&format!("apply {}", files.join(" ")))
    };
    let beside = ["1-namespace.yaml", "2-config.yaml", "3-network.yaml"];
    match part {
        Part::Traffic(share) => {
            let done = many * u64::from(share.0) / u64::from(Ppm::ONE.0);
            // Somebody has to begin, whatever the share.
            let done = done.max(1);
            let partition = |from: u64| {
                kubectl(&format!(
                    "patch statefulset gateway --patch '{{\"spec\":{{\"updateStrategy\":{{\"rollingUpdate\":{{\"partition\":{from}}}}}}}}}'"
                ))
            };
            let is_first = done == 1;
            // The autoscaler may have added some: those from the first number on are new.
            let begin = is_first.then(|| vec![partition(many), apply(&[&beside[..], &["5-gateway.yaml"]].concat())]);
            let mut run = begin.unwrap_or_default();
            run.push(partition(many - done));
            run.push(kubectl(&format!("rollout status statefulset gateway --timeout {GATEWAYS}")));
            let back = kubectl("rollout undo statefulset gateway");
            vec![Act { what: format!("{done} of {many} gateways"), run, back: vec![back], watched: true }]
        }
        Part::Host => {
            let mut files = if ground.has_gateways { Vec::new() } else { beside.to_vec() };
            files.push("4-host.yaml");
            let status = kubectl(&format!("rollout status statefulset host --timeout {HOST}"));
            let back = kubectl("rollout undo statefulset host");
            vec![Act { what: "the host".to_owned(), run: vec![apply(&files), status], back: vec![back], watched: true }]
        }
        Part::Beside | Part::Old => Vec::new(),
    }
}
