//! An owner's key, wrapped under a regional key.
//!
//! The wrapping is the only place where the key is kept: destroying it, in its
//! one register, is erasure. Rotating the regional key wraps it again and leaves
//! the data alone.

use super::DataKey;
use super::sealer::{self, Sealer};
use crate::ids::{KeyId, OwnerId, PlanetId, RegionTag};
use crate::keys::RegionalKey;
use crate::secret::Secret;
use crate::wire::{Kind, Malformed, Reader, Writer};
use std::fmt;
use zeroize::Zeroizing;

/// What a region wraps its owners' keys with.
pub struct WrappingKey {
    planet: PlanetId,
    region: RegionTag,
    id: KeyId,
    sealer: Sealer,
}

/// An owner's key as it is kept: whose, under which regional key, and sealed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WrappedKey {
    owner: OwnerId,
    key: KeyId,
    sealed: [u8; Self::SEALED],
}

/// Why a key was not unwrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotUnwrapped {
    /// It is wrapped under another regional key.
    #[error("the owner's key is wrapped under key {0}")]
    OtherKey(KeyId),
    /// It was changed, or is of another planet, region or owner; which is not said.
    #[error("the owner's key does not unwrap")]
    Sealed,
}

/// Why a key was not wrapped. What was there before is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotWrapped {
    /// The key is of another planet: here it would become another key.
    #[error("the owner's key is of planet {0}, and is not wrapped on another")]
    OtherPlanet(PlanetId),
    /// The next key is of another region.
    #[error("the next key is of region {0}: an owner's key leaves its region by `relocate` alone")]
    OtherRegion(RegionTag),
    /// It was not unwrapped.
    #[error(transparent)]
    Unwrap(#[from] NotUnwrapped),
}

impl RegionalKey {
    /// What this region wraps its owners' keys with.
    #[must_use]
    pub fn wrapping(&self) -> WrappingKey {
        let sealer = Sealer::new(&self.derive(b"mycel wrap salt v1", &[]), &self.derive(b"mycel wrap key v1", &[]));
        WrappingKey { planet: self.planet(), region: self.region(), id: self.id(), sealer }
    }
}

impl WrappingKey {
    /// Wraps an owner's key.
    ///
    /// # Errors
    /// When the key is of another planet.
    pub fn wrap(&self, data_key: &DataKey) -> Result<WrappedKey, NotWrapped> {
        if data_key.planet != self.planet {
            return Err(NotWrapped::OtherPlanet(data_key.planet));
        }
        let mut wrapped = WrappedKey { owner: data_key.owner, key: self.id, sealed: [0; WrappedKey::SEALED] };
        // Thirty-two bytes are never too many.
        let sealed = self.sealer.seal(&[], &wrapped.bound(), data_key.secret.expose()).unwrap_or_default();
        wrapped.sealed.copy_from_slice(&sealed);
        Ok(wrapped)
    }

    /// Unwraps an owner's key.
    ///
    /// # Errors
    /// When it was not wrapped with this key, for this owner.
    pub fn unwrap(&self, wrapped: &WrappedKey) -> Result<DataKey, NotUnwrapped> {
        if wrapped.key != self.id {
            return Err(NotUnwrapped::OtherKey(wrapped.key));
        }
        let opened = self.sealer.open(&wrapped.bound(), &wrapped.sealed).ok_or(NotUnwrapped::Sealed)?;
        let opened = Zeroizing::new(opened);
        let mut secret = Zeroizing::new([0; Secret::LEN]);
        secret.copy_from_slice(&opened);
        Ok(DataKey::new(self.planet, wrapped.owner, Secret::take(&mut secret)))
    }

    /// Wraps again, under `next` of the same region, what is wrapped under this
    /// key: how a regional key is rotated without touching data.
    ///
    /// # Errors
    /// When it was not wrapped with this key, or `next` is of another region or
    /// planet.
    pub fn rewrap(&self, wrapped: &WrappedKey, next: &Self) -> Result<WrappedKey, NotWrapped> {
        if next.region != self.region {
            return Err(NotWrapped::OtherRegion(next.region));
        }
        self.relocate(wrapped, next)
    }

    /// Wraps under a key of any region what is wrapped under this key: an owner
    /// moves. Until the old wrapping is destroyed both regions have the key.
    ///
    /// # Errors
    /// When it was not wrapped with this key, or `to` is of another planet.
    pub fn relocate(&self, wrapped: &WrappedKey, to: &Self) -> Result<WrappedKey, NotWrapped> {
        to.wrap(&self.unwrap(wrapped)?)
    }
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappingKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl WrappedKey {
    /// Bytes of a wrapped key.
    pub const LEN: usize = 2 + 32 + 16 + Self::SEALED;
    const SEALED: usize = Secret::LEN + sealer::OVERHEAD;

    /// Whose key it is.
    #[must_use]
    pub const fn owner(&self) -> OwnerId {
        self.owner
    }

    /// The regional key that it is wrapped under.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// The wrapped key in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        self.head().put(&self.sealed).finish(0)
    }

    /// Reads a wrapped key.
    ///
    /// # Errors
    /// When it has not the one form of a wrapped key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, Kind::WrappedKey)?;
        let wrapped = Self { owner: OwnerId(reader.take()?), key: KeyId(reader.take()?), sealed: reader.take()? };
        reader.end()?;
        Ok(wrapped)
    }

    fn head(&self) -> Writer<{ Self::LEN }> {
        Writer::new(Kind::WrappedKey).put(&self.owner.0).put(&self.key.0)
    }

    /// What is authenticated beside the key: all of it that is not sealed.
    fn bound(&self) -> [u8; Self::LEN] {
        self.head().finish(Self::SEALED)
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedKey").field("owner", &self.owner).field("key", &self.key).finish_non_exhaustive()
    }
}
