//! The holder of a slot, in 64 bytes.

use crate::index::SeatRow;
use crate::rate::Due;
use trust::{AgentId, Moment};
use vocab::Slot;

/// Who holds a slot, and what is asked of it before each op.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Who.
    pub agent: AgentId,
    /// The sequence of the entry that assigned it.
    pub fencing: u64,
    /// The newest name of an op of this agent, as far as it fits: a name that
    /// is greater was never here, and need not be looked up.
    pub newest: u64,
    /// When the next op is due.
    pub due: Due,
    /// The second in which the lease ends, rounded up: it fits until 2106.
    until: u32,
    /// Which slot.
    pub slot: Slot,
}

const _: () = assert!(size_of::<Seat>() == 64, "60 of them and the rest of a block fit 4 KiB");

impl Seat {
    pub(super) fn new(row: &SeatRow, newest: u64, due: Due) -> Self {
        let mut seat = Self { agent: row.agent, fencing: row.fencing, newest, due, until: 0, slot: row.slot };
        seat.lasts_until(row.until);
        seat
    }

    /// Until when its lease lasts.
    #[must_use]
    pub fn until(&self) -> Moment {
        Moment(u64::from(self.until) * 1_000)
    }

    pub(super) fn lasts_until(&mut self, until: Moment) {
        self.until = u32::try_from(until.0.div_ceil(1_000)).unwrap_or(u32::MAX);
    }
}
