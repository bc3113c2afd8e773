//! The wheel against a sorted map.

use block::wheel::Wheel;
use proptest::prelude::*;
use std::collections::BTreeMap;

const NOW: u64 = 1_700_000_000;

#[derive(Debug, Clone)]
enum Step {
    Enter(u64),
    Advance(u64),
}

fn far() -> impl Strategy<Value = u64> {
    prop_oneof![
        0u64..4,
        0u64..300,
        250u64..260,
        0u64..70_000,
        65_530u64..65_540,
        0u64..20_000_000,
        16_777_200u64..16_777_230
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_ends_is_told_once_in_its_second(steps in prop::collection::vec(prop_oneof![3 => far().prop_map(Step::Enter), 1 => (0u64..200_000).prop_map(Step::Advance)], 1..120), late in any::<bool>()) {
        let (mut wheel, mut model) = (Wheel::new(NOW), BTreeMap::<u64, Vec<usize>>::new());
        let (mut now, mut number) = (NOW, 0);
        for step in steps {
            match step {
                Step::Enter(after) => {
                    let ends = if late { now.saturating_sub(2) + after } else { now + after };
                    wheel.enter(ends, number);
                    // What should have ended already ends with the next second.
                    model.entry(ends.max(now + 1)).or_default().push(number);
                    number += 1;
                }
                Step::Advance(by) => {
                    now += by;
                    let mut told = Vec::new();
                    wheel.advance(now, |thing| told.push(thing));
                    let rest = model.split_off(&(now + 1));
                    let mut expected: Vec<_> = std::mem::replace(&mut model, rest).into_values().flatten().collect();
                    told.sort_unstable();
                    expected.sort_unstable();
                    prop_assert_eq!(told, expected);
                }
            }
            prop_assert_eq!(wheel.len(), model.values().map(Vec::len).sum::<usize>());
        }
    }
}

#[test]
fn seconds_come_in_order() {
    let mut wheel = Wheel::new(NOW);
    for ends in [70_000u64, 3, 300, 1, 65_536, 256] {
        wheel.enter(NOW + ends, ends);
    }
    let mut told = Vec::new();
    wheel.advance(NOW + 100_000, |ends| told.push(ends));
    assert_eq!(told, [1, 3, 256, 300, 65_536, 70_000]);
    assert!(wheel.is_empty());
}

#[test]
fn what_is_out_of_reach_waits() {
    let mut wheel = Wheel::new(0);
    let far = (1u64 << 33) + 5;
    wheel.enter(far, ());
    let mut told = 0;
    // Nobody turns a wheel for three centuries; the end of its reach will do.
    wheel.advance(1 << 20, |()| told += 1);
    assert_eq!((told, wheel.len()), (0, 1));
}
