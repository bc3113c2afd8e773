//! Which slots of the whole planet are taken: one 64-bit mask a block, with
//! summaries above it, so that the lowest free slot is a handful of steps away
//! and nothing is ever searched.
//!
//! Envelope, for 133,333,334 blocks: 8 bytes a block and 1/63 of that for the
//! summaries, 1.084 GB. Assigning the lowest free slot reads one word at each
//! of five levels, of which all but the lowest two stay in cache; releasing
//! touches one word, and a second only when the block was full.
//!
//! A mask alone cannot tell a slot's holder from the one before; what can is
//! the chain sequence of the op that assigned it, which is kept with the
//! blocks that are served here, and not in this table.

use std::ops::Range;
use vocab::{BlockId, CellId, Slot};

/// Bits of a word, and so children of a summary.
const FAN: u64 = 64;

/// The slots of a region.
///
/// A bit that is set is a free slot; above, a set bit is a word below that has
/// one. A planet's table is one of these for each region, so that a region is
/// found by its place in the file and filled without regard to the others.
#[derive(Debug, Clone)]
pub struct Region {
    /// A mask for each block.
    masks: Vec<u64>,
    /// Summaries, each of the level before it; the last is one word.
    levels: Vec<Vec<u64>>,
    slots: u8,
    free: u64,
}

impl Region {
    /// A region of so many blocks with so many slots each, all of them free.
    ///
    /// # Panics
    /// When there is no memory for it, as any allocation does.
    #[must_use]
    pub fn new(blocks: usize, slots: u8) -> Self {
        let slots = slots.min(Slot::MOST);
        let all = low_bits(u64::from(slots));
        let masks = vec![all; blocks];
        let mut levels: Vec<Vec<u64>> = Vec::new();
        let mut below = if slots == 0 { 0 } else { blocks as u64 };
        loop {
            let level = full_level(below);
            below = level.len() as u64;
            levels.push(level);
            if below <= 1 {
                break;
            }
        }
        Self { masks, levels, slots, free: blocks as u64 * u64::from(slots) }
    }

    /// How many slots are free.
    #[must_use]
    pub const fn free(&self) -> u64 {
        self.free
    }

    /// How many slots are taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.masks.len() as u64 * u64::from(self.slots) - self.free
    }

    /// How many slots of a block are free.
    #[must_use]
    pub fn free_in(&self, block: u64) -> u32 {
        self.mask(block).count_ones()
    }

    /// Whether somebody holds a slot.
    #[must_use]
    pub fn is_taken(&self, block: u64, slot: Slot) -> bool {
        slot.number() < self.slots && self.place(block).is_some_and(|at| self.masks[at] & bit(slot) == 0)
    }

    /// Blocks of which somebody holds a slot, from one on.
    pub fn taken_from(&self, first: u64) -> impl Iterator<Item = u64> + '_ {
        let all = low_bits(u64::from(self.slots));
        let first_at = usize::try_from(first).unwrap_or(usize::MAX);
        (first..).zip(self.masks.iter().skip(first_at)).filter(move |(_, mask)| **mask != all).map(|(block, _)| block)
    }

    /// Bytes that the table holds.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let words = self.masks.len() + self.levels.iter().map(Vec::len).sum::<usize>();
        words as u64 * 8
    }

    /// Gives the lowest free slot of the region.
    pub fn assign(&mut self) -> Option<(u64, Slot)> {
        let mut at = 0;
        for level in self.levels.iter().rev() {
            let word = *level.get(at)?;
            if word == 0 {
                return None;
            }
            at = at * 64 + word.trailing_zeros() as usize;
        }
        let block = at as u64;
        self.assign_in(block).map(|slot| (block, slot))
    }

    /// Gives the lowest free slot of a block.
    pub fn assign_in(&mut self, block: u64) -> Option<Slot> {
        let at = self.place(block)?;
        let mask = self.masks[at];
        let slot = lowest(mask)?;
        self.masks[at] = mask & (mask - 1);
        self.free -= 1;
        if self.masks[at] == 0 {
            self.now_full(at);
        }
        Some(slot)
    }

    /// Gives the lowest free slot of a cell. A cell's 1,024 blocks are 16 words
    /// of the first summary, so this is a bounded walk.
    pub fn assign_in_cell(&mut self, cell: CellId) -> Option<(u64, Slot)> {
        let first = usize::try_from(cell.0.checked_mul(BlockId::PER_CELL / FAN)?).ok()?;
        let words: Range<usize> = first..first.checked_add(usize::try_from(BlockId::PER_CELL / FAN).ok()?)?;
        let summary = self.levels.first()?;
        let at = words.into_iter().take_while(|at| *at < summary.len()).find(|at| summary[*at] != 0)?;
        let block = at as u64 * FAN + u64::from(summary[at].trailing_zeros());
        self.assign_in(block).map(|slot| (block, slot))
    }

    /// Gives one certain slot, when it is free: a known agent that comes back.
    pub fn take(&mut self, block: u64, slot: Slot) -> bool {
        let Some(at) = self.place(block).filter(|at| self.masks[*at] & bit(slot) != 0) else { return false };
        self.masks[at] &= !bit(slot);
        self.free -= 1;
        if self.masks[at] == 0 {
            self.now_full(at);
        }
        true
    }

    /// Takes a slot back. `false` when nobody held it.
    pub fn release(&mut self, block: u64, slot: Slot) -> bool {
        if !self.is_taken(block, slot) {
            return false;
        }
        let Some(at) = self.place(block) else { return false };
        let was_full = self.masks[at] == 0;
        self.masks[at] |= bit(slot);
        self.free += 1;
        if was_full {
            self.not_full(at);
        }
        true
    }

    fn place(&self, block: u64) -> Option<usize> {
        usize::try_from(block).ok().filter(|at| *at < self.masks.len())
    }

    fn mask(&self, block: u64) -> u64 {
        self.place(block).map_or(0, |at| self.masks[at])
    }

    /// A block has no free slot any more: its summaries hear of it, as far up
    /// as it was the last.
    fn now_full(&mut self, mut at: usize) {
        for level in &mut self.levels {
            level[at / 64] &= !(1 << (at % 64));
            if level[at / 64] != 0 {
                return;
            }
            at /= 64;
        }
    }

    /// A block has a free slot again: its summaries hear of it, as far up as it
    /// is the first.
    fn not_full(&mut self, mut at: usize) {
        for level in &mut self.levels {
            let before = level[at / 64];
            level[at / 64] = before | 1 << (at % 64);
            if before != 0 {
                return;
            }
            at /= 64;
        }
    }
}

/// A summary of so many words below, all of which have something free.
fn full_level(below: u64) -> Vec<u64> {
    let words = usize::try_from(below.div_ceil(FAN)).unwrap_or(usize::MAX);
    let mut level = vec![u64::MAX; words];
    if let Some(last) = level.last_mut().filter(|_| !below.is_multiple_of(FAN)) {
        *last = low_bits(below % FAN);
    }
    level
}

const fn low_bits(count: u64) -> u64 {
    if count >= FAN { u64::MAX } else { (1 << count) - 1 }
}

const fn bit(slot: Slot) -> u64 {
    1 << slot.number()
}

fn lowest(mask: u64) -> Option<Slot> {
    // No bit above the sixtieth is ever set.
    u8::try_from(mask.trailing_zeros()).ok().and_then(Slot::new)
}
