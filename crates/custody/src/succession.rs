//! How a key gives its place to the next: `NAME.next.key` before it is used,
//! `NAME.key` while it is, `NAME.before.key` for as long as what was made with
//! it is accepted.
//!
//! Each step is one file, whole, so a kill anywhere leaves the old state or the
//! new one: the next key is on the disk before anything is made with it, and
//! the one before is kept before it loses its name.

use crate::folder::{existing, failed, read_private, replace, secret};
use crate::{KeyError, scratch, sealed};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use trust::{Moment, Secret};
use vocab::Millis;

fn next_of(name: &str) -> String {
    format!("{name}.next")
}

fn before_of(name: &str) -> String {
    format!("{name}.before")
}

/// The key that is to follow, if a rotation has begun and not ended.
///
/// # Errors
/// When it cannot be read.
pub fn begun(keys: &Path, name: &str) -> Result<Option<Secret>, KeyError> {
    existing(keys, &next_of(name))
}

/// The key that is to follow, made when there is none.
///
/// # Errors
/// When it cannot be written or read.
pub fn begin(keys: &Path, name: &str) -> Result<Secret, KeyError> {
    secret(keys, &next_of(name))
}

/// Destroys the next key, as if it had never been made.
pub(crate) fn withdraw(keys: &Path, name: &str) -> Result<(), KeyError> {
    scratch::destroy(keys, &next_of(name))
}

/// Puts the next key in the place of the present one, which is kept beside it.
///
/// # Errors
/// When the disk refuses; then it is to be done again.
pub fn finish(keys: &Path, name: &str) -> Result<(), KeyError> {
    let next = keys.join(format!("{}.key", next_of(name)));
    if !next.exists() {
        return Ok(());
    }
    // As it is there, in letters or wrapped.
    if let Some(present) = read_private(&keys.join(format!("{name}.key")))? {
        replace(&keys.join(format!("{}.key", before_of(name))), present.as_bytes())?;
    }
    fs::rename(&next, keys.join(format!("{name}.key"))).map_err(failed(format!("rename {}", next.display())))?;
    sync(keys)?;
    sealed::complete_one(keys, name)?;
    sealed::complete_one(keys, &before_of(name))?;
    remove(&keys.join(format!("{}.sealed", next_of(name))))
}

/// The key before this one, and when it lost its place.
///
/// # Errors
/// When it cannot be read.
pub fn before(keys: &Path, name: &str) -> Result<Option<(Secret, Moment)>, KeyError> {
    let named = before_of(name);
    let Some(secret) = existing(keys, &named)? else { return Ok(None) };
    Ok(made(&keys.join(format!("{named}.key")))?.map(|since| (secret, since)))
}

/// Destroys the key before this one: what was made with it is accepted no more.
///
/// # Errors
/// When the disk refuses.
pub fn forget(keys: &Path, name: &str) -> Result<(), KeyError> {
    scratch::destroy(keys, &before_of(name))
}

fn asks(keys: &Path, name: &str) -> PathBuf {
    keys.join(format!("{name}.rotate"))
}

/// Asks whoever uses a key to rotate it.
///
/// # Errors
/// When the disk refuses.
pub fn ask(keys: &Path, name: &str) -> Result<(), KeyError> {
    replace(&asks(keys, name), b"")
}

/// Whether somebody has asked for it, and it was not done yet.
#[must_use]
pub fn is_asked(keys: &Path, name: &str) -> bool {
    asks(keys, name).exists()
}

/// Says that it was done.
///
/// # Errors
/// When the disk refuses.
pub fn answer(keys: &Path, name: &str) -> Result<(), KeyError> {
    remove(&asks(keys, name))
}

/// How long a key has been in its place.
///
/// # Errors
/// When the disk refuses.
pub fn age(keys: &Path, name: &str, now: Moment) -> Result<Option<Millis>, KeyError> {
    Ok(made(&keys.join(format!("{name}.key")))?.map(|since| now.since(since)))
}

/// When a file was written. A copy that kept no times is as old as the copy.
pub(crate) fn made(file: &Path) -> Result<Option<Moment>, KeyError> {
    let what = || format!("look at {}", file.display());
    let written = match fs::metadata(file).and_then(|found| found.modified()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        written => written.map_err(failed(what()))?,
    };
    Ok(Some(Moment(since_1970(written))))
}

fn since_1970(time: SystemTime) -> u64 {
    let passed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}

/// Removes a file that may not be there.
///
/// # Errors
/// When the disk refuses.
pub fn remove(file: &Path) -> Result<(), KeyError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed(format!("remove {}", file.display()))(error))
        }
        _ => Ok(()),
    }
}

pub(crate) fn sync(keys: &Path) -> Result<(), KeyError> {
    let synced = fs::File::open(keys).and_then(|folder| folder.sync_all());
    synced.map_err(failed(format!("write {}", keys.display())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        sealed::root(folder.path()).unwrap();
        folder
    }

    fn names(keys: &Path, end: &str) -> Vec<String> {
        sealed::names(keys, end).unwrap().into_iter().filter(|name| name.starts_with("one")).collect()
    }

    #[test]
    fn a_key_gives_its_place_to_the_next_and_is_kept_until_it_is_forgotten() {
        let folder = folder();
        let keys = folder.path();
        let first = secret(keys, "one").unwrap();
        assert!(begun(keys, "one").unwrap().is_none());
        let next = begin(keys, "one").unwrap();
        assert_eq!(begin(keys, "one").unwrap(), next, "it was begun already");
        assert_eq!(existing(keys, "one").unwrap().unwrap(), first);
        finish(keys, "one").unwrap();
        assert_eq!(existing(keys, "one").unwrap().unwrap(), next);
        assert_eq!(before(keys, "one").unwrap().unwrap().0, first);
        assert_eq!(names(keys, ".key"), ["one", "one.before"]);
        assert_eq!(names(keys, ".sealed"), ["one", "one.before"], "each has a copy that the root opens");
        finish(keys, "one").unwrap();
        assert_eq!(existing(keys, "one").unwrap().unwrap(), next, "nothing was begun");
        forget(keys, "one").unwrap();
        forget(keys, "one").unwrap();
        assert_eq!((names(keys, ".key"), names(keys, ".sealed")), (vec!["one".to_owned()], vec!["one".to_owned()]));
    }

    /// What a kill between the two files leaves.
    #[test]
    fn a_place_that_was_half_given_is_given_again() {
        let folder = folder();
        let keys = folder.path();
        let first = secret(keys, "one").unwrap();
        let next = begin(keys, "one").unwrap();
        fs::copy(keys.join("one.key"), keys.join("one.before.key")).unwrap();
        assert_eq!(before(keys, "one").unwrap().unwrap().0, first);
        finish(keys, "one").unwrap();
        assert_eq!((existing(keys, "one").unwrap().unwrap(), before(keys, "one").unwrap().unwrap().0), (next, first));
    }
}
