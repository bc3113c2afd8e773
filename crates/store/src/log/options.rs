//! What a log may be told when it is opened; the defaults fit.
//!
//! It must never change what is on the disk already: a segment keeps the
//! length and the salt that it was made with.

use super::OpenError;
use crate::planted::Planted;

/// How a log is kept.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long a segment is: 64 MiB is a second's work of a fast disk, and
    /// all that a start has to read.
    pub segment_bytes: u64,
    /// How many appends may wait: 64 writers with 64 in flight each, twice.
    pub queue_appends: usize,
    /// How many bytes may wait: some groups' worth.
    pub queue_bytes: usize,
    /// How many bytes are written at once, but for one append that is longer.
    pub group_bytes: usize,
    /// How much the segments may take in all, counted in segments of the
    /// length above; at least two of them. An append beyond it is refused
    /// until the log is pruned.
    pub quota_bytes: Option<u64>,
    /// Chosen at random for a new log, so that nobody can write a payload that
    /// looks like a fence. A log that is there keeps its own.
    pub salt: u64,
    /// Tests only.
    #[doc(hidden)]
    pub planted: Planted,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 * 1_024 * 1_024,
            queue_appends: 8_192,
            queue_bytes: 32 * 1_024 * 1_024,
            group_bytes: 4 * 1_024 * 1_024,
            quota_bytes: None,
            salt: 0,
            planted: Planted::default(),
        }
    }
}

impl Options {
    pub(crate) fn check(self) -> Result<(), OpenError> {
        // The back of a fence and the length of a batch are 32 bits wide.
        if self.segment_bytes > 1 << 31 || !self.segment_bytes.is_multiple_of(4_096) || self.segment_bytes < 4_096 {
            return Err(OpenError::Options("a segment is a multiple of 4096 bytes, from 4096 to 2 GiB"));
        }
        if self.queue_appends == 0 {
            return Err(OpenError::Options("a queue that takes no append appends nothing; let at least one wait"));
        }
        if self.quota_bytes.is_some_and(|quota| quota / 2 < self.segment_bytes) {
            return Err(OpenError::Quota { least: 2 * self.segment_bytes });
        }
        Ok(())
    }
}
