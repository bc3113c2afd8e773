//! The rule, on published vectors and on what could split single from batch.

use super::batch::{all_hold, verify_hashed};
use super::*;
use curve25519_dalek::constants::EIGHT_TORSION;
use proptest::prelude::*;

const DOMAIN: Domain = Domain::ATTACH;

fn hex<const N: usize>(text: &str) -> [u8; N] {
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
}

fn signer(byte: u8) -> SigningKey {
    SigningKey::new(&Secret::take(&mut [byte; 32]))
}

/// The verdict on a message without a domain, alone, twice in a batch, and
/// between two good ones. They must agree.
fn verdict(id: AgentId, message: &[u8], signature: &Signature) -> bool {
    let Ok(key) = PublicKey::new(id) else {
        return false;
    };
    let hash = challenge(signature, id, &[message]);
    let alone = key.holds(signature, &hash).is_ok();
    let good = Signature(signer(9).0.sign(b"good").to_bytes());
    let good_key = PublicKey::new(signer(9).id()).unwrap();
    let good_hash = challenge(&good, good_key.id, &[b"good"]);
    let item = Item { key: &key, message, signature: *signature };
    let good = Item { key: &good_key, message: b"good", signature: good };
    // The sum has the verdict by itself: it is not the single checks, which
    // follow when it fails, that bring the two together.
    let together = |items: &[Item<'_>], hashes: &[[u8; 64]]| {
        assert_eq!(all_hold(items, hashes), verify_hashed(items, hashes).is_ok());
        all_hold(items, hashes)
    };
    assert_eq!(together(&[item], &[hash]), alone);
    assert_eq!(together(&[item, item], &[hash, hash]), alone);
    assert_eq!(together(&[good, item, good], &[good_hash, hash, good_hash]), alone);
    alone
}

fn is_of_prime_order(id: AgentId) -> bool {
    CompressedEdwardsY(id.0).decompress().is_some_and(|point| point.is_torsion_free())
}

/// What zebra's reading of the cofactored rule says, with our three refusals.
fn zebras(id: AgentId, message: &[u8], signature: &Signature) -> bool {
    let r = signature.0[..32].try_into().unwrap();
    let key = ed25519_zebra::VerificationKey::try_from(id.0);
    let holds = key.is_ok_and(|key| key.verify(&ed25519_zebra::Signature::from_bytes(&signature.0), message).is_ok());
    is_canonical_and_large(&id.0) && is_canonical_and_large(&r) && is_of_prime_order(id) && holds
}

#[test]
fn signatures_are_those_of_rfc_8032() {
    let cases = include_str!("vectors/rfc8032.txt");
    for case in cases.lines().filter(|line| !line.starts_with('#')) {
        let [seed, id, message, signature] = case.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{case}");
        };
        let key = SigningKey::new(&Secret::take(&mut hex(seed)));
        let message: Vec<u8> = (0..message.len() / 2).map(|at| hex::<1>(&message[2 * at..])[0]).collect();
        assert_eq!(key.id(), AgentId(hex(id)));
        let signed = Signature(key.0.sign(&message).to_bytes());
        assert_eq!(signed, Signature(hex(signature)));
        assert!(verdict(key.id(), &message, &signed));
    }
}

/// "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko), by its generator.
#[test]
fn the_published_edge_cases_have_one_verdict_each() {
    let cases = include_str!("vectors/speccheck.txt");
    let mut count = 0;
    for case in cases.lines().filter(|line| !line.starts_with('#')) {
        let [expected, message, id, signature] = case.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{case}");
        };
        let (id, message, signature) = (AgentId(hex(id)), hex::<32>(message), Signature(hex(signature)));
        // The file has the verdicts of the cofactored rule; a key of mixed order is none here.
        let expected = expected == "yes" && is_of_prime_order(id);
        assert_eq!(verdict(id, &message, &signature), expected, "{case}");
        assert_eq!(verdict(id, &message, &signature), zebras(id, &message, &signature), "{case}");
        count += 1;
    }
    assert_eq!(count, 15);
}

/// All fourteen encodings of the eight points of small order.
fn small_order() -> Vec<[u8; 32]> {
    let mut encodings: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|point| point.compress().0).collect();
    let alternatives = [
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    encodings.extend(alternatives.map(hex::<32>));
    encodings
}

#[test]
fn a_key_of_small_order_or_two_encodings_is_no_key() {
    for bytes in small_order() {
        assert_eq!(PublicKey::new(AgentId(bytes)), Err(BadSignature::Key), "{bytes:02x?}");
        // The points are what they are said to be: anybody else takes them.
        assert!(ed25519_zebra::VerificationKey::try_from(bytes).is_ok(), "{bytes:02x?}");
    }
    // Every encoding beyond the field: the nineteen of y, with either sign.
    for low in 0xed..=0xff {
        for top in [0x7f, 0xff] {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (low, top);
            assert_eq!(PublicKey::new(AgentId(bytes)), Err(BadSignature::Key), "{low:x} {top:x}");
        }
    }
}

/// An agent can sign with an `R` of small order so that the equation holds;
/// nobody honest does.
#[test]
fn a_commitment_of_small_order_is_refused() {
    let secret = Scalar::from(12_345u64);
    let id = AgentId(EdwardsPoint::mul_base(&secret).compress().0);
    for r in small_order() {
        let mut signature = Signature([0; 64]);
        signature.0[..32].copy_from_slice(&r);
        let k = Scalar::from_bytes_mod_order_wide(&challenge(&signature, id, &[b"message"]));
        signature.0[32..].copy_from_slice(&(k * secret).to_bytes());
        let zebra = ed25519_zebra::VerificationKey::try_from(id.0).unwrap();
        assert!(zebra.verify(&ed25519_zebra::Signature::from_bytes(&signature.0), b"message").is_ok());
        assert!(!verdict(id, b"message", &signature), "{r:02x?}");
    }
}

/// Keys and commitments with a part of small order, in all 64 pairs: without
/// the factor of 8, a batch takes seven eighths of them by chance.
#[test]
fn mixed_orders_have_one_verdict() {
    let (secret, nonce) = (Scalar::from(12_345u64), Scalar::from(67_890u64));
    for with_a in EIGHT_TORSION {
        let id = AgentId((EdwardsPoint::mul_base(&secret) + with_a).compress().0);
        for with_r in EIGHT_TORSION {
            let mut signature = Signature([0; 64]);
            signature.0[..32].copy_from_slice(&(EdwardsPoint::mul_base(&nonce) + with_r).compress().0);
            let k = Scalar::from_bytes_mod_order_wide(&challenge(&signature, id, &[b"message"]));
            signature.0[32..].copy_from_slice(&(nonce + k * secret).to_bytes());
            assert_eq!(verdict(id, b"message", &signature), with_a == EIGHT_TORSION[0]);
            assert_eq!(verdict(id, b"message", &signature), zebras(id, b"message", &signature));
            let zebra = ed25519_zebra::VerificationKey::try_from(id.0).unwrap();
            assert!(zebra.verify(&ed25519_zebra::Signature::from_bytes(&signature.0), b"message").is_ok());
        }
    }
}

#[test]
fn one_secret_with_eight_names() {
    let point = EdwardsPoint::mul_base(&Scalar::from(12_345u64));
    let names = EIGHT_TORSION.map(|part| AgentId((point + part).compress().0));
    let keys = names.iter().filter(|&&name| PublicKey::new(name).is_ok());
    assert_eq!(keys.collect::<Vec<_>>(), [&names[0]]);
}

/// Two signatures that are off by as much in opposite directions: their plain
/// sum holds.
#[test]
fn a_signature_valid_in_batch_and_not_alone() {
    let keys = [signer(1), signer(2)];
    let mut items = keys.each_ref().map(|key| key.sign(DOMAIN, b"vote"));
    for (signature, error) in items.iter_mut().zip([Scalar::ONE, -Scalar::ONE]) {
        let s = Scalar::from_canonical_bytes(signature.0[32..].try_into().unwrap()).unwrap();
        signature.0[32..].copy_from_slice(&(s + error).to_bytes());
    }
    let public = keys.each_ref().map(|key| PublicKey::new(key.id()).unwrap());
    let batch: Vec<_> =
        public.iter().zip(items).map(|(key, signature)| Item { key, message: b"vote", signature }).collect();
    assert!(batch.iter().all(|item| item.key.verify(DOMAIN, b"vote", &item.signature).is_err()));
    assert_eq!(verify_batch(DOMAIN, &batch), Err(BadBatch { first: 0 }));
}

#[test]
fn a_signature_of_one_domain_is_none_of_another() {
    let (key, message) = (signer(1), b"message");
    let public = PublicKey::new(key.id()).unwrap();
    let signature = key.sign(Domain::ATTACH, message);
    assert_eq!(public.verify(Domain::ATTACH, message, &signature), Ok(()));
    assert_eq!(public.verify(Domain::INVITE, message, &signature), Err(BadSignature::Signature));
    // A domain that continues into its message.
    let (short, long) = (Domain::new("ro"), Domain::ROTATE);
    assert!(public.verify(long, b"x", &key.sign(short, b"tatex")).is_err());
    // Bare, as another program would sign.
    assert!(public.verify(Domain::ATTACH, message, &Signature(key.0.sign(message).to_bytes())).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_signing_key_is_wiped_where_it_was() {
    use crate::remains::{place, remains};
    let key = signer(0xa5);
    // Its public half, which is beside it, is nobody's secret.
    let (address, length) = place(&*key.0);
    let whole = std::mem::size_of_val(key.0.as_bytes());
    let seed = place(key.0.as_bytes());
    assert!(address <= seed.0 && seed.0 + (whole as u64) <= address + length as u64);
    assert_eq!(remains(key, &[seed]), 0);
}

#[test]
fn an_empty_batch_holds() {
    assert_eq!(verify_batch(DOMAIN, &[]), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_batch_holds_when_each_does(signers in prop::collection::vec(0u8..4, 1..40), broken in prop::collection::vec((0usize..40, 0usize..512), 0..3)) {
        let keys: Vec<_> = (0..4).map(signer).collect();
        let public: Vec<_> = keys.iter().map(|key| PublicKey::new(key.id()).unwrap()).collect();
        let messages: Vec<_> = (0..signers.len()).map(usize::to_be_bytes).collect();
        let mut items: Vec<_> = signers.iter().zip(&messages).map(|(&who, message)| {
            let signature = keys[usize::from(who)].sign(DOMAIN, message);
            Item { key: &public[usize::from(who)], message, signature }
        }).collect();
        for (at, bit) in broken {
            let at = at % items.len();
            items[at].signature.0[bit / 8] ^= 1 << (bit % 8);
        }
        let first = items.iter().position(|item| item.key.verify(DOMAIN, item.message, &item.signature).is_err());
        prop_assert_eq!(verify_batch(DOMAIN, &items), first.map_or(Ok(()), |first| Err(BadBatch { first })));
    }

    #[test]
    fn any_bytes_have_the_verdict_of_an_independent_reading(id in any::<[u8; 32]>(), r in any::<[u8; 32]>(), s in any::<[u8; 16]>(), message in any::<[u8; 8]>(), own in any::<bool>()) {
        let id = if own { signer(1).id() } else { AgentId(id) };
        let mut signature = Signature([0; 64]);
        signature.0[..32].copy_from_slice(&r);
        signature.0[32..48].copy_from_slice(&s);
        prop_assert_eq!(verdict(id, &message, &signature), zebras(id, &message, &signature));
    }
}

#[test]
fn a_foreign_domain_with_the_name_of_ours() {
    for name in ["attach", "apply", "invite", "vouch", "erase", "rotate", "head", ""] {
        assert!(std::panic::catch_unwind(|| Domain::new(name)).is_err(), "{name}");
    }
    for name in ["attach2", "attac", "hub vote"] {
        assert_eq!(Domain::new(name).name, name);
    }
}
