//! Security groups: who may open a connection to whom. They keep connections in
//! mind, so replies need no rule; what is in several groups may what any of them
//! may.

use crate::atoms::Range;
use crate::ports::Ports;
use crate::read::form::shown;
use crate::read::hcl::{Node, Value};
use crate::report::{At, Layer};
use crate::terraform::acl;
use crate::terraform::asked::Region;
use crate::terraform::hop::{Hit, Hop};
use crate::terraform::item::{Item, Part, Tell};
use crate::terraform::root::Root;
use std::collections::BTreeMap;

pub(crate) const GROUP: &str = "aws_security_group";
/// The one of a network, which whoever names no group is in.
pub(crate) const DEFAULT: &str = "aws_default_security_group";

/// Who is at the other end of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    Net(Range),
    Group(usize),
}

#[derive(Debug)]
struct Rule {
    at: At,
    ports: Ports,
    peer: Peer,
}

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) at: At,
    pub(crate) name: String,
    pub(crate) is_default: bool,
    /// The tier that it says it guards.
    pub(crate) tier: Option<String>,
    into: Vec<Rule>,
    out_of: Vec<Rule>,
}

/// Every group of a region.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    pub(crate) all: Vec<Group>,
    by_name: BTreeMap<(String, bool), usize>,
}

/// Somebody, as a group sees them: where they are, and of which groups.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Other<'g> {
    pub(crate) piece: Range,
    pub(crate) groups: &'g [usize],
}

pub(crate) fn read(root: &Root, asked: &Region<'_>, tell: &mut Tell<'_>) -> Groups {
    let tell = &mut tell.at(Layer::Group);
    let mut groups = Groups::default();
    for (kind, is_default) in [(GROUP, false), (DEFAULT, true)] {
        for item in root.of(kind) {
            let part = item.part();
            let (at, name) = (item.at.clone(), item.name.clone());
            let tier = if is_default { None } else { tier(item, asked) };
            groups.by_name.insert((name.clone(), is_default), groups.all.len());
            groups.all.push(Group { at, name, is_default, tier, into: Vec::new(), out_of: Vec::new() });
            root.led(part, "vpc_id", "aws_vpc", tell);
        }
    }
    for (kind, is_default) in [(GROUP, false), (DEFAULT, true)] {
        for item in root.of(kind) {
            let part = item.known(&["name", "name_prefix", "description", "vpc_id", "ingress", "egress"], tell);
            let Some(at) = groups.find(&item.name, is_default) else { continue };
            for (side, is_out) in [("ingress", false), ("egress", true)] {
                for rule in part.parts(side, tell) {
                    let rules = groups.old(rule, at, tell);
                    groups.put(at, is_out, rules);
                }
            }
        }
    }
    for (kind, is_out) in [("aws_vpc_security_group_ingress_rule", false), ("aws_vpc_security_group_egress_rule", true)]
    {
        for item in root.of(kind) {
            let Some(group) = groups.led(item.part(), "security_group_id", tell) else { continue };
            let rules = groups.one(item, tell);
            groups.put(group, is_out, rules);
        }
    }
    for item in root.of("aws_security_group_rule") {
        let part = item.part();
        let Some(group) = groups.led(part, "security_group_id", tell) else { continue };
        let is_out = match part.text("type", tell) {
            Some("ingress") => false,
            Some("egress") => true,
            _ => {
                tell.lost(item.at.clone(), "a rule that is neither of ingress nor of egress");
                continue;
            }
        };
        let rules = groups.old(part, group, tell);
        groups.put(group, is_out, rules);
    }
    groups
}

/// The tier that a group guards: as its mark says, or as the planet calls it.
fn tier(item: &Item, asked: &Region<'_>) -> Option<String> {
    let tags = item.part().get("tags");
    let mark = tags.and_then(|tags| match &tags.value {
        Value::Map(fields) => fields.iter().find(|(key, _)| key.text == "tier").map(|(_, node)| node),
        _ => None,
    });
    if let Some(Node { value: Value::Text(tier), .. }) = mark {
        return Some(tier.clone());
    }
    let named = asked.groups.iter().find(|(name, _)| *name == item.name).map(|(_, tier)| (*tier).to_owned());
    named.or_else(|| asked.tiers().into_iter().find(|tier| *tier == item.name).map(str::to_owned))
}

impl Groups {
    pub(crate) fn find(&self, name: &str, is_default: bool) -> Option<usize> {
        self.by_name.get(&(name.to_owned(), is_default)).copied()
    }

    /// The group that an argument leads to.
    pub(crate) fn led(&self, part: Part<'_>, name: &str, tell: &mut Tell<'_>) -> Option<usize> {
        let Some(node) = part.get(name) else {
            tell.lost(part.here(), format!("nothing says `{name}`"));
            return None;
        };
        self.named(part, node, tell)
    }

    pub(crate) fn named(&self, part: Part<'_>, node: &Node, tell: &mut Tell<'_>) -> Option<usize> {
        if let Some(name) = crate::terraform::item::led(node, DEFAULT) {
            return self.find(name, true);
        }
        let name = part.leads(node, GROUP, tell)?;
        self.find(name, false)
    }

    fn put(&mut self, at: usize, is_out: bool, rules: Vec<Rule>) {
        if let Some(group) = self.all.get_mut(at) {
            if is_out { group.out_of.extend(rules) } else { group.into.extend(rules) }
        }
    }

    /// A rule with one peer, as a resource of its own.
    fn one(&self, item: &Item, tell: &mut Tell<'_>) -> Vec<Rule> {
        const KNOWN: &[&str] = &[
            "security_group_id",
            "description",
            "ip_protocol",
            "from_port",
            "to_port",
            "cidr_ipv4",
            "cidr_ipv6",
            "referenced_security_group_id",
        ];
        let part = item.known(KNOWN, tell);
        let Some(ports) = acl::ports(part, "ip_protocol", tell) else { return Vec::new() };
        let nets = ["cidr_ipv4", "cidr_ipv6"].into_iter().filter_map(|name| part.get(name));
        let mut peers: Vec<Peer> = nets.filter_map(|node| part.range(node, tell).map(Peer::Net)).collect();
        if let Some(node) = part.get("referenced_security_group_id") {
            peers.extend(self.named(part, node, tell).map(Peer::Group));
        }
        if peers.len() != 1 {
            tell.lost(item.at.clone(), "a rule has one peer");
        }
        peers.into_iter().map(|peer| Rule { at: item.at.clone(), ports: ports.clone(), peer }).collect()
    }

    /// A rule with lists of peers, as people write it in a group or beside it.
    fn old(&self, part: Part<'_>, own: usize, tell: &mut Tell<'_>) -> Vec<Rule> {
        const KNOWN: &[&str] = &[
            "type",
            "security_group_id",
            "description",
            "protocol",
            "from_port",
            "to_port",
            "cidr_blocks",
            "ipv6_cidr_blocks",
            "security_groups",
            "source_security_group_id",
            "self",
        ];
        part.known("a rule", &[KNOWN], tell);
        let Some(ports) = acl::ports(part, "protocol", tell) else { return Vec::new() };
        let mut peers = Vec::new();
        for name in ["cidr_blocks", "ipv6_cidr_blocks"] {
            for node in part.list(name, tell) {
                peers.extend(part.range(node, tell).map(Peer::Net));
            }
        }
        let sources = part.list("security_groups", tell).iter().chain(part.get("source_security_group_id"));
        for node in sources {
            peers.extend(self.named(part, node, tell).map(Peer::Group));
        }
        if part.truth("self", tell) == Some(true) {
            peers.push(Peer::Group(own));
        }
        peers.into_iter().map(|peer| Rule { at: part.here(), ports: ports.clone(), peer }).collect()
    }

    pub(crate) fn edges(&self) -> impl Iterator<Item = Range> {
        let rules = self.all.iter().flat_map(|group| group.into.iter().chain(&group.out_of));
        rules.filter_map(|rule| if let Peer::Net(net) = rule.peer { Some(net) } else { None })
    }

    pub(crate) fn size(&self) -> usize {
        self.all.iter().map(|group| group.into.len().max(group.out_of.len())).sum()
    }

    /// What groups open to whom it may be of the Internet, with the lines: for
    /// addresses of IPv6 as well, which no subnet here has.
    pub(crate) fn open(&self) -> impl Iterator<Item = (&Group, &At, &Ports, Range)> {
        let rules = self.all.iter().flat_map(|group| group.into.iter().map(move |rule| (group, rule)));
        rules.filter_map(|(group, rule)| match rule.peer {
            Peer::Net(net) => Some((group, &rule.at, &rule.ports, net)),
            Peer::Group(_) => None,
        })
    }

    /// What may pass between members of groups and somebody.
    pub(crate) fn hop(&self, members: &[usize], is_out: bool, other: Other<'_>) -> Hop {
        if members.is_empty() {
            return Hop::free(Layer::Group, "it is of no group");
        }
        let held = || members.iter().filter_map(|at| self.all.get(*at));
        let (mut ports, mut hits) = (Ports::none(), Vec::new());
        for group in held() {
            let rules = if is_out { &group.out_of } else { &group.into };
            let fits = |rule: &&Rule| match rule.peer {
                Peer::Net(net) => net.contains(other.piece),
                Peer::Group(group) => other.groups.contains(&group),
            };
            for rule in rules.iter().filter(fits) {
                ports = ports.or(&rule.ports);
                let words = format!("group {}", shown(&group.name));
                hits.push(Hit { at: rule.at.clone(), allows: true, ports: rule.ports.clone(), words });
            }
        }
        let names: Vec<String> = held().map(|group| shown(&group.name)).collect();
        let what = format!("{} {}", if is_out { "out of" } else { "into" }, names.join(" or "));
        let whole = held().next().map(|group| group.at.clone());
        Hop { layer: Layer::Group, what, ports, hits, whole, is_reply: false }
    }
}
