//! `panic`: what a broken kind would do. For tests of what it does to the
//! block's neighbours.

use super::{Effect, Kind, NoPayload, Ran, Request, View};
use trust::lease::Rights;

pub(super) static PANIC: Kind =
    Kind { code: 127, name: "panic", about: "panics, for tests", right: Rights::OPERATE, effect, run };

const fn effect(_: &[u8]) -> Result<Effect<'_>, NoPayload> {
    Ok(Effect::None)
}

#[allow(clippy::panic)] // This is what it is for.
fn run(request: Request<'_>, _: &dyn View) -> Ran {
    panic!("planted in {}", request.block)
}
