//! Planets of this repository, as they are rendered.
#![allow(clippy::unwrap_used, dead_code)]

use planet::plan::Plan;
use planet::{Planet, Tables};
use prove::{Files, Report};
use render::{Scene, render, targets};
use std::path::Path;

pub(crate) const PLANETS: [&str; 6] = ["garden", "carma", "mesh", "erlmcp", "watch", "bitcraps"];

pub(crate) fn rendered(name: &str) -> (Planet, String, Files) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../planets/{name}.toml"));
    let text = std::fs::read_to_string(path).unwrap();
    let (planet, files) = files_of(&text);
    (planet, text, files)
}

/// What a planet renders to.
pub(crate) fn files_of(text: &str) -> (Planet, Files) {
    let planet = planet::parse(text.as_bytes()).0.unwrap();
    let plan = Plan::new(&planet, &Tables::builtin()).unwrap();
    let scene = Scene::new((&planet, text), &plan, ("mycel:0.1.0", "0.1.0")).unwrap();
    let judged: Vec<_> = targets::ALL.iter().filter(|target| prove::TARGETS.contains(&target.name)).copied().collect();
    let tree = render(&scene, &judged, &[]).unwrap();
    let files = tree.files().iter().map(|file| (file.path.clone(), file.bytes.clone())).collect();
    drop(scene);
    (planet, files)
}

/// Every failure, as people read them.
pub(crate) fn told(report: &Report) -> String {
    let lines = report.failures.iter().map(|one| {
        let path = one.path.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{}: {}: {}: {path}: {}", one.at, one.kind.word(), one.layer.word(), one.what)
    });
    lines.collect::<Vec<_>>().join("\n")
}
