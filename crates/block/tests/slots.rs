//! The slot table against the plainest thing that could be right: a set.

#![allow(clippy::unwrap_used)]

use block::slots::Region;
use proptest::prelude::*;
use std::collections::BTreeSet;
use vocab::{CellId, Slot};

/// A table that is obviously right and obviously slow.
struct Model {
    free: BTreeSet<(u64, u8)>,
    blocks: u64,
    slots: u8,
}

impl Model {
    fn new(blocks: u64, slots: u8) -> Self {
        let free = (0..blocks).flat_map(|block| (0..slots).map(move |slot| (block, slot))).collect();
        Self { free, blocks, slots }
    }

    fn assign(&mut self, blocks: std::ops::Range<u64>) -> Option<(u64, Slot)> {
        let (block, slot) = *self.free.range((blocks.start, 0)..(blocks.end, 0)).next()?;
        self.free.remove(&(block, slot));
        Some((block, Slot::new(slot).unwrap()))
    }

    fn release(&mut self, block: u64, slot: Slot) -> bool {
        block < self.blocks && slot.number() < self.slots && self.free.insert((block, slot.number()))
    }
}

#[derive(Debug, Clone)]
enum Step {
    Assign,
    AssignIn(u64),
    AssignInCell(u64),
    Take(u64, u8),
    Release(u64, u8),
    Fill(u64),
}

fn step(blocks: u64) -> impl Strategy<Value = Step> {
    let block = 0..blocks + 2;
    prop_oneof![
        Just(Step::Assign),
        block.clone().prop_map(Step::AssignIn),
        (0..blocks / 1_024 + 2).prop_map(Step::AssignInCell),
        (block.clone(), 0u8..60).prop_map(|(block, slot)| Step::Take(block, slot)),
        (block.clone(), 0u8..60).prop_map(|(block, slot)| Step::Release(block, slot)),
        block.prop_map(Step::Fill),
    ]
}

fn agree(blocks: u64, slots: u8, steps: &[Step]) -> Result<(), TestCaseError> {
    let (mut table, mut model) = (Region::new(usize::try_from(blocks).unwrap(), slots), Model::new(blocks, slots));
    for step in steps {
        match *step {
            Step::Assign => prop_assert_eq!(table.assign(), model.assign(0..blocks)),
            Step::AssignIn(block) => {
                prop_assert_eq!(table.assign_in(block), model.assign(block..block + 1).map(|(_, slot)| slot));
            }
            Step::AssignInCell(cell) => {
                prop_assert_eq!(table.assign_in_cell(CellId(cell)), model.assign(cell * 1_024..(cell + 1) * 1_024));
            }
            Step::Take(block, slot) => {
                prop_assert_eq!(table.take(block, Slot::new(slot).unwrap()), model.free.remove(&(block, slot)));
            }
            Step::Release(block, slot) => prop_assert_eq!(
                table.release(block, Slot::new(slot).unwrap()),
                model.release(block, Slot::new(slot).unwrap())
            ),
            Step::Fill(block) => {
                while table.assign_in(block).is_some() {
                    prop_assert!(model.assign(block..block + 1).is_some());
                }
            }
        }
        prop_assert_eq!(table.free(), model.free.len() as u64);
        prop_assert_eq!(table.free() + table.taken(), blocks * u64::from(slots));
    }
    Ok(())
}

proptest! {
    #[test]
    fn it_is_a_set_of_free_slots((blocks, steps) in (1u64..300).prop_flat_map(|blocks| (Just(blocks), prop::collection::vec(step(blocks), 0..400))), slots in 1u8..=60) {
        agree(blocks, slots, &steps)?;
    }

    #[test]
    fn cells_are_filled_within_their_bounds(steps in prop::collection::vec(step(2_500), 0..200)) {
        agree(2_500, 2, &steps)?;
    }
}

#[test]
fn a_region_is_filled_lowest_first_and_each_slot_is_given_once() {
    let mut table = Region::new(70_000, 3);
    for number in 0..210_000u64 {
        let slot = Slot::new(u8::try_from(number % 3).unwrap()).unwrap();
        assert_eq!(table.assign(), Some((number / 3, slot)));
    }
    assert_eq!((table.assign(), table.free(), table.taken()), (None, 0, 210_000));
    // What is released is what is given next.
    assert!(table.release(69_999, Slot::new(1).unwrap()));
    assert!(table.release(65, Slot::new(2).unwrap()));
    assert_eq!(table.assign(), Some((65, Slot::new(2).unwrap())));
    assert_eq!(table.assign(), Some((69_999, Slot::new(1).unwrap())));
    assert_eq!(table.assign(), None);
}

#[test]
fn an_empty_region_has_nothing_to_give() {
    for mut table in [Region::new(0, 60), Region::new(5, 0)] {
        assert_eq!(
            (table.assign(), table.assign_in(0), table.assign_in_cell(CellId(0)), table.free()),
            (None, None, None, 0)
        );
        assert!(!table.release(0, Slot::new(0).unwrap()));
    }
}

#[test]
fn summaries_cost_a_sixty_third_of_the_masks() {
    let table = Region::new(1_000_000, 60);
    assert!(table.bytes() < 8_000_000 * 64 / 63 + 64, "{}", table.bytes());
}
