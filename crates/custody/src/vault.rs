//! Folders of keys that a token keeps: the root key is in the token, and every
//! other is in its file as the token has wrapped it, `wrapped v1` and letters,
//! useless without it. The file `token` in the folder says which token that is,
//! and nothing that is secret.
//!
//! It must never put a plain key where a token keeps them, make a key anew
//! because its token is not there, or try a PIN twice: tokens lock.
//!
//! One token is open in a process, as PKCS#11 has it anyhow, and it is opened
//! when the first key needs it, with the PIN of whoever was named at the start.

#[cfg(not(feature = "pkcs11"))]
mod absent;
#[cfg(feature = "pkcs11")]
mod opened;

#[cfg(not(feature = "pkcs11"))]
use absent as opened;
pub use opened::{Signer, begin};

use crate::folder::{self, KeyError, failed};
use crate::scratch;
use crate::sealed;
use crate::statement::{self, Letters};
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use trust::{AgentId, PlanetId, Secret};
use zeroize::Zeroizing;

/// Whether this program can speak to tokens.
pub const BUILT: bool = cfg!(feature = "pkcs11");
/// Says which token keeps the keys of a folder.
pub const FILE: &str = "token";
/// What the file of a wrapped key begins with.
const WRAPPED: &str = "wrapped v1 ";
/// What a key is wrapped for, before its planet and its name.
const PURPOSE: &[u8] = b"mycel wrapped key v1";
/// A nonce, a secret and a tag.
const WRAPPED_LEN: usize = 12 + Secret::LEN + 16;

/// Why a token is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// This program cannot.
    #[error(
        "this program was built without tokens: `cargo build --release --package mycel --features pkcs11` makes one that \
         knows them"
    )]
    NotBuilt,
    /// Nobody has said the PIN.
    #[error("the token \"{label}\" is not opened: {why}")]
    NoPin {
        /// Which token.
        label: String,
        /// Why there is none.
        why: String,
    },
    /// Another one is open.
    #[error("this process has opened the token \"{open}\", and needs \"{label}\" as well: one command, one token")]
    Another {
        /// Which is open.
        open: String,
        /// Which is needed.
        label: String,
    },
    /// What it said, or what speaks for it.
    #[error("{0}")]
    Said(String),
}

impl NoToken {
    /// The same, of a file.
    pub(crate) fn of(self, file: &Path) -> KeyError {
        KeyError::Token { file: file.display().to_string(), why: self }
    }
}

/// The token that keeps the keys of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    version: u32,
    /// The library that speaks for it.
    pub module: PathBuf,
    /// What it is called.
    pub label: String,
    /// Which one of that name it is.
    pub serial: String,
    /// What the planet's keys are called in it.
    pub name: String,
}

impl Place {
    /// What the planet's root is called in it.
    #[must_use]
    pub fn root(&self) -> String {
        format!("{}-root", self.name)
    }

    /// What wraps the other keys.
    #[must_use]
    pub fn wrap(&self) -> String {
        format!("{}-wrap", self.name)
    }
}

/// Says the PIN of the token of a label, or why there is none.
type Ask = dyn Fn(&str) -> Result<Zeroizing<String>, String> + Send + Sync;

static ASK: OnceLock<Box<Ask>> = OnceLock::new();

/// Names whoever says PINs in this process: once, at its start.
pub fn ask_with(ask: impl Fn(&str) -> Result<Zeroizing<String>, String> + Send + Sync + 'static) {
    // The first stays.
    let _ = ASK.set(Box::new(ask));
}

/// The PIN of a token.
#[cfg_attr(not(feature = "pkcs11"), allow(dead_code))]
fn pin(label: &str) -> Result<Zeroizing<String>, NoToken> {
    let said = ASK.get().map_or_else(|| Err("nobody was named who knows its PIN".to_owned()), |ask| ask(label));
    said.map_err(|why| NoToken::NoPin { label: label.to_owned(), why })
}

/// The token that keeps the keys of a folder, where one does.
///
/// # Errors
/// When the file cannot be read, others could change it, or it says something
/// else.
pub fn place(keys: &Path) -> Result<Option<Place>, KeyError> {
    let file = keys.join(FILE);
    // Who can change it has a library of his loaded here.
    let Some(text) = folder::read_private(&file)? else { return Ok(None) };
    let damaged = |what: String| KeyError::Damaged { file: file.display().to_string(), what };
    let place: Place = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    if place.version == 1 { Ok(Some(place)) } else { Err(damaged(format!("it is of version {}", place.version))) }
}

/// Has the keys of another folder of the planet kept by the same token.
///
/// # Errors
/// When the disk refuses, or another token keeps them.
pub fn share(from: &Path, to: &Path) -> Result<(), KeyError> {
    let (Some(ours), theirs) = (place(from)?, place(to)?) else { return Ok(()) };
    match theirs {
        Some(theirs) if theirs == ours => Ok(()),
        Some(theirs) => {
            let what = format!("it names the token \"{}\", and {} another", theirs.label, from.join(FILE).display());
            Err(KeyError::Damaged { file: to.join(FILE).display().to_string(), what })
        }
        None => write(to, &ours),
    }
}

fn write(keys: &Path, place: &Place) -> Result<(), KeyError> {
    folder::replace(&keys.join(FILE), &serde_json::to_vec_pretty(place).unwrap_or_default())
}

/// Opens the token that keeps the keys of a folder, and finds the planet's root
/// in it: nothing where none does.
///
/// # Errors
/// When it is absent, locked, not given its PIN, or has another key.
pub fn open(keys: &Path) -> Result<Option<Signer>, KeyError> {
    let Some(place) = place(keys)? else { return Ok(None) };
    let file = keys.join(FILE);
    let root = opened::root(&place).map_err(|why| why.of(&file))?;
    let told = folder::read_public(&keys.join("root.pub"))?;
    if root.id() != told {
        let what = format!("the key {} in the token is not the one of root.pub beside it", place.root());
        return Err(KeyError::Damaged { file: file.display().to_string(), what });
    }
    Ok(Some(root))
}

/// What is in the file of a key, when a token has wrapped it.
#[must_use]
pub fn is_wrapped(text: &str) -> bool {
    text.starts_with(WRAPPED)
}

/// For what a key is wrapped. That it is the next one, or the one before, is no
/// part of it: it changes its place as it is.
fn what_for(keys: &Path, name: &str) -> Result<Vec<u8>, KeyError> {
    let planet = PlanetId::of_root(folder::read_public(&keys.join("root.pub"))?);
    let name = [".next", ".before"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    Ok([PURPOSE, &planet.0, name.as_bytes()].concat())
}

/// What is written to the file of a key: its letters, or what its token makes
/// of them.
pub(crate) fn close(keys: &Path, name: &str, secret: &Secret) -> Result<Zeroizing<String>, KeyError> {
    let Some(place) = place(keys)? else { return Ok(folder::letters(secret.expose())) };
    let wrapped = opened::wrap(&place, &what_for(keys, name)?, secret);
    let wrapped = wrapped.map_err(|why| why.of(&keys.join(format!("{name}.key"))))?;
    Ok(Zeroizing::new(format!("{WRAPPED}{}\n", Letters(&wrapped))))
}

/// The letters of a key, out of what is in its file.
pub(crate) fn disclose(keys: &Path, name: &str, text: Zeroizing<String>) -> Result<Zeroizing<String>, KeyError> {
    let Some(wrapped) = text.strip_prefix(WRAPPED) else { return Ok(text) };
    let file = keys.join(format!("{name}.key"));
    let damaged = |what: &str| KeyError::Damaged { file: file.display().to_string(), what: what.to_owned() };
    let wrapped = statement::bytes::<WRAPPED_LEN>(wrapped.trim()).ok_or_else(|| damaged("it is no wrapped key"))?;
    let place = place(keys)?.ok_or_else(|| damaged("a token has wrapped it, and no file `token` says which"))?;
    let secret = opened::unwrap(&place, &what_for(keys, name)?, &wrapped).map_err(|why| why.of(&file))?;
    Ok(folder::letters(secret.expose()))
}

/// The keys below a directory that nobody has wrapped.
///
/// # Errors
/// When one cannot be read.
pub fn plain(place: &Path) -> Result<Vec<PathBuf>, KeyError> {
    let mut plain = Vec::new();
    for folder in crate::recovery::folders(place)? {
        for name in sealed::names(&place.join(&folder), ".key")? {
            let file = folder.join(format!("{name}.key"));
            if folder::read_private(&place.join(&file))?.is_some_and(|text| !is_wrapped(&text)) {
                plain.push(file);
            }
        }
    }
    Ok(plain)
}

/// Wraps the keys below a directory that are plain yet, and overwrites what was
/// there; which they were.
///
/// # Errors
/// When its token is not here, or the disk refuses: what was wrapped by then
/// stays so, and the same again does the rest.
pub fn wrap_all(directory: &Path) -> Result<Vec<PathBuf>, KeyError> {
    let own = directory.join("keys");
    for folder in crate::recovery::folders(directory)? {
        share(&own, &directory.join(folder))?;
    }
    let plain = plain(directory)?;
    for path in &plain {
        let file = directory.join(path);
        let keys = file.parent().unwrap_or(directory);
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(secret) = folder::existing(keys, name)? else { continue };
        let what = || format!("wrap {}", file.display());
        let before = OpenOptions::new().write(true).open(&file).map_err(failed(what()))?;
        folder::keep(keys, name, &secret)?;
        scratch::blank(before).map_err(failed(what()))?;
    }
    Ok(plain)
}

/// Whose key signs the drills of a planet whose root is in a token.
pub(crate) const DRILLS: &str = "drill";

/// What opens the sealed copies of a planet whose root is in a token, made with
/// its public halves when there is none; the last is that which says that all
/// is there.
#[cfg_attr(not(feature = "pkcs11"), allow(dead_code))]
fn recovery(keys: &Path) -> Result<(), KeyError> {
    if sealed::recovery_key(keys)?.is_some() {
        return Ok(());
    }
    let secret = folder::secret(keys, sealed::RECOVERED_BY)?;
    folder::write_public(keys, DRILLS, trust::sign::SigningKey::new(&secret).id())?;
    folder::write_public(keys, "recovery", AgentId(sealed::opener(&secret).public().0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;

    /// A folder of keys that a token keeps, which is nowhere.
    fn kept() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        sealed::root(folder.path()).unwrap();
        let place = Place {
            version: 1,
            module: PathBuf::from("/nowhere/lib.so"),
            label: "none".to_owned(),
            serial: "1".to_owned(),
            name: "mycel".to_owned(),
        };
        write(folder.path(), &place).unwrap();
        folder
    }

    #[test]
    fn a_key_whose_token_is_not_here_is_neither_read_nor_made_anew() {
        let folder = kept();
        let file = folder.path().join("node.key");
        let wrapped = format!("{WRAPPED}{}\n", "ab".repeat(WRAPPED_LEN));
        folder::replace(&file, wrapped.as_bytes()).unwrap();
        let refused = folder::secret(folder.path(), "node").unwrap_err();
        assert!(matches!(refused, KeyError::Token { .. }), "{refused}");
        assert_eq!(fs::read_to_string(&file).unwrap(), wrapped);
        assert!(matches!(folder::secret(folder.path(), "other").unwrap_err(), KeyError::Token { .. }));
        assert!(!folder.path().join("other.key").exists() && !folder.path().join("other.sealed").exists());
        // Nor where nothing says which token that is.
        fs::remove_file(folder.path().join(FILE)).unwrap();
        assert!(folder::secret(folder.path(), "node").unwrap_err().to_string().contains("says which"));
    }

    #[test]
    fn what_names_a_token_is_nobodys_to_change_and_nothing_else() {
        let folder = kept();
        let file = folder.path().join(FILE);
        assert_eq!(place(folder.path()).unwrap().unwrap().wrap(), "mycel-wrap");
        for mode in [0o620, 0o602] {
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            assert!(matches!(place(folder.path()).unwrap_err(), KeyError::Open { .. }));
        }
        for bad in ["", "{}", r#"{"version":2,"module":"a","label":"b","serial":"c","name":"d"}"#] {
            folder::replace(&file, bad.as_bytes()).unwrap();
            assert!(matches!(place(folder.path()).unwrap_err(), KeyError::Damaged { .. }), "{bad}");
        }
    }

    #[test]
    fn what_is_wrapped_for_a_place_is_for_the_next_one_there_and_for_no_other() {
        let folder = kept();
        let of = |name| what_for(folder.path(), name).unwrap();
        assert!(of("node") == of("node.next") && of("node") == of("node.before"));
        assert!(of("node") != of("gateway") && of("node") != of("node.nexts"));
    }
}
