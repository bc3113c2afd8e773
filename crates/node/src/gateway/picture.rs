//! The picture of the regions from which a gateway decides: made anew each
//! tick, from what is measured and what the planet file says.

use super::assumed::{Assumed, OfRegion};
use super::regions::Wish;
use super::settings::Settings;
use policy::explain::{Explanation, explain};
use policy::health::{Health, is_panic};
use policy::preview::grid;
use policy::quota::{Meter, ramped};
use policy::residency::{ClassNumber, Purpose};
use policy::route::{Filter, Policy, Refusal, Request, Standing, TICK, removes};
use policy::score::{Condition, View};
use policy::set::{RegionNumber, RegionSet};
use policy::shares::AHEAD;
use policy::signal::{Micros, RTT_MEMORY, Smoothed};
use policy::table::{Now, OriginNumber, Table};
use serde::Serialize;
use std::collections::BTreeMap;
use vocab::{MicroUsd, Millis, Ppm, Site};

/// How long a request counts for its region's health.
const WINDOW: Millis = Millis::seconds(10);
/// How long a region that came back takes until it gets all that it may.
pub const RAMP: Millis = Millis::seconds(30);
/// Turns that a region may miss before that counts as a failed check.
const MISSED_TURNS: u32 = 3;
/// A region without a capacity in the file takes what comes.
const NO_LIMIT: u64 = u64::MAX;

/// What is known of one region.
#[derive(Clone)]
struct Known {
    health: Health,
    /// The round trip from this gateway.
    rtt: Option<Smoothed>,
    /// Whether its host has said that there is a limit: that is who keeps it,
    /// and may have begun with another file.
    is_limited: Option<bool>,
    /// This gateway's parts of ticks to come.
    parts: BTreeMap<u64, u64>,
    /// Of this tick.
    part: u64,
    /// The newest tick of which it had a part.
    had: Option<u64>,
    /// Turns in a row to which its host said nothing.
    missed: u32,
    /// What was wanted of it in the tick before this one.
    asked: u64,
    cost: MicroUsd,
}

/// How a region stands, for whoever looks.
#[derive(Serialize)]
pub(crate) struct Stands {
    pub(crate) id: String,
    pub(crate) usable: bool,
    pub(crate) drained: bool,
    health_ppm: u32,
    asked_in_this_tick: u64,
    /// What this gateway may send there; no limit without.
    #[serde(skip_serializing_if = "Option::is_none")]
    part_of_this_tick: Option<u64>,
    /// As measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rtt_us: Option<u64>,
}

/// All that decisions are made from.
pub(super) struct Picture {
    pub(super) policy: Policy,
    /// Where requests come from: where the gateway is, then a grid.
    origins: Vec<Site>,
    views: Vec<View>,
    table: Table,
    pub(super) standing: Standing,
    meter: Meter,
    known: Vec<Known>,
    conditions: Vec<Condition>,
    pub(super) connections: Vec<u64>,
    pub(super) tick: u64,
    assumed: Assumed,
}

impl Picture {
    pub(super) fn new(settings: &Settings, now: Millis) -> Result<Self, String> {
        let mut policy = Policy::new(&settings.planet).map_err(|why| format!("{why}: {}", why.hint()))?;
        let count = policy.atlas.count();
        let unhealthy_after = settings.planet.route.unhealthy_after.value;
        let costs = settings.costs.as_ref().filter(|costs| costs.each.len() == count);
        if let Some(costs) = costs {
            policy = policy.priced(costs);
        }
        let known = |at: usize| Known {
            health: Health::new(WINDOW, unhealthy_after),
            rtt: None,
            is_limited: None,
            parts: BTreeMap::new(),
            part: 0,
            had: None,
            missed: 0,
            asked: 0,
            cost: costs.map_or(MicroUsd(0), |costs| costs.each[at]),
        };
        let own = settings.site.or_else(|| policy.atlas.iter().next().map(|(_, place)| place.site));
        let origins: Vec<Site> = own.into_iter().chain(grid()).collect();
        let table = Table::new(count, origins.len(), policy.candidates());
        let mut picture = Self {
            views: Vec::new(),
            origins,
            table,
            standing: policy.as_filed(),
            meter: Meter::new(0, Vec::new()),
            known: (0..count).map(known).collect(),
            conditions: vec![Condition { health: Ppm::ONE, load: Ppm(0), cost: MicroUsd(0) }; count],
            connections: vec![0; count],
            tick: 0,
            assumed: Assumed::default(),
            policy,
        };
        picture.look_around();
        picture.begin_tick(now);
        Ok(picture)
    }

    /// The same with another planet file of the same regions: what was learned
    /// stays.
    pub(super) fn changed(&self, settings: &Settings) -> Result<Self, String> {
        let mut new = Self::new(settings, Millis(self.tick * TICK.0))?;
        for (new, old) in new.known.iter_mut().zip(&self.known) {
            *new = Known { cost: new.cost, ..old.clone() };
        }
        // What is drained the new file says.
        new.standing = Standing { drained: new.standing.drained, ..self.standing };
        new.assumed = self.assumed.clone();
        new.meter = self.meter.clone();
        new.look_around();
        Ok(new)
    }

    /// Takes something else for true from now on; what an origin uses is
    /// forgotten, as if the gateway had just begun.
    pub(super) fn assume(&mut self, assumed: Assumed, now: Millis) {
        self.assumed = assumed;
        self.table = Table::new(self.policy.atlas.count(), self.origins.len(), self.policy.candidates());
        self.look_around();
        self.begin_tick(now);
    }

    fn assumed_of(&self, region: RegionNumber) -> Option<&OfRegion> {
        self.assumed.of.get(self.policy.atlas.id(region))
    }

    /// How far every region is from every origin. From where the gateway is,
    /// round trips are measured; from anywhere else they are modelled.
    fn look_around(&mut self) {
        if let (Some(own), Some(from)) = (self.origins.first_mut(), self.assumed.from) {
            *own = from;
        }
        let view = |origin: Site, place: &policy::atlas::Place| View {
            distance_km: policy::place::kilometres(origin, place.site),
            rtt: None,
        };
        let places = || self.policy.atlas.iter().map(|(_, place)| place);
        self.views = self.origins.iter().flat_map(|origin| places().map(|place| view(*origin, place))).collect();
        self.time_round_trips();
    }

    fn time_round_trips(&mut self) {
        for (at, region) in self.policy.atlas.all().iter().enumerate() {
            let assumed = self.assumed_of(region).and_then(|of| of.rtt);
            // What was measured is from here, and from nowhere else.
            let measured = self.known[at].rtt.filter(|_| self.assumed.from.is_none());
            self.views[at].rtt = assumed.or_else(|| measured.map(|rtt| Micros(rtt.value())));
        }
    }

    /// Begins a tick.
    pub(super) fn begin_tick(&mut self, now: Millis) {
        self.tick = now.0 / TICK.0;
        for (known, asked) in self.known.iter_mut().zip(self.meter.asked()) {
            known.asked = *asked;
        }
        self.time_round_trips();
        self.settle(now);
        let mut quotas = Vec::with_capacity(self.known.len());
        for (region, place) in self.policy.atlas.iter() {
            let assumed = self.assumed.of.get(&place.id);
            let known = &mut self.known[region.at()];
            known.parts = known.parts.split_off(&self.tick);
            let part = known.parts.remove(&self.tick).unwrap_or(0);
            let part = if known.is_limited.unwrap_or(place.capacity.is_some()) { part } else { NO_LIMIT };
            known.part = part;
            quotas.push(match assumed.and_then(|of| of.full) {
                Some(true) => 0,
                Some(false) => NO_LIMIT,
                None => ramped(part, known.health.back_since(), now, RAMP),
            });
            let load = Ppm::ratio(known.asked.min(part), part.max(1));
            self.conditions[region.at()] = Condition {
                health: assumed.and_then(|of| of.health).unwrap_or_else(|| known.health.value(now)),
                load: assumed.and_then(|of| of.load).unwrap_or(load),
                cost: assumed.and_then(|of| of.cost).unwrap_or(known.cost),
            };
            if let Some(connections) = assumed.and_then(|of| of.connections) {
                self.connections[region.at()] = connections;
            }
        }
        self.meter = Meter::new(self.tick, quotas);
        let Self { policy, table, views, conditions, connections, standing, tick, .. } = self;
        let now = Now { views, conditions, connections, standing: *standing, tick: *tick };
        table.rebuild(&policy.settings, &now);
    }

    /// Who is alive, and who is drained by assumption.
    fn settle(&mut self, now: Millis) {
        let all = self.policy.atlas.all();
        let settled: Vec<bool> = self.known.iter_mut().map(|known| known.health.settle(now)).collect();
        let is_alive =
            |region: &RegionNumber| self.assumed_of(*region).and_then(|of| of.alive).unwrap_or(settled[region.at()]);
        let alive: RegionSet = all.iter().filter(is_alive).collect();
        self.standing.alive = alive;
        self.standing.panic = self.assumed.panic.unwrap_or_else(|| is_panic(all, alive));
        for region in all.iter() {
            match self.assumed_of(region).and_then(|of| of.drained) {
                Some(true) => self.standing.drained.insert(region),
                Some(false) => self.standing.drained = self.standing.drained.without(region),
                None => {}
            }
        }
    }

    /// This gateway's part of a tick. What comes for the present one counts at
    /// once.
    pub(super) fn granted(&mut self, region: RegionNumber, (tick, part): (u64, Option<u64>), now: Millis) {
        let Some(known) = self.known.get_mut(region.at()) else { return };
        known.had = known.had.max(Some(tick));
        known.missed = 0;
        // Without a limit there is nothing to wait for: it begins with this tick.
        let is_news = known.is_limited.replace(part.is_some()) != Some(part.is_some());
        let part = part.unwrap_or(if is_news { NO_LIMIT } else { 0 });
        if tick == self.tick {
            known.part = known.part.saturating_add(part);
            if self.assumed.of.get(self.policy.atlas.id(region)).is_none_or(|of| of.full.is_none()) {
                self.meter.grant(region, ramped(part, known.health.back_since(), now, RAMP));
            }
        } else if tick > self.tick && tick <= self.tick + AHEAD {
            let parts = known.parts.entry(tick).or_insert(0);
            *parts = parts.saturating_add(part);
        }
    }

    /// A region took longer with its turn than anybody waits. One that does so
    /// again and again has not ended, and is of no more use than if it had.
    pub(super) fn missed(&mut self, region: RegionNumber) {
        let Some(known) = self.known.get_mut(region.at()) else { return };
        known.missed = known.missed.saturating_add(1);
        if known.missed >= MISSED_TURNS {
            known.health.check(false);
        }
    }

    /// The ticks of which a part is to be asked for, this one and the next
    /// without those that it had; and what was wanted of the region before.
    pub(super) fn wanting(&self, region: RegionNumber) -> (Vec<u64>, u64) {
        let Some(known) = self.known.get(region.at()) else { return (Vec::new(), 0) };
        let is_missing = |tick: &u64| known.had.is_none_or(|had| had < *tick);
        ((self.tick..=self.tick + 1).filter(is_missing).collect(), known.asked)
    }

    pub(super) fn timed(&mut self, region: RegionNumber, took: Micros, now: Millis) {
        let Some(known) = self.known.get_mut(region.at()) else { return };
        match &mut known.rtt {
            Some(rtt) => rtt.add(took.0, now, RTT_MEMORY),
            None => known.rtt = Some(Smoothed::new(took.0, now)),
        }
    }

    pub(super) fn health(&mut self, region: RegionNumber) -> Option<&mut Health> {
        self.known.get_mut(region.at()).map(|known| &mut known.health)
    }

    fn origin(&self, near: Option<Site>) -> OriginNumber {
        let Some(near) = near else { return OriginNumber(0) };
        let far = |site: &Site| policy::place::kilometres(near, *site);
        let nearest = (0..).zip(&self.origins).min_by_key(|(_, site)| far(site));
        nearest.map_or(OriginNumber(0), |(number, _)| OriginNumber(number))
    }

    /// A wish in numbers; `None` when the file has no such class any more.
    fn request(&self, wish: &Wish) -> Option<Request> {
        let class = match &wish.class {
            None => ClassNumber::NONE,
            Some(name) => self.policy.residency.find(name)?,
        };
        Some(Request { origin: self.origin(wish.near), class, purpose: wish.purpose, home: wish.home })
    }

    /// What keeps something from the region that it is bound to. That this is
    /// drained is nothing to those who have a slot there.
    fn keeps_from(&self, wish: &Wish, request: &Request, region: RegionNumber) -> Option<Filter> {
        let drained = if wish.purpose == Purpose::Store { self.standing.drained } else { RegionSet::NONE };
        let standing = Standing { drained, room: self.meter.room(), ..self.standing };
        removes(&self.policy, &standing, &Request { home: None, ..*request }, region)
    }

    /// Whether something may go to the region that it is bound to, counted
    /// against what that may take.
    pub(super) fn pin(&mut self, wish: &Wish, region: RegionNumber, now: Millis) -> Result<(), Filter> {
        let request = self.request(wish).ok_or(Filter::Unlawful)?;
        match self.keeps_from(wish, &request, region) {
            None | Some(Filter::Full) if self.meter.admit_to(region, now) => Ok(()),
            None => Err(Filter::Full),
            Some(filter) => Err(filter),
        }
    }

    /// Where something goes, counted against what that region may take.
    pub(super) fn admit(&mut self, wish: &Wish, now: Millis) -> Result<RegionNumber, Box<Refusal>> {
        let Some(request) = self.request(wish) else {
            let removed = self.policy.atlas.all().iter().map(|region| (region, Filter::Unlawful)).collect();
            return Err(Box::new(Refusal { removed, retry_after: None }));
        };
        let Self { policy, table, standing, meter, .. } = self;
        meter.admit(policy, table, standing, &request, now)
    }

    /// Why something goes where it goes.
    pub(super) fn explain(&self, wish: &Wish) -> Option<Explanation> {
        let now = Now {
            views: &self.views,
            conditions: &self.conditions,
            connections: &self.connections,
            standing: Standing { room: self.meter.room(), ..self.standing },
            tick: self.tick,
        };
        let request = self.request(wish)?;
        let explained = explain(&self.policy, &self.table, &now, &request);
        let Some(region) = wish.bound else { return Some(explained) };
        let kept_from = self.keeps_from(wish, &request, region);
        Some(explained.bound_to(self.policy.atlas.id(region), kept_from))
    }

    /// How the regions stand.
    pub(super) fn all(&self, now: Millis) -> Vec<Stands> {
        let of = |(region, place): (RegionNumber, &policy::atlas::Place)| {
            let known = &self.known[region.at()];
            Stands {
                id: place.id.clone(),
                usable: self.standing.alive.has(region),
                drained: self.standing.drained.has(region),
                health_ppm: known.health.value(now).0,
                asked_in_this_tick: self.meter.asked().get(region.at()).copied().unwrap_or(0),
                part_of_this_tick: known.is_limited.unwrap_or(place.capacity.is_some()).then_some(known.part),
                rtt_us: known.rtt.map(Smoothed::value),
            }
        };
        self.policy.atlas.iter().map(of).collect()
    }
}
