//! Records on disk, by fjall: an LSM tree for each space, one journal for all.
//!
//! It must never be asked to acknowledge, so it never syncs but in `persist`;
//! and it must never let its engine panic: what that asserts is checked before.
//!
//! Every read goes through a snapshot: without one the engine shows a batch
//! key by key while it is applied.

use super::memory::bounds;
use super::mend::mend;
use super::{Batch, Each, Records, RecordsError, Row, Space, check_key};
use crate::log::is_full;
use ::fjall::{Database, Error, Guard, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// What a space holds in memory before it is sorted onto the disk. The engine
/// makes writers wait at four of them that are not flushed yet, beside the one
/// that fills: at most 160 MiB a space, 93 measured at full speed, and next to
/// nothing where little is written. With 8 MiB a row takes 1.7 times the CPU,
/// because what is flushed sooner is merged more often.
const MEMTABLE_BYTES: u64 = 32 * 1_024 * 1_024;
/// Journals on disk before the oldest space is flushed; also what a start
/// replays at most. The engine takes no less than 64 MiB.
const JOURNAL_BYTES: u64 = 128 * 1_024 * 1_024;
/// One flushes while the other compacts; more would take cores from the log.
const WORKERS: usize = 2;
/// Open tables: below the usual limit of 1,024 files with room for the log,
/// its readers and a thousand connections when that is raised.
const OPEN_FILES: usize = 256;

/// Records in a directory of their own.
pub struct FjallRecords {
    database: Database,
    spaces: BTreeMap<Space, Keyspace>,
    place: String,
    cut: Option<u64>,
}

fn database(path: &Path, cache_bytes: u64) -> ::fjall::Result<Database> {
    Database::builder(path)
        .cache_size(cache_bytes)
        .worker_threads(WORKERS)
        .max_cached_files(Some(OPEN_FILES))
        .max_journaling_size(JOURNAL_BYTES)
        .open()
}

impl FjallRecords {
    /// Opens the records in `path` with these parts, and makes what is
    /// missing. `cache_bytes` is what is kept of tables that were read.
    ///
    /// # Errors
    /// When another process has them, they are damaged or of another version,
    /// or the disk refuses.
    pub fn open(path: &Path, spaces: &[Space], cache_bytes: u64) -> Result<Self, RecordsError> {
        let place = path.display().to_string();
        let refused = |error| refusal("open", &place, error);
        let (database, cut) = match database(path, cache_bytes) {
            Err(Error::JournalRecovery(why)) => {
                let cut = mend(path).map_err(|error| refused(Error::Io(error)))?;
                let cut = cut.ok_or_else(|| refused(Error::JournalRecovery(why)))?;
                (database(path, cache_bytes).map_err(refused)?, Some(cut))
            }
            opened => (opened.map_err(refused)?, None),
        };
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let mut open = BTreeMap::new();
        for space in spaces {
            open.insert(*space, database.keyspace(space.0, options).map_err(refused)?);
        }
        Ok(Self { database, spaces: open, place, cut })
    }

    /// How many bytes of the journal were cut off when it was opened: after a
    /// power cut some of what was not persisted had reached the disk and some
    /// had not.
    #[must_use]
    pub fn cut(&self) -> Option<u64> {
        self.cut
    }

    fn space(&self, space: Space) -> Result<&Keyspace, RecordsError> {
        self.spaces.get(&space).ok_or(RecordsError::Space { space: space.0 })
    }

    fn refused(&self, what: &'static str) -> impl Fn(Error) -> RecordsError {
        move |error| refusal(what, &self.place, error)
    }

    fn row(&self, guard: Guard) -> Result<Row, RecordsError> {
        let (key, value) = guard.into_inner().map_err(self.refused("read"))?;
        Ok((key.to_vec(), value.to_vec()))
    }
}

/// What the engine's refusal means here.
fn refusal(what: &'static str, place: &str, error: Error) -> RecordsError {
    let place = place.to_owned();
    match error {
        Error::Io(source) if is_full(&source) => RecordsError::Full { place },
        Error::Io(source) => RecordsError::Io { what, place, source },
        Error::Storage(::fjall::LsmError::Io(source)) if is_full(&source) => RecordsError::Full { place },
        Error::Storage(::fjall::LsmError::Io(source)) => RecordsError::Io { what, place, source },
        Error::Locked => RecordsError::Locked { place },
        Error::Poisoned => RecordsError::Poisoned { place },
        Error::InvalidVersion(version) => RecordsError::Version { place, why: format!("{version:?}") },
        Error::KeyspaceDeleted => {
            RecordsError::Io { what, place, source: io::Error::other("the space was removed meanwhile") }
        }
        other => RecordsError::Damaged { place, why: format!("{other:?}") },
    }
}

impl Records for FjallRecords {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError> {
        check_key(key)?;
        let value = self.database.snapshot().get(self.space(space)?, key).map_err(self.refused("read"))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, space: Space, from: &[u8], to: Option<&[u8]>, most: usize) -> Result<Vec<Row>, RecordsError> {
        let space = self.space(space)?;
        let Some(bounds) = bounds(from, to) else {
            return Ok(Vec::new());
        };
        let rows = self.database.snapshot().range::<&[u8], _>(space, bounds);
        rows.take(most).map(|guard| self.row(guard)).collect()
    }

    fn last(&self, space: Space, from: &[u8], to: Option<&[u8]>) -> Result<Option<Row>, RecordsError> {
        let space = self.space(space)?;
        let Some(bounds) = bounds(from, to) else {
            return Ok(None);
        };
        let mut rows = self.database.snapshot().range::<&[u8], _>(space, bounds);
        rows.next_back().map(|guard| self.row(guard)).transpose()
    }

    fn each(&self, spaces: &[Space], row: Each<'_>) -> Result<(), RecordsError> {
        let now = self.database.snapshot();
        for space in spaces {
            for guard in now.iter(self.space(*space)?) {
                let (key, value) = guard.into_inner().map_err(self.refused("read"))?;
                if !row(*space, &key, &value) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn write(&self, batch: Batch) -> Result<(), RecordsError> {
        let mut together = self.database.batch();
        for write in batch.settle()? {
            let space = self.space(write.space)?;
            match write.value {
                Some(value) => together.insert(space, write.key, value),
                None => together.remove(space, write.key),
            }
        }
        together.commit().map_err(self.refused("write"))
    }

    fn persist(&self) -> Result<(), RecordsError> {
        self.database.persist(PersistMode::SyncData).map_err(self.refused("sync"))
    }
}
