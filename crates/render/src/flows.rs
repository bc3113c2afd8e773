//! The flows that a planet says must work, with the addresses that their ends
//! have in one region. Every other is denied.
//!
//! A flow names tiers. Gateways stand where flows from the Internet arrive, and
//! hosts in the first tier that those go on to. Where no gateway runs apart, a
//! host is of both.

use crate::Place;
use planet::{Balancer, BalancerKind, Flow, Network, Planet, Protocol, Subnet};
use std::collections::BTreeSet;
use vocab::Net4;

/// What a flow may name that is no tier.
const INTERNET: &str = "internet";
const DNS: &str = "dns";

/// An end of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End<'a> {
    /// Everybody outside.
    Internet,
    /// Whoever answers names.
    Dns,
    /// A tier, and its addresses in the region.
    Tier(&'a str, Vec<Net4>),
}

/// A flow that must work.
#[derive(Debug, Clone)]
pub(crate) struct Way<'a> {
    /// Where connections begin.
    pub(crate) from: End<'a>,
    /// Where they go.
    pub(crate) to: End<'a>,
    /// The ports that they go to; all when there is none.
    pub(crate) ports: Vec<u16>,
    /// By these protocols.
    pub(crate) protocols: &'static [&'static str],
    /// The same in words.
    pub(crate) words: String,
}

/// The flows of a region.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flows<'a> {
    /// In the order of the file.
    pub(crate) ways: Vec<Way<'a>>,
    /// The tiers that flows from the Internet arrive in: those of gateways.
    pub(crate) front: BTreeSet<&'a str>,
    /// The first tier that those go on to, and the first port of that flow: where
    /// hosts stand, and where gateways come to them.
    pub(crate) behind: Option<(&'a str, Option<u16>)>,
    /// The ports that the Internet reaches them at.
    pub(crate) entry: BTreeSet<u16>,
    /// Where balancers stand, through which it does.
    pub(crate) balancers: BTreeSet<Net4>,
}

/// Where TLS is when a flow from the Internet names no port.
pub(crate) const HTTPS: u16 = 443;

impl<'a> Flows<'a> {
    pub(crate) fn new(planet: &'a Planet, place: &Place<'_>) -> Self {
        let Some(network) = &planet.network else { return Self::default() };
        let ways: Vec<Way<'a>> = network.flow.iter().map(|flow| way(planet, network, place, flow)).collect();
        let tier = |end: &End<'a>| if let End::Tier(name, _) = end { Some(*name) } else { None };
        let from_outside = |way: &&Way<'a>| way.from == End::Internet && way.protocols.contains(&"TCP");
        let front: BTreeSet<&str> = ways.iter().filter(from_outside).filter_map(|way| tier(&way.to)).collect();
        let goes_on = |way: &&Way<'a>| tier(&way.from).is_some_and(|from| front.contains(from));
        let port = |way: &Way<'a>| way.ports.first().copied().filter(|_| way.protocols.contains(&"TCP"));
        let behind = ways.iter().filter(goes_on).find_map(|way| Some((tier(&way.to)?, port(way))));
        let arrives = ways.iter().filter(from_outside).filter(|way| tier(&way.to).is_some());
        let entry =
            arrives.flat_map(|way| if way.ports.is_empty() { vec![HTTPS] } else { way.ports.clone() }).collect();
        let balancers = network.balancer.iter().flat_map(|balancer| stands(planet, network, place, balancer)).collect();
        Self { ways, front, behind, entry, balancers }
    }

    /// The tiers of a host.
    pub(crate) fn of_hosts(&self, has_gateways: bool) -> BTreeSet<&'a str> {
        let behind = self.behind.map(|(tier, _)| tier);
        // Where nothing is behind, hosts stand beside their gateways.
        let front = self.front.iter().copied().filter(|_| !has_gateways || behind.is_none());
        front.chain(behind).collect()
    }

    /// Whether a flow lets one of these tiers ask for names.
    pub(crate) fn have_names(&self, tiers: &BTreeSet<&str>) -> bool {
        let may = |tier: &&str| {
            self.ways.iter().any(|way| way.to == End::Dns && matches!(&way.from, End::Tier(from, _) if from == tier))
        };
        tiers.iter().any(may)
    }
}

fn way<'a>(planet: &'a Planet, network: &'a Network, place: &Place<'_>, flow: &'a Flow) -> Way<'a> {
    let end = |name: &'a str| match name {
        INTERNET => End::Internet,
        DNS => End::Dns,
        tier => End::Tier(tier, nets(planet, network, place, tier)),
    };
    let ports: Vec<u16> = flow.ports.iter().map(|port| port.value).collect();
    let protocols: &[&str] = match flow.protocol.value {
        Protocol::Tcp => &["TCP"],
        Protocol::Udp => &["UDP"],
        Protocol::Any => &["TCP", "UDP"],
    };
    let at = if ports.is_empty() { "every port".to_owned() } else { format!("{ports:?}") };
    let words = format!("{} to {} at {at}, {}", flow.from.as_str(), flow.to.as_str(), flow.protocol.value);
    Way { from: end(flow.from.as_str()), to: end(flow.to.as_str()), ports, protocols, words }
}

/// The addresses of a tier in a region.
fn nets(planet: &Planet, network: &Network, place: &Place<'_>, tier: &str) -> Vec<Net4> {
    subnets(planet, network, place, tier).map(|subnet| subnet.net.value).collect()
}

/// Where a balancer stands in a region: in the zones that it names, or in all. A
/// global one stands before all regions, and in none.
fn stands(planet: &Planet, network: &Network, place: &Place<'_>, balancer: &Balancer) -> Vec<Net4> {
    let is_here = balancer.region.as_ref().is_none_or(|region| region.as_str() == place.id());
    if balancer.kind.value == BalancerKind::Global || !is_here {
        return Vec::new();
    }
    let in_zone = |subnet: &&Subnet| {
        let zone = subnet.zone.as_ref().map(|zone| zone.as_str());
        balancer.zones.is_empty() || zone.is_none_or(|zone| balancer.zones.iter().any(|own| own.as_str() == zone))
    };
    let tier = balancer.tier.as_str();
    subnets(planet, network, place, tier).filter(in_zone).map(|subnet| subnet.net.value).collect()
}

/// The subnets of a tier in a region. One that names no region is the first one's.
fn subnets<'n>(
    planet: &Planet,
    network: &'n Network,
    place: &Place<'_>,
    tier: &str,
) -> impl Iterator<Item = &'n Subnet> {
    let first = planet.region.first().map(|region| region.id.as_str());
    let of_region = move |subnet: &&Subnet| {
        let region = subnet.region.as_ref().map(|region| region.as_str()).or(first);
        subnet.tier.as_str() == tier && region == Some(place.id())
    };
    network.subnet.iter().filter(of_region)
}
