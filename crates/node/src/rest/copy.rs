//! A backup of a directory at rest, and a directory made from a backup.
//!
//! It must never leave a directory under its name before every chain in it was
//! followed: it is made beside, and renamed when all of it was read back.

use super::{AtRest, CACHE, Checked, RestError};
use crate::below::spaces;
use crate::home::{HomeError, OWNERS, failed, files};
use crate::reopen::Reopened;
use custody::entropy;
use custody::folder::private;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Backup, Part, RealDisk, Secrets, backup_with, restore_with};

/// A backup that became a directory, and what proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// What was in the backup.
    pub backup: Backup,
    /// What was found when all of it was read back. Damage in here was there
    /// when it was backed up.
    pub checked: Checked,
    /// Whether the register of the owners' keys is there; without it nobody
    /// reads what they had sealed.
    pub owners: bool,
}

impl AtRest {
    /// Writes a backup, sealed under `key`: log, index, and the planet's
    /// identity and keys; the register of its owners' keys when `owners` says
    /// so. `progress` is told how many bytes are done, and how many there are.
    ///
    /// # Errors
    /// When something cannot be read, or `to` refuses.
    pub fn backup(
        &self,
        to: &mut dyn Write,
        key: &[u8; 32],
        owners: bool,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Backup, RestError> {
        let entropy: [u8; 32] = entropy::bytes().map_err(RestError::Entropy)?;
        let spaces = spaces();
        let part = self.index.as_ref().map(|index| Part { records: &*index.records, spaces: &spaces });
        let secrets = Secrets { key, entropy: &entropy };
        let mut beside = || files(&self.place, owners);
        Ok(backup_with(&self.log, part, &mut beside, to, secrets, None, progress)?)
    }
}

/// A directory that is removed unless it is kept.
struct Draft(Option<PathBuf>);

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // What stays is told by the next try.
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Makes a data directory from a backup, and follows every chain in it. The
/// register of the owners' keys is the one that was backed up, or the one in
/// `owners`: that of today knows what was erased since.
///
/// # Errors
/// When there is something already, the backup is not whole or the key not
/// its, or the disk refuses. Then there is no directory.
pub fn restore_planet(
    from: &mut dyn Read,
    key: &[u8; 32],
    data: &Path,
    owners: Option<&Path>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Proven, RestError> {
    let mut name = data.file_name().map_or_else(|| OsString::from("data"), ToOwned::to_owned);
    name.push(".restoring");
    let draft = data.with_file_name(name);
    let empty = |path: &Path| fs::read_dir(path).map_or(true, |mut names| names.next().is_none());
    for path in [data, &draft] {
        if path.exists() && !(path == data && path.is_dir() && empty(path)) {
            return Err(RestError::Exists { place: path.display().to_string() });
        }
    }
    private(&draft).map_err(HomeError::from)?;
    let mut kept = Draft(Some(draft.clone()));
    let backup = fill(from, key, &draft, progress)?;
    if let Some(owners) = owners {
        let what = || format!("copy {}", owners.display());
        let mut register = File::open(owners).map_err(failed(what()))?;
        let mut copy = private_file(&draft.join(OWNERS)).map_err(failed(what()))?;
        io::copy(&mut register, &mut copy).and_then(|_| copy.sync_all()).map_err(failed(what()))?;
    }
    let at_rest = AtRest::open(&draft)?;
    let checked = at_rest.verify(&mut |_| {})?;
    crate::acts::restored(&draft, at_rest.name(), at_rest.entries()).map_err(RestError::Audit)?;
    drop(at_rest);
    let what = || format!("rename {} to {}", draft.display(), data.display());
    if data.exists() {
        fs::remove_dir(data).map_err(failed(what()))?;
    }
    fs::rename(&draft, data).map_err(failed(what()))?;
    kept.0 = None;
    let beside = data.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(beside).and_then(|folder| folder.sync_all()).map_err(failed(what()))?;
    Ok(Proven { backup, checked, owners: data.join(OWNERS).exists() })
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}

fn fill(
    from: &mut dyn Read,
    key: &[u8; 32],
    draft: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Backup, RestError> {
    let disk = RealDisk::open(&draft.join("log")).map_err(failed("make the log's folder"))?;
    let spaces = spaces();
    let records = Reopened::open(draft.join("index"), spaces.clone(), CACHE).map_err(RestError::Records)?;
    let part = Part { records: &records, spaces: &spaces };
    let mut file = |name: &str, at: u64, bytes: &[u8]| {
        // Names are checked where they are read: none leads out of here.
        let path = draft.join(name);
        if let Some(folder) = path.parent() {
            private(folder).map_err(io::Error::other)?;
        }
        let file = private_file(&path)?;
        file.write_all_at(bytes, at)?;
        file.sync_all()
    };
    Ok(restore_with(from, key, &Arc::new(disk), Some(part), &mut file, progress)?.backup)
}
