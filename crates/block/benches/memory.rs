//! What a block costs in memory: one that is not loaded, and one that is, with
//! every slot held. What the allocator was asked for is counted, not what the
//! process happens to have.

#![allow(clippy::unwrap_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use allocation_counter::measure as counted;
use block::slots::Region;
use support::{World, echo};

/// Blocks enough that the nodes of a map are counted as they fill.
const BLOCKS: u64 = 1_000;
/// Blocks enough that every summary is there.
const IDLE: u64 = 1 << 20;

fn main() {
    let table = Region::new(usize::try_from(IDLE).unwrap(), 60);
    let masks = table.bytes().div_ceil(IDLE);
    let mut world = World::new();
    for index in 0..BLOCKS {
        for slot in 0..60 {
            let fencing = world.seat(index, slot, slot + 1);
            world.op((index, slot, fencing), echo(1, slot + 1));
        }
    }
    world.flush();
    world.follow_all();
    assert!((0..BLOCKS).all(|index| world.shard.evict(index)));
    let World { shard, rows, now, .. } = &mut world;
    let loads = counted(|| {
        for index in 0..BLOCKS {
            shard.standing(index, *now, rows).unwrap();
        }
    });
    let goes = counted(|| assert!((0..BLOCKS).all(|index| shard.evict(index))));
    let left = u64::try_from(loads.bytes_current + goes.bytes_current).unwrap().div_ceil(BLOCKS);
    measure::title();
    measure::amount("a block that is not loaded, with its mask", 16, masks + left, "B");
    let loaded = u64::try_from(loads.bytes_current).unwrap().div_ceil(BLOCKS);
    measure::amount("a full active block, nothing queued", 4_096, loaded, "B");
}
