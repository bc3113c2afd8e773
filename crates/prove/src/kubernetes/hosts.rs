//! One pod serves a region: none serves nobody, and two would give out the same
//! slots, each without knowing of the other.

use crate::kubernetes::objects::Objects;
use crate::kubernetes::pod::Workload;
use crate::read::form::shown;
use crate::report::{Failure, Kind, Layer};

pub(crate) fn check(objects: &Objects<'_>, failures: &mut Vec<Failure>) {
    let hosts: Vec<&Workload> = objects.workloads.iter().filter(|workload| workload.program.is_some()).collect();
    for host in &hosts {
        let (at, many) = match &host.replicas {
            Some((at, many)) => (at, many.as_str()),
            // Of a StatefulSet that is one; of what stands on every node it is not known.
            None if host.meta.kind == "DaemonSet" => (&host.meta.at, "a pod on each node"),
            None => continue,
        };
        let (kind, why) = match many {
            "1" => continue,
            "0" => (Kind::Stopped, "nobody serves the region"),
            _ => (Kind::Elsewhere, "each would give out the same slots"),
        };
        failures.push(Failure::new(kind, Layer::Pod, at.clone(), format!("{} hosts: {why}", shown(many))));
    }
    for more in hosts.iter().skip(1) {
        let what = format!("a second host, {}: each would give out the same slots", shown(&more.meta.name));
        failures.push(Failure::new(Kind::Elsewhere, Layer::Pod, more.meta.at.clone(), what));
    }
}
