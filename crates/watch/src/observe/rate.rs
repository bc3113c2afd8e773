//! How much an agent asks for, also where it is turned away.

use super::{Model, Observer, Profile, Seen};
use crate::nats::Nats;
use vocab::{FactKind, OpFact};

pub(super) struct Rate;

impl Observer for Rate {
    fn name(&self) -> &'static str {
        "rate"
    }

    fn odd(&self) -> &'static str {
        "ops, more than the five that an honest agent has in a round"
    }

    fn sees(&self, _: &Profile, fact: &OpFact) -> Seen {
        if fact.kind == FactKind::Receive { Seen::Nothing } else { Seen::Odd }
    }

    fn model(&self) -> Model {
        // Poisson: 5 in a round, against 25.
        Model { odd: Nats(105_476), usual: Nats(0), round: Nats(-1_310_720) }
    }
}
