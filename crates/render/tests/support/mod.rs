//! Planets, rendered, and what is in their files.
#![allow(clippy::unwrap_used, clippy::panic, dead_code, unreachable_pub)]

use planet::plan::Plan;
use planet::{Planet, Tables};
use render::{Refused, Scene, Tree, render, targets};
use serde_json::Value;
use std::path::Path;

pub(crate) const PLANETS: [&str; 6] = ["garden", "carma", "mesh", "erlmcp", "watch", "bitcraps"];

pub(crate) fn text_of(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../planets/{name}.toml"));
    std::fs::read_to_string(path).unwrap()
}

pub(crate) fn with_image(text: &str, image: &str, regions: &[&str]) -> Result<(Planet, Tree), Refused> {
    told(text, image, regions, None)
}

pub(crate) fn told(text: &str, image: &str, regions: &[&str], office: Option<&str>) -> Result<(Planet, Tree), Refused> {
    let planet = planet::parse(text.as_bytes()).0.unwrap();
    let plan = Plan::new(&planet, &Tables::builtin()).unwrap();
    let mut scene = Scene::new((&planet, text), &plan, (image, "0.1.0")).unwrap();
    scene.office = office;
    let tree = render(&scene, targets::ALL, regions)?;
    drop(scene);
    Ok((planet, tree))
}

pub(crate) fn rendered(text: &str) -> Result<(Planet, Tree), Refused> {
    with_image(text, "mycel:0.1.0", &[])
}

pub(crate) fn text<'t>(tree: &'t Tree, path: &str) -> &'t str {
    let file = tree.files().iter().find(|file| file.path == path);
    std::str::from_utf8(&file.unwrap_or_else(|| panic!("{path} is not rendered")).bytes).unwrap()
}

pub(crate) fn yaml(tree: &Tree, path: &str) -> Value {
    serde_saphyr::from_str(text(tree, path)).unwrap()
}

/// The objects of a file of Kubernetes.
pub(crate) fn objects(tree: &Tree, path: &str) -> Vec<Value> {
    let documents = text(tree, path).split("\n---\n");
    documents.map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

pub(crate) fn all_objects(tree: &Tree, region: &str) -> Vec<Value> {
    let files = ["1-namespace", "2-config", "3-network", "4-host"];
    files.iter().flat_map(|file| objects(tree, &format!("kubernetes/{region}/{file}.yaml"))).collect()
}

pub(crate) fn named<'o>(objects: &'o [Value], kind: &str, name: &str) -> &'o Value {
    let is_it = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    objects.iter().find(is_it).unwrap_or_else(|| panic!("no {kind} {name}"))
}
