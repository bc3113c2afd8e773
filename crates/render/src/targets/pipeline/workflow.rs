//! A workflow of GitHub: what a change to the planet file comes to is looked at
//! in a pull request, and carried out when a person says so.
//!
//! GitHub fills in `${{ }}` in every value of such a file. So nothing of the
//! planet is in it but names, which have no letter of that; and what somebody
//! types into a form reaches a shell in a variable, never as a part of a script.

use crate::{Refused, Scene, yaml};
use serde_json::{Value, json};

/// A tag can be moved: whoever uses this puts the digest in its place.
const CHECKOUT: &str = "actions/checkout@v4";
const RUNNER: &str = "ubuntu-24.04";

/// In minutes: reading and proving take seconds, fetching an image some more.
const CHECKS: u32 = 15;
/// GitHub ends a job after six hours; a planet whose gates take longer is deployed
/// a region at a time.
const DEPLOYS: u32 = 350;

/// The program comes out of the image that is deployed: the same one plans and runs.
const PROGRAM: &str = "mkdir -p \"$RUNNER_TEMP/bin\"\n\
    made=$(docker create \"$MYCEL_IMAGE\")\n\
    docker cp \"$made:/usr/local/bin/mycel\" \"$RUNNER_TEMP/bin/mycel\"\n\
    docker rm \"$made\"\n\
    echo \"$RUNNER_TEMP/bin\" >> \"$GITHUB_PATH\"\n";

const PLAN: &str = "for target in compose kubernetes terraform; do\n\
    \x20 mycel deploy \"$PLANET_FILE\" --target \"$target\" --out \"$RENDERED\" --plan\n\
    done\n";

const DEPLOY: &str = "set -- --target \"$TARGET\" --gate \"$GATE\"\n\
    if [ -n \"$REGION\" ]; then set -- \"$@\" --region \"$REGION\"; fi\n\
    if [ \"$DRY_RUN\" != false ]; then set -- \"$@\" --dry-run; fi\n\
    sh \"$RENDERED/pipeline/deploy.sh\" \"$@\"\n";

pub(super) fn file(scene: &Scene<'_>) -> Result<String, Refused> {
    let about = [
        format!("Planet {}: `mycel render` wrote this. Put a copy into .github/workflows.", scene.name()),
        "Actions are named by tags, which can be moved: put the digest that you have looked at in their place."
            .to_owned(),
        "The variables PLANET_FILE, RENDERED and DEPLOY_RUNNER of the repository say where things are; what a"
            .to_owned(),
        "target is deployed with (contexts, credentials) belongs to that runner. No secret is named here.".to_owned(),
    ];
    let jobs = json!({ "check": check(scene), "deploy": deploy() });
    let workflow = json!({
        "name": format!("planet {}", scene.name()),
        "on": { "pull_request": {}, "workflow_dispatch": { "inputs": inputs(scene) } },
        "permissions": { "contents": "read" },
        "env": {
            "MYCEL_IMAGE": scene.image,
            "OFFICE": scene.office.unwrap_or_default(),
            "PLANET_FILE": "${{ vars.PLANET_FILE || 'planet.toml' }}",
            "RENDERED": "${{ vars.RENDERED || 'deploy' }}",
        },
        "jobs": jobs,
    });
    yaml::file(&about, &[workflow])
}

/// What a person says who deploys.
fn inputs(scene: &Scene<'_>) -> Value {
    let regions: Vec<&str> =
        std::iter::once("").chain(scene.planet.region.iter().map(|region| region.id.as_str())).collect();
    json!({
        "target": {
            "description": "What is deployed with", "type": "choice", "required": true,
            "options": ["compose", "kubernetes", "terraform"],
        },
        "region": { "description": "Only this region; compose needs it", "type": "choice", "options": regions },
        "gate": { "description": "The command that judges a step by its region", "type": "string", "required": true },
        "dry_run": { "description": "Print every step, and carry nothing out", "type": "boolean", "default": true },
        "environment": { "description": "Whose rules hold", "type": "environment", "required": true },
    })
}

fn begin() -> Vec<Value> {
    vec![
        json!({ "name": "Take the files", "uses": CHECKOUT, "with": { "persist-credentials": false } }),
        json!({ "name": "Take the program out of its image", "run": PROGRAM }),
    ]
}

fn check(scene: &Scene<'_>) -> Value {
    let office = if scene.office.is_some() { " --office \"$OFFICE\"" } else { "" };
    let render =
        format!("mycel render \"$PLANET_FILE\" --out \"$RENDERED\" --check --image \"$MYCEL_IMAGE\"{office}\n");
    let mut steps = begin();
    steps.extend([
        json!({ "name": "The file contradicts itself nowhere", "run": "mycel check \"$PLANET_FILE\"\n" }),
        json!({ "name": "What is rendered is what it says", "run": render }),
        json!({ "name": "Flows work, and nothing else does", "run": "mycel prove \"$PLANET_FILE\"\n" }),
        json!({ "name": "What would be done", "run": PLAN }),
    ]);
    json!({ "runs-on": RUNNER, "timeout-minutes": CHECKS, "steps": steps })
}

fn deploy() -> Value {
    let mut steps = begin();
    steps.push(json!({
        "name": "A step at a time",
        "env": {
            "TARGET": "${{ inputs.target }}",
            "REGION": "${{ inputs.region }}",
            "GATE": "${{ inputs.gate }}",
            "DRY_RUN": "${{ inputs.dry_run }}",
        },
        "run": DEPLOY,
    }));
    json!({
        "if": "github.event_name == 'workflow_dispatch'",
        "needs": "check",
        "environment": "${{ inputs.environment }}",
        // Two at once would have two regions in between.
        "concurrency": { "group": "deploy", "cancel-in-progress": false },
        "runs-on": format!("${{{{ vars.DEPLOY_RUNNER || '{RUNNER}' }}}}"),
        "timeout-minutes": DEPLOYS,
        "steps": steps,
    })
}
