//! Network ACLs: which packets pass into and out of a subnet. They keep nothing
//! in mind, so a connection needs its replies to pass as well, and rules are asked
//! in the order of their numbers: the first that fits decides.

use crate::atoms::Range;
use crate::ports::{Ports, Protocol};
use crate::read::form::shown;
use crate::report::{At, Kind, Layer};
use crate::terraform::hop::{Hit, Hop};
use crate::terraform::item::{Part, Tell};
use crate::terraform::network::Network;
use crate::terraform::root::Root;

/// Where replies go: any port that a connection may begin at.
const REPLIES: (u16, u16) = (1_024, u16::MAX);
/// The last number that a rule of ours may have.
const LAST_NUMBER: i64 = 32_766;

/// Which way a packet goes, as its subnet sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Into,
    OutOf,
}

#[derive(Debug)]
struct Rule {
    number: i64,
    at: At,
    allows: bool,
    ports: Ports,
    net: Range,
}

#[derive(Debug)]
struct Acl {
    at: At,
    name: String,
    into: Vec<Rule>,
    out_of: Vec<Rule>,
}

/// The ACL of each subnet; one without has AWS's own, which lets everything pass.
#[derive(Debug, Default)]
pub(crate) struct Acls {
    acls: Vec<Acl>,
    of_subnet: Vec<Option<usize>>,
}

pub(crate) fn read(root: &Root, network: &Network<'_>, tell: &mut Tell<'_>) -> Acls {
    let tell = &mut tell.at(Layer::Acl);
    let mut acls = Acls { acls: Vec::new(), of_subnet: vec![None; network.subnets.len()] };
    for item in root.of("aws_network_acl") {
        let part = item.known(&["vpc_id", "subnet_ids", "ingress", "egress"], tell);
        root.led(part, "vpc_id", "aws_vpc", tell);
        for subnet in root.all_led(part, "subnet_ids", "aws_subnet", tell) {
            let held = network.subnet(&subnet.name).and_then(|at| acls.of_subnet.get_mut(at));
            if let Some(held) = held
                && held.replace(acls.acls.len()).is_some()
            {
                let what = format!("{} has a second ACL", shown(&subnet.name));
                tell.fail(Kind::Dangling, part.line_of("subnet_ids"), what);
            }
        }
        let mut side = |name: &str| {
            let parts = part.parts(name, tell);
            parts.into_iter().filter_map(|rule| read_rule(rule, ["rule_no", "action"], tell)).collect()
        };
        let (into, out_of) = (side("ingress"), side("egress"));
        acls.acls.push(Acl { at: item.at.clone(), name: item.name.clone(), into, out_of });
    }
    for item in root.of("aws_network_acl_rule") {
        let part = item.part();
        let acl = root.led(part, "network_acl_id", "aws_network_acl", tell);
        let is_out = part.truth("egress", tell) == Some(true);
        let rule = read_rule(part, ["rule_number", "rule_action"], tell);
        let acl = acl.and_then(|acl| acls.acls.iter_mut().find(|known| known.name == acl.name));
        if let (Some(acl), Some(rule)) = (acl, rule) {
            if is_out { acl.out_of.push(rule) } else { acl.into.push(rule) }
        }
    }
    for acl in &mut acls.acls {
        for rules in [&mut acl.into, &mut acl.out_of] {
            rules.sort_by_key(|rule| rule.number);
            let twice = rules.windows(2).find_map(|pair| match pair {
                [one, two] if one.number == two.number => Some(two),
                _ => None,
            });
            if let Some(rule) = twice {
                tell.lost(rule.at.clone(), format!("two rules have the number {}", rule.number));
            }
        }
    }
    acls
}

fn read_rule(part: Part<'_>, [number, action]: [&str; 2], tell: &mut Tell<'_>) -> Option<Rule> {
    let names = [number, action, "protocol", "from_port", "to_port", "cidr_block", "network_acl_id", "egress"];
    part.known("a rule", &[&names], tell);
    let at = part.here();
    let number = part.number(number, tell)?;
    if !(1..=LAST_NUMBER).contains(&number) {
        tell.lost(at.clone(), format!("a rule with the number {number}"));
    }
    let allows = match part.text(action, tell)? {
        "allow" => true,
        "deny" => false,
        other => {
            tell.lost(at, format!("the action `{}` is not known", shown(other)));
            return None;
        }
    };
    let ports = ports(part, "protocol", tell)?;
    let Some(net) = part.get("cidr_block") else {
        tell.lost(at, "a rule without addresses");
        return None;
    };
    let net = part.range(net, tell)?;
    Some(Rule { number, at, allows, ports, net })
}

/// The ports of a rule, in an ACL or a group.
pub(crate) fn ports(part: Part<'_>, protocol: &str, tell: &mut Tell<'_>) -> Option<Ports> {
    let Some(node) = part.get(protocol) else {
        tell.lost(part.here(), format!("a rule without `{protocol}`"));
        return None;
    };
    let said = match &node.value {
        crate::read::hcl::Value::Text(text) => text.to_ascii_lowercase(),
        crate::read::hcl::Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let protocol = match said.as_str() {
        "-1" | "all" => return Some(Ports::all()),
        "tcp" | "6" => Protocol::Tcp,
        "udp" | "17" => Protocol::Udp,
        other => {
            let what = format!("the protocol `{}` is not told apart here", shown(other));
            tell.lost(part.at(node.line), what);
            return None;
        }
    };
    let (first, last) = (part.port("from_port", tell)?, part.port("to_port", tell)?);
    if first > last {
        tell.lost(part.here(), format!("ports from {first} to {last}"));
    }
    Some(Ports::range(protocol, first, last))
}

impl Acls {
    pub(crate) fn edges(&self) -> impl Iterator<Item = Range> {
        self.acls.iter().flat_map(|acl| acl.into.iter().chain(&acl.out_of)).map(|rule| rule.net)
    }

    pub(crate) fn size(&self) -> usize {
        self.acls.iter().map(|acl| acl.into.len().max(acl.out_of.len())).max().unwrap_or(0)
    }

    /// What passes between a subnet and an address, in one direction.
    pub(crate) fn hop(&self, subnet: usize, side: Side, other: Range) -> Hop {
        let Some(acl) = self.of_subnet.get(subnet).copied().flatten().and_then(|at| self.acls.get(at)) else {
            return Hop::free(Layer::Acl, "no ACL is named for this subnet, and AWS's own lets everything pass");
        };
        let rules = if side == Side::Into { &acl.into } else { &acl.out_of };
        let (mut left, mut ports, mut hits) = (Ports::all(), Ports::none(), Vec::new());
        for rule in rules.iter().filter(|rule| rule.net.contains(other)) {
            let hit = rule.ports.and(&left);
            if hit.is_empty() {
                continue;
            }
            left = left.minus(&hit);
            if rule.allows {
                ports = ports.or(&hit);
            }
            let words = format!("rule {}", rule.number);
            hits.push(Hit { at: rule.at.clone(), allows: rule.allows, ports: hit, words });
        }
        let way = if side == Side::Into { "into" } else { "out of" };
        let what = format!("{way} {}", shown(&acl.name));
        Hop { layer: Layer::Acl, what, ports, hits, whole: Some(acl.at.clone()), is_reply: false }
    }

    /// The protocols of which replies pass. They go to where a connection began,
    /// which may be any port that is not kept for services.
    pub(crate) fn replies(&self, subnet: usize, side: Side, other: Range) -> Hop {
        let hop = self.hop(subnet, side, other);
        let pass = [Protocol::Tcp, Protocol::Udp].into_iter().filter(|protocol| {
            let wanted = Ports::range(*protocol, REPLIES.0, REPLIES.1);
            hop.ports.contains(&wanted)
        });
        let ports = pass.fold(Ports::none(), |all, protocol| all.or(&Ports::every(protocol)));
        let sctp = if hop.ports == Ports::all() { Ports::every(Protocol::Sctp) } else { Ports::none() };
        let what = format!("replies {}", hop.what);
        // What decides is what is said of those ports.
        let replies = |hit: &Hit| {
            let protocols = [Protocol::Tcp, Protocol::Udp].into_iter();
            let touched = protocols.filter(|one| !hit.ports.and(&Ports::range(*one, REPLIES.0, REPLIES.1)).is_empty());
            touched.fold(Ports::none(), |all, one| all.or(&Ports::every(one)))
        };
        let hits = hop.hits.iter().map(|hit| Hit { ports: replies(hit), ..hit.clone() });
        let hits = hits.filter(|hit| !hit.ports.is_empty()).collect();
        Hop { what, ports: ports.or(&sctp), hits, is_reply: true, ..hop }
    }
}
