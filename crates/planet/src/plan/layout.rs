//! Where every block and slot stands, as arithmetic: number ↔ (region, index)
//! ↔ cell, networks and addresses.
//!
//! Envelope: a lookup is a binary search over the regions and a few divisions,
//! under 50 ns; the layout is 40 bytes a region whatever the number of blocks.

use super::split::{Unplannable, split};
use crate::model::Planet;
use serde::Serialize;
use std::net::{Ipv4Addr, Ipv6Addr};
use vocab::{BlockId, BlockNumber, CellId, Net4, Net6, Slot};

/// Addresses of a /26.
const PER_BLOCK: u32 = 64;
/// The router's address within its block.
const ROUTER: u32 = 1;
/// The first slot's address within its block.
const FIRST_SLOT: u32 = 2;
/// The monitor's address within its block.
const MONITOR: u32 = 62;

/// Where everything stands.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The planet-wide number of each region's first block, and at the end the
    /// number of all blocks.
    starts: Vec<u64>,
    ids: Vec<String>,
    slots: u8,
    cell: Net4,
    /// Each region's external prefix.
    prefixes: Vec<Option<Net6>>,
    /// The same, sorted by first address, with the region it belongs to.
    by_prefix: Vec<(u128, u32)>,
}

/// What an address within a block is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// The block's router.
    Router,
    /// A slot.
    Slot(Slot),
    /// The block's monitor.
    Monitor,
}

/// Where a block stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The region's id.
    pub region: String,
    /// The block's index in its region: with the region's id, its lasting name.
    pub index: u64,
    /// Its number on the planet as it is planned now.
    pub number: u64,
    /// Its cell in the region.
    pub cell: u64,
    /// Its network within the cell.
    pub network: String,
    /// Its router.
    pub router: Ipv4Addr,
    /// Its first slot.
    pub first_slot: Ipv4Addr,
    /// Its last slot.
    pub last_slot: Ipv4Addr,
    /// Its monitor.
    pub monitor: Ipv4Addr,
    /// Its prefix outside the cell, when its region has one.
    pub external: Option<String>,
}

impl Layout {
    /// Lays out a planet.
    pub fn new(planet: &Planet) -> Result<Self, Unplannable> {
        let slots = planet.block.slots.value;
        let slots = u8::try_from(slots).ok().filter(|slots| (1..=Slot::MOST).contains(slots));
        let slots = slots.ok_or_else(|| Unplannable {
            what: format!("a block cannot have {} slots", planet.block.slots.value),
            hint: format!("write 1 to {}: a /26 also holds a router and a monitor", Slot::MOST),
        })?;
        unique(planet)?;
        whole_cell(planet.block.cell.value)?;
        let mut starts = vec![0u64];
        for blocks in split(planet)? {
            let next = starts.last().copied().unwrap_or(0).checked_add(blocks).filter(|total| *total <= MAX_BLOCKS);
            starts.push(next.ok_or_else(too_many)?);
        }
        let prefixes: Vec<_> =
            planet.region.iter().map(|region| region.ipv6.as_ref().map(|prefix| prefix.value)).collect();
        let mut by_prefix = Vec::new();
        for (at, prefix) in (0u32..).zip(&prefixes) {
            by_prefix.extend(prefix.map(|prefix| (prefix.first(), at)));
        }
        by_prefix.sort_unstable();
        disjoint(planet, &prefixes, &by_prefix)?;
        let ids = planet.region.iter().map(|region| region.id.to_string()).collect();
        Ok(Self { starts, ids, slots, cell: planet.block.cell.value, prefixes, by_prefix })
    }

    /// All blocks.
    #[must_use]
    pub fn total_blocks(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// Slots of each block.
    #[must_use]
    pub fn slots(&self) -> u64 {
        u64::from(self.slots)
    }

    /// Blocks of region `at`.
    #[must_use]
    pub fn blocks(&self, at: usize) -> u64 {
        self.starts[at + 1] - self.starts[at]
    }

    /// The number of region `at`'s first block.
    #[must_use]
    pub fn first_block(&self, at: usize) -> u64 {
        self.starts[at]
    }

    /// The region with an id.
    #[must_use]
    pub fn region(&self, id: &str) -> Option<u32> {
        (0u32..).zip(&self.ids).find(|(_, known)| *known == id).map(|(at, _)| at)
    }

    /// A region's id.
    #[must_use]
    pub fn region_id(&self, region: u32) -> &str {
        self.ids.get(region as usize).map_or("", String::as_str)
    }

    /// The block with a number.
    #[must_use]
    pub fn block(&self, number: BlockNumber) -> Option<BlockId> {
        // The last start that is not beyond it; regions without blocks share a
        // start with the next region, and are skipped.
        let after = self.starts.partition_point(|start| *start <= number.0);
        let region = after.checked_sub(1).filter(|_| after < self.starts.len())?;
        Some(BlockId { region: u32::try_from(region).ok()?, index: number.0 - self.starts[region] })
    }

    /// The number of a block.
    #[must_use]
    pub fn number(&self, block: BlockId) -> Option<BlockNumber> {
        let region = block.region as usize;
        let (start, end) = (*self.starts.get(region)?, *self.starts.get(region + 1)?);
        (block.index < end - start).then(|| BlockNumber(start + block.index))
    }

    /// Slot `number`, if blocks have so many.
    #[must_use]
    pub fn slot(&self, number: u8) -> Option<Slot> {
        if number < self.slots { Slot::new(number) } else { None }
    }

    /// The address of a host of a block, inside its cell.
    #[must_use]
    pub fn address(&self, block: BlockId, host: Host) -> Ipv4Addr {
        let in_cell = u32::try_from(block.in_cell()).unwrap_or(0);
        Ipv4Addr::from(self.cell.first().wrapping_add(in_cell * PER_BLOCK + offset(host)))
    }

    /// What has an address in a cell of a region.
    #[must_use]
    pub fn at(&self, region: u32, cell: CellId, address: Ipv4Addr) -> Option<(BlockId, Host)> {
        let within = u32::from(address).checked_sub(self.cell.first())?;
        let in_cell = u64::from(within / PER_BLOCK);
        if in_cell >= BlockId::PER_CELL {
            return None;
        }
        let index = cell.0.checked_mul(BlockId::PER_CELL)?.checked_add(in_cell)?;
        let block = BlockId { region, index };
        self.number(block)?;
        Some((block, self.host(within % PER_BLOCK)?))
    }

    /// The /64 of a block outside its cell.
    #[must_use]
    pub fn external(&self, block: BlockId) -> Option<Net6> {
        let prefix = (*self.prefixes.get(block.region as usize)?)?;
        let room = 64u8.checked_sub(prefix.prefix)?;
        if room < 64 && block.index >> room != 0 {
            return None;
        }
        Net6::new(Ipv6Addr::from(prefix.first() | u128::from(block.index) << 64), 64)
    }

    /// The external address of a host of a block.
    #[must_use]
    pub fn external_address(&self, block: BlockId, host: Host) -> Option<Ipv6Addr> {
        self.external(block).map(|prefix| Ipv6Addr::from(prefix.first() | u128::from(offset(host))))
    }

    /// What has an external address.
    #[must_use]
    pub fn at_external(&self, address: Ipv6Addr) -> Option<(BlockId, Host)> {
        let address = u128::from(address);
        let after = self.by_prefix.partition_point(|(first, _)| *first <= address);
        let (first, region) = *self.by_prefix.get(after.checked_sub(1)?)?;
        let index = u64::try_from((address - first) >> 64).ok()?;
        let block = BlockId { region, index };
        self.number(block)?;
        let inside = self.external(block).is_some_and(|prefix| prefix.first() == address >> 64 << 64);
        let host = u32::try_from(address & u128::from(u64::MAX)).ok()?;
        if inside { Some((block, self.host(host)?)) } else { None }
    }

    fn host(&self, offset: u32) -> Option<Host> {
        match offset {
            ROUTER => Some(Host::Router),
            MONITOR => Some(Host::Monitor),
            _ => {
                let number = u8::try_from(offset.checked_sub(FIRST_SLOT)?).ok()?;
                self.slot(number).map(Host::Slot)
            }
        }
    }

    /// All there is to say about where a block stands.
    #[must_use]
    pub fn place(&self, block: BlockId) -> Option<Place> {
        let number = self.number(block)?;
        let network = self.address(block, Host::Router).to_bits() - ROUTER;
        let slot = |number: u8| Ipv4Addr::from(network + FIRST_SLOT + u32::from(number));
        Some(Place {
            region: self.region_id(block.region).to_owned(),
            index: block.index,
            number: number.0,
            cell: block.cell().0,
            network: format!("{}/26", Ipv4Addr::from(network)),
            router: Ipv4Addr::from(network + ROUTER),
            first_slot: slot(0),
            last_slot: slot(self.slots - 1),
            monitor: Ipv4Addr::from(network + MONITOR),
            external: self.external(block).map(|prefix| prefix.to_string()),
        })
    }
}

/// As many blocks as have 2^64 slots are not a planet.
const MAX_BLOCKS: u64 = 1_000_000_000_000;

fn too_many() -> Unplannable {
    Unplannable {
        what: format!("the regions have more than {MAX_BLOCKS} blocks together"),
        hint: "a planet of 8 billion people has 133,333,334".into(),
    }
}

/// Two regions with one id would give two blocks one name.
fn unique(planet: &Planet) -> Result<(), Unplannable> {
    let mut ids: Vec<_> = planet.region.iter().map(|region| region.id.as_str()).collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Unplannable {
            what: format!("two regions are called `{}`", pair[0]),
            hint: "give each region an id of its own".into(),
        }),
        None => Ok(()),
    }
}

/// 1,024 blocks of /26 need exactly a /16.
fn whole_cell(cell: Net4) -> Result<(), Unplannable> {
    if cell.prefix == 16 && !cell.has_host_bits() {
        return Ok(());
    }
    Err(Unplannable {
        what: format!("a cell cannot be {cell}"),
        hint: "write a /16, such as \"192.168.0.0/16\"".into(),
    })
}

/// Two prefixes that overlap would give two blocks one address.
fn disjoint(planet: &Planet, prefixes: &[Option<Net6>], by_prefix: &[(u128, u32)]) -> Result<(), Unplannable> {
    let prefix = |region: u32| prefixes.get(region as usize).copied().flatten();
    for pair in by_prefix.windows(2) {
        let (one, two) = (pair[0].1, pair[1].1);
        if let (Some(first), Some(second)) = (prefix(one), prefix(two))
            && first.overlaps(second)
        {
            let id = |region: u32| planet.region.get(region as usize).map_or("", |region| region.id.as_str());
            return Err(Unplannable {
                what: format!("`{}` and `{}` share addresses: {first} and {second} overlap", id(one), id(two)),
                hint: "give each region an `ipv6` prefix of its own".into(),
            });
        }
    }
    Ok(())
}

fn offset(host: Host) -> u32 {
    match host {
        Host::Router => ROUTER,
        Host::Slot(slot) => FIRST_SLOT + u32::from(slot.number()),
        Host::Monitor => MONITOR,
    }
}
