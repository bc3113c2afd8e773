//! What stands beside the keys of a planet's directory and is worth as much:
//! what was done, what is revoked, and which certificates were issued.
//!
//! It must never mend or move any of them: whoever looks is told what a start, or
//! the CA's office, would refuse.

use super::{Item, Look, State};
use crate::failure::Failure;
use audit::look::{Wrong, look};
use custody::KeyError;
use custody::authority::{Authority, REVOKED};
use custody::office::{BOOK, Book};
use custody::revocation::Revocations;
use std::fs;
use std::io;
use std::path::Path;

/// The list of what is revoked in a folder of keys, where there is one.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn list(keys: &Path) -> Result<Option<Revocations>, String> {
    match fs::read_to_string(keys.join(REVOKED)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
        Ok(text) => Revocations::read(&text).map(Some).map_err(|why| why.to_string()),
    }
}

impl Look<'_> {
    /// The books of a folder of keys and of the directory that it is in.
    pub(super) fn books(&self, keys: &Path, items: &mut Vec<Item>) -> Result<(), Failure> {
        let place = keys.parent().unwrap_or(keys);
        let issued = match Book::read(keys) {
            Ok(_) => State::Good,
            Err(KeyError::Open { .. }) => State::Open,
            Err(KeyError::Damaged { what, .. }) => State::Damaged(what),
            Err(why) => State::Damaged(why.to_string()),
        };
        items.extend(self.book(&keys.join(BOOK), "certificates issued", "the newest of each key", issued)?);
        let revoked = match list(keys) {
            // Where nobody can tell who the CAs are, the line of ca.pem says so.
            Ok(Some(list)) => match Authority::endorsed(keys).map(|authority| authority.with(list)) {
                Ok(Err(why)) => State::Damaged(why.to_owned()),
                Ok(Ok(_)) | Err(_) => State::Good,
            },
            Ok(None) => State::Good,
            Err(why) => State::Damaged(why),
        };
        // The CA's own is brought to every region; one that is as it should be is shown once.
        if keys == self.data.join("keys") || revoked != State::Good {
            let purpose = "whom nodes refuse, and why: everybody may read it";
            items.extend(self.book(&keys.join(REVOKED), "list of the revoked", purpose, revoked)?);
        }
        let (log, vkey) = (audit::home::folder(place), keys.join(audit::home::VKEY));
        items.extend(self.book(&vkey, "audit log's public key", "what the log is held against", State::Good)?);
        items.extend(self.book(&log, "audit log", "what was done to the planet, and by whom", State::Good)?);
        look(place).into_iter().for_each(|wrong| self.tell(wrong, place, items));
        Ok(())
    }

    /// One of them, where it is there.
    fn book(
        &self,
        file: &Path,
        what: &'static str,
        purpose: &'static str,
        state: State,
    ) -> Result<Option<Item>, Failure> {
        if !file.exists() {
            return Ok(None);
        }
        let item = self.item(file, what, purpose).map_err(|error| Failure::file("read", file, &error))?;
        Ok(Some(Item { state, ..item }))
    }

    /// Says what is wrong with a log at the file that it is about, and where that
    /// is not there at one that is.
    fn tell(&self, wrong: Wrong, place: &Path, items: &mut [Item]) {
        let below = place.strip_prefix(self.data).unwrap_or(place);
        let name = |file: &str| below.join(file).display().to_string();
        let (about, log, vkey) = (name(&wrong.file), name(audit::home::FOLDER), name("keys/audit.vkey"));
        for (file, is_it) in [(&about, true), (&log, false), (&vkey, false)] {
            if let Some(item) = items.iter_mut().find(|item| item.file == *file) {
                // What the file itself is in the way of comes first.
                if item.state == State::Good {
                    let why = if is_it { wrong.why } else { format!("{about}: {}", wrong.why) };
                    item.state = State::Damaged(why);
                }
                return;
            }
        }
    }
}
