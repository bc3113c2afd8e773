//! How the regions stand, and where a request may go: the shell around
//! `policy`. Each tick their health is settled, what each may take is given
//! out, and the table is ranked anew; in between a decision is a search in it.

use super::Shared;
use super::settings::Settings;
use policy::explain::{Explanation, explain};
use policy::health::{Health, is_panic};
use policy::preview::grid;
use policy::quota::{Meter, in_tick, ramped};
use policy::residency::{ClassNumber, Purpose};
use policy::route::{Filter, Policy, Refusal, Request, Standing, TICK, removes};
use policy::score::{Condition, View};
use policy::set::{RegionNumber, RegionSet};
use policy::signal::Outcome;
use policy::table::{Now, OriginNumber, Table};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vocab::{MicroUsd, Millis, Ppm, Site};

/// How long a request counts for its region's health.
const WINDOW: Millis = Millis::seconds(10);
/// How long a region that came back takes until it gets all that it may.
const RAMP: Millis = Millis::seconds(30);
/// A region without a capacity in the file takes what comes.
const NO_LIMIT: u64 = u64::MAX;

struct State {
    policy: Policy,
    /// Where requests come from: the region that the gateway stands in, then a grid.
    origins: Vec<Site>,
    views: Vec<View>,
    table: Table,
    standing: Standing,
    meter: Meter,
    health: Vec<Health>,
    conditions: Vec<Condition>,
    connections: Vec<u64>,
    tick: u64,
}

/// The regions of a planet, as a gateway sees them.
pub(crate) struct Regions {
    state: Mutex<State>,
    /// Of each: they are the same for as long as the gateway runs.
    ids: Vec<String>,
    /// Requests on their way to each.
    under_way: Vec<AtomicU64>,
}

/// A request on its way, until it was answered or its client took it back.
pub(crate) struct UnderWay<'r>(Option<&'r AtomicU64>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0 {
            count.fetch_sub(1, Relaxed);
        }
    }
}

/// What wants to go somewhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// Near which place; where the gateway is when nobody says.
    pub(crate) near: Option<Site>,
    pub(crate) class: ClassNumber,
    pub(crate) purpose: Purpose,
    /// The region of the lease.
    pub(crate) home: Option<RegionNumber>,
}

fn state_of(settings: &Settings, now: Millis) -> Result<State, String> {
    let policy = Policy::new(&settings.planet).map_err(|why| format!("{why}: {}", why.hint()))?;
    let (all, count) = (policy.atlas.all(), policy.atlas.count());
    let own = policy.atlas.iter().next().map(|(_, place)| place.site);
    let origins: Vec<Site> = own.into_iter().chain(grid()).collect();
    let mut views = Vec::with_capacity(origins.len() * count);
    for origin in &origins {
        let view = |place: &policy::atlas::Place| View {
            distance_km: policy::place::kilometres(*origin, place.site),
            rtt: None,
        };
        views.extend(policy.atlas.iter().map(|(_, place)| view(place)));
    }
    let table = Table::new(count, origins.len(), policy.candidates());
    let unhealthy_after = settings.planet.route.unhealthy_after.value;
    let mut state = State {
        origins,
        views,
        table,
        standing: Standing::well(all),
        meter: Meter::new(0, Vec::new()),
        health: vec![Health::new(WINDOW, unhealthy_after); count],
        conditions: vec![Condition { health: Ppm::ONE, load: Ppm(0), cost: MicroUsd(0) }; count],
        connections: vec![0; count],
        tick: 0,
        policy,
    };
    state.tick(now);
    Ok(state)
}

fn ids(state: &State) -> Vec<String> {
    state.policy.atlas.iter().map(|(_, place)| place.id.clone()).collect()
}

impl State {
    /// Begins a tick.
    fn tick(&mut self, now: Millis) {
        self.tick = now.0 / TICK.0;
        let all = self.policy.atlas.all();
        let alive: RegionSet = all.iter().filter(|region| self.health[region.at()].settle(now)).collect();
        self.standing.alive = alive;
        self.standing.panic = is_panic(all, alive);
        let mut quotas = Vec::with_capacity(self.health.len());
        let asked = self.meter.asked().to_vec();
        for (region, place) in self.policy.atlas.iter() {
            let health = &self.health[region.at()];
            let capacity = place.capacity.map_or(NO_LIMIT, |capacity| in_tick(capacity, self.tick));
            quotas.push(ramped(capacity, health.back_since(), now, RAMP));
            let load =
                asked.get(region.at()).map_or(Ppm(0), |asked| Ppm::ratio((*asked).min(capacity), capacity.max(1)));
            self.conditions[region.at()] = Condition { health: health.value(now), load, cost: MicroUsd(0) };
        }
        self.meter = Meter::new(self.tick, quotas);
        let now = Now {
            views: &self.views,
            conditions: &self.conditions,
            connections: &self.connections,
            standing: self.standing,
            tick: self.tick,
        };
        self.table.rebuild(&self.policy.settings, &now);
    }

    fn origin(&self, near: Option<Site>) -> OriginNumber {
        let Some(near) = near else { return OriginNumber(0) };
        let far = |site: &Site| policy::place::kilometres(near, *site);
        let nearest = (0..).zip(&self.origins).min_by_key(|(_, site)| far(site));
        nearest.map_or(OriginNumber(0), |(number, _)| OriginNumber(number))
    }

    fn request(&self, wish: &Wish) -> Request {
        Request { origin: self.origin(wish.near), class: wish.class, purpose: wish.purpose, home: wish.home }
    }
}

impl Regions {
    pub(crate) fn new(settings: &Settings, now: Millis) -> Result<Self, String> {
        let state = state_of(settings, now)?;
        let under_way = state.connections.iter().map(|_| AtomicU64::new(0)).collect();
        let ids = ids(&state);
        Ok(Self { state: Mutex::new(state), ids, under_way })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a tick.
    fn tick(&self, state: &mut State, now: Millis) {
        for (known, count) in state.connections.iter_mut().zip(&self.under_way) {
            *known = count.load(Relaxed);
        }
        state.tick(now);
    }

    /// Takes another planet file of the same regions; what was learned stays.
    pub(crate) fn change(&self, settings: &Settings) -> Result<(), String> {
        let mut state = self.state();
        let mut new = state_of(settings, Millis(state.tick * TICK.0))?;
        if ids(&new) != self.ids {
            return Err("the planet file has other regions now: start the gateway again".to_owned());
        }
        (new.health, new.standing) = (state.health.clone(), state.standing);
        *state = new;
        Ok(())
    }

    pub(crate) fn drain(&self, region: &str, drained: bool) -> Result<(), String> {
        let mut state = self.state();
        let number = state.policy.atlas.find(region).ok_or_else(|| format!("there is no region \"{region}\""))?;
        if drained {
            state.standing.drained.insert(number);
        } else {
            state.standing.drained = state.standing.drained.without(number);
        }
        Ok(())
    }

    /// The residency class of a name.
    pub(crate) fn class(&self, name: &str) -> Option<ClassNumber> {
        self.state().policy.residency.find(name)
    }

    pub(crate) fn id(&self, region: RegionNumber) -> &str {
        self.ids.get(region.at()).map_or("", String::as_str)
    }

    pub(crate) fn find(&self, id: &str) -> Option<RegionNumber> {
        self.state().policy.atlas.find(id)
    }

    /// Whether something may go to the region that it is bound to, counted
    /// against what that may take. That it is drained is nothing to those who
    /// have a slot there.
    pub(crate) fn pin(&self, wish: &Wish, region: RegionNumber, now: Millis) -> Result<(), Filter> {
        let mut state = self.state();
        if now.0 / TICK.0 != state.tick {
            self.tick(&mut state, now);
        }
        let request = Request { home: None, ..state.request(wish) };
        let State { policy, table, standing, meter, .. } = &mut *state;
        let drained = if wish.purpose == Purpose::Store { standing.drained } else { RegionSet::NONE };
        let standing = Standing { drained, room: meter.room(), ..*standing };
        if let Some(filter) = removes(policy, &standing, &request, region) {
            return Err(filter);
        }
        let there = Standing { room: RegionSet::from_iter([region]), ..standing };
        meter.admit(policy, table, &there, &request, now).map(|_| ()).map_err(|_| Filter::Full)
    }

    /// Where something goes, counted against what that region may take.
    pub(crate) fn admit(&self, wish: &Wish, now: Millis) -> Result<RegionNumber, Box<Refusal>> {
        let mut state = self.state();
        if now.0 / TICK.0 != state.tick {
            self.tick(&mut state, now);
        }
        let request = state.request(wish);
        let State { policy, table, standing, meter, .. } = &mut *state;
        meter.admit(policy, table, standing, &request, now)
    }

    /// Why something goes where it goes.
    pub(crate) fn explain(&self, wish: &Wish) -> Explanation {
        let state = self.state();
        let request = state.request(wish);
        let standing = Standing { room: state.meter.room(), ..state.standing };
        let now = Now {
            views: &state.views,
            conditions: &state.conditions,
            connections: &state.connections,
            standing,
            tick: state.tick,
        };
        explain(&state.policy, &state.table, &now, &request)
    }

    /// A request is on its way to a region, for as long as this is kept.
    pub(crate) fn under_way(&self, region: RegionNumber) -> UnderWay<'_> {
        let count = self.under_way.get(region.at());
        if let Some(count) = count {
            count.fetch_add(1, Relaxed);
        }
        UnderWay(count)
    }

    /// A request went to a region, and came to this.
    pub(crate) fn outcome(&self, region: RegionNumber, outcome: Outcome, now: Millis) {
        if let Some(health) = self.state().health.get_mut(region.at()) {
            health.request(outcome, now);
        }
    }

    /// The regions that are healthy enough to be used.
    pub(crate) fn usable(&self) -> RegionSet {
        self.state().standing.alive
    }

    /// A region was asked how it is, or could not be reached.
    pub(crate) fn check(&self, region: RegionNumber, good: bool) {
        if let Some(health) = self.state().health.get_mut(region.at()) {
            health.check(good);
        }
    }

    /// The regions: id, whether it is usable, drained, its health, and what it
    /// was asked for in this tick.
    pub(crate) fn all(&self, now: Millis) -> Vec<(String, bool, bool, Ppm, u64)> {
        let state = self.state();
        let of = |(region, place): (RegionNumber, &policy::atlas::Place)| {
            let (alive, drained) = (state.standing.alive.has(region), state.standing.drained.has(region));
            let asked = state.meter.asked().get(region.at()).copied().unwrap_or(0);
            (place.id.clone(), alive, drained, state.health[region.at()].value(now), asked)
        };
        state.policy.atlas.iter().map(of).collect()
    }
}

/// Begins ticks when nobody asks, and asks hosts how they are.
pub(crate) async fn look_after(shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(Duration::from_millis(TICK.0));
    let mut checked: Option<tokio::time::Instant> = None;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = shared.stopped() => return,
        }
        let settings = shared.settings();
        let every = Duration::from_millis(settings.planet.route.health_check.value.0);
        let (now, all) = (Millis(shared.clock.now().0), shared.regions.all(Millis(shared.clock.now().0)));
        shared.regions.tick(&mut shared.regions.state(), now);
        // A region that is lost is looked at each tick, so that it comes back soon.
        let all_due = checked.is_none_or(|checked| checked.elapsed() >= every);
        if all_due {
            checked = Some(tokio::time::Instant::now());
            shared.hosts.sweep();
        }
        for (number, (_, alive, ..)) in (0..=u8::MAX).map(RegionNumber).zip(all) {
            if all_due || !alive {
                tokio::spawn(check(Arc::clone(&shared), number));
            }
        }
    }
}

/// Asks a host how it is.
pub(crate) async fn check(shared: Arc<Shared>, region: RegionNumber) {
    let good = match shared.hosts.check(region).await {
        Ok(status) => status.is_success(),
        Err(why) => {
            tracing::debug!(region = shared.regions.id(region), %why, "a region does not answer");
            false
        }
    };
    shared.regions.check(region, good);
}
