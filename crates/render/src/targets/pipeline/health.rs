//! The script that asks regions how they are. Where they are no planet file
//! says, so whoever runs it does.

use crate::{Scene, shell};

const BODY: &str = include_str!("health.sh");

pub(super) fn file(scene: &Scene<'_>) -> String {
    let about = [
        format!("Planet {}: asks regions whether they live (/health) and serve (/ready).", scene.name()),
        "`mycel render` wrote this; docs/guides/deploy.md says how it is run.".to_owned(),
    ];
    let ids: Vec<&str> = scene.planet.region.iter().map(|region| region.id.as_str()).collect();
    let mut names = "\n# What the planet calls a region.\nname_of() {\n    case $1 in\n".to_owned();
    for place in scene.places() {
        let (id, name) = (shell::word(place.id()), shell::word(&place.plan.name));
        names.push_str(&format!("        {id}) printf '%s' {name} ;;\n"));
    }
    names.push_str("        *) return 1 ;;\n    esac\n}\n\n");
    super::script(&about, &[("planet", scene.name()), ("regions", &ids.join(" "))], &(names + BODY))
}
