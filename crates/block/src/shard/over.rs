//! What a kind sees: what the index does not know yet, then what it does.

use super::Below;
use super::desk::Desk;
use crate::kinds::{ClassTag, Effect, Matter, Room, Stance, Stored, Tag, Trouble, View, agreed};
use trust::{AgentId, BlockRef};

pub(super) struct Over<'a, T> {
    pub(super) desk: &'a Desk<T>,
    pub(super) below: &'a dyn Below,
}

impl<T> View for Over<'_, T> {
    fn record(&self, block: BlockRef, owner: AgentId, tag: Tag) -> Result<Option<Stored>, Trouble> {
        match self.desk.overlay.find(&(tag, block.index, owner)) {
            Some(stored) if !self.desk.rules.planted.forgets_the_overlay() => Ok(stored.cloned()),
            _ => self.below.record(block, owner, tag),
        }
    }

    fn stance(&self, block: BlockRef, agent: AgentId, on: (Matter, ClassTag)) -> Result<Option<Stance>, Trouble> {
        match self.desk.overlay.said(&(block.index, agent, on)) {
            Some(stance) => Ok(Some(stance)),
            None => self.below.stance(block, agent, on),
        }
    }

    fn keep_room(&self, to: AgentId) -> Result<Room, Trouble> {
        self.below.keep_room(to)
    }
}

impl<T> Over<'_, T> {
    /// What to tell an agent that wants a record kept to which it has not agreed
    /// at this point of the chain; nothing when it has, or need not.
    pub(super) fn lacks_consent(
        &self,
        effect: &Effect<'_>,
        block: BlockRef,
        agent: AgentId,
    ) -> Option<Result<String, Trouble>> {
        let Effect::Put(_, class, _) = effect else { return None };
        let name = self.desk.rules.consent.get(class)?;
        match agreed(self, block, agent, *class) {
            Ok(true) => None,
            Ok(false) => Some(Ok(format!(
                "records of class {name} need their owner's consent, and yours does not stand in this block: \
                 `mycel op consent --class {name}` gives it"
            ))),
            Err(trouble) => Some(Err(trouble)),
        }
    }
}
