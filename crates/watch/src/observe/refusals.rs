//! How often an agent tries a slot that is not its own.

use super::{Model, Observer, Profile, Seen};
use crate::nats::Nats;
use vocab::{FactEnd, OpFact};

pub(super) struct Refusals;

impl Observer for Refusals {
    fn name(&self) -> &'static str {
        "refusals"
    }

    fn odd(&self) -> &'static str {
        "ops with a lease that is none for that place"
    }

    fn sees(&self, _: &Profile, fact: &OpFact) -> Seen {
        if fact.end == FactEnd::Refused { Seen::Odd } else { Seen::Usual }
    }

    fn model(&self) -> Model {
        // 0.005 with honest agents, 0.5 with others.
        Model { odd: Nats(301_804), usual: Nats(-45_098), round: Nats(0) }
    }
}
