//! A packet's way through a region, as the files say it: groups, ACLs and routes,
//! there and back. It takes nothing from the code that wrote them.

use super::{cidr, of};
use serde_json::Value;
use std::collections::BTreeMap;

/// Somebody on the Internet, and the port that a connection begins at.
const STRANGER: u32 = 0xcb00_7109;
const BEGINS_AT: u16 = 33_333;

/// Of the subnets at both ends, how many pairs a connection works between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    None,
    Some,
    All,
}

pub(crate) struct Net<'r> {
    root: &'r Value,
    /// Subnets of each tier: labels and an address in each.
    tiers: BTreeMap<&'r str, Vec<(&'r str, u32)>>,
}

/// A packet.
#[derive(Clone, Copy)]
struct Packet<'p> {
    from: u32,
    to: u32,
    protocol: &'p str,
    port: u16,
}

/// The label that a reference leads to.
fn label(reference: &Value) -> &str {
    let text = reference.as_str().unwrap();
    text.trim_start_matches("${").trim_end_matches('}').split('.').nth(1).unwrap()
}

fn within(net: &Value, address: u32) -> bool {
    let (network, mask) = cidr(net.as_str().unwrap());
    address & mask == network
}

fn number(value: &Value) -> u16 {
    u16::try_from(value.as_u64().unwrap()).unwrap()
}

impl<'r> Net<'r> {
    pub(crate) fn new(root: &'r Value) -> Self {
        let mut tiers: BTreeMap<&str, Vec<(&str, u32)>> = BTreeMap::new();
        for (label, subnet) in of(root, "aws_subnet") {
            let first = cidr(subnet["cidr_block"].as_str().unwrap()).0 + 10;
            tiers.entry(subnet["tags"]["tier"].as_str().unwrap()).or_default().push((label, first));
        }
        Self { root, tiers }
    }

    pub(crate) fn tiers(&self) -> Vec<&'r str> {
        self.tiers.keys().copied().collect()
    }

    /// Whether a connection works from the subnets of a tier to those of another.
    pub(crate) fn reach(&self, from: &str, to: &str, protocol: &str, port: u16) -> Reach {
        let ends = |name: &str| match name {
            "internet" => vec![(None, STRANGER)],
            "dns" => vec![(None, self.resolver())],
            tier => self.tiers[tier].iter().map(|(subnet, address)| (Some(*subnet), *address)).collect(),
        };
        if !self.groups_let(from, to, protocol, port) {
            return Reach::None;
        }
        let mut results = Vec::new();
        for (begins, source) in ends(from) {
            for (ends, target) in ends(to) {
                let there = Packet { from: source, to: target, protocol, port };
                let back = Packet { from: target, to: source, protocol, port: BEGINS_AT };
                results.push(self.crosses(begins, ends, there) && self.crosses(ends, begins, back));
            }
        }
        match (results.contains(&true), results.contains(&false)) {
            (true, false) => Reach::All,
            (true, true) => Reach::Some,
            (false, _) => Reach::None,
        }
    }

    /// Whether an agent reaches a tier behind a balancer with its own address.
    pub(crate) fn through_balancer(&self, front: &str, back: &str, port: u16) -> bool {
        let works = |(subnet, address): &(&str, u32)| {
            let there = Packet { from: STRANGER, to: *address, protocol: "tcp", port };
            let again = Packet { from: *address, to: STRANGER, protocol: "tcp", port: BEGINS_AT };
            self.acl(subnet, "ingress", there) && self.acl(subnet, "egress", again)
        };
        self.groups_let(front, back, "tcp", port) && self.tiers[back].iter().all(works)
    }

    /// Whether a packet leaves a tier for an address, by the ACLs alone.
    pub(crate) fn leaves(&self, tier: &str, address: [u8; 4], port: u16) -> bool {
        let to = u32::from_be_bytes(address);
        let packet = |from| Packet { from, to, protocol: "tcp", port };
        self.tiers[tier].iter().any(|(subnet, from)| self.acl(subnet, "egress", packet(*from)))
    }

    fn resolver(&self) -> u32 {
        cidr(of(self.root, "aws_vpc")["main"]["cidr_block"].as_str().unwrap()).0 + 2
    }

    /// Every ACL and route between two ends. One that is in no subnet is outside.
    fn crosses(&self, from: Option<&str>, to: Option<&str>, packet: Packet<'_>) -> bool {
        let leaves = from.is_none_or(|subnet| self.acl(subnet, "egress", packet));
        let arrives = to.is_none_or(|subnet| self.acl(subnet, "ingress", packet));
        let outside = |address: u32| !within(&of(self.root, "aws_vpc")["main"]["cidr_block"], address);
        let through = match (from, to) {
            (Some(subnet), None) if outside(packet.to) => self.way_out(subnet, packet),
            (None, Some(subnet)) if outside(packet.from) => self.way_in(subnet, packet),
            _ => true,
        };
        leaves && arrives && through
    }

    /// Out by the gateway of a public subnet, or through NAT and its subnet.
    fn way_out(&self, subnet: &str, packet: Packet<'_>) -> bool {
        let Some(route) = self.default_route(subnet) else { return false };
        match route.get("nat_gateway_id") {
            None => true,
            Some(nat) => {
                let at = label(&of(self.root, "aws_nat_gateway")[label(nat)]["subnet_id"]);
                let there = Packet { from: self.address(at), ..packet };
                self.acl(at, "ingress", packet) && self.acl(at, "egress", there)
            }
        }
    }

    fn way_in(&self, subnet: &str, packet: Packet<'_>) -> bool {
        let Some(route) = self.default_route(subnet) else { return false };
        match route.get("nat_gateway_id") {
            None => true,
            // NAT lets in replies alone, and they pass its subnet.
            Some(nat) => {
                let at = label(&of(self.root, "aws_nat_gateway")[label(nat)]["subnet_id"]);
                let there = Packet { to: self.address(at), ..packet };
                packet.port == BEGINS_AT && self.acl(at, "ingress", there) && self.acl(at, "egress", packet)
            }
        }
    }

    fn address(&self, subnet: &str) -> u32 {
        self.tiers.values().flatten().find(|(label, _)| *label == subnet).unwrap().1
    }

    fn default_route(&self, subnet: &str) -> Option<&'r Value> {
        let associations = of(self.root, "aws_route_table_association");
        let mine = associations.into_values().find(|one| label(&one["subnet_id"]) == subnet).unwrap();
        let table = label(&mine["route_table_id"]);
        let mut routes = of(self.root, "aws_route").into_values();
        routes.find(|route| label(&route["route_table_id"]) == table && route["destination_cidr_block"] == "0.0.0.0/0")
    }

    /// The first rule that fits decides, and without one nothing passes. Packets
    /// that stay in a subnet are not asked about; no two ends here are in one.
    fn acl(&self, subnet: &str, side: &str, packet: Packet<'_>) -> bool {
        let holds = |acl: &&Value| acl["subnet_ids"].as_array().unwrap().iter().any(|one| label(one) == subnet);
        let acls = of(self.root, "aws_network_acl");
        let acl = acls.into_values().find(holds).unwrap();
        let mut rules = match &acl[side] {
            Value::Array(rules) => rules.iter().collect(),
            Value::Null => Vec::new(),
            one => vec![one],
        };
        rules.sort_by_key(|rule: &&Value| rule["rule_no"].as_u64());
        let other = if side == "ingress" { packet.from } else { packet.to };
        let fits = |rule: &&&Value| {
            let protocol = rule["protocol"].as_str().unwrap();
            let is_any = protocol == "-1";
            let port = is_any || (number(&rule["from_port"])..=number(&rule["to_port"])).contains(&packet.port);
            (is_any || protocol == packet.protocol) && port && within(&rule["cidr_block"], other)
        };
        rules.iter().find(fits).is_some_and(|rule| rule["action"] == "allow")
    }

    /// Whether the groups of both ends let a connection begin.
    fn groups_let(&self, from: &str, to: &str, protocol: &str, port: u16) -> bool {
        let members = |tier: &str| -> Vec<&str> {
            let all = of(self.root, "aws_security_group").into_iter();
            all.filter(|(_, group)| group["tags"]["tier"] == tier).map(|(label, _)| label).collect()
        };
        let (sources, targets) = (members(from), members(to));
        let address = |name: &str| match name {
            "internet" => Some(STRANGER),
            "dns" => Some(self.resolver()),
            _ => None,
        };
        let lets = |kind: &str, mine: &[&str], others: &[&str], other: &str, far: u32| {
            let rules = of(self.root, kind);
            mine.iter().all(|group| {
                rules.values().filter(|rule| label(&rule["security_group_id"]) == *group).any(|rule| {
                    let fits = rule["ip_protocol"] == protocol
                        && (number(&rule["from_port"])..=number(&rule["to_port"])).contains(&port);
                    let named = rule.get("referenced_security_group_id");
                    let whom = match (address(other), named) {
                        (None, Some(group)) => others.contains(&label(group)),
                        (at, None) => within(&rule["cidr_ipv4"], at.unwrap_or(far)),
                        (Some(_), Some(_)) => false,
                    };
                    fits && whom
                })
            })
        };
        let far = |name: &str| self.tiers.get(name).map_or(STRANGER, |subnets| subnets[0].1);
        let begins = sources.is_empty() || lets("aws_vpc_security_group_egress_rule", &sources, &targets, to, far(to));
        let ends =
            targets.is_empty() || lets("aws_vpc_security_group_ingress_rule", &targets, &sources, from, far(from));
        (!sources.is_empty() || !targets.is_empty()) && begins && ends
    }
}
