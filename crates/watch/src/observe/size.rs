//! How large what an agent moves is.

use super::{Model, Observer, Profile, Seen};
use crate::nats::Nats;
use vocab::{FactKind, OpFact};

/// An op of a record is some hundred bytes.
const LARGE: u32 = 64 << 10;

pub(super) struct Size;

impl Observer for Size {
    fn name(&self) -> &'static str {
        "size"
    }

    fn odd(&self) -> &'static str {
        "ops of more than 64 KiB"
    }

    fn sees(&self, _: &Profile, fact: &OpFact) -> Seen {
        match fact.kind {
            FactKind::Receive => Seen::Nothing,
            _ if fact.size > LARGE => Seen::Odd,
            _ => Seen::Usual,
        }
    }

    fn model(&self) -> Model {
        // 0.01 with honest agents, 0.3 with others.
        Model { odd: Nats(222_901), usual: Nats(-22_716), round: Nats(0) }
    }
}
