//! How many places an agent goes to: whoever scans is always somewhere new.

use super::{Model, Observer, Profile, Seen};
use crate::nats::Nats;
use vocab::{FactKind, OpFact};

pub(super) struct Destinations;

impl Observer for Destinations {
    fn name(&self) -> &'static str {
        "destinations"
    }

    fn odd(&self) -> &'static str {
        "ops on what it had not touched for a minute"
    }

    fn sees(&self, profile: &Profile, fact: &OpFact) -> Seen {
        match fact.kind {
            FactKind::Receive => Seen::Nothing,
            _ if !profile.is_known() => Seen::Nothing,
            _ if profile.was_at(fact.to) => Seen::Usual,
            _ => Seen::Odd,
        }
    }

    fn model(&self) -> Model {
        // 0.2 with honest agents, 0.9 with others.
        Model { odd: Nats(98_571), usual: Nats(-136_278), round: Nats(0) }
    }
}
