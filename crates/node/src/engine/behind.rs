//! The threads that come behind the log: what makes the index follow, what
//! prunes, what ends records, and what rotates keys.

use super::rules::retention;
use super::start::{Parts, spawn};
use super::{Engine, Region, StartError, locked};
use crate::clock::Settled;
use crate::expiry::Expirer;
use crate::follower::Follower;
use crate::lane::Ask;
use crate::retention::Keeper;
use crate::rotation::{DATA_ROTATION, Rotation, Turning};
use crate::signing::{self, NOTICE, Signing, Watch};
use custody::signer::Signer;
use planet::Planet;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use trust::{BlockRef, RegionTag};

/// The threads that come behind the log.
pub(super) fn behind(
    follower: Follower,
    planet: &Planet,
    parts: &Parts,
    shards: &BTreeMap<u32, (u32, RegionTag)>,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let mut behind = vec![spawn("index".to_owned(), move || follower.run())?];
    if let Some(keeper) = keeper(planet, parts) {
        behind.push(spawn("retention".to_owned(), move || keeper.run())?);
    }
    if let Some(expirer) = expirer(planet, parts, shards) {
        behind.push(spawn("expiry".to_owned(), move || expirer.run())?);
    }
    let rotation = rotation(planet, parts);
    behind.push(spawn("rotation".to_owned(), move || rotation.run())?);
    let watch = watch(planet, parts);
    behind.push(spawn("keys".to_owned(), move || watch.run())?);
    Ok(behind)
}

/// Whoever prunes, when the planet does not keep its chains for ever.
fn keeper(planet: &Planet, parts: &Parts) -> Option<Keeper> {
    let kept = planet.block.chain_kept.as_ref()?.value;
    let regions = (0..).zip(&parts.home.shards).map(|(number, shard)| (number, RegionTag::of(&shard.region)));
    Some(Keeper {
        log: Arc::clone(&parts.log),
        index: Arc::clone(&parts.index),
        progress: Arc::clone(&parts.progress),
        clock: Arc::clone(&parts.clock),
        regions: regions.collect(),
        kept,
        newest: None,
        cleared: None,
        settled: Settled::new(),
    })
}

/// Whoever rotates the keys that sign.
fn watch(planet: &Planet, parts: &Parts) -> Watch {
    let keys = parts.home.place.join("keys");
    let (every, overlap) = signing::times(planet.keys.as_ref());
    let sign = |(name, ages): &(String, _)| {
        let signer = Signer::new(keys.clone(), name.clone(), parts.home.planet, every, overlap);
        let mut signing = Signing::new(signer, Arc::clone(ages), Arc::clone(&parts.acts));
        if name == "node" {
            let node = Arc::clone(&parts.home.node);
            signing.turned = Box::new(move |key, line| node.next(key, line));
        } else {
            signing.signer.notice = NOTICE;
        }
        signing
    };
    Watch {
        signing: parts.signing.iter().map(sign).collect(),
        believed: Arc::clone(&parts.believed),
        acts: Arc::clone(&parts.acts),
        progress: Arc::clone(&parts.progress),
        clock: Arc::clone(&parts.clock),
        settled: Settled::new(),
    }
}

/// Whoever rotates the regions' keys.
fn rotation(planet: &Planet, parts: &Parts) -> Rotation {
    let turning = |region: &Region| {
        let (keys, ages) = (Arc::clone(region.key.as_ref()?), Arc::clone(&region.ages));
        Some(Turning { id: region.id.clone(), tag: region.tag, keys, ages })
    };
    Rotation {
        folder: parts.home.place.join("keys"),
        planet: parts.home.planet,
        regions: parts.regions.iter().filter_map(turning).collect(),
        keyring: Arc::clone(&parts.keyring),
        progress: Arc::clone(&parts.progress),
        clock: Arc::clone(&parts.clock),
        settled: Settled::new(),
        acts: Arc::clone(&parts.acts),
        every: planet.keys.as_ref().map_or(DATA_ROTATION, |keys| keys.data_rotation.value),
        overlap: super::keys::overlap(planet),
        wait: 0,
    }
}

/// Whoever ends records, when a class does.
fn expirer(planet: &Planet, parts: &Parts, shards: &BTreeMap<u32, (u32, RegionTag)>) -> Option<Expirer> {
    let retention = retention(planet);
    if retention.is_empty() {
        return None;
    }
    let regions = parts.regions.iter().map(|region| (region.tag, region.shards.clone(), region.blocks));
    let (regions, served): (Vec<_>, BTreeSet<u32>) = (regions.collect(), shards.keys().copied().collect());
    let lanes = Arc::clone(&parts.lanes);
    let tell = Box::new(move |block: BlockRef, ask: &dyn Fn((u32, u64)) -> Ask| {
        let region = regions.iter().find(|(tag, _, blocks)| *tag == block.region && block.index < *blocks);
        let shard = region.map(|(_, shards, _)| Engine::shard_at(shards, block.index));
        // A block that is no longer in the file is not served, and told nothing.
        let Some(shard) = shard.filter(|shard| served.contains(shard)) else { return true };
        let lanes = locked(&lanes);
        let lane = usize::try_from(shard).ok().and_then(|shard| lanes.get(shard.checked_rem(lanes.len())?));
        lane.is_some_and(|lane| lane.try_send(ask((shard, block.index))).is_ok())
    });
    let (index, progress, clock) = (Arc::clone(&parts.index), Arc::clone(&parts.progress), Arc::clone(&parts.clock));
    Some(Expirer { index, progress, clock, retention, tell, from: vec![0], settled: Settled::new() })
}
