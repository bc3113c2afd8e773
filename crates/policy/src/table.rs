//! For each origin the regions ranked, and for each origin and class the one in
//! use. A decision is the first of the ranking that is open; all arithmetic is
//! done when the table is rebuilt, once a tick.
//!
//! Only the region in use has inertia. It stays until a challenger is better by
//! the hysteresis and the origin has used it for the dwell; when it cannot be
//! used, the ranking decides at once. A score hangs on no other region, so what
//! is lost moves its own users and nobody else.

use crate::residency::ClassNumber;
use crate::route::Standing;
use crate::score::{Condition, Scales, Score, View, Weights, of_condition, of_view};
use crate::set::{RegionNumber, RegionSet};

/// Where requests come from: a place that signals are kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginNumber(pub u32);

impl OriginNumber {
    /// Nobody knows where. What decides between equals decides alone.
    pub const NOWHERE: Self = Self(u32::MAX);
}

/// What decides between regions of one score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// The fewest open connections.
    LeastConnections,
    /// Each in turn, by tick.
    InTurn,
    /// The nearest.
    Nearest,
}

/// How a table is ranked.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How much each term counts.
    pub weights: Weights,
    /// Where each term is worth nothing.
    pub scales: Scales,
    /// By how much a challenger must be better.
    pub hysteresis: Score,
    /// For how many ticks an origin stays where it went.
    pub dwell: u64,
    /// What decides when the scores do not.
    pub tie: Tie,
}

/// What is known in a tick.
#[derive(Debug, Clone, Copy)]
pub struct Now<'a> {
    /// What each origin sees of each region, origin by origin.
    pub views: &'a [View],
    /// How each region stands.
    pub conditions: &'a [Condition],
    /// The open connections of each region.
    pub connections: &'a [u64],
    /// Which regions can be used.
    pub standing: Standing,
    /// Which tick it is.
    pub tick: u64,
}

/// The region that an origin uses for a class, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct InUse {
    region: Option<RegionNumber>,
    since: u64,
}

/// A region's place in a ranking. Fields are compared in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    short_of_best: u32,
    tie: u64,
    region: RegionNumber,
}

/// The ranking of every origin.
#[derive(Debug, Clone)]
pub struct Table {
    regions: usize,
    candidates: Vec<RegionSet>,
    order: Vec<RegionNumber>,
    in_use: Vec<InUse>,
    /// The order for origins that the table does not know.
    nowhere: Vec<RegionNumber>,
    /// Kept between rebuilds so that these allocate nothing.
    ranked: Vec<Ranked>,
}

impl Table {
    /// A table for so many origins, and for classes that may be in these regions
    /// of `regions`. It is empty until it is rebuilt.
    #[must_use]
    pub fn new(regions: usize, origins: usize, candidates: Vec<RegionSet>) -> Self {
        let nothing = InUse { region: None, since: 0 };
        Self {
            regions,
            order: vec![RegionNumber(0); regions * origins],
            in_use: vec![nothing; candidates.len() * origins],
            nowhere: Vec::with_capacity(regions),
            candidates,
            ranked: Vec::with_capacity(regions),
        }
    }

    /// Takes over what each origin uses, since when, from a table of the same
    /// origins and regions: `was` is the place of each class in that one, if it
    /// was there.
    pub fn goes_on(&mut self, from: &Self, was: &[Option<ClassNumber>]) {
        let (classes, before) = (self.candidates.len().max(1), from.candidates.len().max(1));
        let origins = self.in_use.chunks_exact_mut(classes).zip(from.in_use.chunks_exact(before));
        for (new, old) in origins {
            for (used, was) in new.iter_mut().zip(was) {
                let known = was.and_then(|was| old.get(usize::from(was.0)));
                *used = known.copied().unwrap_or(*used);
            }
        }
    }

    /// Lets every origin leave what it uses with the next ranking, however short a
    /// time it has used it: what was chosen before anything was measured.
    pub fn end_dwell(&mut self) {
        for used in &mut self.in_use {
            used.since = 0;
        }
    }

    /// How many origins it is for.
    #[must_use]
    pub fn origins(&self) -> usize {
        self.order.len().checked_div(self.regions).unwrap_or(0)
    }

    /// Ranks anew.
    pub fn rebuild(&mut self, settings: &Settings, now: &Now<'_>) {
        let standing =
            now.conditions.iter().map(|condition| of_condition(*condition, settings.weights, settings.scales));
        let fixed: Vec<u32> = standing.map(|(health, cost)| health + cost).collect();
        let usable: Vec<RegionSet> = self.candidates.iter().map(|may| now.standing.usable(*may)).collect();
        let mut nowhere: Vec<_> = (0..=u8::MAX).map(RegionNumber).take(self.regions).collect();
        nowhere.sort_by_key(|region| (tie(settings, now, *region, self.regions, None), *region));
        self.nowhere = nowhere;
        let (regions, classes) = (self.regions.max(1), self.candidates.len().max(1));
        let origins = self.order.chunks_exact_mut(regions).zip(self.in_use.chunks_exact_mut(classes));
        for ((order, in_use), views) in origins.zip(now.views.chunks_exact(regions)) {
            rank(&mut self.ranked, settings, now, views, &fixed);
            for (place, ranked) in order.iter_mut().zip(&self.ranked) {
                *place = ranked.region;
            }
            for (used, usable) in in_use.iter_mut().zip(&usable) {
                settle(used, &self.ranked, *usable, settings, now.tick);
            }
        }
    }

    /// The best open region for an origin and a class: the one in use, or else
    /// the first of the ranking.
    #[must_use]
    #[inline]
    pub fn first(&self, origin: OriginNumber, class: ClassNumber, open: RegionSet) -> Option<RegionNumber> {
        self.choices(origin, class).find(|region| open.has(*region))
    }

    /// All regions in the order in which an origin would use them for a class:
    /// where its requests spill to. Residency is the caller's `open`.
    #[inline]
    pub fn choices(&self, origin: OriginNumber, class: ClassNumber) -> impl Iterator<Item = RegionNumber> {
        let (origin, class, classes) = (origin.0 as usize, usize::from(class.0), self.candidates.len());
        let used = if class < classes { self.in_use.get(origin * classes + class) } else { None };
        let start = origin * self.regions;
        let order = self.order.get(start..start + self.regions).unwrap_or(&self.nowhere);
        used.and_then(|used| used.region).into_iter().chain(order.iter().copied())
    }

    /// The region in use for an origin and a class.
    #[must_use]
    pub fn in_use(&self, origin: OriginNumber, class: ClassNumber) -> Option<RegionNumber> {
        let class = usize::from(class.0);
        let of_origin = self.in_use.chunks_exact(self.candidates.len().max(1)).nth(origin.0 as usize)?;
        of_origin.get(class).and_then(|used| used.region)
    }
}

/// Ranks the regions for one origin.
fn rank(ranked: &mut Vec<Ranked>, settings: &Settings, now: &Now<'_>, views: &[View], fixed: &[u32]) {
    ranked.clear();
    for ((region, view), fixed) in (0..=u8::MAX).map(RegionNumber).zip(views).zip(fixed) {
        let (geography, latency) = of_view(*view, settings.weights, settings.scales);
        let tie = tie(settings, now, region, views.len(), Some(view));
        ranked.push(Ranked { short_of_best: u32::MAX - (geography + latency + fixed), tie, region });
    }
    ranked.sort_unstable();
}

/// What decides between equals: the least is the first.
fn tie(settings: &Settings, now: &Now<'_>, region: RegionNumber, count: usize, view: Option<&View>) -> u64 {
    match settings.tie {
        Tie::LeastConnections => now.connections.get(region.at()).copied().unwrap_or(0),
        Tie::InTurn => {
            let (number, count) = (u64::from(region.0), count as u64);
            (number + count - now.tick % count) % count
        }
        Tie::Nearest => view.map_or(0, |view| u64::from(view.distance_km)),
    }
}

/// Decides which region an origin uses for a class from here on.
fn settle(used: &mut InUse, ranked: &[Ranked], usable: RegionSet, settings: &Settings, tick: u64) {
    let best = ranked.iter().find(|ranked| usable.has(ranked.region));
    let current = used.region.filter(|region| usable.has(*region));
    let current = current.and_then(|region| ranked.iter().find(|ranked| ranked.region == region));
    let moves = match (current, best) {
        (Some(current), Some(best)) => {
            let stayed = tick.saturating_sub(used.since) >= settings.dwell;
            stayed && current.short_of_best - best.short_of_best > settings.hysteresis.0
        }
        _ => true,
    };
    if moves {
        let region = best.map(|best| best.region);
        if region != used.region {
            *used = InUse { region, since: tick };
        }
    }
}
