//! How regular an agent is. Programs have timers, so this says little.

use super::{Model, Observer, Profile, Seen};
use crate::nats::Nats;
use vocab::{FactKind, OpFact};

pub(super) struct Timing;

impl Observer for Timing {
    fn name(&self) -> &'static str {
        "timing"
    }

    fn odd(&self) -> &'static str {
        "ops as far apart as the two before them"
    }

    fn sees(&self, profile: &Profile, fact: &OpFact) -> Seen {
        match profile.gaps(fact.at).filter(|_| fact.kind != FactKind::Receive) {
            None => Seen::Nothing,
            // Within a sixteenth.
            Some((gap, before)) if gap.abs_diff(before) <= before >> 4 => Seen::Odd,
            Some(_) => Seen::Usual,
        }
    }

    fn model(&self) -> Model {
        // 0.5 with honest agents, 0.9 with others.
        Model { odd: Nats(38_521), usual: Nats(-105_476), round: Nats(0) }
    }
}
