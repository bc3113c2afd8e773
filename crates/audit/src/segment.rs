//! Segments: the truth is cut in files, so that what is old goes a file at a
//! time. Each but the first begins with what the log had grown to, so nothing
//! ahead of it is needed to go on: the tiles that were not full, and the
//! entries of the bundle that was not, which are in their envelopes.

use crate::edge::{Edge, nodes};
use crate::number::{short, size, wide, word};
use sha2::{Digest, Sha256};

/// A segment is closed once it is as long: a start reads all of them, and one
/// that is pruned has a tile to sync for each 256 of its entries.
pub(crate) const LONGEST: u64 = 16 << 20;
/// Or once it is as old, in milliseconds: what is kept for a year is kept for
/// thirteen months at most.
pub(crate) const OLDEST: u64 = 30 * 24 * 60 * 60 * 1_000;
/// What a beginning can be long: 64 rows of 255 hashes, and 255 envelopes.
pub(crate) const MOST_OF_BEGINNING: usize = 1 << 20;

const MAGIC: [u8; 4] = *b"MAS2";
/// What the first is called; the others have the number of their first entry
/// behind it.
pub(crate) const NAME: &str = "entries";

/// What the segment is called that begins with an entry.
pub(crate) fn name(first: u64) -> String {
    if first == 0 { NAME.to_owned() } else { format!("{NAME}.{first:020}") }
}

/// Which entry a segment of this name begins with.
pub(crate) fn first(text: &str) -> Option<u64> {
    let first = match text.strip_prefix(NAME)? {
        "" => 0,
        rest => rest.strip_prefix('.')?.parse().ok()?,
    };
    (name(first) == text).then_some(first)
}

/// How a segment begins behind its first bytes: the edge, and the bundle that
/// is not full.
pub(crate) fn beginning(edge: &Edge, bundle: &[u8]) -> Vec<u8> {
    let mut body = edge.size().to_be_bytes().to_vec();
    body.extend_from_slice(&short(edge.rows().len()).to_be_bytes());
    for row in edge.rows() {
        body.extend_from_slice(&short(row.len()).to_be_bytes());
        row.iter().for_each(|node| body.extend_from_slice(&node.0));
    }
    body.extend_from_slice(bundle);
    let sum: [u8; 32] = Sha256::digest(&body).into();
    [&MAGIC[..], &word(body.len()).to_be_bytes(), &body, &sum].concat()
}

/// Reads a beginning, and says how long it is; nothing when it is damaged.
pub(crate) fn read(bytes: &[u8]) -> Option<(Edge, Vec<u8>, u64)> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (length, rest) = rest.split_first_chunk()?;
    let (mut body, rest) = rest.split_at_checked(size(u32::from_be_bytes(*length).into()))?;
    let sum: [u8; 32] = Sha256::digest(body).into();
    if rest.first_chunk() != Some(&sum) {
        return None;
    }
    let long = wide(8 + body.len() + sum.len());
    let (first, rest) = body.split_first_chunk()?;
    let (many, rest) = rest.split_first_chunk()?;
    body = rest;
    let mut rows = Vec::new();
    for _ in 0..u16::from_be_bytes(*many) {
        let (hashes, rest) = body.split_first_chunk()?;
        let (row, rest) = rest.split_at_checked(32 * usize::from(u16::from_be_bytes(*hashes)))?;
        rows.push(nodes(row)?);
        body = rest;
    }
    Some((Edge::of(u64::from_be_bytes(*first), rows), body.to_vec(), long))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use trust::merkle::Node;

    #[test]
    fn a_beginning_is_read_as_it_was_written_and_no_changed_byte_is() {
        let mut edge = Edge::default();
        for leaf in 0..70_000_u32 {
            edge.append(Node::leaf(&leaf.to_be_bytes()), &mut |_| {});
        }
        let bytes = beginning(&edge, b"a bundle");
        let (read_edge, bundle, long) = read(&[&bytes[..], b"a batch"].concat()).unwrap();
        assert_eq!((read_edge.head(), bundle.as_slice(), long), (edge.head(), &b"a bundle"[..], wide(bytes.len())));
        for at in (0..bytes.len()).step_by(7) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(read(&changed).is_none() && read(&bytes[..at]).is_none(), "byte {at}");
        }
    }

    #[test]
    fn a_segment_has_one_name() {
        for number in [0, 1, 600, u64::MAX] {
            assert_eq!(first(&name(number)), Some(number));
        }
        for wrong in ["entries.", "entries.0", "entries.600", "entries.draft", "entries.00000000000000000000", "x"] {
            assert_eq!(first(wrong), None, "{wrong}");
        }
    }
}
