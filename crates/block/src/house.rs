//! What a block's own router writes into the chain: who was given which slot,
//! until when, who left it, and which record was too old. Nothing of it is
//! sealed: it says no more than the lease that follows from it, or the entry
//! that wrote the record.

use crate::kinds::Tag;
use trust::Moment;
use trust::lease::Rights;
use vocab::Slot;

/// Kinds from here on are the router's; an agent cannot ask for one.
pub const FIRST: u8 = 128;

/// Why a slot is free again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Left {
    /// Its agent has given it back.
    Detached = 1,
    /// Its lease has ended.
    Expired = 2,
    /// An operator has taken it.
    Taken = 3,
}

/// What the router has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// The entry's agent holds a slot. The entry's sequence is the fencing
    /// token of its leases.
    Assign {
        /// The slot.
        slot: Slot,
        /// What its leases give.
        rights: Rights,
        /// Until when.
        until: Moment,
        /// The invitation that was used up for it, so that it is in the same
        /// entry or nowhere.
        invitation: Option<Invitation>,
    },
    /// It holds it for longer.
    Renew {
        /// The slot.
        slot: Slot,
        /// Until when.
        until: Moment,
    },
    /// It holds it no longer.
    Release {
        /// The slot.
        slot: Slot,
        /// Why.
        why: Left,
    },
    /// A record of the entry's agent has expired.
    Expire(Aged),
}

/// An invitation that was used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invitation {
    /// Who had invited.
    pub inviter: [u8; 32],
    /// Which of the inviter's invitations.
    pub serial: [u8; 16],
    /// It can be forgotten from here on.
    pub expires: Moment,
}

/// A record that has been kept for as long as its class lets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aged {
    /// Which record of the entry's agent.
    pub tag: Tag,
    /// The entry that wrote what is gone.
    pub written: u64,
}

const ASSIGN: u8 = FIRST;
const RENEW: u8 = FIRST + 1;
const RELEASE: u8 = FIRST + 2;
const EXPIRE: u8 = FIRST + 3;

impl Deed {
    /// The kind of its entry.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Assign { .. } => ASSIGN,
            Self::Renew { .. } => RENEW,
            Self::Release { .. } => RELEASE,
            Self::Expire(_) => EXPIRE,
        }
    }

    /// The slot that it is about.
    #[must_use]
    pub const fn slot(&self) -> Option<Slot> {
        match self {
            Self::Assign { slot, .. } | Self::Renew { slot, .. } | Self::Release { slot, .. } => Some(*slot),
            Self::Expire(_) => None,
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn name(code: u8) -> Option<&'static str> {
        match code {
            ASSIGN => Some("assign"),
            RENEW => Some("renew"),
            RELEASE => Some("release"),
            EXPIRE => Some("expire"),
            _ => None,
        }
    }

    /// The payload of its entry.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match *self {
            Self::Assign { slot, rights, until, invitation } => {
                let mut bytes = vec![slot.number()];
                bytes.extend(rights.bits().to_be_bytes());
                bytes.extend(until.0.to_be_bytes());
                if let Some(used) = invitation {
                    bytes.extend(used.inviter);
                    bytes.extend(used.serial);
                    bytes.extend(used.expires.0.to_be_bytes());
                }
                bytes
            }
            Self::Renew { slot, until } => {
                let mut bytes = vec![slot.number()];
                bytes.extend(until.0.to_be_bytes());
                bytes
            }
            Self::Release { slot, why } => vec![slot.number(), why as u8],
            Self::Expire(aged) => [&aged.tag.0[..], &aged.written.to_be_bytes()].concat(),
        }
    }

    /// Reads a deed that is exactly this payload of an entry of this kind.
    #[must_use]
    pub fn decode(code: u8, payload: &[u8]) -> Option<Self> {
        if code == EXPIRE {
            let (tag, written) = payload.split_first_chunk()?;
            let written = u64::from_be_bytes(written.try_into().ok()?);
            return Some(Self::Expire(Aged { tag: Tag(*tag), written }));
        }
        let (slot, rest) = payload.split_first()?;
        let slot = Slot::new(*slot)?;
        match code {
            ASSIGN => {
                let (rights, rest) = rest.split_first_chunk()?;
                let rights = Rights::from_bits(u16::from_be_bytes(*rights))?;
                let (until, rest) = rest.split_first_chunk()?;
                let invitation = if rest.is_empty() { None } else { Some(invitation(rest)?) };
                Some(Self::Assign { slot, rights, until: Moment(u64::from_be_bytes(*until)), invitation })
            }
            RENEW => Some(Self::Renew { slot, until: Moment(u64::from_be_bytes(rest.try_into().ok()?)) }),
            RELEASE => match rest {
                [1] => Some(Self::Release { slot, why: Left::Detached }),
                [2] => Some(Self::Release { slot, why: Left::Expired }),
                [3] => Some(Self::Release { slot, why: Left::Taken }),
                _ => None,
            },
            _ => None,
        }
    }
}

fn invitation(bytes: &[u8]) -> Option<Invitation> {
    let (inviter, rest) = bytes.split_first_chunk()?;
    let (serial, rest) = rest.split_first_chunk()?;
    let expires = Moment(u64::from_be_bytes(rest.try_into().ok()?));
    Some(Invitation { inviter: *inviter, serial: *serial, expires })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_deed_has_one_encoding(code in FIRST..FIRST + 4, payload in prop::collection::vec(any::<u8>(), 0..70)) {
            if let Some(deed) = Deed::decode(code, &payload) {
                prop_assert_eq!(deed.code(), code);
                prop_assert_eq!(deed.encode(), payload);
            }
        }

        #[test]
        fn a_deed_reads_back(slot in 0u8..60, bits in 0u16..8, until: u64, used in any::<Option<([u8; 32], [u8; 16], u64)>>()) {
            let (slot, until) = (Slot::new(slot).unwrap(), Moment(until));
            let invitation = used.map(|(inviter, serial, at)| Invitation { inviter, serial, expires: Moment(at) });
            let assign = Deed::Assign { slot, rights: Rights::from_bits(bits).unwrap(), until, invitation };
            let expire = Deed::Expire(Aged { tag: Tag([bits.to_be_bytes()[1]; 16]), written: until.0 });
            for deed in [assign, expire, Deed::Renew { slot, until }, Deed::Release { slot, why: Left::Expired }] {
                prop_assert_eq!(Deed::decode(deed.code(), &deed.encode()), Some(deed));
            }
        }
    }
}
