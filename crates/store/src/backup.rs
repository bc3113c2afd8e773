//! A log and its records in one file: sealed, and the same whoever writes on
//! meanwhile.
//!
//! It must never stop a writer, never write a byte that is not sealed, and
//! never say that it is done before all of it was read back and agreed.
//!
//! Why records first and the log second: records follow the log. Those of an
//! earlier moment with the log of a later one are what a kill leaves too, and
//! they catch up; the other way round they would know what never was. Files come
//! last: what the log depends on was in them before it was in the log.
//!
//! ```text
//! file    version u8, "mycelbk", salt 32, the file's key sealed under the given one 32 + 16,
//!         crc32c u32, chunks
//! chunk   length u32 (the highest bit: it is the last one), sealed bytes, tag 16
//! within  rows, the log, its segments, files, the end; each its kind u8 and
//! row     space u8, key u32, value u32 (their lengths), then these three
//! log     salt u64, first u64, active u64, end u64, bytes u64
//! segment number u64, length u64, then its bytes
//! file    name u8 (its length), length u64, then the name and its bytes; since version 2
//! end     rows u64, segments u64
//! ```

mod copy;
mod restore;
mod seal;
mod stream;

pub use copy::{backup, backup_with};
pub use restore::{check, restore, restore_with};
pub use seal::SealedWriter;

use crate::log::{Position, ReadError, Verified};
use crate::records::{Records, RecordsError, Space};
use std::io::{self, Read};

/// Records to back up or to restore into, with the spaces that count.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// The records.
    pub records: &'a dyn Records,
    /// Their spaces.
    pub spaces: &'a [Space],
}

/// A file that is backed up beside the log.
pub struct Beside {
    /// Its name in the directory, with `/` between its parts.
    pub name: String,
    /// How long it is.
    pub length: u64,
    /// What is in it.
    pub bytes: Box<dyn Read>,
}

/// Told of the files beside the log when all of the log was read.
pub type Besides<'a> = &'a mut dyn FnMut() -> io::Result<Vec<Beside>>;

/// Takes the files beside a log: the name, where in it, and what stands there.
/// It is called once for an empty one.
pub type TakeFile<'a> = &'a mut dyn FnMut(&str, u64, &[u8]) -> io::Result<()>;

/// The secrets of a backup.
#[derive(Clone, Copy)]
pub struct Secrets<'a> {
    /// Opens it again: whoever restores must have it.
    pub key: &'a [u8; 32],
    /// 32 random bytes, which are used for nothing else.
    pub entropy: &'a [u8; 32],
}

/// What was backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// Rows of the records.
    pub rows: u64,
    /// Segments of the log.
    pub segments: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Files beside it.
    pub files: u64,
    /// The oldest segment in it.
    pub first: u64,
    /// All in front of it is in it; the next backup may begin here.
    pub end: Position,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What was in the backup.
    pub backup: Backup,
    /// The log, read back against its checksums. Damage in here was there
    /// when it was backed up.
    pub verified: Verified,
}

/// What can go wrong with a backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It could not be written or read.
    #[error("cannot {what} the backup: {source}; look at where it is kept and try again")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What was said.
        source: io::Error,
    },
    /// It is something else.
    #[error("this is not a backup; name the file that a backup was written to")]
    NotOne,
    /// It was written by a later version.
    #[error("the backup is of format version {version}, and this program knows up to {known}; use the newer program")]
    Newer {
        /// Its version.
        version: u8,
        /// The newest that is known here.
        known: u8,
    },
    /// The key does not open it.
    #[error("the backup does not open with this key; use the one that it was written with")]
    Key,
    /// It is not what was written.
    #[error("the backup is damaged at byte {at}: {what}; use another copy")]
    Damaged {
        /// Where in the file, about.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// There is something where it is to go.
    #[error("{place} is not empty, and a backup is restored into nothing; use a new directory")]
    NotEmpty {
        /// The place.
        place: String,
    },
    /// It has records, and there is nowhere to put them.
    #[error("the backup has records of \"{space}\", and there is nowhere to put them; name that space")]
    Nowhere {
        /// Their space.
        space: String,
    },
    /// A file beside the log could not be read, or not be taken.
    #[error("cannot take the file {name} beside the log: {source}; look at it and try again")]
    File {
        /// Its name.
        name: String,
        /// What was said.
        source: io::Error,
    },
    /// The directory could not be written.
    #[error("cannot {what}: {source}; empty the directory, look at the disk and try again")]
    Disk {
        /// What was tried.
        what: String,
        /// What it said.
        source: io::Error,
    },
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The records refused.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl BackupError {
    /// Whether the same call can succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Io { .. } | Self::File { .. } | Self::Disk { .. } => true,
            Self::Log(error) => error.is_retryable(),
            Self::Records(error) => error.is_retryable(),
            _ => false,
        }
    }

    fn disk(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Disk { what, source }
    }
}
