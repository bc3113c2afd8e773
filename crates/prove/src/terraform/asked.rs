//! What the planet asks of the network of one region, as clouds divide it:
//! subnets in zones, how they go out, and what is behind them.

use crate::Intent;
use crate::atoms::Range;
use planet::{BalancerKind, Nat};

/// A subnet of the planet.
#[derive(Debug, Clone)]
pub(crate) struct Asked<'p> {
    pub(crate) net: Range,
    pub(crate) tier: &'p str,
    pub(crate) zone: Option<&'p str>,
    pub(crate) is_public: bool,
}

/// What the planet asks of a region.
#[derive(Debug)]
pub(crate) struct Region<'p> {
    pub(crate) id: &'p str,
    /// What its provider calls the places that it is in.
    pub(crate) provider: Vec<&'p str>,
    pub(crate) vpc: Option<Range>,
    pub(crate) nat: Nat,
    pub(crate) subnets: Vec<Asked<'p>>,
    /// Private ways in, with the addresses behind them.
    pub(crate) vpns: Vec<(&'p str, Range)>,
    /// Kinds of the balancers that stand here.
    pub(crate) balancers: Vec<BalancerKind>,
    pub(crate) has_cluster: bool,
    /// Groups by name, with the tier that each guards.
    pub(crate) groups: Vec<(&'p str, &'p str)>,
}

impl<'p> Region<'p> {
    pub(crate) fn new(intent: &Intent<'p>, id: &str) -> Option<Self> {
        let planet = intent.planet;
        let region = planet.region.iter().find(|region| region.id.as_str() == id)?;
        let first = planet.region.first().map(|region| region.id.as_str());
        let network = planet.network.as_ref();
        let subnets = network.iter().flat_map(|network| &network.subnet);
        let here = subnets.filter(|one| one.region.as_ref().map(|name| name.as_str()).or(first) == Some(id));
        let subnets: Vec<Asked<'_>> = here
            .map(|one| Asked {
                net: one.net.value.into(),
                tier: one.tier.as_str(),
                zone: one.zone.as_ref().map(|zone| zone.as_str()),
                is_public: one.public.value,
            })
            .collect();
        let balancers = network.iter().flat_map(|network| &network.balancer);
        let stands_here = balancers.filter(|one| one.region.as_ref().is_none_or(|name| name.as_str() == id));
        let mut provider: Vec<&str> = region.provider_regions.iter().map(|name| name.as_str()).collect();
        if provider.is_empty() {
            // A zone is called as its region is, and by a letter.
            let zones = region.zones.iter().map(|zone| zone.as_str());
            provider.extend(zones.map(|zone| zone.trim_end_matches(|c: char| c.is_ascii_lowercase())));
        }
        Some(Self {
            id: region.id.as_str(),
            provider,
            vpc: network.map(|network| region.vpc.as_ref().unwrap_or(&network.vpc).value.into()),
            nat: network.map_or(Nat::None, |network| network.nat.value),
            subnets,
            vpns: network
                .iter()
                .flat_map(|one| &one.vpn)
                .map(|vpn| (vpn.name.as_str(), vpn.net.value.into()))
                .collect(),
            balancers: stands_here.map(|one| one.kind.value).collect(),
            has_cluster: planet.compute.kubernetes.value,
            groups: network
                .iter()
                .flat_map(|one| &one.group)
                .map(|one| (one.name.as_str(), one.tier.as_str()))
                .collect(),
        })
    }

    /// Whether a tier has addresses that the Internet can reach.
    pub(crate) fn is_public(&self, tier: &str) -> bool {
        self.subnets.iter().any(|subnet| subnet.tier == tier && subnet.is_public)
    }

    pub(crate) fn tiers(&self) -> Vec<&'p str> {
        let mut tiers = Vec::new();
        for subnet in &self.subnets {
            if !tiers.contains(&subnet.tier) {
                tiers.push(subnet.tier);
            }
        }
        tiers
    }
}
