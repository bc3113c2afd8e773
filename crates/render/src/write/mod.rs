//! The shell: rendered files on a disk, and what has become of them since.
//!
//! It must never touch anything outside the folder that it was given, never
//! follow a link out of it, and never overwrite what somebody has edited unless
//! it is told to. Files are written beside their places first, all of them: a
//! disk that is full leaves every old file as it was. Only then each takes its
//! place, whole. The manifest says what was written here, and while files change
//! places it says what was there before, so that a crash makes no file look
//! edited.

mod disk;
mod manifest;

pub use manifest::{Entry, Manifest, NAME};

use crate::{File, Tree};
use disk::{Disk, Found};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// What was rendered, of what, and how much of it all that is.
pub struct Rendered<'a> {
    /// What the planet is called.
    pub planet: &'a str,
    /// The digest of its file.
    pub digest: [u8; 32],
    /// The version of the program.
    pub program: &'a str,
    /// The files.
    pub tree: &'a Tree,
    /// The targets that were rendered; all when nothing was chosen.
    pub targets: Option<&'a [&'a str]>,
    /// The regions that were; all when there is none.
    pub regions: &'a [&'a str],
}

/// How a file differs from what is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Differs {
    /// It is not there.
    Missing,
    /// It is neither what is rendered now nor what was.
    Edited,
    /// It is what was rendered before.
    Outdated,
    /// It was rendered before, and is not any more.
    Leftover,
    /// Nobody has rendered it.
    Unexpected,
}

impl Differs {
    /// As a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Edited => "edited",
            Self::Outdated => "outdated",
            Self::Leftover => "leftover",
            Self::Unexpected => "unexpected",
        }
    }
}

/// Why files were not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk refuses.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What it said.
        source: io::Error,
    },
    /// Somebody has changed files.
    #[error("{} not what was rendered: {}", if .0.len() == 1 { "this file is" } else { "these files are" }, shown(.0))]
    Edited(Vec<String>),
    /// Somebody else writes there.
    #[error("another `mycel render` writes to this folder")]
    Busy,
    /// It cannot be read.
    #[error("{NAME} cannot be read: {0}")]
    Manifest(String),
}

/// Paths that are named; the rest is counted.
const MOST_NAMED: usize = 8;

fn shown(paths: &[String]) -> String {
    let more = paths.len().saturating_sub(MOST_NAMED);
    let named = paths.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

impl WriteError {
    /// What to try.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "every old file is whole; check the disk and the path, and render again",
            Self::Edited(_) => "put the change into the planet file, or lose it with --force",
            Self::Busy => "wait for it, or name another folder with --out",
            Self::Manifest(_) => "bring it back, or remove it: what differs then counts as edited",
        }
    }
}

fn failed(what: impl Into<String>) -> impl FnOnce(io::Error) -> WriteError {
    let what = what.into();
    move |source| WriteError::Io { what, source }
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Files that were written.
    pub written: Vec<String>,
    /// Files that were removed, because they are not rendered any more.
    pub removed: Vec<String>,
    /// Files that were as they should be.
    pub same: usize,
}

/// What has to change, and what stands in the way.
#[derive(Default)]
struct Changes<'a> {
    write: Vec<&'a File>,
    remove: Vec<String>,
    edited: Vec<String>,
    same: usize,
}

/// Says how a folder differs from what is rendered, by path.
///
/// # Errors
/// When the disk refuses, or the manifest cannot be read.
pub fn compare(folder: &Path, rendered: &Rendered<'_>) -> Result<Vec<(String, Differs)>, WriteError> {
    let mut differs = Vec::new();
    let Some(disk) = Disk::open(folder)? else {
        differs.extend(rendered.tree.files().iter().map(|file| (file.path.clone(), Differs::Missing)));
        return Ok(differs);
    };
    let known = manifest::read(&disk)?.unwrap_or_default();
    for file in rendered.tree.files() {
        let found = disk.look(&file.path)?;
        let how = match &found {
            Found::Nothing => Differs::Missing,
            Found::File(digest) if *digest == manifest::sha256(&file.bytes) => continue,
            Found::File(digest) if known.wrote(&file.path, digest) => Differs::Outdated,
            Found::File(_) | Found::Other => Differs::Edited,
        };
        differs.push((file.path.clone(), how));
    }
    let is_rendered = |path: &str| rendered.tree.files().binary_search_by(|file| file.path.as_str().cmp(path)).is_ok();
    for (path, entry) in &known.files {
        if rendered.covers(entry) && !is_rendered(path) && disk.look(path)? != Found::Nothing {
            differs.push((path.clone(), Differs::Leftover));
        }
    }
    let unknown = |path: &String| !is_rendered(path) && !known.files.contains_key(path);
    differs.extend(disk.list()?.into_iter().filter(unknown).map(|path| (path, Differs::Unexpected)));
    differs.sort();
    Ok(differs)
}

/// Writes what is rendered, and removes what was and is not any more.
///
/// # Errors
/// When the disk refuses, somebody else writes there, or somebody has edited
/// files and `force` is not given.
pub fn write(folder: &Path, rendered: &Rendered<'_>, force: bool) -> Result<Done, WriteError> {
    let disk = Disk::make(folder)?;
    let known = match manifest::read(&disk) {
        Err(WriteError::Manifest(_)) if force => None,
        read => read?,
    };
    let before = known.clone().unwrap_or_default();
    let changes = changes(&disk, rendered, &before)?;
    if !changes.edited.is_empty() && !force {
        return Err(WriteError::Edited(changes.edited));
    }
    let after = rendered.manifest(&before);
    let done = Done {
        written: changes.write.iter().map(|file| file.path.clone()).collect(),
        removed: changes.remove.clone(),
        same: changes.same,
    };
    let is_done = changes.write.is_empty() && changes.remove.is_empty() && known.as_ref() == Some(&after);
    // Drafts of a write that was killed go with the next one.
    if is_done && !disk.has_drafts()? {
        return Ok(done);
    }
    let staged = disk.stage()?;
    for (number, file) in changes.write.iter().enumerate() {
        staged.put(number, &file.bytes)?;
    }
    staged.replace(NAME, &after.in_flight(&before))?;
    for (number, file) in changes.write.iter().enumerate() {
        staged.place(number, &file.path)?;
    }
    for path in &changes.remove {
        disk.remove(path)?;
    }
    staged.replace(NAME, &after)?;
    Ok(done)
}

fn changes<'a>(disk: &Disk, rendered: &Rendered<'a>, before: &Manifest) -> Result<Changes<'a>, WriteError> {
    let mut changes = Changes::default();
    let mut wanted = BTreeSet::new();
    for file in rendered.tree.files() {
        let digest = manifest::sha256(&file.bytes);
        wanted.insert(file.path.as_str());
        match disk.look(&file.path)? {
            Found::File(found) if found == digest => {
                changes.same += 1;
                continue;
            }
            Found::Nothing => {}
            Found::File(found) if before.wrote(&file.path, &found) => {}
            Found::File(_) | Found::Other => changes.edited.push(file.path.clone()),
        }
        changes.write.push(file);
    }
    for (path, entry) in &before.files {
        if !rendered.covers(entry) || wanted.contains(path.as_str()) {
            continue;
        }
        match disk.look(path)? {
            Found::Nothing => continue,
            Found::File(found) if before.wrote(path, &found) => {}
            Found::File(_) | Found::Other => changes.edited.push(path.clone()),
        }
        changes.remove.push(path.clone());
    }
    Ok(changes)
}

impl Rendered<'_> {
    /// Whether a file of before is of what was rendered now.
    fn covers(&self, entry: &Entry) -> bool {
        let target = self.targets.is_none_or(|targets| targets.contains(&entry.target.as_str()));
        let region =
            entry.region.as_deref().is_none_or(|region| self.regions.is_empty() || self.regions.contains(&region));
        target && region
    }

    /// What is there afterwards: these files, and those that were not asked for.
    fn manifest(&self, before: &Manifest) -> Manifest {
        let kept = before.files.iter().filter(|(_, entry)| !self.covers(entry));
        let mut files: BTreeMap<String, Entry> = kept.map(|(path, entry)| (path.clone(), entry.clone())).collect();
        for file in self.tree.files() {
            let (target, region) = (file.target.to_owned(), file.region.clone());
            let entry = Entry { sha256: manifest::sha256(&file.bytes), target, region, before: Vec::new() };
            files.insert(file.path.clone(), entry);
        }
        Manifest::new(self.program, self.planet, &self.digest, files)
    }
}
