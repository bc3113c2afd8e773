//! The whole planet on one machine, with Compose: every region a process, and
//! a gateway in front of them, as `mycel up --regions` runs them.

use super::compose::{beside, labels, networks, process, watchers};
use super::{Scope, Target};
use crate::{Refused, Scene, Tree, program, yaml};
use serde_json::{Map, json};

pub(super) static TARGET: Target =
    Target { name: "machine", help: "the whole planet on one machine, with its gateway", scope: Scope::Planet(render) };

fn render(scene: &Scene<'_>, tree: &mut Tree) -> Result<(), Refused> {
    let mut services = Map::new();
    services.insert("planet".to_owned(), process(scene, &program::planet()));
    watchers(&mut services, &["planet"]);
    let comments = [
        format!("Planet {} on one machine: `mycel render` wrote this, and what it says comes from", scene.name()),
        "the planet file. docs/guides/deploy.md says how it is run. MYCEL_DATA is the folder".to_owned(),
        "that `mycel trust init` made, and MYCEL_USER who owns it.".to_owned(),
    ];
    let file = json!({ "services": labels(services, scene, None), "networks": networks() });
    tree.add("compose.yaml", yaml::file(&comments, &[file])?);
    tree.add(".env", format!("COMPOSE_PROJECT_NAME={}\n", scene.name()));
    beside(scene, tree, &["planet"])
}
