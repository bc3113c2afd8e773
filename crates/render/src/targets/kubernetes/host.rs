//! The host of a region's blocks: its pod, its disk, and how it is reached.
//!
//! It is one pod, always: two would give out the same slots. So no autoscaler
//! may stand over it.

use super::Cluster;
use super::pod::{Pod, Port, account, agents, budget, headless, mebibytes};
use crate::program;
use serde_json::{Value, json};

pub(super) fn objects(cluster: &Cluster<'_>) -> Vec<Value> {
    let ports = ports(cluster);
    let mut objects = vec![account(cluster, "host"), headless(cluster, "host", &ports)];
    if cluster.door() == "host" {
        objects.push(agents(cluster));
    }
    objects.push(budget(cluster, "host"));
    // Behind gateways nobody reaches it from outside.
    let tls = cluster.is_public() && cluster.door() == "host";
    let pod = Pod {
        component: "host",
        args: program::host(cluster.place.id(), tls, cluster.apart()),
        ports,
        tls,
        secret: "mycel-keys",
        own: "",
        resources: resources(cluster),
        disk: mebibytes(cluster.scene.disk_bytes(cluster.place)),
    };
    objects.push(pod.set(cluster, Some(1), "OrderedReady"));
    objects
}

fn ports(cluster: &Cluster<'_>) -> Vec<Port> {
    let nodes = cluster.apart().map(|apart| ("nodes", apart.port));
    std::iter::once(("agents", program::PORT)).chain(nodes).collect()
}

/// The memory that the plan models, and at most what its host has; the cores of
/// that host, since a region is one process.
fn resources(cluster: &Cluster<'_>) -> Value {
    let (host, blocks) = (&cluster.scene.plan.host, cluster.place.plan.memory_bytes);
    let wanted = blocks.saturating_add(program::PROCESS_BYTES);
    let most = host.memory_bytes.saturating_sub(cluster.scene.reserved_bytes()).max(wanted);
    json!({
        "requests": { "cpu": "1", "memory": mebibytes(wanted) },
        "limits": { "cpu": host.cores.max(1).to_string(), "memory": mebibytes(most) },
    })
}
