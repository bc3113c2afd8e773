//! Services: whom they stand for, and what they open.

use crate::atoms::Range;
use crate::kubernetes::Meta;
use crate::kubernetes::selector::Selector;
use crate::ports::Protocol;
use crate::read::form::{Form, plain_port, shown};
use crate::read::yaml::Node;
use crate::report::{At, Kind};

#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) meta: Meta,
    pub(crate) selector: Option<Selector>,
    /// Whether a balancer with an address of its own stands before it.
    pub(crate) is_balancer: bool,
    pub(crate) ports: Vec<Opened>,
    /// Who may come; everybody when there is none.
    pub(crate) sources: Vec<Range>,
    pub(crate) sources_at: At,
}

#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) at: At,
    pub(crate) port: u16,
    pub(crate) protocol: Protocol,
    pub(crate) target: Target,
}

#[derive(Debug, Clone)]
pub(crate) enum Target {
    Number(u16),
    Named(String),
}

const HARMLESS: &[&str] = &["clusterIP", "ipFamilies", "ipFamilyPolicy", "publishNotReadyAddresses", "sessionAffinity"];
const JUDGED: &[&str] = &["externalTrafficPolicy", "loadBalancerSourceRanges", "ports", "selector", "type"];

pub(crate) fn read(form: &mut Form<'_>, meta: Meta, spec: &Node) -> Service {
    let fields = form.fields(spec, "the service", &[HARMLESS, JUDGED]);
    let selector = fields.get("selector").map(|node| Selector::of(&form.labels(Some(node), "selector")));
    let kind = form.text(fields.get("type"), "type").unwrap_or("ClusterIP");
    let line_of = |name: &str| fields.get(name).map_or(fields.line, |node| node.line);
    match kind {
        "ClusterIP" | "LoadBalancer" => {}
        "NodePort" => form.fail(Kind::Open, line_of("type"), "NodePort: every node listens, for whoever reaches it"),
        other => form.lost(line_of("type"), format!("a service of type `{}`", shown(other))),
    }
    let is_balancer = kind == "LoadBalancer";
    let hands_on = form.text(fields.get("externalTrafficPolicy"), "externalTrafficPolicy");
    if is_balancer && hands_on != Some("Local") {
        let what =
            "externalTrafficPolicy is not Local: agents come with the address of a node, and policies cannot tell them";
        form.lost(line_of("externalTrafficPolicy"), what);
    }
    let mut sources = Vec::new();
    for node in form.list(fields.get("loadBalancerSourceRanges"), "loadBalancerSourceRanges") {
        let Some(text) = form.text(Some(node), "a network") else { continue };
        match Range::parse(text) {
            Some(range) => sources.push(range),
            None => form.lost(node.line, format!("`{}` is no network", shown(text))),
        }
    }
    let sources_at = form.at(line_of("loadBalancerSourceRanges"));
    let ports = form.list(fields.get("ports"), "ports").iter().filter_map(|node| port(form, node)).collect();
    Service { meta, selector, is_balancer, ports, sources, sources_at }
}

fn port(form: &mut Form<'_>, node: &Node) -> Option<Opened> {
    let fields = form.fields(node, "the port", &[&["name", "port", "targetPort", "protocol", "appProtocol"]]);
    let protocol = form.text(fields.get("protocol"), "protocol").map_or(Some(Protocol::Tcp), Protocol::named);
    if protocol.is_none() {
        form.lost(fields.line, "the protocol is none of TCP, UDP and SCTP");
    }
    let port = form.port(fields.get("port"), "the port")?;
    let target = match form.loose(fields.get("targetPort"), "targetPort") {
        None => Target::Number(port),
        Some(text) => plain_port(text).map_or_else(|| Target::Named(text.to_owned()), Target::Number),
    };
    Some(Opened { at: form.at(fields.line), port, protocol: protocol?, target })
}
