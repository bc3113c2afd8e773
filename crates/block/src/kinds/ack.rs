//! `ack`: the agent has what came into its inbox up to a place. Payload: a
//! cursor, and nothing else.

use super::{Cursor, Effect, Kind, NoPayload, Ran, Request, View};
use trust::lease::Rights;

pub(super) static ACK: Kind =
    Kind { code: 5, name: "ack", about: "acknowledges messages", right: Rights::READ, effect, run };

fn effect(payload: &[u8]) -> Result<Effect<'_>, NoPayload> {
    Cursor::from_bytes(payload).map(Effect::Acknowledge).ok_or(NoPayload("the payload is not one cursor"))
}

fn run(request: Request<'_>, _: &dyn View) -> Ran {
    match effect(request.payload) {
        Ok(_) => Ran::Done(Vec::new(), None),
        Err(why) => Ran::Never(why.to_string()),
    }
}
