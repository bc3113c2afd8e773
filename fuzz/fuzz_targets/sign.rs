//! Valid signatures, with points of small order added to the key and to the
//! commitment, and with bits flipped: alone and in a batch the verdict is the
//! same, and it is the rule's. Then any bytes as a key and a signature.
#![no_main]

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest, Sha512};
use trust::AgentId;
use trust::sign::{Domain, Item, PublicKey, Signature, verify_batch};

const DOMAIN: Domain = Domain::new("fuzz");
/// What goes before a message of that domain.
const FRAME: &[u8] = b"mycel signed v1\x04fuzz";

libfuzzer_sys::fuzz_target!(|input: (u8, u8, u8, Option<u16>, [[u8; 32]; 3], &[u8])| {
    let (seed, key_torsion, commitment_torsion, flipped, [id, r, s], message) = input;
    any_bytes(id, [r, s], message);
    let (id, valid) = signed(seed, [key_torsion, commitment_torsion].map(|at| usize::from(at % 8)), message);
    let Ok(key) = PublicKey::new(id) else {
        assert_ne!(key_torsion % 8, 0, "a key of prime order is a key");
        return;
    };
    assert!(verdict(&key, message, valid), "the rule has a cofactor");
    if let Some(bit) = flipped.map(|bit| usize::from(bit) % (8 * Signature::LEN)) {
        let mut changed = valid;
        changed.0[bit / 8] ^= 1 << (bit % 8);
        assert!(!verdict(&key, message, changed));
        // One that does not hold, among those that do.
        let item = |signature| Item { key: &key, message, signature };
        assert!(verify_batch(DOMAIN, &[item(valid), item(changed), item(valid)]).is_err());
    }
    assert!(!verdict(&key, &[message, &[0]].concat(), valid));
});

fn any_bytes(id: [u8; 32], parts: [[u8; 32]; 2], message: &[u8]) {
    if let Ok(key) = PublicKey::new(AgentId(id)) {
        verdict(&key, message, glued(parts));
    }
}

/// Whether a signature holds, alone as in a batch.
fn verdict(key: &PublicKey, message: &[u8], signature: Signature) -> bool {
    let alone = key.verify(DOMAIN, message, &signature).is_ok();
    let item = Item { key, message, signature };
    assert_eq!(verify_batch(DOMAIN, &[item, item]).is_ok(), alone);
    alone
}

/// A key and its signature, each with a point of small order added to it; the
/// first of those points is none at all.
fn signed(seed: u8, [key_torsion, commitment_torsion]: [usize; 2], message: &[u8]) -> (AgentId, Signature) {
    let scalar = |parts: &[&[u8]]| {
        let mut hash = Sha512::new();
        parts.iter().for_each(|part| hash.update(part));
        Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
    };
    let (secret, nonce) = (scalar(&[b"secret", &[seed]]), scalar(&[b"nonce", &[seed], message]));
    let id = (EdwardsPoint::mul_base(&secret) + EIGHT_TORSION[key_torsion]).compress().0;
    let r = (EdwardsPoint::mul_base(&nonce) + EIGHT_TORSION[commitment_torsion]).compress().0;
    let s = nonce + scalar(&[&r, &id, FRAME, message]) * secret;
    (AgentId(id), glued([r, s.to_bytes()]))
}

fn glued([r, s]: [[u8; 32]; 2]) -> Signature {
    let mut signature = Signature([0; 64]);
    signature.0[..32].copy_from_slice(&r);
    signature.0[32..].copy_from_slice(&s);
    signature
}
