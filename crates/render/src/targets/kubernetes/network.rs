//! Who may reach whom in a namespace: nobody, then the planet's flows one by
//! one, then what the program itself needs.
//!
//! Policies add up, and each flow is one policy at either of its ends, so that
//! one who reads them finds the planet's own list again. A flow from the
//! Internet names the port of a Service; behind it the program listens at its own
//! port, which is open as well.

use super::Cluster;
use crate::flows::{End, Way};
use crate::program;
use serde_json::{Value, json};
use vocab::Net4;

/// What is not the Internet: private networks, those of carriers, and the
/// addresses of one link, where clouds keep their credentials.
const PRIVATE4: &[&str] = &["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"];
const PRIVATE6: &[&str] = &["fc00::/7", "fe80::/10"];

/// The label of pods that stand in a tier. A name is also a label's.
pub(super) fn tier_label(tier: &str) -> String {
    format!("tier.mycel.dev/{tier}")
}

pub(super) fn objects(cluster: &Cluster<'_>) -> Vec<Value> {
    let both = [("Ingress", None), ("Egress", None)];
    let mut objects = vec![policy(cluster, ("deny", "nothing that is not listed"), None, &both)];
    for (number, way) in (1..).zip(&cluster.flows.ways) {
        objects.extend(into(cluster, number, way));
        objects.extend(out_of(cluster, number, way));
    }
    objects.push(measured(cluster));
    if !cluster.is_public() {
        objects.extend(inside(cluster));
    }
    objects
}

/// A policy for the pods with some labels, or for all, in one or both directions.
fn policy(
    cluster: &Cluster<'_>,
    (name, words): (&str, &str),
    pods: Option<Value>,
    rules: &[(&str, Option<Value>)],
) -> Value {
    let types: Vec<&str> = rules.iter().map(|(direction, _)| *direction).collect();
    let selector = pods.map_or_else(|| json!({}), |labels| json!({ "matchLabels": labels }));
    let mut spec = json!({ "podSelector": selector, "policyTypes": types });
    for (direction, rule) in rules {
        if let Some(rule) = rule {
            spec[direction.to_lowercase()] = json!([rule]);
        }
    }
    let mut object =
        cluster.object(("networking.k8s.io/v1", "NetworkPolicy"), name, "network", json!({ "spec": spec }));
    object["metadata"]["annotations"] = json!({ "mycel.dev/flow": words });
    object
}

/// A flow at the pods that it goes to.
fn into(cluster: &Cluster<'_>, number: u32, way: &Way<'_>) -> Option<Value> {
    let End::Tier(tier, _) = &way.to else { return None };
    let mut ports = ports(way);
    if let (End::Internet, true, Value::Array(ports)) = (&way.from, way.protocols.contains(&"TCP"), &mut ports) {
        ports.extend(at_the_program());
    }
    let mut from = peers(&way.from);
    if way.from == End::Internet {
        from.extend(cluster.flows.balancers.iter().map(block));
    }
    let rule = json!({ "from": from, "ports": ports });
    let pods = json!({ tier_label(tier): "yes" });
    Some(policy(cluster, (&format!("flow-{number}-in"), &way.words), Some(pods), &[("Ingress", Some(rule))]))
}

/// The same at those that it comes from.
fn out_of(cluster: &Cluster<'_>, number: u32, way: &Way<'_>) -> Option<Value> {
    let End::Tier(tier, _) = &way.from else { return None };
    let rule = json!({ "to": peers(&way.to), "ports": ports(way) });
    let pods = json!({ tier_label(tier): "yes" });
    Some(policy(cluster, (&format!("flow-{number}-out"), &way.words), Some(pods), &[("Egress", Some(rule))]))
}

fn block(net: &Net4) -> Value {
    json!({ "ipBlock": { "cidr": net.to_string() } })
}

fn peers(end: &End<'_>) -> Vec<Value> {
    match end {
        End::Internet => vec![
            json!({ "ipBlock": { "cidr": "0.0.0.0/0", "except": PRIVATE4 } }),
            json!({ "ipBlock": { "cidr": "::/0", "except": PRIVATE6 } }),
        ],
        End::Dns => vec![json!({
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } },
            "podSelector": { "matchLabels": { "k8s-app": "kube-dns" } },
        })],
        End::Tier(tier, nets) => {
            let pods = json!({ "podSelector": { "matchLabels": { tier_label(tier): "yes" } } });
            std::iter::once(pods).chain(nets.iter().map(block)).collect()
        }
    }
}

/// A flow without ports goes to all of them.
fn ports(way: &Way<'_>) -> Value {
    let of = |protocol: &&str| {
        let protocol = (*protocol).to_owned();
        if way.ports.is_empty() {
            return vec![json!({ "protocol": protocol })];
        }
        way.ports.iter().map(|port| json!({ "protocol": protocol, "port": port })).collect()
    };
    way.protocols.iter().flat_map(of).collect()
}

/// What the program listens at.
fn at_the_program() -> [Value; 1] {
    [json!({ "protocol": "TCP", "port": "agents" })]
}

/// Prometheus, wherever in the cluster's namespace for it.
fn measured(cluster: &Cluster<'_>) -> Value {
    let from = json!([{
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "monitoring" } },
        "podSelector": { "matchLabels": { "app.kubernetes.io/name": "prometheus" } },
    }]);
    let rule = json!({ "from": from, "ports": at_the_program() });
    let words = format!("prometheus to the program's metrics at [{}], tcp", program::PORT);
    policy(cluster, ("metrics", &words), Some(cluster.selector("host")), &[("Ingress", Some(rule))])
}

/// Where no flow comes from the Internet, agents are pods beside it: they may
/// send to the program, and it may receive that.
fn inside(cluster: &Cluster<'_>) -> [Value; 2] {
    let words = format!("pods of this namespace to the program at [{}], tcp", program::PORT);
    let rule = json!({ "from": [{ "podSelector": {} }], "ports": at_the_program() });
    let into = policy(cluster, ("agents-in", &words), Some(cluster.selector("host")), &[("Ingress", Some(rule))]);
    let to = json!([{ "podSelector": { "matchLabels": cluster.selector("host") } }]);
    // A number: not every network knows the names of ports at their far side.
    let rule = json!({ "to": to, "ports": [{ "protocol": "TCP", "port": program::PORT }] });
    [into, policy(cluster, ("agents-out", &words), None, &[("Egress", Some(rule))])]
}
