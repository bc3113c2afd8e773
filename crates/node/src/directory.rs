//! Who is where: the slot table of the whole planet, and the place of every
//! agent that holds a slot.
//!
//! It must never give a slot twice: a slot is taken here before its entry is
//! written, and free again only when the entry that releases it is durable.
//!
//! Envelope: the table is 8.13 bytes a block of the planet; an agent is about
//! 110 bytes, so a million of them 110 MB.

use block::slots::Region;
use std::collections::BTreeMap;
use trust::lease::Rights;
use trust::{AgentId, Moment};
use vocab::{BlockId, CellId, Slot};

/// Where an agent sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) block: BlockId,
    pub(crate) slot: Slot,
    /// The sequence of the entry that assigned it; 0 while that is written.
    pub(crate) fencing: u64,
    pub(crate) until: Moment,
    pub(crate) rights: Rights,
}

/// Where somebody wants to sit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Region(u32),
    Cell(u32, CellId),
}

/// What is found for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It sits already.
    Known(Place),
    /// This is now its own, once that is written.
    New(BlockId, Slot),
    /// There is none.
    None,
}

/// The slot table and the agents.
#[derive(Debug)]
pub(crate) struct Directory {
    regions: Vec<Region>,
    agents: BTreeMap<AgentId, Place>,
}

impl Directory {
    /// A planet of which every slot is free.
    pub(crate) fn new(blocks: &[usize], slots: u8) -> Self {
        let regions = blocks.iter().map(|blocks| Region::new(*blocks, slots)).collect();
        Self { regions, agents: BTreeMap::new() }
    }

    /// An agent that was found to hold a slot when the index was read.
    pub(crate) fn restore(&mut self, agent: AgentId, place: Place) {
        if let Some(region) = self.region(place.block.region) {
            region.take(place.block.index, place.slot);
        }
        self.agents.insert(agent, place);
    }

    /// A slot for an agent: its own, or the first that fits a wish.
    pub(crate) fn find(&mut self, agent: AgentId, wishes: &[Wish]) -> Found {
        if let Some(place) = self.agents.get(&agent) {
            return Found::Known(*place);
        }
        for wish in wishes {
            let (at, given) = match *wish {
                Wish::Region(at) => (at, self.region(at).and_then(Region::assign)),
                Wish::Cell(at, cell) => (at, self.region(at).and_then(|region| region.assign_in_cell(cell))),
            };
            if let Some((index, slot)) = given {
                let block = BlockId { region: at, index };
                let place = Place { block, slot, fencing: 0, until: Moment(0), rights: Rights::default() };
                self.agents.insert(agent, place);
                return Found::New(block, slot);
            }
        }
        Found::None
    }

    /// The assignment is durable.
    pub(crate) fn confirm(&mut self, agent: AgentId, place: Place) {
        self.agents.insert(agent, place);
    }

    /// A slot is free again.
    pub(crate) fn release(&mut self, agent: AgentId, block: BlockId, slot: Slot) {
        if self.agents.get(&agent).is_some_and(|place| place.block == block && place.slot == slot) {
            self.agents.remove(&agent);
            if let Some(region) = self.region(block.region) {
                region.release(block.index, slot);
            }
        }
    }

    /// Where an agent sits.
    pub(crate) fn place(&self, agent: AgentId) -> Option<Place> {
        self.agents.get(&agent).copied()
    }

    /// The fencing token of a slot's present assignment, as far as its holder
    /// is the agent; anybody else's lease is older than any.
    pub(crate) fn fencing(&self, agent: AgentId, block: BlockId, slot: Slot) -> u64 {
        let place = self.place(agent).filter(|place| place.block == block && place.slot == slot);
        place.map_or(u64::MAX, |place| place.fencing)
    }

    /// Agents after one, in their order.
    pub(crate) fn after(&self, agent: Option<AgentId>, most: usize) -> Vec<(AgentId, Place)> {
        let from = agent.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let rest = self.agents.range((from, std::ops::Bound::Unbounded));
        rest.filter(|(_, place)| place.fencing != 0).take(most).map(|(agent, place)| (*agent, *place)).collect()
    }

    /// Blocks in which somebody sits, from one on, in the order of the plan.
    pub(crate) fn blocks_from(&self, from: BlockId, most: usize) -> Vec<BlockId> {
        let regions = (0..).zip(&self.regions).skip(index(from.region));
        let blocks = regions.flat_map(|(at, region)| {
            let first = if at == from.region { from.index } else { 0 };
            region.taken_from(first).map(move |index| BlockId { region: at, index })
        });
        blocks.take(most).collect()
    }

    pub(crate) fn agents(&self) -> usize {
        self.agents.len()
    }

    /// Slots that are taken and free, of a region.
    pub(crate) fn taken_and_free(&self, region: u32) -> (u64, u64) {
        self.regions.get(index(region)).map_or((0, 0), |region| (region.taken(), region.free()))
    }

    /// Free slots of a block.
    pub(crate) fn free_in(&self, block: BlockId) -> u32 {
        self.regions.get(index(block.region)).map_or(0, |region| region.free_in(block.index))
    }

    fn region(&mut self, at: u32) -> Option<&mut Region> {
        self.regions.get_mut(index(at))
    }
}

fn index(region: u32) -> usize {
    usize::try_from(region).unwrap_or(usize::MAX)
}
