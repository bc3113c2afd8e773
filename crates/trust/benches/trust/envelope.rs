//! Envelopes of one KiB, beside bare AES-256-GCM that sets up a key for each.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use measure::{at_most, both, many, plain};
use std::hint::black_box;
use trust::envelope::DataKey;
use trust::{OwnerId, PlanetId, RegionTag, RegionalKey, Secret};

pub(crate) fn run() {
    let planet = PlanetId([1; 16]);
    let key = DataKey::new(planet, OwnerId([2; 32]), Secret::take(&mut [3; 32]));
    let (context, data) = (b"chain 1, op 2,000,000", [7; 1024]);
    let envelope = key.seal(context, &data).unwrap();

    let new = || Aes256Gcm::new(black_box(&[3; 32]).into());
    let mut sealed = data.to_vec();
    let tag = new().encrypt_inout_detached(&Nonce::default(), context, sealed.as_mut_slice().into()).unwrap();
    let (open, raw) = both(
        || assert!(key.open(context, black_box(&envelope)).is_ok()),
        || {
            let mut data = black_box(&sealed).clone();
            let opened = new().decrypt_inout_detached(&Nonce::default(), context, data.as_mut_slice().into(), &tag);
            assert!(opened.is_ok());
        },
    );
    at_most("envelope: open 1 KiB", 2e3, open, Some(("AES-256-GCM", raw)));
    plain("envelope: seal 1 KiB", many(|| assert!(key.seal(context, black_box(&data)).is_ok())));
    let wrapping = RegionalKey::new(planet, RegionTag([3; 8]), Secret::take(&mut [4; 32])).wrapping();
    let wrapped = wrapping.wrap(&key).unwrap();
    plain("envelope: unwrap an owner's key", many(|| assert!(wrapping.unwrap(black_box(&wrapped)).is_ok())));
}
