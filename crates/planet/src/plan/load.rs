//! What each region has to carry, and whom it must be able to stand in for.

use super::layout::Layout;
use super::split::{Unplannable, count};
use crate::model::Planet;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a region has to carry. All of it is proportional to its blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Blocks to keep in memory.
    pub blocks: u64,
    /// Ops of the slots that send.
    pub ops_per_second: u64,
}

/// What the loss of a region does to the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// The region that is lost.
    pub region: String,
    /// The region that carries its load; nobody when it has no fallback.
    pub carried_by: Option<String>,
    /// The ops that move, or that nobody takes.
    pub ops_per_second: u64,
    /// What the carrying region has to take then.
    pub carrier_ops_per_second: u64,
    /// What the file says that it can.
    pub carrier_capacity: Option<u64>,
    /// Residency classes whose records do not move with the rest.
    pub refused_classes: Vec<String>,
}

impl Load {
    /// What so many blocks do at the planet's stated activity.
    pub fn of(planet: &Planet, blocks: u64) -> Result<Self, Unplannable> {
        let slots = count(u128::from(blocks) * u128::from(planet.block.slots.value))?;
        let rate = planet.activity.op_rate.value;
        let ops = u128::from(active(planet, slots)) * u128::from(rate.events) * 1_000;
        Ok(Self { blocks, ops_per_second: count(ops.div_ceil(u128::from(rate.per.0.max(1))))? })
    }

    pub(super) fn plus(self, other: Self) -> Result<Self, Unplannable> {
        let sum = |one: u64, two: u64| count(u128::from(one) + u128::from(two));
        Ok(Self {
            blocks: sum(self.blocks, other.blocks)?,
            ops_per_second: sum(self.ops_per_second, other.ops_per_second)?,
        })
    }
}

/// How many of so many slots send.
pub(crate) fn active(planet: &Planet, slots: u64) -> u64 {
    planet.activity.active.of_ceil(slots)
}

/// Where each region's load goes when it is lost: its first fallback that is
/// another region, and still there.
fn carriers(planet: &Planet, lost: Option<usize>) -> Vec<Option<usize>> {
    let mut by_id = BTreeMap::new();
    for (at, region) in planet.region.iter().enumerate() {
        by_id.entry(region.id.as_str()).or_insert(at);
    }
    let carrier = |(from, region): (usize, &crate::model::Region)| {
        let there = |name: &crate::At<crate::Name>| {
            by_id.get(name.as_str()).copied().filter(|to| *to != from && Some(*to) != lost)
        };
        region.fallback.iter().find_map(there)
    };
    planet.region.iter().enumerate().map(carrier).collect()
}

/// What each region carries, and the largest load that it must be able to take
/// over besides.
pub(super) struct Loads {
    pub(super) own: Vec<Load>,
    pub(super) takeover: Vec<Load>,
    pub(super) loss: Option<Loss>,
}

pub(super) fn loads(planet: &Planet, layout: &Layout, lost: Option<&str>) -> Result<Loads, Unplannable> {
    let mut own =
        (0..planet.region.len()).map(|at| Load::of(planet, layout.blocks(at))).collect::<Result<Vec<_>, _>>()?;
    let lost = lost.map(|id| {
        let at = planet.region.iter().position(|region| region.id.as_str() == id);
        at.ok_or_else(|| Unplannable::no_region(planet, id))
    });
    let lost = lost.transpose()?;
    let carriers = carriers(planet, lost);
    let mut loss = None;
    if let Some(at) = lost {
        let moved = std::mem::take(&mut own[at]);
        if let Some(to) = carriers[at] {
            own[to] = own[to].plus(moved)?;
        }
        loss = Some(describe(planet, at, carriers[at], moved, &own));
    }
    let mut takeover = vec![Load::default(); own.len()];
    for (from, to) in carriers.into_iter().enumerate() {
        if let Some(to) = to
            && own[from].blocks > takeover[to].blocks
        {
            takeover[to] = own[from];
        }
    }
    Ok(Loads { own, takeover, loss })
}

fn describe(planet: &Planet, at: usize, to: Option<usize>, moved: Load, own: &[Load]) -> Loss {
    let region = &planet.region[at];
    let carrier = to.map(|to| &planet.region[to]);
    let stays = |class: &&crate::model::Class| {
        class.when_lost.value == crate::model::WhenLost::Refuse
            && class.regions.iter().any(|name| name.value == region.id.value)
    };
    let classes = planet.data.iter().flat_map(|data| &data.class);
    Loss {
        region: region.id.to_string(),
        carried_by: carrier.map(|carrier| carrier.id.to_string()),
        ops_per_second: moved.ops_per_second,
        carrier_ops_per_second: to.map_or(0, |to| own[to].ops_per_second),
        carrier_capacity: carrier
            .and_then(|carrier| carrier.capacity.as_ref())
            .map(|capacity| capacity.per_second_ceil()),
        refused_classes: classes.filter(stays).map(|class| class.name.to_string()).collect(),
    }
}
