//! The truth: entries in batches, each behind the root of the log after it, in
//! one file or in segments of it. Everything else follows from it.
//!
//! A batch says how many entries it has, how long they are and which root the
//! log has with them; each entry stands behind its length and the first four
//! bytes of its leaf. So a batch that was torn is never taken for whole, what
//! a torn one left behind fits nowhere, and a changed entry is found without
//! any other file.
//!
//! Version 2, which is written, has each entry in an envelope; version 1, which
//! is read to be written again, had them as they are.

use crate::entry::MAX_ENTRY;
use crate::number::{short, size, wide, word};
use crate::sealed::EntryKey;
use sha2::{Digest, Sha256};
use std::io;
use store::Disk;
use trust::envelope::OVERHEAD;
use trust::merkle::Node;

/// Entries of a batch: a sync costs as much as writing some thousand.
pub(crate) const MOST: usize = 4_096;

/// How the file begins, by its version.
const VERSIONS: [&[u8; 16]; 2] = [b"mycel audit v1\n\0", b"mycel audit v2\n\0"];
const HEAD: usize = 44;
const RECORD: usize = 6;
/// No entry is shorter; so no two keys that somebody chose, one behind the
/// other in an entry, look like a batch.
const SHORTEST: usize = 15;

/// How entries stand in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form<'k> {
    /// As they are: version 1.
    Plain,
    /// Each in an envelope: version 2.
    Sealed(&'k EntryKey),
}

impl Form<'_> {
    /// The first bytes of the file: what it is, its version, of which log, and
    /// which key opens it.
    pub(crate) fn start(self, origin: &str) -> Vec<u8> {
        let of: [u8; 32] = Sha256::digest(origin.as_bytes()).into();
        match self {
            Self::Plain => [&VERSIONS[0][..], &of].concat(),
            Self::Sealed(key) => [&VERSIONS[1][..], &of, &key.tag()].concat(),
        }
    }

    const fn magic(self) -> [u8; 4] {
        match self {
            Self::Plain => *b"MAB1",
            Self::Sealed(_) => *b"MAB2",
        }
    }

    /// The entry that stands in the file, when it can be read.
    fn entry(self, stored: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Plain => Some(stored.to_vec()),
            Self::Sealed(key) => key.open(stored),
        }
    }
}

/// Whether a file begins as one whose entries are sealed.
pub(crate) fn is_sealed(start: &[u8]) -> bool {
    start.starts_with(VERSIONS[1])
}

/// Whether a file of sealed entries is of this log, by whichever key.
pub(crate) fn is_of(start: &[u8], origin: &str) -> bool {
    let of: [u8; 32] = Sha256::digest(origin.as_bytes()).into();
    is_sealed(start) && start.get(16..48) == Some(&of[..])
}

/// A batch in bytes: leaves, and entries in envelopes.
pub(crate) fn batch(entries: &[(Node, &[u8])], root: &Node) -> Vec<u8> {
    let length: usize = entries.iter().map(|(_, entry)| RECORD + entry.len()).sum();
    let mut out = Vec::with_capacity(HEAD + length);
    out.extend_from_slice(b"MAB2");
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

/// An entry that was read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) leaf: Node,
    /// As it is.
    pub(crate) entry: Vec<u8>,
    /// As it stands in the file.
    pub(crate) stored: Vec<u8>,
}

/// A batch that was read; its root is not checked yet.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<Read>,
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

/// One file of it, as it is read.
pub(crate) struct Truth<'f, D: Disk> {
    pub(crate) disk: &'f D,
    pub(crate) file: &'f D::File,
    pub(crate) form: Form<'f>,
    /// Its first entry.
    pub(crate) first: u64,
    /// Where its first batch begins.
    pub(crate) start: u64,
}

impl<D: Disk> Truth<'_, D> {
    /// Reads what stands at a place.
    pub(crate) fn next(&self, at: u64) -> io::Result<Next> {
        let mut head = [0; HEAD];
        let read = self.disk.read_at(self.file, at, &mut head)?;
        if head[..read].iter().all(|byte| *byte == 0) {
            // What is behind is looked at by whoever cuts.
            return Ok(Next::End);
        }
        let count = size(u32::from_be_bytes(four(&head, 4)).into());
        let length = size(u32::from_be_bytes(four(&head, 8)).into());
        let possible = (1..=MOST).contains(&count) && length <= count * (RECORD + MAX_ENTRY + OVERHEAD);
        if read < HEAD || four(&head, 0) != self.form.magic() || !possible {
            return Ok(Next::Broken(0));
        }
        let mut bytes = vec![0; length];
        let read = self.disk.read_at(self.file, at + wide(HEAD), &mut bytes)?;
        bytes.truncate(read);
        let Some(entries) = self.records(&bytes, count, length) else {
            return Ok(Next::Broken(self.whole(&bytes, count)));
        };
        let mut root = [0; 32];
        root.copy_from_slice(&head[12..]);
        Ok(Next::Batch(Batch { entries, root: Node(root), end: at + wide(HEAD + length) }))
    }

    /// One entry that fits its leaf, and what follows.
    fn record<'b>(&self, bytes: &'b [u8]) -> Option<(Read, &'b [u8])> {
        let length = bytes.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length)))?;
        let stored = bytes.get(RECORD..RECORD + length).filter(|stored| stored.len() >= SHORTEST)?;
        let entry = self.form.entry(stored)?;
        let leaf = Node::leaf(&entry);
        let fits = four(bytes, 2) == four(&leaf.0, 0);
        fits.then(|| (Read { leaf, entry, stored: stored.to_vec() }, &bytes[RECORD + length..]))
    }

    fn records(&self, mut bytes: &[u8], count: usize, length: usize) -> Option<Vec<Read>> {
        if bytes.len() < length {
            return None;
        }
        let mut entries = Vec::with_capacity(count);
        while let Some((read, rest)) = self.record(bytes) {
            entries.push(read);
            bytes = rest;
        }
        (bytes.is_empty() && entries.len() == count).then_some(entries)
    }

    fn whole(&self, mut bytes: &[u8], count: usize) -> usize {
        let mut whole = 0;
        while let Some((_, rest)) = self.record(bytes) {
            whole += 1;
            bytes = rest;
        }
        whole.min(count.saturating_sub(1))
    }

    /// Whether a whole batch stands anywhere behind a place: then what is broken
    /// there was once acknowledged, for no batch is written before the one ahead
    /// of it is durable.
    pub(crate) fn follows(&self, from: u64) -> io::Result<bool> {
        /// How much is looked through at once.
        const STRIDE: usize = 1 << 16;
        let (end, magic) = (self.disk.len(self.file)?, self.form.magic());
        let mut bytes = vec![0; STRIDE];
        let mut at = from;
        while at < end {
            let read = self.disk.read_at(self.file, at, &mut bytes)?;
            for found in bytes[..read].windows(magic.len()).enumerate().filter(|(_, four)| **four == magic) {
                if matches!(self.next(at + wide(found.0))?, Next::Batch(_)) {
                    return Ok(true);
                }
            }
            if read < STRIDE {
                break;
            }
            at += wide(STRIDE - magic.len());
        }
        Ok(false)
    }
}
