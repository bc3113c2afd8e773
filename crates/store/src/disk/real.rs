//! The operating system's disk.
//!
//! It must never buffer: what it was asked to write is with the kernel when it
//! returns, and durable only after the sync. fdatasync, not fsync: it leaves
//! out the times of the file, which nobody reads, and keeps its length.

use super::{Barrier, Disk};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How much is written at once where the file system cannot set space aside.
static ZEROS: [u8; 64 * 1_024] = [0; 64 * 1_024];

/// A directory of a real file system.
#[derive(Debug)]
pub struct RealDisk {
    root: PathBuf,
    directory: File,
}

/// A file of a [`RealDisk`].
#[derive(Debug)]
pub struct RealFile(File);

impl RealDisk {
    /// The directory, created when it is missing.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(root: &Path) -> io::Result<Self> {
        let missing: Vec<_> =
            root.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
        fs::create_dir_all(root)?;
        // A directory is as durable as its name in the one above.
        for made in missing {
            let above = made.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(above)?.sync_all()?;
        }
        Ok(Self { root: root.to_owned(), directory: File::open(root)? })
    }
}

impl Disk for RealDisk {
    type File = RealFile;
    type Lock = RealFile;

    fn create(&self, name: &str) -> io::Result<RealFile> {
        OpenOptions::new().read(true).write(true).create_new(true).open(self.root.join(name)).map(RealFile)
    }

    fn open(&self, name: &str) -> io::Result<RealFile> {
        OpenOptions::new().read(true).write(true).open(self.root.join(name)).map(RealFile)
    }

    fn allocate(&self, file: &RealFile, length: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&file.0, rustix::fs::FallocateFlags::empty(), 0, length) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::OPNOTSUPP) => {
                let mut at = file.0.metadata()?.len();
                while at < length {
                    let rest = usize::try_from(length - at).unwrap_or(usize::MAX).min(ZEROS.len());
                    file.0.write_all_at(&ZEROS[..rest], at)?;
                    at += u64::try_from(rest).unwrap_or(0);
                }
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn write_at(&self, file: &RealFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.0.write_all_at(bytes, offset)
    }

    fn read_at(&self, file: &RealFile, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            match file.0.read_at(&mut into[filled..], offset + u64::try_from(filled).unwrap_or(u64::MAX)) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn sync_data(&self, file: &RealFile, _: Barrier) -> io::Result<()> {
        file.0.sync_data()
    }

    fn len(&self, file: &RealFile) -> io::Result<u64> {
        Ok(file.0.metadata()?.len())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.root.join(from), self.root.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.root.join(name))
    }

    fn sync_dir(&self, _: Barrier) -> io::Result<()> {
        self.directory.sync_all()
    }

    fn lock(&self, name: &str) -> io::Result<RealFile> {
        // Never truncated and never removed: a lock on a file that somebody
        // replaces under it locks nothing.
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.root.join(name))?;
        match lock_alone(&file) {
            Ok(()) => Ok(RealFile(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn place(&self) -> String {
        self.root.display().to_string()
    }
}

/// How often a lock that is held is tried again, and after how long.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// Locks a file for this process alone, unless another has it. A program that
/// this process begins has all its locks for a moment, also those that it has
/// let go of meanwhile: so a lock that is held is tried again for a little while.
///
/// # Errors
/// When another process holds it, or the system refuses.
pub fn lock_alone(file: &File) -> Result<(), TryLockError> {
    for _ in 0..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::park_timeout(PAUSE),
            locked => return locked,
        }
    }
    file.try_lock()
}
