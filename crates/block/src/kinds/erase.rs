//! `erase`: all that its agent had sealed before it is to be unreadable, of
//! whatever class and in whatever block. Payload: nothing. The entry is the
//! demand and its proof; whoever keeps the keys destroys the agent's once it
//! is durable, and not before. What the agent agreed to ends with it.

use super::{ClassTag, Effect, Kind, Matter, NoPayload, Ran, Request, View};
use trust::lease::Rights;

pub(super) static ERASE: Kind =
    Kind { code: 9, name: "erase", about: "erases all that the agent has sealed", right: Rights::OPERATE, effect, run };

const fn effect(payload: &[u8]) -> Result<Effect<'_>, NoPayload> {
    if payload.is_empty() {
        Ok(Effect::Stand(Matter::Erasure, ClassTag::NONE, true))
    } else {
        Err(NoPayload("an erasure carries nothing"))
    }
}

fn run(_: Request<'_>, _: &dyn View) -> Ran {
    Ran::Done(Vec::new(), None)
}
