//! What a planet comes to: blocks, addresses and machines.
//!
//! Everything is exact integers computed from the number of regions, never
//! from the number of blocks: 133 million blocks cost what three cost.

pub mod calibration;
pub mod diff;
pub mod layout;
pub mod locate;
pub mod size;
mod split;

pub use split::Unplannable;

use crate::model::Planet;
use crate::tables::Tables;
use calibration::{Calibration, Figure};
use layout::Layout;
use serde::Serialize;
use size::{Load, Machines, Sizing};
use vocab::{Bytes, Ppm};

/// The network that every cell repeats.
pub const CELL: vocab::Net4 = vocab::Net4 { address: std::net::Ipv4Addr::new(192, 168, 0, 0), prefix: 16 };

/// What a planet comes to.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// All regions together.
    pub planet: Totals,
    /// Each region, in the order of the file.
    pub regions: Vec<RegionPlan>,
    /// The machine that hosts blocks.
    pub host: Host,
    /// The figures that the sizes were computed from.
    pub figures: Vec<Figure>,
}

/// All regions together.
#[derive(Debug, Clone, Serialize)]
pub struct Totals {
    /// What the planet is called.
    pub name: String,
    /// How many regions.
    pub regions: u64,
    /// How many blocks.
    pub blocks: u64,
    /// How many slots.
    pub slots: u64,
    /// How many cells.
    pub cells: u64,
    /// How many pods.
    pub pods: u64,
    /// Hosts, with all spare ones.
    pub nodes: u64,
    /// Gateway replicas to begin with.
    pub gateways: u64,
    /// Hosts and gateways together.
    pub instances: u64,
    /// Memory of all blocks.
    pub memory_bytes: u64,
    /// Ops at the stated activity.
    pub ops_per_second: u64,
}

/// The machine that hosts blocks.
#[derive(Debug, Clone, Serialize)]
pub struct Host {
    /// Its name in the price book.
    pub name: String,
    /// Its cores.
    pub cores: u64,
    /// Its memory.
    pub memory_bytes: u64,
    /// Its steady speed on the wire.
    pub network_bits_per_second: u64,
}

/// What one region comes to.
#[derive(Debug, Clone, Serialize)]
pub struct RegionPlan {
    /// What the file calls it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// How many blocks.
    pub blocks: u64,
    /// The planet-wide number of its first block.
    pub first_block: u64,
    /// How many slots.
    pub slots: u64,
    /// Its share of all blocks, in millionths.
    #[serde(rename = "share_ppm", serialize_with = "ppm")]
    pub share: Ppm,
    /// How many cells.
    pub cells: u64,
    /// How many pods.
    pub pods: u64,
    /// Ops at the stated activity.
    pub ops_per_second: u64,
    /// Memory of its blocks.
    pub memory_bytes: u64,
    /// Its hosts.
    pub machines: Machines,
    /// Gateway replicas to begin with.
    pub gateways: u64,
    /// Hosts and gateways together.
    pub instances: u64,
}

fn ppm<S: serde::Serializer>(share: &Ppm, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u32(share.0)
}

impl Plan {
    /// Plans a planet.
    pub fn new(planet: &Planet, tables: &Tables) -> Result<Self, Unplannable> {
        Self::with_lost(planet, tables, None)
    }

    /// Plans a planet that has lost a region: its fallback carries the load.
    pub fn with_lost(planet: &Planet, tables: &Tables, lost: Option<&str>) -> Result<Self, Unplannable> {
        let layout = Layout::new(planet)?;
        let calibration = tables.calibration.for_planet(planet);
        let host = tables
            .book
            .machine(planet.compute.host.as_str())
            .ok_or_else(|| Unplannable::machine(&planet.compute.host))?;
        let sizing = Sizing::new(planet, &calibration, &host);
        let loads = loads(planet, &layout, lost)?;
        let takeovers = takeovers(planet, &loads);
        let regions: Vec<_> = planet
            .region
            .iter()
            .enumerate()
            .map(|(at, _)| region_plan(planet, &layout, &calibration, &sizing, at, loads[at], takeovers[at]))
            .collect();
        let planet = totals(planet, &regions);
        let host = Host {
            name: host.name.clone(),
            cores: host.cores,
            memory_bytes: host.memory.0,
            network_bits_per_second: host.network.0,
        };
        Ok(Self { planet, regions, host, figures: calibration.figures() })
    }
}

/// What each region carries.
fn loads(planet: &Planet, layout: &Layout, lost: Option<&str>) -> Result<Vec<Load>, Unplannable> {
    let mut loads: Vec<_> = (0..planet.region.len()).map(|at| Load::of(planet, layout.blocks(at))).collect();
    let Some(lost) = lost else { return Ok(loads) };
    let at = planet
        .region
        .iter()
        .position(|region| region.id.as_str() == lost)
        .ok_or_else(|| Unplannable::no_region(planet, lost))?;
    let moved = std::mem::take(&mut loads[at]);
    if let Some(to) = fallback(planet, at) {
        loads[to] = loads[to].plus(moved);
    }
    Ok(loads)
}

/// The region that takes over from region `at`.
fn fallback(planet: &Planet, at: usize) -> Option<usize> {
    let region = &planet.region[at];
    let names = region.fallback.iter().filter(|name| name.value != region.id.value);
    names.into_iter().find_map(|name| planet.region.iter().position(|other| other.id.value == name.value))
}

/// The largest load that each region must be able to take over.
fn takeovers(planet: &Planet, loads: &[Load]) -> Vec<Load> {
    let mut takeovers = vec![Load::default(); loads.len()];
    let by_id: std::collections::BTreeMap<_, _> =
        planet.region.iter().enumerate().rev().map(|(at, region)| (region.id.as_str(), at)).collect();
    for (from, region) in planet.region.iter().enumerate() {
        let first =
            region.fallback.iter().find(|name| name.value != region.id.value && by_id.contains_key(name.as_str()));
        if let Some(&to) = first.and_then(|name| by_id.get(name.as_str())) {
            takeovers[to] = takeovers[to].max(loads[from]);
        }
    }
    takeovers
}

fn region_plan(
    planet: &Planet,
    layout: &Layout,
    calibration: &Calibration,
    sizing: &Sizing,
    at: usize,
    load: Load,
    takeover: Load,
) -> RegionPlan {
    let region = &planet.region[at];
    let blocks = layout.blocks(at);
    let zones = if region.zones.is_empty() { calibration.zones_unlisted } else { region.zones.len() as u64 };
    let machines = sizing.machines(load, takeover, zones);
    let cells = blocks.div_ceil(vocab::BlockId::PER_CELL);
    // A cell is never divided; more hosts than pods make smaller pods.
    let pods = cells.div_ceil(calibration.cells_per_pod).max(machines.working.min(cells));
    let gateways = if load.blocks == 0 && blocks > 0 { 0 } else { u64::from(region.replicas.at_start()) };
    RegionPlan {
        id: region.id.to_string(),
        name: region.name.as_ref().map_or_else(|| region.id.to_string(), |name| name.to_string()),
        blocks,
        first_block: layout.first_block(at),
        slots: blocks * layout.slots(),
        share: Ppm::ratio(blocks, layout.total_blocks()),
        cells,
        pods,
        ops_per_second: load.ops_per_second,
        memory_bytes: sizing.memory(load).0,
        gateways,
        instances: machines.total + gateways,
        machines,
    }
}

fn totals(planet: &Planet, regions: &[RegionPlan]) -> Totals {
    let sum = |value: fn(&RegionPlan) -> u64| regions.iter().map(value).fold(0, u64::saturating_add);
    Totals {
        name: planet.planet.name.to_string(),
        regions: regions.len() as u64,
        blocks: sum(|region| region.blocks),
        slots: sum(|region| region.slots),
        cells: sum(|region| region.cells),
        pods: sum(|region| region.pods),
        nodes: sum(|region| region.machines.total),
        gateways: sum(|region| region.gateways),
        instances: sum(|region| region.instances),
        memory_bytes: sum(|region| region.memory_bytes),
        ops_per_second: sum(|region| region.ops_per_second),
    }
}

/// A size for people.
#[must_use]
pub fn bytes(count: u64) -> String {
    Bytes(count).rounded()
}
