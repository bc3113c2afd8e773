//! The script that carries out a plan. What is to be done, and in which order, is
//! the word of `mycel deploy --plan`; what is here is how it is carried out.

use crate::Scene;

const BODY: &str = include_str!("deploy.sh");

pub(super) fn file(scene: &Scene<'_>) -> String {
    let about = [
        format!("Planet {}: carries out what `mycel deploy --plan` says, a step at a time.", scene.name()),
        "`mycel render` wrote this; docs/guides/deploy.md says how it is run.".to_owned(),
    ];
    super::script(&about, &[("planet", scene.name())], BODY)
}
