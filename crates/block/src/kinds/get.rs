//! `get`: what a record says. Payload: tag, envelope. The result is the
//! sequence of the entry that wrote it, 0 for none: the chain proves what was
//! read without a copy of it.

use super::{Effect, Kind, NoPayload, Ran, Request, View, tagged};
use trust::lease::Rights;

pub(super) static GET: Kind = Kind { code: 2, name: "get", about: "reads a record", right: Rights::READ, effect, run };

fn effect(payload: &[u8]) -> Result<Effect<'_>, NoPayload> {
    tagged(payload).map(|_| Effect::None)
}

fn run(request: Request<'_>, view: &dyn View) -> Ran {
    let tag = match tagged(request.payload) {
        Ok((tag, _)) => tag,
        Err(why) => return Ran::Never(why.to_string()),
    };
    match view.record(request.block, request.agent, tag) {
        Ok(found) => Ran::Done(found.as_ref().map_or(0, |found| found.sequence).to_be_bytes().to_vec(), found),
        Err(trouble) => Ran::Again(trouble.to_string()),
    }
}
