//! Envelopes: data sealed under its owner's own key, with AES-256-GCM.
//!
//! Payloads are sealed before they are hashed or stored, so that destroying an
//! owner's key erases the data wherever it was copied to, while chains, backups
//! and proofs stay whole. The key comes from entropy of its own and is nowhere
//! but in its wrapping (`wrap`), so there is one thing to destroy.

mod sealer;
mod wrap;

pub use wrap::{NotUnwrapped, NotWrapped, WrappedKey, WrappingKey};

use crate::hash;
use crate::ids::{KeyId, OwnerId, PlanetId};
use crate::pi;
use crate::secret::Secret;
use crate::wire::{Kind, Malformed, Reader, VERSION};
use sealer::Sealer;
use std::fmt;

/// The most that one envelope holds: far more than a payload, far less than
/// what one key of AES-GCM may encrypt.
pub const LARGEST: usize = 16 << 20;

/// What an envelope is longer than what is in it.
pub const OVERHEAD: usize = 2 + sealer::OVERHEAD;

/// Too much for one envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes are too many for one envelope: at most {LARGEST}")]
pub struct TooLarge(pub usize);

/// Why an envelope was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// It is no envelope.
    #[error("this is not an envelope: {0}")]
    Malformed(#[from] Malformed),
    /// The key, the owner, the context or a bit of it is wrong; which is not said.
    #[error("the envelope does not open: its owner's key is gone, or this is not what was sealed here")]
    Sealed,
}

/// The key to one owner's data.
pub struct DataKey {
    planet: PlanetId,
    owner: OwnerId,
    secret: Secret,
    sealer: Sealer,
    // Boxed, so that moving the key leaves no copy of it behind.
    names: Box<hash::Keyed>,
}

impl DataKey {
    /// An owner's key from 256 bits of entropy, which nothing else is made of.
    /// Its id, which only names its salt, is the tag of the planet and the owner.
    #[must_use]
    pub fn new(planet: PlanetId, owner: OwnerId, secret: Secret) -> Self {
        let id = KeyId(hash::tag(b"mycel data key id v1", &[&planet.0[..], &owner.0].concat()));
        let salt = pi::near_salt(id);
        let derive = |label: &[u8]| hash::derive(&secret, &salt, &[label, &planet.0, &owner.0]);
        let sealer = Sealer::new(&derive(b"mycel data salt v1"), &derive(b"mycel data key v1"));
        let names = Box::new(hash::keyed(derive(b"mycel data name v1").expose()));
        Self { planet, owner, secret, sealer, names }
    }

    /// Whose data it opens.
    #[must_use]
    pub const fn owner(&self) -> OwnerId {
        self.owner
    }

    /// A tag that stands for a name of this owner's data, so that it can be
    /// found without being known: equal names have equal tags, and without the
    /// key a tag says nothing about the name.
    #[must_use]
    pub fn tag(&self, name: &[u8]) -> [u8; 16] {
        let code = hash::code(&self.names, &[name]);
        std::array::from_fn(|at| code[at])
    }

    /// Seals data for a context: where it belongs, such as the chain and the
    /// sequence of its op. It opens there and nowhere else.
    ///
    /// The same data in the same context is sealed to the same bytes. A context
    /// that is used once therefore says nothing about what is in the envelope
    /// but its length.
    ///
    /// # Errors
    /// When the data is larger than [`LARGEST`].
    pub fn seal(&self, context: &[u8], data: &[u8]) -> Result<Vec<u8>, TooLarge> {
        if data.len() > LARGEST {
            return Err(TooLarge(data.len()));
        }
        self.sealer.seal(&HEAD, &self.bound(context), data).ok_or(TooLarge(data.len()))
    }

    /// Opens what was sealed for a context. The data is the caller's, who knows
    /// whether it has to be wiped.
    ///
    /// # Errors
    /// When it is not an envelope of this owner for this context.
    pub fn open(&self, context: &[u8], envelope: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let sealed = Reader::new(envelope, Kind::Envelope)?.rest();
        if sealed.len() < sealer::OVERHEAD || sealed.len() > sealer::OVERHEAD + LARGEST {
            return Err(Malformed::Length(Kind::Envelope.what()).into());
        }
        self.sealer.open(&self.bound(context), sealed).ok_or(NotOpened::Sealed)
    }

    /// What is authenticated beside the data. Only the context is not of fixed
    /// length, and it is last.
    fn bound(&self, context: &[u8]) -> Vec<u8> {
        [&HEAD, &self.owner.0[..], context].concat()
    }
}

const HEAD: [u8; 2] = [VERSION, Kind::Envelope as u8];

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("owner", &self.owner).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn an_owners_key_is_wiped_where_it_was() {
        use crate::remains::{place, remains};
        let key = DataKey::new(PlanetId([1; 16]), OwnerId([2; 32]), Secret::take(&mut [0xa5; 32]));
        let [salts, keys] = key.sealer.places();
        let places = [place(key.secret.expose()), salts, keys, place(&*key.names)];
        assert_eq!(remains(key, &places), 0);
    }

    /// No field without a look: a new one is public, or wipes itself.
    #[test]
    fn every_field_of_an_owners_key_is_public_or_wipes_itself() {
        fn wipes<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        let key = DataKey::new(PlanetId([1; 16]), OwnerId([2; 32]), Secret::take(&mut [0xa5; 32]));
        let DataKey { planet: PlanetId(_), owner: OwnerId(_), secret, sealer: _, names } = &key;
        wipes(secret);
        // Of the same type as a cell's key, which `keys` shows to be wiped.
        let _: &hash::Keyed = names;
    }
}
