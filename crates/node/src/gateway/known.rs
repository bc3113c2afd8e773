//! What a gateway knows of one region, and how much of it that is back it uses.

use policy::health::Health;
use policy::quota::ramped;
use policy::signal::Smoothed;
use serde::Serialize;
use std::collections::BTreeMap;
use vocab::{MicroUsd, Millis};

/// How long a region that came back takes until it gets all that it may.
pub const RAMP: Millis = Millis::seconds(30);
/// A region without a capacity in the file takes what comes.
pub(super) const NO_LIMIT: u64 = u64::MAX;

/// A region without a limit that came back gets its share of what comes at all,
/// or of so many a tick when that is more.
pub(super) const LEAST_RAMP: u64 = 100;

/// What is known of one region.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) health: Health,
    /// The round trip from this gateway.
    pub(super) rtt: Option<Smoothed>,
    /// Whether its host has said that there is a limit: that is who keeps it,
    /// and may have begun with another file.
    pub(super) is_limited: Option<bool>,
    /// This gateway's parts of ticks to come.
    pub(super) parts: BTreeMap<u64, u64>,
    /// Of this tick.
    pub(super) part: u64,
    /// The newest tick of which it had a part.
    pub(super) had: Option<u64>,
    /// Turns in a row to which its host said nothing.
    pub(super) missed: u32,
    /// What was wanted of it in the tick before this one.
    pub(super) asked: u64,
    pub(super) cost: MicroUsd,
}

/// How a region stands, for whoever looks.
#[derive(Serialize)]
pub(crate) struct Stands {
    pub(crate) id: String,
    pub(crate) usable: bool,
    pub(crate) drained: bool,
    pub(super) health_ppm: u32,
    pub(super) asked_in_this_tick: u64,
    /// What this gateway may send there; no limit without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part_of_this_tick: Option<u64>,
    /// As measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rtt_us: Option<u64>,
}

impl Known {
    /// Taken to be well until something says otherwise.
    pub(super) fn new(window: Millis, unhealthy_after: u32, cost: MicroUsd) -> Self {
        Self {
            health: Health::new(window, unhealthy_after),
            rtt: None,
            is_limited: None,
            parts: BTreeMap::new(),
            part: 0,
            had: None,
            missed: 0,
            asked: 0,
            cost,
        }
    }

    /// What a gateway sends in a tick to a region that may take this much of it: a
    /// share, while it has not been back for long.
    pub(super) fn warming(&self, part: u64, all_asked: u64, back_since: Millis, now: Millis) -> u64 {
        let since = self.health.back_since().max(back_since);
        if now.0.saturating_sub(since.0) >= RAMP.0 {
            return part;
        }
        ramped(if part == NO_LIMIT { all_asked } else { part }, since, now, RAMP)
    }
}
