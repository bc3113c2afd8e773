//! `send`: a message to another agent's inbox, in the order of the log, until
//! the other has acknowledged it. Payload: the other's name, envelope.

use super::{Effect, Kind, NoPayload, Ran, Request, Room, View, split};
use trust::AgentId;
use trust::lease::Rights;

pub(super) static SEND: Kind =
    Kind { code: 4, name: "send", about: "sends a message to an agent", right: Rights::OPERATE, effect, run };

fn effect(payload: &[u8]) -> Result<Effect<'_>, NoPayload> {
    let (to, envelope) = split(payload, "the payload is too short for an agent's name")?;
    Ok(Effect::Send(AgentId(to), envelope))
}

fn run(request: Request<'_>, view: &dyn View) -> Ran {
    let Ok(Effect::Send(to, _)) = effect(request.payload) else {
        return Ran::Never("the message names nobody".to_owned());
    };
    match view.keep_room(to) {
        Ok(Room::Kept) => Ran::Done(Vec::new(), None),
        Ok(Room::Full) => Ran::Again("the inbox is full: its agent has to acknowledge what it has".to_owned()),
        Ok(Room::Nobody) => Ran::Never("nobody by that name is attached".to_owned()),
        Err(trouble) => Ran::Again(trouble.to_string()),
    }
}
