//! `delete`: a record is gone. Payload: tag, envelope. The result is the
//! sequence of the entry that wrote what is gone, 0 when nothing was there.

use super::{Effect, Kind, NoPayload, supersede, tagged};
use trust::lease::Rights;

pub(super) static DELETE: Kind =
    Kind { code: 3, name: "delete", about: "removes a record", right: Rights::OPERATE, effect, run: supersede };

fn effect(payload: &[u8]) -> Result<Effect<'_>, NoPayload> {
    tagged(payload).map(|(tag, _)| Effect::Delete(tag))
}
