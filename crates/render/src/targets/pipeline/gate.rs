//! The script that judges a step: by what Prometheus has counted in the region,
//! against what the planet promises there. How long and how fast is the plan's
//! word; what may fail is the planet's.

use crate::targets::observe::{Promise, requests};
use crate::{Scene, shell};
use std::fmt::Write as _;

const BODY: &str = include_str!("gate.sh");

pub(super) fn file(scene: &Scene<'_>) -> String {
    let about = [
        format!(
            "Planet {}: judges a step of a rollout in a region, by what Prometheus there has counted.",
            scene.name()
        ),
        "`mycel render` wrote this; docs/guides/deploy.md says how it is run.".to_owned(),
    ];
    let mut budgets = "\n# How many millionths of a region's requests may fail; nothing where nobody has promised.\n\
                       budget_of() {\n    case $1 in\n"
        .to_owned();
    for place in scene.places() {
        let share = Promise::of(scene, &place).requests.map_or_else(String::new, |share| share.0.to_string());
        // Writing to a string does not fail.
        let _ = writeln!(budgets, "        {}) echo '{share}' ;;", shell::word(place.id()));
    }
    budgets.push_str("        *) return 1 ;;\n    esac\n}\n\n");
    // Whose, and over how long, the script fills in; no name has capitals.
    let whose = ",planet=\"PLANET\",region=\"REGION\"";
    let (failed, all) = (requests("OVER", &format!("{whose},status=~\"5..\"")), requests("OVER", whose));
    let long = format!("({failed} or 0 * {all}) / ({all} > 0)");
    let ids: Vec<&str> = scene.planet.region.iter().map(|region| region.id.as_str()).collect();
    let said = [("planet", scene.name()), ("regions", &ids.join(" ")), ("long", &long)];
    super::script(&about, &said, &(budgets + BODY))
}
