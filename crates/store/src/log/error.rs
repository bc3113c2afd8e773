//! What can go wrong with a log: what, why, what to try, and whether the same
//! call can succeed later.
//!
//! It must never leave open whether something was written without saying so:
//! only `Unknown` does.

use std::io;

/// Something on the disk is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} is damaged at byte {offset}, {length} bytes long: {what}")]
pub struct Damage {
    /// The file, in its directory.
    pub file: String,
    /// Where in the file.
    pub offset: u64,
    /// How far.
    pub length: u64,
    /// What that comes to.
    pub what: Loss,
}

/// What is lost by damage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// One entry; what stands around it is served.
    #[error("entry {sequence} of shard {shard}, which belongs to block {block}")]
    Entry {
        /// The shard.
        shard: u32,
        /// Its sequence there.
        sequence: u64,
        /// The one block that it touches.
        block: u64,
    },
    /// Entries of a shard, wherever they stood.
    #[error("entries {first} to {last} of shard {shard}; their blocks are unknown: any of the shard may be touched")]
    Entries {
        /// The shard.
        shard: u32,
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// Bytes of which nothing is known; the gaps in the shards say what stood
    /// there.
    #[error("what stood there is unknown; any block of any shard may be touched")]
    Unknown,
    /// A copy that is kept against damage; no entry is lost.
    #[error("a copy of what is written twice; nothing is lost")]
    Copy,
    /// The mark that says how far the log was pruned.
    #[error("how far the log was pruned; whether anything older than the oldest segment is missing cannot be told")]
    Mark,
    /// A whole segment.
    #[error("the whole segment cannot be read")]
    Segment,
}

/// Why a log does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another writer has it.
    #[error("{place} is in use by another process, and a log has one writer; stop that one, or use another directory")]
    Locked {
        /// The directory.
        place: String,
    },
    /// It was written by a later version.
    #[error("{file} is of format version {version}, and this program knows up to {known}; use the newer program")]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        version: u8,
        /// The newest that is known here.
        known: u8,
    },
    /// A backup was not restored to its end.
    #[error("{place} was not restored to its end; empty it and restore it again")]
    Restoring {
        /// The directory.
        place: String,
    },
    /// The options contradict themselves.
    #[error("{0}")]
    Options(&'static str),
    /// A log holds the segment that is written to, and the next.
    #[error("the quota is too small for two segments of the log: give it {least} bytes or more")]
    Quota {
        /// The least.
        least: u64,
    },
    /// There is no space for the first segment.
    #[error("there is no space for {file} ({bytes} bytes); free some and start again")]
    Full {
        /// The file.
        file: String,
        /// How long it is to be.
        bytes: u64,
    },
    /// The disk refused.
    #[error("cannot {what}: {source}; look at the disk before the next start")]
    Io {
        /// What was tried.
        what: String,
        /// What it said.
        source: io::Error,
    },
}

impl OpenError {
    /// Whether the same call can succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::Full { .. } | Self::Io { .. })
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// Why an append was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The queue of the one committer is full.
    #[error("{waiting} appends are waiting already; try again in a moment")]
    Busy {
        /// How many.
        waiting: usize,
    },
    /// There is no space for the next segment.
    #[error("the disk is full; nothing was written and nothing is lost: free some space and try again")]
    Full,
    /// The next segment would take more than the log may have.
    #[error(
        "the log has the {limit} bytes that it may have; nothing was written and nothing is lost: prune it and try again"
    )]
    Quota {
        /// The quota.
        limit: u64,
    },
    /// Another append came first, or an earlier one failed.
    #[error("shard {shard} goes on at {next}, not at {expected}; read from there and decide anew")]
    Sequence {
        /// The shard.
        shard: u32,
        /// What the caller took to be next.
        expected: u64,
        /// What is.
        next: u64,
    },
    /// A newer writer has taken over.
    #[error("shard {shard} is at epoch {newest}, and this writer at {epoch}: a newer one has taken over; stop")]
    Epoch {
        /// The shard.
        shard: u32,
        /// The caller's.
        epoch: u64,
        /// The newest.
        newest: u64,
    },
    /// The epoch was sealed.
    #[error("epoch {epoch} of shard {shard} is sealed; only a newer one may write")]
    Sealed {
        /// The shard.
        shard: u32,
        /// The sealed one.
        epoch: u64,
    },
    /// There is nothing to append.
    #[error("an append needs at least one entry; to end an epoch, seal it")]
    Empty,
    /// The batch is longer than a batch may be.
    #[error("the batch is too long ({limit} bytes at most, with 16 for each entry); split it")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// The log has as many shards as it can have.
    #[error("a log has at most {limit} shards; use another directory for more")]
    Shards {
        /// The limit.
        limit: usize,
    },
    /// The next segment could not be made, for another reason than space.
    #[error("the next segment cannot be made: {why}; nothing was written: look at the disk and try again")]
    Segment {
        /// What the disk said.
        why: String,
    },
    /// The write or the sync that carried this failed.
    #[error("the disk failed while this was written ({why}): it may be there or not; open the log again and look")]
    Unknown {
        /// What the disk said.
        why: String,
    },
    /// An earlier write or sync failed, and nothing after it can be trusted.
    #[error("the disk failed before this was written, so it was not; open the log again")]
    Poisoned,
    /// The log was closed.
    #[error("the log was closed before this was written")]
    Closed,
}

impl AppendError {
    /// Whether the same call on the same log can succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Full | Self::Quota { .. } | Self::Segment { .. })
    }
}

/// Why an entry was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not what was written. Reading goes on behind it.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The disk refused.
    #[error("cannot read {file}: {source}; look at the disk and try again")]
    Io {
        /// The file.
        file: String,
        /// What it said.
        source: io::Error,
    },
    /// It was removed on purpose. Reading goes on behind it.
    #[error("what stood in front of segment {below} was pruned; read on from there, or restore a backup")]
    Pruned {
        /// The oldest segment that is there.
        below: u64,
    },
    /// There is no such place.
    #[error("nothing stands at byte {offset} of segment {segment}; a position comes from an append or a read")]
    NoEntry {
        /// The segment.
        segment: u64,
        /// The offset.
        offset: u64,
    },
}

impl ReadError {
    /// Whether the same call can succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

/// Whether the disk says that there is no space.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
