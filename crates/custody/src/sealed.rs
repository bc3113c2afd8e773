//! Copies of a planet's keys, sealed to its root: beside each `NAME.key` a
//! `NAME.sealed`, which whoever has the root secret opens, and nobody else. So
//! the root secret alone opens a copy of a data directory, and need not be in
//! it: `recovery.pub` is all that sealing takes.
//!
//! It must never let a key be used that has no copy, nor seal to a key that is
//! not derived from the root where that can be seen.
//!
//! | bytes of NAME.sealed | are |
//! |---|---|
//! | 1 | version, 1 |
//! | 16 | the planet's id |
//! | 4 | which recovery key of the planet it is sealed to, from 1 on |
//! | 16 | a tag of what is sealed: another key under the name is seen without opening it |
//! | the rest | the file NAME.key, sealed beside the 37 bytes above and its name |

use crate::folder::{contents, existing, failed, read_public, replace, secret, write_public};
use crate::hybrid::{OVERHEAD, Opener, SealTo};
use crate::{KeyError, scratch, vault};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use trust::sign::SigningKey;
use trust::{AgentId, PlanetId, Secret};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
/// Which recovery key it is: another one when the root itself is replaced.
const EPOCH: u32 = 1;
const HEAD: usize = 1 + 16 + 4 + 16;
/// The largest file of a key: some hold a chain of certificates beside it.
const MOST: usize = 64 << 10;
/// Keys in one folder: those of a planet's regions and of the most gateways.
const MOST_KEYS: usize = 4_096;
/// What the recovery key is derived for.
const RECOVERY: &str = "mycel recovery v1";
/// What a copy is sealed for.
const PURPOSE: &str = "mycel sealed key v1";
const ROOT: &str = "root";
/// What opens the copies where the root is in a token, and cannot.
pub(crate) const RECOVERED_BY: &str = "recovery";

/// Why a sealed copy was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// It is none.
    #[error("it is no sealed copy of a key")]
    Malformed,
    /// A newer program made it.
    #[error("it is of version {0}, and this program knows {VERSION}")]
    Version(u8),
    /// It is of another planet.
    #[error("it is of planet {0}")]
    OtherPlanet(PlanetId),
    /// It was changed, is another key's, or was sealed to another root.
    #[error("it does not open: it was changed, or was sealed to another root than this")]
    Sealed,
}

/// What opens the sealed copies of a planet's keys.
#[must_use]
pub fn opener(root: &Secret) -> Opener {
    Opener::new(root, RECOVERY)
}

/// The root of the planet whose keys are in this folder: made where there is
/// none, and with its public half and the recovery key beside it. Every other
/// key of the folder has its sealed copy when this returns.
///
/// # Errors
/// When the disk refuses, the public keys are not the root's, or a token keeps
/// the keys and has not all of them yet.
pub fn root(keys: &Path) -> Result<AgentId, KeyError> {
    let (named, recovery) = (keys.join("root.pub"), keys.join("recovery.pub"));
    let told = if named.exists() { Some(read_public(&named)?) } else { None };
    if vault::place(keys)?.is_some() && !(told.is_some() && recovery.exists()) {
        let what = "its token has not all keys yet: give `mycel trust init --token` again".to_owned();
        return Err(KeyError::Damaged { file: keys.join(vault::FILE).display().to_string(), what });
    }
    // Where the root is known and its secret is not here, none is made.
    let root = if told.is_some() { existing(keys, ROOT)? } else { Some(secret(keys, ROOT)?) };
    let differs = |file: &Path| {
        let what = "it is not what follows from root.key beside it".to_owned();
        KeyError::Damaged { file: file.display().to_string(), what }
    };
    if let Some(root) = &root {
        let (id, to) = (SigningKey::new(root).id(), AgentId(opener(root).public().0));
        match told {
            None => write_public(keys, ROOT, id)?,
            Some(told) if told != id => return Err(differs(&named)),
            Some(_) => {}
        }
        if !recovery.exists() {
            write_public(keys, "recovery", to)?;
        } else if read_public(&recovery)? != to {
            return Err(differs(&recovery));
        }
    }
    if let Some(by) = existing(keys, RECOVERED_BY)?
        && read_public(&recovery)? != AgentId(opener(&by).public().0)
    {
        let what = "it is not what follows from recovery.key beside it".to_owned();
        return Err(KeyError::Damaged { file: recovery.display().to_string(), what });
    }
    complete(keys)?;
    read_public(&named)
}

/// Whether a key is one that opens copies, and so has none.
#[must_use]
pub fn opens_copies(name: &str) -> bool {
    name == ROOT || name == RECOVERED_BY
}

/// The key that copies are sealed to, where there is one.
///
/// # Errors
/// When it cannot be read.
pub fn recovery_key(keys: &Path) -> Result<Option<AgentId>, KeyError> {
    let file = keys.join("recovery.pub");
    if file.exists() { read_public(&file).map(Some) } else { Ok(None) }
}

/// Seals a copy of what is about to be written to `NAME.key`: it is on the
/// disk before the key is. A folder without a recovery key keeps none.
pub(crate) fn keep(keys: &Path, name: &str, file: &[u8]) -> Result<(), KeyError> {
    let Some(to) = recovery_key(keys)?.filter(|_| !opens_copies(name)) else { return Ok(()) };
    let planet = PlanetId::of_root(read_public(&keys.join("root.pub"))?);
    let copy = seal(SealTo(to.0), planet, name, file)?;
    replace(&keys.join(format!("{name}.sealed")), &copy)
}

/// Seals copies of the keys that have none, or one of another key, and wipes
/// what is left of those that were being destroyed.
///
/// # Errors
/// When the disk refuses, or a key cannot be read.
pub fn complete(keys: &Path) -> Result<(), KeyError> {
    scratch::clear(keys)?;
    if recovery_key(keys)?.is_none() {
        return Ok(());
    }
    names(keys, ".key")?.iter().filter(|name| !opens_copies(name)).try_for_each(|name| complete_one(keys, name))
}

/// The same for one key: what others do to theirs meanwhile is not touched.
pub(crate) fn complete_one(keys: &Path, name: &str) -> Result<(), KeyError> {
    if recovery_key(keys)?.is_none() {
        return Ok(());
    }
    let Some(file) = contents(keys, name)? else { return Ok(()) };
    let copy = read(keys, name)?;
    if copy.is_none_or(|copy| copy.get(21..HEAD) != Some(&tag(name, file.as_bytes())[..])) {
        keep(keys, name, file.as_bytes())?;
    }
    Ok(())
}

/// The names of a folder's files that end so, without it, in order.
///
/// # Errors
/// When the disk refuses, or there are more than a planet has.
pub fn names(keys: &Path, end: &str) -> Result<Vec<String>, KeyError> {
    let what = || format!("read {}", keys.display());
    let mut names = Vec::new();
    for file in fs::read_dir(keys).map_err(failed(what()))? {
        let name = file.map_err(failed(what()))?.file_name();
        if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(end)) {
            names.push(name.to_owned());
        }
        if names.len() > MOST_KEYS {
            return Err(failed(what())(io::Error::other(format!("there are more than {MOST_KEYS} keys in it"))));
        }
    }
    names.sort();
    Ok(names)
}

/// The sealed copy of a key; nothing when there is none.
///
/// # Errors
/// When the disk refuses.
pub fn read(keys: &Path, name: &str) -> Result<Option<Vec<u8>>, KeyError> {
    let file = keys.join(format!("{name}.sealed"));
    let what = || format!("read {}", file.display());
    let open = match fs::File::open(&file) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(what())(error)),
    };
    let mut bytes = Vec::new();
    let most = u64::try_from(HEAD + OVERHEAD + MOST + 1).unwrap_or(u64::MAX);
    open.take(most).read_to_end(&mut bytes).map_err(failed(what()))?;
    Ok(Some(bytes))
}

/// A sealed copy of a key's file.
///
/// # Errors
/// When it is larger than a key's file, this is no key to seal to, or the
/// system gives no entropy.
pub fn seal(to: SealTo, planet: PlanetId, name: &str, file: &[u8]) -> Result<Vec<u8>, KeyError> {
    if file.len() > MOST {
        let what = format!("it is larger than {MOST} bytes, and no key");
        return Err(KeyError::Damaged { file: format!("{name}.key"), what });
    }
    let mut copy = vec![VERSION];
    copy.extend_from_slice(&planet.0);
    copy.extend_from_slice(&EPOCH.to_be_bytes());
    copy.extend_from_slice(&tag(name, file));
    let sealed = to.seal(PURPOSE, &[&copy[..], name.as_bytes()].concat(), file)?;
    copy.extend_from_slice(&sealed);
    Ok(copy)
}

/// Opens the sealed copy of a key's file.
///
/// # Errors
/// When it is no copy of this key of this planet, sealed to this root.
pub fn open(opener: &Opener, planet: PlanetId, name: &str, copy: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
    let (head, sealed) = copy.split_first_chunk::<HEAD>().ok_or(NotOpened::Malformed)?;
    let [version, of @ ..] = head;
    if *version != VERSION {
        return Err(NotOpened::Version(*version));
    }
    if sealed.len() < OVERHEAD || sealed.len() > OVERHEAD + MOST {
        return Err(NotOpened::Malformed);
    }
    let of = PlanetId(of.first_chunk().copied().unwrap_or_default());
    if of != planet {
        return Err(NotOpened::OtherPlanet(of));
    }
    let file = opener.open(PURPOSE, &[&head[..], name.as_bytes()].concat(), sealed).ok_or(NotOpened::Sealed)?;
    if head[21..] == tag(name, &file) { Ok(file) } else { Err(NotOpened::Sealed) }
}

/// Which key it is, without saying what: a key has more entropy than anybody
/// can try.
fn tag(name: &str, file: &[u8]) -> [u8; 16] {
    let mut hash = Sha256::new_with_prefix(b"mycel sealed tag v1");
    hash.update(u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(name);
    hash.update(file);
    let digest: [u8; 32] = hash.finalize().into();
    std::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn every_key_but_the_root_has_a_copy_that_the_root_opens() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path();
        let id = root(keys).unwrap();
        secret(keys, "node").unwrap();
        // What another program part has put there gets its copy at the next start.
        replace(&keys.join("ca.key"), b"-----BEGIN PRIVATE KEY-----").unwrap();
        assert_eq!(names(keys, ".sealed").unwrap(), ["node"]);
        assert_eq!(root(keys).unwrap(), id);
        assert_eq!(names(keys, ".sealed").unwrap(), ["ca", "node"]);
        let (opener, planet) = (opener(&existing(keys, "root").unwrap().unwrap()), PlanetId::of_root(id));
        for name in ["ca", "node"] {
            let opened = open(&opener, planet, name, &read(keys, name).unwrap().unwrap()).unwrap();
            assert_eq!(opened.to_vec(), fs::read(keys.join(format!("{name}.key"))).unwrap());
            let mode = fs::metadata(keys.join(format!("{name}.sealed"))).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn the_root_is_not_needed_to_seal_and_a_stale_copy_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path();
        let id = root(keys).unwrap();
        let away = existing(keys, "root").unwrap().unwrap();
        fs::remove_file(keys.join("root.key")).unwrap();
        secret(keys, "node").unwrap();
        assert_eq!(root(keys).unwrap(), id);
        assert!(!keys.join("root.key").exists(), "the root is known, and none is made");
        let before = read(keys, "node").unwrap().unwrap();
        assert_eq!(root(keys).unwrap(), id);
        assert_eq!(read(keys, "node").unwrap().unwrap(), before, "what is right stays");
        replace(&keys.join("node.key"), "ab".repeat(32).as_bytes()).unwrap();
        root(keys).unwrap();
        let copy = read(keys, "node").unwrap().unwrap();
        let opened = open(&opener(&away), PlanetId::of_root(id), "node", &copy).unwrap();
        assert_eq!(opened.to_vec(), "ab".repeat(32).as_bytes());
    }

    #[test]
    fn a_copy_that_was_changed_renamed_or_is_anothers_does_not_open() {
        let of = |byte| opener(&Secret::take(&mut [byte; 32]));
        let planet = PlanetId([1; 16]);
        let copy = seal(of(1).public(), planet, "node", b"secret").unwrap();
        assert_eq!(open(&of(1), planet, "node", &copy).unwrap().to_vec(), b"secret");
        assert_eq!(open(&of(2), planet, "node", &copy).unwrap_err(), NotOpened::Sealed);
        assert_eq!(open(&of(1), planet, "gateway", &copy).unwrap_err(), NotOpened::Sealed);
        assert_eq!(
            open(&of(1), PlanetId([2; 16]), "node", &copy).unwrap_err(),
            NotOpened::OtherPlanet(PlanetId([1; 16]))
        );
        for at in 0..copy.len() {
            let mut changed = copy.clone();
            changed[at] ^= 1;
            assert!(open(&of(1), planet, "node", &changed).is_err(), "byte {at}");
            assert!(open(&of(1), planet, "node", &copy[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn public_keys_that_are_not_the_roots_are_refused() {
        for file in ["root", "recovery"] {
            let folder = tempfile::tempdir().unwrap();
            root(folder.path()).unwrap();
            write_public(folder.path(), file, AgentId([9; 32])).unwrap();
            let refused = root(folder.path()).unwrap_err().to_string();
            assert!(refused.contains(&format!("{file}.pub")) && refused.contains("root.key"), "{refused}");
        }
    }
}
