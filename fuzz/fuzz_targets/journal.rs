//! Any bytes as the journal of the records: a whole part of it, which no cut
//! behind it changes.
#![no_main]

use store::journal_end;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let end = journal_end(bytes) as usize;
    assert!(end <= bytes.len());
    assert_eq!(journal_end(&bytes[..end]) as usize, end);
});
