//! How the log of a data directory is, while nobody opens it or somebody else
//! has it: what a start would refuse it for.
//!
//! It must never write, mend or lock anything: whoever looks is no writer.

use crate::entry::{Act, Entry};
use crate::files::{Folders, Source, checkpoint};
use crate::home::{ENTRY_KEY, FOLDER, HomeError, KEY, VKEY, folder, has_sealed, reader, verifier};
use crate::note::Verifier;
use crate::sealed::EntryKey;
use crate::segment::NAME as ENTRIES;
use crate::successor;
use crate::tiles::newest;
use crate::writer::{self, OpenError};
use custody::folder::existing;
use custody::{KeyError, succession};
use std::io;
use std::path::Path;
use trust::sign::SigningKey;

/// Somebody writes it meanwhile: a batch that is half there looks torn, and is
/// whole a moment later. What is wrong is wrong each of these times.
const TIMES: usize = 3;

/// What is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Which file, or folder of files, below the data directory.
    pub file: String,
    /// What is wrong with it.
    pub why: String,
}

impl Wrong {
    fn key(file: &str, why: impl std::fmt::Display) -> Self {
        Self { file: format!("keys/{file}"), why: why.to_string() }
    }

    fn log(why: impl std::fmt::Display) -> Self {
        Self { file: FOLDER.to_owned(), why: why.to_string() }
    }
}

/// What is wrong with the log of a data directory; nothing where it is whole,
/// or where there is none. Keys that cannot be read say so themselves, and what
/// only they show is not looked at.
#[must_use]
pub fn look(data: &Path) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let place = folder(data);
    let log = match verifier(data) {
        Ok(Some(log)) => log,
        Ok(None) if place.join("entries").exists() || place.join("checkpoint").exists() => {
            return vec![Wrong::log(format_args!("there is no keys/{VKEY}: without it nobody knows whose log it is"))];
        }
        Ok(None) => return wrong,
        Err(HomeError::OtherKey { .. }) => return vec![Wrong::key(VKEY, "it is no public key of a log")],
        Err(why) => return vec![Wrong::key(VKEY, why)],
    };
    let keys = data.join("keys");
    match is_half(&keys, &log) {
        Ok(true) => {}
        Ok(false) => wrong.push(Wrong::key(VKEY, "it is not of audit.key beside it, or that is not there")),
        // The key says why itself.
        Err(_) => {}
    }
    match existing(&keys, ENTRY_KEY) {
        Ok(Some(secret)) => {
            let key = EntryKey::new(log.name(), secret);
            wrong.extend(settled(&place, &log, &key));
        }
        Ok(None) if has_sealed(&place).unwrap_or(false) => {
            wrong.push(Wrong::log(format_args!("its entries are sealed, and keys/{ENTRY_KEY}.key is not there")));
        }
        Ok(None) | Err(_) => {}
    }
    wrong
}

/// What is wrong with what a start reads of the log in a folder, and tiles do
/// not show: the files of entries. Nothing in a copy, of which nothing starts,
/// and where entries cannot be read, which whoever reads tiles is told.
#[must_use]
pub fn at_rest(place: &Path, log: &Verifier) -> Option<Wrong> {
    let data = place.join("..");
    let is = |one: &Path, other: &Path| Some(one.canonicalize().ok()? == other.canonicalize().ok()?);
    is(&folder(&data), place).filter(|is_it| *is_it)?;
    let key = EntryKey::new(log.name(), existing(&data.join("keys"), ENTRY_KEY).ok().flatten()?);
    let wrong = settled(place, log, &key)?;
    let file = if wrong.file == FOLDER { ENTRIES.to_owned() } else { wrong.file };
    Some(Wrong { file, why: wrong.why })
}

/// What is wrong each time.
fn settled(place: &Path, log: &Verifier, key: &EntryKey) -> Option<Wrong> {
    (0..TIMES).map_while(|_| content(place, log, key)).nth(TIMES - 1)
}

/// Whether a public key is of the secret one that signs, or of the one before:
/// a kill leaves the file behind, and the next start brings it up.
fn is_half(keys: &Path, log: &Verifier) -> Result<bool, KeyError> {
    let is = |secret: &trust::Secret| SigningKey::new(secret).id() == log.key().id();
    let before = succession::before(keys, KEY)?;
    Ok(existing(keys, KEY)?.is_some_and(|present| is(&present) || before.is_some_and(|(before, _)| is(&before))))
}

/// The first thing that is wrong with what was signed, or with what a start
/// reads. Tiles follow from that, and a start makes those anew that are gone.
fn content(place: &Path, log: &Verifier, key: &EntryKey) -> Option<Wrong> {
    let read = || -> Result<Option<Wrong>, HomeError> {
        let files = reader(place)?;
        // What was signed is read first: the entries of it are there from then on.
        let text = checkpoint(&files).map_err(not_now)?;
        let signed = match text.map(|text| successor::open(&files, &text, log)) {
            Some(Ok(followed)) => followed.signed.checkpoint.head,
            Some(Err(why)) => return Ok(Some(Wrong::log(format_args!("the checkpoint is not believed: {why}")))),
            None => return Ok(Some(Wrong::log(OpenError::NoCheckpoint))),
        };
        let disk = Folders::open(place).map_err(not_now)?;
        Ok(match writer::look(&disk, (log.name(), key), signed) {
            Ok(0) => None,
            Ok(first) => gone(&files, signed.size, first),
            // Every entry looks wrong by another key.
            Err(OpenError::OtherKey) => {
                let why = "it is another key than the one that the log's entries are sealed with";
                Some(Wrong::key(&format!("{ENTRY_KEY}.key"), why))
            }
            Err(why) => Some(Wrong::log(why)),
        })
    };
    read().unwrap_or_else(|why| Some(Wrong::log(why)))
}

fn not_now(error: io::Error) -> HomeError {
    HomeError::NotNow(error.into())
}

/// Whether the entries before the first that is there went without being pruned.
fn gone(files: &impl Source, size: u64, first: u64) -> Option<Wrong> {
    let until = |_, entry: &Entry| match entry.act {
        Act::Pruned { first, .. } => Some(first),
        _ => None,
    };
    // Where tiles are gone as well, the next start says it of what it reads.
    let pruned = newest(files, size, until).ok()?;
    (pruned.unwrap_or(0) < first).then(|| Wrong::log(OpenError::NotPruned(first - 1)))
}
