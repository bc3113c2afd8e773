//! The book and the list of what is revoked, for one process at a time: the
//! office and a person's commands are several.
//!
//! It must never wait for ever: whoever has them may have been stopped with them
//! in its hands, and somebody waits in front of a screen for a word of that.

use crate::folder::{KeyError, failed};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// Locked by whoever changes the book, or the list of what is revoked; it says
/// who that is.
const LOCK: &str = "office.lock";
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(20);
/// Tries, 20 seconds of them: whoever has it enters an act meanwhile, for which
/// it waits 10 seconds at most, and so may one before it.
const TRIES: u32 = 1_000;
/// Bytes that are read of who has it.
const SAID: u64 = 64;

/// The lock, as long as that is held.
#[derive(Debug)]
pub(crate) struct Alone(File);

impl Drop for Alone {
    fn drop(&mut self) {
        // What a kill leaves there the next one writes over.
        let _ = self.0.set_len(0);
    }
}

/// Has the book and the list to itself until that is dropped.
pub(crate) fn alone(keys: &Path) -> Result<Alone, KeyError> {
    alone_within(keys, TRIES)
}

fn alone_within(keys: &Path, tries: u32) -> Result<Alone, KeyError> {
    let named = keys.join(LOCK);
    let what = || format!("lock {}", named.display());
    let mut open = OpenOptions::new();
    let open = open.read(true).write(true).create(true).truncate(false).mode(0o600).open(&named);
    let mut file = open.map_err(failed(what()))?;
    for _ in 0..tries {
        match file.try_lock() {
            Ok(()) => {
                // On a disk that is full nobody is told who it is, and that is all.
                let _ = file.set_len(0).and_then(|()| write!(file, "process {}", std::process::id()));
                return Ok(Alone(file));
            }
            Err(TryLockError::WouldBlock) => std::thread::park_timeout(AGAIN),
            Err(TryLockError::Error(error)) => return Err(failed(what())(error)),
        }
    }
    let mut who = String::new();
    let read = file.rewind().and_then(|()| file.take(SAID).read_to_string(&mut who));
    let who = read.ok().filter(|read| *read > 0).map_or_else(|| "another process".to_owned(), |_| who);
    Err(KeyError::Busy { file: named.display().to_string(), who })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn whoever_waits_is_told_who_has_it_and_has_it_when_that_one_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let held = alone(folder.path()).unwrap();
        let why = alone_within(folder.path(), 3).unwrap_err().to_string();
        let who = format!("process {}", std::process::id());
        assert!(why.contains(&who) && why.contains("office.lock") && why.contains("try again"), "{why}");
        drop(held);
        drop(alone_within(folder.path(), 3).unwrap());
        // Somebody who could not say who it is.
        let silent = alone(folder.path()).unwrap();
        silent.0.set_len(0).unwrap();
        let why = alone_within(folder.path(), 3).unwrap_err().to_string();
        assert!(why.contains("another process"), "{why}");
    }
}
