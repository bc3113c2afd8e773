//! `mycel.json`: what was written to a folder, and what each file was then.
//!
//! It is read back from a disk where anybody may have changed it, and files are
//! removed by what it says: a path that leads anywhere else is no path.

use super::{WriteError, disk::Disk};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The manifest's name.
pub const NAME: &str = "mycel.json";

/// The version of its shape.
const VERSION: u32 = 1;

/// 10,000 regions with 16 files each, at 200 bytes.
pub(super) const MOST_BYTES: usize = 32 << 20;

/// The longest path that a file system takes, less what is before it.
const MOST_PATH: usize = 1_024;

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What is in it.
    pub sha256: String,
    /// The target that it is of.
    pub target: String,
    /// The region that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What may still be in it, while files change places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
}

/// What was written to a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u32,
    program: String,
    planet: String,
    planet_sha256: String,
    /// By path.
    pub files: BTreeMap<String, Entry>,
}

impl Manifest {
    pub(super) fn new(program: &str, planet: &str, digest: &[u8; 32], files: BTreeMap<String, Entry>) -> Self {
        let (program, planet) = (program.to_owned(), planet.to_owned());
        Self { version: VERSION, program, planet, planet_sha256: letters(digest), files }
    }

    /// Reads one.
    ///
    /// # Errors
    /// When it is none of this version, or names what is outside its folder.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MOST_BYTES {
            return Err(format!("it has more than {MOST_BYTES} bytes"));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if manifest.version != VERSION {
            return Err(format!("it is of version {}; this program reads {VERSION}", manifest.version));
        }
        match manifest.files.keys().find(|path| !is_inside(path)) {
            Some(path) => Err(format!("`{}` is no path in this folder", path.escape_debug())),
            None => Ok(manifest),
        }
    }

    /// Whether it was rendered from a planet file with this digest.
    #[must_use]
    pub fn is_of(&self, digest: &[u8; 32]) -> bool {
        self.planet_sha256 == letters(digest)
    }

    /// As it is written.
    #[must_use]
    pub fn text(&self) -> String {
        // Strings and numbers under strings: JSON has words for all of it.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Whether a file with this digest was written at a path.
    #[must_use]
    pub(super) fn wrote(&self, path: &str, digest: &str) -> bool {
        let entry = self.files.get(path);
        entry.is_some_and(|entry| entry.sha256 == digest || entry.before.iter().any(|before| before == digest))
    }

    /// The same while files change places: each may still be what it was, and
    /// those that are about to go may still be there.
    pub(super) fn in_flight(&self, before: &Self) -> Self {
        let mut both = self.clone();
        for (path, was) in &before.files {
            let entry = both.files.entry(path.clone()).or_insert_with(|| was.clone());
            let old = std::iter::once(&was.sha256).chain(&was.before).filter(|old| **old != entry.sha256);
            entry.before = old.cloned().collect();
            entry.before.dedup();
        }
        both
    }
}

/// Whether a path leads to a file below its folder that a manifest can name.
fn is_inside(path: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\0');
    path.len() <= MOST_PATH && path.contains('/') && path.split('/').all(is_part)
}

/// The manifest of a folder, if there is one.
pub(super) fn read(disk: &Disk) -> Result<Option<Manifest>, WriteError> {
    let Some(bytes) = disk.read(NAME, MOST_BYTES + 1)? else { return Ok(None) };
    Manifest::parse(&bytes).map(Some).map_err(WriteError::Manifest)
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    letters(&Sha256::digest(bytes).into())
}

pub(super) fn letters(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn with(path: &str) -> String {
        let entry = r#"{"sha256": "00", "target": "compose"}"#;
        let path = serde_json::to_string(path).unwrap();
        format!(r#"{{"version": 1, "program": "0", "planet": "p", "planet_sha256": "", "files": {{{path}: {entry}}}}}"#)
    }

    #[test]
    fn a_path_that_leads_elsewhere_is_no_path() {
        Manifest::parse(with("compose/na/.env").as_bytes()).unwrap();
        for bad in ["", "/etc/passwd", "../a/b", "a/../../b", "a/./b", "a//b", "a/", "a", "a/b\0", "mycel.json"] {
            assert!(Manifest::parse(with(bad).as_bytes()).is_err(), "{bad:?}");
        }
        assert!(Manifest::parse(with(&format!("a/{}", "b".repeat(1_024))).as_bytes()).is_err());
        let next = with("a/b").replace("\"version\": 1", "\"version\": 2");
        assert!(Manifest::parse(next.as_bytes()).unwrap_err().contains("version 2"));
    }
}
