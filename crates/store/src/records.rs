//! Ordered records behind the log: what was followed out of it, to be found
//! again by key.
//!
//! It must never acknowledge: the log does that, and the records may lag. It
//! must never show half of a batch, neither to a reader nor after a kill: who
//! writes the position that it has followed up to into the same batch knows
//! after any start where to go on.

mod fjall;
mod memory;
mod mend;

pub use self::fjall::FjallRecords;
pub use memory::Memory;

use std::io;

/// Where the last whole batch of an engine's journal ends. For tests that feed
/// it any bytes.
#[doc(hidden)]
#[must_use]
pub fn journal_end(bytes: &[u8]) -> u64 {
    mend::whole(&mut &*bytes).unwrap_or(0)
}

/// The longest key: what the engine counts in 16 bits, less one.
pub const MAX_KEY: usize = 65_535;
/// The longest value: a payload of 1 MiB is sealed, named and signed, and its
/// record stays far below; past this, one value would push out a whole cache.
pub const MAX_VALUE: usize = 16 * 1_024 * 1_024;
/// The longest batch, as [`Batch::bytes`] counts: it is held in memory three
/// times while it is written, and read whole after a kill.
pub const MAX_WRITE: usize = 64 * 1_024 * 1_024;
/// What a write costs beside its key and its value, in journal and memory.
const WRITE_OVERHEAD: usize = 32;

/// A part of the records with its own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Space(pub &'static str);

/// Writes that are applied together or not at all. Keeps order; the last
/// write of a key wins.
#[derive(Debug, Default, Clone)]
pub struct Batch {
    writes: Vec<Write>,
    bytes: usize,
}

/// A write; without a value it deletes.
#[derive(Debug, Clone)]
struct Write {
    space: Space,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

impl Batch {
    /// Adds a record, or replaces it.
    pub fn put(&mut self, space: Space, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.push(space, key.into(), Some(value.into()));
    }

    /// Removes a record, if there is one.
    pub fn delete(&mut self, space: Space, key: impl Into<Vec<u8>>) {
        self.push(space, key.into(), None);
    }

    fn push(&mut self, space: Space, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.bytes += WRITE_OVERHEAD + key.len() + value.as_ref().map_or(0, Vec::len);
        self.writes.push(Write { space, key, value });
    }

    /// Whether nothing was written into it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// How many writes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// What it takes in memory and journal, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The last write of each key, sorted, when all are within their limits.
    fn settle(mut self) -> Result<Vec<Write>, RecordsError> {
        if self.bytes > MAX_WRITE {
            return Err(RecordsError::Batch { bytes: self.bytes, limit: MAX_WRITE });
        }
        for write in &self.writes {
            check_key(&write.key)?;
            let bytes = write.value.as_ref().map_or(0, Vec::len);
            if bytes > MAX_VALUE {
                return Err(RecordsError::Value { bytes, limit: MAX_VALUE });
            }
        }
        // Later writes first among equals, so that these are kept.
        self.writes.reverse();
        self.writes.sort_by(|one, other| (one.space, &one.key).cmp(&(other.space, &other.key)));
        self.writes.dedup_by(|earlier, kept| earlier.space == kept.space && earlier.key == kept.key);
        Ok(self.writes)
    }
}

fn check_key(key: &[u8]) -> Result<(), RecordsError> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(RecordsError::Key { bytes: key.len(), limit: MAX_KEY });
    }
    Ok(())
}

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Who is handed each row, and answers whether to go on.
pub type Each<'a> = &'a mut dyn FnMut(Space, &[u8], &[u8]) -> bool;

/// An ordered key-value store with atomic batches.
pub trait Records: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// When there is no such space, or the disk refuses.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError>;
    /// Rows with `from` <= key < `to` (without `to`: to the end), ascending,
    /// at most `most`.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    fn scan(&self, space: Space, from: &[u8], to: Option<&[u8]>, most: usize) -> Result<Vec<Row>, RecordsError>;
    /// The last row with `from` <= key < `to`.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    fn last(&self, space: Space, from: &[u8], to: Option<&[u8]>) -> Result<Option<Row>, RecordsError>;
    /// All rows of some spaces as they stood at one moment, until `row`
    /// answers false.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    fn each(&self, spaces: &[Space], row: Each<'_>) -> Result<(), RecordsError>;
    /// Applies a batch; it is visible to all at once, and durable after the
    /// next [`persist`](Self::persist).
    ///
    /// # Errors
    /// When there is no such space, something is too long, or the disk
    /// refuses.
    fn write(&self, batch: Batch) -> Result<(), RecordsError>;
    /// Makes durable everything that was written.
    ///
    /// # Errors
    /// When the disk refuses; then the records are to be opened again.
    fn persist(&self) -> Result<(), RecordsError>;
}

/// What can go wrong with records.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// There is no such part.
    #[error("the records were opened without the space \"{space}\"; name it when they are opened")]
    Space {
        /// The part.
        space: &'static str,
    },
    /// A key is empty or too long.
    #[error("a key of {bytes} bytes; a key has 1 to {limit} of them")]
    Key {
        /// Its length.
        bytes: usize,
        /// The longest.
        limit: usize,
    },
    /// A value is too long.
    #[error("a value of {bytes} bytes; a value has at most {limit}: store it in parts")]
    Value {
        /// Its length.
        bytes: usize,
        /// The longest.
        limit: usize,
    },
    /// A batch is too long.
    #[error("a batch of {bytes} bytes; a batch has at most {limit}: write it in parts")]
    Batch {
        /// Its length.
        bytes: usize,
        /// The longest.
        limit: usize,
    },
    /// Another process has them.
    #[error("{place} is in use by another process; stop that one, or use another directory")]
    Locked {
        /// The directory.
        place: String,
    },
    /// They were written by another version of the engine.
    #[error("{place} was written by another version ({why}); use that one, or remove it and have it built again")]
    Version {
        /// The directory.
        place: String,
        /// What the engine says.
        why: String,
    },
    /// They are not what was written.
    #[error(
        "the records in {place} are damaged ({why}); restore a backup, or remove them and have them built again from the log"
    )]
    Damaged {
        /// The directory.
        place: String,
        /// What the engine says.
        why: String,
    },
    /// There is no space.
    #[error("there is no space for the records in {place}; free some and open them again")]
    Full {
        /// The directory.
        place: String,
    },
    /// An earlier write failed, and nothing after it can be trusted.
    #[error("the records in {place} failed before; open them again")]
    Poisoned {
        /// The directory.
        place: String,
    },
    /// The disk refused.
    #[error("cannot {what} the records in {place}: {source}; look at the disk and open them again")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The directory.
        place: String,
        /// What it said.
        source: io::Error,
    },
}

impl RecordsError {
    /// Whether the same call can succeed later: on records that were opened
    /// again, because an engine that failed does not go on.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::Full { .. } | Self::Poisoned { .. } | Self::Io { .. })
    }
}
