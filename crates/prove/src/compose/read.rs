//! A scope's files into a project.

use crate::Intent;
use crate::atoms::Range;
use crate::compose::variables::Variables;
use crate::compose::{Network, Project, beside, service};
use crate::read::form::{Form, shown};
use crate::read::yaml::{self, Node};
use crate::report::{Failure, Kind, Layer};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Services, networks, and what services join and open, of one file each. Pairs of
/// them are compared.
const MOST: usize = 1_000;

/// What the readers of a scope's files share.
pub(crate) struct Scope<'s> {
    pub(crate) intent: &'s Intent<'s>,
    /// The region, when the files are of one.
    pub(crate) region: Option<&'s str>,
    pub(crate) variables: Variables,
    /// The names of files that lie beside.
    pub(crate) beside: BTreeSet<&'s str>,
}

/// Reads all of it.
pub(crate) fn read(
    intent: &Intent<'_>,
    (folder, region): (&str, Option<&str>),
    files: &[(Arc<str>, &[u8])],
    failures: &mut Vec<Failure>,
) -> Project {
    let name_of = |file: &Arc<str>| file.get(folder.len() + 1..).unwrap_or_default().to_owned();
    let names: Vec<String> = files.iter().map(|(file, _)| name_of(file)).collect();
    let mut project = Project::default();
    let mut scope =
        Scope { intent, region, variables: Variables::new(), beside: names.iter().map(String::as_str).collect() };
    let mut compose = None;
    for ((file, bytes), name) in files.iter().zip(&names) {
        match name.as_str() {
            ".env" => scope.variables = beside::variables(file, bytes, failures),
            "compose.yaml" => compose = Some((file, bytes)),
            "planet.toml" => beside::planet(intent, file, bytes, failures),
            "block.toml" => beside::block(file, bytes, failures),
            "prometheus.yaml" => beside::prometheus(file, bytes, &mut project, failures),
            "grafana.yaml" => beside::grafana(file, bytes, &mut project, failures),
            _ => Form::new(file, Layer::File, failures).lost(0, "nothing here understands this file"),
        }
    }
    match compose {
        Some((file, bytes)) => match yaml::documents(bytes) {
            Ok(documents) if documents.len() == 1 => {
                documents.iter().for_each(|one| all(&scope, file, one, &mut project, failures));
            }
            Ok(_) => Form::new(file, Layer::File, failures).lost(1, "a Compose file is one document"),
            Err(why) => Form::new(file, Layer::File, failures).lost(why.line, why.what),
        },
        None => {
            let file: Arc<str> = Arc::from(format!("{folder}/compose.yaml"));
            Form::new(&file, Layer::File, failures).fail(Kind::Dangling, 0, "there is no such file");
        }
    }
    project
}

fn all(scope: &Scope<'_>, file: &Arc<str>, document: &Node, project: &mut Project, failures: &mut Vec<Failure>) {
    let mut form = Form::new(file, Layer::Network, failures);
    let top = form.fields(document, "the file", &[&["services", "networks", "name", "version"]]);
    for (name, node) in form.pairs(top.get("networks"), "networks") {
        project.networks.extend(network(&mut form, name, node));
    }
    if project.networks.len() <= MOST {
        overlapping(&mut form, &project.networks);
    }
    let mut form = Form::new(file, Layer::Container, failures);
    for (name, node) in form.pairs(top.get("services"), "services") {
        let service = service::read(&mut form, scope, name, node);
        project.services.push(service);
    }
    let of = |count: fn(&crate::compose::Service) -> usize| project.services.iter().map(count).sum::<usize>();
    let counts = [
        project.services.len(),
        project.networks.iter().map(|network| 1 + network.subnets.len()).sum(),
        of(|service| service.networks.len()),
        of(|service| service.published.len()),
        project.asked.len(),
    ];
    if counts.iter().any(|count| *count > MOST) {
        form.lost(document.line, format!("more than {MOST} services, networks or ports are not judged"));
        *project = Project::default();
    }
    service::joined(&mut Form::new(file, Layer::Network, failures), project);
}

fn network(form: &mut Form<'_>, name: &str, node: &Node) -> Option<Network> {
    let fields = form.fields(node, "the network", &[&["internal", "ipam", "driver", "name", "labels"]]);
    let is_internal = form.truth(fields.get("internal"), "internal").unwrap_or(false);
    if let Some(driver) = form.text(fields.get("driver"), "driver").filter(|driver| *driver != "bridge") {
        form.lost(fields.line, format!("a network by driver `{}`", shown(driver)));
    }
    let mut subnets = Vec::new();
    if let Some(ipam) = fields.get("ipam") {
        let ipam = form.fields(ipam, "ipam", &[&["config"]]);
        for part in form.list(ipam.get("config"), "config") {
            let part = form.fields(part, "config", &[&["subnet", "gateway"]]);
            let subnet = form.text(part.get("subnet"), "subnet").and_then(Range::parse);
            let gateway = form.loose(part.get("gateway"), "gateway").map(address);
            match (subnet, gateway) {
                (Some(subnet), None) => subnets.push((subnet, None)),
                (Some(subnet), Some(Some(gateway))) if subnet.contains(gateway) => {
                    subnets.push((subnet, Some(gateway)));
                }
                _ => form.lost(part.line, "a network's addresses are a subnet, and a gateway in it"),
            }
        }
    }
    Some(Network { at: form.at(node.line), name: name.to_owned(), is_internal, subnets })
}

/// One address.
pub(crate) fn address(text: &str) -> Option<Range> {
    let bits = if text.contains(':') { 128 } else { 32 };
    Range::parse(&format!("{text}/{bits}"))
}

/// Two networks with one address: an engine makes neither of them.
fn overlapping(form: &mut Form<'_>, networks: &[Network]) {
    for (at, one) in networks.iter().enumerate() {
        let before = networks.iter().take(at);
        let clash = before.flat_map(|other| other.subnets.iter().map(move |net| (other, net.0)));
        for (other, net) in clash {
            if one.subnets.iter().any(|(own, _)| own.overlaps(net)) {
                form.fail(
                    Kind::Stopped,
                    one.at.line,
                    format!("it has addresses that network {} has too", shown(&other.name)),
                );
            }
        }
    }
}
