//! Slots of the whole planet, beside bare reads and writes of the same memory.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use block::slots::Region;
use std::hint::black_box;
use vocab::Slot;

const BLOCKS: u64 = 133_333_334;
const ROUNDS: u32 = 4_000_000;

/// Numbers in no order, the same each time.
struct Shuffle(u64);

impl Shuffle {
    fn block(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        u64::try_from((u128::from(mixed ^ (mixed >> 27)) * u128::from(BLOCKS)) >> 64).unwrap()
    }
}

fn main() {
    let mut table = Region::new(usize::try_from(BLOCKS).unwrap(), 60);
    measure::amount("slot table of the whole planet", table.bytes() / 1_000_000, 1_250, "MB");
    let mut shuffle = Shuffle(1);
    // Half of it taken, so that blocks are neither empty nor full.
    for block in 0..BLOCKS {
        for _ in 0..30 {
            table.assign_in(block);
        }
    }
    let mut bare = vec![0x0fff_ffff_c000_0000u64; usize::try_from(BLOCKS).unwrap()];
    let peer = measure::each(ROUNDS, || {
        let at = usize::try_from(shuffle.block()).unwrap();
        bare[at] = black_box(bare[at] ^ 1 << 40);
    });
    drop(bare);
    let both = measure::each(ROUNDS, || {
        let block = shuffle.block();
        let slot = table.assign_in(block).unwrap();
        black_box(table.release(block, slot));
    });
    measure::row(
        "assign and release at random, each pair",
        both,
        Some(peer * 2),
        "bare random read-modify-write",
        peer,
    );
    let mut full = Region::new(1 << 20, 60);
    let lowest = measure::each(ROUNDS, || {
        black_box(full.assign());
    });
    let plain = measure::each(ROUNDS, || {
        black_box(table.is_taken(black_box(7), Slot::new(3).unwrap()));
    });
    measure::row("assign the lowest free slot of a region", lowest, None, "is one certain slot taken", plain);
}
