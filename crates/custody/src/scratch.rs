//! A folder for secrets that are needed for a while: nobody else can look into
//! it, one process has it at a time, and what is in it is overwritten before it
//! is removed, also what a process that was killed has left.
//!
//! It must never overwrite what has another name elsewhere. What a disk keeps
//! of sectors that it has moved is not in our hands.

use crate::KeyError;
use crate::folder::{DRAFT, failed, private};
use crate::sealed;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How deep folders stand in it: far deeper than a data directory.
const DEEPEST: usize = 16;
/// What is written at once over what was there.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A folder that is wiped when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// Folders that were made for it, the outermost first.
    made: Vec<PathBuf>,
    _lock: File,
}

impl Scratch {
    /// Makes the folder `drill.scratch` in a place; what is left of an earlier
    /// one is wiped first.
    ///
    /// # Errors
    /// When another process has it, or the disk refuses.
    pub fn new(place: &Path) -> Result<Self, KeyError> {
        let mut made: Vec<PathBuf> = place.ancestors().take_while(|above| is_none(above)).map(Path::to_owned).collect();
        made.reverse();
        private(place)?;
        // The place itself is locked: a file beside it would be left there.
        let what = || format!("lock {}", place.display());
        let lock = File::open(place).map_err(failed(what()))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => failed(what())(io::Error::other("another drill is using it")),
            TryLockError::Error(error) => failed(what())(error),
        })?;
        let path = place.join("drill.scratch");
        wipe(&path)?;
        private(&path)?;
        Ok(Self { path, made, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Wipes it, and says when that fails.
    ///
    /// # Errors
    /// When the disk refuses: then something is left in it.
    pub fn wipe(self) -> Result<(), KeyError> {
        wipe(&self.path)
    }
}

/// Whether nothing has this name; the end of a relative path has none.
fn is_none(place: &Path) -> bool {
    !place.as_os_str().is_empty() && fs::symlink_metadata(place).is_err()
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is wiped by the next; who has to know has called `wipe`.
        let _ = wipe(&self.path);
        for folder in self.made.iter().rev() {
            // One that somebody else has put something into stays.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Overwrites what is in a folder of secrets, or in a file, and removes it.
///
/// # Errors
/// When the disk refuses: then something is left.
pub fn wipe(path: &Path) -> Result<(), KeyError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        _ => {}
    }
    wiped(path, DEEPEST).map_err(failed(format!("wipe {}", path.display())))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(format!("sync {}", folder.display())))
}

/// The end of the name of a key that is being destroyed.
const GONE: &str = ".gone";

/// Destroys a key and its sealed copy. It loses its name first: one that was
/// half overwritten when somebody was killed is taken for none.
///
/// # Errors
/// When the disk refuses: then something is left.
pub fn destroy(keys: &Path, name: &str) -> Result<(), KeyError> {
    let (file, gone) = (keys.join(format!("{name}.key")), keys.join(format!("{name}{GONE}")));
    match fs::rename(&file, &gone) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        renamed => renamed.map_err(failed(format!("rename {}", file.display())))?,
    }
    wipe(&gone)?;
    wipe(&keys.join(format!("{name}.sealed")))
}

/// Wipes what was left of keys that somebody was killed destroying, or writing.
///
/// # Errors
/// When the disk refuses.
pub fn clear(keys: &Path) -> Result<(), KeyError> {
    let gone = |name: &String| keys.join(format!("{name}{GONE}"));
    let drafts = sealed::names(keys, DRAFT)?.into_iter().map(|name| keys.join(format!("{name}{DRAFT}")));
    sealed::names(keys, GONE)?
        .iter()
        .map(gone)
        .chain(drafts.filter(|draft| is_left(draft)))
        .try_for_each(|left| wipe(&left))
}

/// A draft that is so old is nobody's any more.
const LEFT: Duration = Duration::from_secs(600);

fn is_left(draft: &Path) -> bool {
    let written = fs::metadata(draft).and_then(|found| found.modified());
    written.is_ok_and(|written| written.elapsed().is_ok_and(|age| age > LEFT))
}

fn wiped(path: &Path, deep: usize) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.is_dir() {
        let deeper = deep.checked_sub(1).ok_or_else(|| io::Error::other("folders stand too deep in it"))?;
        for file in fs::read_dir(path)? {
            wiped(&file?.path(), deeper)?;
        }
        return fs::remove_dir(path);
    }
    // A link is removed, and what it leads to is not ours.
    if found.is_file() && found.nlink() == 1 {
        overwrite(path, found.len())?;
    }
    fs::remove_file(path)
}

fn overwrite(path: &Path, length: u64) -> io::Result<()> {
    blank_to(OpenOptions::new().write(true).open(path)?, length)
}

/// Overwrites what is in a file that has perhaps lost its name.
pub(crate) fn blank(file: File) -> io::Result<()> {
    let length = file.metadata()?.len();
    blank_to(file, length)
}

fn blank_to(mut file: File, length: u64) -> io::Result<()> {
    let mut left = length;
    while left > 0 {
        let piece = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
        file.write_all(&ZEROS[..piece])?;
        left -= u64::try_from(piece).unwrap_or(left);
    }
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Seek as _, SeekFrom};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_was_in_it_is_overwritten_and_then_removed() {
        let place = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(place.path()).unwrap();
        let path = scratch.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::create_dir(path.join("keys")).unwrap();
        fs::write(path.join("keys/root.key"), "secret".repeat(40_000)).unwrap();
        // Whoever has it open sees what the disk would still hold.
        let mut open = File::open(path.join("keys/root.key")).unwrap();
        scratch.wipe().unwrap();
        assert!(!path.exists());
        let mut left = Vec::new();
        open.seek(SeekFrom::Start(0)).unwrap();
        open.read_to_end(&mut left).unwrap();
        assert!(left.len() == 240_000 && left.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn what_a_killed_process_left_is_wiped_by_the_next_and_two_do_not_share_one() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("drill.scratch")).unwrap();
        fs::write(place.path().join("drill.scratch/root.key"), "secret").unwrap();
        let mut open = File::open(place.path().join("drill.scratch/root.key")).unwrap();
        let scratch = Scratch::new(place.path()).unwrap();
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
        let mut left = String::new();
        open.read_to_string(&mut left).unwrap();
        assert_eq!(left, "\0".repeat(6));
        assert!(Scratch::new(place.path()).unwrap_err().to_string().contains("another drill"));
        drop(scratch);
        Scratch::new(place.path()).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn folders_that_were_made_for_it_go_with_it_and_others_stay() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("made/deeper");
        drop(Scratch::new(&deep).unwrap());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        fs::create_dir(place.path().join("made")).unwrap();
        let scratch = Scratch::new(&deep).unwrap();
        fs::write(deep.join("theirs"), "theirs").unwrap();
        scratch.wipe().unwrap();
        assert!(deep.join("theirs").exists());
        fs::remove_file(deep.join("theirs")).unwrap();
        Scratch::new(&deep).unwrap().wipe().unwrap();
        assert!(deep.exists(), "it was there before");
    }

    #[test]
    fn what_a_link_leads_to_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("kept"), "kept").unwrap();
        let scratch = Scratch::new(place.path()).unwrap();
        std::os::unix::fs::symlink(place.path().join("kept"), scratch.path().join("soft")).unwrap();
        fs::hard_link(place.path().join("kept"), scratch.path().join("hard")).unwrap();
        scratch.wipe().unwrap();
        assert_eq!(fs::read_to_string(place.path().join("kept")).unwrap(), "kept");
    }
}
