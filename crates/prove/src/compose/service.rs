//! One service of Compose: what it runs, what it mounts, whom it could reach.

use crate::compose::read::{Scope, address};
use crate::compose::variables::{Filled, fill};
use crate::compose::{Joined, Project, Role, Service, publish};
use crate::program;
use crate::read::form::{Fields, Form, shown};
use crate::read::yaml::{Node, Value};
use crate::report::Kind;
use crate::secrets;

const HARMLESS: &[&str] = &[
    "cap_drop",
    "container_name",
    "cpus",
    "init",
    "labels",
    "mem_limit",
    "profiles",
    "read_only",
    "restart",
    "security_opt",
    "stop_grace_period",
    "tmpfs",
    "ulimits",
    "user",
    "working_dir",
];
const JUDGED: &[&str] = &[
    "cap_add",
    "command",
    "depends_on",
    "entrypoint",
    "environment",
    "image",
    "network_mode",
    "networks",
    "ports",
    "privileged",
    "volumes",
];

/// The network of services that name none.
const DEFAULT: &str = "default";

pub(crate) fn read(form: &mut Form<'_>, scope: &Scope<'_>, name: &str, node: &Node) -> Service {
    let fields = form.fields(node, "the service", &[HARMLESS, JUDGED]);
    let line_of = |name: &str| fields.get(name).map_or(node.line, |node| node.line);
    if form.truth(fields.get("privileged"), "privileged") == Some(true) {
        form.fail(
            Kind::Open,
            line_of("privileged"),
            "privileged: the container is its machine, and no network holds it",
        );
    }
    if let Some(word) = form.texts(fields.get("cap_add"), "cap_add").first() {
        form.fail(Kind::Open, line_of("cap_add"), format!("capability {}: what it can do is not known", shown(word)));
    }
    environment(form, &fields);
    let after = form.names(fields.get("depends_on"), "depends_on");
    for volume in form.list(fields.get("volumes"), "volumes") {
        mount(form, scope, volume);
    }
    let (role, program) = what_runs(form, scope, &fields);
    let at = form.at(node.line);
    let networks = networks(form, &fields, node.line);
    let published = form.list(fields.get("ports"), "ports");
    let published = published.iter().filter_map(|node| publish::read(form, node, &scope.variables)).collect();
    if let (Some(region), Some(label)) = (scope.region, label(form, &fields, "mycel.dev/region"))
        && label != region
    {
        let what = format!("it says that it is of region {}", shown(&label));
        form.fail(Kind::Elsewhere, line_of("labels"), what);
    }
    Service { at, name: name.to_owned(), after, role, program, networks, published }
}

fn label(form: &mut Form<'_>, fields: &Fields<'_>, name: &str) -> Option<String> {
    let Some(Value::Map(_)) = fields.get("labels").map(|node| &node.value) else { return None };
    let pairs = form.pairs(fields.get("labels"), "labels");
    let found = pairs.into_iter().find(|(key, _)| *key == name)?.1;
    form.text(Some(found), name).map(str::to_owned)
}

/// The words of a command, of which each stands in a line.
fn words(form: &mut Form<'_>, fields: &Fields<'_>, name: &str) -> Vec<(u32, String)> {
    match fields.get(name).map(|node| (node.line, &node.value)) {
        Some((line, Value::Scalar(text, _))) => text.split_whitespace().map(|word| (line, word.to_owned())).collect(),
        _ => {
            let parts = form.list(fields.get(name), name);
            parts.iter().filter_map(|part| Some((part.line, form.text(Some(part), name)?.to_owned()))).collect()
        }
    }
}

fn what_runs(form: &mut Form<'_>, scope: &Scope<'_>, fields: &Fields<'_>) -> (Role, Option<program::Begun>) {
    let (entry, command) = (words(form, fields, "entrypoint"), words(form, fields, "command"));
    let image = form.text(fields.get("image"), "image").unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    let is_image =
        |name: &str| last == name || last.starts_with(&format!("{name}:")) || last.starts_with(&format!("{name}@"));
    let line: Vec<_> = entry.into_iter().chain(command).collect();
    for (at, word) in &line {
        if let Some((_, what)) = secrets::in_text(word) {
            form.fail(Kind::Secret, *at, format!("{what}, on a command line"));
        }
    }
    match line.split_first() {
        Some(((_, first), rest)) if first == program::NAME => {
            if rest.first().is_some_and(|(_, word)| word == "attach") {
                return (Role::Agent, None);
            }
            let begun = program::begun(form, scope.intent, scope.region, rest);
            let is_region = begun.as_ref().is_some_and(|begun| begun.only.is_some() || begun.is_whole);
            (if is_region { Role::Program } else { Role::Router }, begun)
        }
        _ if is_image("prometheus") => (Role::Prometheus, None),
        _ if is_image("grafana") => (Role::Grafana, None),
        _ => (Role::Other, None),
    }
}

fn environment(form: &mut Form<'_>, fields: &Fields<'_>) {
    let Some(node) = fields.get("environment") else { return };
    let mut said = Vec::new();
    match &node.value {
        Value::List(parts) => {
            for part in parts {
                let text = form.loose(Some(part), "the setting").unwrap_or_default();
                let (name, value) = text.split_once('=').unwrap_or((text, ""));
                said.push((part.line, name.to_owned(), value.to_owned()));
            }
        }
        _ => {
            for (name, value) in form.pairs(Some(node), "environment") {
                let text = form.loose(Some(value), "the setting").unwrap_or_default();
                said.push((value.line, name.to_owned(), text.to_owned()));
            }
        }
    }
    for (line, name, value) in said {
        if let Some(what) = secrets::setting(&name, &value) {
            form.fail(Kind::Secret, line, what);
        }
    }
}

/// What is mounted lies beside the file, or is said by an operator.
fn mount(form: &mut Form<'_>, scope: &Scope<'_>, node: &Node) {
    let source = match &node.value {
        Value::Scalar(text, _) => match text.rfind(":/") {
            Some(at) => text.get(..at).unwrap_or_default().to_owned(),
            None => text.clone(),
        },
        _ => {
            let fields = form.fields(node, "the mount", &[&["type", "source", "target", "read_only"]]);
            match form.text(fields.get("type"), "type") {
                Some("bind") => form.text(fields.get("source"), "source").unwrap_or_default().to_owned(),
                Some("tmpfs") => return,
                _ => {
                    form.lost(node.line, "a mount that is neither a file nor memory: where it is is not known");
                    return;
                }
            }
        }
    };
    let source = match fill(&source, &scope.variables) {
        Filled::Asked => return,
        Filled::Unknown(why) => return form.lost(node.line, why),
        Filled::Text(source) => source,
    };
    if source.ends_with("docker.sock") {
        form.fail(Kind::Open, node.line, "whoever has the engine's socket has the machine");
    } else if let Some(name) = source.strip_prefix("./") {
        if !scope.beside.contains(name) {
            form.fail(Kind::Dangling, node.line, format!("there is no file `{}` beside this one", shown(name)));
        }
    } else if let Some(other) =
        source.split('/').find(|part| Some(*part) != scope.region && scope.intent.has_region(part))
    {
        let here = scope.region.unwrap_or("every region");
        form.fail(Kind::Elsewhere, node.line, format!("the data of {here} is kept where region {other} keeps its own"));
    } else {
        form.lost(node.line, format!("`{}` is mounted: where that is is not known", shown(&source)));
    }
}

fn networks(form: &mut Form<'_>, fields: &Fields<'_>, line: u32) -> Vec<Joined> {
    if let Some(node) = fields.get("network_mode") {
        match form.text(Some(node), "network_mode") {
            Some("none") => {}
            Some("host") => form.fail(Kind::Open, node.line, "network_mode host: the container is its machine"),
            other => form.lost(node.line, format!("network_mode `{}`", shown(other.unwrap_or_default()))),
        }
        return Vec::new();
    }
    let Some(node) = fields.get("networks") else {
        return vec![Joined { at: form.at(line), network: DEFAULT.to_owned(), address: None }];
    };
    if let Value::List(parts) = &node.value {
        let join = |part: &Node| {
            let network = form.text(Some(part), "the network")?.to_owned();
            Some(Joined { at: form.at(part.line), network, address: None })
        };
        return parts.iter().filter_map(join).collect();
    }
    let mut joined = Vec::new();
    for (name, node) in form.pairs(Some(node), "networks") {
        let mut own = None;
        if !node.is_null() {
            let fields = form.fields(node, "the network", &[&["ipv4_address", "ipv6_address"]]);
            for family in ["ipv4_address", "ipv6_address"] {
                let Some(text) = form.loose(fields.get(family), family) else { continue };
                own = address(text);
                if own.is_none() {
                    form.lost(node.line, format!("`{}` is no address", shown(text)));
                }
            }
        }
        joined.push(Joined { at: form.at(node.line), network: name.to_owned(), address: own });
    }
    joined
}

/// Networks that are joined are there, and each address is one of its network's
/// and of one service alone.
pub(crate) fn joined(form: &mut Form<'_>, project: &Project) {
    for (line, name) in project.services.iter().flat_map(|service| &service.after) {
        if !project.services.iter().any(|service| service.name == *name) {
            form.fail(Kind::Dangling, *line, format!("there is no service `{}`", shown(name)));
        }
    }
    let mut taken: Vec<(&str, crate::atoms::Range)> = Vec::new();
    for joined in project.services.iter().flat_map(|service| &service.networks) {
        let line = joined.at.line;
        let Some(network) = project.network(&joined.network) else {
            if joined.network != DEFAULT {
                form.fail(Kind::Dangling, line, format!("there is no network `{}`", shown(&joined.network)));
            }
            continue;
        };
        let Some(address) = joined.address else { continue };
        let subnet = network.subnets.iter().find(|(subnet, _)| subnet.contains(address));
        let edge = |subnet: &crate::atoms::Range| {
            subnet.first == address.first || (!subnet.six && subnet.last == address.last)
        };
        match subnet {
            None => form.fail(Kind::Stopped, line, format!("{address} is no address of network {}", network.name)),
            Some((_, Some(gateway))) if *gateway == address => {
                form.fail(Kind::Stopped, line, format!("{address} is the gateway's"));
            }
            Some((subnet, _)) if edge(subnet) => {
                form.fail(Kind::Stopped, line, format!("{address} is no host's: it is the edge of the network"));
            }
            Some(_) if taken.contains(&(network.name.as_str(), address)) => {
                form.fail(Kind::Stopped, line, format!("two services have {address}"));
            }
            Some(_) => taken.push((&network.name, address)),
        }
    }
}
