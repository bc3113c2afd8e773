//! Load balancers: what they open to the Internet, and whom they lead to.

use crate::ports::{Ports, Protocol};
use crate::read::form::shown;
use crate::report::{At, Kind, Layer};
use crate::terraform::item::{Item, Part, Tell};
use crate::terraform::root::{Root, one_of};
use crate::terraform::stands::Stand;
use std::collections::BTreeMap;

/// A balancer.
#[derive(Debug)]
pub(crate) struct Balancer {
    pub(crate) at: At,
    pub(crate) name: String,
    /// Whether it hands on connections, and not requests.
    pub(crate) is_network: bool,
    /// Whether the Internet reaches it.
    pub(crate) is_open: bool,
    /// Whether each of its zones leads to all.
    pub(crate) crosses: bool,
    /// Who it is, one for each subnet.
    pub(crate) stands: Vec<usize>,
    pub(crate) listeners: Vec<Listener>,
}

#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) at: At,
    name: String,
    pub(crate) ports: Ports,
    pub(crate) targets: Vec<String>,
}

/// Whom a balancer leads to.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) at: At,
    pub(crate) ports: Ports,
    pub(crate) port: u16,
    /// Whether packets keep the address that they came from.
    pub(crate) keeps: bool,
    pub(crate) stands: Vec<usize>,
}

/// Pairs of a target group and who is in it. The largest region has two.
const MOST_TARGETS: usize = 1_000;

const BALANCER: &[&str] = &[
    "name",
    "name_prefix",
    "load_balancer_type",
    "internal",
    "security_groups",
    "subnets",
    "enable_deletion_protection",
    "enable_cross_zone_load_balancing",
    "drop_invalid_header_fields",
    "desync_mitigation_mode",
    "idle_timeout",
    "enable_http2",
];

const TARGET: &[&str] = &[
    "name",
    "name_prefix",
    "vpc_id",
    "port",
    "protocol",
    "target_type",
    "preserve_client_ip",
    "health_check",
    "deregistration_delay",
    "stickiness",
];

pub(crate) fn targets(root: &Root, stands: &[Stand], tell: &mut Tell<'_>) -> BTreeMap<String, Target> {
    let mut targets = BTreeMap::new();
    for item in root.of("aws_lb_target_group") {
        let part = item.known(TARGET, tell);
        let Some(port) = part.port("port", tell) else { continue };
        let protocol = part.text("protocol", tell).unwrap_or_default();
        let kind = part.text("target_type", tell).unwrap_or("instance");
        let is_connection = matches!(protocol, "TCP" | "UDP" | "TCP_UDP" | "TLS");
        let usual = is_connection && (kind == "instance" || protocol != "TCP" && protocol != "TLS");
        let keeps = part.truth("preserve_client_ip", tell).unwrap_or(usual);
        health(part, port, tell);
        let ports = protocols(protocol, port, &part.line_of("protocol"), tell);
        let target = Target { at: item.at.clone(), ports, port, keeps, stands: Vec::new() };
        targets.insert(item.name.clone(), target);
    }
    let mut attach = |name: &str, whose: (&str, &str)| {
        let is_it =
            |stand: &Stand| stand.item.as_ref().is_some_and(|(kind, name)| (kind.as_str(), name.as_str()) == whose);
        let found = stands.iter().enumerate().filter(|(_, stand)| is_it(stand)).map(|(at, _)| at);
        if let Some(target) = targets.get_mut(name) {
            target.stands.extend(found);
        }
    };
    for item in root.of("aws_autoscaling_group") {
        for group in root.all_led(item.part(), "target_group_arns", "aws_lb_target_group", tell) {
            attach(&group.name, (&item.kind, &item.name));
        }
    }
    for item in root.of("aws_lb_target_group_attachment") {
        let part = item.known(&["target_group_arn", "target_id", "port"], tell);
        let group = root.led(part, "target_group_arn", "aws_lb_target_group", tell);
        if part.get("port").is_some() {
            tell.lost(part.line_of("port"), "a target at a port of its own");
        }
        let target = part.get("target_id").and_then(|node| one_of(node, &["aws_instance"]));
        match (group, target) {
            (Some(group), Some((kind, name))) => attach(&group.name, (kind, &name)),
            (Some(_), None) => tell.lost(item.at.clone(), "a target that is no machine of these files"),
            _ => {}
        }
    }
    let mut left = MOST_TARGETS;
    for target in targets.values_mut() {
        if target.stands.len() > left {
            tell.lost(target.at.clone(), format!("more than {MOST_TARGETS} targets of balancers"));
            target.stands.truncate(left);
        }
        left = left.saturating_sub(target.stands.len());
    }
    targets
}

/// Whoever is asked at another port has to be let through there as well.
fn health(part: Part<'_>, port: u16, tell: &mut Tell<'_>) {
    let Some(check) = part.part("health_check", tell) else { return };
    let said = check.word("port").unwrap_or("traffic-port");
    if said != "traffic-port" && said != port.to_string() {
        tell.lost(check.line_of("port"), "health is asked at another port, which no flow names");
    }
}

fn protocols(protocol: &str, port: u16, at: &At, tell: &mut Tell<'_>) -> Ports {
    let of: &[Protocol] = match protocol {
        "TCP" | "TLS" | "HTTP" | "HTTPS" => &[Protocol::Tcp],
        "UDP" => &[Protocol::Udp],
        "TCP_UDP" => &[Protocol::Tcp, Protocol::Udp],
        other => {
            tell.lost(at.clone(), format!("the protocol `{}` is not known", shown(other)));
            &[]
        }
    };
    of.iter().fold(Ports::none(), |all, protocol| all.or(&Ports::one(*protocol, port)))
}

pub(crate) fn read(root: &Root, stands: &[Stand], tell: &mut Tell<'_>) -> Vec<Balancer> {
    let tell = &mut tell.at(Layer::Balancer);
    let mut balancers: Vec<Balancer> = Vec::new();
    for item in root.of("aws_lb") {
        let part = item.known(BALANCER, tell);
        let is_network = match part.text("load_balancer_type", tell) {
            Some("network") => true,
            Some("application") | None => false,
            Some(other) => {
                tell.lost(item.at.clone(), format!("a balancer of the kind `{}`", shown(other)));
                false
            }
        };
        let is_it =
            |stand: &Stand| stand.item.as_ref().is_some_and(|(kind, name)| kind == "aws_lb" && *name == item.name);
        let own = stands.iter().enumerate().filter(|(_, stand)| is_it(stand)).map(|(at, _)| at).collect();
        balancers.push(Balancer {
            at: item.at.clone(),
            name: item.name.clone(),
            is_network,
            is_open: !part.truth("internal", tell).unwrap_or(false),
            crosses: !is_network || part.truth("enable_cross_zone_load_balancing", tell).unwrap_or(false),
            stands: own,
            listeners: Vec::new(),
        });
    }
    for item in root.of("aws_lb_listener") {
        listener(root, item, &mut balancers, tell);
    }
    for item in root.of("aws_lb_listener_rule") {
        let part = item.known(&["listener_arn", "priority", "action", "condition"], tell);
        let listener = root.led(part, "listener_arn", "aws_lb_listener", tell).map(|item| item.name.clone());
        let targets =
            part.parts("action", tell).into_iter().filter_map(|action| act(root, action, tell)).collect::<Vec<_>>();
        let all = balancers.iter_mut().flat_map(|balancer| &mut balancer.listeners);
        for known in all.filter(|known| Some(&known.name) == listener.as_ref()) {
            known.targets.extend(targets.iter().cloned());
        }
    }
    balancers
}

fn listener(root: &Root, item: &Item, balancers: &mut [Balancer], tell: &mut Tell<'_>) {
    const KNOWN: &[&str] =
        &["load_balancer_arn", "port", "protocol", "ssl_policy", "certificate_arn", "alpn_policy", "default_action"];
    let part = item.known(KNOWN, tell);
    let Some(balancer) = root.led(part, "load_balancer_arn", "aws_lb", tell) else { return };
    let Some(port) = part.port("port", tell) else { return };
    let protocol = part.text("protocol", tell).unwrap_or("HTTP");
    let ports = protocols(protocol, port, &part.line_of("protocol"), tell);
    let actions = part.parts("default_action", tell);
    let targets = actions.into_iter().filter_map(|action| act(root, action, tell)).collect();
    let one = Listener { at: item.at.clone(), name: item.name.clone(), ports, targets };
    if let Some(balancer) = balancers.iter_mut().find(|known| known.name == balancer.name) {
        if balancer.listeners.iter().any(|known| !known.ports.and(&one.ports).is_empty()) {
            tell.fail(Kind::Stopped, item.at.clone(), "two listeners of one balancer have the same port");
        }
        balancer.listeners.push(one);
    }
}

/// Where an action leads; what it answers by itself leads nowhere.
fn act(root: &Root, action: Part<'_>, tell: &mut Tell<'_>) -> Option<String> {
    action.known("an action", &[&["type", "target_group_arn", "fixed_response", "redirect", "order"]], tell);
    match action.text("type", tell) {
        Some("forward") => {
            root.led(action, "target_group_arn", "aws_lb_target_group", tell).map(|target| target.name.clone())
        }
        Some("fixed-response" | "redirect") => None,
        _ => {
            tell.lost(action.here(), "an action that is not understood");
            None
        }
    }
}
