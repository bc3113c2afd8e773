//! Which keys of a planet's directory somebody uses, by the way in which it
//! last ran: in one process, or in one for each region behind gateways. `init`
//! makes the keys of both ways, and what the other way has left lies there.
//!
//! It must never call a key used that nobody rotates: it would be late for ever,
//! and whoever waits for its successor waits in vain. What is not used now is
//! rotated by its age as soon as it is.

use crate::spread::ACCEPTED;
use audit::home::{KEY, VKEY};
use custody::office::Book;
use std::path::{Path, PathBuf};
use trust::Moment;

/// The keys of a directory that are used.
pub(super) struct Used {
    own: PathBuf,
    /// Whether the planet last ran in one process.
    is_one: bool,
    /// Whether the CA has issued what somebody may still show.
    has_issued: bool,
}

impl Used {
    pub(super) fn of(data: &Path, now: Moment) -> Self {
        let own = data.join("keys");
        let is_one = data.join("planet.json").exists() && !data.join(ACCEPTED).exists();
        // A book that cannot be read is no reason to call the CA unused.
        let has_issued = Book::read(&own).map_or(true, |book| book.any_until(if is_one { now } else { Moment(0) }));
        Self { own, is_one, has_issued }
    }

    /// Whether somebody uses the key of a name in a folder.
    pub(super) fn has(&self, folder: &Path, name: &str) -> bool {
        let (is_own, beside) = (folder == self.own, |file: &str| folder.with_file_name(file).exists());
        match name {
            "ca" => self.has_issued,
            KEY => (is_own || !self.is_one) && folder.join(VKEY).exists(),
            // Nobody uses what no planet was ever started with.
            _ if name == "node" || name.starts_with("region-") => is_own == self.is_one && beside("planet.json"),
            // Those of machines apart have certificates here, and are used there.
            _ if name.starts_with("gateway") => {
                !self.is_one && folder.join(format!("{name}.pem")).exists() && (is_own || beside("audit"))
            }
            _ => true,
        }
    }
}
