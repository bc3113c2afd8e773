//! What to do for each alert of target `observe`, as text that a person reads at
//! night: a file for each, which the alert names in `runbook_url`.
//!
//! It must say nothing that nobody knows: figures are those of the planet file,
//! and where one is missing that is said.

use super::looks::{self, About};
use crate::targets::observe::{self, Alert, Promise};
use crate::{Place, Scene, Tree, markdown};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use vocab::{Millis, Ppm};

/// An alert, in the regions that have it.
type Regions<'a> = Vec<(Place<'a>, Alert)>;

pub(super) fn files(scene: &Scene<'_>, tree: &mut Tree) {
    let mut alerts: BTreeMap<&'static str, Regions<'_>> = BTreeMap::new();
    for place in scene.places() {
        for alert in observe::alerts(scene, &place) {
            let place = Place { at: place.at, region: place.region, plan: place.plan };
            alerts.entry(alert.name).or_default().push((place, alert));
        }
    }
    for (name, regions) in alerts {
        if let Some(text) = file(scene, name, &regions) {
            tree.add(&format!("runbooks/{name}.md"), text);
        }
    }
}

fn file(scene: &Scene<'_>, name: &str, regions: &Regions<'_>) -> Option<String> {
    let (_, first) = regions.first()?;
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(text, "# {name}: {}\n", first.summary);
    let _ = writeln!(
        text,
        "Planet `{}`. A {}, when it has been so for {}. This was rendered from the planet file; the alert leads here by\n`runbook_url`.",
        scene.name(),
        first.severity.word(),
        first.hold
    );
    let _ = writeln!(text, "\n## What it means");
    told(&mut text, regions, |alert| alert.description.clone());
    if !first.follows.is_empty() {
        let _ = writeln!(text, "\nNobody is told of it while {} fires: that is its cause.", first.follows.join(" or "));
    }
    let _ = writeln!(text, "\n## How bad it is");
    stakes(&mut text, scene, looks::about(name), regions);
    look(&mut text, scene, name, regions);
    let _ = writeln!(text, "\n## What to do");
    for (number, step) in (1..).zip(first.steps) {
        let _ = writeln!(text, "{number}. {step}");
    }
    let _ = writeln!(text, "\n## When it is over\nWhen this finds nothing any more, which Alertmanager then tells:\n");
    told(&mut text, regions, |alert| format!("`{}`", alert.expr));
    if name.starts_with("MycelBudget") || name == "MycelHostDown" {
        let _ = writeln!(
            text,
            "\nWhat was used up of a budget stays so for 30 days. Whether the cause is gone, too, no rule knows."
        );
    }
    Some(text)
}

/// What an alert says, once for the regions in which it says the same.
fn told(text: &mut String, regions: &Regions<'_>, of: impl Fn(&Alert) -> String) {
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for (place, alert) in regions {
        let what = of(alert);
        match said.iter_mut().find(|(other, _)| *other == what) {
            Some((_, ids)) => ids.push(place.id()),
            None => said.push((what, vec![place.id()])),
        }
    }
    let alone = said.len() == 1;
    for (what, ids) in said {
        let _ = if alone { writeln!(text, "{what}") } else { writeln!(text, "- In `{}`: {what}", ids.join("`, `")) };
    }
}

/// What is at stake, in the planet's own figures.
fn stakes(text: &mut String, scene: &Scene<'_>, about: About, regions: &Regions<'_>) {
    match about {
        About::Host | About::Gateway => {
            regions.iter().for_each(|(place, _)| promised(text, scene, place));
            text.push_str(&recovers(scene));
        }
        About::Slots => {
            regions.iter().for_each(|(place, _)| room(text, place));
            text.push_str(&costs(scene));
        }
        About::Connections => {
            regions.iter().for_each(|(place, _)| room(text, place));
            text.push_str("\nThe planet file does not say how many connections there should be.\n");
        }
        About::Keys => text.push_str(&keys(scene)),
        About::Audit => text.push_str(
            "What has to be entered in the audit log is not done until it is. Records and ops of agents are not in that log.\n",
        ),
        About::Measuring => text.push_str(
            "No agent feels it. While it lasts, other alerts may not be told: look at the regions themselves.\n",
        ),
    }
}

/// A region as people call it.
fn called(place: &Place<'_>) -> String {
    format!("`{}` ({})", place.id(), markdown::plain(&place.plan.name))
}

/// What a region was promised to be, and what follows when it is not.
fn promised(text: &mut String, scene: &Scene<'_>, place: &Place<'_>) {
    let time = match Promise::of(scene, place).time {
        Some(share) => format!("It may be away for {share} of the time, which is {} of 30 days.", away(share)),
        None => "No availability is promised.".to_owned(),
    };
    let fallback: Vec<&str> = place.region.fallback.iter().map(|id| id.as_str()).collect();
    let lost = if fallback.is_empty() {
        "No region takes over when it is lost.".to_owned()
    } else {
        format!("When it is lost, `{}` is to take over, as far as residency lets it.", fallback.join("`, `"))
    };
    // Writing to a string does not fail.
    let _ = writeln!(text, "- {}: {} slots. {time} {lost}", called(place), place.plan.slots);
}

fn room(text: &mut String, place: &Place<'_>) {
    let _ = writeln!(text, "- {}: {} blocks, {} slots.", called(place), place.plan.blocks, place.plan.slots);
}

/// A share of 30 days: a millionth of them is 2,592 ms.
fn away(share: Ppm) -> Millis {
    Millis(u64::from(share.0).saturating_mul(2_592))
}

/// What the planet says of losses.
fn recovers(scene: &Scene<'_>) -> String {
    match &scene.planet.recovery {
        Some(recovery) => format!(
            "\nAfter a loss everything is to work again within {}, without more than the newest {} of data; agents are to be led\n\
             elsewhere within {}.\n",
            recovery.rto.value, recovery.rpo.value, recovery.reroute.value
        ),
        None => "\nThe planet file does not say how soon everything is to work again after a loss.\n".to_owned(),
    }
}

/// What more of it may cost.
fn costs(scene: &Scene<'_>) -> String {
    let price = "`mycel price pipeline/planet.toml` shows what it comes to";
    match &scene.planet.budget.monthly {
        Some(monthly) => format!("\nThe planet may cost {} a month; {price}.\n", monthly.value),
        None => format!("\nThe planet file sets no budget for more of them; {price}.\n"),
    }
}

/// For how long the planet lets keys be used.
fn keys(scene: &Scene<'_>) -> String {
    match &scene.planet.keys {
        Some(keys) => format!(
            "A signing key is to be used for {}, a data key for {}, and the one before is accepted for {} more. Nothing is open\n\
             to others while one is late: whoever has it has had it for longer than the planet wants.\n",
            keys.rotation.value, keys.data_rotation.value, keys.overlap.value
        ),
        None => "The planet file says nothing of keys, so no figure of it is at stake.\n".to_owned(),
    }
}

/// Where one looks first.
fn look(text: &mut String, scene: &Scene<'_>, name: &str, regions: &Regions<'_>) {
    let lines = looks::commands(scene, name);
    let has = |what: &str| lines.iter().any(|line| line.contains(what));
    text.push_str("\n## First look\nIn the folder that was rendered to.");
    if has(".mycel") {
        text.push_str(" `.mycel` is the directory of the planet's keys.");
    }
    if has("kubectl ") {
        text.push_str("\nOf the last lines those are yours that the region was deployed with; no file says which.");
    }
    text.push_str("\n\n");
    let ids: Vec<&str> = regions.iter().map(|(place, _)| place.id()).collect();
    if let Some((id, others)) = ids.split_first() {
        let others = if others.is_empty() { String::new() } else { format!("; {}", others.join(", ")) };
        // Writing to a string does not fail.
        let _ = writeln!(text, "    region={id} # the one that the alert names{others}");
        if has("$url") {
            let _ = writeln!(text, "    url=https://{id}.example # where agents come to it: nobody but you knows");
        }
    }
    for line in &lines {
        let _ = writeln!(text, "    {line}");
    }
    if has("kubectl ") {
        text.push_str(
            "\nOn a machine of Terraform the program's log is that of its container: `docker logs --tail 100 mycel`.\n",
        );
    }
}
