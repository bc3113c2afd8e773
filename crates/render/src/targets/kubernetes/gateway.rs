//! The gateways in front of a region's host: as many as the load wants, between
//! the numbers that the planet says.
//!
//! Each has a key of its own, by its ordinal, because a host divides what it has
//! among gateways by their keys; so there are never more than keys were made.

use super::Cluster;
use super::pod::{Pod, account, agents, budget, headless, mebibytes};
use crate::program::{self, Apart};
use serde_json::{Value, json};

/// Keys that `mycel trust init --apart` makes for a region at most.
const MOST: u32 = 64;
/// When the planet does not say at how much of their CPU there have to be more.
const BUSY_PERCENT: u32 = 70;
/// Its keys, and the audit log of what it does.
const DISK: u64 = 4 << 30;
/// What connections and what is on its way on them may take; assumed, and not
/// measured.
const MEMORY: u64 = 2 << 30;

/// Its objects, and what the planet wants that they do not give.
pub(super) fn objects(cluster: &Cluster<'_>, apart: Apart<'_>) -> (Vec<Value>, Option<String>) {
    let replicas = &cluster.place.region.replicas;
    let (least, wanted) = (replicas.min.value.clamp(1, MOST), replicas.at_most());
    let most = wanted.clamp(least, MOST);
    let ports = vec![("agents", program::PORT)];
    let number = format!("$({})", program::NUMBER);
    let pod = Pod {
        component: "gateway",
        args: program::gateway(cluster.place.id(), &number, "host", cluster.is_public(), apart),
        ports: ports.clone(),
        tls: cluster.is_public(),
        secret: "mycel-gateway-keys",
        own: &format!("gateway-{number}"),
        resources: json!({
            "requests": { "cpu": "500m", "memory": mebibytes(MEMORY / 4) },
            "limits": { "cpu": "2", "memory": mebibytes(MEMORY) },
        }),
        disk: mebibytes(DISK),
    };
    // Where an autoscaler says how many there are, nobody else does.
    let fixed = (least == most).then_some(least);
    let mut objects = vec![
        account(cluster, "gateway"),
        headless(cluster, "gateway", &ports),
        agents(cluster),
        budget(cluster, "gateway"),
        pod.set(cluster, fixed, "Parallel"),
    ];
    if fixed.is_none() {
        objects.push(scaler(cluster, (least, most)));
    }
    let note = (wanted > MOST).then(|| {
        format!("{}: the planet lets there be {wanted} gateways; there are keys for {MOST}", cluster.place.id())
    });
    (objects, note)
}

/// More when they are busy, at once; fewer when they have not been for a while,
/// because connections end with the gateway that they lead through.
fn scaler(cluster: &Cluster<'_>, (least, most): (u32, u32)) -> Value {
    let asked = cluster.scene.planet.scale.as_ref().and_then(|scale| scale.cpu.as_ref());
    let busy = asked.map_or(BUSY_PERCENT, |cpu| cpu.value.0.div_ceil(10_000));
    let spec = json!({
        "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "gateway" },
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [{
            "type": "Resource",
            "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": busy } },
        }],
        "behavior": {
            "scaleDown": { "stabilizationWindowSeconds": 600, "policies": [{ "type": "Pods", "value": 1, "periodSeconds": 120 }] },
        },
    });
    cluster.object(("autoscaling/v2", "HorizontalPodAutoscaler"), "gateway", "gateway", json!({ "spec": spec }))
}
