//! Whether a lease opens a slot.
//!
//! What is compared before the code is checked says only what the lease itself
//! says: a host can send an agent to the right block without having that
//! block's key. What the host knows (who holds the slot, who was revoked) is
//! told to nobody without an authentic lease.

use super::{Claim, Lease, Rights};
use crate::ids::{AgentId, BlockRef, KeyId, Moment, PlanetId};
use crate::keys::CellKey;
use crate::sorted::Sorted;
use crate::wire::Malformed;
use vocab::Slot;

/// What was revoked. An agent's entry can go once the longest lease has
/// passed; a key's, once no door has that key any more as well.
#[derive(Debug, Clone, Default)]
pub struct Revoked {
    /// Regional keys.
    pub keys: Sorted<KeyId>,
    /// Agents.
    pub agents: Sorted<AgentId>,
}

impl Revoked {
    /// Nothing was revoked.
    pub const NOTHING: Self = Self { keys: Sorted::NONE, agents: Sorted::NONE };
}

/// One block, as the host in front of it knows it.
#[derive(Debug, Clone, Copy)]
pub struct Door<'a> {
    /// The planet.
    pub planet: PlanetId,
    /// The block.
    pub block: BlockRef,
    /// The keys of its cell: the current one, and while a rotation lasts the
    /// one before.
    pub keys: &'a [CellKey],
    /// What was revoked.
    pub revoked: &'a Revoked,
}

/// Why a lease does not open the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no lease.
    #[error("this is not a lease: {0}")]
    Malformed(#[from] Malformed),
    /// It is for another planet.
    #[error("the lease is for another planet")]
    OtherPlanet,
    /// It is for another block; this is where.
    #[error("the lease is for {right}: go there")]
    WrongBlock {
        /// The block that it names.
        right: BlockRef,
    },
    /// It is for another slot of this block; this is which.
    #[error("the lease is for slot {right} of this block")]
    WrongSlot {
        /// The slot that it names.
        right: Slot,
    },
    /// It names a key that this host does not have.
    #[error("the lease is under key {0}, which is not one of this cell's: ask for a new lease")]
    UnknownKey(KeyId),
    /// Its code is not that of the key it names.
    #[error("the lease was not issued by this planet, or was changed")]
    Forged,
    /// The key it is under was revoked.
    #[error("the lease is under a key that was revoked: ask for a new lease")]
    KeyRevoked,
    /// Its agent was revoked.
    #[error("the agent of this lease was revoked")]
    AgentRevoked,
    /// It begins later.
    #[error("the lease is valid from {from}")]
    NotYetValid {
        /// When it begins.
        from: Moment,
    },
    /// It has ended.
    #[error("the lease ended at {at}: renew it")]
    Expired {
        /// When it ended.
        at: Moment,
    },
    /// The slot has since been given to somebody.
    #[error("the slot has been assigned again since this lease")]
    Superseded,
    /// It comes from an assignment that this copy of the chain has not seen.
    #[error("this host has not yet seen the assignment that the lease is from: try again")]
    Ahead,
    /// It does not give the right that was asked for.
    #[error("the lease does not give the right to do this")]
    NoRight,
}

impl Refused {
    /// Whether the same lease at the same place may be admitted later.
    #[must_use]
    pub const fn may_pass_later(&self) -> bool {
        matches!(self, Self::NotYetValid { .. } | Self::Ahead | Self::UnknownKey(_))
    }
}

/// A lease that a door has admitted. There is no other way to one, so whoever
/// is handed it need not ask whether its code was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    lease: Lease,
    key: KeyId,
}

impl Admitted {
    /// What the lease says.
    #[must_use]
    pub const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The key that it is under.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    pub(crate) const fn allows(&self, needs: Rights) -> Result<(), Refused> {
        if self.lease.rights.include(needs) { Ok(()) } else { Err(Refused::NoRight) }
    }
}

impl Door<'_> {
    /// Checks a lease for a slot of this block, whose present assignment is
    /// `fencing`. It allocates nothing and looks nothing up but two sorted
    /// lists.
    ///
    /// # Errors
    /// When the lease does not open that slot at that time.
    pub fn admit(&self, text: &str, slot: Slot, fencing: u64, now: Moment) -> Result<Admitted, Refused> {
        let claim = Claim::read(text)?;
        self.is_the_place_of(&claim.lease)?;
        let fits = |key: &&CellKey| key.id == claim.key && key.planet == self.planet && key.holds(self.block);
        let key = self.keys.iter().find(fits);
        let key = key.ok_or(Refused::UnknownKey(claim.key))?;
        if !claim.is_by(key) {
            return Err(Refused::Forged);
        }
        let admitted = Admitted { lease: claim.lease, key: claim.key };
        self.still_admits(&admitted, slot, fencing, now)?;
        Ok(admitted)
    }

    fn is_the_place_of(&self, lease: &Lease) -> Result<(), Refused> {
        if lease.planet != self.planet {
            return Err(Refused::OtherPlanet);
        }
        if lease.block != self.block {
            return Err(Refused::WrongBlock { right: lease.block });
        }
        Ok(())
    }

    /// All but the form and the code, which cannot change: a lease that was
    /// admitted before may come to another door, or another slot, or after it
    /// ended, or after its key or its agent was revoked.
    pub(crate) fn still_admits(
        &self,
        admitted: &Admitted,
        slot: Slot,
        fencing: u64,
        now: Moment,
    ) -> Result<(), Refused> {
        let lease = &admitted.lease;
        self.is_the_place_of(lease)?;
        if self.revoked.keys.contains(&admitted.key) {
            return Err(Refused::KeyRevoked);
        }
        if lease.slot != slot {
            return Err(Refused::WrongSlot { right: lease.slot });
        }
        if self.revoked.agents.contains(&lease.agent) {
            return Err(Refused::AgentRevoked);
        }
        if now < lease.issued {
            return Err(Refused::NotYetValid { from: lease.issued });
        }
        if now >= lease.expires {
            return Err(Refused::Expired { at: lease.expires });
        }
        match lease.fencing.cmp(&fencing) {
            std::cmp::Ordering::Less => Err(Refused::Superseded),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(Refused::Ahead),
        }
    }
}
