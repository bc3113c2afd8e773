//! A region's capacity, given out to gateways by the region itself.
//!
//! Each gateway asks for its part of each tick by the tick's number and says
//! how much it was asked for. A tick is divided once, by what is known then,
//! and each part is handed out once: so the parts of a tick never exceed the
//! capacity, whatever comes late, twice, or in another order. Clocks have to
//! agree within a few ticks; where they do not, a gateway gets nothing and is
//! told so, because nothing is safe and too much is not.
//!
//! What was given out is not kept on a disk: a region that ended and began
//! again within a tick divides it anew. Gateways give a region that was lost a
//! tenth of its part at first, which covers that.

use crate::quota::{divide, in_tick};
use std::collections::BTreeMap;
use vocab::Rate;

/// How far before its beginning a tick may be asked for.
pub const AHEAD: u64 = 5;
/// A gateway that has not asked for so many ticks is none.
const FORGOTTEN: u64 = 10;
/// More gateways than a region has: each takes a part, asked for or not.
const MOST: usize = 256;

/// Why there is no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoShare {
    /// It is over, or too far away.
    #[error("tick {tick} cannot be asked for in tick {now}: do the clocks agree?")]
    NotNow {
        /// Which was asked for.
        tick: u64,
        /// Which it is.
        now: u64,
    },
    /// There are too many gateways.
    #[error("{MOST} gateways ask this region already")]
    TooMany,
}

/// What a region has given out.
#[derive(Debug, Clone)]
pub struct Shares<K> {
    /// No limit without.
    capacity: Option<Rate>,
    /// What each gateway said last, and when.
    demands: BTreeMap<K, (u64, u64)>,
    /// Parts of ticks that were divided and not asked for yet.
    parts: BTreeMap<u64, BTreeMap<K, u64>>,
    /// Time does not run backwards here.
    now: u64,
}

impl<K: Ord + Clone> Shares<K> {
    /// Of a region that takes so much.
    #[must_use]
    pub const fn new(capacity: Option<Rate>) -> Self {
        Self { capacity, demands: BTreeMap::new(), parts: BTreeMap::new(), now: 0 }
    }

    /// A gateway's part of a tick; `None` where there is no limit. What was
    /// handed out is not handed out again.
    ///
    /// # Errors
    /// When the tick is not to be had now.
    pub fn ask(&mut self, gateway: &K, (tick, demand): (u64, u64), now: u64) -> Result<Option<u64>, NoShare> {
        self.now = self.now.max(now);
        let now = self.now;
        if tick < now || tick > now.saturating_add(AHEAD) {
            return Err(NoShare::NotNow { tick, now });
        }
        let Some(capacity) = self.capacity else { return Ok(None) };
        self.demands.retain(|_, (heard, _)| now - *heard <= FORGOTTEN);
        if self.demands.len() >= MOST && !self.demands.contains_key(gateway) {
            return Err(NoShare::TooMany);
        }
        self.demands.insert(gateway.clone(), (now, demand));
        self.parts = self.parts.split_off(&now);
        let demands = &self.demands;
        let parts = self.parts.entry(tick).or_insert_with(|| {
            let wanted: Vec<u64> = demands.values().map(|(_, demand)| *demand).collect();
            demands.keys().cloned().zip(divide(in_tick(capacity, tick), &wanted)).collect()
        });
        Ok(Some(parts.remove(gateway).unwrap_or(0)))
    }
}
