//! What a planet comes to: blocks, addresses and machines.
//!
//! Everything is exact integers computed from the number of regions, never
//! from the number of blocks: 133 million blocks cost what three cost.

pub mod calibration;
pub mod diff;
pub mod layout;
pub(crate) mod load;
pub mod locate;
pub mod size;
mod split;

pub(crate) use crate::model::Planet;
use crate::tables::Tables;
use calibration::{Calibration, Figure};
use layout::Layout;
use load::Loads;
pub use load::Loss;
use serde::Serialize;
use size::{Machines, Sizing};
pub use split::Unplannable;
pub(crate) use split::count;
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
    /// The region that is taken to be lost, and what that does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
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
    /// Hosts that work.
    pub working: u64,
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
        let loads = load::loads(planet, &layout, lost)?;
        let region = |at| region_plan(planet, &layout, &calibration, &sizing, &loads, at);
        let regions = (0..planet.region.len()).map(region).collect::<Result<Vec<_>, _>>()?;
        let planet = totals(planet, &regions)?;
        let host = Host {
            name: host.name.clone(),
            cores: host.cores,
            memory_bytes: host.memory.0,
            network_bits_per_second: host.network.0,
        };
        Ok(Self { planet, regions, host, loss: loads.loss, figures: calibration.figures() })
    }
}

fn region_plan(
    planet: &Planet,
    layout: &Layout,
    calibration: &Calibration,
    sizing: &Sizing,
    loads: &Loads,
    at: usize,
) -> Result<RegionPlan, Unplannable> {
    let (region, load) = (&planet.region[at], loads.own[at]);
    let blocks = layout.blocks(at);
    let zones = if region.zones.is_empty() { calibration.zones_unlisted } else { region.zones.len() as u64 };
    let machines = sizing.machines(load, loads.takeover[at], zones)?;
    let cells = blocks.div_ceil(vocab::BlockId::PER_CELL);
    // A cell is never divided; more hosts than pods make smaller pods.
    let pods = cells.div_ceil(calibration.cells_per_pod).max(machines.working.min(cells));
    let is_lost = loads.loss.as_ref().is_some_and(|loss| loss.region == region.id.as_str());
    let gateways = if is_lost { 0 } else { u64::from(region.replicas.at_start()) };
    Ok(RegionPlan {
        id: region.id.to_string(),
        name: region.name.as_ref().map_or_else(|| region.id.to_string(), |name| name.to_string()),
        blocks,
        first_block: layout.first_block(at),
        slots: blocks * layout.slots(),
        share: Ppm::ratio(blocks, layout.total_blocks()),
        cells,
        pods,
        ops_per_second: load.ops_per_second,
        memory_bytes: sizing.memory(load)?.0,
        gateways,
        instances: count(u128::from(machines.total) + u128::from(gateways))?,
        machines,
    })
}

fn totals(planet: &Planet, regions: &[RegionPlan]) -> Result<Totals, Unplannable> {
    let sum = |value: fn(&RegionPlan) -> u64| count(regions.iter().map(|region| u128::from(value(region))).sum());
    Ok(Totals {
        name: planet.planet.name.to_string(),
        regions: regions.len() as u64,
        blocks: sum(|region| region.blocks)?,
        slots: sum(|region| region.slots)?,
        cells: sum(|region| region.cells)?,
        pods: sum(|region| region.pods)?,
        working: sum(|region| region.machines.working)?,
        nodes: sum(|region| region.machines.total)?,
        gateways: sum(|region| region.gateways)?,
        instances: sum(|region| region.instances)?,
        memory_bytes: sum(|region| region.memory_bytes)?,
        ops_per_second: sum(|region| region.ops_per_second)?,
    })
}

/// A size for people.
#[must_use]
pub fn bytes(count: u64) -> String {
    Bytes(count).rounded()
}
