//! Whom an agent writes to: whoever spams is answered by nobody.

use super::{Model, Observer, Profile, Seen};
use crate::nats::Nats;
use vocab::{FactKind, OpFact};

pub(super) struct Recipients;

impl Observer for Recipients {
    fn name(&self) -> &'static str {
        "recipients"
    }

    fn odd(&self) -> &'static str {
        "messages to agents that have sent it none"
    }

    fn sees(&self, profile: &Profile, fact: &OpFact) -> Seen {
        match fact.kind {
            FactKind::Send if profile.heard_from(fact.to) => Seen::Usual,
            FactKind::Send if profile.is_known() => Seen::Odd,
            _ => Seen::Nothing,
        }
    }

    fn model(&self) -> Model {
        // 0.4 with honest agents, 0.95 with others.
        Model { odd: Nats(56_688), usual: Nats(-162_851), round: Nats(0) }
    }
}
