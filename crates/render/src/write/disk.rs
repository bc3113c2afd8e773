//! A folder by its descriptor: every name in it is looked up from there, part by
//! part, and a link is never followed. So nobody who can change what is in the
//! folder leads a write out of it, whatever changes between two calls.

use super::manifest::{Manifest, letters};
use super::{WriteError, failed};
use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, flock, fstat, mkdirat, openat, renameat, unlinkat,
};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Where files are written before they take their places.
const STAGE: &str = ".mycel-new";
/// The manifest among them.
const MANIFEST: &str = "manifest";

/// Files that are looked at for whether somebody expects them; in a folder with
/// more, something else lives.
const MOST_LISTED: usize = 100_000;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// A file, with its digest.
    File(String),
    /// A folder, a link, or what else can have a name.
    Other,
}

pub(super) struct Disk {
    root: OwnedFd,
    path: PathBuf,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Disk {
    /// The folder, if it is there.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, WriteError> {
        match rustix::fs::open(path, FOLDER, Mode::empty()) {
            Ok(root) => Ok(Some(Self { root, path: path.to_owned() })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(failed(format!("open {}", path.display()))(error.into())),
        }
    }

    /// The folder, made if it is missing, and ours as long as it is held.
    pub(super) fn make(path: &Path) -> Result<Self, WriteError> {
        fs::create_dir_all(path).map_err(failed(format!("make {}", path.display())))?;
        let root = rustix::fs::open(path, FOLDER, Mode::empty());
        let root = root.map_err(|error| failed(format!("open {}", path.display()))(error.into()))?;
        match flock(&root, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { root, path: path.to_owned() }),
            Err(Errno::WOULDBLOCK) => Err(WriteError::Busy),
            Err(error) => Err(failed(format!("lock {}", path.display()))(error.into())),
        }
    }

    fn failed(&self, doing: &str, path: &str) -> impl FnOnce(Errno) -> WriteError {
        let what = format!("{doing} {}", self.path.join(path).display());
        move |error| failed(what)(error.into())
    }

    /// The folder that a path is in, and its name there; made when it is missing
    /// and `make` says so.
    fn parent<'p>(&self, path: &'p str, make: bool) -> Result<Option<(OwnedFd, &'p str)>, Errno> {
        let mut here = openat(&self.root, ".", FOLDER, Mode::empty())?;
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
            let open = || openat(&here, folder, FOLDER | OFlags::NOFOLLOW, Mode::empty());
            let next = match open() {
                Err(Errno::NOENT) if make => {
                    mkdirat(&here, folder, Mode::from_raw_mode(0o755))?;
                    rustix::fs::fsync(&here)?;
                    open()?
                }
                Err(Errno::NOENT) => return Ok(None),
                other => other?,
            };
            here = next;
        }
        Ok(Some((here, name)))
    }

    /// A file, opened to be read, when it is one.
    fn file(&self, path: &str) -> Result<Result<fs::File, Found>, Errno> {
        let found = match self.parent(path, false) {
            Ok(Some((folder, name))) => {
                // A pipe would wait for somebody who writes.
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                openat(&folder, name, flags, Mode::empty())
            }
            Ok(None) => return Ok(Err(Found::Nothing)),
            Err(error) => Err(error),
        };
        match found {
            Ok(file) if FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::RegularFile => Ok(Ok(file.into())),
            Ok(_) | Err(Errno::LOOP | Errno::NOTDIR | Errno::NXIO) => Ok(Err(Found::Other)),
            Err(Errno::NOENT) => Ok(Err(Found::Nothing)),
            Err(error) => Err(error),
        }
    }

    /// What stands at a path.
    pub(super) fn look(&self, path: &str) -> Result<Found, WriteError> {
        let mut file = match self.file(path).map_err(self.failed("read", path))? {
            Ok(file) => file,
            Err(found) => return Ok(found),
        };
        let (mut digest, mut piece) = (Sha256::new(), vec![0; 64 << 10]);
        loop {
            let read = file.read(&mut piece).map_err(failed(format!("read {path}")))?;
            if read == 0 {
                return Ok(Found::File(letters(&digest.finalize().into())));
            }
            digest.update(piece.get(..read).unwrap_or_default());
        }
    }

    /// The beginning of a file, when there is one.
    pub(super) fn read(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, WriteError> {
        let file = match self.file(path).map_err(self.failed("read", path))? {
            Ok(file) => file,
            Err(Found::Nothing) => return Ok(None),
            Err(_) => return Err(WriteError::Manifest("it is no file".to_owned())),
        };
        let mut bytes = Vec::new();
        file.take(most as u64).read_to_end(&mut bytes).map_err(failed(format!("read {path}")))?;
        Ok(Some(bytes))
    }

    /// Removes a file, and the folders that are empty then.
    pub(super) fn remove(&self, path: &str) -> Result<(), WriteError> {
        if let Some((folder, name)) = self.parent(path, false).map_err(self.failed("remove", path))? {
            match unlinkat(&folder, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => rustix::fs::fsync(&folder).map_err(self.failed("remove", path))?,
                Err(error) => return Err(self.failed("remove", path)(error)),
            }
        }
        let mut path = path;
        while let Some((folder, _)) = path.rsplit_once('/') {
            let Ok(Some((above, name))) = self.parent(folder, false) else { break };
            // One that is not empty stays.
            if unlinkat(&above, name, AtFlags::REMOVEDIR).is_err() {
                break;
            }
            path = folder;
        }
        Ok(())
    }

    /// The paths of everything in the folder, but for what is ours alone.
    pub(super) fn list(&self) -> Result<Vec<String>, WriteError> {
        let (mut found, mut folders) = (Vec::new(), vec![String::new()]);
        while let Some(folder) = folders.pop() {
            let here = format!("{folder}.");
            let opened = self.parent(&here, false).map_err(self.failed("list", &folder))?;
            let Some((opened, _)) = opened else { continue };
            for entry in Dir::read_from(&opened).map_err(self.failed("list", &folder))? {
                let entry = entry.map_err(self.failed("list", &folder))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if name == "." || name == ".." || (folder.is_empty() && (name == super::NAME || name == STAGE)) {
                    continue;
                }
                if found.len() >= MOST_LISTED {
                    let why = io::Error::other(format!("it has more than {MOST_LISTED} files"));
                    return Err(failed(format!("list {}", self.path.display()))(why));
                }
                match entry.file_type() {
                    FileType::Directory => folders.push(format!("{folder}{name}/")),
                    _ => found.push(format!("{folder}{name}")),
                }
            }
        }
        Ok(found)
    }

    /// Whether something stands where drafts do.
    pub(super) fn has_drafts(&self) -> Result<bool, WriteError> {
        self.look(STAGE).map(|found| found != Found::Nothing)
    }

    /// A folder of drafts, empty.
    pub(super) fn stage(&self) -> Result<Stage<'_>, WriteError> {
        match mkdirat(&self.root, STAGE, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(self.failed("make", STAGE)(error)),
        }
        let folder = openat(&self.root, STAGE, FOLDER | OFlags::NOFOLLOW, Mode::empty());
        let stage = Stage { disk: self, folder: folder.map_err(self.failed("open", STAGE))? };
        stage.empty()?;
        Ok(stage)
    }
}

/// Drafts of files, each under a number until it takes its place.
pub(super) struct Stage<'d> {
    disk: &'d Disk,
    folder: OwnedFd,
}

impl Stage<'_> {
    fn draft(&self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.folder, name, flags, Mode::from_raw_mode(0o644));
        let mut file = fs::File::from(file.map_err(self.disk.failed("write to", STAGE))?);
        let wrote = file.write_all(bytes).and_then(|()| file.sync_all());
        wrote.map_err(failed(format!("write to {}", self.disk.path.join(STAGE).display())))
    }

    /// Writes a draft, and waits until the disk has it.
    pub(super) fn put(&self, number: usize, bytes: &[u8]) -> Result<(), WriteError> {
        self.draft(&number.to_string(), bytes)
    }

    fn rename(&self, draft: &str, path: &str) -> Result<(), WriteError> {
        let placed = self.disk.parent(path, true).and_then(|parent| match parent {
            Some((folder, name)) => {
                renameat(&self.folder, draft, &folder, name)?;
                rustix::fs::fsync(&folder)
            }
            None => Err(Errno::NOENT),
        });
        placed.map_err(self.disk.failed("write", path))
    }

    /// Puts a draft in its place. A link there is replaced, and not followed.
    pub(super) fn place(&self, number: usize, path: &str) -> Result<(), WriteError> {
        self.rename(&number.to_string(), path)
    }

    /// Writes the manifest, whole or not at all.
    pub(super) fn replace(&self, path: &str, manifest: &Manifest) -> Result<(), WriteError> {
        self.draft(MANIFEST, manifest.text().as_bytes())?;
        self.rename(MANIFEST, path)
    }

    fn empty(&self) -> Result<(), WriteError> {
        let failed = || self.disk.failed("empty", STAGE);
        for entry in Dir::read_from(&self.folder).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            if ![&b"."[..], b".."].contains(&entry.file_name().to_bytes()) {
                unlinkat(&self.folder, entry.file_name(), AtFlags::empty()).map_err(failed())?;
            }
        }
        Ok(())
    }
}

/// The folder goes, with the drafts that are left when something has failed. Where
/// it cannot, the next one empties it.
impl Drop for Stage<'_> {
    fn drop(&mut self) {
        let _ = self.empty();
        let _ = unlinkat(&self.disk.root, STAGE, AtFlags::REMOVEDIR);
    }
}
