//! The bill: computed and quoted side by side, against the budget.

use super::book::Used;
use super::compute::{CATEGORIES, Pricing};
use super::packed::Packed;
use super::sum;
use crate::model::{Category, Planet, Quote};
use crate::plan::{Plan, Unplannable};
use crate::tables::Tables;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use vocab::{MicroUsd, Ppm};

/// What a planet costs in a month.
#[derive(Debug, Clone, Serialize)]
pub struct Bill {
    /// All of it.
    #[serde(rename = "total_usd", serialize_with = "usd")]
    pub total: MicroUsd,
    /// The same in millionths.
    pub total_microusd: u64,
    /// Of which computed.
    #[serde(rename = "counted_usd", serialize_with = "usd")]
    pub counted: MicroUsd,
    /// Of which quoted.
    #[serde(rename = "quoted_usd", serialize_with = "usd")]
    pub quoted: MicroUsd,
    /// What it would be if nobody had quoted anything.
    #[serde(rename = "computed_usd", serialize_with = "usd")]
    pub computed: MicroUsd,
    /// By category.
    pub categories: Vec<Line>,
    /// What somebody has quoted.
    pub quotes: Vec<QuoteLine>,
    /// The quotes that belong together.
    pub groups: Vec<Group>,
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
    /// What the computed figures leave out.
    pub not_included: &'static [&'static str],
}

/// What the computed figures leave out. Said with every bill, because a bill
/// that is silent about it pretends to be whole.
const NOT_INCLUDED: &[&str] = &[
    "backups beyond one full copy at hand and one in the archive",
    "replication traffic beyond the stated cross-region share",
    "what a CDN charges for the traffic that it takes over",
    "capacity units of load balancers, requests, monitoring, support and taxes",
];

/// Quotes that belong together.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// What they are called together.
    pub name: String,
    /// What they come to.
    #[serde(rename = "monthly_usd", serialize_with = "usd")]
    pub monthly: MicroUsd,
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
    /// What it belongs to.
    pub group: Option<String>,
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
    /// How much of it is used, in millionths; nothing when it is nothing.
    pub used_ppm: Option<u64>,
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
pub(super) fn usd<S: Serializer>(amount: &MicroUsd, serializer: S) -> Result<S::Ok, S::Error> {
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
            for (whole, part) in by_category.iter_mut().zip(&priced) {
                *whole = sum([*whole, *part])?;
            }
            regions.push(RegionLine { id: region.id.clone(), computed: sum(priced)? });
        }
        let packed = Packed::new(planet, plan, tables, &mut pricing)?;
        let categories = lines(planet, &by_category);
        let quotes = quotes(planet, &by_category)?;
        let counted = sum(categories.iter().map(|line| line.counted))?;
        let quoted = sum(quotes.iter().map(|quote| quote.monthly))?;
        let total = sum([counted, quoted])?;
        let discount = &tables.book.discount;
        Ok(Self {
            total,
            total_microusd: total.0,
            counted,
            quoted,
            computed: sum(by_category)?,
            groups: groups(planet)?,
            categories,
            quotes,
            regions,
            budget: against(planet, total),
            packed,
            prices: pricing.used(),
            discount: DiscountLine {
                reserved_ppm: discount.reserved.0,
                spot_ppm: discount.spot.0,
                state: discount.state.word(),
            },
            not_included: NOT_INCLUDED,
        })
    }
}

fn lines(planet: &Planet, by_category: &[MicroUsd]) -> Vec<Line> {
    let mut replaced: BTreeMap<Category, Vec<String>> = BTreeMap::new();
    for quote in &planet.budget.quote {
        for category in &quote.replaces {
            replaced.entry(category.value).or_default().push(quote.name.to_string());
        }
    }
    let line = |(category, computed): (&Category, &MicroUsd)| {
        let replaced_by = replaced.remove(category).unwrap_or_default();
        let counted = if replaced_by.is_empty() { *computed } else { MicroUsd(0) };
        Line { category: category.word(), computed: *computed, replaced_by, counted }
    };
    CATEGORIES.iter().zip(by_category).map(line).collect()
}

fn quotes(planet: &Planet, by_category: &[MicroUsd]) -> Result<Vec<QuoteLine>, Unplannable> {
    let line = |quote: &Quote| {
        let named = |category: &Category| quote.replaces.iter().any(|named| named.value == *category);
        let computed = CATEGORIES.iter().zip(by_category).filter(|(category, _)| named(category));
        Ok(QuoteLine {
            name: quote.name.to_string(),
            group: quote.group.as_ref().map(|group| group.to_string()),
            monthly: quote.monthly.value,
            computed: sum(computed.map(|(_, computed)| *computed))?,
            replaces: quote.replaces.iter().map(|category| category.word()).collect(),
        })
    };
    planet.budget.quote.iter().map(line).collect()
}

/// The quotes of each group together, in the order of the file.
fn groups(planet: &Planet) -> Result<Vec<Group>, Unplannable> {
    let mut groups: Vec<Group> = Vec::new();
    let mut known = BTreeMap::new();
    for quote in &planet.budget.quote {
        let Some(name) = &quote.group else { continue };
        let at = *known.entry(name.as_str()).or_insert(groups.len());
        if at == groups.len() {
            groups.push(Group { name: name.to_string(), monthly: MicroUsd(0) });
        }
        groups[at].monthly = sum([groups[at].monthly, quote.monthly.value])?;
    }
    Ok(groups)
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
    // Of a budget of nothing there is no share.
    let used = (u128::from(total.0) * 1_000_000).checked_div(u128::from(monthly.0));
    let used_ppm = used.map(|used| u64::try_from(used).unwrap_or(u64::MAX));
    Some(Against { monthly, used_ppm, alerts })
}
