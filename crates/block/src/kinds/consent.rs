//! `consent`: an agent agrees that records of a class are kept, or takes that
//! back. Payload: class, 1 or 0. It holds for what comes behind it in this
//! chain; what was kept before it was taken back stays until it is deleted,
//! erased or too old.

use super::{Effect, Kind, Matter, NoPayload, Ran, Request, View, stance};
use trust::lease::Rights;

pub(super) static CONSENT: Kind = Kind {
    code: 7,
    name: "consent",
    about: "agrees to records of a class, or takes that back",
    right: Rights::OPERATE,
    effect,
    run,
};

fn effect(payload: &[u8]) -> Result<Effect<'_>, NoPayload> {
    stance(payload).map(|(class, stands)| Effect::Stand(Matter::Consent, class, stands))
}

fn run(_: Request<'_>, _: &dyn View) -> Ran {
    Ran::Done(Vec::new(), None)
}
