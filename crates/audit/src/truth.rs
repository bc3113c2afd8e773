//! The one file that is the truth: entries in batches, each behind the root of
//! the log after it. Everything else follows from it.
//!
//! A batch says how many entries it has, how long they are and which root the
//! log has with them; each entry stands behind its length and the first four
//! bytes of its leaf. So a batch that was torn is never taken for whole, what
//! a torn one left behind fits nowhere, and a changed entry is found without
//! any other file.

use crate::entry::MAX_ENTRY;
use crate::number::{short, size, word};
use sha2::{Digest, Sha256};
use std::io;
use store::Disk;
use trust::merkle::Node;

/// What the file is called.
pub(crate) const FILE: &str = "entries";
/// Bytes before the first batch.
pub(crate) const START: u64 = 48;
/// Entries of a batch: a sync costs as much as writing some thousand.
pub(crate) const MOST: usize = 4_096;

const MAGIC: [u8; 4] = *b"MAB1";
const HEAD: usize = 44;
const RECORD: usize = 6;
/// No entry is shorter; so no two keys that somebody chose, one behind the
/// other in an entry, look like a batch.
const SHORTEST: usize = 15;

/// The first bytes of the file: what it is, its version, and of which log.
pub(crate) fn header(origin: &str) -> Vec<u8> {
    let of: [u8; 32] = Sha256::digest(origin.as_bytes()).into();
    [&b"mycel audit v1\n\0"[..], &of].concat()
}

/// A batch in bytes.
pub(crate) fn batch(entries: &[(Node, &[u8])], root: &Node) -> Vec<u8> {
    let length: usize = entries.iter().map(|(_, entry)| RECORD + entry.len()).sum();
    let mut out = Vec::with_capacity(HEAD + length);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&word(entries.len()).to_be_bytes());
    out.extend_from_slice(&word(length).to_be_bytes());
    out.extend_from_slice(&root.0);
    for (leaf, entry) in entries {
        out.extend_from_slice(&short(entry.len()).to_be_bytes());
        out.extend_from_slice(&leaf.0[..4]);
        out.extend_from_slice(entry);
    }
    out
}

/// A batch that was read; its root is not checked yet.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<(Node, Vec<u8>)>,
    pub(crate) root: Node,
    /// Where the next one begins.
    pub(crate) end: u64,
}

/// What stands at a place of the file.
#[derive(Debug)]
pub(crate) enum Next {
    Batch(Batch),
    /// Nothing but zeros, or nothing.
    End,
    /// Something else; so many entries of it are whole.
    Broken(usize),
}

fn four(bytes: &[u8], at: usize) -> [u8; 4] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default()
}

/// Reads what stands at a place.
pub(crate) fn next<D: Disk>(disk: &D, file: &D::File, at: u64) -> io::Result<Next> {
    let mut head = [0; HEAD];
    let read = disk.read_at(file, at, &mut head)?;
    if head[..read].iter().all(|byte| *byte == 0) {
        // What is behind is looked at by whoever cuts.
        return Ok(Next::End);
    }
    let count = size(u32::from_be_bytes(four(&head, 4)).into());
    let length = size(u32::from_be_bytes(four(&head, 8)).into());
    let possible = (1..=MOST).contains(&count) && length <= count * (RECORD + MAX_ENTRY);
    if read < HEAD || four(&head, 0) != MAGIC || !possible {
        return Ok(Next::Broken(0));
    }
    let mut bytes = vec![0; length];
    let read = disk.read_at(file, at + crate::number::wide(HEAD), &mut bytes)?;
    bytes.truncate(read);
    let Some(entries) = records(&bytes, count, length) else { return Ok(Next::Broken(whole(&bytes, count))) };
    let mut root = [0; 32];
    root.copy_from_slice(&head[12..]);
    Ok(Next::Batch(Batch { entries, root: Node(root), end: at + crate::number::wide(HEAD + length) }))
}

/// One entry that fits its leaf, and what follows.
fn record(bytes: &[u8]) -> Option<(Node, &[u8], &[u8])> {
    let length = bytes.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length)))?;
    let entry = bytes.get(RECORD..RECORD + length).filter(|entry| entry.len() >= SHORTEST)?;
    let leaf = Node::leaf(entry);
    (four(bytes, 2) == four(&leaf.0, 0)).then(|| (leaf, entry, &bytes[RECORD + length..]))
}

fn records(mut bytes: &[u8], count: usize, length: usize) -> Option<Vec<(Node, Vec<u8>)>> {
    if bytes.len() < length {
        return None;
    }
    let mut entries = Vec::with_capacity(count);
    while let Some((leaf, entry, rest)) = record(bytes) {
        entries.push((leaf, entry.to_vec()));
        bytes = rest;
    }
    (bytes.is_empty() && entries.len() == count).then_some(entries)
}

fn whole(mut bytes: &[u8], count: usize) -> usize {
    let mut whole = 0;
    while let Some((_, _, rest)) = record(bytes) {
        whole += 1;
        bytes = rest;
    }
    whole.min(count.saturating_sub(1))
}

/// Whether a whole batch stands anywhere behind a place: then what is broken
/// there was once acknowledged, for no batch is written before the one ahead
/// of it is durable.
pub(crate) fn follows<D: Disk>(disk: &D, file: &D::File, from: u64) -> io::Result<bool> {
    /// How much is looked through at once.
    const STRIDE: usize = 1 << 16;
    let end = disk.len(file)?;
    let mut bytes = vec![0; STRIDE];
    let mut at = from;
    while at < end {
        let read = disk.read_at(file, at, &mut bytes)?;
        for found in bytes[..read].windows(MAGIC.len()).enumerate().filter(|(_, four)| **four == MAGIC) {
            let place = at + crate::number::wide(found.0);
            if matches!(next(disk, file, place)?, Next::Batch(_)) {
                return Ok(true);
            }
        }
        if read < STRIDE {
            break;
        }
        at += crate::number::wide(STRIDE - MAGIC.len());
    }
    Ok(false)
}
