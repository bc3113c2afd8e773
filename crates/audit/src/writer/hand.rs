//! How an open log goes on under another key: the note that names it is durable
//! before the key signs, and the key before signs beside it for a while.

use super::core::Core;
use super::{AppendError, Audit, replace};
use crate::checkpoint::Signer;
use crate::files::{OnDisk, Source};
use crate::successor::{FILE, LONGEST, MOST, Successor, read};
use std::io;
use store::{Barrier, Disk};

/// Said where there is room for no more.
const FULL: &str = "the log's key has had 128 successors, the most there can be: it stays in use";

impl<D: Disk> Audit<D> {
    /// Goes on under the next key, of which an entry says that it follows; the
    /// key of until now signs beside it. To be done again where it was cut off.
    ///
    /// # Errors
    /// When the disk refuses, or the key is one of another log.
    pub fn hand_over(&self, next: Signer, entry: u64) -> Result<(), AppendError> {
        self.with(|core| core.hand_over(next, entry))
    }

    /// Lets go of the key before: the present one signs alone from now on, and
    /// that is durable when this returns.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn let_go(&self) -> Result<(), AppendError> {
        self.with(|core| {
            core.signers.before = None;
            core.sign_again()
        })
    }
}

impl<D: Disk> Core<D> {
    fn hand_over(&mut self, next: Signer, entry: u64) -> io::Result<()> {
        if next.verifier().name() != self.signers.present.verifier().name() {
            return Err(io::Error::other("the next key is of another log"));
        }
        // The entry stands under what the key of until now has signed.
        self.publish()?;
        let successor = Successor { next: next.verifier().clone(), entry };
        let file = OnDisk(&self.disk).file(FILE, LONGEST)?.unwrap_or_default();
        let mut file = String::from_utf8(file).map_err(io::Error::other)?;
        let known = read(&file).map_err(io::Error::other)?;
        if known.last().is_none_or(|(_, last)| *last != successor) {
            // One more than are read would have nobody follow any of them.
            if known.len() >= MOST {
                return Err(io::Error::other(FULL));
            }
            let note = successor.sign(&self.signers.present, &next).map_err(io::Error::other)?;
            file.push_str(&note.to_string());
            replace(&self.disk, FILE, file.as_bytes(), Some(Barrier::Mark))?;
        }
        self.disk.sync_dir(Barrier::Name)?;
        self.signers.before = Some(std::mem::replace(&mut self.signers.present, next));
        self.sign_again()
    }

    /// Signs the same head by whoever signs now.
    fn sign_again(&mut self) -> io::Result<()> {
        self.signed = None;
        self.publish()?;
        self.disk.sync_dir(Barrier::Name)
    }
}
