//! Bundles: up to 256 entries, one after another, each behind its length.
//! Where a log is written they stand in envelopes, see [`crate::sealed`].

use crate::path::WIDTH;
use crate::sealed::SEALED;
use crate::{Malformed, number};

/// What is said of a bundle that is still sealed: nothing is wrong with it.
pub const NO_KEY: Malformed = Malformed(
    "its entries are sealed, and keys/audit.entries.key, which opens them, and keys/audit.vkey are not both beside it",
);

/// Adds an entry; it has at most [`MAX_ENTRY`](crate::entry::MAX_ENTRY) bytes.
pub fn write(bundle: &mut Vec<u8>, entry: &[u8]) {
    bundle.extend_from_slice(&number::short(entry.len()).to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// Reads a bundle.
///
/// # Errors
/// When it is not whole entries, from 1 to 256 of them, or is sealed.
pub fn read(mut bundle: &[u8]) -> Result<Vec<&[u8]>, Malformed> {
    if bundle.starts_with(SEALED) {
        return Err(NO_KEY);
    }
    let mut entries = Vec::with_capacity(WIDTH);
    while let Some((length, rest)) = bundle.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length));
        if rest.len() < length || entries.len() == WIDTH {
            return Err(Malformed("a bundle is whole entries, at most 256"));
        }
        let (entry, left) = rest.split_at(length);
        entries.push(entry);
        bundle = left;
    }
    if bundle.is_empty() && !entries.is_empty() {
        Ok(entries)
    } else {
        Err(Malformed("a bundle is whole entries, at least one"))
    }
}
