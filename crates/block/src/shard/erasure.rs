//! What the node writes into a chain when somebody has demanded an erasure: the
//! agent's own `erase`, with the demand in it.

use super::block::Block;
use super::desk::Desk;
use super::{Answer, Below, Why};
use crate::chain::{OpId, Outcome};
use crate::index::newest;
use crate::kinds::Closed;
use crate::kinds::erase::ERASE;
use crate::queue::Op;
use trust::Moment;
use trust::erasure::Demand;

impl<T> Block<T> {
    /// Writes an erasure, unless it is here.
    pub(super) fn erase(
        &mut self,
        desk: &mut Desk<T>,
        (demand, id, result): (&Demand, OpId, &[u8]),
        now: Moment,
        below: &dyn Below,
    ) {
        if let Some(reason) = &self.sealed {
            return desk.at_once(Answer::Refused(Why::Sealed(reason.to_string())));
        }
        let agent = demand.agent;
        match self.earlier(desk, (agent, id), below) {
            Ok(None) => {}
            // Its entry may be on its way to the disk still: so is this answer.
            Ok(Some(earlier)) => return desk.in_time(Answer::Before(earlier.outcome, earlier.sequence)),
            Err(why) => return desk.at_once(Answer::Refused(why)),
        }
        let op = Op { agent, id, kind: ERASE.code, payload: demand.to_bytes().to_vec(), closed: Closed::default() };
        let answer = self.end(desk, &op, (Outcome::Done, 1), result, None, now);
        // Should the agent send an op under this very name, it is looked up.
        for seat in self.seats.iter_mut().filter(|seat| seat.agent == agent) {
            seat.newest = seat.newest.max(newest(id));
        }
        desk.in_time(answer);
    }
}
