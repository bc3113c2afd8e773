//! What a planet costs, also when something of it is lost.

#![allow(clippy::unwrap_used)]

#[path = "support/run.rs"]
mod run;

use run::{err, json, out};
use std::fs;
use std::path::Path;

#[test]
fn figures_and_prices_can_be_replaced() {
    let scratch = |name: &str, text: &str| {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.toml", std::process::id()));
        fs::write(&file, text).unwrap();
        file
    };
    let figures =
        planet::CALIBRATION.replace("size = \"2 KiB\"\nstate = \"assumed\"", "size = \"4 KiB\"\nstate = \"measured\"");
    assert_ne!(figures, planet::CALIBRATION);
    let prices = planet::PRICES.replace("price = \"$0.6528\"", "price = \"$1.3056\"");
    assert_ne!(prices, planet::PRICES);
    let (figures, prices) = (scratch("figures", &figures), scratch("prices", &prices));
    let plan = json(&["plan", "carma.toml", "--json", "--calibration", figures.to_str().unwrap()]);
    assert_eq!(plan["regions"][0]["memory_bytes"], 19_047_619u64 * 4_096);
    assert_eq!(
        (plan["figures"][0]["value"].as_str(), plan["figures"][0]["state"].as_str()),
        (Some("4 KiB"), Some("measured"))
    );
    let compute = |arguments: &[&str]| json(arguments)["monthly"]["packed"]["monthly_usd"].as_f64().unwrap();
    let (before, after) = (
        compute(&["price", "carma.toml", "--json"]),
        compute(&["price", "carma.toml", "--json", "--prices", prices.to_str().unwrap()]),
    );
    assert!(after > before * 1.9 && after < before * 2.0, "{before} {after}");
    // A figure file must have them all.
    let few = scratch("few", "[figure.block-memory]\nsize = \"2 KiB\"\nstate = \"assumed\"\n");
    assert!(
        err(&["plan", "carma.toml", "--calibration", few.to_str().unwrap()]).contains("`cells-per-pod` is missing")
    );
    for file in [figures, prices, few] {
        fs::remove_file(file).unwrap();
    }
}

#[test]
fn a_loss_that_nobody_carries_is_no_saving() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("alone-{}.toml", std::process::id()));
    fs::write(&file, "[planet]\nname = \"x\"\nblocks = 60_000\n[[region]]\nid = \"a\"\nsite = [1, 2]\n[[region]]\nid = \"b\"\nsite = [3, 4]\n").unwrap();
    let arguments = ["price", file.to_str().unwrap(), "--what-if", "region:a=lost"];
    assert!(out(&arguments).contains("if a were lost: nobody takes over its 3,000 op/s"), "{}", out(&arguments));
    let loss = &json(&[&arguments[..], &["--json"]].concat())["what_if"]["loss"];
    assert!(loss["carried_by"].is_null() && loss["ops_per_second"] == 3_000);
    fs::remove_file(file).unwrap();
}

#[test]
fn a_lost_region_costs_nothing_and_stands_in_for_nobody() {
    for (planet, region) in [("carma.toml", "eu"), ("mesh.toml", "us-east-1"), ("bitcraps.toml", "eu-west")] {
        let lost = json(&["price", planet, "--what-if", &format!("region:{region}=lost"), "--json"]);
        let regions = lost["what_if"]["monthly"]["regions"].as_array().unwrap();
        let cost: Vec<_> =
            regions.iter().map(|line| (line["id"] == region, line["computed_usd"].as_f64().unwrap())).collect();
        assert!(cost.iter().all(|(lost, cost)| *lost == (*cost == 0.0)), "{planet}: {cost:?}");
    }
}

#[test]
fn more_than_can_be_counted_is_refused_not_shown_as_nothing() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("huge-{}.toml", std::process::id()));
    let planet = |more: &str| {
        format!("[planet]\nname = \"x\"\nblocks = 1_000_000_000_000\n[[region]]\nid = \"a\"\nsite = [1, 2]\n{more}")
    };
    let huge = [
        "[calibration.block-memory]\nsize = \"18000000 TB\"\nstate = \"assumed\"\n",
        "[activity]\nactive = \"100%\"\nop_rate = \"18000000000000000000/s\"\n",
        "[activity]\nactive = \"100%\"\nop_rate = \"1/s\"\nop_size = \"18000000 TB\"\n",
    ];
    for more in huge {
        fs::write(&file, planet(more)).unwrap();
        for command in ["plan", "price"] {
            let said = err(&[command, file.to_str().unwrap()]);
            assert!(said.contains("more than can be counted"), "{command} {more}: {said}");
        }
    }
    fs::remove_file(file).unwrap();
}
