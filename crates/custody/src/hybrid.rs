//! Sealing to a key pair: whoever has the public half can seal, and nobody but
//! who has the secret opens.
//!
//! It is HPKE (RFC 9180) in its base mode, with X25519, HKDF-SHA256 and
//! AES-256-GCM: every sealing draws a key of its own, so there is no nonce that
//! could come twice, and any other implementation can open it.

use crate::{KeyError, entropy, folder};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use std::convert::Infallible;
use std::fmt;
use trust::Secret;
use zeroize::{Zeroize as _, Zeroizing};

type Private = <X25519HkdfSha256 as hpke::Kem>::PrivateKey;
type Public = <X25519HkdfSha256 as hpke::Kem>::PublicKey;
type Encapped = <X25519HkdfSha256 as hpke::Kem>::EncappedKey;

/// Bytes of what a sealing begins with: its own public key.
const ENCAPPED: usize = 32;

/// What is sealed is longer by this.
pub const OVERHEAD: usize = ENCAPPED + 16;

/// The public half of a key pair, an X25519 key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SealTo(pub [u8; 32]);

/// The secret half.
pub struct Opener {
    // Boxed, so that moving it leaves no copy behind; it wipes itself.
    private: Box<Private>,
    public: SealTo,
}

impl Opener {
    /// The key pair of a secret for one purpose. One secret may have several:
    /// none of them says anything about another, nor about the secret.
    #[must_use]
    pub fn new(secret: &Secret, purpose: &str) -> Self {
        let (private, public) = X25519HkdfSha256::derive_keypair(secret.derived(purpose).expose());
        Self { private: Box::new(private), public: SealTo(public.to_bytes().into()) }
    }

    /// What is sealed to, to be opened here.
    #[must_use]
    pub const fn public(&self) -> SealTo {
        self.public
    }

    /// Opens what was sealed for this purpose, beside these bytes.
    #[must_use]
    pub fn open(&self, purpose: &str, beside: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (encapped, sealed) = sealed.split_first_chunk::<ENCAPPED>()?;
        let encapped = Encapped::from_bytes(encapped).ok()?;
        let opened = hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.private,
            &encapped,
            purpose.as_bytes(),
            sealed,
            beside,
        );
        opened.ok().map(Zeroizing::new)
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("public", &self.public).finish_non_exhaustive()
    }
}

impl SealTo {
    /// Seals for a purpose, beside bytes that are not sealed and have to be the
    /// same when it is opened.
    ///
    /// # Errors
    /// When the system gives no entropy, or this is no key.
    pub fn seal(&self, purpose: &str, beside: &[u8], clear: &[u8]) -> Result<Vec<u8>, KeyError> {
        let no_key = || KeyError::Damaged { file: self.to_string(), what: "it is no key to seal to".to_owned() };
        let mut drawn = Drawn(entropy::bytes().map_err(folder::failed("draw entropy"))?, false);
        let to = Public::from_bytes(&self.0).map_err(|_| no_key())?;
        let sealed = hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &to,
            purpose.as_bytes(),
            clear,
            beside,
            &mut drawn,
        );
        let (encapped, sealed) = sealed.map_err(|_| no_key())?;
        // Nothing that was not drawn may have been sealed under.
        if !drawn.1 {
            return Err(no_key());
        }
        Ok([&encapped.to_bytes()[..], &sealed].concat())
    }
}

impl fmt::Display for SealTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SealTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealTo({self})")
    }
}

/// Entropy that was drawn before, for a sealing that takes exactly so much of
/// it, once. So the system's refusal is an error, and no panic.
struct Drawn([u8; 32], bool);

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.1 = false;
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.1 = false;
        Ok(0)
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        // Asked for once, and for all of it; anything else spoils the sealing.
        self.1 = !self.1 && into.len() == self.0.len();
        if self.1 {
            into.copy_from_slice(&self.0);
        }
        self.0.zeroize();
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}

impl Drop for Drawn {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opener(byte: u8) -> Opener {
        Opener::new(&Secret::take(&mut [byte; 32]), "test")
    }

    #[test]
    fn what_is_sealed_opens_for_its_key_its_purpose_and_beside_the_same() {
        let sealed = opener(1).public().seal("keys", b"beside", b"clear").unwrap();
        assert_eq!(sealed.len(), 5 + OVERHEAD);
        assert_eq!(*opener(1).open("keys", b"beside", &sealed).unwrap(), b"clear");
        assert!(opener(2).open("keys", b"beside", &sealed).is_none());
        assert!(opener(1).open("other", b"beside", &sealed).is_none());
        assert!(opener(1).open("keys", b"besides", &sealed).is_none());
        let other = Opener::new(&Secret::take(&mut [1; 32]), "other");
        assert!(other.open("keys", b"beside", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(opener(1).open("keys", b"beside", &changed).is_none(), "byte {at}");
            assert!(opener(1).open("keys", b"beside", &sealed[..at]).is_none(), "cut at {at}");
        }
        assert_ne!(opener(1).public().seal("keys", b"beside", b"clear").unwrap(), sealed, "each has its own key");
    }

    #[test]
    fn what_has_small_order_is_no_key_to_seal_to() {
        assert!(SealTo([0; 32]).seal("keys", b"", b"clear").is_err());
    }

    #[test]
    fn an_opener_is_not_shown() {
        let shown = format!("{:?}", opener(1));
        let secret: String = opener(1).private.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!shown.contains(&secret) && shown.contains(&opener(1).public().to_string()), "{shown}");
    }
}
