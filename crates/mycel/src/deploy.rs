//! `mycel deploy --plan`: the commands by which what was rendered reaches the
//! regions, in the order of the planet's rollout, each with what has to hold
//! before the next and with the one that takes it back.
//!
//! It must never show commands for files that are of another planet file.

mod compose;
mod kubernetes;
mod terraform;

use crate::Verdict;
use crate::cli::{DeployArgs, Onto};
use crate::failure::Failure;
use crate::files;
use crate::screen::Screen;
use planet::{Planet, Strategy, Tables};
use policy::rollout::{Gate, Part, order, parts};
use render::write::{Manifest, NAME};
use serde_json::{Value, json};
use std::path::Path;

/// A part of a region as commands.
struct Act {
    what: String,
    run: Vec<String>,
    /// Nothing where nobody has said what runs now.
    back: Vec<String>,
    /// Whether it is watched before the next.
    watched: bool,
}

/// A region as what is deployed with sees it.
struct Ground<'a> {
    planet: &'a Planet,
    region: &'a planet::Region,
    out: String,
    before: Option<String>,
    has_gateways: bool,
}

/// What was written to the folder, when it is this planet's.
fn manifest(args: &DeployArgs, text: &str) -> Result<Manifest, Failure> {
    let file = args.out.join(NAME);
    let render = format!("mycel render {} --out {}", args.file.display(), args.out.display());
    let bytes = std::fs::read(&file).map_err(|error| {
        Failure::told(format!("cannot read {}: {error}", file.display()), format!("`{render}` writes it"))
    })?;
    let manifest = Manifest::parse(&bytes)
        .map_err(|why| Failure::told(format!("{}: {why}", file.display()), format!("`{render}` writes it anew")))?;
    if !manifest.is_of(&files::digest(text.as_bytes())) {
        let what = format!("{} was rendered from another planet file than {}", args.out.display(), args.file.display());
        return Err(Failure::told(what, format!("`{render}` brings it up to date, and --check says what differs")));
    }
    Ok(manifest)
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

pub(crate) fn run(args: &DeployArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let (planet, text) = files::planet_and_text(&args.file, &Tables::builtin(), screen)?;
    let manifest = manifest(args, &text)?;
    let (mut regions, mut notes) = (Vec::new(), Vec::new());
    for (_, region) in order(&planet) {
        let below = format!("{}/{}/", args.target.word(), region.id.as_str());
        if !manifest.files.keys().any(|path| path.starts_with(&below)) {
            notes.push(format!("{}: nothing is rendered for it with {}", region.id.as_str(), args.target.word()));
            continue;
        }
        let has_gateways = manifest.files.contains_key(&format!("{below}5-gateway.yaml"));
        let ground = Ground {
            planet: &planet,
            region,
            out: quoted(&args.out.join(&below)),
            before: args.before.as_ref().map(|before| quoted(&before.join(&below))),
            has_gateways,
        };
        let acts: Vec<Act> = ground.parts().into_iter().flat_map(|part| ground.acts(args.target, part)).collect();
        regions.push((region.id.as_str(), acts));
    }
    if args.target == Onto::Terraform {
        let ids: Vec<&str> = regions.iter().map(|(id, _)| *id).collect();
        regions.extend(terraform::of_none(&manifest, (&args.out, args.before.as_deref()), &ids)?);
    }
    notes.extend(said_otherwise(&planet, args));
    if screen.is_json() {
        screen.json(&as_json(&planet, args, &regions, &notes))?;
    } else {
        show(&planet, args, (&regions, &notes), screen)?;
    }
    Ok(Verdict::Good)
}

/// What the planet asks for and the plan does otherwise.
fn said_otherwise(planet: &Planet, args: &DeployArgs) -> Vec<String> {
    let mut notes =
        vec!["a region's host is one process: whoever sits there waits for as long as it takes to start".to_owned()];
    let strategy = planet.rollout.as_ref().map_or(Strategy::BlueGreen, |rollout| rollout.strategy.value);
    if args.target == Onto::Kubernetes && strategy == Strategy::BlueGreen {
        notes.push(
            "blue-green is not rendered: gateways are replaced one by one, and the old ones serve meanwhile".to_owned(),
        );
    }
    if args.target == Onto::Terraform {
        notes.extend(terraform::notes(args.before.is_some()));
    }
    if args.target != Onto::Kubernetes && args.before.is_none() {
        notes.push("nobody says what runs now (--before DIR), so no command takes a step back".to_owned());
    }
    if planet.rollout.as_ref().is_some_and(|rollout| !rollout.rollback.value) {
        notes.push("the planet wants nothing put back: where a gate does not hold, stop".to_owned());
    }
    notes
}

impl Ground<'_> {
    /// The parts that can be told apart here.
    fn parts(&self) -> Vec<Part> {
        if !self.has_gateways {
            return vec![Part::Host];
        }
        let asked = self.planet.rollout.as_ref().map(|rollout| rollout.strategy.value);
        // Neither has objects of its own yet: pods follow each other.
        let strategy = if asked == Some(Strategy::Canary) { Strategy::Canary } else { Strategy::Rolling };
        let is_here = |part: &Part| !matches!(part, Part::Beside | Part::Old);
        parts(strategy, self.region).into_iter().filter(is_here).collect()
    }

    fn acts(&self, onto: Onto, part: Part) -> Vec<Act> {
        match onto {
            Onto::Compose => compose::acts(self),
            Onto::Kubernetes => kubernetes::acts(self, part),
            Onto::Terraform => terraform::acts(&self.out, self.before.as_deref()),
        }
    }
}

/// What has to hold for a while, in words.
fn gate(gate: &Gate) -> String {
    format!(
        "watch {}: errors take at most {} of the budget's speed over that, and never {} over five minutes; without \
         requests nothing is known, and after {} that is bad, too",
        gate.watch,
        times(gate.calm.0),
        times(gate.page.0),
        gate.patience
    )
}

/// Thousandths as a factor.
fn times(thousandths: u64) -> String {
    match thousandths % 1_000 {
        0 => format!("{}x", thousandths / 1_000),
        rest => format!("{}.{}x", thousandths / 1_000, rest / 100),
    }
}

fn as_json(planet: &Planet, args: &DeployArgs, regions: &[(&str, Vec<Act>)], notes: &[String]) -> Value {
    let rules = Gate::default();
    let step = |act: &Act| json!({ "what": act.what, "run": act.run, "back": act.back, "watched": act.watched });
    let regions: Vec<Value> = regions
        .iter()
        .map(|(region, acts)| json!({ "region": region, "steps": acts.iter().map(step).collect::<Vec<_>>() }))
        .collect();
    json!({
        "version": 1, "planet": planet.planet.name.as_str(), "target": args.target.word(), "regions": regions,
        "gate": {
            "watch_ms": rules.watch.0, "calm_thousandths": rules.calm.0, "page_thousandths": rules.page.0,
            "patience_ms": rules.patience.0,
        },
        "notes": notes,
    })
}

fn show(
    planet: &Planet,
    args: &DeployArgs,
    (regions, notes): (&[(&str, Vec<Act>)], &[String]),
    screen: &Screen,
) -> Result<(), Failure> {
    let (name, onto) = (planet.planet.name.as_str(), args.target.word());
    screen.data(format_args!("# {name} onto {onto}: a region at a time; nothing was carried out"))?;
    screen.data(format_args!("# after each step marked *: {}", gate(&Gate::default())))?;
    for note in notes {
        screen.data(format_args!("# note: {note}"))?;
    }
    let mut number = 0;
    for (region, acts) in regions {
        for act in acts {
            number += 1;
            let star = if act.watched { " *" } else { "" };
            screen.data(format_args!("\n# {number}. {region}: {}{star}", act.what))?;
            for line in &act.run {
                screen.data(line)?;
            }
            for line in &act.back {
                screen.data(format_args!("#    back: {line}"))?;
            }
        }
    }
    Ok(())
}
