//! What a region has of load balancers, NAT gateways and public addresses,
//! counted once for the whole planet.

use crate::model::{BalancerKind, External, Nat, Planet, Region};
use crate::plan::RegionPlan;
use std::collections::BTreeMap;

/// Load balancers of each kind, in the order of `BalancerKind::ALL`.
pub(super) type Balancers = [u64; 3];

/// What the regions have.
pub(super) struct Equipment<'a> {
    everywhere: Balancers,
    only_in: BTreeMap<&'a str, Balancers>,
    nat: Nat,
    public_blocks: bool,
}

impl<'a> Equipment<'a> {
    pub(super) fn new(planet: &'a Planet) -> Self {
        let (mut everywhere, mut only_in) = (Balancers::default(), BTreeMap::<&str, Balancers>::new());
        for balancer in planet.network.iter().flat_map(|network| &network.balancer) {
            let counts = match &balancer.region {
                Some(region) => only_in.entry(region.as_str()).or_default(),
                None => &mut everywhere,
            };
            counts[kind(balancer.kind.value)] += 1;
        }
        // Without a word about networks, a region has the least that serves:
        // one entry, and a way out for each zone.
        if planet.network.is_none() {
            everywhere[kind(BalancerKind::Network)] = 1;
        }
        let nat = planet.network.as_ref().map_or(Nat::Zone, |network| network.nat.value);
        Self { everywhere, only_in, nat, public_blocks: planet.block.external.value == External::Ipv4 }
    }

    /// The load balancers of a region, each kind with its price's name.
    pub(super) fn balancers(&self, region: &Region) -> [(&'static str, u64); 3] {
        let own = self.only_in.get(region.id.as_str()).copied().unwrap_or_default();
        let count = |kind: usize| self.everywhere[kind] + own[kind];
        [("application-balancer", count(0)), ("network-balancer", count(1)), ("global-balancer", count(2))]
    }

    pub(super) fn nats(&self, plan: &RegionPlan) -> u64 {
        match self.nat {
            Nat::None => 0,
            Nat::Region => 1,
            Nat::Zone => plan.machines.zones,
        }
    }

    /// Public addresses: one for each NAT gateway and each zone of each load
    /// balancer, and one for each block where blocks are reached so.
    pub(super) fn addresses(&self, region: &Region, plan: &RegionPlan) -> u64 {
        let balancers: u64 = self.balancers(region).iter().map(|(_, count)| count).sum();
        let blocks = if self.public_blocks { plan.blocks } else { 0 };
        self.nats(plan).saturating_add(balancers.saturating_mul(plan.machines.zones)).saturating_add(blocks)
    }
}

const fn kind(kind: BalancerKind) -> usize {
    match kind {
        BalancerKind::Application => 0,
        BalancerKind::Network => 1,
        BalancerKind::Global => 2,
    }
}
