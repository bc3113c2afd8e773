//! Capacity as quotas: each tick a region's capacity is divided among the
//! gateways, and each gateway admits at most its part. No counter is shared, so
//! no interleaving of gateways can exceed the whole.

use crate::route::{Filter, Policy, Refusal, Request, Standing, TICK, open, refuse};
use crate::set::{RegionNumber, RegionSet};
use crate::table::Table;
use vocab::{Millis, Ppm, Rate};

/// What a capacity comes to in one tick. Over any run of ticks the sum is the
/// capacity exactly, also where one tick's part is no whole number.
#[must_use]
pub fn in_tick(capacity: Rate, tick: u64) -> u64 {
    let (events, per) = (u128::from(capacity.events), u128::from(capacity.per.0.max(1)));
    let length = u128::from(TICK.0);
    // Only the place within the period counts, so products stay small.
    let into = (u128::from(tick) * length) % per;
    let until = |at: u128| at.saturating_mul(events) / per;
    u64::try_from(until(into + length) - until(into)).unwrap_or(u64::MAX)
}

/// Divides a capacity by demand: who asks for less than an equal share gets what
/// it asks for, the rest is shared by those who ask for more, and what nobody
/// asks for is spread evenly, for those who come unannounced. The parts add up
/// to `capacity` exactly.
#[must_use]
pub fn divide(capacity: u64, demands: &[u64]) -> Vec<u64> {
    let mut parts = vec![0; demands.len()];
    let mut by_demand: Vec<(u64, usize)> = demands.iter().copied().zip(0..).collect();
    by_demand.sort_unstable();
    let (mut left, mut waiting) = (capacity, demands.len() as u64);
    for &(demand, gateway) in &by_demand {
        let part = demand.min(left.div_ceil(waiting.max(1)));
        parts[gateway] = part;
        left -= part;
        waiting -= 1;
    }
    let mut spread = demands.len() as u64;
    for part in &mut parts {
        let more = left.div_ceil(spread.max(1));
        *part += more;
        left -= more;
        spread -= 1;
    }
    parts
}

/// How much of its capacity a region gets that has come back: a tenth at once,
/// and all of it after the ramp. What came back cold would go again under the
/// whole.
#[must_use]
pub fn ramped(capacity: u64, back_since: Millis, now: Millis, ramp: Millis) -> u64 {
    let passed = now.0.saturating_sub(back_since.0);
    if passed >= ramp.0 {
        return capacity;
    }
    let share = Ppm::ratio(passed, ramp.0).0.max(FIRST_SHARE.0);
    let exact = u128::from(capacity) * u128::from(share) / 1_000_000;
    u64::try_from(exact).unwrap_or(capacity)
}

/// What a region that came back gets at once.
pub const FIRST_SHARE: Ppm = Ppm::percent(10);

/// One gateway's quotas of one tick, and what is left of them.
#[derive(Debug, Clone)]
pub struct Meter {
    tick: u64,
    left: Vec<u64>,
    room: RegionSet,
    asked: Vec<u64>,
}

/// What became of a request at a gateway.
pub type Admission = Result<RegionNumber, Box<Refusal>>;

impl Meter {
    /// Quotas by region for a tick. A gateway that got none for a tick admits
    /// nothing in it.
    #[must_use]
    pub fn new(tick: u64, quotas: Vec<u64>) -> Self {
        let with_room = (0..=u8::MAX).map(RegionNumber).zip(&quotas).filter(|(_, quota)| **quota > 0);
        let room = with_room.map(|(region, _)| region).collect();
        Self { tick, asked: vec![0; quotas.len()], left: quotas, room }
    }

    /// The regions of which there is quota left.
    #[must_use]
    pub const fn room(&self) -> RegionSet {
        self.room
    }

    /// How many requests wanted each region first: the demand to ask for next.
    #[must_use]
    pub fn asked(&self) -> &[u64] {
        &self.asked
    }

    /// More of a region's quota, that came while the tick was running.
    pub fn grant(&mut self, region: RegionNumber, more: u64) {
        let Some(left) = self.left.get_mut(region.at()) else { return };
        *left = left.saturating_add(more);
        if *left > 0 {
            self.room.insert(region);
        }
    }

    /// Takes one for what may go to one region only; whether there was one.
    #[must_use]
    pub fn admit_to(&mut self, region: RegionNumber, now: Millis) -> bool {
        if let Some(asked) = self.asked.get_mut(region.at()) {
            *asked = asked.saturating_add(1);
        }
        let is_now = now.0 / TICK.0 == self.tick;
        is_now && self.take(region)
    }

    /// Takes one from a region's quota.
    fn take(&mut self, region: RegionNumber) -> bool {
        let Some(left) = self.left.get_mut(region.at()).filter(|left| **left > 0) else { return false };
        *left -= 1;
        if *left == 0 {
            self.room = self.room.without(region);
        }
        true
    }

    /// Decides where a request goes and takes it from the quota: the best region
    /// with room. What it would have preferred is counted as asked for.
    ///
    /// # Errors
    /// When nothing is left; when all that could take it are full, with the time
    /// until the next tick.
    pub fn admit(
        &mut self,
        policy: &Policy,
        table: &Table,
        standing: &Standing,
        request: &Request,
        now: Millis,
    ) -> Admission {
        let all = Standing { room: policy.atlas.all(), ..*standing };
        let could = open(policy, &all, request);
        let wanted = table.first(request.origin, request.class, could);
        if let Some(asked) = wanted.and_then(|wanted| self.asked.get_mut(wanted.at())) {
            *asked = asked.saturating_add(1);
        }
        let is_now = now.0 / TICK.0 == self.tick;
        let room = if is_now { self.room.and(standing.room) } else { RegionSet::NONE };
        match table.first(request.origin, request.class, could.and(room)) {
            Some(region) if self.take(region) => Ok(region),
            _ => {
                let mut refusal = refuse(policy, &Standing { room, ..*standing }, request);
                let is_full = refusal.removed.iter().any(|(_, filter)| *filter == Filter::Full);
                if is_full {
                    refusal.retry_after = Some(Millis(TICK.0 - now.0 % TICK.0));
                }
                Err(refusal)
            }
        }
    }
}
