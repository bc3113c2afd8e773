//! Any bytes as an envelope and as a wrapped key: nothing opens, and what is
//! sealed opens as it was.
#![no_main]

use trust::envelope::{DataKey, WrappedKey};
use trust::{OwnerId, PlanetId, Secret};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let key = DataKey::new(PlanetId([1; 16]), OwnerId([2; 32]), Secret::take(&mut [3; 32]));
    assert!(key.open(b"context", bytes).is_err());
    assert!(key.open(b"context", &[&[1, 5], bytes].concat()).is_err());
    let envelope = key.seal(b"context", bytes).expect("8 KiB are not too large");
    assert_eq!(key.open(b"context", &envelope).expect("it was sealed here"), bytes);
    for bytes in [bytes, &[&[1, 6], bytes].concat()] {
        if let Ok(wrapped) = WrappedKey::from_bytes(bytes) {
            assert_eq!(wrapped.to_bytes(), bytes);
        }
    }
});
