//! Leases: the right to use a slot until a time, bound to an agent's key.
//!
//! A lease is a fixed form with a keyed code (HMAC-SHA256) under its cell's
//! key. It is checked with that key and nothing else: no table, no network and
//! no allocation. The code proves who issued it; that the one who shows it is
//! its agent is proved when attaching (`crate::attach`).
//!
//! HMAC-SHA256 and not BLAKE3: on 109 bytes both take less than 0.2 µs, Merkle
//! trees need SHA-256 anyway, and hardware key stores compute HMAC-SHA256.

mod door;
mod text;

pub use door::{Admitted, Door, Refused, Revoked};
pub use text::LeaseText;

use crate::hash::{self, Digest32};
use crate::ids::{AgentId, BlockRef, KeyId, Moment, PlanetId, RegionTag};
use crate::keys::CellKey;
use crate::wire::{Kind, Malformed, Reader, Writer, read_text};
use std::fmt;
use subtle::ConstantTimeEq;
use vocab::{Millis, Slot};

/// What the holder of a lease may do, as a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rights(u16);

impl Rights {
    /// To read what the slot may see.
    pub const READ: Self = Self(1);
    /// To send ops.
    pub const OPERATE: Self = Self(2);
    /// To send value to another chain.
    pub const TRANSFER: Self = Self(4);
    /// To look at everything, to seal blocks and to turn sources away.
    pub const ADMINISTER: Self = Self(8);
    const ALL: u16 = 15;

    /// The rights that a number stands for; `None` when it names one that does
    /// not exist.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Option<Self> {
        if bits & !Self::ALL == 0 { Some(Self(bits)) } else { None }
    }

    /// The number that stands for them.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn include(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a lease says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The planet.
    pub planet: PlanetId,
    /// The block.
    pub block: BlockRef,
    /// The slot of that block.
    pub slot: Slot,
    /// The chain's sequence of the op that assigned the slot: whoever had it
    /// before has a smaller one.
    pub fencing: u64,
    /// Whose it is.
    pub agent: AgentId,
    /// What its holder may do.
    pub rights: Rights,
    /// It is valid from here,
    pub issued: Moment,
    /// and no longer here.
    pub expires: Moment,
}

/// Why a lease was not issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotIssued {
    /// The key is that of another cell or planet.
    #[error("this key is not that of the block's cell")]
    OtherCell,
    /// It would end before it begins, or last too long.
    #[error("a lease lasts more than nothing and at most {}", Lease::LONGEST)]
    Length,
    /// It would end later than the longest lease that begins now.
    #[error("a lease ends at most {} from now", Lease::LONGEST)]
    PostDated,
}

impl Lease {
    /// The longest lease. What was revoked can be forgotten after as long,
    /// which bounds the lists that every host keeps.
    pub const LONGEST: Millis = Millis::days(7);

    /// Bytes of a lease: 109 that the code covers, with its key's id, and
    /// whole groups of three, so that its text has no bits to spare.
    pub const LEN: usize = Self::BODY + Self::CODE;
    const BODY: usize = 2 + 16 + 8 + 8 + 1 + 8 + 32 + 2 + 8 + 8 + 16;
    const CODE: usize = 32;

    /// Issues the lease under the key of its cell. It may begin later than
    /// now, and yet ends before what is revoked now is forgotten.
    ///
    /// # Errors
    /// When the key is another cell's, or the times make no sense.
    pub fn issue(&self, key: &CellKey, now: Moment) -> Result<LeaseText, NotIssued> {
        if self.planet != key.planet || !key.holds(self.block) {
            return Err(NotIssued::OtherCell);
        }
        if !self.lasts_sensibly() {
            return Err(NotIssued::Length);
        }
        if self.expires > now.after(Self::LONGEST) {
            return Err(NotIssued::PostDated);
        }
        let mut bytes = self.write(key.id);
        let code = hash::code(&key.keyed, &[&bytes[..Self::BODY]]);
        bytes[Self::BODY..].copy_from_slice(&code);
        Ok(LeaseText::of(&bytes))
    }

    /// What signatures about this lease cover in its stead.
    #[must_use]
    pub(crate) fn digest(&self) -> Digest32 {
        hash::sha256(&[b"mycel lease digest v1", &self.write(KeyId([0; 16]))])
    }

    fn lasts_sensibly(&self) -> bool {
        self.issued < self.expires && self.expires.since(self.issued) <= Self::LONGEST
    }

    fn write(&self, key: KeyId) -> [u8; Self::LEN] {
        Writer::new(Kind::Lease)
            .put(&self.planet.0)
            .put(&self.block.region.0)
            .put(&self.block.index.to_be_bytes())
            .put(&[self.slot.number()])
            .put(&self.fencing.to_be_bytes())
            .put(&self.agent.0)
            .put(&self.rights.bits().to_be_bytes())
            .put(&self.issued.0.to_be_bytes())
            .put(&self.expires.0.to_be_bytes())
            .put(&key.0)
            .finish(Self::CODE)
    }
}

/// A lease that was read and not yet believed. Debug does not show its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// What it says.
    pub lease: Lease,
    /// Under which key, it says.
    pub key: KeyId,
    bytes: [u8; Lease::LEN],
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("lease", &self.lease).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Claim {
    /// Reads a lease, and believes nothing of it.
    ///
    /// # Errors
    /// When it has not the one form of a lease.
    pub fn read(text: &str) -> Result<Self, Malformed> {
        let bytes: [u8; Lease::LEN] = read_text(text, Kind::Lease)?;
        let mut reader = Reader::new(&bytes, Kind::Lease)?;
        let lease = Lease {
            planet: PlanetId(reader.take()?),
            block: BlockRef { region: RegionTag(reader.take()?), index: reader.u64()? },
            slot: Slot::new(u8::from_be_bytes(reader.take()?)).ok_or(Malformed::Field("there is no such slot"))?,
            fencing: reader.u64()?,
            agent: AgentId(reader.take()?),
            rights: Rights::from_bits(u16::from_be_bytes(reader.take()?))
                .ok_or(Malformed::Field("there is no such right"))?,
            issued: Moment(reader.u64()?),
            expires: Moment(reader.u64()?),
        };
        let key = KeyId(reader.take()?);
        let _code: [u8; Lease::CODE] = reader.take()?;
        reader.end()?;
        if !lease.lasts_sensibly() {
            return Err(Malformed::Field("it ends before it begins, or lasts longer than a lease can"));
        }
        Ok(Self { lease, key, bytes })
    }

    /// Whether its code is that of the key.
    fn is_by(&self, key: &CellKey) -> bool {
        let code = hash::code(&key.keyed, &[&self.bytes[..Lease::BODY]]);
        code[..].ct_eq(&self.bytes[Lease::BODY..]).into()
    }

    /// The text that it was read from.
    #[must_use]
    pub fn text(&self) -> LeaseText {
        LeaseText::of(&self.bytes)
    }
}
