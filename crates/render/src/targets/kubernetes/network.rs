//! Who may reach whom in a namespace: nobody, then the planet's flows one by
//! one, then what the program itself needs.
//!
//! Policies add up, and each flow is one policy at either of its ends, so that
//! one who reads them finds the planet's own list again. A flow from the
//! Internet names the port of a Service; behind it the program listens at its own
//! port, which is open as well.

use super::Cluster;
use crate::flows::{End, Way};
use crate::program::{self, Apart};
use serde_json::{Value, json};
use std::net::IpAddr;
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
    objects.push(measured(cluster, "host"));
    if let Some(apart) = cluster.apart() {
        objects.push(measured(cluster, "gateway"));
        objects.extend(between(cluster, apart));
        objects.push(office(cluster, apart));
        objects.extend(["gateway", "host"].into_iter().filter_map(|component| names(cluster, component)));
    }
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
fn measured(cluster: &Cluster<'_>, component: &str) -> Value {
    let from = json!([{
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "monitoring" } },
        "podSelector": { "matchLabels": { "app.kubernetes.io/name": "prometheus" } },
    }]);
    let rule = json!({ "from": from, "ports": at_the_program() });
    let words = format!("prometheus to the program's metrics at [{}], tcp", program::PORT);
    let name = if component == "host" { "metrics".to_owned() } else { format!("metrics-{component}") };
    policy(cluster, (&name, &words), Some(cluster.selector(component)), &[("Ingress", Some(rule))])
}

/// Gateways to the host, where no flow of the planet is that already.
fn between(cluster: &Cluster<'_>, apart: Apart<'_>) -> Vec<Value> {
    if cluster.has_inner_flow() {
        return Vec::new();
    }
    let words = format!("gateways to the host at [{}], tcp", apart.port);
    let ports = json!([{ "protocol": "TCP", "port": apart.port }]);
    let pods = |component: &str| json!([{ "podSelector": { "matchLabels": cluster.selector(component) } }]);
    let into = json!({ "from": pods("gateway"), "ports": ports });
    let out = json!({ "to": pods("host"), "ports": ports });
    vec![
        policy(cluster, ("nodes-in", &words), Some(cluster.selector("host")), &[("Ingress", Some(into))]),
        policy(cluster, ("nodes-out", &words), Some(cluster.selector("gateway")), &[("Egress", Some(out))]),
    ]
}

/// The program to the CA's office: at its address, or at its port wherever the
/// name of it leads, since a policy knows no names.
fn office(cluster: &Cluster<'_>, apart: Apart<'_>) -> Value {
    let (host, port) = apart.office.rsplit_once(':').unwrap_or((apart.office, ""));
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let nets = match address {
        Ok(IpAddr::V4(address)) => vec![format!("{address}/32")],
        Ok(IpAddr::V6(address)) => vec![format!("{address}/128")],
        Err(_) => vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()],
    };
    let to: Vec<Value> = nets.into_iter().map(|net| json!({ "ipBlock": { "cidr": net } })).collect();
    let rule = json!({ "to": to, "ports": [{ "protocol": "TCP", "port": port.parse::<u16>().unwrap_or_default() }] });
    let words = format!("the program to the CA's office at {}, tcp", apart.office);
    let mut pods = cluster.selector("host");
    if let Value::Object(labels) = &mut pods {
        labels.remove("app.kubernetes.io/component");
    }
    policy(cluster, ("office", &words), Some(pods), &[("Egress", Some(rule))])
}

/// Names, where no flow lets a component ask for them: the host's, and the
/// office's.
fn names(cluster: &Cluster<'_>, component: &str) -> Option<Value> {
    if cluster.flows.have_names(&cluster.tiers(component)) {
        return None;
    }
    let ports = json!([{ "protocol": "UDP", "port": 53 }, { "protocol": "TCP", "port": 53 }]);
    let rule = json!({ "to": peers(&End::Dns), "ports": ports });
    let (name, words) = (format!("names-{component}"), "the program to dns at [53], any");
    Some(policy(cluster, (&name, words), Some(cluster.selector(component)), &[("Egress", Some(rule))]))
}

/// Where no flow comes from the Internet, agents are pods beside it: they may
/// send to the program, and it may receive that.
fn inside(cluster: &Cluster<'_>) -> [Value; 2] {
    let words = format!("pods of this namespace to the program at [{}], tcp", program::PORT);
    let rule = json!({ "from": [{ "podSelector": {} }], "ports": at_the_program() });
    let into =
        policy(cluster, ("agents-in", &words), Some(cluster.selector(cluster.door())), &[("Ingress", Some(rule))]);
    let to = json!([{ "podSelector": { "matchLabels": cluster.selector(cluster.door()) } }]);
    // A number: not every network knows the names of ports at their far side.
    let rule = json!({ "to": to, "ports": [{ "protocol": "TCP", "port": program::PORT }] });
    [into, policy(cluster, ("agents-out", &words), None, &[("Egress", Some(rule))])]
}
