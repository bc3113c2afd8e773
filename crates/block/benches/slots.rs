//! Slots of the whole planet, beside bare reads and writes of the same memory.

#![allow(clippy::unwrap_used, clippy::float_arithmetic)]

use block::slots::Region;
use std::hint::black_box;

const BLOCKS: u64 = 133_333_334;

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
    measure::title();
    measure::amount("slot table of the whole planet", 1_250, table.bytes() / 1_000_000, "MB");
    let mut shuffle = Shuffle(1);
    // Half of it taken, so that blocks are neither empty nor full.
    for block in 0..BLOCKS {
        for _ in 0..30 {
            table.assign_in(block);
        }
    }
    let mut bare = vec![0x0fff_ffff_c000_0000u64; usize::try_from(BLOCKS).unwrap()];
    let peer = measure::many(|| {
        let at = usize::try_from(shuffle.block()).unwrap();
        bare[at] = black_box(bare[at] ^ 1 << 40);
    });
    drop(bare);
    let both = measure::many(|| {
        let block = shuffle.block();
        let slot = table.assign_in(block).unwrap();
        black_box(table.release(block, slot));
    });
    // A pair is two accesses to the same place.
    measure::share("assign or release at random", 0.5, both / 2.0, ("bare random read-modify-write", peer));
    let mut region = Region::new(1 << 20, 60);
    let lowest = measure::many(|| {
        if region.assign().is_none() {
            region = Region::new(1 << 20, 60);
        }
    });
    measure::plain("assign the lowest free slot of a region", lowest);
}
