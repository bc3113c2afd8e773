//! Any bytes as an entry of a chain: refused, or the one encoding of what they
//! say.
#![no_main]

use block::chain::Entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(entry) = Entry::decode(bytes) {
        let mut again = Vec::new();
        entry.encode(&mut again).expect("what was read can be written");
        assert_eq!(again, bytes);
    }
});
