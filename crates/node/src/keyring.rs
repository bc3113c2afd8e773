//! The owners' keys: each made when its owner's first payload is sealed,
//! wrapped under its region's key, and kept in one file in places of one size,
//! so that destroying a key is overwriting its place.
//!
//! A place is 160 bytes: 1 version, the wrapped key, zeros, crc32c of what is
//! before it. A key is on the disk before anything is sealed under it. What
//! the disk itself keeps of overwritten sectors is not in our hands, and a
//! backup of this file keeps the keys that it had.

use crate::entropy;
use crate::home::{HomeError, failed};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use trust::envelope::{DataKey, WrappedKey, WrappingKey};
use trust::{KeyId, OwnerId, PlanetId, RegionTag, Secret};

const PLACE: usize = 160;
const VERSION: u8 = 1;

/// Keys that are held ready to use: about 1 KiB each.
const MOST_READY: usize = 65_536;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoKey {
    /// It was destroyed, and with it what it had sealed.
    #[error("the owner's key was destroyed: what it had sealed is erased")]
    Erased,
    /// The keeper's disk or its keys do not agree.
    #[error("the owner's key cannot be had: {0}")]
    Trouble(String),
}

struct Kept {
    file: File,
    /// Where each owner's key stands.
    places: BTreeMap<(RegionTag, OwnerId), (u64, WrappedKey)>,
    ready: BTreeMap<(RegionTag, OwnerId), Arc<DataKey>>,
    next: u64,
}

/// The owners' keys of a planet.
pub(crate) struct Keyring {
    planet: PlanetId,
    regions: BTreeMap<RegionTag, (KeyId, WrappingKey)>,
    kept: Mutex<Kept>,
}

impl Keyring {
    /// Opens the file of keys.
    pub(crate) fn open(
        path: &Path,
        planet: PlanetId,
        regions: BTreeMap<RegionTag, (KeyId, WrappingKey)>,
    ) -> Result<Self, HomeError> {
        let what = || format!("open {}", path.display());
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(path);
        let file = file.map_err(failed(what()))?;
        let length = file.metadata().map_err(failed(what()))?.len();
        let mut places = BTreeMap::new();
        let mut place = [0; PLACE];
        let whole = length / u64::try_from(PLACE).unwrap_or(1);
        for number in 0..whole {
            file.read_exact_at(&mut place, at(number)).map_err(failed(what()))?;
            if let Some((region, wrapped)) = read(&place, &regions) {
                places.insert((region, wrapped.owner()), (number, wrapped));
            }
        }
        let kept = Kept { file, places, ready: BTreeMap::new(), next: whole };
        Ok(Self { planet, regions, kept: Mutex::new(kept) })
    }

    /// An owner's key in a region, made when there is none.
    pub(crate) fn key(&self, region: RegionTag, owner: OwnerId) -> Result<Arc<DataKey>, NoKey> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = kept.ready.get(&(region, owner)) {
            return Ok(Arc::clone(key));
        }
        let (_, wrapping) = self.regions.get(&region).ok_or_else(|| NoKey::Trouble("no such region".to_owned()))?;
        let key = match kept.places.get(&(region, owner)) {
            Some((_, wrapped)) => wrapping.unwrap(wrapped).map_err(|why| NoKey::Trouble(why.to_string()))?,
            None => {
                let mut entropy = entropy::bytes().map_err(|why| NoKey::Trouble(why.to_string()))?;
                let key = DataKey::new(self.planet, owner, Secret::take(&mut entropy));
                let wrapped = wrapping.wrap(&key).map_err(|why| NoKey::Trouble(why.to_string()))?;
                let number = kept.next;
                let written = kept.file.write_all_at(&place_of(&wrapped), at(number));
                written.and_then(|()| kept.file.sync_data()).map_err(|why| NoKey::Trouble(why.to_string()))?;
                kept.next += 1;
                kept.places.insert((region, owner), (number, wrapped));
                key
            }
        };
        if kept.ready.len() >= MOST_READY {
            kept.ready.pop_first();
        }
        let key = Arc::new(key);
        kept.ready.insert((region, owner), Arc::clone(&key));
        Ok(key)
    }

    /// An owner's key if there is one: to open, never to make.
    pub(crate) fn existing(&self, region: RegionTag, owner: OwnerId) -> Result<Arc<DataKey>, NoKey> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let there = kept.places.contains_key(&(region, owner));
        drop(kept);
        if there { self.key(region, owner) } else { Err(NoKey::Erased) }
    }

    /// Destroys an owner's keys in every region: erasure. How many there were.
    /// Whoever comes back gets a new key, which opens nothing from before.
    pub(crate) fn destroy(&self, owner: OwnerId) -> Result<usize, HomeError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut destroyed = 0;
        for region in self.regions.keys() {
            kept.ready.remove(&(*region, owner));
            let Some((number, _)) = kept.places.get(&(*region, owner)) else { continue };
            let overwritten = kept.file.write_all_at(&[0; PLACE], at(*number));
            overwritten.and_then(|()| kept.file.sync_data()).map_err(failed("overwrite an owner's key"))?;
            kept.places.remove(&(*region, owner));
            destroyed += 1;
        }
        Ok(destroyed)
    }
}

fn at(number: u64) -> u64 {
    number.saturating_mul(u64::try_from(PLACE).unwrap_or(u64::MAX))
}

fn place_of(wrapped: &WrappedKey) -> [u8; PLACE] {
    let mut place = [0; PLACE];
    place[0] = VERSION;
    place[1..=WrappedKey::LEN].copy_from_slice(&wrapped.to_bytes());
    let crc = crc32c::crc32c(&place[..PLACE - 4]);
    place[PLACE - 4..].copy_from_slice(&crc.to_be_bytes());
    place
}

/// The key in a place, with the region whose key wraps it. A place that holds
/// none was overwritten, or never written to its end: nothing depends on it.
fn read(place: &[u8; PLACE], regions: &BTreeMap<RegionTag, (KeyId, WrappingKey)>) -> Option<(RegionTag, WrappedKey)> {
    let crc = crc32c::crc32c(&place[..PLACE - 4]).to_be_bytes();
    if place[0] != VERSION || place[PLACE - 4..] != crc {
        return None;
    }
    let wrapped = WrappedKey::from_bytes(&place[1..=WrappedKey::LEN]).ok()?;
    let region = regions.iter().find(|(_, (id, _))| *id == wrapped.key())?;
    Some((*region.0, wrapped))
}
