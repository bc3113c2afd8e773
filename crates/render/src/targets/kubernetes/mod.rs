//! Kubernetes: a cluster for each region, and in it a namespace of the planet's
//! name, with one file for each kind of thing, numbered in the order in which
//! `kubectl apply -f` has to take them.
//!
//! Objects are trees of JSON, and a strict validator of Kubernetes' own schemas
//! reads them in a test. No file holds a secret: keys and certificates come from
//! Secrets that an operator makes of what `mycel trust init` made. Why there is
//! no Ingress, and one pod for a host: docs/decisions/0040-render.md.

mod gateway;
mod host;
mod network;
mod pod;

use super::{Scope, Target, no_gateways, one_process, own_host};
use crate::flows::Flows;
use crate::program::{self, Apart};
use crate::{Place, Refused, Scene, Tree, name, yaml};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) static TARGET: Target =
    Target { name: "kubernetes", help: "each region in a cluster of its own", scope: Scope::Region(render) };

/// What every object of a region is made from.
struct Cluster<'a> {
    scene: &'a Scene<'a>,
    place: &'a Place<'a>,
    namespace: &'a str,
    flows: Flows<'a>,
}

impl Cluster<'_> {
    /// Whether the Internet reaches it: then with TLS.
    fn is_public(&self) -> bool {
        !self.flows.entry.is_empty()
    }

    /// Where gateways come to the host, when they run apart from it: at the port
    /// of the planet's own flow between the two, where it names one.
    fn apart(&self) -> Option<Apart<'_>> {
        let port = self.flows.behind.and_then(|(_, port)| port).unwrap_or(program::NODES);
        self.scene.office.map(|office| Apart { port, office })
    }

    /// Whether the planet has a flow between gateways and hosts.
    fn has_inner_flow(&self) -> bool {
        self.flows.behind.is_some_and(|(_, port)| port.is_some())
    }

    /// Where agents come.
    fn door(&self) -> &'static str {
        if self.scene.office.is_some() { "gateway" } else { "host" }
    }

    /// The tiers that a component stands in.
    fn tiers(&self, component: &str) -> BTreeSet<&str> {
        let has_gateways = self.scene.office.is_some();
        if component == "gateway" { self.flows.front.clone() } else { self.flows.of_hosts(has_gateways) }
    }

    /// The labels that never change, by which objects find each other.
    fn selector(&self, component: &str) -> Value {
        json!({
            "app.kubernetes.io/name": "mycel",
            "app.kubernetes.io/component": component,
            "app.kubernetes.io/instance": self.namespace,
        })
    }

    fn labels(&self, component: &str) -> Value {
        let mut labels = self.selector(component);
        labels["app.kubernetes.io/part-of"] = json!(self.namespace);
        labels["app.kubernetes.io/version"] = json!(self.scene.version);
        labels["app.kubernetes.io/managed-by"] = json!("mycel-render");
        labels["mycel.dev/planet"] = json!(self.scene.name());
        labels["mycel.dev/region"] = json!(self.place.id());
        labels
    }

    /// An object of the namespace.
    fn object(&self, (version, kind): (&str, &str), name: &str, component: &str, more: Value) -> Value {
        let mut object = json!({
            "apiVersion": version,
            "kind": kind,
            "metadata": { "name": name, "namespace": self.namespace, "labels": self.labels(component) },
        });
        if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
            object.extend(more);
        }
        object
    }

    /// With a comment that says whose it is.
    fn file(&self, what: &str, objects: &[Value]) -> Result<String, Refused> {
        let whose = format!("Region {} of planet {}: {what}", self.place.id(), self.scene.name());
        yaml::file(&[whose, "`mycel render` wrote this; docs/guides/deploy.md says how it is run.".to_owned()], objects)
    }
}

fn render(scene: &Scene<'_>, place: &Place<'_>, tree: &mut Tree) -> Result<(), Refused> {
    let namespace = name::namespace(&scene.planet.planet.name)?;
    let cluster = Cluster { scene, place, namespace, flows: Flows::new(scene.planet, place) };
    tree.add("1-namespace.yaml", cluster.file("its namespace.", &[space(&cluster)])?);
    tree.add("2-config.yaml", cluster.file("the planet file.", &[config(&cluster)])?);
    tree.add(
        "3-network.yaml",
        cluster.file("who may reach whom; everything else is denied.", &network::objects(&cluster))?,
    );
    tree.add("4-host.yaml", cluster.file("the host of its blocks.", &host::objects(&cluster))?);
    if let Some(apart) = cluster.apart() {
        let (objects, note) = gateway::objects(&cluster, apart);
        tree.add("5-gateway.yaml", cluster.file("the gateways in front of it.", &objects)?);
        note.into_iter().for_each(|note| tree.note(note));
        own_host(place, tree);
    } else {
        no_gateways(tree);
    }
    one_process(place, tree);
    Ok(())
}

/// Pods in it can do nothing that the strictest standard forbids.
fn space(cluster: &Cluster<'_>) -> Value {
    let mut labels = cluster.labels("namespace");
    for mode in ["enforce", "audit", "warn"] {
        labels[format!("pod-security.kubernetes.io/{mode}")] = json!("restricted");
    }
    let annotations = json!({ "mycel.dev/region-name": cluster.place.plan.name });
    let metadata = json!({ "name": cluster.namespace, "labels": labels, "annotations": annotations });
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata })
}

fn config(cluster: &Cluster<'_>) -> Value {
    cluster.object(("v1", "ConfigMap"), "planet", "planet", json!({ "data": { "planet.toml": cluster.scene.text } }))
}
