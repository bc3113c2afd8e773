//! The owners' keys: each made when its owner's first payload is sealed,
//! wrapped under its region's key, and kept in one file in places of one size,
//! so that destroying a key is overwriting its place.
//!
//! A place is 160 bytes: 1 version, the wrapped key, where the log ended when
//! the key was made, zeros, crc32c of what is before it. A key is on the disk
//! before anything is sealed under it. What the disk itself keeps of
//! overwritten sectors is not in our hands, and a backup of this file keeps the
//! keys that it had.
//!
//! An erasure is about the keys that were made before it: it may be carried out
//! again whenever the log is followed again, and must never reach the key with
//! which its agent began anew.

use crate::home::{HomeError, failed};
use custody::entropy;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::Position;
use trust::envelope::{DataKey, WrappedKey, WrappingKey};
use trust::{KeyId, OwnerId, PlanetId, RegionTag, Secret};

const PLACE: usize = 160;
/// The first form, whose keys were all made before the first erasure that an
/// agent could ask for.
const WITHOUT_PLACE: u8 = 1;
const VERSION: u8 = 2;

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

/// A key as it is kept.
struct Held {
    /// Where in the file.
    number: u64,
    wrapped: WrappedKey,
    /// Where the log ended when it was made.
    made: Position,
}

struct Kept {
    file: File,
    regions: Wrapping,
    places: BTreeMap<(RegionTag, OwnerId), Held>,
    ready: BTreeMap<(RegionTag, OwnerId), Arc<DataKey>>,
    next: u64,
}

/// What wraps the keys of each region: the first is the present one, behind it
/// those that others are opened with while a rotation lasts.
pub(crate) type Wrapping = BTreeMap<RegionTag, WrapKeys>;

/// Those of one region.
pub(crate) type WrapKeys = Vec<(KeyId, WrappingKey)>;

/// The owners' keys of a planet.
pub(crate) struct Keyring {
    path: PathBuf,
    planet: PlanetId,
    /// Where the log ends.
    end: Box<End>,
    kept: Mutex<Kept>,
}

/// Tells where the log ends: all in front of it is durable.
pub(crate) type End = dyn Fn() -> Position + Send + Sync;

/// Before the first entry of any log.
const NOWHERE: Position = Position { segment: 0, offset: 0 };

impl Keyring {
    /// Opens the file of keys.
    pub(crate) fn open(path: &Path, planet: PlanetId, regions: Wrapping, end: Box<End>) -> Result<Self, HomeError> {
        let what = || format!("open {}", path.display());
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(path);
        let file = file.map_err(failed(what()))?;
        let length = file.metadata().map_err(failed(what()))?.len();
        let mut places = BTreeMap::new();
        let (mut place, now) = ([0; PLACE], end());
        let whole = length / u64::try_from(PLACE).unwrap_or(1);
        for number in 0..whole {
            file.read_exact_at(&mut place, at(number)).map_err(failed(what()))?;
            let Some((region, wrapped, mut made)) = read(&place, &regions) else { continue };
            if made > now {
                // The log is an older one, restored: what will be asked for in it
                // is about this key too.
                made = now;
                let written = file.write_all_at(&place_of(&wrapped, made), at(number));
                written.and_then(|()| file.sync_data()).map_err(failed(what()))?;
            }
            places.insert((region, wrapped.owner()), Held { number, wrapped, made });
        }
        let kept = Kept { file, regions, places, ready: BTreeMap::new(), next: whole };
        Ok(Self { path: path.to_owned(), planet, end, kept: Mutex::new(kept) })
    }

    /// An owner's key in a region, made when there is none.
    pub(crate) fn key(&self, region: RegionTag, owner: OwnerId) -> Result<Arc<DataKey>, NoKey> {
        let mut kept = self.kept();
        if let Some(key) = kept.ready.get(&(region, owner)) {
            return Ok(Arc::clone(key));
        }
        let none = || NoKey::Trouble("no such region".to_owned());
        let wrapping = kept.regions.get(&region).filter(|keys| !keys.is_empty()).ok_or_else(none)?;
        let key = match kept.places.get(&(region, owner)) {
            Some(held) => {
                let id = held.wrapped.key();
                let by = wrapping.iter().find(|(known, _)| *known == id).ok_or_else(none)?;
                by.1.unwrap(&held.wrapped).map_err(|why| NoKey::Trouble(why.to_string()))?
            }
            None => {
                let (_, wrapping) = &wrapping[0];
                let mut entropy = entropy::bytes().map_err(|why| NoKey::Trouble(why.to_string()))?;
                let key = DataKey::new(self.planet, owner, Secret::take(&mut entropy));
                let wrapped = wrapping.wrap(&key).map_err(|why| NoKey::Trouble(why.to_string()))?;
                let (number, made) = (kept.next, (self.end)());
                let written = kept.file.write_all_at(&place_of(&wrapped, made), at(number));
                written.and_then(|()| kept.file.sync_data()).map_err(|why| NoKey::Trouble(why.to_string()))?;
                kept.next += 1;
                kept.places.insert((region, owner), Held { number, wrapped, made });
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
        let kept = self.kept();
        let there = kept.places.contains_key(&(region, owner));
        drop(kept);
        if there { self.key(region, owner) } else { Err(NoKey::Erased) }
    }

    /// The regions in which an owner has a key.
    pub(crate) fn regions_of(&self, owner: OwnerId) -> Vec<RegionTag> {
        let kept = self.kept();
        kept.regions.keys().filter(|region| kept.places.contains_key(&(**region, owner))).copied().collect()
    }

    /// Whether an owner has a key that is older than a place in the log.
    pub(crate) fn has_older(&self, owner: OwnerId, place: Position) -> bool {
        let kept = self.kept();
        let held = |region: &RegionTag| kept.places.get(&(*region, owner)).is_some_and(|held| held.made <= place);
        kept.regions.keys().any(held)
    }

    /// Destroys an owner's keys in every region, those that were made before
    /// something stood at a place in the log: erasure. How many there were.
    /// Whoever comes back gets a new key, which opens nothing from before.
    pub(crate) fn destroy_older(&self, owner: OwnerId, place: Position) -> Result<usize, HomeError> {
        let mut kept = self.kept();
        let mut destroyed = 0;
        for region in kept.regions.keys().copied().collect::<Vec<_>>() {
            let Some(held) = kept.places.get(&(region, owner)).filter(|held| held.made <= place) else { continue };
            let number = held.number;
            kept.ready.remove(&(region, owner));
            let overwritten = kept.file.write_all_at(&[0; PLACE], at(number));
            overwritten.and_then(|()| kept.file.sync_data()).map_err(failed("overwrite an owner's key"))?;
            kept.places.remove(&(region, owner));
            destroyed += 1;
        }
        Ok(destroyed)
    }

    /// Wraps all keys of a region under another of its keys, which is the first
    /// from here on; how many there were. The register is written anew beside the
    /// old one and takes its name when it is whole, so a kill leaves one or the
    /// other; what the old one held is overwritten.
    pub(crate) fn rewrap(&self, region: RegionTag, to: (KeyId, WrappingKey)) -> Result<usize, HomeError> {
        let id = to.0;
        let mut kept = self.kept();
        let keys = kept.regions.entry(region).or_default();
        if !keys.iter().any(|(known, _)| *known == id) {
            // From now on it is what new keys are wrapped under.
            keys.insert(0, to);
        }
        let old: Vec<(OwnerId, WrappedKey)> = kept
            .places
            .iter()
            .filter(|((of, _), held)| *of == region && held.wrapped.key() != id)
            .map(|((_, owner), held)| (*owner, held.wrapped))
            .collect();
        drop(kept);
        let mut anew = BTreeMap::new();
        for (owner, wrapped) in old {
            // For each: whoever wants a key meanwhile waits for one, and not for all.
            let kept = self.kept();
            let wrapped = rewrapped(&kept.regions, region, &wrapped, id).map_err(|what| self.damaged(what))?;
            anew.insert(owner, wrapped);
        }
        let mut kept = self.kept();
        let mut many = 0;
        for ((of, owner), held) in &mut kept.places {
            // What was destroyed meanwhile is gone and stays so, and whoever began
            // anew since has a key under the present one already.
            if *of == region
                && held.wrapped.key() != id
                && let Some(wrapped) = anew.remove(owner)
            {
                held.wrapped = wrapped;
                many += 1;
            }
        }
        self.write_anew(&mut kept)?;
        Ok(many)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn damaged(&self, what: String) -> HomeError {
        HomeError::Damaged { file: self.path.display().to_string(), what }
    }

    /// The keys of a region that were wrapped under another of its keys than the
    /// present one are opened with that no more.
    pub(crate) fn forget(&self, region: RegionTag) {
        if let Some(keys) = self.kept().regions.get_mut(&region) {
            keys.truncate(1);
        }
    }

    fn write_anew(&self, kept: &mut Kept) -> Result<(), HomeError> {
        let what = || format!("write {} anew", self.path.display());
        let draft = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(true).read(true).write(true).mode(0o600).open(&draft);
        let file = file.map_err(failed(what()))?;
        for held in kept.places.values() {
            file.write_all_at(&place_of(&held.wrapped, held.made), at(held.number)).map_err(failed(what()))?;
        }
        file.set_len(at(kept.next)).and_then(|()| file.sync_all()).map_err(failed(what()))?;
        std::fs::rename(&draft, &self.path).map_err(failed(what()))?;
        let folder = self.path.parent().unwrap_or_else(|| Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(what()))?;
        let old = std::mem::replace(&mut kept.file, file);
        // It has no name any more; what its sectors held is under a key that goes, too.
        let mut number = 0;
        let cleared = std::iter::from_fn(|| {
            number += 1;
            (number <= kept.next).then(|| old.write_all_at(&[0; PLACE], at(number - 1)))
        });
        cleared.collect::<Result<(), _>>().and_then(|()| old.sync_data()).map_err(failed(what()))
    }
}

/// A key, wrapped under another key of its region.
fn rewrapped(regions: &Wrapping, region: RegionTag, wrapped: &WrappedKey, to: KeyId) -> Result<WrappedKey, String> {
    let keys = regions.get(&region).map(Vec::as_slice).unwrap_or_default();
    let key = |id: KeyId| keys.iter().find(|(known, _)| *known == id).map(|(_, key)| key);
    let (Some(from), Some(to)) = (key(wrapped.key()), key(to)) else {
        return Err("a key in it is wrapped under one that is not here".to_owned());
    };
    from.rewrap(wrapped, to).map_err(|why| why.to_string())
}

/// A key in a register: of which region, and where the log ended when it was made.
pub(crate) type Wrapped = (RegionTag, WrappedKey, Position);

/// The keys in a register that is only looked at, with the regions whose keys
/// wrap them and where the log ended when they were made; and how many there are that none of these regions wraps.
pub(crate) fn look(path: &Path, regions: &Wrapping) -> Result<(Vec<Wrapped>, u64), HomeError> {
    let what = || format!("read {}", path.display());
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        opened => opened.map_err(failed(what()))?,
    };
    let length = file.metadata().map_err(failed(what()))?.len();
    let (mut held, mut others, mut place) = (Vec::new(), 0, [0; PLACE]);
    for number in 0..length / u64::try_from(PLACE).unwrap_or(1) {
        file.read_exact_at(&mut place, at(number)).map_err(failed(what()))?;
        match read(&place, regions) {
            Some(found) => held.push(found),
            None if is_whole(&place) => others += 1,
            None => {}
        }
    }
    Ok((held, others))
}

/// Whether a place holds a key, whoever wraps it.
fn is_whole(place: &[u8; PLACE]) -> bool {
    let crc = crc32c::crc32c(&place[..PLACE - 4]).to_be_bytes();
    matches!(place[0], WITHOUT_PLACE | VERSION) && place[PLACE - 4..] == crc
}

fn at(number: u64) -> u64 {
    number.saturating_mul(u64::try_from(PLACE).unwrap_or(u64::MAX))
}

/// Where in a place the log's end stands.
const MADE: usize = 1 + WrappedKey::LEN;

const _: () = assert!(MADE + 16 + 4 <= PLACE, "a key, the log's end and a checksum fit a place");

fn place_of(wrapped: &WrappedKey, made: Position) -> [u8; PLACE] {
    let mut place = [0; PLACE];
    place[0] = VERSION;
    place[1..MADE].copy_from_slice(&wrapped.to_bytes());
    place[MADE..MADE + 8].copy_from_slice(&made.segment.to_be_bytes());
    place[MADE + 8..MADE + 16].copy_from_slice(&made.offset.to_be_bytes());
    let crc = crc32c::crc32c(&place[..PLACE - 4]);
    place[PLACE - 4..].copy_from_slice(&crc.to_be_bytes());
    place
}

/// The key in a place, with the region whose key wraps it, and where the log
/// ended when it was made. A place that holds none was overwritten, or never
/// written to its end: nothing depends on it.
fn read(place: &[u8; PLACE], regions: &Wrapping) -> Option<Wrapped> {
    if !is_whole(place) {
        return None;
    }
    let wrapped = WrappedKey::from_bytes(&place[1..MADE]).ok()?;
    let region = regions.iter().find(|(_, keys)| keys.iter().any(|(id, _)| *id == wrapped.key()))?;
    let number = |at: usize| place[at..].first_chunk().map_or(0, |number| u64::from_be_bytes(*number));
    let made = if place[0] == VERSION { Position { segment: number(MADE), offset: number(MADE + 8) } } else { NOWHERE };
    Some((*region.0, wrapped, made))
}
