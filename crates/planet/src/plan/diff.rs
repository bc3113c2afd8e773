//! What changes between two planet files, and who has to move.
//!
//! A block's id is (region, index), so a block moves only when its region
//! shrinks below its index or goes away. A region that is added in the middle
//! renumbers nobody.

use super::layout::Layout;
use super::split::Unplannable;
use crate::model::Planet;
use serde::Serialize;
use std::collections::BTreeMap;

/// What changes from one planet to another.
#[derive(Debug, Clone, Serialize)]
pub struct Diff {
    /// Regions that differ, in the order of the new file, then those that went.
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
    /// What else differs: the names of the keys.
    pub keys: Vec<&'static str>,
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
    /// Its blocks stay; something else differs.
    Changes,
    /// Nothing differs.
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
            Self::Changes => "changes",
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

type Known<'a> = (&'a crate::model::Region, u64);

fn blocks(planet: &Planet) -> Result<BTreeMap<&str, Known<'_>>, Unplannable> {
    let layout = Layout::new(planet)?;
    Ok(planet.region.iter().enumerate().map(|(at, region)| (region.id.as_str(), (region, layout.blocks(at)))).collect())
}

fn region(id: &str, old: Option<Known<'_>>, new: Option<Known<'_>>) -> RegionDiff {
    let (before, after) = (old.map_or(0, |(_, blocks)| blocks), new.map_or(0, |(_, blocks)| blocks));
    let keys = match (old, new) {
        (Some((old, _)), Some((new, _))) => keys(old, new),
        _ => Vec::new(),
    };
    let change = match (old, new) {
        (None, _) => Change::Added,
        (_, None) => Change::Removed,
        _ if before < after => Change::Grows,
        _ if before > after => Change::Shrinks,
        _ if keys.is_empty() => Change::Stays,
        _ => Change::Changes,
    };
    let moving = (after < before).then(|| (after, before - 1));
    RegionDiff { id: id.to_owned(), change, before, after, moving, keys }
}

/// The keys of a region that differ and that somebody outside would notice.
fn keys(old: &crate::model::Region, new: &crate::model::Region) -> Vec<&'static str> {
    fn values<T: Clone>(list: &[crate::At<T>]) -> Vec<T> {
        list.iter().map(|at| at.value.clone()).collect()
    }
    fn value<T: Clone>(at: Option<&crate::At<T>>) -> Option<T> {
        at.map(|at| at.value.clone())
    }
    let checks = [
        ("site", old.site.value != new.site.value),
        ("jurisdictions", values(&old.jurisdictions) != values(&new.jurisdictions)),
        ("provider", old.provider.value != new.provider.value),
        ("provider_regions", values(&old.provider_regions) != values(&new.provider_regions)),
        ("zones", values(&old.zones) != values(&new.zones)),
        ("capacity", value(old.capacity.as_ref()) != value(new.capacity.as_ref())),
        ("fallback", values(&old.fallback) != values(&new.fallback)),
        (
            "replicas",
            (old.replicas.at_start(), old.replicas.min.value, old.replicas.at_most())
                != (new.replicas.at_start(), new.replicas.min.value, new.replicas.at_most()),
        ),
        ("vpc", value(old.vpc.as_ref()) != value(new.vpc.as_ref())),
        ("ipv6", value(old.ipv6.as_ref()) != value(new.ipv6.as_ref())),
    ];
    checks.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}
