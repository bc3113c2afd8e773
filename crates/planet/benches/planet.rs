//! Reading and locating, beside what they cannot be faster than.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use planet::Tables;
use planet::plan::Plan;
use planet::plan::layout::{Host, Layout};
use std::hint::black_box;
use vocab::{BlockNumber, Slot};

const CARMA: &str = include_str!("../../../planets/carma.toml");

fn main() {
    measure::title();
    parse_ten_thousand_regions();
    locate();
    plan();
}

fn ten_thousand_regions() -> String {
    let region = |n: u32| {
        format!(
            "[[region]]\nid = \"r{n}\"\nname = \"Region {n}\"\nsite = [{}.5, {}.25]\njurisdictions = [\"EU\"]\nzones = [\"r{n}a\", \"r{n}b\", \"r{n}c\"]\nprovider_regions = [\"r{n}\"]\nfallback = [\"r{}\"]\ncapacity = \"10k rps\"\nreplicas = {{ min = 2, max = 20 }}\n",
            n % 80,
            n % 170,
            (n + 1) % 10_000
        )
    };
    format!("[planet]\nname = \"many\"\nblocks = 100_000_000\n{}", (0..10_000).map(region).collect::<String>())
}

fn parse_ten_thousand_regions() {
    let text = ten_thousand_regions();
    assert!(planet::parse(text.as_bytes()).0.is_some());
    let ours = measure::many(|| drop(black_box(planet::parse(black_box(text.as_bytes())))));
    let theirs = measure::many(|| drop(black_box(toml::from_str::<toml::Table>(black_box(&text)))));
    let what = format!("parse 10,000 regions ({} kB)", text.len() / 1_000);
    measure::at_most(&what, 2e8, ours, Some(("toml crate to its own table", theirs)));
}

fn locate() {
    let layout = Layout::new(&planet::parse(CARMA.as_bytes()).0.unwrap()).unwrap();
    let slot = Host::Slot(Slot::new(7).unwrap());
    let starts: Vec<u64> = (0..7).map(|region| region * 19_047_619).collect();
    // A stride that visits the whole planet in no order.
    let number = |call: u64| (call * 99_999_989) % 133_333_334;
    let mut call = 0;
    let peer = measure::many(|| {
        call += 1;
        black_box(starts.partition_point(|start| *start <= black_box(number(call))));
    });
    let there = measure::many(|| {
        call += 1;
        let block = layout.block(BlockNumber(black_box(number(call)))).unwrap();
        black_box((layout.address(block, slot), layout.external_address(block, slot)));
    });
    let addresses: Vec<_> = (0..4_096)
        .map(|call| layout.external_address(layout.block(BlockNumber(number(call))).unwrap(), slot).unwrap())
        .collect();
    let back = measure::many(|| {
        call += 1;
        let address = addresses[usize::try_from(call % 4_096).unwrap()];
        let (block, _) = layout.at_external(black_box(address)).unwrap();
        black_box(layout.number(block));
    });
    measure::at_most("locate: number to both addresses", 50.0, there, Some(("binary search in 7 numbers", peer)));
    measure::at_most("locate: address to number", 50.0, back, Some(("binary search in 7 numbers", peer)));
}

fn plan() {
    let text = ten_thousand_regions();
    let (tables, many) = (Tables::builtin(), planet::parse(text.as_bytes()).0.unwrap());
    let carma = planet::parse(CARMA.as_bytes()).0.unwrap();
    let one = measure::many(|| drop(black_box(Plan::new(black_box(&carma), &tables))));
    let all = measure::many(|| drop(black_box(Plan::new(black_box(&many), &tables))));
    measure::plain("plan carma: 7 regions, 133 million blocks", one);
    measure::plain("plan 10,000 regions, 100 million blocks", all);
}
