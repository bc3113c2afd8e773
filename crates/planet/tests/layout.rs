//! Block number ↔ (region, index) ↔ cell and addresses: one to one, over the
//! whole range of the planet.

#![allow(clippy::unwrap_used)]

use planet::Planet;
use planet::plan::diff::{Change, Diff, changes};
use planet::plan::layout::{Host, Layout};
use planet::plan::locate::locate;
use proptest::prelude::*;
use std::collections::BTreeSet;
use vocab::{BlockNumber, Slot};

fn planet(text: &str) -> Planet {
    planet::parse(text.as_bytes()).0.unwrap()
}

fn carma() -> Layout {
    Layout::new(&planet(include_str!("../../../planets/carma.toml"))).unwrap()
}

/// Regions of so many blocks, some of them none.
fn regions(blocks: &[u64]) -> String {
    let region = |(at, blocks): (usize, &u64)| {
        format!(
            "[[region]]\nid = \"r{at}\"\nsite = [1, 2]\nblocks = {blocks}\nipv6 = \"2001:db8:{:x}::/40\"\n",
            at * 0x100
        )
    };
    blocks.iter().enumerate().map(region).collect()
}

fn layout(blocks: &[u64]) -> Layout {
    Layout::new(&planet(&format!("[planet]\nname = \"x\"\n{}", regions(blocks)))).unwrap()
}

fn comes_back(layout: &Layout, number: BlockNumber, slot: Slot) -> Result<(), TestCaseError> {
    let block = layout.block(number).unwrap();
    prop_assert_eq!(layout.number(block), Some(number));
    for host in [Host::Router, Host::Slot(slot), Host::Monitor] {
        let inside = layout.address(block, host);
        prop_assert_eq!(layout.at(block.region, block.cell(), inside), Some((block, host)));
        let outside = layout.external_address(block, host).unwrap();
        prop_assert_eq!(layout.at_external(outside), Some((block, host)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn every_block_of_any_split_comes_back(blocks in prop::collection::vec(0u64..3_000, 1..9), pick in any::<u64>(), slot in 0u8..60) {
        let layout = layout(&blocks);
        let total: u64 = blocks.iter().sum();
        prop_assert_eq!(layout.total_blocks(), total);
        prop_assert_eq!(layout.block(BlockNumber(total)), None);
        if total > 0 {
            comes_back(&layout, BlockNumber(pick % total), Slot::new(slot).unwrap())?;
        }
    }

    #[test]
    fn any_text_is_located_or_refused_and_its_names_find_it_again(text in "[a-z0-9:./_ ]{0,24}") {
        let layout = carma();
        if let Ok(found) = locate(&layout, &text) {
            for name in &found.names {
                prop_assert_eq!(&locate(&layout, name).unwrap(), &found, "{}", name);
            }
        }
    }
}

/// All 133,333,334 of them.
#[test]
fn every_block_of_carma_comes_back() {
    let layout = carma();
    for number in (0..layout.total_blocks()).map(BlockNumber) {
        let block = layout.block(number).unwrap();
        let slot = Host::Slot(Slot::new(u8::try_from(number.0 % 60).unwrap()).unwrap());
        let back = layout.at_external(layout.external_address(block, slot).unwrap());
        let inside = layout.at(block.region, block.cell(), layout.address(block, slot));
        assert!(layout.number(block) == Some(number) && back == Some((block, slot)) && inside == back, "{number}");
    }
}

#[test]
fn what_would_give_two_blocks_one_name_is_not_laid_out() {
    let bad = [
        regions(&[5]).repeat(2),
        regions(&[5, 5]).replace("2001:db8:100::/40", "2001:db8:0:8000::/50"),
        format!("[block]\ncell = \"192.168.0.0/17\"\n{}", regions(&[5])),
        format!("[block]\ncell = \"255.255.255.255/32\"\n{}", regions(&[5])),
        format!("[block]\nslots = 61\n{}", regions(&[5])),
        format!("[block]\nslots = 0\n{}", regions(&[5])),
    ];
    for text in bad {
        assert!(Layout::new(&planet(&format!("[planet]\nname = \"x\"\n{text}"))).is_err(), "{text}");
    }
}

#[test]
fn a_block_beyond_its_prefix_has_no_address_outside() {
    let text = regions(&[300]).replace("/40", "/56");
    let layout = Layout::new(&planet(&format!("[planet]\nname = \"x\"\n{text}"))).unwrap();
    let outside = |number: u64| layout.external(layout.block(BlockNumber(number)).unwrap());
    assert!(outside(255).is_some() && outside(256).is_none());
    assert!(locate(&layout, "256").unwrap().place.external.is_none());
}

#[test]
fn numbers_are_the_blocks_in_order_with_none_left_out() {
    let layout = layout(&[3, 0, 2, 1_500, 0, 1]);
    let blocks: Vec<_> = (0..layout.total_blocks()).map(|number| layout.block(BlockNumber(number)).unwrap()).collect();
    assert!(blocks.is_sorted() && blocks.iter().collect::<BTreeSet<_>>().len() == 1_506);
}

#[test]
fn a_block_is_a_slash_26_with_a_router_sixty_slots_and_a_monitor() {
    let layout = carma();
    let place = layout.place(layout.block(BlockNumber(1)).unwrap()).unwrap();
    assert_eq!(place.network, "192.168.0.64/26");
    assert_eq!(place.router.to_string(), "192.168.0.65");
    assert_eq!(
        (place.first_slot.to_string(), place.last_slot.to_string()),
        ("192.168.0.66".into(), "192.168.0.125".into())
    );
    assert_eq!(place.monitor.to_string(), "192.168.0.126");
    // 1,024 blocks fill the cell; the next one begins it again.
    let (last, next) = (layout.block(BlockNumber(1_023)).unwrap(), layout.block(BlockNumber(1_024)).unwrap());
    assert_eq!((last.cell().0, layout.place(last).unwrap().network.as_str()), (0, "192.168.255.192/26"));
    assert_eq!((next.cell().0, layout.place(next).unwrap().network.as_str()), (1, "192.168.0.0/26"));
}

#[test]
fn no_two_hosts_of_a_cell_share_an_address() {
    let layout = carma();
    let mut seen = BTreeSet::new();
    for number in 0..1_024 {
        let block = layout.block(BlockNumber(number)).unwrap();
        let slots = (0..60).map(|slot| Host::Slot(Slot::new(slot).unwrap()));
        for host in slots.chain([Host::Router, Host::Monitor]) {
            assert!(seen.insert(layout.address(block, host)), "{block:?} {host:?}");
        }
    }
    assert_eq!(seen.len(), 1_024 * 62);
}

#[test]
fn network_and_broadcast_addresses_are_nobody() {
    let layout = carma();
    for text in [
        "na:0:192.168.0.0",
        "na:0:192.168.0.63",
        "na:0:10.0.0.1",
        "na:18602:192.168.0.1",
        "2001:db8::",
        "2001:db8::3f",
        "2001:db8:1ff:ffff::1",
        "2001:db9::1",
    ] {
        assert!(locate(&layout, text).is_err(), "{text}");
    }
    for (text, block) in [
        ("na:0:192.168.0.1", 0),
        ("2001:db8::1:0:0:0:2", 1),
        ("133_333_333", 133_333_333),
        ("133,333,333/59", 133_333_333),
    ] {
        assert_eq!(locate(&layout, text).unwrap().place.number, block, "{text}");
    }
}

#[test]
fn a_region_added_in_the_middle_renumbers_nobody() {
    let before = planet(&format!("[planet]\nname = \"x\"\n{}", regions(&[5, 7])));
    let text = format!("[planet]\nname = \"x\"\n{}", regions(&[5, 7]));
    let (first, second) = text.split_at(text.rfind("[[region]]").unwrap());
    let after = planet(&format!("{first}[[region]]\nid = \"new\"\nsite = [3, 4]\nblocks = 9\n{second}"));
    let (old, new) = (Layout::new(&before).unwrap(), Layout::new(&after).unwrap());
    for number in 0..old.total_blocks() {
        let block = old.block(BlockNumber(number)).unwrap();
        let id = old.region_id(block.region);
        let name = format!("{id}:{}", block.index);
        let (was, is) = (locate(&old, &name).unwrap().place, locate(&new, &name).unwrap().place);
        assert_eq!(
            (was.region, was.index, was.cell, was.network, was.external),
            (is.region, is.index, is.cell, is.network, is.external)
        );
    }
    let diff = Diff::new(&before, &after).unwrap();
    assert_eq!((diff.blocks_kept, diff.blocks_added, diff.blocks_removed, diff.slots_moving), (12, 9, 0, 0));
    assert_eq!(
        diff.regions.iter().map(|region| region.change).collect::<Vec<_>>(),
        [Change::Stays, Change::Added, Change::Stays]
    );
}

#[test]
fn a_diff_says_who_moves() {
    let before = planet(&format!("[planet]\nname = \"x\"\n{}", regions(&[5, 7, 2])));
    let after = planet(&format!("[planet]\nname = \"x\"\n{}", regions(&[6, 3])));
    let diff = Diff::new(&before, &after).unwrap();
    let regions: Vec<_> =
        diff.regions.iter().map(|region| (region.id.as_str(), region.change, region.moving)).collect();
    assert_eq!(
        regions,
        [("r0", Change::Grows, None), ("r1", Change::Shrinks, Some((3, 6))), ("r2", Change::Removed, Some((0, 1)))]
    );
    assert_eq!((diff.blocks_kept, diff.blocks_added, diff.blocks_removed, diff.slots_moving), (8, 1, 6, 360));
}

#[test]
fn a_diff_names_every_key_that_differs_by_what_it_belongs_to() {
    let before =
        "[planet]\nname = \"x\"\n[[region]]\nid = \"a\"\nzones = [\"a1\"]\n[[region]]\nid = \"b\"\nblocks = 3\n";
    let after = "planet = { name = \"y\" }\n[[region]]\nid = \"new\"\n[[region]]\nid = \"a\"\nzones = [\"a1\", \"a2\"]\n[[region]]\nid = \"b\"\n";
    let shown: Vec<_> = changes(before, after)
        .into_iter()
        .map(|change| {
            format!("{} {:?} {:?}", change.key, change.before.unwrap_or_default(), change.after.unwrap_or_default())
        })
        .collect();
    let expected = [
        "planet.name \"x\" \"y\"",
        "region.a.zones \"[a1]\" \"[a1, a2]\"",
        "region.b.blocks \"3\" \"\"",
        "region.new.id \"\" \"new\"",
    ];
    assert_eq!(shown, expected);
    assert!(changes(after, after).is_empty());
}
