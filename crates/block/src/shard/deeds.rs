//! What a block's router does with its slots: gives them, prolongs them, takes
//! them back.
//!
//! It must never give an agent a slot as if it had never been here: its names
//! and its limit outlast its lease, or whoever leaves and comes back could run
//! an op twice, or twice as often.

use super::block::Block;
use super::desk::{Desk, Draft};
use super::over::Over;
use super::{Answer, Below, Notice, Seat, Why};
use crate::chain::{OpId, Outcome};
use crate::house::{Aged, Deed, Left};
use crate::index::{SeatRow, newest};
use crate::kinds::{Tag, View as _};
use crate::rate::Due;
use trust::{AgentId, Moment};
use vocab::Slot;

impl<T> Block<T> {
    /// Assigns a slot, renews its lease or ends it.
    pub(super) fn deed(&mut self, desk: &mut Desk<T>, agent: AgentId, deed: Deed, now: Moment, below: &dyn Below) {
        match self.write_deed(desk, agent, deed, now, below) {
            Ok(fencing) => desk.in_time(Answer::Written(fencing)),
            Err(why) => desk.at_once(Answer::Refused(why)),
        }
    }

    fn write_deed(
        &mut self,
        desk: &mut Desk<T>,
        agent: AgentId,
        deed: Deed,
        now: Moment,
        below: &dyn Below,
    ) -> Result<u64, Why> {
        if let Some(reason) = &self.sealed {
            return Err(Why::Sealed(reason.to_string()));
        }
        let slot = deed.slot().ok_or(Why::NotHolder)?;
        let at = self.seats.iter().position(|seat| seat.slot == slot);
        let Deed::Assign { rights, until, .. } = deed else {
            let at = at.filter(|at| self.seats[*at].agent == agent).ok_or(Why::NotHolder)?;
            return self.change_seat(desk, at, deed, now);
        };
        // One agent has one limit and one set of names, and so one slot.
        if self.seats.iter().any(|seat| seat.slot == slot || seat.agent == agent) {
            return Err(Why::NotHolder);
        }
        let (newest, due) = self.before_it_came(desk, agent, now, below)?;
        self.append_deed(desk, agent, deed, now)?;
        let fencing = self.head.sequence;
        if self.seats.len() == self.seats.capacity() {
            self.seats.reserve_exact(4);
        }
        self.seats.push(Seat::new(&SeatRow { slot, agent, fencing, until, rights }, newest, due));
        Ok(fencing)
    }

    fn change_seat(&mut self, desk: &mut Desk<T>, at: usize, deed: Deed, now: Moment) -> Result<u64, Why> {
        let seat = self.seats[at];
        if desk.rules.planted.releases_unwritten() && matches!(deed, Deed::Release { .. }) {
            self.seats.remove(at);
            desk.batch.notices.push(Notice::Released(self.head.block, seat.slot, seat.agent));
            return Ok(self.head.sequence);
        }
        let place = self.append_deed(desk, seat.agent, deed, now)?;
        if let Deed::Renew { until, .. } = deed {
            self.seats[at].lasts_until(until);
            return Ok(seat.fencing);
        }
        self.seats.remove(at);
        desk.overlay.left(place, (self.head.block.index, seat.agent), (seat.newest, seat.due));
        desk.batch.notices.push(Notice::Released(self.head.block, seat.slot, seat.agent));
        Ok(self.head.sequence)
    }

    fn append_deed(&mut self, desk: &mut Desk<T>, agent: AgentId, deed: Deed, now: Moment) -> Result<u64, Why> {
        let (kind, payload) = (deed.code(), deed.encode());
        let (id, outcome, tries) = (OpId(0), Outcome::Done, 1);
        self.append(desk, &Draft { kind, agent, id, outcome, tries, payload: &payload, result: &[] }, now)
    }

    /// The newest name of an agent that is to get a slot, and when its next op
    /// is due: what is left of an earlier slot here.
    fn before_it_came(
        &self,
        desk: &Desk<T>,
        agent: AgentId,
        now: Moment,
        below: &dyn Below,
    ) -> Result<(u64, Due), Why> {
        let limits = desk.rules.limits;
        let last = below.last(self.head.block, agent).map_err(|trouble| Why::Trouble(trouble.to_string()))?;
        let (mut name, mut due) = last.map_or((0, Due::default()), |(name, time)| (name, limits.after_op_at(time.0)));
        // The exact limit, where it is still known: the index's is stricter.
        if let Some((newer, exact)) = desk.overlay.who_left(&(self.head.block.index, agent)) {
            (name, due) = (name.max(newer), exact);
        }
        // What it sent under its earlier lease may wait here still.
        for op in self.queue.iter().flat_map(|pending| pending.queue.ops()).filter(|op| op.agent == agent) {
            name = name.max(newest(op.id));
            due = due.max(limits.after_op_at(now.0));
        }
        Ok((name, due))
    }

    pub(super) fn release(
        &mut self,
        desk: &mut Desk<T>,
        (slot, why): (Slot, Left),
        fencing: Option<u64>,
        now: Moment,
        below: &dyn Below,
    ) {
        let seat = self.seat(slot).copied().filter(|seat| fencing.is_none_or(|fencing| fencing == seat.fencing));
        let Some(seat) = seat.filter(|seat| why != Left::Expired || seat.until() <= now) else {
            return desk.at_once(Answer::Refused(Why::NotHolder));
        };
        self.deed(desk, seat.agent, Deed::Release { slot, why }, now, below);
    }

    /// Writes that a record is too old, if it is there and is. Whoever asks has
    /// read the index, and the record may have changed since.
    pub(super) fn expire(&mut self, desk: &mut Desk<T>, (owner, tag): (AgentId, Tag), now: Moment, below: &dyn Below) {
        match self.write_expiry(desk, (owner, tag), now, below) {
            Ok(sequence) => desk.in_time(Answer::Written(sequence)),
            Err(why) => desk.at_once(Answer::Refused(why)),
        }
    }

    fn write_expiry(
        &mut self,
        desk: &mut Desk<T>,
        (owner, tag): (AgentId, Tag),
        now: Moment,
        below: &dyn Below,
    ) -> Result<u64, Why> {
        if let Some(reason) = &self.sealed {
            return Err(Why::Sealed(reason.to_string()));
        }
        let found = Over { desk, below }.record(self.head.block, owner, tag);
        let found = found.map_err(|trouble| Why::Trouble(trouble.to_string()))?;
        let written = found.filter(|found| desk.rules.is_too_old(found, now)).ok_or(Why::NotTooOld)?.sequence;
        let place = self.append_deed(desk, owner, Deed::Expire(Aged { tag, written }), now)?;
        desk.overlay.record(place, (tag, self.head.block.index, owner), None);
        Ok(self.head.sequence)
    }

    /// Ends the leases that have run out: nothing could be written of it while
    /// the block was sealed.
    pub(super) fn end_leases(&mut self, desk: &mut Desk<T>, now: Moment, below: &dyn Below) {
        let ended: Vec<Seat> = self.seats.iter().filter(|seat| seat.until() <= now).copied().collect();
        for Seat { agent, slot, .. } in ended {
            // Whoever opened the block has its answer; this has none.
            let _ = self.write_deed(desk, agent, Deed::Release { slot, why: Left::Expired }, now, below);
        }
    }
}
