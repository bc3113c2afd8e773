//! Rendering the largest planet of this repository, every target and region,
//! beside what it cannot be faster than: hashing the same bytes.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use planet::Tables;
use planet::plan::Plan;
use render::{Scene, render, targets};
use sha2::{Digest as _, Sha256};
use std::hint::black_box;

const CARMA: &str = include_str!("../../../planets/carma.toml");

/// A person waits for it: a second, with the file read and planned. The tools that
/// do the like take 47 s and more.
const BUDGET_NS: f64 = 1e9;

fn main() {
    measure::title();
    let tables = Tables::builtin();
    let whole = || {
        let planet = planet::parse(black_box(CARMA.as_bytes())).0.unwrap();
        let plan = Plan::new(&planet, &tables).unwrap();
        let scene = Scene::new((&planet, CARMA), &plan, ("mycel:0.1.0", "0.1.0")).unwrap();
        render(&scene, targets::ALL, &[]).unwrap()
    };
    let tree = whole();
    let bytes: usize = tree.files().iter().map(|file| file.bytes.len()).sum();
    let ours = measure::many(|| drop(black_box(whole())));
    let peer = measure::many(|| {
        for file in tree.files() {
            black_box(Sha256::digest(black_box(&file.bytes)));
        }
    });
    let what = format!("render carma: {} files, {} kB", tree.files().len(), bytes / 1_000);
    measure::at_most(&what, BUDGET_NS, ours, Some(("SHA-256 of the same bytes", peer)));
}
