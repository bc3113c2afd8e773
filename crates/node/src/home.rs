//! The data directory: whose planet it is, its keys, and which stretch of
//! which region is which shard of the log.
//!
//! | file | is |
//! |---|---|
//! | `lock` | locked by the process whose directory it is |
//! | `planet.json` | the planet's identity and its shards, version 1 |
//! | `keys/*.key` | secrets, readable by their owner alone: 64 letters each |
//! | `keys/node.pem`, `keys/node.request` | its certificate, and what it asked the CA for, see `custody::credentials` |
//! | `keys/*.line` | how a key follows from the ones before it, see `custody::lineage` |
//! | `keys/ca.pem`, `keys/ca.endorsed`, `keys/revoked` | whom it believes |
//! | `keys/*.pub` | public keys: the planet's and its operator's where their secrets are elsewhere, `gateway-*` whose word is taken, and `recovery` that copies of keys are sealed to |
//! | `keys/*.sealed` | a copy of each secret but the root's, which the root's opens: see `custody::sealed` |
//! | `keys/token` | which token keeps the keys, when one does, see `custody::vault` |
//! | `keys/split`, `keys/drills` | the last split of the root into shares, and the rehearsed recoveries |
//! | `keys/audit.vkey` | the audit log's public key, under its name; what seals its entries is `keys/audit.entries.key` |
//! | `audit/` | the audit log, see `acts` |
//! | `audit-asked/` | what commands ask to have entered in it, see `asked` |
//! | `owners` | the owners' wrapped keys, see `keyring` |
//! | `log/` | the log |
//! | `index/` | what follows from it; why a block is sealed stands there under `keys/words.key` |
//!
//! It must never change the number of a shard, nor lose a key: what is new is
//! on the disk before anything depends on it.

use crate::engine::keys::NodeKeys;
use custody::KeyError;
use custody::folder::{private, public, replace, secret};
use custody::{lineage, sealed, succession, vault};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Beside;
use trust::envelope::DataKey;
use trust::sign::SigningKey;
use trust::{Moment, OwnerId, PlanetId, RegionTag, RegionalKey};

/// Blocks of a shard: 64 cells. A batch is one shard's, so a region that is
/// small is one batch, and the largest planet stays below the shards that one
/// log may have.
pub(crate) const SHARD_BLOCKS: u64 = 64 * vocab::BlockId::PER_CELL;

/// The version of `planet.json`.
const VERSION: u32 = 1;

/// The register of the owners' wrapped keys.
pub(crate) const OWNERS: &str = "owners";

/// A stretch of a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShardOf {
    /// The region's id in the file.
    pub(crate) region: String,
    /// Which stretch of it.
    pub(crate) stretch: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Identity {
    version: u32,
    planet: String,
    id: String,
    /// The place of a shard is its number, for ever.
    shards: Vec<ShardOf>,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The disk refuses.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What it said.
        source: io::Error,
    },
    /// Another process has it.
    #[error("{place} is in use by another process; stop the planet that runs there, or name another with --data")]
    InUse {
        /// The directory.
        place: String,
    },
    /// It is another planet's.
    #[error("{place} belongs to the planet \"{theirs}\", not to \"{ours}\"; use another directory with --data")]
    OtherPlanet {
        /// The directory.
        place: String,
        /// Whose it is.
        theirs: String,
        /// Whose it was taken for.
        ours: String,
    },
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What is to be done cannot be entered in the audit log.
    #[error("{0}")]
    NotEntered(String),
    /// There is no CA.
    #[error("{0}")]
    Ca(String),
    /// A file is not what it should be.
    #[error("{file}: {what}; restore it from a backup, or move it away")]
    Damaged {
        /// Which file.
        file: String,
        /// What is wrong.
        what: String,
    },
}

pub(crate) fn failed(what: impl Into<String>) -> impl FnOnce(io::Error) -> HomeError {
    let what = what.into();
    move |source| HomeError::Io { what, source }
}

/// A data directory.
pub(crate) struct Home {
    pub(crate) place: PathBuf,
    pub(crate) planet: PlanetId,
    pub(crate) shards: Vec<ShardOf>,
    /// Signs what this node vouches for.
    pub(crate) node: Arc<NodeKeys>,
    /// Its own for as long as this is held.
    pub(crate) lock: File,
}

impl Home {
    /// Opens the directory of a planet with these regions and their numbers of
    /// blocks, and makes what is missing.
    pub(crate) fn open(place: &Path, planet: &str, regions: &[(String, u64)]) -> Result<Self, HomeError> {
        let keys = place.join("keys");
        private(place)?;
        let lock = lock(place)?;
        private(&keys)?;
        let id = PlanetId::of_root(sealed::root(&keys)?);
        let node = SigningKey::new(&secret(&keys, "node")?);
        let line = lineage::up_to(lineage::read(&keys, "node")?, node.id());
        let node = Arc::new(NodeKeys::new(node, line));
        // Here, so that there is one.
        public(&keys, "operator")?;
        let file = place.join("planet.json");
        let mut identity = match fs::read(&file) {
            Ok(bytes) => read_identity(&file, &bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Identity { version: VERSION, planet: planet.to_owned(), id: id.to_string(), shards: Vec::new() }
            }
            Err(error) => return Err(failed(format!("read {}", file.display()))(error)),
        };
        if identity.planet != planet {
            let place = place.display().to_string();
            return Err(HomeError::OtherPlanet { place, theirs: identity.planet, ours: planet.to_owned() });
        }
        if identity.id != id.to_string() {
            let what = "it was written under another root key than keys/root.key".to_owned();
            return Err(HomeError::Damaged { file: file.display().to_string(), what });
        }
        let known = identity.shards.len();
        for (region, blocks) in regions {
            for stretch in 0..blocks.div_ceil(SHARD_BLOCKS) {
                let shard = ShardOf { region: region.clone(), stretch };
                if !identity.shards.contains(&shard) {
                    identity.shards.push(shard);
                }
            }
        }
        if identity.shards.len() != known || known == 0 {
            let bytes = serde_json::to_vec_pretty(&identity).unwrap_or_default();
            replace(&file, &bytes)?;
        }
        Ok(Self { place: place.to_owned(), planet: id, shards: identity.shards, node, lock })
    }

    /// The key to words that people wrote and that the index has, made when
    /// there is none.
    pub(crate) fn words(&self) -> Result<DataKey, HomeError> {
        let secret = secret(&self.place.join("keys"), "words")?;
        // They are nobody's but the planet's.
        let mut owner = [0; 32];
        owner[..16].copy_from_slice(&self.planet.0);
        Ok(DataKey::new(self.planet, OwnerId(owner), secret))
    }

    /// The secret of a region, made when there is none.
    pub(crate) fn regional(&self, region: &str) -> Result<RegionalKey, HomeError> {
        let tag = RegionTag::of(region);
        Ok(RegionalKey::new(self.planet, tag, secret(&self.place.join("keys"), &regional_name(tag))?))
    }

    /// The other keys of a region that something may be under: the one before,
    /// with the time at which it lost its place, and one that is to follow.
    pub(crate) fn others(&self, region: &str) -> Result<Others, HomeError> {
        let (tag, keys) = (RegionTag::of(region), self.place.join("keys"));
        let key = |secret| RegionalKey::new(self.planet, tag, secret);
        let before = succession::before(&keys, &regional_name(tag))?.map(|(secret, since)| (key(secret), since));
        Ok(Others { before, next: succession::begun(&keys, &regional_name(tag))?.map(key) })
    }
}

/// A region's keys beside the present one.
pub(crate) struct Others {
    pub(crate) before: Option<(RegionalKey, Moment)>,
    pub(crate) next: Option<RegionalKey>,
}

/// What the file of a region's key is called.
pub(crate) fn regional_name(tag: RegionTag) -> String {
    format!("region-{tag}")
}

/// The planet's name, and the stretches that its shards are, of a directory
/// that is only looked at.
pub(crate) fn look(place: &Path) -> Result<(String, Vec<ShardOf>), HomeError> {
    let file = place.join("planet.json");
    let bytes = fs::read(&file).map_err(failed(format!("read {}", file.display())))?;
    read_identity(&file, &bytes).map(|identity| (identity.planet, identity.shards))
}

/// The files beside log and index that a planet is not itself without; the
/// register of its owners' keys when that is asked for.
pub(crate) fn files(place: &Path, owners: bool) -> io::Result<Vec<Beside>> {
    let mut names = vec!["planet.json".to_owned()];
    for key in fs::read_dir(place.join("keys"))? {
        let name = key?.file_name().into_string().map_err(|_| io::ErrorKind::InvalidInput)?;
        // A planet that is made of a backup begins an audit log of its own: to go on with this one would fork it.
        let is_the_logs = name.split_once('.').is_some_and(|(name, _)| name == audit::home::KEY);
        let ends = [".key", ".pub", ".sealed", ".line"].iter().any(|end| name.ends_with(end));
        if !is_the_logs && (ends || ["split", "drills", vault::FILE].contains(&name.as_str())) {
            names.push(format!("keys/{name}"));
        }
    }
    names.sort();
    if owners && place.join(OWNERS).exists() {
        names.push(OWNERS.to_owned());
    }
    let open = |name: String| {
        let file = File::open(place.join(&name))?;
        // What is added to it from now on is needed by nothing that is in the backup.
        let length = file.metadata()?.len();
        Ok(Beside { name, length, bytes: Box::new(file) })
    };
    names.into_iter().map(open).collect()
}

fn read_identity(file: &Path, bytes: &[u8]) -> Result<Identity, HomeError> {
    let damaged = |what: String| HomeError::Damaged { file: file.display().to_string(), what };
    let identity: Identity = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    if identity.version != VERSION {
        return Err(damaged(format!("it is of version {}, and this program knows {VERSION}", identity.version)));
    }
    Ok(identity)
}

/// Has a directory to itself. Whoever changes anything in one does so first.
pub(crate) fn lock(place: &Path) -> Result<File, HomeError> {
    let named = place.join("lock");
    // Never truncated, replaced or removed: what is locked is this very file.
    let mut open = OpenOptions::new();
    open.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = open.open(&named).map_err(failed(format!("open {}", named.display())))?;
    match store::lock_alone(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(HomeError::InUse { place: place.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(failed(format!("lock {}", named.display()))(error)),
    }
}
