//! The objects of one region, each kind with what is known of it. An object of
//! another kind is told: nobody here could say what it opens.

use crate::Intent;
use crate::kubernetes::hosts;
use crate::kubernetes::pod::{self, Workload};
use crate::kubernetes::policy::{self, Policy, Port};
use crate::kubernetes::selector::{OWN_NAME, Selector};
use crate::kubernetes::service::{self, Service};
use crate::kubernetes::{Labels, Meta};
use crate::read::form::{Fields, Form, shown};
use crate::read::yaml::{self, Node};
use crate::report::{At, Failure, Kind, Layer};
use crate::secrets;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What stands in the files of one region.
pub(crate) struct Objects<'i> {
    pub(crate) intent: &'i Intent<'i>,
    pub(crate) region: &'i str,
    pub(crate) spaces: BTreeMap<String, (At, Labels)>,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) services: Vec<Service>,
    /// What others refer to: kind, namespace and name.
    known: BTreeSet<(String, String, String)>,
    /// Selectors of objects that open nothing, and services that are named.
    asked: Vec<(At, String, String, Asked)>,
}

enum Asked {
    Pods(Selector),
    Service,
}

/// Reads every file.
pub(crate) fn read<'i>(
    intent: &'i Intent<'i>,
    region: &'i str,
    files: &[(Arc<str>, &[u8])],
    failures: &mut Vec<Failure>,
) -> Objects<'i> {
    let mut objects = Objects {
        intent,
        region,
        spaces: BTreeMap::new(),
        workloads: Vec::new(),
        policies: Vec::new(),
        services: Vec::new(),
        known: BTreeSet::new(),
        asked: Vec::new(),
    };
    for (file, bytes) in files {
        match yaml::documents(bytes) {
            Ok(documents) => documents.iter().for_each(|document| objects.read(file, document, failures)),
            Err(why) => Form::new(file, Layer::File, failures).lost(why.line, why.what),
        }
    }
    objects.check(failures);
    objects
}

const TOP: &[&str] = &["apiVersion", "kind", "metadata"];

impl Objects<'_> {
    fn read(&mut self, file: &Arc<str>, document: &Node, failures: &mut Vec<Failure>) {
        let mut form = Form::new(file, Layer::File, failures);
        let pairs = form.pairs(Some(document), "the object");
        let field = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, node)| *node);
        let version = form.text(field("apiVersion"), "apiVersion").unwrap_or_default();
        let kind = form.text(field("kind"), "kind").unwrap_or_default();
        let (layer, body): (Layer, &[&str]) = match (version, kind) {
            ("networking.k8s.io/v1", "NetworkPolicy") => (Layer::NetworkPolicy, &["spec"]),
            ("v1", "Service") => (Layer::Service, &["spec"]),
            ("v1", "ConfigMap") => (Layer::Settings, &["data", "binaryData", "immutable"]),
            ("v1", "Namespace" | "ServiceAccount") => (Layer::Pod, &["automountServiceAccountToken"]),
            ("policy/v1", "PodDisruptionBudget")
            | ("apps/v1", "StatefulSet" | "Deployment" | "DaemonSet")
            | ("v1", "Pod") => (Layer::Pod, &["spec"]),
            ("v1", "Secret") => {
                form.fail(Kind::Secret, document.line, "a Secret in a file: whoever reads the file has it");
                return;
            }
            _ => {
                let what = format!("objects `{}` of `{}` are not understood", shown(kind), shown(version));
                form.lost(document.line, what);
                return;
            }
        };
        let mut form = Form::new(file, layer, failures);
        let fields = form.fields(document, kind, &[TOP, body]);
        let meta = meta(&mut form, document, &fields, kind);
        let id = (kind.to_owned(), meta.namespace.clone(), meta.name.clone());
        if !self.known.insert(id) {
            form.lost(document.line, format!("{kind} `{}` is there twice", shown(&meta.name)));
        }
        self.object(&mut form, meta, &fields);
    }

    fn object(&mut self, form: &mut Form<'_>, meta: Meta, fields: &Fields<'_>) {
        let spec = fields.get("spec");
        match (meta.kind.as_str(), spec) {
            ("Namespace", _) => {
                let mut labels = meta.labels;
                labels.insert(OWN_NAME.to_owned(), meta.name.clone());
                self.spaces.insert(meta.name, (meta.at, labels));
            }
            ("ServiceAccount", _) => {}
            ("ConfigMap", _) => self.settings(form, fields),
            (_, None) => form.lost(fields.line, format!("{} without a spec", meta.kind)),
            ("NetworkPolicy", Some(spec)) => self.policies.push(policy::read(form, meta, spec)),
            ("Service", Some(spec)) => self.services.push(service::read(form, meta, spec)),
            ("PodDisruptionBudget", Some(spec)) => {
                let known = ["maxUnavailable", "minAvailable", "selector", "unhealthyPodEvictionPolicy"];
                let spec = form.fields(spec, "the budget", &[&known]);
                if let Some(node) = spec.get("selector") {
                    let selector = Selector::read(form, node, "selector");
                    self.asked.push((form.at(node.line), meta.namespace, meta.kind, Asked::Pods(selector)));
                }
            }
            ("Pod", Some(spec)) => {
                let labels = meta.labels.clone();
                let workload = pod::read(form, self, (meta, labels), spec, &[]);
                self.workloads.push(workload);
            }
            (_, Some(spec)) => self.set(form, meta, spec),
        }
    }

    /// Whatever keeps pods of one template.
    fn set(&mut self, form: &mut Form<'_>, meta: Meta, spec: &Node) {
        let common = ["minReadySeconds", "revisionHistoryLimit", "selector", "template"];
        let own: &[&str] = match meta.kind.as_str() {
            "StatefulSet" => &[
                "persistentVolumeClaimRetentionPolicy",
                "podManagementPolicy",
                "replicas",
                "serviceName",
                "updateStrategy",
                "volumeClaimTemplates",
            ],
            "Deployment" => &["progressDeadlineSeconds", "replicas", "strategy"],
            _ => &["updateStrategy"],
        };
        let fields = form.fields(spec, &meta.kind, &[&common, own]);
        let selector = fields.get("selector").map(|node| (node.line, Selector::read(form, node, "selector")));
        if let Some(name) = form.text(fields.get("serviceName"), "serviceName") {
            let at = form.at(fields.get("serviceName").map_or(fields.line, |node| node.line));
            self.asked.push((at, meta.namespace.clone(), name.to_owned(), Asked::Service));
        }
        let claims = form.list(fields.get("volumeClaimTemplates"), "volumeClaimTemplates");
        let claims: Vec<String> = claims.iter().filter_map(|node| claim(form, node)).collect();
        let Some(template) = fields.get("template") else {
            form.lost(fields.line, format!("{} without a template", meta.kind));
            return;
        };
        let template = form.fields(template, "the template", &[&["metadata", "spec"]]);
        let described = template.get("metadata");
        let described = described.map(|node| form.fields(node, "the metadata", &[&["labels", "annotations"]]));
        let labels = described.map(|fields| form.labels(fields.get("labels"), "labels")).unwrap_or_default();
        match &selector {
            Some((_, selector)) if selector.matches(&labels) => {}
            Some((line, _)) => form.fail(Kind::Dangling, *line, "it does not select the pods of its own template"),
            None => form.lost(fields.line, format!("{} without a selector", meta.kind)),
        }
        let Some(spec) = template.get("spec") else {
            form.lost(template.line, "a template without a spec");
            return;
        };
        let mut workload = pod::read(form, self, (meta, labels), spec, &claims);
        workload.replicas = fields.get("replicas").map(|node| {
            let many = form.loose(Some(node), "replicas").unwrap_or_default().to_owned();
            (form.at(node.line), many)
        });
        self.workloads.push(workload);
    }

    /// Everybody in the cluster may read a ConfigMap, so it holds no secret; and
    /// the planet file in it is the one that is proved.
    fn settings(&self, form: &mut Form<'_>, fields: &Fields<'_>) {
        for (name, node) in form.pairs(fields.get("data"), "data") {
            let Some(text) = form.loose(Some(node), "the setting") else { continue };
            if let Some((line, what)) = secrets::in_text(text) {
                form.fail(Kind::Secret, node.line.saturating_add(line), format!("{what}, in a ConfigMap"));
            } else if let Some(what) = secrets::setting(name, text).filter(|_| !text.contains('\n')) {
                form.fail(Kind::Secret, node.line, format!("{what}, in a ConfigMap"));
            }
            if name == "planet.toml"
                && let Some(line) = self.intent.differs(text)
            {
                let what = "the planet file that is deployed is another one than the one that is proved";
                form.fail(Kind::Elsewhere, node.line.saturating_add(line), what);
            }
        }
        if let Some(node) = fields.get("binaryData") {
            form.lost(node.line, "binary data, in which there may be anything");
        }
    }

    /// What refers to something, and whether that is there.
    fn check(&self, failures: &mut Vec<Failure>) {
        hosts::check(self, failures);
        self.names_of_ports(failures);
        let dangling = |at: &At, layer: Layer, what: String| Failure::new(Kind::Dangling, layer, at.clone(), what);
        for workload in &self.workloads {
            for mounted in &workload.mounted {
                let id = (mounted.kind.to_owned(), workload.meta.namespace.clone(), mounted.name.clone());
                if !self.known.contains(&id) {
                    let what = format!("there is no {} `{}`", mounted.kind, shown(&mounted.name));
                    failures.push(dangling(&mounted.at, Layer::Pod, what));
                }
            }
        }
        for (at, namespace, name, asked) in &self.asked {
            match asked {
                Asked::Pods(selector) if self.selected(namespace, selector).next().is_none() => {
                    failures.push(dangling(at, Layer::Pod, format!("{name}: its selector selects nothing")));
                }
                Asked::Service if !self.services.iter().any(|service| service.meta.name == *name) => {
                    failures.push(dangling(at, Layer::Pod, format!("there is no Service `{}`", shown(name))));
                }
                _ => {}
            }
        }
        let metas = self.policies.iter().map(|policy| &policy.meta).chain(self.services.iter().map(|one| &one.meta));
        for meta in metas.chain(self.workloads.iter().map(|workload| &workload.meta)) {
            if !self.spaces.contains_key(&meta.namespace) {
                let what = format!(
                    "{} `{}`: there is no namespace `{}`",
                    meta.kind,
                    shown(&meta.name),
                    shown(&meta.namespace)
                );
                failures.push(dangling(&meta.at, Layer::Pod, what));
            }
        }
    }

    /// A port that has a name is that of some pod: where none of the files has it,
    /// nobody can tell what is opened.
    fn names_of_ports(&self, failures: &mut Vec<Failure>) {
        for policy in &self.policies {
            let own: Vec<&Workload> = self.selected(&policy.meta.namespace, &policy.pods).collect();
            let all: Vec<&Workload> = self.workloads.iter().collect();
            let ends = [(policy.ingress.as_ref(), own), (policy.egress.as_ref(), all)];
            let rules = ends
                .iter()
                .flat_map(|(rules, pods)| rules.iter().flat_map(|rules| *rules).map(move |rule| (rule, pods)));
            for (rule, pods) in rules {
                for (protocol, port) in &rule.ports {
                    let Port::Named(name) = port else { continue };
                    if !pods.iter().any(|pod| pod.port_named(name, *protocol).is_some()) {
                        let what = format!("no pod of these files has a port `{}` there", shown(name));
                        failures.push(Failure::new(Kind::Dangling, Layer::NetworkPolicy, rule.at.clone(), what));
                    }
                }
            }
        }
    }

    /// The workloads of a namespace that a selector selects.
    pub(crate) fn selected(&self, namespace: &str, selector: &Selector) -> impl Iterator<Item = &Workload> {
        let is_it = move |one: &&Workload| one.meta.namespace == namespace && selector.matches(&one.labels);
        self.workloads.iter().filter(is_it)
    }

    /// The labels of a namespace; of one that is in no file, its name alone.
    pub(crate) fn labels_of(&self, namespace: &str) -> Labels {
        let name = || Labels::from([(OWN_NAME.to_owned(), namespace.to_owned())]);
        self.spaces.get(namespace).map_or_else(name, |(_, labels)| labels.clone())
    }
}

fn meta(form: &mut Form<'_>, document: &Node, fields: &Fields<'_>, kind: &str) -> Meta {
    let known = ["annotations", "labels", "name", "namespace"];
    let metadata = fields.get("metadata").map(|node| form.fields(node, "the metadata", &[&known]));
    let said = |form: &mut Form<'_>, name: &str| {
        let node = metadata.as_ref().and_then(|metadata| metadata.get(name));
        form.text(node, name).map(str::to_owned)
    };
    let (name, namespace) = (said(form, "name"), said(form, "namespace"));
    if name.is_none() {
        form.lost(document.line, format!("{kind} without a name"));
    }
    let labels = metadata.as_ref().and_then(|metadata| metadata.get("labels"));
    Meta {
        at: form.at(document.line),
        kind: kind.to_owned(),
        name: name.unwrap_or_default(),
        namespace: namespace.unwrap_or_else(|| if kind == "Namespace" { String::new() } else { "default".to_owned() }),
        labels: form.labels(labels, "labels"),
    }
}

/// A disk that comes with each pod: never another one's.
fn claim(form: &mut Form<'_>, node: &Node) -> Option<String> {
    let fields = form.fields(node, "the claim", &[TOP, &["spec"]]);
    let metadata = fields.get("metadata").map(|node| form.fields(node, "the metadata", &[&["name", "labels"]]));
    if let Some(node) = fields.get("spec") {
        form.fields(node, "the claim", &[&["accessModes", "resources", "volumeMode"]]);
    }
    form.text(metadata.as_ref()?.get("name"), "the claim's name").map(str::to_owned)
}
