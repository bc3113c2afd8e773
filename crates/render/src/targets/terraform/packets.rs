//! Network ACLs: a second wall, which keeps nothing in mind.
//!
//! Each packet is judged alone, so every flow needs four rules: there and back,
//! at both ends. Replies go to the port that the connection began at, 1024 and
//! above. Where one of these is forgotten a network looks well and no reply
//! arrives. Rules for the Internet stand behind one that turns away the region's
//! own network: what is inside is never let through as if it came from outside.

use super::access::{ranges, resolver};
use super::aws::label;
use super::network::{ANYWHERE, nat_of};
use super::root::Root;
use super::site::Site;
use crate::Tree;
use crate::flows::{End, Way};
use crate::hcl::{Block, block, expressions, object, resource};
use planet::BalancerKind;
use std::collections::BTreeMap;
use vocab::Net4;

const FILE: &str = "packets.tf";
const ABOUT: &str = "Which packets pass between subnets: the flows of the planet, there and back.";

/// Where replies go.
const REPLIES: (u16, u16) = (1_024, 65_535);

/// Rules of an ACL in one direction: 20 when nobody has asked AWS for more, and
/// never more than 40.
const USUAL_RULES: usize = 20;

/// Numbers leave room for a person's own between them.
const FIRST_NUMBER: u64 = 100;
const STEP: u64 = 10;

#[derive(Clone, PartialEq, Eq)]
struct Rule {
    protocol: &'static str,
    ports: (u16, u16),
    net: String,
}

/// The rules of one direction: about the region's own network, then about the
/// Internet.
#[derive(Default)]
struct Side {
    inside: Vec<(Rule, String)>,
    outside: Vec<(Rule, String)>,
}

impl Side {
    fn allow(&mut self, protocol: &'static str, ports: (u16, u16), nets: &[String], why: &str) {
        for net in nets {
            let rules = if net == ANYWHERE { &mut self.outside } else { &mut self.inside };
            let rule = Rule { protocol, ports, net: net.clone() };
            if !rules.iter().any(|(known, _)| *known == rule) {
                rules.push((rule, why.to_owned()));
            }
        }
    }

    /// How many rules it comes to, with those that turn away what is not the
    /// Internet.
    fn len(&self, inner: usize) -> usize {
        self.inside.len() + self.outside.len() + if self.outside.is_empty() { 0 } else { inner }
    }
}

/// Both directions of a tier.
#[derive(Default)]
struct Wall {
    into: Side,
    out_of: Side,
}

struct Walls<'a>(BTreeMap<&'a str, Wall>);

impl Walls<'_> {
    /// A connection that begins in a tier: there, and its replies back.
    fn begins(&mut self, tier: &str, protocol: &'static str, ports: (u16, u16), nets: &[String], why: &str) {
        if let Some(wall) = self.0.get_mut(tier) {
            wall.out_of.allow(protocol, ports, nets, why);
            wall.into.allow(protocol, REPLIES, nets, &format!("Replies. {why}"));
        }
    }

    /// A connection that ends in a tier: there, and its replies back.
    fn ends(&mut self, tier: &str, protocol: &'static str, ports: (u16, u16), nets: &[String], why: &str) {
        if let Some(wall) = self.0.get_mut(tier) {
            wall.into.allow(protocol, ports, nets, why);
            wall.out_of.allow(protocol, REPLIES, nets, &format!("Replies. {why}"));
        }
    }
}

pub(super) fn add(site: &Site<'_>, root: &mut Root, tree: &mut Tree) {
    let mut walls = Walls(site.tiers().into_iter().map(|tier| (tier, Wall::default())).collect());
    for (number, way) in (1_u32..).zip(&site.flows.ways) {
        flow(site, &mut walls, way, &format!("Flow {number}: {}.", way.words));
    }
    preserved(site, &mut walls);
    cluster(site, &mut walls);
    for tier in site.tiers() {
        let Some(wall) = walls.0.get(tier) else { continue };
        let turned_away = inner(site).len();
        let most = wall.into.len(turned_away).max(wall.out_of.len(turned_away));
        if most > USUAL_RULES {
            tree.note(format!(
                "{}: the ACL of `{tier}` has {most} rules in a direction; AWS gives {USUAL_RULES} until it is asked for more, and 40 at most",
                site.place.id()
            ));
        }
        root.add(FILE, ABOUT, [acl(site, tier, wall)]);
    }
}

fn flow(site: &Site<'_>, walls: &mut Walls<'_>, way: &Way<'_>, why: &str) {
    let anywhere = [ANYWHERE.to_owned()];
    for protocol in way.protocols.iter().map(|protocol| small(protocol)) {
        for ports in ranges(way) {
            match (&way.from, &way.to) {
                (End::Internet, End::Tier(to, _)) => walls.ends(to, protocol, ports, &anywhere, why),
                (End::Tier(from, _), End::Internet) => {
                    walls.begins(from, protocol, ports, &anywhere, why);
                    translated(site, walls, from, (protocol, ports), why);
                }
                (End::Tier(from, _), End::Dns) => {
                    let at: Vec<String> = site.vpc.and_then(resolver).iter().map(ToString::to_string).collect();
                    walls.begins(from, protocol, ports, &at, why);
                }
                (End::Tier(from, sources), End::Tier(to, targets)) => {
                    walls.begins(from, protocol, ports, &nets(targets), why);
                    walls.ends(to, protocol, ports, &nets(sources), why);
                }
                (End::Internet | End::Dns, _) => {}
            }
        }
    }
}

fn small(protocol: &str) -> &'static str {
    if protocol == "UDP" { "udp" } else { "tcp" }
}

fn nets(nets: &[Net4]) -> Vec<String> {
    nets.iter().map(ToString::to_string).collect()
}

/// What goes out through a NAT gateway passes the subnet that this stands in:
/// into it from the private one, out of it to the Internet, and back.
fn translated(
    site: &Site<'_>,
    walls: &mut Walls<'_>,
    from: &str,
    (protocol, ports): (&'static str, (u16, u16)),
    why: &str,
) {
    let why = format!("Through NAT. {why}");
    for subnet in site.of_tier(from).filter(|subnet| !subnet.is_public) {
        let Some(at) = nat_of(site, subnet) else { continue };
        walls.ends(at.tier, protocol, ports, &[subnet.net.to_string()], &why);
        walls.begins(at.tier, protocol, ports, &[ANYWHERE.to_owned()], &why);
    }
}

/// Behind a balancer of connections packets have the agent's own address, by
/// which limits and bans go. The security groups let in nobody but the balancer.
fn preserved(site: &Site<'_>, walls: &mut Walls<'_>) {
    let Some(door) = &site.door else { return };
    if !site.balancers(BalancerKind::Network).is_empty() {
        let why = "Agents, whose own addresses the balancer hands on; groups let in only what comes through it.";
        walls.ends(door.back, "tcp", (door.port, door.port), &[ANYWHERE.to_owned()], why);
    }
}

/// Nodes of a cluster talk to each other and to its control plane.
fn cluster(site: &Site<'_>, walls: &mut Walls<'_>) {
    if let Some(tier) = super::cluster::tier(site) {
        let own: Vec<String> = site.of_tier(tier).map(|subnet| subnet.net.to_string()).collect();
        let why = "Nodes of the cluster among themselves; groups tell them apart from others in this tier.";
        if let Some(wall) = walls.0.get_mut(tier) {
            wall.into.allow("-1", (0, 0), &own, why);
            wall.out_of.allow("-1", (0, 0), &own, why);
        }
    }
}

/// What a way leads to and is not the Internet: this network, and what is behind
/// VPNs.
fn inner(site: &Site<'_>) -> Vec<String> {
    let behind = site.network.iter().flat_map(|network| &network.vpn).map(|vpn| vpn.net.value);
    site.vpc.into_iter().chain(behind).map(|net| net.to_string()).collect()
}

fn acl(site: &Site<'_>, tier: &str, wall: &Wall) -> Block {
    let subnets = site.of_tier(tier).map(|subnet| format!("aws_subnet.{}.id", subnet.label));
    resource("aws_network_acl", &label(tier))
        .refer("vpc_id", "aws_vpc.main.id")
        .set("subnet_ids", expressions(subnets))
        .set("tags", object([("tier", tier.into())]))
        .nest_all(side(site, "ingress", &wall.into))
        .nest_all(side(site, "egress", &wall.out_of))
}

fn side(site: &Site<'_>, direction: &str, side: &Side) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut number = FIRST_NUMBER;
    let mut put = |action: &str, rule: &Rule, why: &str| {
        let one = block(direction)
            .why(why)
            .set("rule_no", number)
            .set("action", action)
            .set("protocol", rule.protocol)
            .set("from_port", u64::from(rule.ports.0))
            .set("to_port", u64::from(rule.ports.1))
            .set("cidr_block", rule.net.as_str());
        number += STEP;
        blocks.push(one);
    };
    for (rule, why) in &side.inside {
        put("allow", rule, why);
    }
    if !side.outside.is_empty() {
        for net in inner(site) {
            let own = Rule { protocol: "-1", ports: (0, 0), net };
            put("deny", &own, "What follows is about the Internet, and this is not.");
        }
    }
    for (rule, why) in &side.outside {
        put("allow", rule, why);
    }
    blocks
}
