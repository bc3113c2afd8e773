//! How many hosts a region needs, and what binds first.
//!
//! A host must hold its blocks' memory, carry their bytes on its card and run
//! their ops on its cores; the scarcest of the three decides. All is labelled:
//! the sizes are modelled from figures that say whether anybody measured them.

use super::calibration::Calibration;
use crate::model::Planet;
use crate::price::book::Machine;
use serde::Serialize;
use vocab::Bytes;

/// What a region has to carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Blocks to keep in memory.
    pub blocks: u64,
    /// Slots that send.
    pub active_slots: u64,
    /// Ops of all of them.
    pub ops_per_second: u64,
}

impl Load {
    /// What so many blocks do at the planet's stated activity.
    #[must_use]
    pub fn of(planet: &Planet, blocks: u64) -> Self {
        let slots = blocks.saturating_mul(u64::from(planet.block.slots.value));
        let active_slots = planet.activity.active.of_ceil(slots);
        let rate = planet.activity.op_rate.value;
        let ops = (u128::from(active_slots) * u128::from(rate.events) * 1_000).div_ceil(u128::from(rate.per.0.max(1)));
        Self { blocks, active_slots, ops_per_second: u64::try_from(ops).unwrap_or(u64::MAX) }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            blocks: self.blocks.saturating_add(other.blocks),
            active_slots: self.active_slots.saturating_add(other.active_slots),
            ops_per_second: self.ops_per_second.saturating_add(other.ops_per_second),
        }
    }

    pub(super) fn max(self, other: Self) -> Self {
        if other.blocks > self.blocks { other } else { self }
    }
}

/// What decides how many hosts are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Binds {
    /// Memory of the blocks.
    Memory,
    /// Bytes on the wire.
    Network,
    /// Ops on the cores.
    Cpu,
}

impl Binds {
    /// As a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Network => "network",
            Self::Cpu => "cpu",
        }
    }
}

/// The hosts of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Machines {
    /// Needed for memory alone.
    pub for_memory: u64,
    /// Needed for the wire alone.
    pub for_network: u64,
    /// Needed for the cores alone.
    pub for_cpu: u64,
    /// What decides.
    pub binds: Binds,
    /// Needed for the region's own load.
    pub working: u64,
    /// Zones that they are spread over.
    pub zones: u64,
    /// More, so that a zone may be lost.
    pub spare_for_a_zone: u64,
    /// More, so that a region whose fallback this is may be lost, still with a
    /// zone to lose.
    pub spare_for_a_region: u64,
    /// All of them.
    pub total: u64,
}

/// What one host can take, of each kind.
#[derive(Debug, Clone)]
pub struct Sizing {
    block_memory: u64,
    host_memory: u64,
    op_bits: u64,
    host_bits: u64,
    host_ops: u64,
}

impl Sizing {
    /// For a planet's activity on a machine.
    #[must_use]
    pub fn new(planet: &Planet, calibration: &Calibration, machine: &Machine) -> Self {
        let usable = machine.memory.0.saturating_sub(calibration.host_reserved.0);
        Self {
            block_memory: calibration.block_memory.0,
            host_memory: usable.max(1),
            op_bits: planet.activity.op_size.0.saturating_mul(8),
            host_bits: machine.network.0.max(1),
            host_ops: machine
                .cores
                .saturating_mul(
                    calibration.ops_per_core.events.saturating_mul(1_000) / calibration.ops_per_core.per.0.max(1),
                )
                .max(1),
        }
    }

    /// Memory of a load.
    #[must_use]
    pub fn memory(&self, load: Load) -> Bytes {
        Bytes(load.blocks.saturating_mul(self.block_memory))
    }

    fn needs(&self, load: Load) -> [(u64, Binds); 3] {
        [
            (self.memory(load).0.div_ceil(self.host_memory), Binds::Memory),
            (load.ops_per_second.saturating_mul(self.op_bits).div_ceil(self.host_bits), Binds::Network),
            (load.ops_per_second.div_ceil(self.host_ops), Binds::Cpu),
        ]
    }

    fn hosts(&self, load: Load) -> u64 {
        self.needs(load).iter().map(|(hosts, _)| *hosts).max().unwrap_or(0)
    }

    /// The hosts for a load, when the larger of it and what must be taken over
    /// may come at a time when a zone is away.
    #[must_use]
    pub fn machines(&self, load: Load, takeover: Load, zones: u64) -> Machines {
        let needs = self.needs(load);
        let working = self.hosts(load);
        // The first of equals, in the order memory, network, cpu.
        let binds = needs.iter().rev().max_by_key(|(hosts, _)| *hosts).map_or(Binds::Memory, |(_, binds)| *binds);
        let own = over_zones(working, zones);
        let both = over_zones(self.hosts(load.plus(takeover)), zones);
        Machines {
            for_memory: needs[0].0,
            for_network: needs[1].0,
            for_cpu: needs[2].0,
            binds,
            working,
            zones,
            spare_for_a_zone: own - working,
            spare_for_a_region: both - own,
            total: both,
        }
    }
}

/// As many hosts in each zone that the others suffice when one is lost. With
/// one zone there is nothing that spare hosts could do.
fn over_zones(hosts: u64, zones: u64) -> u64 {
    match zones {
        0 | 1 => hosts,
        _ => hosts.div_ceil(zones - 1).saturating_mul(zones),
    }
}
