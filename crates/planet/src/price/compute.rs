//! What the price book makes of a plan: one amount for each category and
//! region.

use super::book::{Book, Item, Used};
use super::network::Equipment;
use super::{HOURS, by_gigabyte, monthly, sum};
use crate::model::{Category, Planet, Region};
use crate::plan::load::active;
use crate::plan::{Plan, RegionPlan, Unplannable};
use std::collections::BTreeSet;
use vocab::{MicroUsd, Ppm};

/// The categories in the order of the bill.
pub(super) const CATEGORIES: &[Category] = Category::ALL;

/// Computes with a price book, and remembers what was looked up.
pub(super) struct Pricing<'a> {
    planet: &'a Planet,
    plan: &'a Plan,
    book: &'a Book,
    equipment: Equipment<'a>,
    used: BTreeSet<(usize, bool)>,
}

impl<'a> Pricing<'a> {
    pub(super) fn new(planet: &'a Planet, plan: &'a Plan, book: &'a Book) -> Self {
        Self { planet, plan, book, equipment: Equipment::new(planet), used: BTreeSet::new() }
    }

    /// The prices that were looked up.
    pub(super) fn used(&self) -> Vec<Used> {
        self.used.iter().filter_map(|(at, here)| self.book.item(*at).map(|item| item.used(*here))).collect()
    }

    fn look_up(&mut self, item: &str, region: &Region) -> Result<&'a Item, Unplannable> {
        let place = region.provider_regions.first().map_or("", |name| name.as_str());
        let quoted = self.book.price(item, place).ok_or_else(|| Unplannable::item(item))?;
        self.used.insert((quoted.at, quoted.of_this_place));
        Ok(quoted.item)
    }

    /// All categories of region `at`.
    pub(super) fn region(&mut self, at: usize) -> Result<Vec<MicroUsd>, Unplannable> {
        CATEGORIES.iter().map(|category| self.category(*category, at)).collect()
    }

    fn category(&mut self, category: Category, at: usize) -> Result<MicroUsd, Unplannable> {
        let planet = self.planet;
        let (region, plan) = (&planet.region[at], &self.plan.regions[at]);
        if self.plan.loss.as_ref().is_some_and(|loss| loss.region == plan.id) {
            return Ok(MicroUsd(0));
        }
        let traffic = traffic(planet, plan);
        match category {
            Category::Compute => self.machines(region, plan),
            Category::ControlPlane => self.hourly("control-plane", region, u64::from(planet.compute.kubernetes.value)),
            Category::Balancers => self.balancers(region),
            Category::Nat => self.hourly("nat-gateway", region, self.equipment.nats(plan)),
            Category::Storage => self.storage(region, plan),
            Category::Addresses => self.hourly("public-ipv4", region, self.equipment.addresses(region, plan)),
            Category::CrossZone => self.moved("cross-zone", region, share(traffic, planet.activity.cross_zone.value)),
            Category::CrossRegion => {
                self.moved("cross-region", region, share(traffic, planet.activity.cross_region.value))
            }
            Category::Egress => self.moved("egress", region, to_internet(planet, traffic)),
        }
    }

    /// So many of something that is paid by the hour.
    pub(super) fn hourly(&mut self, item: &str, region: &Region, amount: u64) -> Result<MicroUsd, Unplannable> {
        if amount == 0 {
            return Ok(MicroUsd(0));
        }
        monthly(self.look_up(item, region)?.price.value, amount)
    }

    fn moved(&mut self, item: &str, region: &Region, bytes: u128) -> Result<MicroUsd, Unplannable> {
        if bytes == 0 {
            return Ok(MicroUsd(0));
        }
        by_gigabyte(self.look_up(item, region)?.price.value, bytes)
    }

    fn machines(&mut self, region: &Region, plan: &RegionPlan) -> Result<MicroUsd, Unplannable> {
        let planet = self.planet;
        let hosts = self.hourly(planet.compute.host.as_str(), region, plan.machines.total)?;
        let gateways = self.hourly(planet.compute.gateway.as_str(), region, plan.gateways)?;
        bought(sum([hosts, gateways])?, planet, self.book)
    }

    fn balancers(&mut self, region: &Region) -> Result<MicroUsd, Unplannable> {
        let counts = self.equipment.balancers(region);
        let parts = counts.map(|(item, amount)| self.hourly(item, region, amount));
        sum(parts.into_iter().collect::<Result<Vec<_>, _>>()?)
    }

    fn storage(&mut self, region: &Region, plan: &RegionPlan) -> Result<MicroUsd, Unplannable> {
        let (on_disk, kept) = stored(self.planet, self.plan, region, plan);
        let disk = self.moved("disk", region, on_disk)?;
        let Some(backup) = &self.planet.backup else { return Ok(disk) };
        let hot = self.moved("object-storage", region, kept)?;
        let cold = if backup.cold.is_some() { self.moved("archive", region, kept)? } else { MicroUsd(0) };
        sum([disk, hot, cold])
    }
}

/// Bytes on a region's disks, and bytes of which it keeps backups.
///
/// Where the file names a primary, all data is written there and its replicas
/// hold copies of it; otherwise each region keeps its own.
fn stored(planet: &Planet, plan: &Plan, region: &Region, region_plan: &RegionPlan) -> (u128, u128) {
    let of = |slots: u64| u128::from(active(planet, slots)) * u128::from(planet.activity.stored.0);
    let Some(data) = &planet.data else {
        let own = of(region_plan.slots);
        return (own, own);
    };
    let all = of(plan.planet.slots);
    if data.primary.value == region.id.value {
        return (all.saturating_mul(u128::from(data.primary_replicas.value)), all);
    }
    let replicas = data.replicas.iter().find(|(name, _)| name.value == region.id.value);
    (all.saturating_mul(replicas.map_or(0, |(_, copies)| u128::from(copies.value))), 0)
}

/// What machines cost as they are bought.
fn bought(hourly: MicroUsd, planet: &Planet, book: &Book) -> Result<MicroUsd, Unplannable> {
    let mix = &planet.budget.mix;
    let parts = [
        (mix.reserved.value, book.discount.reserved.value),
        (mix.spot.value, book.discount.spot.value),
        (mix.on_demand(), Ppm::ONE),
    ];
    let factor: u128 = parts.iter().map(|(share, price)| u128::from(share.0) * u128::from(price.0)).sum();
    crate::plan::count((u128::from(hourly.0) * factor).div_ceil(1_000_000_000_000)).map(MicroUsd)
}

/// Bytes of a month, one way.
fn traffic(planet: &Planet, plan: &RegionPlan) -> u128 {
    let a_second = u128::from(plan.ops_per_second) * u128::from(planet.activity.op_size.0);
    a_second.saturating_mul(u128::from(HOURS * 3_600))
}

fn share(bytes: u128, share: Ppm) -> u128 {
    bytes.saturating_mul(u128::from(share.0)) / 1_000_000
}

fn to_internet(planet: &Planet, traffic: u128) -> u128 {
    let leaving = share(traffic, planet.activity.internet.value);
    let kept = planet.cdn.as_ref().map_or(0, |cdn| cdn.offload.value.0.min(1_000_000));
    share(leaving, Ppm(1_000_000 - kept))
}
