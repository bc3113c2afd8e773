//! Records in memory: for tests, for the simulator, and as the model that the
//! other engine is held against.
//!
//! It must never be kinder than the other engine: the same limits hold.

use super::{Batch, Each, Records, RecordsError, Row, Space, check_key};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;
type Range<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// Records that end with the process.
#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<Space, Rows>>);

impl Memory {
    fn spaces(&self) -> MutexGuard<'_, BTreeMap<Space, Rows>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bounds of a range; none when it is empty, which a map would not take.
pub(super) fn bounds<'a>(from: &'a [u8], to: Option<&'a [u8]>) -> Option<Range<'a>> {
    match to {
        Some(to) if to <= from => None,
        Some(to) => Some((Bound::Included(from), Bound::Excluded(to))),
        None => Some((Bound::Included(from), Bound::Unbounded)),
    }
}

impl Records for Memory {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError> {
        check_key(key)?;
        Ok(self.spaces().get(&space).and_then(|rows| rows.get(key)).cloned())
    }

    fn scan(&self, space: Space, from: &[u8], to: Option<&[u8]>, most: usize) -> Result<Vec<Row>, RecordsError> {
        let spaces = self.spaces();
        let (Some(rows), Some(bounds)) = (spaces.get(&space), bounds(from, to)) else {
            return Ok(Vec::new());
        };
        Ok(rows.range::<[u8], _>(bounds).take(most).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn last(&self, space: Space, from: &[u8], to: Option<&[u8]>) -> Result<Option<Row>, RecordsError> {
        let spaces = self.spaces();
        let (Some(rows), Some(bounds)) = (spaces.get(&space), bounds(from, to)) else {
            return Ok(None);
        };
        Ok(rows.range::<[u8], _>(bounds).next_back().map(|(key, value)| (key.clone(), value.clone())))
    }

    fn each(&self, spaces: &[Space], row: Each<'_>) -> Result<(), RecordsError> {
        let now = self.spaces();
        for space in spaces {
            for (key, value) in now.get(space).into_iter().flatten() {
                if !row(*space, key, value) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn write(&self, batch: Batch) -> Result<(), RecordsError> {
        let writes = batch.settle()?;
        let mut spaces = self.spaces();
        for write in writes {
            let rows = spaces.entry(write.space).or_default();
            match write.value {
                Some(value) => rows.insert(write.key, value),
                None => rows.remove(&write.key),
            };
        }
        Ok(())
    }

    fn persist(&self) -> Result<(), RecordsError> {
        Ok(())
    }
}
