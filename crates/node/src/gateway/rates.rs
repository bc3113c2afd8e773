//! How often an agent and an address may ask.
//!
//! A limiter is one number behind a lock of its own; who asks again and again
//! holds on to it and is not looked up each time. The table is bounded: when it
//! is full, those who could ask at once are forgotten, which costs them nothing.

use super::settings::Settings;
use block::bans::Net;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use trust::AgentId;
use vocab::Millis;
use vocab::limit::{Answer, Due, Limit};

/// Limiters of each kind.
const MOST: usize = 65_536;

/// A full table is looked through so often at most: that takes a millisecond or two.
const LOOK_AGAIN: Millis = Millis::seconds(1);

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Agent(AgentId),
    Address(Net),
}

/// One limiter.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Due>);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limits {
    agent: Limit,
    address: Limit,
}

/// All limiters.
#[derive(Debug)]
pub(crate) struct Rates {
    limits: RwLock<Limits>,
    meters: Mutex<Meters>,
}

#[derive(Debug, Default)]
struct Meters {
    known: BTreeMap<Who, Arc<Meter>>,
    /// All were in use when they were looked through: until then nobody looks again.
    full_until: Millis,
}

impl Limits {
    fn new(settings: &Settings) -> Self {
        // A burst of a tenth: a page asks for several things at once.
        let limit = |rate: vocab::Rate| Limit::new(rate, u32::try_from(rate.events / 10).unwrap_or(u32::MAX).max(1));
        Self { agent: limit(settings.agent_rate), address: limit(settings.address_rate) }
    }
}

impl Rates {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { limits: RwLock::new(Limits::new(settings)), meters: Mutex::default() }
    }

    /// Other limits from here on. What was used up under the old ones is
    /// forgotten: their ticks differ.
    pub(crate) fn change(&self, settings: &Settings) {
        let (new, mut limits) = (Limits::new(settings), self.limits.write().unwrap_or_else(PoisonError::into_inner));
        if new == *limits {
            return;
        }
        *limits = new;
        drop(limits);
        for meter in locked(&self.meters).known.values() {
            *locked(&meter.0) = Due::default();
        }
    }

    /// The limiter of an address; an IPv6 /64 has one.
    pub(crate) fn address(&self, source: IpAddr, now: Millis) -> Option<Arc<Meter>> {
        self.meter(Who::Address(Net::of_source(source)), now)
    }

    /// The limiter of an agent.
    pub(crate) fn agent(&self, agent: AgentId, now: Millis) -> Option<Arc<Meter>> {
        self.meter(Who::Agent(agent), now)
    }

    /// A limiter; none when so many are in use that one more has no room.
    fn meter(&self, who: Who, now: Millis) -> Option<Arc<Meter>> {
        let mut meters = locked(&self.meters);
        if let Some(meter) = meters.known.get(&who) {
            return Some(Arc::clone(meter));
        }
        if meters.known.len() >= MOST {
            if now < meters.full_until {
                return None;
            }
            let limits = *self.limits.read().unwrap_or_else(PoisonError::into_inner);
            meters.known.retain(|who, meter| {
                let mut due = *locked(&meter.0);
                Arc::strong_count(meter) > 1 || limits.of(*who).ask(&mut due, now.0) != Answer::Now
            });
            if meters.known.len() >= MOST {
                meters.full_until = Millis(now.0 + LOOK_AGAIN.0);
                return None;
            }
        }
        let meter = Arc::new(Meter::default());
        meters.known.insert(who, Arc::clone(&meter));
        Some(meter)
    }

    /// Asks as an address; how long to wait when it is too soon.
    pub(crate) fn ask_address(&self, meter: &Meter, now: Millis) -> Result<(), Millis> {
        self.ask(meter, Limits::address, now)
    }

    /// Asks as an agent.
    pub(crate) fn ask_agent(&self, meter: &Meter, now: Millis) -> Result<(), Millis> {
        self.ask(meter, Limits::agent, now)
    }

    fn ask(&self, meter: &Meter, which: fn(&Limits) -> Limit, now: Millis) -> Result<(), Millis> {
        let limit = which(&self.limits.read().unwrap_or_else(PoisonError::into_inner));
        match limit.ask(&mut locked(&meter.0), now.0) {
            Answer::Now => Ok(()),
            Answer::After(wait) => Err(wait),
            Answer::Never => Err(Millis::minutes(1)),
        }
    }
}

impl Limits {
    const fn agent(&self) -> Limit {
        self.agent
    }

    const fn address(&self) -> Limit {
        self.address
    }

    const fn of(&self, who: Who) -> Limit {
        match who {
            Who::Agent(_) => self.agent,
            Who::Address(_) => self.address,
        }
    }
}
