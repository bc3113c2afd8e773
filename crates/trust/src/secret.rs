//! Thirty-two secret bytes that are wiped when they are dropped, compared in
//! constant time, and never printed.
//!
//! They live on the heap, so that moving the value moves a pointer and leaves
//! no copy. That place is wiped, and the array that they were taken from. What
//! the caller or a primitive had on the stack before or meanwhile is not: it is
//! there until something else is.

use crate::hash;
use crate::ids::KeyId;
use crate::pi;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret of 256 bits: a key, or entropy that becomes one.
pub struct Secret(Box<[u8; Self::LEN]>);

impl Secret {
    /// Bytes of a secret.
    pub const LEN: usize = 32;

    /// Takes the bytes, and wipes the place they came from.
    #[must_use]
    pub fn take(bytes: &mut [u8; Self::LEN]) -> Self {
        let mut secret = Self(Box::new([0; Self::LEN]));
        secret.0.copy_from_slice(bytes);
        bytes.zeroize();
        secret
    }

    /// A secret for one purpose, from which there is no way back to this one:
    /// two labels give two keys that say nothing about each other.
    #[must_use]
    pub fn derived(&self, label: &str) -> Self {
        let salt = pi::near_salt(KeyId(hash::tag(b"mycel purpose v1", label.as_bytes())));
        hash::derive(self, &salt, &[b"mycel purpose v1 ", label.as_bytes()])
    }

    /// The bytes, for whoever has to hand them to a primitive or to a keeper.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Secret {}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_secret_is_wiped_where_it_was() {
        use crate::remains::{place, remains};
        let secret = Secret::take(&mut [0xa5; 32]);
        let before = place(secret.expose());
        // Moving it moves no byte of it.
        let moved = Box::new([secret]);
        assert_eq!(place(moved[0].expose()), before);
        assert_eq!(remains(moved, &[before]), 0);
    }

    #[test]
    fn every_purpose_has_a_secret_of_its_own() {
        let of = |byte| Secret::take(&mut [byte; 32]);
        assert_eq!(of(7).derived("one"), of(7).derived("one"));
        for other in [of(7), of(7).derived("other"), of(8).derived("one"), of(7).derived("")] {
            assert_ne!(of(7).derived("one"), other);
        }
    }

    #[test]
    fn taking_a_secret_wipes_where_it_was() {
        let mut bytes = [7; 32];
        let secret = Secret::take(&mut bytes);
        assert_eq!(bytes, [0; 32]);
        assert_eq!(secret.expose(), &[7; 32]);
        assert_eq!(secret, Secret::take(&mut [7; 32]));
        assert_ne!(secret, Secret::take(&mut [8; 32]));
    }
}
