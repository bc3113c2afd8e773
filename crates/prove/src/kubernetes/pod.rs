//! What runs in pods: ports, probes, what is mounted, and how the program is
//! begun. A field that could open a pod, or move its data, and is not known here
//! is told.

use crate::kubernetes::objects::Objects;
use crate::kubernetes::{Labels, Meta};
use crate::ports::Protocol;
use crate::program::{self, Begun};
use crate::read::form::{Fields, Form, shown};
use crate::read::yaml::Node;
use crate::report::{At, Kind};
use crate::secrets;

/// Pods of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    pub(crate) meta: Meta,
    /// The labels of its pods.
    pub(crate) labels: Labels,
    pub(crate) ports: Vec<ContainerPort>,
    /// The program, when it is what runs.
    pub(crate) program: Option<Begun>,
    /// Where the planet file is mounted from.
    pub(crate) mounted: Vec<Mounted>,
    /// How many there are, where that is said.
    pub(crate) replicas: Option<(At, String)>,
}

#[derive(Debug, Clone)]
pub(crate) struct ContainerPort {
    pub(crate) name: Option<String>,
    pub(crate) protocol: Protocol,
    pub(crate) number: u16,
}

/// What a pod needs beside it.
#[derive(Debug, Clone)]
pub(crate) struct Mounted {
    pub(crate) at: At,
    /// `ConfigMap`, `ServiceAccount`, …
    pub(crate) kind: &'static str,
    pub(crate) name: String,
}

const HARMLESS: &[&str] = &[
    "automountServiceAccountToken",
    "enableServiceLinks",
    "imagePullSecrets",
    "priorityClassName",
    "restartPolicy",
    "securityContext",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
];
const JUDGED: &[&str] =
    &["containers", "dnsPolicy", "hostNetwork", "initContainers", "nodeSelector", "serviceAccountName", "volumes"];
const CONTAINER: &[&str] = &[
    "args",
    "command",
    "env",
    "image",
    "imagePullPolicy",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resources",
    "securityContext",
    "startupProbe",
    "volumeMounts",
    "workingDir",
];

impl Workload {
    pub(crate) fn port_named(&self, name: &str, protocol: Protocol) -> Option<u16> {
        let is_it = |port: &&ContainerPort| port.name.as_deref() == Some(name) && port.protocol == protocol;
        self.ports.iter().find(is_it).map(|port| port.number)
    }

    pub(crate) fn has_port(&self, number: u16, protocol: Protocol) -> bool {
        self.ports.iter().any(|port| port.number == number && port.protocol == protocol)
    }

    /// The names of ports, as policies ask for them.
    pub(crate) fn named(&self) -> Vec<(String, Protocol, u16)> {
        let named = |port: &ContainerPort| Some((port.name.clone()?, port.protocol, port.number));
        self.ports.iter().filter_map(named).collect()
    }
}

/// Reads the template of pods; `claims` are the volumes that come with it.
pub(crate) fn read(
    form: &mut Form<'_>,
    objects: &Objects<'_>,
    (meta, labels): (Meta, Labels),
    spec: &Node,
    claims: &[String],
) -> Workload {
    let fields = form.fields(spec, "the pod", &[HARMLESS, JUDGED]);
    let mut workload = Workload { meta, labels, ports: Vec::new(), program: None, mounted: Vec::new(), replicas: None };
    if form.truth(fields.get("hostNetwork"), "hostNetwork") == Some(true) {
        let line = fields.get("hostNetwork").map_or(fields.line, |node| node.line);
        form.fail(Kind::Open, line, "hostNetwork: the pod is its node, and no policy holds it");
    }
    if let Some(policy) = form.text(fields.get("dnsPolicy"), "dnsPolicy").filter(|policy| *policy != "ClusterFirst") {
        let line = fields.get("dnsPolicy").map_or(fields.line, |node| node.line);
        form.lost(line, format!("dnsPolicy `{}`: who answers names is not the cluster's DNS", shown(policy)));
    }
    placed(form, objects, &fields);
    if let Some(name) = form.text(fields.get("serviceAccountName"), "serviceAccountName") {
        let at = form.at(fields.get("serviceAccountName").map_or(0, |node| node.line));
        workload.mounted.push(Mounted { at, kind: "ServiceAccount", name: name.to_owned() });
    }
    let mut known: Vec<String> = claims.to_vec();
    for volume in form.list(fields.get("volumes"), "volumes") {
        known.extend(self::volume(form, volume, &mut workload.mounted));
    }
    for (list, is_main) in [("initContainers", false), ("containers", true)] {
        for node in form.list(fields.get(list), list) {
            container(form, objects, node, &known, &mut workload, is_main);
        }
    }
    workload
}

/// Pods that may only be on some nodes: those of another region keep its data
/// there.
fn placed(form: &mut Form<'_>, objects: &Objects<'_>, fields: &Fields<'_>) {
    for (key, node) in form.pairs(fields.get("nodeSelector"), "nodeSelector") {
        let value = form.text(Some(node), "nodeSelector").unwrap_or_default();
        let place = matches!(key, "topology.kubernetes.io/zone" | "topology.kubernetes.io/region");
        if let (true, Some(region)) = (place, objects.intent.region_of(value)) {
            if region != objects.region {
                let what = format!("the pod and its disk are put into {}, which is of region {region}", shown(value));
                form.fail(Kind::Elsewhere, node.line, what);
            }
        } else if key != "kubernetes.io/os" && key != "kubernetes.io/arch" {
            form.lost(node.line, format!("nodes with `{}: {}`: where they are is not known", shown(key), shown(value)));
        }
    }
}

/// The name of a volume, and what it is of.
fn volume(form: &mut Form<'_>, node: &Node, mounted: &mut Vec<Mounted>) -> Option<String> {
    let fields = form.fields(node, "the volume", &[&["name", "configMap", "secret", "emptyDir"]]);
    if let Some(node) = fields.get("configMap") {
        let map = form.fields(node, "configMap", &[&["name", "items", "defaultMode", "optional"]]);
        if let Some(name) = form.text(map.get("name"), "the ConfigMap's name") {
            mounted.push(Mounted { at: form.at(node.line), kind: "ConfigMap", name: name.to_owned() });
        }
    }
    if let Some(node) = fields.get("secret") {
        form.fields(node, "secret", &[&["secretName", "items", "defaultMode", "optional"]]);
    }
    form.text(fields.get("name"), "the volume's name").map(str::to_owned)
}

fn container(
    form: &mut Form<'_>,
    objects: &Objects<'_>,
    node: &Node,
    volumes: &[String],
    workload: &mut Workload,
    is_main: bool,
) {
    let fields = form.fields(node, "the container", &[CONTAINER]);
    for port in form.list(fields.get("ports"), "ports") {
        workload.ports.extend(self::port(form, port));
    }
    for name in ["startupProbe", "livenessProbe", "readinessProbe"] {
        probe(form, &fields, name, workload);
    }
    for mount in form.list(fields.get("volumeMounts"), "volumeMounts") {
        let known = ["name", "mountPath", "subPath", "readOnly"];
        let mount = form.fields(mount, "the mount", &[&known]);
        if let Some(name) = form.text(mount.get("name"), "the mount's name")
            && !volumes.iter().any(|volume| volume == name)
        {
            form.fail(Kind::Dangling, mount.line, format!("no volume is called `{}`", shown(name)));
        }
    }
    environment(form, &fields);
    confined(form, &fields);
    let words = |form: &mut Form<'_>, name: &str| -> Vec<(u32, String)> {
        let parts = form.list(fields.get(name), name);
        parts.iter().filter_map(|part| Some((part.line, form.text(Some(part), name)?.to_owned()))).collect()
    };
    let (command, args) = (words(form, "command"), words(form, "args"));
    for (line, word) in command.iter().chain(&args) {
        if let Some((_, what)) = secrets::in_text(word) {
            form.fail(Kind::Secret, *line, format!("{what}, on a command line"));
        }
    }
    if is_main && command.first().is_some_and(|(_, word)| word == program::NAME) {
        let line: Vec<_> = command.into_iter().skip(1).chain(args).collect();
        let begun = program::begun(form, objects.intent, Some(objects.region), &line);
        if let Some((port, line)) = begun.as_ref().and_then(|begun| begun.listens)
            && !workload.has_port(port, Protocol::Tcp)
        {
            form.fail(Kind::Stopped, line, format!("the program listens at {port}, and no port of the pod is that"));
        }
        if let Some(begun) = &begun {
            is_for_this_region(form, line.first().map_or(0, |(line, _)| *line), begun);
        }
        workload.program = begun.or(workload.program.take());
    }
}

/// A program that nobody can reach serves nobody; one that names no region keeps
/// the records of all.
fn is_for_this_region(form: &mut Form<'_>, first: u32, begun: &Begun) {
    if begun.only.is_none() {
        let what = "the program is begun without `--only`: it keeps the blocks of every region here";
        form.fail(Kind::Elsewhere, first, what);
    }
    if let Some((_, line)) = begun.listens.filter(|_| begun.is_at_loopback()) {
        form.fail(Kind::Stopped, line, format!("the program listens at {}, where nobody else is", begun.address));
    }
}

fn port(form: &mut Form<'_>, node: &Node) -> Option<ContainerPort> {
    let fields = form.fields(node, "the port", &[&["name", "containerPort", "protocol", "hostPort"]]);
    if let Some(node) = fields.get("hostPort") {
        form.fail(Kind::Open, node.line, "hostPort: every node listens, for whoever reaches it");
    }
    let protocol = form.text(fields.get("protocol"), "protocol").map_or(Some(Protocol::Tcp), Protocol::named);
    if protocol.is_none() {
        form.lost(fields.line, "the protocol is none of TCP, UDP and SCTP");
    }
    let name = form.text(fields.get("name"), "the port's name").map(str::to_owned);
    Some(ContainerPort { name, protocol: protocol?, number: form.port(fields.get("containerPort"), "containerPort")? })
}

/// A probe at a port where nobody listens ends the pod again and again.
fn probe(form: &mut Form<'_>, fields: &Fields<'_>, name: &str, workload: &Workload) {
    const TIMES: &[&str] = &[
        "failureThreshold",
        "initialDelaySeconds",
        "periodSeconds",
        "successThreshold",
        "terminationGracePeriodSeconds",
        "timeoutSeconds",
    ];
    let Some(node) = fields.get(name) else { return };
    let probe = form.fields(node, name, &[TIMES, &["httpGet", "tcpSocket", "exec"]]);
    for how in ["httpGet", "tcpSocket"] {
        let Some(node) = probe.get(how) else { continue };
        let asks = form.fields(node, how, &[&["port", "path", "scheme", "httpHeaders"]]);
        let Some(text) = form.loose(asks.get("port"), "the probe's port") else { continue };
        let is_there = match crate::read::form::plain_port(text) {
            Some(number) => workload.has_port(number, Protocol::Tcp),
            None => workload.port_named(text, Protocol::Tcp).is_some(),
        };
        if !is_there {
            let line = asks.get("port").map_or(asks.line, |node| node.line);
            form.fail(Kind::Dangling, line, format!("{name} asks at `{}`, where nobody listens", shown(text)));
        }
    }
}

/// Settings that are said plainly are no place for a secret.
fn environment(form: &mut Form<'_>, fields: &Fields<'_>) {
    for node in form.list(fields.get("env"), "env") {
        let setting = form.fields(node, "the setting", &[&["name", "value", "valueFrom"]]);
        let name = form.text(setting.get("name"), "the setting's name").unwrap_or_default();
        let Some(value) = form.loose(setting.get("value"), "the setting's value") else { continue };
        if let Some(what) = secrets::setting(name, value) {
            form.fail(Kind::Secret, setting.get("value").map_or(setting.line, |node| node.line), what);
        }
    }
}

/// Whoever may change the network of its pod, or is its node, is held by nothing.
fn confined(form: &mut Form<'_>, fields: &Fields<'_>) {
    const KNOWN: &[&str] = &[
        "allowPrivilegeEscalation",
        "capabilities",
        "privileged",
        "readOnlyRootFilesystem",
        "runAsGroup",
        "runAsNonRoot",
        "runAsUser",
        "seccompProfile",
    ];
    let Some(node) = fields.get("securityContext") else { return };
    let context = form.fields(node, "securityContext", &[KNOWN]);
    if form.truth(context.get("privileged"), "privileged") == Some(true) {
        let line = context.get("privileged").map_or(context.line, |node| node.line);
        form.fail(Kind::Open, line, "privileged: the container is its node, and no policy holds it");
    }
    let Some(node) = context.get("capabilities") else { return };
    let capabilities = form.fields(node, "capabilities", &[&["add", "drop"]]);
    if let Some(word) = form.texts(capabilities.get("add"), "add").first() {
        let line = capabilities.get("add").map_or(capabilities.line, |node| node.line);
        form.fail(Kind::Open, line, format!("capability {}: what the container can do is not known", shown(word)));
    }
}
