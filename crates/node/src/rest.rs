//! A data directory that no planet is using: looked at, copied, and made from
//! a copy.
//!
//! It must never change what is there, beyond what the next start would: a
//! torn end of the log is cut, and that is all.

mod copy;
mod model;
mod opens;
mod verify;

pub use copy::{Proven, restore_planet};
pub use opens::{NotProven, Opens, opens};
pub use verify::{Checked, Compared, Fault};

use crate::below::{Index, spaces};
use crate::engine::BlockAt;
use crate::home::{self, HomeError, ShardOf};
use crate::reopen::Reopened;
use block::kinds::Trouble;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{BackupError, Entry, Log, OpenError, ReadError, RealDisk, RecordsError, Recovery};
use trust::{BlockRef, RegionTag};

/// What is kept of the index in memory.
const CACHE: u64 = 64 << 20;

/// Why a directory cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// There is no planet in it.
    #[error("{place} is no planet's data directory: it has no planet.json")]
    Nothing {
        /// The directory.
        place: String,
    },
    /// A planet is using it.
    #[error("{place} is in use by a planet that runs")]
    InUse {
        /// The directory.
        place: String,
    },
    /// A backup is restored into nothing.
    #[error("{place} is there already, and a backup is restored into nothing")]
    Exists {
        /// What is there.
        place: String,
    },
    /// Its identity or its keys cannot be read.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Its log cannot be opened.
    #[error(transparent)]
    Log(OpenError),
    /// Its log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its index cannot be opened.
    #[error(transparent)]
    Records(RecordsError),
    /// Its index cannot be read.
    #[error(transparent)]
    Index(#[from] Trouble),
    /// The backup refuses.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The audit log that it begins cannot be written.
    #[error(transparent)]
    Audit(audit::home::HomeError),
    /// The system refuses entropy.
    #[error("the system gives no entropy: {0}")]
    Entropy(std::io::Error),
}

/// A data directory, and everything in it.
pub struct AtRest {
    place: PathBuf,
    name: String,
    shards: Vec<(ShardOf, RegionTag)>,
    log: Arc<Log<RealDisk>>,
    recovery: Recovery,
    index: Option<Index>,
}

/// An entry of the log, with the block that it is of.
pub struct Kept {
    /// The block.
    pub block: BlockAt,
    /// The block, as chains name it.
    pub of: BlockRef,
    /// The entry: its bytes are those that are hashed.
    pub entry: Entry,
}

impl AtRest {
    /// Opens a directory that no planet is using.
    ///
    /// # Errors
    /// When one is, there is none, or the disk refuses.
    pub fn open(data: &Path) -> Result<Self, RestError> {
        let place = data.display().to_string();
        if !data.join("planet.json").exists() || !data.join("log").exists() {
            return Err(RestError::Nothing { place });
        }
        let (name, shards) = home::look(data)?;
        let shards = shards.into_iter().map(|shard| (RegionTag::of(&shard.region), shard)).map(|(tag, of)| (of, tag));
        let disk = RealDisk::open(&data.join("log")).map_err(home::failed(format!("open {place}/log")))?;
        let (log, recovery) = Log::open(disk, store::Options::default()).map_err(|error| match error {
            OpenError::Locked { .. } => RestError::InUse { place: place.clone() },
            error => RestError::Log(error),
        })?;
        let folder = data.join("index");
        let index = if folder.exists() {
            let records = Reopened::open(folder, spaces(), CACHE).map_err(|error| match error {
                RecordsError::Locked { .. } => RestError::InUse { place },
                error => RestError::Records(error),
            })?;
            Some(Index::new(Arc::new(records), Box::new(|_| true)))
        } else {
            None
        };
        Ok(Self { place: data.to_owned(), name, shards: shards.collect(), log: Arc::new(log), recovery, index })
    }

    /// What the planet is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Entries that the log has had, the pruned ones included.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.numbers().map(|number| self.log.shard(number).next).sum()
    }

    fn numbers(&self) -> impl Iterator<Item = u32> {
        (0..).take(self.shards.len())
    }

    /// The block of an entry.
    fn block(&self, shard: u32, index: u64) -> Option<(BlockAt, BlockRef)> {
        let (of, tag) = self.shards.get(usize::try_from(shard).ok()?)?;
        Some((BlockAt { region: of.region.clone(), index }, BlockRef { region: *tag, index }))
    }

    /// Every entry in the order of the log, until `each` answers false. What
    /// is damaged is handed over as that, and reading goes on behind it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn each(&self, each: &mut dyn FnMut(Result<Kept, Fault>) -> bool) -> Result<(), RestError> {
        for read in self.log.tail(None) {
            let kept = match read {
                Ok(entry) => match self.block(entry.shard, entry.block) {
                    Some((block, of)) => Ok(Kept { block, of, entry }),
                    None => Err(Fault::of_entry(&entry, None, "it is of a shard that planet.json does not have")),
                },
                Err(ReadError::Damaged(damage)) => Err(self.damage(&damage)),
                Err(error) => return Err(error.into()),
            };
            if !each(kept) {
                break;
            }
        }
        Ok(())
    }
}
