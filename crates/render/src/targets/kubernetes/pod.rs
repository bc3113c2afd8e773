//! What the pods of hosts and of gateways have in common: they can do nothing
//! but run the program on a disk of their own, with keys that were copied once.

use super::Cluster;
use crate::program;
use crate::scene::digest;
use serde_json::{Value, json};

/// The one program in a pod that is not ours: it copies keys.
const COPY: &str = "docker.io/library/busybox:1.37.0";

/// Copies what the Secret holds, whole and once; of keys of several nodes those
/// of one. Where Kubernetes mounts a Secret its files are links that a group can
/// read, and the program takes no key that others can read; and it replaces keys
/// in that folder as they age.
const COPY_KEYS: &str = "set -eu\n\
    if [ -d \"$HOME_DIR/keys\" ]; then exit 0; fi\n\
    umask 077\n\
    mkdir -p \"$HOME_DIR\"\n\
    rm -rf \"$HOME_DIR/keys.part\"\n\
    mkdir \"$HOME_DIR/keys.part\"\n\
    for file in \"$KEYS_DIR\"/*; do\n\
    \x20 case \"${file##*/}\" in\n\
    \x20   \"$OWN\".*) ;;\n\
    \x20   gateway-[0-9]*.key|gateway-[0-9]*.sealed) [ -z \"$OWN\" ] || continue ;;\n\
    \x20 esac\n\
    \x20 cp -L \"$file\" \"$HOME_DIR/keys.part/\"\n\
    done\n\
    sync\n\
    mv \"$HOME_DIR/keys.part\" \"$HOME_DIR/keys\"\n";

/// Where the Secret is mounted.
const KEYS: &str = "/run/mycel/keys";

/// A port of a container.
pub(super) type Port = (&'static str, u16);

/// What one kind of pod has that the others have not.
pub(super) struct Pod<'a> {
    /// What it is.
    pub(super) component: &'a str,
    /// What it runs.
    pub(super) args: Vec<String>,
    /// What it listens at, first where agents and probes come.
    pub(super) ports: Vec<Port>,
    /// Whether it speaks TLS there.
    pub(super) tls: bool,
    /// The Secret with its keys.
    pub(super) secret: &'a str,
    /// The name of its own keys, where the Secret has several nodes'.
    pub(super) own: &'a str,
    pub(super) resources: Value,
    /// What its disk holds, in MiB.
    pub(super) disk: String,
}

impl Pod<'_> {
    /// Its pods, each with a disk of its own; as many as somebody else says when
    /// that is nobody's here.
    pub(super) fn set(&self, cluster: &Cluster<'_>, replicas: Option<u32>, order: &str) -> Value {
        let selector = cluster.selector(self.component);
        let mut spec = json!({
            "serviceName": self.component,
            "podManagementPolicy": order,
            "updateStrategy": { "type": "RollingUpdate" },
            // What is kept outlives a mistake with kubectl.
            "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Retain", "whenScaled": "Retain" },
            "selector": { "matchLabels": selector },
            "template": {
                "metadata": {
                    "labels": self.labels(cluster),
                    "annotations": {
                        // Another planet file is another pod.
                        "mycel.dev/planet-sha256": digest(cluster.scene.text.as_bytes()),
                        "prometheus.io/scrape": "true",
                        "prometheus.io/port": program::PORT.to_string(),
                        "prometheus.io/scheme": if self.tls { "https" } else { "http" },
                    },
                },
                "spec": self.spec(cluster),
            },
            "volumeClaimTemplates": [{
                // What is said here can never be changed, so nothing that changes is.
                "metadata": { "name": "data", "labels": selector },
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": { "requests": { "storage": self.disk } },
                },
            }],
        });
        if let Some(replicas) = replicas {
            spec["replicas"] = json!(replicas);
        }
        cluster.object(("apps/v1", "StatefulSet"), self.component, self.component, json!({ "spec": spec }))
    }

    /// With the tiers that it stands in, by which flows find it.
    fn labels(&self, cluster: &Cluster<'_>) -> Value {
        let mut labels = cluster.labels(self.component);
        for tier in cluster.tiers(self.component) {
            labels[super::network::tier_label(tier)] = json!("yes");
        }
        labels
    }

    fn spec(&self, cluster: &Cluster<'_>) -> Value {
        json!({
            "serviceAccountName": self.component,
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
                "labelSelector": { "matchLabels": cluster.selector(self.component) },
            }],
            "initContainers": [self.copy()],
            "containers": [self.container(cluster)],
            "volumes": self.volumes(),
        })
    }

    fn copy(&self) -> Value {
        let mut names =
            vec![json!({ "name": "HOME_DIR", "value": program::HOME }), json!({ "name": "KEYS_DIR", "value": KEYS })];
        names.extend(self.number());
        // The number stands before whoever uses it.
        names.push(json!({ "name": "OWN", "value": self.own }));
        json!({
            "name": "keys",
            "image": COPY,
            "imagePullPolicy": "Always",
            "command": ["sh", "-c", COPY_KEYS],
            "env": names,
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

    /// Which of its set a pod is, where that matters.
    fn number(&self) -> Option<Value> {
        let field = json!({ "fieldRef": { "fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']" } });
        (!self.own.is_empty()).then(|| json!({ "name": program::NUMBER, "valueFrom": field }))
    }

    fn container(&self, cluster: &Cluster<'_>) -> Value {
        let mut mounts = vec![
            json!({ "name": "planet", "mountPath": program::PLANET, "subPath": "planet.toml", "readOnly": true }),
            json!({ "name": "data", "mountPath": program::DISK }),
        ];
        if self.tls {
            mounts.push(json!({ "name": "tls", "mountPath": "/etc/mycel/tls", "readOnly": true }));
        }
        let (first, scheme) = (self.ports.first().map(|(name, _)| *name), if self.tls { "HTTPS" } else { "HTTP" });
        let probe = |path: &str, every: u64, failures: u64| {
            json!({
                "httpGet": { "path": path, "port": first, "scheme": scheme },
                "periodSeconds": every, "timeoutSeconds": 3, "failureThreshold": failures,
            })
        };
        let port = |(name, port): &Port| json!({ "name": name, "containerPort": port, "protocol": "TCP" });
        let mut container = json!({
            "name": self.component,
            "image": cluster.scene.image,
            "imagePullPolicy": "Always",
            "command": ["mycel"],
            "args": self.args,
            "ports": self.ports.iter().map(port).collect::<Vec<_>>(),
            "startupProbe": probe("/health", 5, program::STARTS_SECONDS / 5),
            "livenessProbe": probe("/health", 10, 3),
            "readinessProbe": probe("/ready", 5, 2),
            "resources": self.resources,
            "securityContext": confined(),
            "volumeMounts": mounts,
        });
        if let Some(number) = self.number() {
            container["env"] = json!([number]);
        }
        container
    }

    fn volumes(&self) -> Vec<Value> {
        let mut volumes = vec![
            json!({ "name": "planet", "configMap": { "name": "planet" } }),
            json!({ "name": "keys", "secret": { "secretName": self.secret } }),
        ];
        if self.tls {
            volumes.push(json!({ "name": "tls", "secret": { "secretName": "mycel-tls" } }));
        }
        volumes
    }
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

/// A pod's own account, with nothing that it could show Kubernetes.
pub(super) fn account(cluster: &Cluster<'_>, component: &str) -> Value {
    let more = json!({ "automountServiceAccountToken": false });
    cluster.object(("v1", "ServiceAccount"), component, component, more)
}

/// Gives pods their names.
pub(super) fn headless(cluster: &Cluster<'_>, component: &str, ports: &[Port]) -> Value {
    let port = |(name, port): &Port| json!({ "name": name, "port": port, "targetPort": name, "protocol": "TCP" });
    let ports: Vec<Value> = ports.iter().map(port).collect();
    let spec = json!({ "clusterIP": "None", "selector": cluster.selector(component), "ports": ports });
    cluster.object(("v1", "Service"), component, component, json!({ "spec": spec }))
}

/// Where agents come. It balances connections and not requests: what an agent
/// has proved holds for its connection, and a proxy that shared connections
/// would share that as well.
pub(super) fn agents(cluster: &Cluster<'_>) -> Value {
    let port =
        |port: u16| json!({ "name": format!("p{port}"), "port": port, "targetPort": "agents", "protocol": "TCP" });
    let mut spec = json!({ "type": "ClusterIP", "selector": cluster.selector(cluster.door()) });
    if cluster.is_public() {
        spec["type"] = json!("LoadBalancer");
        // Bans and limits are by address: the agent's own has to arrive.
        spec["externalTrafficPolicy"] = json!("Local");
        spec["ports"] = cluster.flows.entry.iter().copied().map(port).collect();
    } else {
        spec["ports"] = json!([port(program::PORT)]);
    }
    cluster.object(("v1", "Service"), "agents", cluster.door(), json!({ "spec": spec }))
}

/// Nodes may be emptied, one at a time.
pub(super) fn budget(cluster: &Cluster<'_>, component: &str) -> Value {
    let spec = json!({ "maxUnavailable": 1, "selector": { "matchLabels": cluster.selector(component) } });
    cluster.object(("policy/v1", "PodDisruptionBudget"), component, component, json!({ "spec": spec }))
}

pub(super) fn mebibytes(bytes: u64) -> String {
    format!("{}Mi", bytes.div_ceil(1 << 20))
}
