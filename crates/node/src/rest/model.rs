//! What the log makes of itself, in an index of its own beside the one that is
//! there, to hold that one against.
//!
//! Why on the disk: an index may be larger than memory.

use super::RestError;
use crate::below::{Index, space, spaces};
use crate::expiry::is_filled;
use crate::home::failed;
use crate::reopen::Reopened;
use block::index::{Space, block_of};
use block::kinds::Trouble;
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Records as _, Row};
use trust::BlockRef;

/// Rows that are read at once.
const PIECE: usize = 4_096;
/// What is kept of the model in memory.
const CACHE: u64 = 32 << 20;
/// How long what a row of names begins with is: block, agent, piece of time.
const NAMES_PREFIX: usize = 16 + 32 + 4;
/// Rows that are compared as they are; where entries and chains stand, the walk
/// compares.
const COMPARED: [Space; 8] = [
    Space::Names,
    Space::Seats,
    Space::Last,
    Space::Records,
    Space::Inbox,
    Space::Invited,
    Space::Aging,
    Space::Stances,
];

/// An index that is made anew, and removed when it is dropped.
pub(super) struct Model {
    pub(super) index: Index,
    _folder: Folder,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays is removed by the next look.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Told what differs, and of which block.
type Differs<'a> = &'a mut dyn FnMut(Option<BlockRef>, String);

impl Model {
    pub(super) fn new(place: &Path) -> Result<Self, RestError> {
        let folder = place.join("index.verify");
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed(format!("remove {}", folder.display())))?;
        }
        let kept = Folder(folder.clone());
        let records = Reopened::open(folder, spaces(), CACHE).map_err(RestError::Records)?;
        Ok(Self { index: Index::new(Arc::new(records), Box::new(|_| true)), _folder: kept })
    }

    /// Holds an index against it; how many rows were compared.
    pub(super) fn compare(&self, index: &Index, differs: Differs<'_>) -> Result<u64, Trouble> {
        let mut rows = 0;
        // An index of before there were such rows gets them at the next start.
        let filled = is_filled(index)?;
        for of in COMPARED.into_iter().filter(|of| filled || *of != Space::Aging) {
            rows += compare(&self.index, index, of, differs)?;
        }
        Ok(rows)
    }
}

fn compare(model: &Index, index: &Index, of: Space, differs: Differs<'_>) -> Result<u64, Trouble> {
    let (mut wanted, mut found, name) = (Rows::new(model, of), Rows::new(index, of), of.name());
    let (mut want, mut have, mut rows) = (wanted.take()?, found.take()?, 0);
    loop {
        let order = match (&want, &have) {
            (None, None) => return Ok(rows),
            (Some(want), Some(have)) => want.0.cmp(&have.0),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
        };
        let key = |row: &Option<Row>| row.as_ref().and_then(|(key, _)| block_of(key));
        if order.is_lt() {
            differs(key(&want), format!("the index lacks a row of \"{name}\""));
        } else if order.is_gt() {
            differs(key(&have), format!("the index has a row of \"{name}\" too many"));
        } else if want != have {
            differs(key(&want), format!("a row of \"{name}\" is not what the log makes of it"));
        }
        rows += 1;
        if order.is_le() {
            want = wanted.take()?;
        }
        if order.is_ge() {
            have = found.take()?;
        }
    }
}

/// The rows of a space, those of names put together: how many entries were
/// folded into one of them is chance.
struct Rows<'a> {
    index: &'a Index,
    of: Space,
    from: Option<Vec<u8>>,
    ready: VecDeque<Row>,
}

impl<'a> Rows<'a> {
    fn new(index: &'a Index, of: Space) -> Self {
        Self { index, of, from: Some(vec![0]), ready: VecDeque::new() }
    }

    fn take(&mut self) -> Result<Option<Row>, Trouble> {
        self.fill()?;
        let Some((mut key, mut value)) = self.ready.pop_front() else { return Ok(None) };
        if self.of == Space::Names {
            key.truncate(NAMES_PREFIX);
            self.fill()?;
            while let Some((_, more)) = self.ready.front().filter(|(next, _)| next.starts_with(&key)) {
                value.extend_from_slice(more);
                self.ready.pop_front();
                self.fill()?;
            }
        }
        Ok(Some((key, value)))
    }

    fn fill(&mut self) -> Result<(), Trouble> {
        if !self.ready.is_empty() {
            return Ok(());
        }
        let Some(from) = self.from.take() else { return Ok(()) };
        let rows = self.index.records.scan(space(self.of), &from, None, PIECE);
        let rows = rows.map_err(|error| Trouble(error.to_string()))?;
        if rows.len() == PIECE {
            self.from = rows.last().map(|(key, _)| [key, &[0][..]].concat());
        }
        self.ready.extend(rows);
        Ok(())
    }
}
