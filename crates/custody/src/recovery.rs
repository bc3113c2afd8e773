//! From shares to the root secret, from it to every other key, and what is
//! written down of both: how often the root was split, and which drills there
//! were.
//!
//! It must never give a secret that is not the root's, put one over another, or
//! take a drill for good that the root has not signed.

mod combine;
mod drills;

pub use combine::{Labelled, NotRecovered, Recovered, Whose, combine};
pub use drills::{Drill, Opened, drills, is_late, last_drill, record};

use crate::authority::REVOKED;
use crate::ca::{CERTIFICATE, ENDORSED};
use crate::folder::{failed, hex, private, read_public, replace};
use crate::lineage;
use crate::office::BOOK;
use crate::sealed::{self, NotOpened};
use crate::{KeyError, folder, vault};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use trust::sign::SigningKey;
use trust::{PlanetId, Secret};
use zeroize::Zeroizing;

/// The regions of one directory.
const MOST_REGIONS: usize = 4_096;

/// The last split of a planet's root, as the file `split` beside its keys says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSplit {
    version: u32,
    /// Which it was, counted from 1.
    pub epoch: u32,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// How many shares are needed.
    pub needs: u32,
    /// How many there are.
    pub of: u32,
}

/// Why keys were not made anew.
#[derive(Debug, thiserror::Error)]
pub enum NotRestored {
    /// A file, or the disk.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is another secret already.
    #[error("{file} is there already and holds another secret: it stays as it is")]
    Other {
        /// Which file.
        file: String,
    },
    /// It is another planet's root.
    #[error("the shares are of planet {theirs}, and {place} is of planet {ours}")]
    OtherPlanet {
        /// Whose they are.
        theirs: PlanetId,
        /// Where.
        place: String,
        /// Whose it is.
        ours: PlanetId,
    },
    /// A token keeps the keys there, and they are to be plain.
    #[error("{place} has keys that a token has wrapped, and they are to be plain ones")]
    Kept {
        /// Where.
        place: String,
    },
    /// A sealed copy does not open.
    #[error("{file}: {why}")]
    Copy {
        /// Which file.
        file: String,
        /// Why.
        why: NotOpened,
    },
    /// There are none.
    #[error("{place} has no sealed copies of keys: no file NAME.sealed in its folder `keys`")]
    Nothing {
        /// Where they were looked for.
        place: String,
    },
}

/// The last split of a planet's root; nothing when there was none.
///
/// # Errors
/// When it cannot be read.
pub fn last_split(keys: &Path) -> Result<Option<LastSplit>, KeyError> {
    let file = keys.join("split");
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(format!("read {}", file.display()))(error)),
    };
    let damaged = |what: String| KeyError::Damaged { file: file.display().to_string(), what };
    let last: LastSplit = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    if last.version == 1 { Ok(Some(last)) } else { Err(damaged(format!("it is of version {}", last.version))) }
}

/// Writes down that the root is split once more: before the first share is
/// handed out, so that no two splits have one number.
///
/// # Errors
/// When the disk refuses.
pub fn next_split(keys: &Path, at: u64, needs: u32, of: u32) -> Result<LastSplit, KeyError> {
    let epoch = last_split(keys)?.map_or(0, |last| last.epoch).saturating_add(1);
    let next = LastSplit { version: 1, epoch, at, needs, of };
    replace(&keys.join("split"), &serde_json::to_vec(&next).unwrap_or_default())?;
    Ok(next)
}

/// Puts a root secret back where it was, or what stands for it where the root
/// is in a token: with its public halves beside it, and never over another.
/// The file that it is in.
///
/// # Errors
/// When another secret or another planet's keys are there, its token is not, or
/// the disk refuses.
pub fn put_back(keys: &Path, secret: &Secret) -> Result<PathBuf, NotRestored> {
    let named = keys.join("root.pub");
    let id = SigningKey::new(secret).id();
    let told = if named.exists() { read_public(&named)? } else { id };
    let name = if told == id {
        "root"
    } else if sealed::recovery_key(keys)?.is_some_and(|to| to.0 == sealed::opener(secret).public().0) {
        sealed::RECOVERED_BY
    } else {
        let (theirs, ours) = (PlanetId::of_root(id), PlanetId::of_root(told));
        return Err(NotRestored::OtherPlanet { theirs, place: keys.display().to_string(), ours });
    };
    let file = keys.join(format!("{name}.key"));
    match folder::existing(keys, name)? {
        Some(there) if there == *secret => {}
        Some(_) => return Err(NotRestored::Other { file: file.display().to_string() }),
        None => {
            private(keys)?;
            folder::keep(keys, name, secret)?;
        }
    }
    sealed::root(keys)?;
    Ok(file)
}

/// The folders of keys below a directory, by their paths in it: the planet's
/// own, and those of the regions that have one each.
///
/// # Errors
/// When the disk refuses.
pub fn folders(place: &Path) -> Result<Vec<PathBuf>, KeyError> {
    let mut folders: Vec<PathBuf> =
        [PathBuf::from("keys")].into_iter().filter(|keys| place.join(keys).is_dir()).collect();
    // Those of hosts, and those of gateways on machines apart.
    for above in ["regions", "gateways"].map(Path::new).into_iter().filter(|above| place.join(above).is_dir()) {
        let what = || format!("read {}", place.join(above).display());
        for region in fs::read_dir(place.join(above)).map_err(failed(what()))?.take(MOST_REGIONS) {
            let keys = above.join(region.map_err(failed(what()))?.file_name()).join("keys");
            if place.join(&keys).is_dir() {
                folders.push(keys);
            }
        }
    }
    folders.sort();
    Ok(folders)
}

/// A key that was opened out of its sealed copy.
pub struct Copied {
    /// The folder, by its path in the directory.
    pub folder: PathBuf,
    /// What the key is called.
    pub name: String,
    /// The file `NAME.key`.
    pub file: Zeroizing<Vec<u8>>,
}

impl Copied {
    /// Whether it is a key of an audit log. It is of use with that log alone: where
    /// the log is not, another would begin under the same key, and fork it.
    fn is_of_a_log(&self) -> bool {
        self.name.split('.').next() == Some("audit")
    }

    /// The secret in it, where it is one of 32 bytes.
    #[must_use]
    pub fn secret(&self) -> Option<Secret> {
        let mut bytes = hex(std::str::from_utf8(&self.file).ok()?.trim())?;
        Some(Secret::take(&mut bytes))
    }
}

impl std::fmt::Debug for Copied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Copied").field("folder", &self.folder).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Opens every sealed copy below a directory of a planet.
///
/// # Errors
/// When one does not open, there is none, or the disk refuses.
pub fn open_all(place: &Path, planet: PlanetId, root: &Secret) -> Result<Vec<Copied>, NotRestored> {
    let opener = sealed::opener(root);
    let mut all = Vec::new();
    for folder in folders(place)? {
        let keys = place.join(&folder);
        for name in sealed::names(&keys, ".sealed")? {
            let Some(copy) = sealed::read(&keys, &name)? else { continue };
            let told = |why| NotRestored::Copy { file: keys.join(format!("{name}.sealed")).display().to_string(), why };
            let file = sealed::open(&opener, planet, &name, &copy).map_err(told)?;
            all.push(Copied { folder: folder.clone(), name, file });
        }
    }
    if all.is_empty() {
        return Err(NotRestored::Nothing { place: place.display().to_string() });
    }
    Ok(all)
}

/// How keys are made anew that a token had wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// As before: by the token, which has to be here.
    AsBefore,
    /// In plain files.
    Plain,
    /// In plain files of a scratch directory, where nothing ever runs: those of the
    /// audit log as well, whose log is not there.
    Scratch,
}

/// Makes the keys of a directory anew, in another or in the same: the root, and
/// every key that has a sealed copy; those of an audit log where that log is.
/// What is there stays; what is there and
/// differs is an error, before anything is written. The file of the root, or of
/// what stands for it, and how many others were made.
///
/// # Errors
/// When a copy does not open, another secret is there, a token that is needed is
/// not, or the disk refuses. What was made by then is right, and the same again
/// makes the rest.
pub fn make_anew(
    from: &Path,
    into: &Path,
    (planet, root): (PlanetId, &Secret),
    kept: Kept,
) -> Result<(PathBuf, usize), NotRestored> {
    let all = open_all(from, planet, root)?;
    for folder in folders(into)? {
        let place = into.join(folder);
        if kept != Kept::AsBefore && vault::place(&place)?.is_some() {
            return Err(NotRestored::Kept { place: place.display().to_string() });
        }
    }
    if kept == Kept::AsBefore {
        // Before anything is written that only it opens.
        vault::open(&from.join("keys"))?;
    }
    let mut missing = Vec::new();
    for copied in &all {
        let keys = into.join(&copied.folder);
        if kept != Kept::Scratch && copied.is_of_a_log() && !keys.join("audit.vkey").exists() {
            continue;
        }
        match folder::contents(&keys, &copied.name)? {
            None => missing.push(copied),
            Some(there) if there.as_bytes() == &copied.file[..] => {}
            Some(_) => {
                let file = keys.join(format!("{}.key", copied.name)).display().to_string();
                return Err(NotRestored::Other { file });
            }
        }
    }
    private(into)?;
    let keys = into.join("keys");
    if PlanetId::of_root(SigningKey::new(root).id()) != planet {
        private(&keys)?;
        bring_public(&from.join("keys"), &keys, &["root", "recovery", vault::DRILLS])?;
    }
    if kept == Kept::AsBefore {
        vault::share(&from.join("keys"), &keys)?;
    }
    let file = put_back(&keys, root)?;
    for copied in &missing {
        let folder = into.join(&copied.folder);
        private(&folder)?;
        if copied.folder != Path::new("keys") {
            bring_public(&keys, &folder, &["root", "recovery"])?;
            vault::share(&keys, &folder)?;
        }
        if let Some(copy) = sealed::read(&from.join(&copied.folder), &copied.name)? {
            replace(&folder.join(format!("{}.sealed", copied.name)), &copy)?;
        }
        match copied.secret() {
            Some(secret) => replace(
                &folder.join(format!("{}.key", copied.name)),
                vault::close(&folder, &copied.name, &secret)?.as_bytes(),
            )?,
            None => replace(&folder.join(format!("{}.key", copied.name)), &copied.file)?,
        }
        let line = lineage::letters(&from.join(&copied.folder), &copied.name)?;
        if !line.is_empty() {
            // Whoever knows a key before this one follows by it.
            replace(&lineage::file(&folder, &copied.name), line.as_bytes())?;
        }
    }
    for folder in folders(from)? {
        bring_beside(&from.join(&folder), &into.join(&folder))?;
    }
    Ok((file, missing.len()))
}

/// What a folder of keys has beside them, where the other has none of it: whom
/// to believe, what is revoked, and what was issued.
fn bring_beside(from: &Path, to: &Path) -> Result<(), KeyError> {
    for name in [ENDORSED, CERTIFICATE, REVOKED, BOOK] {
        let (here, there) = (from.join(name), to.join(name));
        if !there.exists() && to.is_dir() {
            match fs::read(&here) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                read => replace(&there, &read.map_err(failed(format!("read {}", here.display())))?)?,
            }
        }
    }
    Ok(())
}

/// Brings public keys from one folder to another that has none of that name.
fn bring_public(from: &Path, to: &Path, names: &[&str]) -> Result<(), KeyError> {
    for name in names {
        let file = format!("{name}.pub");
        if from.join(&file).exists() && !to.join(&file).exists() {
            folder::write_public(to, name, read_public(&from.join(&file))?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
