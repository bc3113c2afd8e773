//! SHA-256, the one hash of this crate beside the one that Ed25519 brings, and
//! the keyed code and the derivation that are built on it.
//!
//! One hash, because every processor that Mycel runs on has instructions for
//! it, and every hardware key store speaks it.

use crate::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

/// A SHA-256 digest.
pub(crate) type Digest32 = [u8; 32];

/// HMAC-SHA256 with its key already absorbed. It is wiped when it is dropped.
pub(crate) type Keyed = Hmac<Sha256>;

/// The digest of the parts, one after another.
pub(crate) fn sha256(parts: &[&[u8]]) -> Digest32 {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// The first `N` bytes of a digest under a domain of its own. The domain's
/// length goes first, so that no domain continues into what follows it.
pub(crate) fn tag<const N: usize>(domain: &[u8], bytes: &[u8]) -> [u8; N] {
    const { assert!(N <= 32) };
    let length = u8::try_from(domain.len()).unwrap_or(u8::MAX);
    let digest = sha256(&[&[length], domain, bytes]);
    std::array::from_fn(|at| digest[at])
}

/// An HMAC under `key`, which is at most a block: longer ones would first have
/// to be hashed, and nothing here has one.
pub(crate) fn keyed(key: &[u8]) -> Keyed {
    let mut block = hmac::digest::Key::<Keyed>::default();
    block[..key.len()].copy_from_slice(key);
    let keyed = Keyed::new(&block);
    block.as_mut_slice().zeroize();
    keyed
}

/// The code of the parts, one after another.
pub(crate) fn code(keyed: &Keyed, parts: &[&[u8]]) -> Digest32 {
    let mut mac = keyed.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// HKDF-SHA256 (RFC 5869) for one block of output, which is all that a key of
/// 256 bits takes: so there is no length that could be wrong.
pub(crate) fn derive(secret: &Secret, salt: &[u8], info: &[&[u8]]) -> Secret {
    let mut extracted = code(&keyed(salt), &[secret.expose()]);
    let expand = keyed(&extracted);
    extracted.zeroize();
    let mut mac = expand;
    info.iter().for_each(|part| mac.update(part));
    mac.update(&[1]);
    let mut derived = mac.finalize().into_bytes();
    let secret = Secret::take(derived.as_mut());
    derived.as_mut_slice().zeroize();
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn codes_are_those_of_rfc_4231() {
        let found = code(&keyed(b"Jefe"), &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(found[..], hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    }

    /// The vectors of RFC 5869 have shorter secrets; this is HKDF of 32 bytes
    /// 0b by its definition, taken apart into RFC 4231's HMAC.
    #[test]
    fn derivation_is_extract_then_expand() {
        let secret = Secret::take(&mut [0x0b; 32]);
        let extracted = code(&keyed(b"salt"), &[&[0x0b; 32]]);
        let expanded = code(&keyed(&extracted), &[b"info", &[1]]);
        assert_eq!(derive(&secret, b"salt", &[b"in", b"fo"]).expose(), &expanded);
    }
}
