//! One decision: what residency leaves, what is alive, not drained and has room,
//! and the best of these by the table. With nothing left, a refusal that says
//! which filter removed each region.

use crate::atlas::{Atlas, Unroutable};
use crate::cost::Costs;
use crate::residency::{ClassNumber, Purpose, Residency};
use crate::score::{POINT, Scales, Score, Weights};
use crate::set::{RegionNumber, RegionSet};
use crate::table::{OriginNumber, Settings, Table, Tie};
use planet::{Fallback, Planet};
use serde::Serialize;
use vocab::Millis;

/// All that a planet's file says about routing, compiled.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The regions.
    pub atlas: Atlas,
    /// Where records may be.
    pub residency: Residency,
    /// How tables are ranked.
    pub settings: Settings,
}

/// A challenger must be better by so much than the region that an origin uses:
/// 5 points. With 2, round trips that jitter moved 0.13 of a thousand cities a
/// tick; with 5, none.
pub const HYSTERESIS: Score = Score(5 * POINT);
/// An origin that has moved stays for so many ticks, unless its region goes.
pub const DWELL_TICKS: u64 = 30;
/// A tick: how often tables are rebuilt and quotas given.
pub const TICK: Millis = Millis(1_000);

impl Policy {
    /// Compiles a planet. Without prices every region costs the same.
    ///
    /// # Errors
    /// When it has no regions, too many, or weights that are no parts of 100.
    pub fn new(planet: &Planet) -> Result<Self, Unroutable> {
        let atlas = Atlas::new(planet)?;
        let residency = Residency::new(planet, &atlas)?;
        let weights = &planet.route.weights;
        let settings = Settings {
            weights: Weights::new(
                weights.geography.value,
                weights.health.value,
                weights.latency.value,
                weights.cost.value,
            )?,
            scales: Scales::new(Costs::UNKNOWN_SCALE),
            hysteresis: HYSTERESIS,
            dwell: DWELL_TICKS,
            tie: match planet.route.fallback.value {
                Fallback::LeastConnections => Tie::LeastConnections,
                Fallback::RoundRobin => Tie::InTurn,
                Fallback::Nearest => Tie::Nearest,
            },
        };
        Ok(Self { atlas, residency, settings })
    }

    /// With the scale of a planet whose prices are known.
    #[must_use]
    pub fn priced(mut self, costs: &Costs) -> Self {
        self.settings.scales = Scales::new(costs.scale);
        self
    }

    /// How the regions stand by the file alone: all are well, and some drained.
    #[must_use]
    pub fn as_filed(&self) -> Standing {
        Standing { drained: self.atlas.drained(), ..Standing::well(self.atlas.all()) }
    }

    /// The regions that a new record of each class may go to, in the order of
    /// the classes' numbers: what a table is ranked for.
    #[must_use]
    pub fn candidates(&self) -> Vec<RegionSet> {
        self.residency.iter().map(|(_, class)| class.may(Purpose::Store)).collect()
    }
}

/// How the regions stand at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Those that are healthy enough to be used.
    pub alive: RegionSet,
    /// Those that an operator empties.
    pub drained: RegionSet,
    /// Those with room in this tick.
    pub room: RegionSet,
    /// Those with a slot for one more agent.
    pub free: RegionSet,
    /// So many seem dead at once that the measuring is in doubt: where none that
    /// may be used seems alive, they are tried all the same.
    pub panic: bool,
}

impl Standing {
    /// All is well in these regions.
    #[must_use]
    pub const fn well(all: RegionSet) -> Self {
        Self { alive: all, drained: RegionSet::NONE, room: all, free: all, panic: false }
    }

    /// The regions that can be used at all: alive and not drained; in panic,
    /// those of `among` whatever their health, when none of them seems alive.
    #[must_use]
    pub const fn usable(&self, among: RegionSet) -> RegionSet {
        let left = among.minus(self.drained);
        let alive = left.and(self.alive);
        if self.panic && alive.is_empty() { left } else { alive }
    }
}

/// What wants to go somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Whence.
    pub origin: OriginNumber,
    /// Of which class.
    pub class: ClassNumber,
    /// What for.
    pub purpose: Purpose,
    /// The region that its records are in, when they are anywhere.
    pub home: Option<RegionNumber>,
}

/// What removed a region from a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Its jurisdictions are not the class's.
    Unlawful,
    /// The class does not list it.
    NotListed,
    /// The records are elsewhere, and wait for their region when it is lost.
    NotHome,
    /// An operator empties it.
    Drained,
    /// It is not healthy enough.
    Dead,
    /// It has no room in this tick.
    Full,
    /// It has no slot for one more agent.
    Taken,
}

impl Filter {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unlawful => "residency: jurisdiction",
            Self::NotListed => "residency: not listed",
            Self::NotHome => "residency: waits for its region",
            Self::Drained => "drained",
            Self::Dead => "not healthy",
            Self::Full => "full in this tick",
            Self::Taken => "all its slots are taken",
        }
    }

    /// Whether waiting can help.
    #[must_use]
    pub const fn passes(self) -> bool {
        !matches!(self, Self::Unlawful | Self::NotListed)
    }
}

/// Nothing was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What removed each region of the planet.
    pub removed: Vec<(RegionNumber, Filter)>,
    /// When to try again; `None` where time changes nothing.
    pub retry_after: Option<Millis>,
}

impl Refusal {
    /// In a sentence.
    #[must_use]
    pub fn words(&self) -> &'static str {
        let any = |filter: Filter| self.removed.iter().any(|(_, removed)| *removed == filter);
        if self.retry_after.is_none() {
            "no region may take it: residency leaves none"
        } else if any(Filter::Full) {
            "every region that may take it is full: try again in the next tick"
        } else if any(Filter::Taken) {
            "every slot where it may be is taken"
        } else if any(Filter::Dead) {
            "no region that may take it is healthy"
        } else if any(Filter::Drained) {
            "every region that may take it is drained"
        } else {
            "its records wait for their own region"
        }
    }
}

/// Whether a region may and can take a request, and if not, why.
#[must_use]
pub fn removes(policy: &Policy, standing: &Standing, request: &Request, region: RegionNumber) -> Option<Filter> {
    let Some(class) = policy.residency.class(request.class) else { return Some(Filter::Unlawful) };
    let may = policy.residency.candidates(request.class, request.purpose, request.home);
    class.removes(region, request.purpose, request.home).or_else(|| {
        if standing.drained.has(region) {
            Some(Filter::Drained)
        } else if !standing.usable(may).has(region) {
            Some(Filter::Dead)
        } else {
            let taken = is_seated(request) && !standing.free.has(region);
            let full = (!standing.room.has(region)).then_some(Filter::Full);
            full.or_else(|| taken.then_some(Filter::Taken))
        }
    })
}

/// Whether a request wants a slot: only what is new somewhere is kept there.
const fn is_seated(request: &Request) -> bool {
    matches!(request.purpose, Purpose::Store)
}

/// The regions that may and can take a request.
#[must_use]
pub fn open(policy: &Policy, standing: &Standing, request: &Request) -> RegionSet {
    let may = policy.residency.candidates(request.class, request.purpose, request.home);
    let open = standing.usable(may).and(standing.room);
    if is_seated(request) { open.and(standing.free) } else { open }
}

/// Where a request goes.
///
/// # Errors
/// When nothing is left, with what removed each region.
pub fn decide(
    policy: &Policy,
    table: &Table,
    standing: &Standing,
    request: &Request,
) -> Result<RegionNumber, Box<Refusal>> {
    let open = open(policy, standing, request);
    table.first(request.origin, request.class, open).ok_or_else(|| refuse(policy, standing, request))
}

/// The refusal of a request for which nothing is left.
#[cold]
#[must_use]
pub fn refuse(policy: &Policy, standing: &Standing, request: &Request) -> Box<Refusal> {
    let removed: Vec<_> = policy
        .atlas
        .all()
        .iter()
        .filter_map(|region| removes(policy, standing, request, region).map(|filter| (region, filter)))
        .collect();
    // What waits for a region in which it may never be waits in vain.
    let may = policy.residency.may(request.class, request.purpose);
    let comes_home = request.home.is_none_or(|home| may.has(home));
    let passes = |filter: Filter| filter.passes() && (comes_home || filter != Filter::NotHome);
    let passes = removed.iter().any(|(_, filter)| passes(*filter));
    Box::new(Refusal { removed, retry_after: passes.then_some(TICK) })
}
