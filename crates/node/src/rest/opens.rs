//! What keys open of a directory: its owners' keys, and records in its log.
//!
//! It only reads, and takes no lock, so that a planet may be running there. The
//! log is read before the register, since a key is in the register before
//! anything is sealed under it.

use crate::engine::context;
use crate::home::{HomeError, OWNERS, failed, look};
use crate::keyring;
use block::chain::{Entry, Outcome};
use block::kinds::{Effect, by_code};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use store::Position;
use trust::envelope::{DataKey, WrappedKey};
use trust::{AgentId, BlockRef, OwnerId, PlanetId, RegionTag, RegionalKey, Secret};
use zeroize::Zeroizing;

/// Segments that are looked through for records, the newest first.
const MOST_SEGMENTS: usize = 4;
/// How much of a segment is read: all of it, unless somebody set it larger.
const MOST_READ: u64 = 256 << 20;
/// Records that are opened: one is a proof, a few are of several owners.
const MOST_RECORDS: u64 = 64;

/// What was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Opens {
    /// Owners' keys that were unwrapped: all that the register holds.
    pub owners: u64,
    /// Records whose envelopes were opened.
    pub records: u64,
}

/// Why keys do not open a directory.
#[derive(Debug, thiserror::Error)]
pub enum NotProven {
    /// It cannot be read.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Owners' keys are wrapped under regional keys that are not here.
    #[error("{0} owners' keys are wrapped under a regional key that was not recovered")]
    Unknown(u64),
    /// An owner's key does not unwrap.
    #[error("the key of owner {owner} does not unwrap: {why}")]
    Owner {
        /// Whose it is.
        owner: OwnerId,
        /// Why.
        why: trust::envelope::NotUnwrapped,
    },
    /// A record does not open.
    #[error("entry {sequence} of {block} does not open: {why}")]
    Record {
        /// Which block.
        block: BlockRef,
        /// Which entry of its chain.
        sequence: u64,
        /// Why.
        why: trust::envelope::NotOpened,
    },
}

/// A record as the log has it.
struct Sealed {
    block: BlockRef,
    sequence: u64,
    agent: AgentId,
    position: Position,
    context: Vec<u8>,
    envelope: Vec<u8>,
}

/// Opens what there is with regional keys: every owner's key in the register,
/// and some of the newest records.
///
/// # Errors
/// When something cannot be read, or does not open.
pub fn opens(place: &Path, planet: PlanetId, regions: Vec<(RegionTag, Secret)>) -> Result<Opens, NotProven> {
    let sealed = records(place)?;
    let wrapping = |(tag, secret)| {
        let key = RegionalKey::new(planet, tag, secret);
        (tag, vec![(key.id(), key.wrapping())])
    };
    let regions: BTreeMap<_, _> = regions.into_iter().map(wrapping).collect();
    let (held, others) = keyring::look(&place.join(OWNERS), &regions)?;
    if others > 0 {
        return Err(NotProven::Unknown(others));
    }
    let mut opened = Opens::default();
    let unwrap = |tag: &RegionTag, wrapped: &WrappedKey| -> Option<Result<DataKey, NotProven>> {
        let (_, wrapping) = regions.get(tag)?.first()?;
        Some(wrapping.unwrap(wrapped).map_err(|why| NotProven::Owner { owner: wrapped.owner(), why }))
    };
    for (tag, wrapped, _) in &held {
        unwrap(tag, wrapped).transpose()?;
        opened.owners += 1;
    }
    let held: BTreeMap<(RegionTag, OwnerId), (WrappedKey, Position)> =
        held.into_iter().map(|(tag, wrapped, made)| ((tag, wrapped.owner()), (wrapped, made))).collect();
    for record in sealed.iter().rev() {
        let of = (record.block.region, record.agent.into());
        // What was erased has no key any more, or one that was made later.
        let wrapped = held.get(&of).filter(|(_, made)| *made <= record.position);
        let Some(key) = wrapped.and_then(|(wrapped, _)| unwrap(&of.0, wrapped)).transpose()? else { continue };
        match key.open(&record.context, &record.envelope).map(Zeroizing::new) {
            Ok(_) => opened.records += 1,
            Err(why) => return Err(NotProven::Record { block: record.block, sequence: record.sequence, why }),
        }
        if opened.records >= MOST_RECORDS {
            break;
        }
    }
    Ok(opened)
}

/// The records in the newest segments, the oldest first.
fn records(place: &Path) -> Result<Vec<Sealed>, HomeError> {
    let (_, shards) = look(place)?;
    let tags: Vec<RegionTag> = shards.iter().map(|shard| RegionTag::of(&shard.region)).collect();
    let log = place.join("log");
    let what = || format!("read {}", log.display());
    let mut numbers = Vec::new();
    for file in fs::read_dir(&log).map_err(failed(what()))? {
        let name = file.map_err(failed(what()))?.file_name();
        if let Some(number) = name.to_str().and_then(store::segment_number) {
            numbers.push((number, log.join(name)));
        }
    }
    numbers.sort();
    let mut sealed = Vec::new();
    let newest = numbers.len().saturating_sub(MOST_SEGMENTS);
    for (number, file) in numbers.split_off(newest) {
        let mut bytes = Vec::new();
        let open = fs::File::open(&file).map_err(failed(what()))?;
        open.take(MOST_READ).read_to_end(&mut bytes).map_err(failed(what()))?;
        for entry in store::segment_entries(number, &bytes) {
            let tag = usize::try_from(entry.shard).ok().and_then(|shard| tags.get(shard));
            sealed.extend(tag.and_then(|tag| record(*tag, &entry)));
        }
    }
    Ok(sealed)
}

/// The record in an entry that wrote one.
fn record(region: RegionTag, kept: &store::Entry) -> Option<Sealed> {
    let entry = Entry::decode(&kept.bytes).ok().filter(|entry| entry.outcome == Outcome::Done)?;
    let Ok(Effect::Put(_, _, envelope)) = (by_code(entry.kind)?.effect)(entry.payload) else { return None };
    let block = BlockRef { region, index: kept.block };
    let (context, envelope) = (context(block, entry.agent, entry.id), envelope.to_vec());
    Some(Sealed { block, sequence: entry.sequence, agent: entry.agent, position: kept.position, context, envelope })
}
