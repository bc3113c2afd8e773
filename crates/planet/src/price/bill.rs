//! The bill: computed and quoted side by side, against the budget.

use super::book::Used;
use super::compute::{CATEGORIES, Pricing};
use super::monthly;
use crate::model::Planet;
use crate::plan::{Plan, Unplannable};
use crate::tables::Tables;
use serde::{Serialize, Serializer};
use vocab::{MicroUsd, Ppm};

/// What a planet costs in a month.
#[derive(Debug, Clone, Serialize)]
pub struct Bill {
    /// All of it.
    #[serde(rename = "total_usd", serialize_with = "usd")]
    pub total: MicroUsd,
    /// The same in millionths.
    pub total_microusd: u64,
    /// What it would be if nobody had quoted anything.
    #[serde(rename = "computed_usd", serialize_with = "usd")]
    pub computed: MicroUsd,
    /// By category.
    pub categories: Vec<Line>,
    /// What somebody has quoted.
    pub quotes: Vec<QuoteLine>,
    /// What the price book computes for each region, by its id.
    pub regions: Vec<RegionLine>,
    /// How it stands to the budget.
    pub budget: Option<Against>,
    /// Blocks packed into pods beside a pod for each block.
    pub packed: Packed,
    /// The prices that were used.
    pub prices: Vec<Used>,
    /// What machines cost when they are not bought by the hour.
    pub discount: DiscountLine,
}

/// A category of the bill.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Its name.
    pub category: &'static str,
    /// What the price book makes of it: modelled.
    #[serde(rename = "computed_usd", serialize_with = "usd")]
    pub computed: MicroUsd,
    /// The quotes that stand in its place.
    pub replaced_by: Vec<String>,
    /// What counts: the computed figure, or nothing where a quote stands.
    #[serde(rename = "counted_usd", serialize_with = "usd")]
    pub counted: MicroUsd,
}

/// A quote of the bill.
#[derive(Debug, Clone, Serialize)]
pub struct QuoteLine {
    /// Its name.
    pub name: String,
    /// What it says.
    #[serde(rename = "monthly_usd", serialize_with = "usd")]
    pub monthly: MicroUsd,
    /// What the price book computes for all that it replaces.
    #[serde(rename = "computed_usd", serialize_with = "usd")]
    pub computed: MicroUsd,
    /// The categories that it replaces.
    pub replaces: Vec<&'static str>,
}

/// What one region costs.
#[derive(Debug, Clone, Serialize)]
pub struct RegionLine {
    /// Its id.
    pub id: String,
    /// What the price book computes for it.
    #[serde(rename = "computed_usd", serialize_with = "usd")]
    pub computed: MicroUsd,
}

/// How the bill stands to the budget.
#[derive(Debug, Clone, Serialize)]
pub struct Against {
    /// The budget.
    #[serde(rename = "monthly_usd", serialize_with = "usd")]
    pub monthly: MicroUsd,
    /// How much of it is used, in millionths.
    pub used_ppm: u32,
    /// The levels at which somebody is told.
    pub alerts: Vec<Alert>,
}

/// A level at which somebody is told.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Alert {
    /// The share of the budget, in millionths.
    pub at_ppm: u32,
    /// Whether it is reached.
    pub reached: bool,
}

/// Blocks packed into pods beside a pod for each block. Both are modelled, and
/// count hosts and control planes alone, bought by the hour.
#[derive(Debug, Clone, Serialize)]
pub struct Packed {
    /// Hosts as planned.
    pub nodes: u64,
    /// What they cost.
    #[serde(rename = "monthly_usd", serialize_with = "usd")]
    pub monthly: MicroUsd,
    /// The machine that would run pods of one block each: the gateways' own.
    pub pod_machine: String,
    /// How many of them.
    pub pod_nodes: u64,
    /// How many clusters.
    pub pod_clusters: u64,
    /// What they would cost.
    #[serde(rename = "pod_monthly_usd", serialize_with = "usd")]
    pub pod_monthly: MicroUsd,
}

/// What machines cost when they are not bought by the hour.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DiscountLine {
    /// Promised for a year, in millionths of the hourly price.
    pub reserved_ppm: u32,
    /// Given back when asked.
    pub spot_ppm: u32,
    /// "assumed" or "measured".
    pub state: &'static str,
}

/// Dollars: a whole number where there are no cents.
#[allow(clippy::cast_precision_loss, clippy::float_arithmetic)]
fn usd<S: Serializer>(amount: &MicroUsd, serializer: S) -> Result<S::Ok, S::Error> {
    if amount.0.is_multiple_of(1_000_000) {
        return serializer.serialize_u64(amount.0 / 1_000_000);
    }
    // For reading only; what is exact is in micro-dollars.
    serializer.serialize_f64(amount.0 as f64 / 1e6)
}

impl Bill {
    /// Prices a plan.
    pub fn new(planet: &Planet, plan: &Plan, tables: &Tables) -> Result<Self, Unplannable> {
        let mut pricing = Pricing::new(planet, plan, &tables.book);
        let mut by_category = vec![MicroUsd(0); CATEGORIES.len()];
        let mut regions = Vec::with_capacity(plan.regions.len());
        for (at, region) in plan.regions.iter().enumerate() {
            let priced = pricing.region(at)?;
            for (sum, part) in by_category.iter_mut().zip(&priced.by_category) {
                *sum = sum.plus(*part);
            }
            regions.push(RegionLine { id: region.id.clone(), computed: sum(priced.by_category) });
        }
        let used: Vec<_> = std::mem::take(&mut pricing.used).into_iter().collect();
        let categories = lines(planet, &by_category);
        let quotes = quotes(planet, &by_category);
        let total = sum(categories.iter().map(|line| line.counted).chain(quotes.iter().map(|quote| quote.monthly)));
        Ok(Self {
            total,
            total_microusd: total.0,
            computed: sum(by_category),
            categories,
            quotes,
            regions,
            budget: against(planet, total),
            packed: packed(planet, plan, tables)?,
            prices: used,
            discount: DiscountLine {
                reserved_ppm: tables.book.discount.reserved.0,
                spot_ppm: tables.book.discount.spot.0,
                state: tables.book.discount.state.word(),
            },
        })
    }
}

fn sum(amounts: impl IntoIterator<Item = MicroUsd>) -> MicroUsd {
    amounts.into_iter().fold(MicroUsd(0), MicroUsd::plus)
}

fn lines(planet: &Planet, by_category: &[MicroUsd]) -> Vec<Line> {
    let line = |(category, computed): (&crate::model::Category, &MicroUsd)| {
        let replacing =
            planet.budget.quote.iter().filter(|quote| quote.replaces.iter().any(|named| named.value == *category));
        let replaced_by: Vec<_> = replacing.map(|quote| quote.name.to_string()).collect();
        let counted = if replaced_by.is_empty() { *computed } else { MicroUsd(0) };
        Line { category: category.word(), computed: *computed, replaced_by, counted }
    };
    CATEGORIES.iter().zip(by_category).map(line).collect()
}

fn quotes(planet: &Planet, by_category: &[MicroUsd]) -> Vec<QuoteLine> {
    let line = |quote: &crate::model::Quote| {
        let named = |category: &crate::model::Category| quote.replaces.iter().any(|named| named.value == *category);
        let computed =
            CATEGORIES.iter().zip(by_category).filter(|(category, _)| named(category)).map(|(_, computed)| *computed);
        QuoteLine {
            name: quote.name.to_string(),
            monthly: quote.monthly.value,
            computed: sum(computed),
            replaces: quote.replaces.iter().map(|category| category.word()).collect(),
        }
    };
    planet.budget.quote.iter().map(line).collect()
}

/// The levels when the planet names none.
const ALERTS: [Ppm; 3] = [Ppm::percent(80), Ppm::percent(90), Ppm::percent(100)];

fn against(planet: &Planet, total: MicroUsd) -> Option<Against> {
    let monthly = planet.budget.monthly.as_ref()?.value;
    let mut levels: Vec<_> = planet.budget.alerts.iter().map(|level| level.value).collect();
    if levels.is_empty() {
        levels.extend(ALERTS);
    }
    let reached = |level: Ppm| u128::from(total.0) * 1_000_000 >= u128::from(monthly.0) * u128::from(level.0);
    let alerts = levels.into_iter().map(|level| Alert { at_ppm: level.0, reached: reached(level) }).collect();
    Some(Against { monthly, used_ppm: Ppm::ratio(total.0, monthly.0).0, alerts })
}

fn packed(planet: &Planet, plan: &Plan, tables: &Tables) -> Result<Packed, Unplannable> {
    let calibration = tables.calibration.for_planet(planet);
    let price =
        |name: &str| tables.book.price(name, "any").map(|item| item.price.value).ok_or_else(|| Unplannable::item(name));
    let (host, pod, control) =
        (price(planet.compute.host.as_str())?, price(planet.compute.gateway.as_str())?, price("control-plane")?);
    let each =
        |pods: fn(u64, u64) -> u64, by: u64| plan.regions.iter().map(|region| pods(region.blocks, by)).sum::<u64>();
    let (pod_nodes, pod_clusters) =
        (each(u64::div_ceil, calibration.kubelet_pods), each(u64::div_ceil, calibration.cluster_pods));
    let running = plan.regions.iter().filter(|region| region.instances > 0).count() as u64;
    Ok(Packed {
        nodes: plan.planet.nodes,
        monthly: monthly(host, plan.planet.nodes).plus(monthly(control, running)),
        pod_machine: planet.compute.gateway.to_string(),
        pod_nodes,
        pod_clusters,
        pod_monthly: monthly(pod, pod_nodes).plus(monthly(control, pod_clusters)),
    })
}
