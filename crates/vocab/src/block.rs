//! Blocks, cells and slots, and how they are named.

use std::fmt;

/// A block's number on the whole planet. It is derived from the plan: adding
/// a region changes it, so nothing durable is ever keyed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockNumber(pub u64);

/// A block's lasting name: its region and its index there. `region` is the
/// region's place in the file that is at hand; written out, it is the
/// region's own id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId {
    /// Which region of the plan at hand, counted from 0.
    pub region: u32,
    /// Which block of that region, counted from 0.
    pub index: u64,
}

impl BlockId {
    /// Blocks in a cell: as many /26 as one /16 holds.
    pub const PER_CELL: u64 = 1_024;

    /// The cell that the block stands in.
    #[must_use]
    pub const fn cell(self) -> CellId {
        CellId(self.index / Self::PER_CELL)
    }

    /// Its place in that cell, 0 to 1,023.
    #[must_use]
    pub const fn in_cell(self) -> u64 {
        self.index % Self::PER_CELL
    }
}

/// A cell of a region, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellId(pub u64);

/// A slot of a block, counted from 0; its address is two above, after the
/// network's own and the router's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u8);

impl Slot {
    /// The most slots that a /26 holds beside its router and its monitor.
    pub const MOST: u8 = 60;

    /// Slot `number`, if there is one.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < Self::MOST { Some(Self(number)) } else { None }
    }

    /// The slot's number, 0 to 59.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for BlockNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
