//! Where the files of a log are: read from anywhere, written to folders.

use crate::note::MAX_NOTE;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use store::{Barrier, Disk, RealDisk, RealFile};

/// The file with the newest checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// Where the files of a log are read from.
pub trait Source {
    /// The file of a name, when it is there and has at most `most` bytes.
    ///
    /// # Errors
    /// What the disk says; `InvalidData` when it is longer.
    fn file(&self, name: &str, most: usize) -> io::Result<Option<Vec<u8>>>;
}

pub(crate) fn too_long() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "the file is longer than it can be")
}

/// A folder that is read, such as somebody's copy of a log. Nothing is written.
#[derive(Debug, Clone)]
pub struct Mirror(PathBuf);

impl Mirror {
    /// The folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }
}

impl Source for Mirror {
    fn file(&self, name: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        let file = match fs::File::open(self.0.join(name)) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::with_capacity(most.min(16 * 1_024));
        file.take(crate::number::wide(most) + 1).read_to_end(&mut bytes)?;
        if bytes.len() > most { Err(too_long()) } else { Ok(Some(bytes)) }
    }
}

/// The files of a disk.
#[derive(Debug)]
pub struct OnDisk<'d, D>(pub &'d D);

impl<D: Disk> Source for OnDisk<'_, D> {
    fn file(&self, name: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        let file = match self.0.open(name) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = crate::number::size(self.0.len(&file)?);
        if length > most {
            return Err(too_long());
        }
        let mut bytes = vec![0; length];
        let read = self.0.read_at(&file, 0, &mut bytes)?;
        bytes.truncate(read);
        Ok(Some(bytes))
    }
}

/// A real disk whose names may have folders in them, which are made as they
/// are needed. Nothing makes these folders durable, for what is in them follows
/// from the truth; but before some of that is pruned all of them are synced.
#[derive(Debug)]
pub struct Folders {
    disk: RealDisk,
    root: PathBuf,
}

impl Folders {
    /// The directory, created when it is missing.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self { disk: RealDisk::open(root)?, root: root.to_owned() })
    }
}

fn sync_below(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        // Below folders of partial files nothing is kept.
        let is_partial = entry.path().extension().is_some_and(|end| end == "p");
        if entry.file_type()?.is_dir() && !is_partial {
            sync_below(&entry.path())?;
        }
    }
    fs::File::open(folder)?.sync_all()
}

impl Disk for Folders {
    type File = RealFile;
    type Lock = RealFile;

    fn create(&self, name: &str) -> io::Result<RealFile> {
        self.disk.create(name)
    }

    fn open(&self, name: &str) -> io::Result<RealFile> {
        self.disk.open(name)
    }

    fn allocate(&self, file: &RealFile, length: u64) -> io::Result<()> {
        self.disk.allocate(file, length)
    }

    fn write_at(&self, file: &RealFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.write_at(file, offset, bytes)
    }

    fn read_at(&self, file: &RealFile, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.disk.read_at(file, offset, into)
    }

    fn sync_data(&self, file: &RealFile, why: Barrier) -> io::Result<()> {
        self.disk.sync_data(file, why)
    }

    fn len(&self, file: &RealFile) -> io::Result<u64> {
        self.disk.len(file)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        match self.disk.rename(from, to) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if let Some(folder) = self.root.join(to).parent() {
                    fs::create_dir_all(folder)?;
                }
                self.disk.rename(from, to)
            }
            renamed => renamed,
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)?;
        // The folder of a partial tile goes with the last of them.
        if let Some(folder) =
            self.root.join(name).parent().filter(|folder| folder.extension().is_some_and(|end| end == "p"))
        {
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }

    fn sync_dir(&self, why: Barrier) -> io::Result<()> {
        if why == Barrier::Pruned {
            // Tiles follow from nothing any more, so their names are to stay as well.
            sync_below(&self.root.join("tile"))?;
        }
        self.disk.sync_dir(why)
    }

    fn lock(&self, name: &str) -> io::Result<RealFile> {
        self.disk.lock(name)
    }

    fn place(&self) -> String {
        self.disk.place()
    }
}

/// The checkpoint of a log, as its file has it; nobody has checked it yet.
///
/// # Errors
/// What the disk says, or that it is no text.
pub fn checkpoint(source: &impl Source) -> io::Result<Option<String>> {
    let bytes = source.file(CHECKPOINT, MAX_NOTE)?;
    let text = |bytes| String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is no text"));
    bytes.map(text).transpose()
}
