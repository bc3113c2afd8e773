//! The log of a data directory: its files are in `audit/`, and its key is
//! `keys/audit.key`, with `keys/audit.vkey` for everybody. What its entries are
//! sealed with there is `keys/audit.entries.key`: a key of its own, so that the
//! other can have a successor and what is written stays readable.
//!
//! It must never give a log another key or another name than it began with: a
//! key that is gone is not made anew, for the log would be forked by it, or its
//! entries never read again.

use crate::asked::Id;
use crate::checkpoint::{Signer, Signers, origin};
use crate::entry::{Act, Entry, Key, Name, Who};
use crate::files::{Folders, Mirror};
use crate::note::{KeyKind, Verifier};
use crate::sealed::{EntryKey, Opened};
use crate::segment;
use crate::truth;
use crate::writer::{AppendError, Audit, OpenError, Recovery};
use crate::{Malformed, Missing, Source};
use custody::folder::{existing, private, replace, secret};
use custody::{KeyError, succession};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use trust::sign::SigningKey;
use trust::{Moment, PlanetId, Secret};
use vocab::Millis;

pub use crate::tiles::newest;

/// The log's folder in a data directory.
pub const FOLDER: &str = "audit";
/// The name of its secret in the folder of keys.
pub const KEY: &str = "audit";
/// The name of the key to its entries there.
pub const ENTRY_KEY: &str = "audit.entries";
/// The file of its public key there.
pub const VKEY: &str = "audit.vkey";
/// There from when a checkpoint is: what says how much was signed cannot be
/// removed unnoticed, and nor can the whole log.
const BEGUN: &str = "audit.begun";

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
        let secret = copied(copies).map_or_else(|| existing(&keys, ENTRY_KEY), |copy| Ok(Some(copy)))?;
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
    let copy = copied(copies);
    let secret = match copy.map_or_else(|| existing(keys, ENTRY_KEY), |copy| Ok(Some(copy)))? {
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
pub(crate) fn has_sealed(place: &Path) -> Result<bool, HomeError> {
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
fn signers(data: &Path, name: &str, planet: PlanetId, copies: Option<&Copies>) -> Result<Signers, HomeError> {
    let keys = data.join("keys");
    let vkey = keys.join(VKEY);
    let other = || HomeError::OtherKey { vkey: vkey.display().to_string() };
    if let Some(known) = verifier(data)? {
        let signer = |secret: &Secret| Signer::new(known.name(), KeyKind::Note, SigningKey::new(secret));
        let present = match copies {
            // Whoever has copies is there because the files cannot be read.
            Some(copies) => signer(&copies.signing)?,
            None => signer(&existing(&keys, KEY)?.ok_or_else(other)?)?,
        };
        let before = succession::before(&keys, KEY)?.map(|(secret, _)| signer(&secret)).transpose()?;
        // One that has not lost its place yet is no key before this one.
        let before = before.filter(|before| before.verifier() != present.verifier());
        if *present.verifier() != known {
            if before.as_ref().is_none_or(|before| *before.verifier() != known) {
                return Err(other());
            }
            // The file is behind: a kill came between the two.
            publish(&vkey, present.verifier())?;
        }
        return Ok(Signers { present, before });
    }
    let present = Signer::new(&origin(name, planet)?, KeyKind::Note, SigningKey::new(&secret(&keys, KEY)?))?;
    // After the secret, so that a crash leaves no half that nobody can match.
    publish(&vkey, present.verifier())?;
    Ok(present.into())
}

fn publish(vkey: &Path, log: &Verifier) -> Result<(), HomeError> {
    Ok(replace(vkey, format!("{log}\n").as_bytes())?)
}

/// Gives the place of an open log's key to the next. `enter` makes the entry
/// that says so, which the old key signs; both keys sign checkpoints until
/// [`end_overlap`]. What a kill cut off is gone on with, when it is done again.
///
/// # Errors
/// When the disk refuses; then it is to be done again.
pub fn rotate(data: &Path, log: &Audit<Folders>, enter: impl FnOnce(Act) -> Entry) -> Result<Verifier, HomeError> {
    let keys = data.join("keys");
    let vkey = keys.join(VKEY);
    let other = || HomeError::OtherKey { vkey: vkey.display().to_string() };
    let known = verifier(data)?.ok_or_else(other)?;
    let next = succession::begin(&keys, KEY)?;
    // Whoever asked sees the next key from here on: a kill does not have it done twice.
    succession::answer(&keys, KEY)?;
    let next = Signer::new(known.name(), KeyKind::Note, SigningKey::new(&next))?;
    let (from, to) = (Key(known.key().id().0), Key(next.verifier().key().id().0));
    let entry = match entered(data, log, (from, to))? {
        Some(entry) => entry,
        None => log.append(&[enter(Act::KeyRotated { line: Name::cut(KEY), from, to })])?,
    };
    let named = next.verifier().clone();
    log.hand_over(next, entry)?;
    succession::finish(&keys, KEY)?;
    publish(&vkey, &named)?;
    Ok(named)
}

/// The same for a log that no process has, as a command asks for it; nothing
/// where one has it, and then it is that one's to do.
///
/// # Errors
/// When the log is not what was signed, or the disk refuses; then it is to be
/// done again.
pub fn rotate_at_rest(
    data: &Path,
    planet: PlanetId,
    enter: impl FnOnce(Act) -> Entry,
) -> Result<Option<Verifier>, HomeError> {
    // One that is there keeps its name.
    match open(data, KEY, planet) {
        Ok((log, _)) => rotate(data, &log, enter).map(Some),
        Err(HomeError::NotNow(OpenError::InUse(_))) => Ok(None),
        Err(why) => Err(why),
    }
}

/// The entry of a rotation that a kill cut off behind it.
fn entered(data: &Path, log: &Audit<Folders>, (from, to): (Key, Key)) -> Result<Option<u64>, HomeError> {
    let place = folder(data);
    let read = |why: Missing| custody::folder::failed(format!("read {}", place.display()))(io::Error::other(why));
    let is_it = |index: u64, entry: &Entry| match &entry.act {
        Act::KeyRotated { from: old, to: new, .. } => (*old == from && *new == to).then_some(index),
        _ => None,
    };
    Ok(newest(&reader(&place)?, log.published().size, is_it).map_err(read)?)
}

/// Ends the time in which the key before signs as well: it is destroyed.
///
/// # Errors
/// When the disk refuses; then it is to be done again.
pub fn end_overlap(data: &Path, log: &Audit<Folders>) -> Result<(), HomeError> {
    log.let_go()?;
    Ok(succession::forget(&data.join("keys"), KEY)?)
}

/// When a log's key is to give its place to the next.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The time.
    pub now: Moment,
    /// Whether it can be believed: where it cannot, nothing is due by age and
    /// nothing is destroyed.
    pub settled: bool,
    /// Whether no age makes the key due now, because it was just rotated.
    pub rests: bool,
    /// How long a key is used.
    pub every: Millis,
    /// How long the one before signs beside it.
    pub overlap: Millis,
}

/// Whoever rotates on a schedule calls this now and then: it rotates the key
/// when it is as old as `every`, somebody asked for it, or a kill cut one off,
/// and ends an overlap that is over. The new key, when there is one.
///
/// # Errors
/// When the disk refuses; then it is to be called again.
pub fn turn(
    data: &Path,
    log: &Audit<Folders>,
    Times { now, settled, rests, every, overlap }: Times,
    enter: impl FnOnce(Act) -> Entry,
) -> Result<Option<Verifier>, HomeError> {
    let keys = data.join("keys");
    if settled
        && let Some((_, since)) = succession::before(&keys, KEY)?
        && since.after(overlap) <= now
        && succession::begun(&keys, KEY)?.is_none()
    {
        end_overlap(data, log)?;
    }
    let is_due = succession::begun(&keys, KEY)?.is_some()
        || succession::is_asked(&keys, KEY)
        || settled && !rests && succession::age(&keys, KEY, now)?.is_some_and(|age| age >= every);
    is_due.then(|| rotate(data, log, enter)).transpose()
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
    let signers = signers(data, name, planet, copies)?;
    let key = entry_key(&data.join("keys"), &place, signers.present.verifier().name(), copies)?;
    let disk = Folders::open(&place).map_err(|error| HomeError::NotNow(error.into()))?;
    let not_signed = |why| {
        let vkey = data.join("keys").join(VKEY).display().to_string();
        HomeError::NotWhatWasSigned { place: place.display().to_string(), vkey, why }
    };
    let begun = data.join("keys").join(BEGUN);
    if begun.exists() && !place.join("checkpoint").exists() {
        return Err(not_signed(OpenError::NoCheckpoint));
    }
    let opened = Audit::open(disk, signers, key).map_err(|why| match why {
        OpenError::InUse(_) | OpenError::Disk(_) => HomeError::NotNow(why),
        why => not_signed(why),
    })?;
    if !begun.exists() {
        replace(&begun, b"")?;
    }
    Ok(opened)
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
