//! Tiers: where their subnets stand, and what needs them.

use super::{DNS, INTERNET, home};
use crate::At;
use crate::file::value::Name;
use crate::finding::{Report, Severity};
use crate::lint::{Facts, Lint};
use crate::model::{BalancerKind, Subnet};
use std::collections::{BTreeMap, BTreeSet};

pub(super) static UNKNOWN_PLACE: Lint = Lint {
    code: "MY0507",
    severity: Severity::Error,
    title: "something in a region or zone that is not there",
    why: "Subnets and load balancers are made in a zone of a region of this planet. A name that is none of them is refused by the cloud, or makes something in a place that nobody meant.",
    hint: "name a region of this file, and a zone that it lists",
    look: unknown_place,
};

fn unknown_place(facts: &Facts<'_>, report: &mut Report) {
    let Some(network) = &facts.planet.network else { return };
    let mut zones: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut all_zones: BTreeSet<&str> = BTreeSet::new();
    for region in &facts.planet.region {
        zones.extend(region.zones.iter().map(|zone| (region.id.as_str(), zone.as_str())));
        all_zones.extend(region.zones.iter().map(|zone| zone.as_str()));
    }
    let subnet_regions = network.subnet.iter().filter_map(|subnet| subnet.region.as_ref());
    let balancer_regions = network.balancer.iter().filter_map(|balancer| balancer.region.as_ref());
    for id in subnet_regions.chain(balancer_regions).filter(|id| facts.region(id.as_str()).is_none()) {
        report.add(&UNKNOWN_PLACE, format!("`{}` is no region of this planet", id.value)).at(id.span, "");
    }
    let subnets = network.subnet.iter().filter_map(|subnet| Some((subnet.zone.as_ref()?, home(facts, subnet)?)));
    let balancers = network.balancer.iter().filter_map(|balancer| {
        let region = facts.region(balancer.region.as_ref()?.as_str())?;
        Some(balancer.zones.iter().map(move |zone| (zone, region)))
    });
    for (zone, region) in subnets.chain(balancers.flatten()) {
        if !region.zones.is_empty() && !zones.contains(&(region.id.as_str(), zone.as_str())) {
            report
                .add(&UNKNOWN_PLACE, format!("`{}` is no zone of `{}`", zone.value, region.id.value))
                .at(zone.span, "this zone")
                .at(region.zones[0].span, format!("the zones of `{}`", region.id.value));
        }
    }
    if facts.planet.region.iter().all(|region| !region.zones.is_empty()) {
        let everywhere = network.balancer.iter().filter(|balancer| balancer.region.is_none());
        let unknown = |zone: &&At<Name>| !all_zones.contains(zone.as_str());
        for zone in everywhere.flat_map(|balancer| &balancer.zones).filter(unknown) {
            report.add(&UNKNOWN_PLACE, format!("`{}` is a zone of no region", zone.value)).at(zone.span, "");
        }
    }
}

/// The zones of one tier in one region.
#[derive(Default)]
pub(super) struct Spread<'a> {
    pub(super) zones: BTreeMap<&'a str, &'a At<Name>>,
    /// Some subnet does not say its zone, so it may be in any.
    anywhere: bool,
}

impl<'a> Spread<'a> {
    /// The only zone, if that is known to be all.
    fn only_zone(&self) -> Option<&'a At<Name>> {
        let mut zones = self.zones.values();
        let only = zones.next().filter(|_| !self.anywhere)?;
        zones.next().is_none().then_some(*only)
    }
}

/// By tier, and then by region.
pub(super) type Spreads<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Spread<'a>>>;

/// The zones of those subnets that are asked for.
pub(super) fn spreads<'a>(facts: &Facts<'a>, which: impl Fn(&Subnet) -> bool) -> Spreads<'a> {
    let mut found = Spreads::new();
    for subnet in facts.planet.network.iter().flat_map(|network| &network.subnet).filter(|subnet| which(subnet)) {
        let Some(region) = home(facts, subnet) else { continue };
        let spread = found.entry(subnet.tier.as_str()).or_default().entry(region.id.as_str()).or_default();
        match &subnet.zone {
            Some(zone) => _ = spread.zones.entry(zone.as_str()).or_insert(zone),
            None => spread.anywhere = true,
        }
    }
    found
}

pub(super) static BALANCER_IN_ONE_ZONE: Lint = Lint {
    code: "MY0508",
    severity: Severity::Error,
    title: "a load balancer over one zone",
    why: "A load balancer is there so that a zone may fail. Over a single zone it fails with it, and application load balancers of the large clouds cannot be made that way at all.",
    hint: "add a subnet of its tier in a second zone, or name a second zone",
    look: balancer_in_one_zone,
};

fn balancer_in_one_zone(facts: &Facts<'_>, report: &mut Report) {
    let Some(network) = &facts.planet.network else { return };
    let spreads = spreads(facts, |_| true);
    // A balancer of every region is narrow where any region is.
    let narrow: BTreeMap<&str, _> = spreads
        .iter()
        .filter_map(|(tier, regions)| Some((*tier, regions.values().find_map(Spread::only_zone)?)))
        .collect();
    for balancer in network.balancer.iter().filter(|balancer| balancer.kind.value != BalancerKind::Global) {
        let tier = balancer.tier.as_str();
        let only = match (balancer.zones.first(), &balancer.region) {
            (Some(zone), _) => balancer.zones.iter().all(|other| other.value == zone.value).then_some(zone),
            (None, Some(region)) => {
                spreads.get(tier).and_then(|regions| regions.get(region.as_str())).and_then(Spread::only_zone)
            }
            (None, None) => narrow.get(tier).copied(),
        };
        if let Some(zone) = only {
            let what = format!("`{}` stands in the zone `{}` alone", balancer.name.value, zone.value);
            report.add(&BALANCER_IN_ONE_ZONE, what).at(balancer.name.span, "").at(zone.span, "the only zone");
        }
    }
}

pub(super) static NO_SUBNET: Lint = Lint {
    code: "MY0509",
    severity: Severity::Error,
    title: "a tier that no subnet provides",
    why: "Flows, load balancers and security groups name tiers. A tier is where its subnets are; without a subnet there is nowhere that its machines could stand.",
    hint: "add a [[network.subnet]] with this tier, or name a tier that has one",
    look: no_subnet,
};

fn no_subnet(facts: &Facts<'_>, report: &mut Report) {
    let Some(network) = &facts.planet.network else { return };
    let provided: BTreeSet<&str> = network.subnet.iter().map(|subnet| subnet.tier.as_str()).collect();
    let from = network.flow.iter().map(|flow| &flow.from).filter(|tier| tier.as_str() != INTERNET);
    let to = network.flow.iter().map(|flow| &flow.to).filter(|tier| ![INTERNET, DNS].contains(&tier.as_str()));
    let balancers = network.balancer.iter().filter(|balancer| balancer.kind.value != BalancerKind::Global);
    let guarded = network.group.iter().map(|group| &group.tier);
    let mut said = BTreeSet::new();
    for tier in from.chain(to).chain(balancers.map(|balancer| &balancer.tier)).chain(guarded) {
        if !provided.contains(tier.as_str()) && said.insert(tier.as_str()) {
            report
                .add(&NO_SUBNET, format!("no subnet provides the tier `{}`", tier.value))
                .at(tier.span, "needed here");
        }
    }
}

pub(super) static NARROW: Lint = Lint {
    code: "MY0511",
    severity: Severity::Warning,
    title: "a tier in one zone beside tiers in several",
    why: "The other tiers of the region outlive the loss of a zone. If that zone is the only one of this tier, they outlive it with nothing to talk to.",
    hint: "add a subnet of this tier in a second zone",
    look: |facts, report| {
        let spreads = spreads(facts, |_| true);
        let mut wide: BTreeMap<&str, &str> = BTreeMap::new();
        for (tier, regions) in &spreads {
            let several = regions.iter().filter(|(_, spread)| spread.zones.len() > 1);
            wide.extend(several.map(|(region, _)| (*region, *tier)));
        }
        for (tier, regions) in &spreads {
            for (region, spread) in regions {
                let (Some(zone), Some(other)) = (spread.only_zone(), wide.get(region)) else { continue };
                let what = format!(
                    "`{tier}` of `{region}` stands in `{}` alone, while `{other}` has several zones",
                    zone.value
                );
                report.add(&NARROW, what).at(zone.span, "the only zone");
            }
        }
    },
};
