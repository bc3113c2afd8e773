//! What changes between two planet files, and who has to move.
//!
//! A block's id is (region, index), so a block moves only when its region
//! shrinks below its index or goes away. A region that is added in the middle
//! renumbers nobody.

use super::layout::Layout;
use super::split::Unplannable;
use crate::file::flat::flatten;
use crate::model::Planet;
use serde::Serialize;
use std::collections::BTreeMap;

/// What changes from one planet to another.
#[derive(Debug, Clone, Serialize)]
pub struct Diff {
    /// Every region, in the order of the new file, then those that went.
    pub regions: Vec<RegionDiff>,
    /// Blocks that stay where they are.
    pub blocks_kept: u64,
    /// Blocks that are new.
    pub blocks_added: u64,
    /// Blocks that go away.
    pub blocks_removed: u64,
    /// Slots whose agents need a lease elsewhere, if all of them are taken.
    pub slots_moving: u64,
}

/// What changes in one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegionDiff {
    /// Its id.
    pub id: String,
    /// What happens to it.
    pub change: Change,
    /// Blocks before.
    pub before: u64,
    /// Blocks afterwards.
    pub after: u64,
    /// The blocks whose agents move, as the first and the last of their indexes.
    pub moving: Option<(u64, u64)>,
}

/// What happens to a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new.
    Added,
    /// It goes away.
    Removed,
    /// It has more blocks.
    Grows,
    /// It has fewer blocks.
    Shrinks,
    /// Its blocks stay.
    Stays,
}

impl Change {
    /// As a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Grows => "grows",
            Self::Shrinks => "shrinks",
            Self::Stays => "stays",
        }
    }
}

impl Diff {
    /// Compares two planets.
    pub fn new(before: &Planet, after: &Planet) -> Result<Self, Unplannable> {
        let (old, new) = (blocks(before)?, blocks(after)?);
        let mut regions: Vec<_> = after.region.iter().map(|region| region.id.as_str()).collect();
        regions.extend(before.region.iter().map(|region| region.id.as_str()).filter(|id| !new.contains_key(id)));
        let regions: Vec<_> =
            regions.into_iter().map(|id| region(id, old.get(id).copied(), new.get(id).copied())).collect();
        let sum = |value: fn(&RegionDiff) -> u64| regions.iter().map(value).sum::<u64>();
        // Fewer slots in a block move agents too, even where the block stays.
        let lost_slots = u64::from(before.block.slots.value.saturating_sub(after.block.slots.value));
        let blocks_kept = sum(|region| region.before.min(region.after));
        let blocks_removed = sum(|region| region.before.saturating_sub(region.after));
        Ok(Self {
            blocks_kept,
            blocks_added: sum(|region| region.after.saturating_sub(region.before)),
            blocks_removed,
            slots_moving: blocks_removed * u64::from(before.block.slots.value) + blocks_kept * lost_slots,
            regions,
        })
    }
}

/// Blocks of each region, by its id.
fn blocks(planet: &Planet) -> Result<BTreeMap<&str, u64>, Unplannable> {
    let layout = Layout::new(planet)?;
    Ok(planet.region.iter().enumerate().map(|(at, region)| (region.id.as_str(), layout.blocks(at))).collect())
}

fn region(id: &str, old: Option<u64>, new: Option<u64>) -> RegionDiff {
    let (before, after) = (old.unwrap_or(0), new.unwrap_or(0));
    let change = match (old, new) {
        (None, _) => Change::Added,
        (_, None) => Change::Removed,
        _ if before < after => Change::Grows,
        _ if before > after => Change::Shrinks,
        _ => Change::Stays,
    };
    let moving = (after < before).then(|| (after, before - 1));
    RegionDiff { id: id.to_owned(), change, before, after, moving }
}

/// A key whose value differs between two files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyChange {
    /// The key, such as `region.eu.site`.
    pub key: String,
    /// What it was; none when it was not there.
    pub before: Option<String>,
    /// What it is; none when it is not there any more.
    pub after: Option<String>,
}

/// Every key whose value differs between two files, in alphabetical order.
#[must_use]
pub fn changes(before: &str, after: &str) -> Vec<KeyChange> {
    let (mut old, new) = (flatten(before), flatten(after));
    let mut changes = Vec::new();
    for (key, after) in new {
        let before = old.remove(&key);
        if before.as_ref() != Some(&after) {
            changes.push(KeyChange { key, before, after: Some(after) });
        }
    }
    changes.extend(old.into_iter().map(|(key, before)| KeyChange { key, before: Some(before), after: None }));
    changes.sort_by(|one, other| one.key.cmp(&other.key));
    changes
}
