//! The records of the index, which can be opened again under everybody who has
//! them: an engine that failed does not go on, but what it had written is there
//! when it is opened again.
//!
//! It must never wait for anybody while it holds the lock: who reads for long
//! keeps the old engine, and opening again is tried later.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use store::{Batch, Each, FjallRecords, Records, RecordsError, Row, Space};

/// Records that can be opened again.
pub(crate) struct Reopened {
    path: PathBuf,
    spaces: Vec<Space>,
    cache_bytes: u64,
    now: RwLock<Option<Arc<FjallRecords>>>,
}

impl Reopened {
    /// Opens them.
    pub(crate) fn open(path: PathBuf, spaces: Vec<Space>, cache_bytes: u64) -> Result<Self, RecordsError> {
        let now = FjallRecords::open(&path, &spaces, cache_bytes)?;
        Ok(Self { path, spaces, cache_bytes, now: RwLock::new(Some(Arc::new(now))) })
    }

    /// Opens them again. Until that succeeds they answer that they failed.
    pub(crate) fn again(&self) -> Result<(), RecordsError> {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        if now.as_ref().is_some_and(|old| Arc::strong_count(old) > 1) {
            return Err(RecordsError::Locked { place: self.path.display().to_string() });
        }
        // The old one first: a directory has one engine.
        *now = None;
        *now = Some(Arc::new(FjallRecords::open(&self.path, &self.spaces, self.cache_bytes)?));
        Ok(())
    }

    fn guard(&self) -> RwLockReadGuard<'_, Option<Arc<FjallRecords>>> {
        self.now.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn closed(&self) -> RecordsError {
        RecordsError::Poisoned { place: self.path.display().to_string() }
    }

    fn with<T>(&self, ask: impl FnOnce(&FjallRecords) -> Result<T, RecordsError>) -> Result<T, RecordsError> {
        ask(self.guard().as_ref().ok_or_else(|| self.closed())?)
    }
}

impl Records for Reopened {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError> {
        self.with(|records| records.get(space, key))
    }

    fn scan(&self, space: Space, from: &[u8], to: Option<&[u8]>, most: usize) -> Result<Vec<Row>, RecordsError> {
        self.with(|records| records.scan(space, from, to, most))
    }

    fn last(&self, space: Space, from: &[u8], to: Option<&[u8]>) -> Result<Option<Row>, RecordsError> {
        self.with(|records| records.last(space, from, to))
    }

    fn each(&self, spaces: &[Space], row: Each<'_>) -> Result<(), RecordsError> {
        // Whoever takes the rows may be slow, so not under the lock.
        let records = self.guard().as_ref().map(Arc::clone);
        records.ok_or_else(|| self.closed())?.each(spaces, row)
    }

    fn write(&self, batch: Batch) -> Result<(), RecordsError> {
        self.with(|records| records.write(batch))
    }

    fn persist(&self) -> Result<(), RecordsError> {
        self.with(Records::persist)
    }
}
