//! AES-256-GCM that cannot use a nonce twice.
//!
//! GCM fails badly when one key encrypts two messages under one nonce. Here
//! every message has a key of its own, derived from a salt; the nonce is
//! always zero. The salt is a keyed code of all that is sealed: two messages
//! that differ have different salts, short of a collision of HMAC-SHA256, and
//! two that do not differ give the same bytes. There is no counter that a crash
//! or a restored backup could set back, none that two replicas could share, and
//! no entropy that could be missing.
//!
//! When it is opened the salt is computed again. So an envelope is bound to one
//! key, one context and one text; GCM alone would let whoever knows two keys
//! make one envelope that opens under both, each time to something else.

use crate::hash::{self, Digest32, Keyed};
use crate::secret::Secret;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

const SALT: usize = 32;
const TAG: usize = 16;

/// What is sealed is longer by this.
pub(super) const OVERHEAD: usize = SALT + TAG;

/// Two keyed codes, boxed so that moving them leaves no copies.
pub(super) struct Sealer {
    salts: Box<Keyed>,
    keys: Box<Keyed>,
}

impl Sealer {
    pub(super) fn new(salts: &Secret, keys: &Secret) -> Self {
        let keyed = |secret: &Secret| Box::new(hash::keyed(secret.expose()));
        Self { salts: keyed(salts), keys: keyed(keys) }
    }

    /// `head`, salt, sealed data and tag; `None` for more than the 64 GiB that
    /// AES-GCM can encrypt.
    pub(super) fn seal(&self, head: &[u8], bound: &[u8], data: &[u8]) -> Option<Vec<u8>> {
        let salt = self.salt(bound, data);
        let mut sealed = Vec::with_capacity(head.len() + OVERHEAD + data.len());
        sealed.extend_from_slice(head);
        sealed.extend_from_slice(&salt);
        let at = sealed.len();
        sealed.extend_from_slice(data);
        let buffer = (&mut sealed[at..]).into();
        let tag = self.cipher(&salt).encrypt_inout_detached(&Nonce::default(), bound, buffer).ok()?;
        sealed.extend_from_slice(&tag);
        Some(sealed)
    }

    /// Opens salt, sealed data and tag; `None` when anything differs from what
    /// was sealed.
    pub(super) fn open(&self, bound: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (salt, rest) = sealed.split_first_chunk::<SALT>()?;
        let (data, tag) = rest.split_last_chunk::<TAG>()?;
        let mut data = data.to_vec();
        let buffer = data.as_mut_slice().into();
        self.cipher(salt).decrypt_inout_detached(&Nonce::default(), bound, buffer, &Tag::from(*tag)).ok()?;
        bool::from(self.salt(bound, &data).ct_eq(salt)).then_some(data)
    }

    /// Where its two halves lie, and there is nothing else.
    #[cfg(all(test, target_os = "linux"))]
    pub(super) fn places(&self) -> [(u64, usize); 2] {
        let Self { salts, keys } = self;
        [salts, keys].map(|keyed| crate::remains::place(&**keyed))
    }

    fn salt(&self, bound: &[u8], data: &[u8]) -> Digest32 {
        // The length first, so that what is bound never runs into the data.
        hash::code(&self.salts, &[&(bound.len() as u64).to_be_bytes(), bound, data])
    }

    fn cipher(&self, salt: &[u8; SALT]) -> Aes256Gcm {
        let mut key = hash::code(&self.keys, &[salt]);
        // By reference: a key that is passed by value is a second one to wipe.
        let cipher = Aes256Gcm::new((&key).into());
        key.zeroize();
        cipher
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer() -> Sealer {
        Sealer::new(&Secret::take(&mut [1; 32]), &Secret::take(&mut [2; 32]))
    }

    /// What GCM alone would open: sealed under a key of this sealer, whose salt
    /// is not that of the data. Whoever can choose the salt can choose the key.
    #[test]
    fn a_salt_that_was_chosen_does_not_open() {
        let salt = [7; SALT];
        let mut data = *b"data";
        let tag = sealer().cipher(&salt).encrypt_inout_detached(&Nonce::default(), b"", data.as_mut_slice().into());
        let chosen = [&salt[..], &data, &tag.unwrap()].concat();
        assert_eq!(sealer().open(b"", &chosen), None);
        let honest = sealer().seal(b"", b"", b"data").unwrap();
        assert_eq!(sealer().open(b"", &honest).unwrap(), b"data");
    }
}
