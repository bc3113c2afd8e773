//! Balancers, where agents come in.
//!
//! A network balancer hands connections on as they are, with the agent's own
//! address: what an agent has proved holds for its connection. An application
//! balancer ends TLS and shares connections, and would share that as well; so
//! behind it is what needs no proof, and nothing else of the program.

use super::aws::seconds;
use super::network::called;
use super::root::Root;
use super::site::{Door, Site};
use crate::Tree;
use crate::hcl::{Block, block, expression, expressions, list, object, resource};
use planet::{Balancer, BalancerKind};

const FILE: &str = "balance.tf";
const ABOUT: &str = "Balancers, where agents come in.";

/// AWS takes no longer name.
const NAME: usize = 32;

/// TLS 1.3 and nothing older.
const POLICY: &str = "ELBSecurityPolicy-TLS13-1-3-2021-06";

/// What anybody may ask without having proved anything.
const OPEN: [&str; 2] = ["/health", "/ready"];

/// How often AWS asks whether a host is ready: within what it takes.
const CHECK_SECONDS: (u64, u64) = (5, 300);

pub(super) fn add(site: &Site<'_>, root: &mut Root, tree: &mut Tree) {
    let id = site.place.id();
    let (network, application) = (site.balancers(BalancerKind::Network), site.balancers(BalancerKind::Application));
    if site.vpc.is_none() {
        return;
    }
    let Some(door) = &site.door else {
        tree.note(format!("{id}: no flow leads from the Internet through one tier into another, so Terraform has no balancers and no machines"));
        return;
    };
    if network.is_empty() {
        tree.note(format!(
            "{id}: the planet names no balancer of the kind \"network\" here, so agents do not reach its host"
        ));
    }
    for (label, balancer) in network.iter().chain(&application) {
        if balancer.tier.as_str() != door.front {
            tree.note(format!(
                "{id}: the balancer `{label}` is not in `{}`, where the Internet arrives, and is not rendered",
                door.front
            ));
        }
    }
    let in_front = |(_, balancer): &&(String, &Balancer)| balancer.tier.as_str() == door.front;
    for (label, balancer) in network.iter().filter(in_front) {
        root.add(FILE, ABOUT, connections(site, door, label, balancer));
    }
    for (label, balancer) in application.iter().filter(in_front) {
        root.variable("certificate_arn", "The certificate of application balancers, in ACM: its ARN.", |variable| {
            variable.refer("type", "string")
        });
        root.add(FILE, ABOUT, requests(site, door, label, balancer));
        tree.note(format!(
            "{id}: `{label}` ends TLS, and what an agent has proved holds for its connection: {} alone are behind it, and agents come through the kind \"network\"",
            OPEN.join(" and ")
        ));
    }
    if let Some((label, _)) = network.iter().find(|one| in_front(one)) {
        let of = |what: &str| expression(format!("aws_lb.{label}.{what}"));
        let entry = object([("arn", of("arn")), ("dns_name", of("dns_name")), ("zone_id", of("zone_id"))]);
        root.output("entry", "Where agents come in: the root `global` wants to know.", entry);
    }
}

/// The target groups that the host is put into.
pub(super) fn targets(site: &Site<'_>) -> Vec<String> {
    let Some(door) = &site.door else { return Vec::new() };
    let kinds = [BalancerKind::Network, BalancerKind::Application];
    let all = kinds.into_iter().flat_map(|kind| site.balancers(kind));
    let in_front = all.filter(|(_, balancer)| balancer.tier.as_str() == door.front);
    in_front.map(|(label, _)| format!("aws_lb_target_group.{label}.arn")).collect()
}

fn balancer(site: &Site<'_>, door: &Door<'_>, label: &str, balancer: &Balancer, kind: &str) -> Block {
    let zones: Vec<&str> = balancer.zones.iter().map(|zone| zone.as_str()).collect();
    let stands = |zone: Option<&str>| zones.is_empty() || zone.is_some_and(|zone| zones.contains(&zone));
    let subnets = site.of_tier(door.front).filter(|subnet| stands(subnet.zone));
    let subnets = subnets.map(|subnet| format!("aws_subnet.{}.id", subnet.label));
    resource("aws_lb", label)
        .set_some("name", called(site, label, NAME))
        .set("load_balancer_type", kind)
        .set("internal", !site.is_public(door.front))
        .set("security_groups", expressions(site.guards(door.front)))
        .set("subnets", expressions(subnets))
        .set("enable_deletion_protection", true)
        .set("enable_cross_zone_load_balancing", true)
        .why("The host stands in one zone, and every zone leads to it.")
}

/// A balancer of connections.
fn connections(site: &Site<'_>, door: &Door<'_>, label: &str, of: &Balancer) -> Vec<Block> {
    let mut blocks = vec![balancer(site, door, label, of, "network")];
    blocks.push(
        resource("aws_lb_target_group", label)
            .refer("vpc_id", "aws_vpc.main.id")
            .set("port", u64::from(door.port))
            .set("protocol", "TCP")
            .set("preserve_client_ip", true)
            .why("Limits and bans go by the agent's own address.")
            .nest(check(site)),
    );
    for port in &door.ports {
        let on = block("default_action")
            .set("type", "forward")
            .set("target_group_arn", expression(format!("aws_lb_target_group.{label}.arn")));
        let listener = resource("aws_lb_listener", &format!("{label}_{port}"))
            .set("load_balancer_arn", expression(format!("aws_lb.{label}.arn")))
            .set("port", u64::from(*port))
            .set("protocol", "TCP")
            .nest(on);
        blocks.push(listener);
    }
    blocks
}

/// A balancer of requests.
fn requests(site: &Site<'_>, door: &Door<'_>, label: &str, of: &Balancer) -> Vec<Block> {
    let mut blocks = vec![
        balancer(site, door, label, of, "application")
            .set("drop_invalid_header_fields", true)
            .set("desync_mitigation_mode", "strictest"),
    ];
    blocks.push(
        resource("aws_lb_target_group", label)
            .refer("vpc_id", "aws_vpc.main.id")
            .set("port", u64::from(door.port))
            .set("protocol", "HTTPS")
            .nest(check(site)),
    );
    for port in &door.ports {
        let nothing = block("fixed_response")
            .set("content_type", "text/plain")
            .set("message_body", "not here")
            .set("status_code", "404");
        let name = format!("{label}_{port}");
        let listener = resource("aws_lb_listener", &name)
            .set("load_balancer_arn", expression(format!("aws_lb.{label}.arn")))
            .set("port", u64::from(*port))
            .set("protocol", "HTTPS")
            .set("ssl_policy", POLICY)
            .refer("certificate_arn", "var.certificate_arn")
            .nest(block("default_action").set("type", "fixed-response").nest(nothing));
        let on = block("action")
            .set("type", "forward")
            .set("target_group_arn", expression(format!("aws_lb_target_group.{label}.arn")));
        let rule = resource("aws_lb_listener_rule", &name)
            .set("listener_arn", expression(format!("aws_lb_listener.{name}.arn")))
            .set("priority", 1_u64)
            .nest(on)
            .nest(block("condition").nest(block("path_pattern").set("values", list(OPEN))));
        blocks.extend([listener, rule]);
    }
    blocks
}

/// How AWS sees whether the host is ready.
fn check(site: &Site<'_>) -> Block {
    let route = &site.scene.planet.route;
    let every = seconds(route.health_check.value).clamp(CHECK_SECONDS.0, CHECK_SECONDS.1);
    block("health_check")
        .set("protocol", "HTTPS")
        .set("path", "/ready")
        .set("port", "traffic-port")
        .set("interval", every)
        .set("healthy_threshold", 2_u64)
        .why("AWS counts at least two.")
        .set("unhealthy_threshold", u64::from(route.unhealthy_after.value.clamp(2, 10)))
}
