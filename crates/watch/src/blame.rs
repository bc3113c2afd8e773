//! Proof that somebody has broken a promise: by their own signature, so that
//! nobody can be framed with a message that they have not sent.
//!
//! There is no other way to make a [`Blame`] than to prove it.

use crate::batch::{Batch, Signed};
use trust::AgentId;
use trust::sign::PublicKey;

/// What somebody has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Signed two batches of one round.
    Equivocated,
    /// Signed points that no round can come to.
    OffScale,
}

/// Somebody who has done it, as is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blame {
    culprit: AgentId,
    fault: Fault,
}

impl Blame {
    /// Two heads that one reporter has signed for one round of one roster.
    #[must_use]
    pub fn equivocation(one: &Signed, other: &Signed, key: &PublicKey) -> Option<Self> {
        let of = |signed: &Signed| (signed.head.planet, signed.head.epoch, signed.head.round);
        let both = one.head != other.head && of(one) == of(other);
        let proved = both && one.verify(key).is_ok() && other.verify(key).is_ok();
        proved.then(|| Self { culprit: key.id(), fault: Fault::Equivocated })
    }

    /// A batch whose points are under the signed root, and are not what points
    /// can be.
    #[must_use]
    pub fn off_scale(batch: &Batch, key: &PublicKey) -> Option<Self> {
        let proved = !batch.is_on_scale() && batch.is_whole() && batch.signed.verify(key).is_ok();
        proved.then(|| Self { culprit: key.id(), fault: Fault::OffScale })
    }

    /// Who.
    #[must_use]
    pub const fn culprit(&self) -> AgentId {
        self.culprit
    }

    /// What.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        self.fault
    }
}
