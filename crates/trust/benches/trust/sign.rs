//! Signatures beside those of ed25519-dalek, and of zebra, which has the
//! cofactored rule for one and for many.

use ed25519_dalek::Signer;
use ed25519_dalek::Verifier;
use measure::{both, many, plain, share};
use std::hint::black_box;
use trust::Secret;
use trust::sign::{Domain, Item, PublicKey, SigningKey, verify_batch};

const DOMAIN: Domain = Domain::new("bench");
const BATCH: usize = 256;
/// What a node has to check in a second.
const WANTED: f64 = 10_000.0;

pub(crate) fn run() {
    let seeds: Vec<[u8; 32]> = (0..BATCH).map(|at| [u8::try_from(at).unwrap(); 32]).collect();
    let messages: Vec<Vec<u8>> = seeds.iter().map(|seed| [&seed[..], &[1; 100]].concat()).collect();
    let texts: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();

    let ours: Vec<_> = seeds.iter().map(|seed| SigningKey::new(&Secret::take(&mut seed.clone()))).collect();
    let public: Vec<_> = ours.iter().map(|key| PublicKey::new(key.id()).unwrap()).collect();
    let signatures: Vec<_> = ours.iter().zip(&texts).map(|(key, text)| key.sign(DOMAIN, text)).collect();
    let items = |at: usize| Item { key: &public[at], message: texts[at], signature: signatures[at] };
    let batch: Vec<_> = (0..BATCH).map(items).collect();

    let theirs: Vec<_> = seeds.iter().map(ed25519_dalek::SigningKey::from_bytes).collect();
    let keys: Vec<_> = theirs.iter().map(ed25519_dalek::SigningKey::verifying_key).collect();
    let signed: Vec<_> = theirs.iter().zip(&texts).map(|(key, text)| key.sign(text)).collect();

    let (sign, raw) = both(
        || assert_ne!(ours[0].sign(DOMAIN, black_box(texts[0])).0, [0; 64]),
        || assert_ne!(theirs[0].sign(black_box(texts[0])).to_bytes(), [0; 64]),
    );
    share("sign: sign", 0.95, sign, ("dalek", raw));
    let (single, raw) = both(
        || assert!(public[0].verify(DOMAIN, black_box(texts[0]), &signatures[0]).is_ok()),
        || assert!(keys[0].verify(black_box(texts[0]), &signed[0]).is_ok()),
    );
    share("sign: verify one", 0.95, single, ("dalek", raw));
    let strict = many(|| assert!(keys[0].verify_strict(black_box(texts[0]), &signed[0]).is_ok()));
    plain("sign: verify one, dalek's strict rule", strict);
    let zebra = ed25519_zebra::VerificationKey::try_from(keys[0].to_bytes()).unwrap();
    let zebras = ed25519_zebra::Signature::from_bytes(&signed[0].to_bytes());
    plain("sign: verify one, zebra", many(|| assert!(zebra.verify(&zebras, black_box(texts[0])).is_ok())));

    let per = |ns: f64| ns / 256.0;
    let (together, raw) = both(
        || assert!(verify_batch(DOMAIN, black_box(&batch)).is_ok()),
        || assert!(ed25519_dalek::verify_batch(black_box(&texts), &signed, &keys).is_ok()),
    );
    share("sign: verify 256, each", 0.95, per(together), ("dalek", per(raw)));
    let times = |ns: f64| 1e9 / ns / WANTED;
    println!("{:44} {:>12} {:>13.1}", "sign: times 10,000/s a core, one by one", "", times(single));
    println!("{:44} {:>12} {:>13.1}", "sign: times 10,000/s a core, in 256s", "", times(per(together)));
    plain("sign: a key made ready", many(|| assert!(PublicKey::new(black_box(ours[0].id())).is_ok())));
}
