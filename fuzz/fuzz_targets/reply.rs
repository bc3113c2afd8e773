//! What a host answers to a gateway: any bytes are one answer or none, the same
//! one in whatever pieces they come, and nothing in it can begin another.
//!
//! The first byte of an input is the size of its pieces and, in its highest bit,
//! whether the answer has no body; the rest is what the host says.
#![no_main]

use node::gateway::heard;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&how, bytes)) = bytes.split_first() else { return };
    let (piece, bodiless) = (usize::from(how & 127), how >= 128);
    let (all, parts) = (heard(bytes, bytes.len(), bodiless), heard(bytes, piece, bodiless));
    // What is wrong behind the end of a head may be seen before or after it.
    let (Ok(all), Ok(parts)) = (&all, &parts) else {
        assert_eq!(all.is_err(), parts.is_err(), "{all:?} {parts:?}");
        return;
    };
    assert_eq!(all, parts);
    let Some(heard) = all else { return };
    assert!((200..=999).contains(&heard.status), "{heard:?}");
    assert!(!bodiless || heard.body.is_empty(), "{heard:?}");
    assert!(heard.body.len() + heard.behind <= bytes.len(), "{heard:?}");
    for (name, value) in &heard.headers {
        assert!(!["connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"].contains(&&name[..]));
        assert!(!value.iter().any(|byte| b"\r\n\0".contains(byte)), "{heard:?}");
    }
});
