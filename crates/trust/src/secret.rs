//! Thirty-two secret bytes that are wiped when they are dropped, compared in
//! constant time, and never printed.
//!
//! They live on the heap: a value that is moved leaves no copy of itself on
//! the stack, so the one place that is wiped is the only place there was.

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
