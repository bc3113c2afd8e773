//! How often an agent sends again what it has sent: now and then, where an
//! answer was lost.

use super::{Model, Observer, Profile, Seen};
use crate::nats::Nats;
use vocab::{FactEnd, OpFact};

pub(super) struct Replays;

impl Observer for Replays {
    fn name(&self) -> &'static str {
        "replays"
    }

    fn odd(&self) -> &'static str {
        "ops under a name that was used before"
    }

    fn sees(&self, _: &Profile, fact: &OpFact) -> Seen {
        match fact.end {
            FactEnd::Replayed => Seen::Odd,
            FactEnd::Done | FactEnd::Failed => Seen::Usual,
            _ => Seen::Nothing,
        }
    }

    fn model(&self) -> Model {
        // 0.01 with honest agents, 0.3 with others.
        Model { odd: Nats(222_901), usual: Nats(-22_716), round: Nats(0) }
    }
}
