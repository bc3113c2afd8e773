//! Ed25519 with one rule of what is accepted, the same for one signature and
//! for many.
//!
//! The rule is RFC 8032's, with its cofactored equation, and one refusal more:
//!
//! 1. the key `A` and the commitment `R` are encoded canonically, on the curve;
//! 2. neither has small order;
//! 3. `S` is below the order of the group;
//! 4. `8·S·B = 8·R + 8·k·A`, where `k` is the hash of `R`, `A` and the message.
//!
//! The cofactored equation, because it is the only one that a batch can check
//! exactly: without the factor of 8 a batch accepts what is refused alone, and
//! whoever can choose which of two checkers sees a vote can split the hubs.
//! Canonical encodings, because a key is a name and one agent has one. No small
//! order, because such a key has signed everything.
//!
//! A key with a part of small order beside a large one is refused as well: one
//! secret would have eight such names. A commitment may have such a part; only
//! whoever has the secret can make it.
//!
//! The curve is curve25519-dalek's; the equation is here, because no crate that
//! is as fast has this rule for both (docs/decisions/0010-cryptography.md).

mod batch;
mod note;
#[cfg(test)]
mod tests;

pub use batch::{BadBatch, Item, verify_batch};
pub use note::NotANote;

use crate::ids::AgentId;
use crate::secret::Secret;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use ed25519_dalek::Signer;
use sha2::{Digest, Sha512};
use std::fmt;

/// What kind of statement is signed. A signature for one is none for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Domain {
    name: &'static str,
    length: [u8; 1],
}

impl Domain {
    /// An agent proves that it holds the key of its lease.
    pub const ATTACH: Self = Self::of("attach");
    /// An agent asks for its first lease.
    pub const APPLY: Self = Self::of("apply");
    /// Somebody with the right to do so invites one agent.
    pub const INVITE: Self = Self::of("invite");
    /// A gateway proves that it is the one whose word a host takes.
    pub const VOUCH: Self = Self::of("vouch");
    /// Somebody demands that an owner's keys be destroyed.
    pub const ERASE: Self = Self::of("erase");
    /// A key names its successor.
    pub const ROTATE: Self = Self::of("rotate");
    /// Somebody vouches for a Merkle tree. It is signed by `merkle::Head` alone,
    /// which says of which tree.
    pub(crate) const HEAD: Self = Self::of("head");

    /// The names that are this crate's, so that no other signs in them.
    const OWN: [Self; 7] =
        [Self::ATTACH, Self::APPLY, Self::INVITE, Self::VOUCH, Self::ERASE, Self::ROTATE, Self::HEAD];

    /// A domain of another crate. Its name is for ever.
    ///
    /// # Panics
    /// When the name is empty, longer than 64 bytes, or one of this crate's:
    /// for a constant, which is what a domain is, while it is compiled.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        let mut at = 0;
        while at < Self::OWN.len() {
            assert!(!is_same(name.as_bytes(), Self::OWN[at].name.as_bytes()), "the domain is one of trust's own");
            at += 1;
        }
        Self::of(name)
    }

    #[allow(clippy::cast_possible_truncation, reason = "at most 64, as is asserted")]
    const fn of(name: &'static str) -> Self {
        assert!(!name.is_empty() && name.len() <= 64, "a domain has 1 to 64 bytes");
        Self { name, length: [name.len() as u8] }
    }

    /// What is signed, for whoever signs elsewhere: in a token.
    #[must_use]
    pub fn framed(&self, message: &[u8]) -> Vec<u8> {
        self.frame(message).concat()
    }

    /// What is signed, in parts. The length of the name keeps one domain from
    /// running into what follows another.
    fn frame<'m>(&'m self, message: &'m [u8]) -> [&'m [u8]; 4] {
        [HOUSE, &self.length, self.name.as_bytes(), message]
    }
}

/// Whether two names are one; `==` cannot say so while it is compiled.
const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// The first bytes of everything that is signed, so that nothing signed for
/// another program means anything here.
const HOUSE: &[u8] = b"mycel signed v1";

/// Why a signature or a key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// The key is no key: not canonical, not on the curve, or of small or mixed
    /// order.
    #[error("the public key is not a canonical Ed25519 key of prime order")]
    Key,
    /// The signature is not this key's for this message.
    #[error("the signature does not hold")]
    Signature,
}

/// A signature: `R`, then `S`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; Self::LEN]);

impl Signature {
    /// Bytes of a signature.
    pub const LEN: usize = 64;

    /// `R` and `S`, when both could be.
    fn parts(&self) -> Option<([u8; 32], Scalar)> {
        let (mut r, mut s) = ([0; 32], [0; 32]);
        r.copy_from_slice(&self.0[..32]);
        s.copy_from_slice(&self.0[32..]);
        let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(s))?;
        is_canonical_and_large(&r).then_some((r, s))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// A key that signs.
pub struct SigningKey(Box<ed25519_dalek::SigningKey>);

impl SigningKey {
    /// The key of 256 bits of entropy.
    #[must_use]
    pub fn new(seed: &Secret) -> Self {
        Self(Box::new(ed25519_dalek::SigningKey::from_bytes(seed.expose())))
    }

    /// The name of whoever holds it.
    #[must_use]
    pub fn id(&self) -> AgentId {
        AgentId(self.0.verifying_key().to_bytes())
    }

    /// Signs a statement of one domain.
    #[must_use]
    pub fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        let whole = domain.frame(message).concat();
        Signature(self.0.sign(&whole).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.id()).finish()
    }
}

/// A key that is ready to check signatures: its point is worked out once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    id: AgentId,
    minus: EdwardsPoint,
}

impl PublicKey {
    /// The key that an agent's name is.
    ///
    /// # Errors
    /// When it is no canonical key of prime order.
    pub fn new(id: AgentId) -> Result<Self, BadSignature> {
        if !is_canonical_and_large(&id.0) {
            return Err(BadSignature::Key);
        }
        let point = CompressedEdwardsY(id.0).decompress().ok_or(BadSignature::Key)?;
        // Once for each key, and as long as one check: without it one secret
        // would have eight names.
        if !point.is_torsion_free() {
            return Err(BadSignature::Key);
        }
        Ok(Self { id, minus: -point })
    }

    /// Whose key it is.
    #[must_use]
    pub const fn id(&self) -> AgentId {
        self.id
    }

    /// Checks a signature of one domain.
    ///
    /// # Errors
    /// When it does not hold by the rule above.
    pub fn verify(&self, domain: Domain, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        self.holds(signature, &challenge(signature, self.id, &domain.frame(message)))
    }

    fn holds(&self, signature: &Signature, k: &[u8; 64]) -> Result<(), BadSignature> {
        let (r, s) = signature.parts().ok_or(BadSignature::Signature)?;
        let k = Scalar::from_bytes_mod_order_wide(k);
        let expected = EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &self.minus, &s);
        // Equal encodings are equal points, and then the equation holds with
        // any factor. That is every signature of an honest signer; only what
        // differs has to be decoded.
        if expected.compress().0 == r {
            return Ok(());
        }
        let r = CompressedEdwardsY(r).decompress().ok_or(BadSignature::Signature)?;
        (r - expected).mul_by_cofactor().is_identity().then_some(()).ok_or(BadSignature::Signature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.id).finish()
    }
}

/// `k`, before it is taken modulo the order: the hash of `R`, `A` and what was
/// signed.
fn challenge(signature: &Signature, id: AgentId, signed: &[&[u8]]) -> [u8; 64] {
    let mut hash = Sha512::new();
    hash.update(&signature.0[..32]);
    hash.update(id.0);
    signed.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// The `y` of every point of small order; there are two points to most of them.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    little(1),
    // The order of the field, less one.
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn little(number: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = number;
    bytes
}

/// Whether a key and a signature could be such, as far as that costs nothing.
pub(crate) fn is_well_formed(id: AgentId, signature: &Signature) -> bool {
    is_canonical_and_large(&id.0) && signature.parts().is_some()
}

/// Whether an encoding is the only one of its point, and the point not of
/// small order. The one other way to be ambiguous, a sign on `x = 0`, happens
/// at `y = ±1` alone, and those are of small order.
fn is_canonical_and_large(point: &[u8; 32]) -> bool {
    let mut y = *point;
    y[31] &= 0x7f;
    let beyond_field = y[31] == 0x7f && y[1..31].iter().all(|&byte| byte == 0xff) && y[0] >= 0xed;
    !beyond_field && !SMALL_ORDER.contains(&y)
}
