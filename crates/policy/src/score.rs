//! How good a region is for an origin: four terms that add up to the score.
//!
//! Each term is normalised on a scale of its own that never moves. Min-max over
//! the candidates looks fairer and is worse: when a region is lost the scale
//! moves under the others, and users of healthy regions change places. So a
//! region's score never hangs on another region.
//!
//! A site may be wrong (cities of one name, a VPN). Where the measured round
//! trip contradicts the distance, the distance that the round trip makes likely
//! stands in: what is nearer than light allows counts as near, and what is much
//! slower than its distance explains counts as far.

use crate::signal::Micros;
use serde::Serialize;
use vocab::{MicroUsd, Ppm};

/// All of a term.
const WHOLE: u64 = 1_000_000;
/// What the weights add up to, and so the best score in points.
pub const POINTS: u32 = 100;
/// Scores count millionths of a point.
pub const POINT: u32 = 1_000_000;

/// A score, in millionths of a point; 100 points are the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Score(pub u32);

/// How much each term counts, in points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    geography: u32,
    health: u32,
    latency: u32,
    cost: u32,
}

/// Weights that do not add up to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the route weights add up to {0}, and a score has 100 points")]
pub struct BadWeights(pub u64);

impl Weights {
    /// The four weights; together 100.
    ///
    /// # Errors
    /// When they are not.
    pub fn new(geography: u32, health: u32, latency: u32, cost: u32) -> Result<Self, BadWeights> {
        let sum = [geography, health, latency, cost].into_iter().map(u64::from).sum();
        if sum == u64::from(POINTS) { Ok(Self { geography, health, latency, cost }) } else { Err(BadWeights(sum)) }
    }
}

/// Where each term is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scales {
    /// A distance, in kilometres.
    pub distance_km: u32,
    /// A round trip.
    pub rtt: Micros,
    /// What a million ops cost.
    pub cost: MicroUsd,
}

/// Beyond this a person waits, whatever else is good; nine of ten pairs of
/// cities are nearer.
const RTT_SCALE: Micros = Micros(300_000);

impl Scales {
    /// The scales of a planet for which this is all that a million ops may cost.
    #[must_use]
    pub const fn new(cost: MicroUsd) -> Self {
        Self { distance_km: crate::place::FARTHEST_KM, rtt: RTT_SCALE, cost }
    }
}

/// What an origin sees of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// How far it is by the two sites, in kilometres.
    pub distance_km: u32,
    /// The smoothed round trip, when anybody has measured it.
    pub rtt: Option<Micros>,
}

/// How a region stands, seen from anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// The share of requests that succeed, and of checks.
    pub health: Ppm,
    /// The share of its capacity that is used.
    pub load: Ppm,
    /// What a million ops cost there, egress included.
    pub cost: MicroUsd,
}

/// Whether the distance was believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Nothing contradicts it.
    Believed,
    /// Light in fibre takes longer: the sites must be nearer.
    NearerThanItSays,
    /// It is much slower than its distance explains.
    FartherThanItSays,
}

/// The terms of a score, each in millionths of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Terms {
    /// Nearness.
    pub geography: u32,
    /// Health and free capacity.
    pub health: u32,
    /// Round trip.
    pub latency: u32,
    /// Cost, egress included.
    pub cost: u32,
}

impl Terms {
    /// What they come to.
    #[must_use]
    pub const fn score(self) -> Score {
        Score(self.geography + self.health + self.latency + self.cost)
    }
}

/// A score with all that it was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scored {
    /// The four terms.
    pub terms: Terms,
    /// Whether the distance was believed.
    pub trust: Trust,
    /// The distance that counted.
    pub counted_km: u32,
    /// The round trip that counted.
    pub rtt: Micros,
    /// Whether that was modelled from the distance, because nobody measured it.
    pub rtt_modelled: bool,
}

/// Light in fibre does 200 km in a millisecond, once there and once back: a
/// kilometre of distance is at least so many microseconds of round trip.
const MICROS_PER_KM: u64 = 10;
/// The median of 57,000 measured pairs of cities took 2.05 times that.
const DETOUR_PERCENT: u64 = 205;
/// From here on it is slower than its distance explains, and at twice as much
/// the distance says nothing any more: 50 ms.
const SLOWER: u64 = 25_000;
/// Up to this share of its capacity a region counts as free; from here to full
/// its term falls to nothing, so that it is left before it has to refuse.
const FREE_UNTIL: u64 = 800_000;

/// The round trip that a distance makes likely.
#[must_use]
pub fn modelled_rtt(distance_km: u32) -> Micros {
    Micros(u64::from(distance_km) * MICROS_PER_KM * DETOUR_PERCENT / 100)
}

/// The distance that a round trip makes likely.
fn implied_km(rtt: Micros) -> u64 {
    rtt.0.saturating_mul(100) / (MICROS_PER_KM * DETOUR_PERCENT)
}

/// Whether a round trip contradicts a distance, and the distance that counts.
///
/// Each region is judged by its own figures alone: a rule that compares regions
/// would move users of one when another is lost. The distance that counts goes
/// over from the one to the other by degrees, because a step would be a place on
/// which jitter makes an origin swing.
fn counted(view: View) -> (Trust, u32) {
    let Some(rtt) = view.rtt else { return (Trust::Believed, view.distance_km) };
    let (km, likely) = (u64::from(view.distance_km), implied_km(rtt));
    let light = km * MICROS_PER_KM;
    let slow = modelled_rtt(view.distance_km).0.saturating_add(SLOWER);
    let (trust, km) = if rtt.0 < light {
        (Trust::NearerThanItSays, blend(km, likely, light - rtt.0, light / 4))
    } else if rtt.0 > slow {
        (Trust::FartherThanItSays, blend(km, likely, rtt.0 - slow, SLOWER))
    } else {
        (Trust::Believed, km)
    };
    (trust, u32::try_from(km).unwrap_or(u32::MAX))
}

/// From one value to another, by so much of the whole way.
fn blend(from: u64, to: u64, by: u64, whole: u64) -> u64 {
    let (by, whole) = (u128::from(by.min(whole)), u128::from(whole.max(1)));
    let parts = u128::from(from) * (whole - by) + u128::from(to) * by;
    u64::try_from(parts / whole).unwrap_or(u64::MAX)
}

/// How far from the end of its scale a value stays, in millionths.
fn short_of(value: u64, scale: u64) -> u64 {
    let value = value.min(scale);
    // Values of these scales are below 2^44; larger scales lose digits that no
    // point shows, and never overflow.
    let shift = 20_u32.saturating_sub(scale.leading_zeros());
    let (value, scale) = (value >> shift, (scale >> shift).max(1));
    (scale - value) * WHOLE / scale
}

/// The two terms that are the same for every origin, so that a table computes
/// them once: health and cost.
#[must_use]
pub(crate) fn of_condition(condition: Condition, weights: Weights, scales: Scales) -> (u32, u32) {
    let load = u64::from(condition.load.0).max(FREE_UNTIL) - FREE_UNTIL;
    let free = short_of(load, WHOLE - FREE_UNTIL);
    let health = weighed(weights.health, free.min(condition.health.0.into()));
    (health, weighed(weights.cost, short_of(condition.cost.0, scales.cost.0)))
}

/// The two terms that an origin sees: geography and latency.
#[must_use]
pub(crate) fn of_view(view: View, weights: Weights, scales: Scales) -> (u32, u32) {
    let (_, km) = counted(view);
    let geography = weighed(weights.geography, short_of(km.into(), scales.distance_km.into()));
    (geography, weighed(weights.latency, short_of(rtt(view).0, scales.rtt.0)))
}

fn rtt(view: View) -> Micros {
    view.rtt.unwrap_or_else(|| modelled_rtt(view.distance_km))
}

fn weighed(weight: u32, share: u64) -> u32 {
    weight * u32::try_from(share.min(WHOLE)).unwrap_or(0)
}

/// The score of a region for an origin, with all that it was made of.
#[must_use]
pub fn score(view: View, condition: Condition, weights: Weights, scales: Scales) -> Scored {
    let ((geography, latency), (health, cost)) =
        (of_view(view, weights, scales), of_condition(condition, weights, scales));
    let (trust, counted_km) = counted(view);
    Scored {
        terms: Terms { geography, health, latency, cost },
        trust,
        counted_km,
        rtt: rtt(view),
        rtt_modelled: view.rtt.is_none(),
    }
}
