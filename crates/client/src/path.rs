//! Paths of what is asked for.

use wire::tell;

pub(crate) fn block_path(block: &tell::Block) -> String {
    format!("/v1/blocks/{}/{}", encoded(&block.region), block.index)
}

/// Percent-encodes what could end a part of a path.
pub(crate) fn encoded(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
