//! `erase`: all that its agent had sealed before it is to be unreadable, of
//! whatever class and in whatever block. Payload: nothing, when the agent sent
//! the op itself; otherwise the signed demand that the node carries out, so
//! that the chain holds the proof of on whose word it was. Whoever keeps the
//! keys destroys the agent's once the entry is durable, and not before. What
//! the agent agreed to ends with it.

use super::{ClassTag, Effect, Kind, Matter, NoPayload, Ran, Request, View};
use crate::chain::Entry;
use trust::erasure::Demand;
use trust::lease::Rights;

pub(crate) static ERASE: Kind =
    Kind { code: 9, name: "erase", about: "erases all that the agent has sealed", right: Rights::OPERATE, effect, run };

fn effect(payload: &[u8]) -> Result<Effect<'_>, NoPayload> {
    if payload.is_empty() || Demand::from_bytes(payload).is_ok() {
        Ok(Effect::Stand(Matter::Erasure, ClassTag::NONE, true))
    } else {
        Err(NoPayload("an erasure carries nothing, or the demand that it follows from"))
    }
}

fn run(_: Request<'_>, _: &dyn View) -> Ran {
    Ran::Done(Vec::new(), None)
}

/// The demand that an entry follows from: none for what its agent sent itself,
/// and none that is about another agent. Whether it is signed is for the reader
/// to check.
#[must_use]
pub fn demanded(entry: &Entry<'_>) -> Option<Demand> {
    let demand = (entry.kind == ERASE.code).then(|| Demand::from_bytes(entry.payload).ok())?;
    demand.filter(|demand| demand.agent == entry.agent)
}
