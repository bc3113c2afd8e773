//! `put`: a record has a new value. Payload: tag, class, envelope. The result
//! is the sequence of the entry that wrote the value before, 0 for none.

use super::{ClassTag, Effect, Kind, NoPayload, split, supersede, tagged};
use trust::lease::Rights;

pub(super) static PUT: Kind =
    Kind { code: 1, name: "put", about: "writes a record", right: Rights::OPERATE, effect, run: supersede };

fn effect(payload: &[u8]) -> Result<Effect<'_>, NoPayload> {
    let (tag, rest) = tagged(payload)?;
    let (class, envelope) = split(rest, "the payload is too short for a residency class")?;
    Ok(Effect::Put(tag, ClassTag(class), envelope))
}
