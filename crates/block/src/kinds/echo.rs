//! `echo`: nothing but an entry in the chain. Payload: an envelope.

use super::{Effect, Kind, NoPayload, Ran, Request, View};
use trust::lease::Rights;

pub(super) static ECHO: Kind =
    Kind { code: 6, name: "echo", about: "says the payload again", right: Rights::OPERATE, effect, run };

const fn effect(_: &[u8]) -> Result<Effect<'_>, NoPayload> {
    Ok(Effect::None)
}

fn run(_: Request<'_>, _: &dyn View) -> Ran {
    Ran::Done(Vec::new(), None)
}
