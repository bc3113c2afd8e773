//! Any bytes as an envelope and as a wrapped key: nothing opens, and what is
//! sealed opens as it was.
#![no_main]

use std::sync::LazyLock;
use trust::envelope::{DataKey, WrappedKey, WrappingKey};
use trust::{OwnerId, PlanetId, RegionTag, RegionalKey, Secret};

static WRAPPING: LazyLock<WrappingKey> =
    LazyLock::new(|| RegionalKey::new(PlanetId([1; 16]), RegionTag([4; 8]), Secret::take(&mut [5; 32])).wrapping());

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let key = DataKey::new(PlanetId([1; 16]), OwnerId([2; 32]), Secret::take(&mut [3; 32]));
    assert!(key.open(b"context", bytes).is_err());
    assert!(key.open(b"context", &[&[1, 5], bytes].concat()).is_err());
    let envelope = key.seal(b"context", bytes).expect("8 KiB are not too large");
    assert_eq!(key.open(b"context", &envelope).expect("it was sealed here"), bytes);
    // Chance alone would find neither the length nor the key's id.
    let mut named = WRAPPING.wrap(&key).expect("it is of this planet").to_bytes();
    for (to, &byte) in named[2..34].iter_mut().zip(bytes) {
        *to = byte;
    }
    for (to, &byte) in named[50..].iter_mut().zip(bytes.iter().skip(32)) {
        *to = byte;
    }
    let whole = WRAPPING.wrap(&key).expect("it is of this planet").to_bytes();
    for bytes in [bytes, &[&[1, 6], bytes].concat(), &named] {
        if let Ok(wrapped) = WrappedKey::from_bytes(bytes) {
            assert_eq!(wrapped.to_bytes(), bytes);
            assert_eq!(WRAPPING.unwrap(&wrapped).is_ok(), bytes == whole);
        }
    }
});
