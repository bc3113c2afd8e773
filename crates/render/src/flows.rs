//! The flows that a planet says must work, with the addresses that their ends
//! have in one region. Every other is denied.
//!
//! A flow names tiers. The program's processes stand where flows from the
//! Internet arrive, and in the first tier that those go on to: gateways and
//! hosts are one process today, so it is of both.

use crate::Place;
use planet::{BalancerKind, Flow, Network, Planet, Protocol};
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
    /// The tiers that the program's processes stand in.
    pub(crate) ours: BTreeSet<&'a str>,
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
        let mut ours: BTreeSet<&str> = ways.iter().filter(from_outside).filter_map(|way| tier(&way.to)).collect();
        let goes_on = |way: &&Way<'a>| tier(&way.from).is_some_and(|from| ours.contains(from));
        let next = ways.iter().filter(goes_on).find_map(|way| tier(&way.to));
        let arrives = ways.iter().filter(from_outside).filter(|way| tier(&way.to).is_some());
        let entry =
            arrives.flat_map(|way| if way.ports.is_empty() { vec![HTTPS] } else { way.ports.clone() }).collect();
        ours.extend(next);
        let stands = |kind: BalancerKind| kind != BalancerKind::Global;
        let balancers = network.balancer.iter().filter(|balancer| stands(balancer.kind.value));
        let balancers = balancers.flat_map(|balancer| nets(planet, network, place, balancer.tier.as_str())).collect();
        Self { ways, ours, entry, balancers }
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

/// The addresses of a tier in a region. A subnet that names no region is the
/// first one's.
fn nets(planet: &Planet, network: &Network, place: &Place<'_>, tier: &str) -> Vec<Net4> {
    let first = planet.region.first().map(|region| region.id.as_str());
    let of_region = |subnet: &&planet::Subnet| {
        let region = subnet.region.as_ref().map(|region| region.as_str()).or(first);
        subnet.tier.as_str() == tier && region == Some(place.id())
    };
    network.subnet.iter().filter(of_region).map(|subnet| subnet.net.value).collect()
}
