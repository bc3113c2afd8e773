//! `opt-out`: an agent does not want records of a class to be shared or sold,
//! or wants it again. Payload: class, 1 or 0. Nothing in a block shares or
//! sells: whatever does has to ask for this first.

use super::{Effect, Kind, Matter, NoPayload, Ran, Request, View, stance};
use trust::lease::Rights;

pub(super) static OPT_OUT: Kind = Kind {
    code: 8,
    name: "opt-out",
    about: "opts out of sharing records of a class, or back in",
    right: Rights::OPERATE,
    effect,
    run,
};

fn effect(payload: &[u8]) -> Result<Effect<'_>, NoPayload> {
    stance(payload).map(|(class, stands)| Effect::Stand(Matter::OptOut, class, stands))
}

fn run(_: Request<'_>, _: &dyn View) -> Ran {
    Ran::Done(Vec::new(), None)
}
