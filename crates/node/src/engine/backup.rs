//! A backup of a planet that goes on.

use super::{Code, Engine, FULL, Refusal};
use crate::acts::By;
use crate::below::spaces;
use crate::home::files;
use ::audit::entry::{Act, Place};
use custody::entropy;
use std::io::Write;
use std::sync::TryLockError;
use store::{Backup, BackupError, Part, Secrets, backup_with};

impl Engine {
    /// Writes a backup of everything that was acknowledged before this was
    /// called, sealed under `key`: log, index, and the planet's identity and
    /// keys; the register of its owners' keys when `owners` says so. Nobody
    /// waits for it meanwhile.
    ///
    /// # Errors
    /// When another one is being taken, it cannot be entered, something cannot
    /// be read, or `to` refuses.
    pub fn backup(&self, by: &By, to: &mut dyn Write, key: &[u8; 32], owners: bool) -> Result<Backup, Refusal> {
        let _one = match self.0.backing_up.try_lock() {
            Ok(one) => one,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let what = "a backup is being taken, and there is one at a time: try again when it is done";
                return Err(Refusal::new(Code::Unavailable, what).after(FULL));
            }
        };
        let entropy: [u8; 32] = entropy::bytes().map_err(|why| Refusal::new(Code::Unavailable, why.to_string()))?;
        let (spaces, place) = (spaces(), &self.0.place);
        let part = Part { records: &*self.0.index.records, spaces: &spaces };
        let secrets = Secrets { key, entropy: &entropy };
        let mut beside = || files(place, owners);
        let shards = self.0.regions.iter().flat_map(|region| &region.shards);
        let entries = shards.map(|shard| self.0.log.shard(*shard).next).sum();
        let act = Act::BackedUp { owners, entries };
        // Before the first byte leaves: also what was broken off is in somebody's hands.
        self.0.acts.then((by, Place::Planet), (act, ""), || {
            backup_with(&self.0.log, Some(part), &mut beside, to, secrets, None, &mut |_, _| {})
                .map_err(|error| refused(&error))
        })
    }
}

fn refused(error: &BackupError) -> Refusal {
    let refusal = Refusal::new(Code::Unavailable, error.to_string());
    if error.is_retryable() { refusal.after(FULL) } else { refusal }
}
