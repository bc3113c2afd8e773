//! The picture of the regions from which a gateway decides: made anew each
//! tick, from what is measured and what the planet file says.

use super::assumed::{Assumed, OfRegion};
use super::known::{Known, LEAST_RAMP, NO_LIMIT, Stands};
use super::regions::Wish;
use super::settings::Settings;
use policy::explain::{Explanation, explain};
use policy::health::{Health, Outliers, is_panic};
use policy::preview::{cell_of, grid};
use policy::quota::Meter;
use policy::residency::{ClassNumber, Compiled, Purpose};
use policy::route::{Filter, Policy, Refusal, Request, Standing, TICK, removes};
use policy::score::{Condition, View};
use policy::set::{RegionNumber, RegionSet};
use policy::shares::AHEAD;
use policy::signal::{Micros, RTT_MEMORY, Smoothed};
use policy::table::{Now, OriginNumber, Table};
use vocab::{MicroUsd, Millis, Ppm, Site};

/// How long a request counts for its region's health.
const WINDOW: Millis = Millis::seconds(10);
/// Turns that a region may miss before that counts as a failed check.
const MISSED_TURNS: u32 = 3;
/// All that decisions are made from.
pub(super) struct Picture {
    pub(super) policy: Policy,
    /// Where requests come from: where the gateway is, then a grid.
    origins: Vec<Site>,
    /// Regions that do worse than the others, left out for a while by whoever
    /// has a choice.
    outliers: Outliers,
    out: RegionSet,
    /// Regions that let a turn go by, and have given no part of this tick.
    silent: RegionSet,
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
        let cost = |at: usize| costs.map_or(MicroUsd(0), |costs| costs.each[at]);
        let known = |at: usize| Known::new(WINDOW, unhealthy_after, cost(at));
        let own = settings.site.or_else(|| policy.atlas.iter().next().map(|(_, place)| place.site));
        let origins: Vec<Site> = own.into_iter().chain(grid()).collect();
        let table = Table::new(count, origins.len(), policy.candidates());
        let mut picture = Self {
            views: Vec::new(),
            origins,
            outliers: Outliers::new(count),
            out: RegionSet::NONE,
            silent: RegionSet::NONE,
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
            new.health.lost_after(settings.planet.route.unhealthy_after.value);
        }
        // What is drained the new file says.
        new.standing = Standing { drained: new.standing.drained, ..self.standing };
        new.assumed = self.assumed.clone();
        new.meter = self.meter.clone();
        (new.outliers, new.out, new.silent) = (self.outliers.clone(), self.out, self.silent);
        new.conditions.clone_from(&self.conditions);
        new.connections.clone_from(&self.connections);
        let was = |(_, class): (_, &Compiled)| self.policy.residency.find(&class.name);
        let was: Vec<_> = new.policy.residency.iter().map(was).collect();
        let candidates = new.policy.candidates();
        new.table = Table::new(new.policy.atlas.count(), new.origins.len(), candidates);
        new.table.goes_on(&self.table, &was);
        new.look_around();
        new.rank();
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

    /// Looks again at what origins use, which was chosen before anything was
    /// measured: they leave it for what is clearly better. What may be sent in this
    /// tick stays what it is.
    pub(super) fn choose_anew(&mut self) {
        self.table.end_dwell();
        self.time_round_trips();
        self.rank();
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
        // What comes at all is the most that can come to one that is back.
        let all_asked = self.known.iter().map(|known| known.asked).fold(LEAST_RAMP, u64::saturating_add);
        let mut quotas = Vec::with_capacity(self.known.len());
        for (region, place) in self.policy.atlas.iter() {
            let assumed = self.assumed.of.get(&place.id);
            let back = self.outliers.back_since(region.at(), now);
            let known = &mut self.known[region.at()];
            known.parts = known.parts.split_off(&self.tick);
            let part = known.parts.remove(&self.tick).unwrap_or(0);
            let part = if known.is_limited.unwrap_or(place.capacity.is_some()) { part } else { NO_LIMIT };
            known.part = part;
            quotas.push(match assumed.and_then(|of| of.full) {
                Some(true) => 0,
                Some(false) => NO_LIMIT,
                None => known.warming(part, all_asked, back, now),
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
        self.outliers(now);
        self.listen();
        self.rank();
    }

    /// Who does so much worse than the others that it is left out for a while.
    fn outliers(&mut self, now: Millis) {
        // One that checks find dead is no outlier among those that answer.
        let success = |known: &Known| if known.health.answers() { known.health.success(now) } else { Ppm::ONE };
        let success: Vec<Ppm> = self.known.iter().map(success).collect();
        // Without entropy all come back at the same time, and nothing worse.
        let chance = custody::entropy::bytes().map_or([0; 8], |chance: [u8; 8]| chance);
        let jitter: Vec<Ppm> =
            chance.iter().cycle().take(success.len()).map(|byte| Ppm::ratio(u64::from(*byte), 255)).collect();
        self.outliers.settle(&success, WINDOW, &jitter, now);
        self.out = self.outliers.regions(now);
    }

    fn listen(&mut self) {
        let silent = |known: &Known| known.missed > 0 && known.had.is_none_or(|had| had < self.tick);
        let numbered = (0..=u8::MAX).map(RegionNumber).zip(&self.known);
        self.silent = numbered.filter(|(_, known)| silent(known)).map(|(region, _)| region).collect();
    }

    fn rank(&mut self) {
        let standing = Standing { alive: self.standing.alive.minus(self.out), ..self.standing };
        let Self { policy, table, views, conditions, connections, tick, .. } = self;
        let now = Now { views, conditions, connections, standing, tick: *tick };
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
        let back = self.outliers.back_since(region.at(), now);
        let Some(known) = self.known.get_mut(region.at()) else { return };
        known.had = known.had.max(Some(tick));
        known.missed = 0;
        self.silent = self.silent.without(region);
        // Without a limit there is nothing to wait for: it begins with this tick.
        let is_news = known.is_limited.replace(part.is_some()) != Some(part.is_some());
        let part = part.unwrap_or(if is_news { NO_LIMIT } else { 0 });
        if tick == self.tick {
            known.part = known.part.saturating_add(part);
            if self.assumed.of.get(self.policy.atlas.id(region)).is_none_or(|of| of.full.is_none()) {
                self.meter.grant(region, known.warming(part, LEAST_RAMP, back, now));
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
        self.listen();
    }

    /// How many slots a region has left.
    pub(super) fn has_slots(&mut self, region: RegionNumber, left: u64) {
        if left > 0 {
            self.standing.free.insert(region);
        } else {
            self.standing.free = self.standing.free.without(region);
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
        // By arithmetic: whoever asks may ask often, and every thread waits meanwhile.
        let (near, own) = (near.map(cell_of), self.origins.first().copied().map(cell_of));
        // Round trips are measured from where the gateway is.
        near.filter(|near| Some(*near) != own).map_or(OriginNumber(0), |cell| OriginNumber(cell + 1))
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
        // Whose slots are taken its host knows: somebody may have one there already.
        let free = self.policy.atlas.all();
        let standing = Standing { drained, free, room: self.meter.room(), ..self.deciding() };
        let home = request.home.filter(|_| wish.purpose == Purpose::Store);
        removes(&self.policy, &standing, &Request { home, ..*request }, region)
    }

    /// How the regions stand for one decision. One that has said nothing in its
    /// turn has given no part of this tick: nobody is told that it is full.
    const fn deciding(&self) -> Standing {
        Standing { alive: self.standing.alive.minus(self.silent), ..self.standing }
    }

    /// The same for whoever has a choice.
    const fn choosing(&self) -> Standing {
        let standing = self.deciding();
        Standing { alive: standing.alive.minus(self.out), ..standing }
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
        let standing = self.choosing();
        let Self { policy, table, meter, .. } = self;
        meter.admit(policy, table, &standing, &request, now)
    }

    /// Why something goes where it goes.
    pub(super) fn explain(&self, wish: &Wish) -> Option<Explanation> {
        let now = Now {
            views: &self.views,
            conditions: &self.conditions,
            connections: &self.connections,
            standing: Standing { room: self.meter.room(), ..self.choosing() },
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;
    use trust::PlanetId;
    use trust::sign::SigningKey;

    /// Two regions close to each other, and a class that stays where it is.
    const PLANET: &str = r#"
[planet]
name = "near"
blocks = 4
[[region]]
id = "one"
site = [50.0, 8.0]
jurisdictions = ["DE"]
[[region]]
id = "two"
site = [50.5, 8.5]
jurisdictions = ["DE"]
[data]
primary = "one"
[[data.class]]
name = "stays"
jurisdictions = ["DE"]
when_lost = "refuse"
"#;

    fn settings(file: &str) -> Settings {
        let planet = planet::parse(file.as_bytes()).0.unwrap();
        let key = Arc::new(SigningKey::new(&trust::Secret::take(&mut [1; 32])));
        Settings::new(Arc::new(planet), PlanetId([1; 16]), key, Vec::new())
    }

    fn at(second: u64) -> Millis {
        Millis::seconds(1_000_000 + second)
    }

    fn new_slot() -> Wish {
        Wish { near: None, class: None, purpose: Purpose::Store, home: None, bound: None }
    }

    const ONE: RegionNumber = RegionNumber(0);
    const TWO: RegionNumber = RegionNumber(1);

    #[test]
    fn another_planet_file_sends_nobody_elsewhere() {
        let mut picture = Picture::new(&settings(PLANET), at(0)).unwrap();
        assert_eq!(picture.admit(&new_slot(), at(0)).unwrap(), ONE);
        (0..9).for_each(|_| picture.health(ONE).unwrap().check(false));
        picture.begin_tick(at(1));
        assert_eq!(picture.admit(&new_slot(), at(1)).unwrap(), TWO);
        (0..9).for_each(|_| picture.health(ONE).unwrap().check(true));
        picture.begin_tick(at(2));
        assert_eq!(picture.admit(&new_slot(), at(2)).unwrap(), TWO, "it came back, and nobody moves for that");
        // With another class in front of the one that was there.
        let other = PLANET.replace("[[data.class]]", "[[data.class]]\nname = \"first\"\n[[data.class]]");
        for file in [PLANET, &other] {
            picture = picture.changed(&settings(file)).unwrap();
            assert_eq!(picture.admit(&new_slot(), at(2)).unwrap(), TWO);
            let stays = Wish { class: Some("stays".into()), ..new_slot() };
            assert_eq!(picture.admit(&stays, at(2)).unwrap(), TWO);
        }
    }

    /// By the map one is nearer; by the clock the other is.
    #[test]
    fn what_was_chosen_before_anything_was_measured_is_chosen_again() {
        let far = PLANET.replace("[50.5, 8.5]", "[53.0, 20.0]");
        for (rtt_us, winner) in [(4_000, ONE), (90_000, TWO)] {
            let mut picture = Picture::new(&settings(&far), at(0)).unwrap();
            assert_eq!(picture.admit(&new_slot(), at(0)).unwrap(), ONE);
            picture.timed(ONE, Micros(rtt_us), at(0));
            picture.timed(TWO, Micros(3_000), at(0));
            picture.begin_tick(at(1));
            assert_eq!(picture.admit(&new_slot(), at(1)).unwrap(), ONE, "it stays for a while");
            picture.choose_anew();
            assert_eq!(picture.admit(&new_slot(), at(1)).unwrap(), winner, "{rtt_us} µs");
        }
    }

    #[test]
    fn another_file_says_when_a_region_is_lost() {
        let mut picture = Picture::new(&settings(PLANET), at(0)).unwrap();
        let patient = format!("{PLANET}[route]\nunhealthy_after = 9\n");
        picture = picture.changed(&settings(&patient)).unwrap();
        (0..8).for_each(|_| picture.health(ONE).unwrap().check(false));
        picture.begin_tick(at(1));
        assert!(picture.standing.alive.has(ONE));
        picture.health(ONE).unwrap().check(false);
        picture.begin_tick(at(2));
        assert!(!picture.standing.alive.has(ONE));
    }

    /// Naming a region is no way around what a class says of a lost one.
    #[test]
    fn records_that_wait_for_their_region_wait_for_it_whichever_region_is_named() {
        let mut picture = Picture::new(&settings(PLANET), at(0)).unwrap();
        let stays = |bound| Wish { class: Some("stays".into()), home: Some(ONE), bound: Some(bound), ..new_slot() };
        assert_eq!(picture.pin(&stays(TWO), TWO, at(0)), Err(Filter::NotHome));
        assert_eq!(picture.pin(&stays(ONE), ONE, at(0)), Ok(()));
        for bound in [ONE, TWO] {
            let explained = picture.explain(&stays(bound)).unwrap();
            let winner = explained.winner.clone();
            let removed = explained.regions.iter().filter(|line| line.removed.is_some());
            assert!(removed.into_iter().all(|line| Some(&line.region) != winner.as_ref()), "{explained:?}");
        }
        // Its ops go where its lease is.
        let op = Wish { purpose: Purpose::Process, home: None, ..stays(TWO) };
        assert_eq!(picture.pin(&op, TWO, at(0)), Ok(()));
    }

    /// A region that says nothing has not said that it is full.
    #[test]
    fn a_region_that_lets_its_turn_go_by_is_not_called_full() {
        let limited = PLANET.replace("[50.0, 8.0]", "[50.0, 8.0]\ncapacity = \"10 rps\"");
        let mut picture = Picture::new(&settings(&limited), at(0)).unwrap();
        let own = Wish::of_own(ONE);
        picture.granted(ONE, (at(0).0 / TICK.0, Some(10)), at(0));
        assert_eq!(picture.pin(&own, ONE, at(0)), Ok(()));
        picture.choose_anew();
        assert_eq!(picture.pin(&own, ONE, at(0)), Ok(()), "what it may send is not what is chosen");
        picture.begin_tick(at(1));
        assert_eq!(picture.pin(&own, ONE, at(1)), Err(Filter::Full), "it may be slow");
        picture.missed(ONE);
        assert_eq!(picture.pin(&own, ONE, at(1)), Err(Filter::Dead));
        assert_eq!(picture.admit(&new_slot(), at(1)).unwrap(), TWO);
        picture.granted(ONE, (at(1).0 / TICK.0, Some(10)), at(1));
        assert_eq!(picture.pin(&own, ONE, at(1)), Ok(()));
    }

    /// A share of no limit would be no limit.
    #[test]
    fn a_region_without_a_limit_comes_back_slowly_too() {
        let mut picture = Picture::new(&settings(PLANET), at(0)).unwrap();
        let wish = Wish::of_own(ONE);
        let pinned = |picture: &mut Picture, now| (0..10_000).filter(|_| picture.pin(&wish, ONE, now).is_ok()).count();
        assert_eq!(pinned(&mut picture, at(0)), 10_000);
        (0..9).for_each(|_| picture.health(ONE).unwrap().check(false));
        picture.begin_tick(at(1));
        (0..9).for_each(|_| picture.health(ONE).unwrap().check(true));
        picture.begin_tick(at(2));
        let first = pinned(&mut picture, at(2));
        assert!((10..=1_100).contains(&first), "{first}");
        picture.begin_tick(at(40));
        assert_eq!(pinned(&mut picture, at(40)), 10_000);
    }

    #[test]
    fn a_region_that_does_worse_than_the_others_is_left_out_by_whoever_has_a_choice() {
        let region = |at: u8| format!("[[region]]\nid = \"r{at}\"\nsite = [50.{at}, 8.0]\njurisdictions = [\"DE\"]\n");
        let file = (0..4).map(region).fold("[planet]\nname = \"four\"\nblocks = 4\n".to_owned(), |all, one| all + &one);
        let mut picture = Picture::new(&settings(&file), at(0)).unwrap();
        let best = picture.admit(&new_slot(), at(0)).unwrap();
        for region in picture.policy.atlas.all().iter() {
            for number in 0..100 {
                // Three of ten fail: not so many that it counts as lost.
                let fails = region == best && number % 10 < 3;
                let outcome = if fails { policy::signal::Outcome::Failed } else { policy::signal::Outcome::Answered };
                picture.health(region).unwrap().request(outcome, at(1));
            }
        }
        picture.begin_tick(at(1));
        assert!(picture.standing.alive.has(best));
        assert_ne!(picture.admit(&new_slot(), at(1)).unwrap(), best);
        assert_eq!(picture.pin(&Wish::of_own(best), best, at(1)), Ok(()), "whose slot is there has no choice");
        let explained = picture.explain(&new_slot()).unwrap();
        assert_ne!(explained.winner.as_deref(), Some(picture.policy.atlas.id(best)));
    }
}
