//! Terraform: the root of each region, in the order of the rollout, and then the
//! roots of what is of none. Those refer to where agents come into regions, and
//! nothing of a region refers to them.
//!
//! It must never apply what nobody could have read: a plan is written to a file
//! first, and that file is what is applied.

use super::{Act, quoted};
use crate::failure::Failure;
use render::write::Manifest;
use std::path::Path;

/// What a plan is kept in, in the folder of its root.
const PLAN: &str = "mycel.tfplan";
/// What the root of no region is told of the others; Terraform reads it by its name.
const ENTRIES: &str = "entries.auto.tfvars";

/// Roots of what is of no region, in the order in which they are applied.
const OF_NO_REGION: [(&str, &str); 2] = [
    ("global", "names, the accelerator, content delivery and budgets"),
    ("cloudflare", "content delivery by Cloudflare"),
];

/// The root of a region.
pub(super) fn acts(out: &str, before: Option<&str>) -> Vec<Act> {
    root(out, before, "its network, its machine and what guards them", Vec::new())
}

/// A root: what it would change, and then that.
fn root(out: &str, before: Option<&str>, what: &str, first: Vec<String>) -> Vec<Act> {
    let terraform = |folder: &str, rest: &str| format!("terraform -chdir={folder} {rest}");
    let plan = |folder: &str| {
        [terraform(folder, "init -input=false"), terraform(folder, &format!("plan -input=false -out={PLAN}"))]
    };
    let apply = |folder: &str| terraform(folder, &format!("apply -input=false {PLAN}"));
    let look = Act {
        what: "what would change; `terraform show` of the plan says it again".to_owned(),
        run: first.into_iter().chain(plan(out)).collect(),
        back: Vec::new(),
        watched: false,
    };
    let back = before.map(|before| plan(before).into_iter().chain([apply(before)]).collect());
    let done = Act { what: what.to_owned(), run: vec![apply(out)], back: back.unwrap_or_default(), watched: true };
    vec![look, done]
}

/// What is of no region, where it is rendered.
pub(super) fn of_none(
    manifest: &Manifest,
    (out, before): (&Path, Option<&Path>),
    regions: &[&str],
) -> Result<Vec<(&'static str, Vec<Act>)>, Failure> {
    let mut all = Vec::new();
    for (name, what) in OF_NO_REGION {
        let below = format!("terraform/{name}/");
        if !manifest.files.keys().any(|path| path.starts_with(&below)) {
            continue;
        }
        let first = entries(manifest, out, &below, regions)?;
        let before = before.map(|before| quoted(&before.join(&below)));
        all.push((name, root(&quoted(&out.join(&below)), before.as_deref(), what, first)));
    }
    Ok(all)
}

/// What tells a root where agents come into the regions that it refers to.
fn entries(manifest: &Manifest, out: &Path, below: &str, regions: &[&str]) -> Result<Vec<String>, Failure> {
    let path = format!("{below}variables.tf");
    if !manifest.files.contains_key(&path) {
        return Ok(Vec::new());
    }
    let file = out.join(&path);
    let text = std::fs::read_to_string(&file).map_err(|error| Failure::file("read", &file, &error))?;
    let referred = regions.iter().filter(|region| text.contains(&format!("variable \"entry_{region}\"")));
    // A region that does not say it stops this, and is not left out.
    let said: Vec<String> = referred
        .map(|region| {
            let root = quoted(&out.join(format!("terraform/{region}/")));
            format!("entry=$(terraform -chdir={root} output -json entry) && printf 'entry_{region} = %s\\n' \"$entry\"")
        })
        .collect();
    if said.is_empty() {
        return Ok(Vec::new());
    }
    let to = quoted(&out.join(format!("{below}{ENTRIES}")));
    Ok(vec![format!("{{ {}; }} > {to}", said.join(" && "))])
}

/// What is to be known of steps back, which Terraform itself does not have.
pub(super) fn notes(has_before: bool) -> Vec<String> {
    let mut notes = vec![
        "variables, and where the state is kept, are in files beside those that are rendered: a root without them asks, and fails"
            .to_owned(),
    ];
    if has_before {
        notes.push(
            "terraform has no undo: a step back applies the folder before, which has to name the same backend; with a state of its \
             own it would make everything a second time, and what was destroyed comes back empty"
                .to_owned(),
        );
    }
    notes
}
