//! How often what an agent asks for fails.

use super::{Model, Observer, Profile, Seen};
use crate::nats::Nats;
use vocab::{FactEnd, OpFact};

pub(super) struct Failures;

impl Observer for Failures {
    fn name(&self) -> &'static str {
        "failures"
    }

    fn odd(&self) -> &'static str {
        "ops that ran and failed"
    }

    fn sees(&self, _: &Profile, fact: &OpFact) -> Seen {
        match fact.end {
            FactEnd::Failed => Seen::Odd,
            FactEnd::Done => Seen::Usual,
            _ => Seen::Nothing,
        }
    }

    fn model(&self) -> Model {
        // 0.05 with honest agents, 0.6 with others.
        Model { odd: Nats(162_851), usual: Nats(-56_688), round: Nats(0) }
    }
}
