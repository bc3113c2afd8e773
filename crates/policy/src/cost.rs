//! What an op costs in each region, egress included: modelled from the plan and
//! the price book, as the bill is.

use crate::atlas::Atlas;
use planet::plan::Plan;
use planet::price::{Bill, HOURS};
use vocab::MicroUsd;

/// What a million ops cost by region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Costs {
    /// In each region, by its number.
    pub each: Vec<MicroUsd>,
    /// Where the term is worth nothing: twice the planet's mean. It hangs on the
    /// file and its prices alone, so it does not move when a region is lost.
    pub scale: MicroUsd,
}

impl Costs {
    /// The scale while nobody has looked at prices.
    pub const UNKNOWN_SCALE: MicroUsd = MicroUsd(1_000_000);

    /// What the bill comes to for each op of the plan. A region without ops
    /// costs what the planet costs on average: nobody knows better.
    #[must_use]
    pub fn new(atlas: &Atlas, plan: &Plan, bill: &Bill) -> Self {
        let ops: u64 = plan.regions.iter().map(|region| region.ops_per_second).fold(0, u64::saturating_add);
        let whole = bill.regions.iter().map(|region| region.computed).fold(MicroUsd(0), MicroUsd::plus);
        let mean = of_million(whole, ops).unwrap_or(Self::UNKNOWN_SCALE);
        let cost = |in_file: usize| {
            let (plan, bill) = (plan.regions.get(in_file)?, bill.regions.get(in_file)?);
            of_million(bill.computed, plan.ops_per_second)
        };
        Self {
            each: atlas.iter().map(|(_, place)| cost(place.in_file).unwrap_or(mean)).collect(),
            scale: MicroUsd(mean.0.saturating_mul(2).max(1)),
        }
    }
}

/// A month's money for each million of its ops.
fn of_million(monthly: MicroUsd, ops_per_second: u64) -> Option<MicroUsd> {
    let ops = u128::from(ops_per_second) * u128::from(HOURS) * 3_600;
    let cost = (u128::from(monthly.0) * 1_000_000).checked_div(ops)?;
    Some(MicroUsd(u64::try_from(cost).unwrap_or(u64::MAX)))
}
