//! Any bytes as frames, of either direction: refused, or the one encoding of
//! what they say.
#![no_main]

use wire::frame::{Answer, Request, next};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut left = bytes;
    while let Ok(Some((frame, length))) = next(left) {
        let mut again = Vec::new();
        if let Ok(request) = Request::decode(frame) {
            request.encode(&mut again).expect("what was read can be written");
            assert_eq!(again, left[..length]);
        }
        again.clear();
        if let Ok(answer) = Answer::decode(frame) {
            answer.encode(&mut again).expect("what was read can be written");
            assert_eq!(again, left[..length]);
        }
        left = &left[length..];
    }
});
