//! The few file calls that the store needs, so that a simulator can stand in
//! for the disk: drop what was not synced, tear it, reorder it, fill up.
//!
//! It must never grow a call that the store does not use, and the store must
//! never touch a file but through it: what goes around it is what the crash
//! tests cannot see. A disk is one flat directory, because that is all that a
//! log needs and a tree would bring more calls whose durability must be argued.

mod real;

pub use real::{RealDisk, RealFile, lock_alone};

use std::io;

/// What a sync makes durable. Every sync names its reason, so that a test can
/// take away one reason at a time and see that something breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Barrier {
    /// The entries of a group, before they are acknowledged.
    Group,
    /// The head of a segment, before the first group in it: so that batches
    /// below a broken head are damage and never a torn beginning.
    Head,
    /// The name of a new segment, before anything in it is acknowledged.
    Name,
    /// What recovery found and what it cut, before it is served or written
    /// behind: after a kill it may only be in the page cache.
    Found,
    /// The mark that says how far the log is pruned, before it gets its name.
    Mark,
    /// The name of that mark, before anything is removed.
    Pruned,
    /// What is being restored: that it is, before anything else; all of it,
    /// before it no longer is.
    Restored,
    /// Where the log ended when it was closed. Nothing depends on it: without
    /// it a start takes the last close for a kill.
    Closed,
    /// The zeros of a segment that is made ahead. Nothing depends on it: it
    /// spares the first group in the segment the wait for all of them.
    Ahead,
}

impl Barrier {
    /// All that a running log depends on, for tests that remove each in turn.
    pub const ALL: [Self; 6] = [Self::Group, Self::Head, Self::Name, Self::Found, Self::Mark, Self::Pruned];
}

/// A directory of files, as the store sees it.
///
/// An error of kind `StorageFull` or `QuotaExceeded` says that there is no
/// space; `lock` answers `WouldBlock` when another process holds it.
pub trait Disk: Send + Sync + 'static {
    /// An open file.
    type File: Send + Sync;
    /// Held as long as the lock is.
    type Lock: Send;

    /// Creates a file that did not exist.
    ///
    /// # Errors
    /// What the disk says.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// What the disk says.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Makes the file `length` long, with space set aside for all of it, so
    /// that writes inside cannot run out of space. What was not written reads
    /// as zeros.
    ///
    /// # Errors
    /// What the disk says.
    fn allocate(&self, file: &Self::File, length: u64) -> io::Result<()>;
    /// Writes all of `bytes`; nothing about it is durable yet.
    ///
    /// # Errors
    /// What the disk says; then any part may have been written.
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Reads until `into` is full or the file ends, and says how much.
    ///
    /// # Errors
    /// What the disk says.
    fn read_at(&self, file: &Self::File, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Makes the file's bytes and length durable.
    ///
    /// # Errors
    /// What the disk says. Afterwards nobody knows what is durable, and a
    /// second call proves nothing.
    fn sync_data(&self, file: &Self::File, why: Barrier) -> io::Result<()>;
    /// How long the file is.
    ///
    /// # Errors
    /// What the disk says.
    fn len(&self, file: &Self::File) -> io::Result<u64>;
    /// The names of all files, sorted.
    ///
    /// # Errors
    /// What the disk says.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Gives a file another name, replacing what had it.
    ///
    /// # Errors
    /// What the disk says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// What the disk says.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    ///
    /// # Errors
    /// What the disk says.
    fn sync_dir(&self, why: Barrier) -> io::Result<()>;
    /// Locks the directory by a file of this name; never waits.
    ///
    /// # Errors
    /// `WouldBlock` when it is held, otherwise what the disk says.
    fn lock(&self, name: &str) -> io::Result<Self::Lock>;
    /// The directory, in words for people.
    fn place(&self) -> String;
}
