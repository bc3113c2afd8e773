//! How a planet gets from its file to its machines: the program's image, the
//! script that carries out a plan, the one that judges a step of it, the one that
//! asks regions how they are, a workflow of GitHub, and what to do for each alert.
//!
//! It must never repeat what `mycel deploy --plan` decides: the script reads that
//! command's word. No file holds a secret, and what a planet says goes into a
//! script as a word that the shell takes for nothing else.

mod deploy;
mod dockerfile;
mod gate;
mod health;
mod looks;
mod runbooks;
mod workflow;

use super::{Scope, Target};
use crate::{Refused, Scene, Tree, comment, shell};

pub(super) static TARGET: Target = Target {
    name: "pipeline",
    help: "the program's image, scripts that deploy and ask, a workflow, and a runbook for each alert",
    scope: Scope::Planet(render),
};

fn render(scene: &Scene<'_>, tree: &mut Tree) -> Result<(), Refused> {
    tree.add("Dockerfile", dockerfile::file(scene));
    // What the scripts plan from lies beside them.
    tree.add("planet.toml", scene.text);
    tree.add("deploy.sh", deploy::file(scene));
    tree.add("gate.sh", gate::file(scene));
    tree.add("health.sh", health::file(scene));
    tree.add("workflow.yaml", workflow::file(scene)?);
    runbooks::files(scene, tree);
    if !scene.image.contains('/') {
        tree.note(format!(
            "pipeline: `{}` names no registry, so its workflow would ask Docker Hub for a stranger's: say which by --image",
            scene.image
        ));
    }
    Ok(())
}

/// A script: what it is, what the planet says in it, and what it does.
fn script(about: &[String], said: &[(&str, &str)], body: &str) -> String {
    let mut text = "#!/bin/sh\n".to_owned();
    for line in about {
        text.push_str(&comment::line(line));
        text.push('\n');
    }
    text.push_str("set -eu\n\n");
    for (name, value) in said {
        text.push_str(&format!("{name}={}\n", shell::word(value)));
    }
    text.push_str(body);
    text
}
