//! A region as its files see it: its subnets with what they are called, which
//! groups guard which tier, and where the program stands.

use super::aws::{label, machine};
use crate::flows::{End, Flows, HTTPS};
use crate::{Place, Refused, Scene, Tree, program};
use planet::{Balancer, BalancerKind, Nat, Network};
use std::collections::BTreeMap;
use vocab::Net4;

/// A region of AWS.
pub(super) struct Site<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) place: &'a Place<'a>,
    /// What AWS calls the region.
    pub(super) aws: &'a str,
    pub(super) network: Option<&'a Network>,
    pub(super) vpc: Option<Net4>,
    pub(super) flows: Flows<'a>,
    pub(super) subnets: Vec<Subnet<'a>>,
    /// The groups that guard each tier: those of the planet, or one of ours.
    pub(super) groups: BTreeMap<&'a str, Vec<String>>,
    pub(super) door: Option<Door<'a>>,
    /// The type of the host's machine and its processor.
    pub(super) machine: Option<(String, &'static str)>,
}

/// A subnet.
pub(super) struct Subnet<'a> {
    /// What the files call it.
    pub(super) label: String,
    pub(super) tier: &'a str,
    pub(super) zone: Option<&'a str>,
    pub(super) net: Net4,
    pub(super) is_public: bool,
}

/// Where agents come in, and where the program stands behind that.
pub(super) struct Door<'a> {
    /// The tier that the Internet reaches; balancers stand in it.
    pub(super) front: &'a str,
    /// At these ports.
    pub(super) ports: Vec<u16>,
    /// The tier that it goes on to; the host stands in it.
    pub(super) back: &'a str,
    /// At this port.
    pub(super) port: u16,
}

impl<'a> Site<'a> {
    /// A region, when it is one of AWS.
    pub(super) fn new(scene: &'a Scene<'a>, place: &'a Place<'a>, tree: &mut Tree) -> Result<Option<Self>, Refused> {
        let Some(aws) = region_of(place, tree) else { return Ok(None) };
        let network = scene.planet.network.as_ref();
        let subnets = subnets(scene, place);
        if subnets.is_empty() {
            tree.note(format!(
                "{}: the planet names no subnets here, so Terraform has no network, no machines and no balancers for it",
                place.id()
            ));
        }
        let flows = Flows::new(scene.planet, place);
        let groups = groups(network, &subnets);
        let vpc = network.filter(|_| !subnets.is_empty());
        let vpc = vpc.map(|network| place.region.vpc.as_ref().unwrap_or(&network.vpc).value);
        let machine = machine(scene.planet.compute.host.as_str());
        let door = door(&flows, &groups);
        Ok(Some(Self { scene, place, aws, network, vpc, flows, subnets, groups, door, machine }))
    }

    /// The subnets of a tier.
    pub(super) fn of_tier(&self, tier: &str) -> impl Iterator<Item = &Subnet<'a>> {
        self.subnets.iter().filter(move |subnet| subnet.tier == tier)
    }

    /// The tiers, each once, in the order of the file.
    pub(super) fn tiers(&self) -> Vec<&'a str> {
        let mut tiers: Vec<&str> = Vec::new();
        for subnet in &self.subnets {
            if !tiers.contains(&subnet.tier) {
                tiers.push(subnet.tier);
            }
        }
        tiers
    }

    /// The groups that guard a tier, as the files refer to them.
    pub(super) fn guards(&self, tier: &str) -> Vec<String> {
        let groups = self.groups.get(tier).map_or(&[][..], Vec::as_slice);
        groups.iter().map(|group| format!("aws_security_group.{group}.id")).collect()
    }

    /// Whether a tier has a flow to the Internet.
    pub(super) fn goes_out(&self, tier: &str) -> bool {
        let out = |way: &&crate::flows::Way<'_>| matches!(&way.from, End::Tier(from, _) if *from == tier);
        self.flows.ways.iter().filter(out).any(|way| way.to == End::Internet)
    }

    /// Whether a tier has addresses of the Internet.
    pub(super) fn is_public(&self, tier: &str) -> bool {
        self.of_tier(tier).any(|subnet| subnet.is_public)
    }

    /// How private subnets go out.
    pub(super) fn nat(&self) -> Nat {
        self.network.map_or(Nat::None, |network| network.nat.value)
    }

    /// The balancers of a kind that stand here, with what the files call them.
    pub(super) fn balancers(&self, kind: BalancerKind) -> Vec<(String, &'a Balancer)> {
        balancers(self.network, Some(self.place.id()), kind)
    }
}

/// The balancers of a kind that stand in a region, or anywhere, with what the
/// files call them.
pub(super) fn balancers<'a>(
    network: Option<&'a Network>,
    region: Option<&str>,
    kind: BalancerKind,
) -> Vec<(String, &'a Balancer)> {
    let mut named: Vec<(String, &Balancer)> = Vec::new();
    for balancer in network.iter().flat_map(|network| &network.balancer) {
        let wanted = label(balancer.name.as_str());
        let name = unique(&wanted, |name| named.iter().any(|(taken, _)| taken == name));
        named.push((name, balancer));
    }
    let is_here = |of: &Balancer| {
        let at = of.region.as_ref().map(|of| of.as_str());
        at.is_none() || region.is_none() || at == region
    };
    named.retain(|(_, balancer)| balancer.kind.value == kind && is_here(balancer));
    named
}

/// A name that is not taken yet.
pub(super) fn unique(wanted: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut name = wanted.to_owned();
    let mut number = 2_u32;
    while is_taken(&name) {
        name = format!("{wanted}_{number}");
        number = number.saturating_add(1);
    }
    name
}

/// What AWS calls the region of a place: as the planet says, or as its zones do.
pub(super) fn aws_region<'a>(place: &Place<'a>) -> Option<&'a str> {
    if place.region.provider.as_str() != "aws" {
        return None;
    }
    let said = place.region.provider_regions.first().map(|region| region.as_str());
    let zone = place.region.zones.first().map(|zone| zone.as_str());
    said.or_else(|| zone.map(|zone| zone.trim_end_matches(|c: char| c.is_ascii_lowercase())))
}

fn region_of<'a>(place: &Place<'a>, tree: &mut Tree) -> Option<&'a str> {
    let (id, provider) = (place.id(), place.region.provider.as_str());
    if provider != "aws" {
        tree.note(format!("{id}: its provider is `{provider}`, and Terraform is rendered for `aws`"));
        return None;
    }
    let found = aws_region(place);
    if found.is_none() {
        tree.note(format!("{id}: the planet does not say which region of AWS it is, so Terraform has nothing for it"));
    }
    if let [first, _, ..] = place.region.provider_regions.as_slice() {
        tree.note(format!("{id}: of its regions of AWS, Terraform has `{}` alone", first.as_str()));
    }
    found
}

fn subnets<'a>(scene: &'a Scene<'a>, place: &Place<'_>) -> Vec<Subnet<'a>> {
    let first = scene.planet.region.first().map(|region| region.id.as_str());
    let mut found: Vec<Subnet<'a>> = Vec::new();
    for subnet in scene.planet.network.iter().flat_map(|network| &network.subnet) {
        let region = subnet.region.as_ref().map(|region| region.as_str()).or(first);
        if region != Some(place.id()) {
            continue;
        }
        let tier = subnet.tier.as_str();
        let number = 1 + found.iter().filter(|other| other.tier == tier).count();
        found.push(Subnet {
            label: format!("{}_{number}", label(tier)),
            tier,
            zone: subnet.zone.as_ref().map(|zone| zone.as_str()),
            net: subnet.net.value,
            is_public: subnet.public.value,
        });
    }
    found
}

/// Every group of the planet whose tier is here, and one for each tier that none
/// of them guards.
fn groups<'a>(network: Option<&'a Network>, subnets: &[Subnet<'a>]) -> BTreeMap<&'a str, Vec<String>> {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut taken: Vec<String> = Vec::new();
    for group in network.iter().flat_map(|network| &network.group) {
        let tier = group.tier.as_str();
        if subnets.iter().any(|subnet| subnet.tier == tier) {
            let name = unique(&label(group.name.as_str()), |name| taken.iter().any(|taken| taken == name));
            taken.push(name.clone());
            groups.entry(tier).or_default().push(name);
        }
    }
    for subnet in subnets {
        if !groups.contains_key(subnet.tier) {
            let name = unique(&label(subnet.tier), |name| taken.iter().any(|taken| taken == name));
            taken.push(name.clone());
            groups.insert(subnet.tier, vec![name]);
        }
    }
    groups
}

/// The first flow from the Internet by TCP, and the first that goes on from
/// there.
fn door<'a>(flows: &Flows<'a>, groups: &BTreeMap<&'a str, Vec<String>>) -> Option<Door<'a>> {
    let is_tcp = |way: &&crate::flows::Way<'a>| way.protocols.contains(&"TCP");
    let tier = |end: &End<'a>| match end {
        End::Tier(tier, _) if groups.contains_key(tier) => Some(*tier),
        _ => None,
    };
    let mut arrive = flows.ways.iter().filter(is_tcp).filter(|way| way.from == End::Internet);
    let front = arrive.find_map(|way| tier(&way.to))?;
    let behind = |way: &&crate::flows::Way<'a>| tier(&way.from) == Some(front) && tier(&way.to) != Some(front);
    let (back, way) =
        flows.ways.iter().filter(is_tcp).filter(behind).find_map(|way| tier(&way.to).map(|tier| (tier, way)))?;
    let port = way.ports.first().copied().unwrap_or(program::PORT);
    let here = flows.ways.iter().filter(is_tcp).filter(|way| way.from == End::Internet && tier(&way.to) == Some(front));
    let mut ports: Vec<u16> = Vec::new();
    for port in here.flat_map(|way| if way.ports.is_empty() { vec![HTTPS] } else { way.ports.clone() }) {
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    Some(Door { front, ports, back, port })
}
