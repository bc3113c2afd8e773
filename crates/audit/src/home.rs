//! The log of a data directory: its files are in `audit/`, and its key is
//! `keys/audit.key`, with `keys/audit.vkey` for everybody. What its entries are
//! sealed with there is `keys/audit.entries.key`: a key of its own, so that the
//! other can have a successor and what is written stays readable.
//!
//! It must never give a log another key or another name than it began with: a
//! key that is gone is not made anew, for the log would be forked by it, or its
//! entries never read again.

use crate::asked::Id;
use crate::checkpoint::{Signer, origin};
use crate::entry::{Entry, Who};
use crate::files::{Folders, Mirror};
use crate::note::{KeyKind, Verifier};
use crate::sealed::{EntryKey, Opened};
use crate::segment;
use crate::truth;
use crate::writer::{AppendError, Audit, OpenError, Recovery};
use crate::{Malformed, Source};
use custody::KeyError;
use custody::folder::{existing, private, replace, secret};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use trust::sign::SigningKey;
use trust::{PlanetId, Secret};

pub use crate::tiles::newest;

/// The log's folder in a data directory.
pub const FOLDER: &str = "audit";
/// The name of its secret in the folder of keys.
pub const KEY: &str = "audit";
/// The name of the key to its entries there.
pub const ENTRY_KEY: &str = "audit.entries";
/// The file of its public key there.
pub const VKEY: &str = "audit.vkey";

/// Copies of a log's keys, for a directory whose keys are gone.
pub struct Copies {
    /// Of what signs it.
    pub signing: Secret,
    /// Of what its entries are sealed with, where they are.
    pub entries: Option<Secret>,
}

/// Why the log of a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Its key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A name that no log can have.
    #[error("the audit log: {0}")]
    Name(#[from] Malformed),
    /// Its public key is not of its secret one, or one of them is gone.
    #[error(
        "{vkey} and audit.key beside it are not the two halves of one key, or one of them is gone: bring back what was \
         there; a log whose key is lost ends, and with `audit` and `keys/audit.*` moved away another begins, which \
         everybody who has a copy of this one will see"
    )]
    OtherKey {
        /// The file of the public key.
        vkey: String,
    },
    /// The key to its entries is gone.
    #[error(
        "{key} is not there, and the entries of the audit log are sealed with it: bring it back, or its sealed copy by \
         `mycel trust recover`; without it the log ends, and with `audit` and `keys/audit.*` moved away another begins"
    )]
    NoEntryKey {
        /// The file of the key.
        key: String,
    },
    /// What is there is not what was signed.
    #[error(
        "{place}: {why}; nothing was changed: `mycel audit verify {place} --key {vkey}` says what is wrong, and another \
         copy what was there; to go on without it move `audit` and `keys/audit.*` away, and another log begins, which \
         everybody who has a copy of this one will see"
    )]
    NotWhatWasSigned {
        /// The folder.
        place: String,
        /// The file of the public key.
        vkey: String,
        /// What is wrong.
        why: OpenError,
    },
    /// It cannot be opened now.
    #[error("{0}")]
    NotNow(OpenError),
    /// It cannot be written.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// The folder of the log of a data directory.
#[must_use]
pub fn folder(data: &Path) -> PathBuf {
    data.join(FOLDER)
}

/// The public key of the log of a data directory, when it has one.
///
/// # Errors
/// When it cannot be read, or is none.
pub fn verifier(data: &Path) -> Result<Option<Verifier>, HomeError> {
    public(&data.join("keys"))
}

fn public(keys: &Path) -> Result<Option<Verifier>, HomeError> {
    let file = keys.join(VKEY);
    let other = || HomeError::OtherKey { vkey: file.display().to_string() };
    match fs::read_to_string(&file) {
        Ok(text) => Verifier::parse(text.trim()).map(Some).map_err(|_| other()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(custody::folder::failed(format!("read {}", file.display()))(error).into()),
    }
}

/// The files of a log in a folder. Where that is the folder of a data directory
/// its entries are opened with the key that is there; a copy has them as they
/// are, or has none.
///
/// # Errors
/// When a key that is there cannot be read.
pub fn reader(folder: &Path) -> Result<Opened<Mirror>, HomeError> {
    reader_by(folder, None)
}

fn reader_by(folder: &Path, copies: Option<&Copies>) -> Result<Opened<Mirror>, HomeError> {
    let keys = folder.join("..").join("keys");
    let mut key = None;
    if let Some(log) = public(&keys)? {
        let secret = existing(&keys, ENTRY_KEY)?.or_else(|| copied(copies));
        key = secret.map(|secret| EntryKey::new(log.name(), secret));
    }
    Ok(Opened::new(Mirror::new(folder), key))
}

/// A copy of the key to the entries.
fn copied(copies: Option<&Copies>) -> Option<Secret> {
    let mut bytes = *copies?.entries.as_ref()?.expose();
    Some(Secret::take(&mut bytes))
}

/// The key to the entries, made where none is sealed yet.
fn entry_key(keys: &Path, place: &Path, origin: &str, copies: Option<&Copies>) -> Result<EntryKey, HomeError> {
    let secret = match existing(keys, ENTRY_KEY)?.or_else(|| copied(copies)) {
        Some(secret) => secret,
        None if has_sealed(place)? => {
            let key = keys.join(format!("{ENTRY_KEY}.key")).display().to_string();
            return Err(HomeError::NoEntryKey { key });
        }
        None => secret(keys, ENTRY_KEY)?,
    };
    Ok(EntryKey::new(origin, secret))
}

/// Whether entries are sealed here: the oldest segment says so.
fn has_sealed(place: &Path) -> Result<bool, HomeError> {
    let read = || {
        let names = fs::read_dir(place)?.map(|file| Ok(file?.file_name())).collect::<io::Result<Vec<_>>>()?;
        let first = |name: &std::ffi::OsString| name.to_str().and_then(segment::first);
        let Some(oldest) = names.iter().filter_map(first).min() else { return Ok(false) };
        let mut start = Vec::new();
        fs::File::open(place.join(segment::name(oldest)))?.take(16).read_to_end(&mut start)?;
        Ok(truth::is_sealed(&start))
    };
    read().map_err(|error| custody::folder::failed(format!("read {}", place.display()))(error).into())
}

/// What signs the log of a data directory, made when there is no log. The name
/// is what the log is called from its beginning on, such as `garden` or
/// `garden.eu`.
fn signer(data: &Path, name: &str, planet: PlanetId, copies: Option<&Copies>) -> Result<Signer, HomeError> {
    let keys = data.join("keys");
    let vkey = keys.join(VKEY);
    let other = || HomeError::OtherKey { vkey: vkey.display().to_string() };
    if let Some(known) = verifier(data)? {
        let secret = existing(&keys, KEY)?;
        let copy = copies.map(|copies| &copies.signing);
        let secret = secret.as_ref().or(copy).ok_or_else(other)?;
        let signer = Signer::new(known.name(), KeyKind::Note, SigningKey::new(secret))?;
        return if *signer.verifier() == known { Ok(signer) } else { Err(other()) };
    }
    let signer = Signer::new(&origin(name, planet)?, KeyKind::Note, SigningKey::new(&secret(&keys, KEY)?))?;
    // After the secret, so that a crash leaves no half that nobody can match.
    replace(&vkey, format!("{}\n", signer.verifier()).as_bytes())?;
    Ok(signer)
}

/// Opens the log of a data directory, and begins it when there is none.
///
/// # Errors
/// When it is not what was signed, another process writes it, or the disk
/// refuses.
pub fn open(data: &Path, name: &str, planet: PlanetId) -> Result<(Audit<Folders>, Recovery), HomeError> {
    open_by(data, name, planet, None)
}

/// The same, with copies of the keys where their files are gone.
fn open_by(
    data: &Path,
    name: &str,
    planet: PlanetId,
    copies: Option<&Copies>,
) -> Result<(Audit<Folders>, Recovery), HomeError> {
    private(&data.join("keys"))?;
    let place = folder(data);
    private(&place)?;
    let signer = signer(data, name, planet, copies)?;
    let key = entry_key(&data.join("keys"), &place, signer.verifier().name(), copies)?;
    let disk = Folders::open(&place).map_err(|error| HomeError::NotNow(error.into()))?;
    Audit::open(disk, signer, key).map_err(|why| match why {
        OpenError::InUse(_) | OpenError::Disk(_) => HomeError::NotNow(why),
        why => {
            let vkey = data.join("keys").join(VKEY).display().to_string();
            HomeError::NotWhatWasSigned { place: place.display().to_string(), vkey, why }
        }
    })
}

/// Enters what a command does in the log of a data directory that no process
/// holds, such as a key's revocation while the planet is down; the number of the
/// first. What a process has entered at the same request already is not entered
/// again. Where the log's key is gone, a copy of it will do: whoever brings the
/// planet's keys back has one.
///
/// # Errors
/// When a process holds it, it is not what was signed, or the disk refuses.
/// Then the act is not to be done.
pub fn append_at_rest(
    data: &Path,
    (name, planet, copies): (&str, PlanetId, Option<&Copies>),
    (id, entries): (Id, &[Entry]),
) -> Result<u64, HomeError> {
    let (log, _) = open_by(data, name, planet, copies)?;
    // A log that was opened this moment can be read.
    let there = first_of(&reader_by(&folder(data), copies)?, log.published().size, id, entries.len()).ok().flatten();
    Ok(there.map_or_else(|| log.append(entries), Ok)?)
}

/// The newest entries among which a request is looked for: it waits for seconds,
/// and acts come to some thousands of entries in them.
const LOOKED: u64 = 65_536;

/// The number of the first entry of a request, of so many one behind another,
/// when it was entered already.
///
/// # Errors
/// When the log's files cannot be read.
pub fn first_of(source: &impl Source, size: u64, id: Id, many: usize) -> Result<Option<u64>, crate::Missing> {
    let address = id.address();
    let last = newest(source, size, |number, entry| {
        let is_of_it = entry.who == Who::Directory && entry.address == address;
        if is_of_it { Some(Some(number)) } else { (number + LOOKED < size).then_some(None) }
    });
    Ok(last?.flatten().map(|last| (last + 1).saturating_sub(crate::number::wide(many))))
}

/// A name as a log can have it.
#[must_use]
pub fn plain(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_graphic() && !"/+".contains(letter) { letter } else { '-' };
    name.chars().map(plain).collect()
}
