//! Ordered, durable logs over the few file calls that they need, and the
//! records that follow them.
//!
//! It must never acknowledge what is not durable, never serve what is not what
//! was written, and never know what an entry means: chains and their links are
//! the concern of those above.

mod backup;
mod disk;
mod log;
mod number;
mod planted;
mod records;

#[doc(hidden)]
pub use backup::SealedWriter;
pub use backup::{
    Backup, BackupError, Beside, Besides, Part, Restored, Secrets, TakeFile, backup, backup_with, check, restore,
    restore_with,
};
pub use disk::{Barrier, Disk, RealDisk, RealFile, lock_alone};
pub use log::{
    AppendError, Damage, Entry, EntryRef, Hold, Left, Log, Loss, OpenError, Options, Position, PruneError, Pruned,
    ReadError, Reader, Recovery, ShardState, Tail, Ticket, Verified, Writer, decode, segment_entries, segment_number,
};
#[doc(hidden)]
pub use planted::Planted;
#[doc(hidden)]
pub use records::journal_end;
pub use records::{
    Batch, Each, FjallRecords, MAX_KEY, MAX_VALUE, MAX_WRITE, Memory, Records, RecordsError, Row, Space,
};
