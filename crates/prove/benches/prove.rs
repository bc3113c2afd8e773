//! Proving the largest planet of this repository, every target and region, beside
//! rendering the same files.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use planet::Tables;
use planet::plan::Plan;
use prove::Files;
use render::{Scene, render, targets};
use std::hint::black_box;

const CARMA: &str = include_str!("../../../planets/carma.toml");

/// A person waits for it.
const BUDGET_NS: f64 = 2e9;

fn main() {
    measure::title();
    let tables = Tables::builtin();
    let planet = planet::parse(CARMA.as_bytes()).0.unwrap();
    let plan = Plan::new(&planet, &tables).unwrap();
    let scene = Scene::new((&planet, CARMA), &plan, ("mycel:0.1.0", "0.1.0")).unwrap();
    let judged: Vec<_> = targets::ALL.iter().filter(|target| prove::TARGETS.contains(&target.name)).copied().collect();
    let rendered = || render(&scene, &judged, &[]).unwrap();
    let files: Files = rendered().files().iter().map(|file| (file.path.clone(), file.bytes.clone())).collect();
    assert!(prove::prove(&planet, CARMA, &files).is_proved());
    let ours = measure::many(|| drop(black_box(prove::prove(&planet, CARMA, black_box(&files)))));
    let peer = measure::many(|| drop(black_box(rendered())));
    let what = format!("prove carma: {} files", files.len());
    measure::at_most(&what, BUDGET_NS, ours, Some(("rendering them", peer)));
}
