//! What a block costs in memory.
#![allow(clippy::unwrap_used)]

mod support;

use allocation_counter::measure;
use support::{World, echo};

/// Blocks enough that the nodes of a map are counted as they fill.
const BLOCKS: u64 = 1_000;

#[test]
fn a_full_active_block_fits_4_kib_and_an_evicted_one_costs_nothing() {
    let mut world = World::new();
    for index in 0..BLOCKS {
        for slot in 0..60 {
            let fencing = world.seat(index, slot, slot + 1);
            world.op((index, slot, fencing), echo(1, slot + 1));
        }
    }
    world.flush();
    world.follow_all();
    for index in 0..BLOCKS {
        assert!(world.shard.evict(index));
    }
    assert_eq!((world.shard.loaded(), world.shard.unfollowed()), (0, 0));
    let World { shard, rows, now, .. } = &mut world;
    // What is allocated for good while every block comes back.
    let loads = measure(|| {
        for index in 0..BLOCKS {
            assert_eq!(shard.standing(index, *now, rows).unwrap().seats.len(), 60);
        }
    });
    let each = loads.bytes_current / i64::try_from(BLOCKS).unwrap();
    assert!((3_840..=4_096).contains(&each), "{each} bytes a block");
    let goes = measure(|| assert!((0..BLOCKS).all(|index| shard.evict(index))));
    assert_eq!(loads.bytes_current + goes.bytes_current, 0, "an evicted block has left something behind");
}
