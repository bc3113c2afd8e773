//! The host of a region's blocks: its pod, its disk, and how agents reach it.
//!
//! It is one pod, always: two would give out the same slots. So no autoscaler
//! may stand over it.

use super::Cluster;
use crate::program;
use crate::scene::digest;
use serde_json::{Value, json};

/// The one program in the pod that is not ours: it copies keys.
const COPY: &str = "docker.io/library/busybox:1.37.0";

/// Copies what the Secret holds, whole and once. Where Kubernetes mounts a
/// Secret its files are links that a group can read, and the program takes no
/// key that others can read; and it replaces keys in that folder as they age.
const COPY_KEYS: &str = "set -eu\n\
    if [ -d \"$HOME_DIR/keys\" ]; then exit 0; fi\n\
    umask 077\n\
    mkdir -p \"$HOME_DIR\"\n\
    rm -rf \"$HOME_DIR/keys.part\"\n\
    mkdir \"$HOME_DIR/keys.part\"\n\
    cp -L \"$KEYS_DIR\"/* \"$HOME_DIR/keys.part/\"\n\
    sync\n\
    mv \"$HOME_DIR/keys.part\" \"$HOME_DIR/keys\"\n";

/// Where the Secret is mounted.
const KEYS: &str = "/run/mycel/keys";

pub(super) fn objects(cluster: &Cluster<'_>) -> Vec<Value> {
    vec![account(cluster), headless(cluster), agents(cluster), budget(cluster), set(cluster)]
}

/// The pod's own account, with nothing that it could show Kubernetes.
fn account(cluster: &Cluster<'_>) -> Value {
    let more = json!({ "automountServiceAccountToken": false });
    cluster.object(("v1", "ServiceAccount"), "host", "host", more)
}

/// Gives the pod its name.
fn headless(cluster: &Cluster<'_>) -> Value {
    let port = json!({ "name": "agents", "port": program::PORT, "targetPort": "agents", "protocol": "TCP" });
    let spec = json!({ "clusterIP": "None", "selector": cluster.selector("host"), "ports": [port] });
    cluster.object(("v1", "Service"), "host", "host", json!({ "spec": spec }))
}

/// Where agents come. It balances connections and not requests: what an agent
/// has proved holds for its connection, and a proxy that shared connections
/// would share that as well.
fn agents(cluster: &Cluster<'_>) -> Value {
    let port =
        |port: u16| json!({ "name": format!("p{port}"), "port": port, "targetPort": "agents", "protocol": "TCP" });
    let mut spec = json!({ "type": "ClusterIP", "selector": cluster.selector("host") });
    if cluster.is_public() {
        spec["type"] = json!("LoadBalancer");
        // Bans and limits are by address: the agent's own has to arrive.
        spec["externalTrafficPolicy"] = json!("Local");
        spec["ports"] = cluster.flows.entry.iter().copied().map(port).collect();
    } else {
        spec["ports"] = json!([port(program::PORT)]);
    }
    cluster.object(("v1", "Service"), "agents", "host", json!({ "spec": spec }))
}

/// Nodes may be emptied, one at a time.
fn budget(cluster: &Cluster<'_>) -> Value {
    let spec = json!({ "maxUnavailable": 1, "selector": { "matchLabels": cluster.selector("host") } });
    cluster.object(("policy/v1", "PodDisruptionBudget"), "host", "host", json!({ "spec": spec }))
}

fn set(cluster: &Cluster<'_>) -> Value {
    let spec = json!({
        "serviceName": "host",
        "replicas": 1,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": { "type": "RollingUpdate" },
        // What a region keeps outlives a mistake with kubectl.
        "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Retain", "whenScaled": "Retain" },
        "selector": { "matchLabels": cluster.selector("host") },
        "template": {
            "metadata": {
                "labels": pod_labels(cluster),
                "annotations": {
                    // Another planet file is another pod.
                    "mycel.dev/planet-sha256": digest(cluster.scene.text.as_bytes()),
                    "prometheus.io/scrape": "true",
                    "prometheus.io/port": program::PORT.to_string(),
                    "prometheus.io/scheme": if cluster.is_public() { "https" } else { "http" },
                },
            },
            "spec": pod(cluster),
        },
        "volumeClaimTemplates": [{
            // What is said here can never be changed, so nothing that changes is.
            "metadata": { "name": "data", "labels": cluster.selector("host") },
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": mebibytes(cluster.scene.disk_bytes(cluster.place)) } },
            },
        }],
    });
    cluster.object(("apps/v1", "StatefulSet"), "host", "host", json!({ "spec": spec }))
}

/// With the tiers that it stands in, by which flows find it.
fn pod_labels(cluster: &Cluster<'_>) -> Value {
    let mut labels = cluster.labels("host");
    for tier in &cluster.flows.ours {
        labels[super::network::tier_label(tier)] = json!("yes");
    }
    labels
}

fn pod(cluster: &Cluster<'_>) -> Value {
    json!({
        "serviceAccountName": "host",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": program::STOPS_SECONDS,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": program::USER,
            "runAsGroup": program::USER,
            "fsGroup": program::USER,
            // Otherwise each start would let the group read every key.
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "topologySpreadConstraints": [{
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": { "matchLabels": cluster.selector("host") },
        }],
        "initContainers": [copy()],
        "containers": [container(cluster)],
        "volumes": volumes(cluster),
    })
}

/// What no container needs.
fn confined() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "capabilities": { "drop": ["ALL"] },
    })
}

fn copy() -> Value {
    json!({
        "name": "keys",
        "image": COPY,
        "imagePullPolicy": "Always",
        "command": ["sh", "-c", COPY_KEYS],
        "env": [{ "name": "HOME_DIR", "value": program::HOME }, { "name": "KEYS_DIR", "value": KEYS }],
        "resources": {
            "requests": { "cpu": "10m", "memory": "16Mi" },
            "limits": { "cpu": "100m", "memory": "32Mi" },
        },
        "securityContext": confined(),
        "volumeMounts": [
            { "name": "data", "mountPath": program::DISK },
            { "name": "keys", "mountPath": KEYS, "readOnly": true },
        ],
    })
}

fn container(cluster: &Cluster<'_>) -> Value {
    let is_public = cluster.is_public();
    let mut mounts = vec![
        json!({ "name": "planet", "mountPath": "/etc/mycel/planet.toml", "subPath": "planet.toml", "readOnly": true }),
        json!({ "name": "data", "mountPath": program::DISK }),
    ];
    if is_public {
        mounts.push(json!({ "name": "tls", "mountPath": "/etc/mycel/tls", "readOnly": true }));
    }
    let probe = |path: &str, every: u64, failures: u64| {
        let scheme = if is_public { "HTTPS" } else { "HTTP" };
        json!({
            "httpGet": { "path": path, "port": "agents", "scheme": scheme },
            "periodSeconds": every, "timeoutSeconds": 3, "failureThreshold": failures,
        })
    };
    json!({
        "name": "host",
        "image": cluster.scene.image,
        "imagePullPolicy": "Always",
        "command": ["mycel"],
        "args": program::host(cluster.place.id(), is_public),
        "ports": [{ "name": "agents", "containerPort": program::PORT, "protocol": "TCP" }],
        "startupProbe": probe("/health", 5, program::STARTS_SECONDS / 5),
        "livenessProbe": probe("/health", 10, 3),
        "readinessProbe": probe("/ready", 5, 2),
        "resources": resources(cluster),
        "securityContext": confined(),
        "volumeMounts": mounts,
    })
}

fn volumes(cluster: &Cluster<'_>) -> Vec<Value> {
    let mut volumes = vec![
        json!({ "name": "planet", "configMap": { "name": "planet" } }),
        json!({ "name": "keys", "secret": { "secretName": "mycel-keys" } }),
    ];
    if cluster.is_public() {
        volumes.push(json!({ "name": "tls", "secret": { "secretName": "mycel-tls" } }));
    }
    volumes
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

fn mebibytes(bytes: u64) -> String {
    format!("{}Mi", bytes.div_ceil(1 << 20))
}
