//! Any bytes as a segment: an answer without a panic, the same each time, and
//! what is served of a tail is served of the whole as well.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (tail, _) = store::decode(bytes, false);
    let (whole, damage) = store::decode(bytes, true);
    assert_eq!(store::decode(bytes, true), (whole.clone(), damage));
    for entry in &tail {
        assert!(whole.contains(entry), "{entry:?} is served of the tail alone");
    }
});
