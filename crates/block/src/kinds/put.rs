//! `put`: a record has a new value. Payload: tag, class, envelope. The result
//! is the sequence of the entry that wrote the value before, 0 for none.

use super::{ClassTag, Effect, Kind, NoPayload, Ran, Request, View, split, tagged};
use trust::lease::Rights;

pub(super) static PUT: Kind =
    Kind { code: 1, name: "put", about: "writes a record", right: Rights::OPERATE, effect, run };

fn effect(payload: &[u8]) -> Result<Effect<'_>, NoPayload> {
    let (tag, rest) = tagged(payload)?;
    let (class, envelope) = split(rest, "the payload is too short for a residency class")?;
    Ok(Effect::Put(tag, ClassTag(class), envelope))
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
