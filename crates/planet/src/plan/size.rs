//! How many hosts a region needs, and what binds first.
//!
//! A host must hold its blocks' memory, carry their bytes on its card and run
//! their ops on its cores; the scarcest of the three decides. All is labelled:
//! the sizes are modelled from figures that say whether anybody measured them.

use super::calibration::Calibration;
use super::load::Load;
use super::split::{Unplannable, count};
use crate::model::Planet;
use crate::price::book::Machine;
use serde::Serialize;
use vocab::Bytes;

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
    op_bits: u128,
    host_bits: u64,
    /// Ops of one host in `host_ops_per` milliseconds.
    host_ops: u128,
    host_ops_per: u64,
}

impl Sizing {
    /// For a planet's activity on a machine.
    #[must_use]
    pub fn new(planet: &Planet, calibration: &Calibration, machine: &Machine) -> Self {
        let ops = calibration.ops_per_core;
        Self {
            block_memory: calibration.block_memory.0,
            host_memory: machine.memory.0.saturating_sub(calibration.host_reserved.0),
            op_bits: u128::from(planet.activity.op_size.0) * 8,
            host_bits: machine.network.0,
            host_ops: u128::from(machine.cores) * u128::from(ops.events),
            host_ops_per: ops.per.0,
        }
    }

    /// Memory of a load.
    pub fn memory(&self, load: Load) -> Result<Bytes, Unplannable> {
        count(u128::from(load.blocks) * u128::from(self.block_memory)).map(Bytes)
    }

    fn needs(&self, load: Load) -> Result<[(u64, Binds); 3], Unplannable> {
        let ops = u128::from(load.ops_per_second);
        let bits = ops.saturating_mul(self.op_bits);
        let milli_ops = ops * u128::from(self.host_ops_per);
        Ok([
            (hosts(u128::from(self.memory(load)?.0), u128::from(self.host_memory), "memory")?, Binds::Memory),
            (hosts(bits, u128::from(self.host_bits), "network")?, Binds::Network),
            (hosts(milli_ops, self.host_ops * 1_000, "cores")?, Binds::Cpu),
        ])
    }

    fn working(&self, load: Load) -> Result<u64, Unplannable> {
        Ok(self.needs(load)?.iter().map(|(hosts, _)| *hosts).max().unwrap_or(0))
    }

    /// The hosts for a load, when the larger of it and what must be taken over
    /// may come at a time when a zone is away.
    pub fn machines(&self, load: Load, takeover: Load, zones: u64) -> Result<Machines, Unplannable> {
        let needs = self.needs(load)?;
        let working = self.working(load)?;
        // The first of equals, in the order memory, network, cpu.
        let binds = needs.iter().rev().max_by_key(|(hosts, _)| *hosts).map_or(Binds::Memory, |(_, binds)| *binds);
        let own = over_zones(working, zones)?;
        let both = over_zones(self.working(load.plus(takeover)?)?, zones)?;
        Ok(Machines {
            for_memory: needs[0].0,
            for_network: needs[1].0,
            for_cpu: needs[2].0,
            binds,
            working,
            zones,
            spare_for_a_zone: own - working,
            spare_for_a_region: both - own,
            total: both,
        })
    }
}

/// How many hosts a need takes, of a kind that each has so much of.
fn hosts(need: u128, each: u128, kind: &str) -> Result<u64, Unplannable> {
    if need == 0 {
        return Ok(0);
    }
    if each == 0 {
        return Err(Unplannable {
            what: format!("the host of [compute] has no {kind} left for blocks"),
            hint: "name a larger machine, or look at `host-reserved` and `ops-per-core` of the calibration".into(),
        });
    }
    count(need.div_ceil(each))
}

/// The fewest hosts of which enough are left when the fullest zone is lost.
/// With one zone there is nothing that spare hosts could do.
fn over_zones(hosts: u64, zones: u64) -> Result<u64, Unplannable> {
    if zones <= 1 {
        return Ok(hosts);
    }
    let left = |all: u128| all - all.div_ceil(u128::from(zones));
    let mut all = u128::from(hosts) * u128::from(zones) / u128::from(zones - 1);
    // At most two steps: the division above is off by less than that.
    while left(all) < u128::from(hosts) {
        all += 1;
    }
    count(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_hosts_are_left_without_the_fullest_zone_and_no_host_is_wasted() {
        for zones in 2..9 {
            for hosts in 0..200 {
                let all = over_zones(hosts, zones).unwrap();
                let left = |all: u64| all - all.div_ceil(zones);
                assert!(left(all) >= hosts, "{hosts} over {zones}");
                assert!(all == 0 || left(all - 1) < hosts, "{hosts} over {zones}");
            }
        }
        assert_eq!((over_zones(3, 3).unwrap(), over_zones(1, 3).unwrap(), over_zones(5, 1).unwrap()), (5, 2, 5));
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        assert!(over_zones(u64::MAX, 2).is_err());
        assert!(hosts(1, 0, "memory").is_err());
        assert_eq!(hosts(0, 0, "memory").unwrap(), 0);
    }
}
