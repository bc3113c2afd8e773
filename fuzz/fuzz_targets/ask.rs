//! Any bytes as the body of a request for an op: refused, or an op that says
//! the same when it is written and read again.
#![no_main]

use wire::ask::{KindOf, Op};

fn read(bytes: &[u8]) -> Option<Op> {
    let kind: KindOf<'_> = serde_json::from_slice(bytes).ok()?;
    Op::read(&kind.kind, &mut serde_json::Deserializer::from_slice(bytes))?.ok()
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(op) = read(bytes) {
        let again = serde_json::to_vec(&op).expect("what was read can be written");
        assert_eq!(read(&again), Some(op));
    }
});
