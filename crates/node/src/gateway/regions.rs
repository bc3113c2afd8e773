//! How the regions stand, and where a request may go: what the threads of a
//! gateway share of the picture that it has of them.

use super::assumed::Assumed;
use super::known::Stands;
use super::picture::Picture;
use super::settings::Settings;
use policy::explain::Explanation;
use policy::residency::Purpose;
use policy::route::{Filter, Refusal, TICK};
use policy::set::{RegionNumber, RegionSet};
use policy::signal::{Micros, Outcome};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use vocab::{Millis, Site};
use wire::tell;

/// The regions of a planet, as a gateway sees them.
pub(crate) struct Regions {
    picture: Mutex<Picture>,
    /// Of each: they are the same for as long as the gateway runs.
    ids: Vec<String>,
    /// What each said last of its slots.
    slots: Mutex<Vec<Option<tell::Region>>>,
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
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// Near which place; where the gateway is when nobody says.
    pub(crate) near: Option<Site>,
    /// By name: what it is called may change its number while a request comes.
    pub(crate) class: Option<Box<str>>,
    pub(crate) purpose: Purpose,
    /// Where its records are already.
    pub(crate) home: Option<RegionNumber>,
    /// The region that it names, or its lease does: it goes nowhere else.
    pub(crate) bound: Option<RegionNumber>,
}

impl Wish {
    /// Of whoever has a slot in a region, for what is its own and of no class.
    pub(crate) const fn of_own(region: RegionNumber) -> Self {
        Self { near: None, class: None, purpose: Purpose::Process, home: None, bound: Some(region) }
    }
}

fn ids(picture: &Picture) -> Vec<String> {
    picture.policy.atlas.iter().map(|(_, place)| place.id.clone()).collect()
}

impl Regions {
    pub(crate) fn new(settings: &Settings, now: Millis) -> Result<Self, String> {
        let picture = Picture::new(settings, now)?;
        let ids = ids(&picture);
        let under_way = ids.iter().map(|_| AtomicU64::new(0)).collect();
        let slots = Mutex::new(vec![None; ids.len()]);
        Ok(Self { picture: Mutex::new(picture), ids, slots, under_way })
    }

    fn picture(&self) -> MutexGuard<'_, Picture> {
        self.picture.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The picture of this moment.
    fn now(&self, now: Millis) -> MutexGuard<'_, Picture> {
        let mut picture = self.picture();
        if now.0 / TICK.0 != picture.tick {
            self.begin_tick(&mut picture, now);
        }
        picture
    }

    fn begin_tick(&self, picture: &mut Picture, now: Millis) {
        for (known, count) in picture.connections.iter_mut().zip(&self.under_way) {
            *known = count.load(Relaxed);
        }
        picture.begin_tick(now);
    }

    /// Begins the tick of a moment, if nobody has.
    pub(crate) fn tick(&self, now: Millis) {
        drop(self.now(now));
    }

    /// Whether another planet file can be taken.
    pub(crate) fn may_change(&self, settings: &Settings) -> Result<(), String> {
        let new = self.picture().changed(settings)?;
        let other = || "the planet file has other regions now: start the gateway again".to_owned();
        (ids(&new) == self.ids).then_some(()).ok_or_else(other)
    }

    /// Takes another planet file of the same regions; what was learned stays.
    pub(crate) fn change(&self, settings: &Settings) -> Result<(), String> {
        self.may_change(settings)?;
        let mut picture = self.picture();
        *picture = picture.changed(settings)?;
        Ok(())
    }

    /// Takes something for true instead of what is measured.
    pub(crate) fn assume(&self, assumed: Assumed, now: Millis) -> Result<(), String> {
        if let Some(unknown) = assumed.of.keys().find(|id| !self.ids.contains(id)) {
            return Err(format!("there is no region \"{unknown}\""));
        }
        self.picture().assume(assumed, now);
        Ok(())
    }

    /// Chooses by what was measured by now.
    pub(crate) fn choose_anew(&self) {
        self.picture().choose_anew();
    }

    pub(crate) fn drain(&self, region: &str, drained: bool) -> Result<(), String> {
        let mut picture = self.picture();
        let number = picture.policy.atlas.find(region).ok_or_else(|| format!("there is no region \"{region}\""))?;
        if drained {
            picture.standing.drained.insert(number);
        } else {
            picture.standing.drained = picture.standing.drained.without(number);
        }
        Ok(())
    }

    /// Whether there is a residency class of a name.
    pub(crate) fn has_class(&self, name: &str) -> bool {
        self.picture().policy.residency.find(name).is_some()
    }

    /// All of them.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = RegionNumber> {
        (0..=u8::MAX).map(RegionNumber).take(self.ids.len())
    }

    /// Where something of a class may be, for whoever was refused; nothing of
    /// what is of none.
    pub(crate) fn where_it_may_be(&self, wish: &Wish) -> String {
        let picture = self.picture();
        let residency = &picture.policy.residency;
        let number = wish.class.as_deref().and_then(|name| residency.find(name));
        let Some(class) = number.and_then(|number| residency.class(number)) else { return String::new() };
        let ids: Vec<&str> = class.may(wish.purpose).iter().map(|region| self.id(region)).collect();
        let places = if ids.is_empty() { "nowhere".to_owned() } else { format!("in {} only", ids.join(", ")) };
        format!("; what is of the class {} may be {places}", class.name)
    }

    pub(crate) fn id(&self, region: RegionNumber) -> &str {
        self.ids.get(region.at()).map_or("", String::as_str)
    }

    pub(crate) fn find(&self, id: &str) -> Option<RegionNumber> {
        self.picture().policy.atlas.find(id)
    }

    /// Whether something may go to the region that it is bound to, counted
    /// against what that may take.
    pub(crate) fn pin(&self, wish: &Wish, region: RegionNumber, now: Millis) -> Result<(), Filter> {
        self.now(now).pin(wish, region, now)
    }

    /// Where something goes, counted against what that region may take.
    pub(crate) fn admit(&self, wish: &Wish, now: Millis) -> Result<RegionNumber, Box<Refusal>> {
        self.now(now).admit(wish, now)
    }

    /// Why something goes where it goes.
    pub(crate) fn explain(&self, wish: &Wish, now: Millis) -> Option<Explanation> {
        self.now(now).explain(wish)
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
        if let Some(health) = self.picture().health(region) {
            health.request(outcome, now);
        }
    }

    /// The regions that are healthy enough to be used.
    pub(crate) fn usable(&self) -> RegionSet {
        self.picture().standing.alive
    }

    /// A region was asked how it is, or could not be reached.
    pub(crate) fn check(&self, region: RegionNumber, good: bool) {
        if let Some(health) = self.picture().health(region) {
            health.check(good);
        }
    }

    /// How they stand.
    pub(crate) fn all(&self, now: Millis) -> Vec<Stands> {
        self.picture().all(now)
    }

    /// The ticks of which a part is to be asked for, and what was wanted of the
    /// region before.
    pub(crate) fn wanting(&self, region: RegionNumber) -> (Vec<u64>, u64) {
        self.picture().wanting(region)
    }

    /// A region did not answer in its turn.
    pub(crate) fn missed(&self, region: RegionNumber) {
        self.picture().missed(region);
    }

    /// What a region said in its turn, and how long that took.
    pub(crate) fn heard(&self, region: RegionNumber, (tick, told): (u64, tell::Tick), took: Micros, now: Millis) {
        let mut picture = self.now(now);
        picture.timed(region, took, now);
        picture.granted(region, (tick, told.part), now);
        picture.has_slots(region, told.region.slots.saturating_sub(told.region.taken));
        drop(picture);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slots) = slots.get_mut(region.at()) {
            *slots = Some(told.region);
        }
    }

    /// What the regions said last of their slots.
    pub(crate) fn slots(&self) -> Vec<tell::Region> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).iter().flatten().cloned().collect()
    }
}
