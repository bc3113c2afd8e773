//! The queue of a block in which something waits, and who waits for what.

use crate::chain::OpId;
use crate::queue::{Cancelled, Queue};
use trust::{AgentId, Moment};

/// Ops that have not ended, and who waits for them.
#[derive(Debug)]
pub(super) struct Pending<T> {
    pub(super) queue: Queue,
    pub(super) tokens: Vec<(AgentId, OpId, T)>,
    /// When the last of them was taken in. No entry of theirs says that it is
    /// older, though a clock may have stepped back: the limit is read from it.
    pub(super) taken: Moment,
    /// When the op at the head is tried again.
    pub(super) due: Moment,
}

impl<T> Pending<T> {
    /// Takes an op out that has not begun: its kind, and who waits for it.
    pub(super) fn take(&mut self, agent: AgentId, id: OpId) -> Option<(u8, Vec<T>)> {
        let kind = self.queue.ops().find(|op| op.agent == agent && op.id == id)?.kind;
        if self.queue.cancel(agent, id) != Cancelled::Yes {
            return None;
        }
        Some((kind, self.tokens_of(agent, id)))
    }

    /// Who waits for an op, from here on no more.
    pub(super) fn tokens_of(&mut self, agent: AgentId, id: OpId) -> Vec<T> {
        let tokens = std::mem::take(&mut self.tokens);
        let (over, left): (Vec<_>, Vec<_>) =
            tokens.into_iter().partition(|(whose, which, _)| *whose == agent && *which == id);
        self.tokens = left;
        over.into_iter().map(|(_, _, token)| token).collect()
    }
}
