//! Any request to any endpoint: path, query, headers and body. It is understood,
//! or refused as the OpenAPI document says, with the reason and the field.
//!
//! An input is a request as a file of `seeds/request` has it: a line with
//! method and target, headers, an empty line, and the body as it is.
#![no_main]

use node::http::{Meaningless, understood};
use serde_json::Value;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let end = bytes.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.map_or((bytes, &[][..]), |end| (&bytes[..end], &bytes[end + 2..]));
    let mut lines = head.split(|&byte| byte == b'\n');
    let Some((method, target)) = lines.next().and_then(text).and_then(|line| line.split_once(' ')) else { return };
    let headers: Vec<_> = lines.filter_map(header).collect();
    if let Some(Err(refused)) = understood(method, target, &headers, body) {
        is_whole(&refused, body);
    }
});

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn header(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.windows(2).position(|two| two == b": ")?;
    Some((text(line.get(..colon)?)?, line.get(colon + 2..)?))
}

/// What every refusal has.
fn is_whole(refused: &Meaningless, body: &[u8]) {
    assert!(!refused.fault.what.is_empty(), "{refused:?}");
    assert!(refused.documented, "{refused:?}");
    let object = matches!(serde_json::from_slice(body), Ok(Value::Object(_)));
    assert!(refused.status != 400 || refused.fault.field.is_some() || !(object || body.is_empty()), "{refused:?}");
}
