//! What the price book makes of a plan: one amount for each category and
//! region.

use super::book::{Book, Item, Used};
use super::{HOURS, by_gigabyte, monthly};
use crate::model::{BalancerKind, Category, External, Nat, Planet, Region};
use crate::plan::{Plan, RegionPlan, Unplannable};
use std::collections::BTreeSet;
use vocab::{MicroUsd, Ppm};

/// The categories in the order of the bill.
pub(super) const CATEGORIES: &[Category] = Category::ALL;

/// What one region costs, category by category, and the prices that were used.
pub(super) struct Priced {
    pub(super) by_category: Vec<MicroUsd>,
}

/// Computes with a price book, and remembers what was looked up.
pub(super) struct Pricing<'a> {
    planet: &'a Planet,
    plan: &'a Plan,
    book: &'a Book,
    pub(super) used: BTreeSet<Used>,
}

impl<'a> Pricing<'a> {
    pub(super) fn new(planet: &'a Planet, plan: &'a Plan, book: &'a Book) -> Self {
        Self { planet, plan, book, used: BTreeSet::new() }
    }

    fn look_up(&mut self, item: &str, region: &Region) -> Result<&'a Item, Unplannable> {
        let place = region.provider_regions.first().map_or("any", |name| name.as_str());
        let item = self.book.price(item, place).ok_or_else(|| Unplannable::item(item))?;
        self.used.insert(item.used());
        Ok(item)
    }

    /// All categories of region `at`.
    pub(super) fn region(&mut self, at: usize) -> Result<Priced, Unplannable> {
        let by_category = CATEGORIES.iter().map(|category| self.category(*category, at)).collect::<Result<_, _>>()?;
        Ok(Priced { by_category })
    }

    fn category(&mut self, category: Category, at: usize) -> Result<MicroUsd, Unplannable> {
        let planet = self.planet;
        let (region, plan) = (&planet.region[at], &self.plan.regions[at]);
        if plan.instances == 0 {
            return Ok(MicroUsd(0));
        }
        let traffic = traffic(planet, plan);
        match category {
            Category::Compute => self.machines(region, plan),
            Category::ControlPlane if !planet.compute.kubernetes.value => Ok(MicroUsd(0)),
            Category::ControlPlane => self.hourly("control-plane", region, 1),
            Category::Balancers => self.balancers(region),
            Category::Nat => self.hourly("nat-gateway", region, nats(planet, plan)),
            Category::Storage => self.storage(region, plan),
            Category::Addresses => self.hourly("public-ipv4", region, addresses(planet, region, plan)),
            Category::CrossZone => self.moved("cross-zone", region, share(traffic, planet.activity.cross_zone.value)),
            Category::CrossRegion => {
                self.moved("cross-region", region, share(traffic, planet.activity.cross_region.value))
            }
            Category::Egress => self.moved("egress", region, to_internet(planet, traffic)),
        }
    }

    fn hourly(&mut self, item: &str, region: &Region, count: u64) -> Result<MicroUsd, Unplannable> {
        if count == 0 {
            return Ok(MicroUsd(0));
        }
        Ok(monthly(self.look_up(item, region)?.price.value, count))
    }

    fn moved(&mut self, item: &str, region: &Region, bytes: u128) -> Result<MicroUsd, Unplannable> {
        if bytes == 0 {
            return Ok(MicroUsd(0));
        }
        Ok(by_gigabyte(self.look_up(item, region)?.price.value, bytes))
    }

    fn machines(&mut self, region: &Region, plan: &RegionPlan) -> Result<MicroUsd, Unplannable> {
        let planet = self.planet;
        let hosts = self.hourly(planet.compute.host.as_str(), region, plan.machines.total)?;
        let gateways = self.hourly(planet.compute.gateway.as_str(), region, plan.gateways)?;
        Ok(bought(hosts.plus(gateways), planet, self.book))
    }

    fn balancers(&mut self, region: &Region) -> Result<MicroUsd, Unplannable> {
        let Some(network) = &self.planet.network else {
            return self.hourly("network-balancer", region, 1);
        };
        let mut sum = MicroUsd(0);
        for balancer in &network.balancer {
            if balancer.region.as_ref().is_some_and(|own| own.value != region.id.value) {
                continue;
            }
            let item = match balancer.kind.value {
                BalancerKind::Application => "application-balancer",
                BalancerKind::Network => "network-balancer",
                BalancerKind::Global => "global-balancer",
            };
            sum = sum.plus(self.hourly(item, region, 1)?);
        }
        Ok(sum)
    }

    /// Disks hold the data once for each replica; backups hold one full copy at
    /// hand and one in the archive, which is the least that any rotation keeps.
    fn storage(&mut self, region: &Region, plan: &RegionPlan) -> Result<MicroUsd, Unplannable> {
        let planet = self.planet;
        let stored = u128::from(planet.activity.active.of_ceil(plan.slots)) * u128::from(planet.activity.stored.0);
        let mut sum = self.moved("disk", region, stored * u128::from(copies(planet, region)))?;
        if let Some(backup) = &planet.backup {
            sum = sum.plus(self.moved("object-storage", region, stored)?);
            if backup.cold.is_some() {
                sum = sum.plus(self.moved("archive", region, stored)?);
            }
        }
        Ok(sum)
    }
}

/// How many replicas hold the data of a region.
fn copies(planet: &Planet, region: &Region) -> u32 {
    let Some(data) = &planet.data else { return 1 };
    if data.primary.value == region.id.value {
        return data.primary_replicas.value.max(1);
    }
    let replicas = data.replicas.iter().find(|(name, _)| name.value == region.id.value);
    replicas.map_or(1, |(_, count)| count.value.max(1))
}

/// What machines cost as they are bought.
fn bought(hourly: MicroUsd, planet: &Planet, book: &Book) -> MicroUsd {
    let mix = &planet.budget.mix;
    let parts = [
        (mix.reserved.value, book.discount.reserved.value),
        (mix.spot.value, book.discount.spot.value),
        (mix.on_demand(), Ppm::ONE),
    ];
    let factor: u128 = parts.iter().map(|(share, price)| u128::from(share.0) * u128::from(price.0)).sum();
    let exact = u128::from(hourly.0).saturating_mul(factor).div_ceil(1_000_000_000_000);
    MicroUsd(u64::try_from(exact).unwrap_or(u64::MAX))
}

/// Bytes of a month, one way.
fn traffic(planet: &Planet, plan: &RegionPlan) -> u128 {
    u128::from(plan.ops_per_second) * u128::from(planet.activity.op_size.0) * u128::from(HOURS * 3_600)
}

fn share(bytes: u128, share: Ppm) -> u128 {
    bytes.saturating_mul(u128::from(share.0)) / 1_000_000
}

fn to_internet(planet: &Planet, traffic: u128) -> u128 {
    let leaving = share(traffic, planet.activity.internet.value);
    let kept = planet.cdn.as_ref().map_or(0, |cdn| cdn.offload.value.0.min(1_000_000));
    share(leaving, Ppm(1_000_000 - kept))
}

fn nats(planet: &Planet, plan: &RegionPlan) -> u64 {
    match planet.network.as_ref().map_or(Nat::Zone, |network| network.nat.value) {
        Nat::None => 0,
        Nat::Region => 1,
        Nat::Zone => plan.machines.zones,
    }
}

/// One for each NAT gateway and each zone of each load balancer; and one for
/// each block where blocks are reached so.
fn addresses(planet: &Planet, region: &Region, plan: &RegionPlan) -> u64 {
    let balancers = planet.network.as_ref().map_or(1, |network| {
        let here = |own: &Option<crate::At<crate::Name>>| own.as_ref().is_none_or(|own| own.value == region.id.value);
        network.balancer.iter().filter(|balancer| here(&balancer.region)).count() as u64
    });
    let blocks = if planet.block.external.value == External::Ipv4 { plan.blocks } else { 0 };
    nats(planet, plan).saturating_add(balancers * plan.machines.zones).saturating_add(blocks)
}
