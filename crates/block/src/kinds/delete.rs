//! `delete`: a record is gone. Payload: tag, envelope. The result is the
//! sequence of the entry that wrote what is gone, 0 when nothing was there.

use super::{Effect, Kind, NoPayload, Ran, Request, View, tagged};
use trust::lease::Rights;

pub(super) static DELETE: Kind =
    Kind { code: 3, name: "delete", about: "removes a record", right: Rights::OPERATE, effect, run };

fn effect(payload: &[u8]) -> Result<Effect<'_>, NoPayload> {
    tagged(payload).map(|(tag, _)| Effect::Delete(tag))
}

fn run(request: Request<'_>, view: &dyn View) -> Ran {
    let tag = match tagged(request.payload) {
        Ok((tag, _)) => tag,
        Err(why) => return Ran::Never(why.to_string()),
    };
    match view.record(request.block, request.agent, tag) {
        Ok(before) => Ran::Done(before.map_or(0, |before| before.sequence).to_be_bytes().to_vec(), None),
        Err(trouble) => Ran::Again(trouble.to_string()),
    }
}
