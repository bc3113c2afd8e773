//! What the planet file wants of one region: which flows must work, and which
//! may. Every other is denied.
//!
//! Taken from the planet alone and from what docs/guides/deploy.md promises; it
//! must never look at what was rendered, or a mistake there would prove itself.

use crate::atoms::{Range, cut};
use crate::ports::{Ports, Protocol};
use planet::law::Laws;
use planet::{BalancerKind, Flow, Planet};
use std::collections::{BTreeMap, BTreeSet};

/// What a flow may name that is no tier.
pub(crate) const INTERNET: &str = "internet";
pub(crate) const DNS: &str = "dns";

/// What is on no Internet: private networks, those of carriers, and the addresses
/// of one link, where clouds keep their credentials.
const PRIVATE: [&str; 7] =
    ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"];
/// Where nobody is: this host, loopback, many at once, and what is reserved.
const NOWHERE: [&str; 7] = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "ff00::/8"];

/// What stands at an end of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// Everybody outside.
    Internet,
    /// Whoever answers names.
    Dns,
    /// Who measures.
    Prometheus,
    /// The program, in the tiers that the planet puts it in.
    Program,
    /// A pod of the namespace with the labels of tiers, or without one.
    Pod(BTreeSet<String>),
    /// A pod of another namespace.
    Stranger,
    /// The addresses of a tier.
    Net(String),
    /// The addresses of other regions.
    Regions,
    /// Private addresses that the planet says nothing of.
    Private,
}

impl Who {
    /// Whether it is known by its address alone.
    pub(crate) const fn is_address(&self) -> bool {
        matches!(self, Self::Internet | Self::Net(_) | Self::Regions | Self::Private)
    }

    const fn is_inside(&self) -> bool {
        matches!(self, Self::Program | Self::Pod(_))
    }
}

/// What a path must let through, and what it may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) must: Ports,
    pub(crate) may: Ports,
}

impl Wish {
    fn add(&mut self, ports: &Ports) {
        self.must = self.must.or(ports);
        self.may = self.may.or(ports);
    }
}

/// What the planet wants of a region.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'p> {
    flows: &'p [Flow],
    /// The tiers that the program stands in.
    pub(crate) ours: BTreeSet<&'p str>,
    /// Every tier that the planet names.
    pub(crate) tiers: BTreeSet<&'p str>,
    /// The addresses of each tier, in this region.
    pub(crate) nets: BTreeMap<&'p str, Vec<Range>>,
    /// Those of other regions, each with its region.
    pub(crate) elsewhere: Vec<(Range, &'p str)>,
    /// The residency classes whose records may be here and not in a region.
    barred: BTreeMap<&'p str, Vec<&'p str>>,
    /// Where balancers stand.
    balancers: Vec<Range>,
}

impl<'p> Wanted<'p> {
    pub(crate) fn new(planet: &'p Planet, region: &str) -> Self {
        let network = planet.network.as_ref();
        let flows: &[Flow] = network.map_or(&[], |network| network.flow.as_slice());
        let first = planet.region.first().map(|region| region.id.as_str());
        let (mut nets, mut elsewhere) = (BTreeMap::<&str, Vec<Range>>::new(), Vec::new());
        let subnets = network.map_or(&[][..], |network| network.subnet.as_slice());
        for subnet in subnets {
            // A subnet that names no region is the first one's.
            let of = subnet.region.as_ref().map(|name| name.as_str()).or(first).unwrap_or_default();
            if of == region {
                nets.entry(subnet.tier.as_str()).or_default().push(subnet.net.value.into());
            } else {
                elsewhere.push((subnet.net.value.into(), of));
            }
        }
        let is_tier = |name: &&str| *name != INTERNET && *name != DNS;
        let ends = flows.iter().flat_map(|flow| [flow.from.as_str(), flow.to.as_str()]);
        let tiers = ends.filter(is_tier).chain(nets.keys().copied()).collect();
        let mut wanted = Self {
            flows,
            ours: ours(flows),
            tiers,
            nets,
            elsewhere,
            barred: barred(planet, region),
            balancers: Vec::new(),
        };
        for balancer in network.map_or(&[][..], |network| network.balancer.as_slice()) {
            let stands_here = balancer.region.as_ref().is_none_or(|name| name.as_str() == region);
            if balancer.kind.value == BalancerKind::Global || !stands_here {
                continue;
            }
            let zones: BTreeSet<&str> = balancer.zones.iter().map(|zone| zone.as_str()).collect();
            let of_zone = |zone: Option<&str>| zones.is_empty() || zone.is_none_or(|zone| zones.contains(zone));
            let here = subnets.iter().filter(|subnet| {
                let of_region = subnet.region.as_ref().map(|name| name.as_str()).or(first) == Some(region);
                of_region
                    && subnet.tier.as_str() == balancer.tier.as_str()
                    && of_zone(subnet.zone.as_ref().map(|zone| zone.as_str()))
            });
            wanted.balancers.extend(here.map(|subnet| Range::from(subnet.net.value)));
        }
        wanted
    }

    /// The ports at which the Internet comes to the program; every one when a flow
    /// names none.
    pub(crate) fn entry(&self) -> Option<Ports> {
        let arrives = self.flows.iter().filter(|flow| is_entry(flow));
        arrives.map(|flow| ports(flow).and(&Ports::every(Protocol::Tcp))).reduce(|all, more| all.or(&more))
    }

    /// The addresses of somebody, in pieces that no edge divides.
    pub(crate) fn pieces(&self, who: &Who, edges: &[Range]) -> Vec<Range> {
        let known = |texts: &[&str]| texts.iter().filter_map(|text| Range::parse(text)).collect::<Vec<_>>();
        let (private, nowhere) = (known(&PRIVATE), known(&NOWHERE));
        let ours: Vec<Range> = self.nets.values().flatten().copied().collect();
        let elsewhere: Vec<Range> = self.elsewhere.iter().map(|(net, _)| *net).collect();
        match who {
            Who::Internet => {
                let except = [private, nowhere, ours, elsewhere].concat();
                cut(&known(&["0.0.0.0/0", "::/0"]), &except, edges)
            }
            Who::Private => cut(&private, &[ours, elsewhere].concat(), edges),
            Who::Regions => cut(&elsewhere, &ours, edges),
            Who::Net(tier) => cut(self.nets.get(tier.as_str()).map_or(&[], Vec::as_slice), &[], edges),
            _ => Vec::new(),
        }
    }

    /// Every network that the planet says something about.
    pub(crate) fn edges(&self) -> Vec<Range> {
        let elsewhere = self.elsewhere.iter().map(|(net, _)| net);
        self.nets.values().flatten().chain(elsewhere).chain(&self.balancers).copied().collect()
    }

    /// The other region that addresses are of, and the classes whose records may be
    /// here and not there.
    pub(crate) fn region_at(&self, piece: Range) -> Option<(&'p str, &[&'p str])> {
        let region = self.elsewhere.iter().find(|(net, _)| net.contains(piece))?.1;
        Some((region, self.barred.get(region).map_or(&[], Vec::as_slice)))
    }

    /// What flows from one to another, by the names that they have in the planet.
    pub(crate) fn named(&self, from: &str, to: &str) -> Ports {
        let own = self.flows.iter().filter(|flow| flow.from.as_str() == from && flow.to.as_str() == to);
        own.map(ports).fold(Ports::none(), |all, more| all.or(&more))
    }

    /// Whether somebody is what a flow names.
    fn is(&self, who: &Who, name: &str) -> bool {
        match who {
            Who::Internet => name == INTERNET,
            Who::Dns => name == DNS,
            Who::Program => self.ours.contains(name),
            Who::Pod(tiers) => tiers.contains(name),
            Who::Net(tier) => tier == name,
            Who::Prometheus | Who::Stranger | Who::Regions | Who::Private => false,
        }
    }

    /// What must work from one to another; `listens` is where the program does.
    /// `piece` is where the first stands, when it is known by its address.
    pub(crate) fn wish(&self, from: &Who, piece: Option<Range>, to: &Who, listens: &Ports) -> Wish {
        let mut wish = Wish::default();
        let is_balancer = piece.is_some_and(|piece| self.balancers.iter().any(|net| net.contains(piece)));
        for flow in self.flows {
            let ports = ports(flow);
            let enters = flow.from.as_str() == INTERNET;
            // What balancers hand on comes from where they stand.
            let from_here = self.is(from, flow.from.as_str()) || (enters && is_balancer);
            if !from_here || !self.is(to, flow.to.as_str()) {
                continue;
            }
            wish.add(&ports);
            // Behind a Service the program listens at a port of its own.
            if is_entry(flow) && *to == Who::Program {
                wish.add(listens);
            }
        }
        if *to == Who::Program && (*from == Who::Prometheus || (self.entry().is_none() && from.is_inside())) {
            wish.add(listens);
        }
        wish
    }

    /// Whether the planet says that a tier has a flow of its own: a name for people.
    pub(crate) fn words(&self, from: &Who, to: &Who) -> Option<String> {
        let flow = self.flows.iter().find(|flow| self.is(from, flow.from.as_str()) && self.is(to, flow.to.as_str()))?;
        Some(format!("{} to {} at {}", flow.from.as_str(), flow.to.as_str(), ports(flow)))
    }
}

/// For each region, the residency classes whose records may be in one and not in
/// the other.
pub(crate) fn barred<'p>(planet: &'p Planet, region: &str) -> BTreeMap<&'p str, Vec<&'p str>> {
    let mut barred = BTreeMap::<&str, Vec<&str>>::new();
    let laws = Laws::new(planet);
    for class in planet.data.iter().flat_map(|data| &data.class) {
        let keeps: Vec<(&str, bool)> =
            planet.region.iter().map(|region| region.id.as_str()).zip(laws.keeps(class)).collect();
        if keeps.iter().any(|(id, keeps)| *id == region && *keeps) {
            for (id, _) in keeps.into_iter().filter(|(_, keeps)| !keeps) {
                barred.entry(id).or_default().push(class.name.as_str());
            }
        }
    }
    barred
}

/// The program's processes stand where flows from the Internet arrive, and in the
/// first tier that those go on to: gateways and hosts are one process.
fn ours(flows: &[Flow]) -> BTreeSet<&str> {
    let is_tier = |name: &&str| *name != INTERNET && *name != DNS;
    let mut ours: BTreeSet<&str> = flows.iter().filter(|flow| is_entry(flow)).map(|flow| flow.to.as_str()).collect();
    let next = flows.iter().filter(|flow| ours.contains(flow.from.as_str())).map(|flow| flow.to.as_str()).find(is_tier);
    ours.extend(next);
    ours
}

/// Whether a flow brings agents to the program.
fn is_entry(flow: &Flow) -> bool {
    let to = flow.to.as_str();
    flow.from.as_str() == INTERNET && to != INTERNET && to != DNS && flow.protocol.value != planet::Protocol::Udp
}

fn ports(flow: &Flow) -> Ports {
    let protocols: &[Protocol] = match flow.protocol.value {
        planet::Protocol::Tcp => &[Protocol::Tcp],
        planet::Protocol::Udp => &[Protocol::Udp],
        planet::Protocol::Any => &[Protocol::Tcp, Protocol::Udp],
    };
    let of = |protocol: &Protocol| match flow.ports.as_slice() {
        [] => Ports::every(*protocol),
        ports => ports.iter().fold(Ports::none(), |all, port| all.or(&Ports::one(*protocol, port.value))),
    };
    protocols.iter().map(of).fold(Ports::none(), |all, more| all.or(&more))
}
