//! Entries at rest: on the disk of whoever writes a log each stands in an
//! envelope of its own, for it names people, their addresses and why.
//!
//! It must never change what a leaf is over: that is the entry as it was, so
//! hashes, checkpoints, proofs and copies know nothing of envelopes. One
//! envelope is one entry, and says nothing of its place: an entry that was
//! swapped on the disk still opens, and is named by the tree, which alone says
//! what stands where.

use crate::bundle;
use crate::files::{Source, too_long};
use crate::path::WIDTH;
use sha2::{Digest, Sha256};
use std::io;
use trust::envelope::{DataKey, OVERHEAD, TooLarge};
use trust::{OwnerId, PlanetId, Secret};

/// How a bundle begins whose entries are in envelopes, and the version of that.
/// No bundle of entries begins so: none is as long as the first two bytes say.
pub(crate) const SEALED: &[u8; 8] = b"\xff\xffMABS1\n";
/// What an entry is sealed for.
const PURPOSE: &[u8] = b"mycel audit entry v1";
/// What a bundle is longer than the one that was sealed.
const LONGER: usize = SEALED.len() + WIDTH * OVERHEAD;

/// The key to the entries of one log on the disk where it is written.
#[derive(Debug)]
pub struct EntryKey(DataKey);

impl EntryKey {
    /// The key to the entries of the log of this origin.
    #[must_use]
    pub fn new(origin: &str, secret: Secret) -> Self {
        // An origin names its planet, and is whose data it is.
        let of: [u8; 32] = Sha256::digest(origin.as_bytes()).into();
        let planet = PlanetId(of.first_chunk().copied().unwrap_or_default());
        Self(DataKey::new(planet, OwnerId(of), secret))
    }

    pub(crate) fn seal(&self, entry: &[u8]) -> Result<Vec<u8>, TooLarge> {
        self.0.seal(PURPOSE, entry)
    }

    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.0.open(PURPOSE, sealed).ok()
    }

    /// Which key it is, without saying what.
    pub(crate) fn tag(&self) -> [u8; 16] {
        self.0.tag(PURPOSE)
    }

    /// A bundle as it was before it was sealed. What does not open stays as it
    /// is: it is not the entry that was signed, and is named as that.
    fn bundle(&self, mut sealed: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(sealed.len());
        while let Some((length, rest)) = sealed.split_first_chunk()
            && let Some((envelope, left)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        {
            match self.open(envelope) {
                Some(entry) => bundle::write(&mut plain, &entry),
                None => bundle::write(&mut plain, envelope),
            }
            sealed = left;
        }
        plain.extend_from_slice(sealed);
        plain
    }
}

/// The files of a log as everybody else has them: with entries that stand in
/// envelopes taken out of these.
#[derive(Debug)]
pub struct Opened<S> {
    source: S,
    key: Option<EntryKey>,
}

impl<S> Opened<S> {
    /// The files of a source; without a key as they are.
    #[must_use]
    pub const fn new(source: S, key: Option<EntryKey>) -> Self {
        Self { source, key }
    }
}

impl<S: Source> Source for Opened<S> {
    fn file(&self, name: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(key) = self.key.as_ref().filter(|_| name.starts_with("tile/entries/")) else {
            return self.source.file(name, most);
        };
        let bytes = match self.source.file(name, most.saturating_add(LONGER))? {
            Some(bytes) => bytes.strip_prefix(SEALED).map(|sealed| key.bundle(sealed)).unwrap_or(bytes),
            None => return Ok(None),
        };
        if bytes.len() > most { Err(too_long()) } else { Ok(Some(bytes)) }
    }
}
