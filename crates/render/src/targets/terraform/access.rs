//! Security groups: who may open a connection to whom.
//!
//! They keep connections in mind, so a flow is a rule at each of its ends and its
//! replies need none. A tier is named by its groups and never by its addresses:
//! what is no member of them has no way in, whatever address it has. Each rule
//! says which flow of the planet it is.

use super::network::ANYWHERE;
use super::root::Root;
use super::site::Site;
use crate::flows::{End, Way};
use crate::hcl::{Block, expression, object, resource};
use vocab::Net4;

const FILE: &str = "access.tf";
const ABOUT: &str = "Who may open a connection to whom: the flows of the planet, and nothing else.";

/// Any port.
const ALL: (u16, u16) = (0, 65_535);

/// The resolver of a network stands at its third address.
const RESOLVER: u32 = 2;

/// Who is at the other end of a rule.
enum Peer {
    Group(String),
    Net(String),
}

pub(super) fn add(site: &Site<'_>, root: &mut Root) {
    for tier in site.tiers() {
        for group in site.groups.get(tier).into_iter().flatten() {
            let what = format!("Guards the tier {tier} of {}", site.scene.name());
            let name = format!("mycel-{}-{}-{group}", site.scene.name(), site.place.id());
            let guard = resource("aws_security_group", group)
                .set("name", name)
                .set("description", what)
                .refer("vpc_id", "aws_vpc.main.id")
                .set("tags", object([("tier", tier.into())]));
            root.add(FILE, ABOUT, [guard]);
        }
    }
    for (number, way) in (1..).zip(&site.flows.ways) {
        into(site, number, way, root);
        out_of(site, number, way, root);
    }
}

/// The address that answers names in a network.
pub(super) fn resolver(vpc: Net4) -> Option<Net4> {
    Net4::new(std::net::Ipv4Addr::from(vpc.first().checked_add(RESOLVER)?), 32)
}

/// The ports of a flow, as the first and the last of each range.
pub(super) fn ranges(way: &Way<'_>) -> Vec<(u16, u16)> {
    if way.ports.is_empty() { vec![ALL] } else { way.ports.iter().map(|port| (*port, *port)).collect() }
}

fn groups<'s>(site: &'s Site<'_>, end: &End<'_>) -> &'s [String] {
    match end {
        End::Tier(tier, _) => site.groups.get(*tier).map_or(&[], Vec::as_slice),
        End::Internet | End::Dns => &[],
    }
}

/// Who a flow's other end is, to a group.
fn peers(site: &Site<'_>, end: &End<'_>) -> Vec<Peer> {
    match end {
        End::Internet => vec![Peer::Net(ANYWHERE.to_owned())],
        End::Dns => site.vpc.and_then(resolver).map(|net| Peer::Net(net.to_string())).into_iter().collect(),
        End::Tier(..) => groups(site, end).iter().cloned().map(Peer::Group).collect(),
    }
}

fn into(site: &Site<'_>, number: u32, way: &Way<'_>, root: &mut Root) {
    // Nobody who answers names begins a connection.
    if way.from == End::Dns {
        return;
    }
    for group in groups(site, &way.to) {
        rules(site, root, ("aws_vpc_security_group_ingress_rule", group), (number, way), &way.from);
    }
}

fn out_of(site: &Site<'_>, number: u32, way: &Way<'_>, root: &mut Root) {
    for group in groups(site, &way.from) {
        rules(site, root, ("aws_vpc_security_group_egress_rule", group), (number, way), &way.to);
    }
}

/// The rules of a flow at one of its ends, in one of its groups.
fn rules(
    site: &Site<'_>,
    root: &mut Root,
    (kind, group): (&str, &str),
    (number, way): (u32, &Way<'_>),
    other: &End<'_>,
) {
    let mut part = 0_u32;
    for peer in peers(site, other) {
        for protocol in way.protocols {
            for (first, last) in ranges(way) {
                part = part.saturating_add(1);
                let label = format!("{group}_flow-{number}-{part}");
                let words = format!("Flow {number}: {}", way.words);
                let rule = rule((kind, &label, group), &words, &peer);
                let rule = rule
                    .set("ip_protocol", protocol.to_lowercase())
                    .set("from_port", u64::from(first))
                    .set("to_port", u64::from(last));
                root.add(FILE, ABOUT, [rule]);
            }
        }
    }
}

fn rule((kind, label, group): (&str, &str, &str), words: &str, peer: &Peer) -> Block {
    // AWS takes 255 letters, and a flow with many ports has more.
    let words: String = words.chars().take(255).collect();
    let rule = resource(kind, label)
        .set("security_group_id", expression(format!("aws_security_group.{group}.id")))
        .set("description", words);
    match peer {
        Peer::Group(other) => {
            rule.set("referenced_security_group_id", expression(format!("aws_security_group.{other}.id")))
        }
        Peer::Net(net) => rule.set("cidr_ipv4", net.as_str()),
    }
}
