//! `mycel render`: a planet as files that other programs deploy, or what those
//! on the disk differ in.

use crate::Verdict;
use crate::cli::RenderArgs;
use crate::failure::Failure;
use crate::files;
use crate::plan::counted;
use crate::screen::Screen;
use crate::screen::finding::{Source, point};
use planet::Tables;
use planet::plan::Plan;
use render::write::{self, Rendered, WriteError};
use render::{Scene, Target, Tree, targets};
use serde_json::json;

/// The program's version, which is also that of its image.
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) fn run(args: &RenderArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let tables = Tables::builtin();
    let (planet, text) = files::planet_and_text(&args.file, &tables, screen)?;
    let plan = Plan::new(&planet, &tables)?;
    let image = args.image.clone().unwrap_or_else(|| format!("mycel:{VERSION}"));
    let mut scene = Scene::new((&planet, &text), &plan, (&image, VERSION))?;
    scene.office = args.office.as_deref();
    let regions: Vec<&str> = args.region.iter().map(String::as_str).collect();
    let tree = render::render(&scene, &chosen(&args.target)?, &regions).map_err(|why| {
        if let Some(span) = why.at {
            let name = files::name(&args.file);
            screen.say(format_args!(
                "{}\n",
                point(&why.what, span, &Source::new(&name, text.as_bytes()), screen.colors_notes())
            ));
        }
        Failure::told(why.what, why.hint)
    })?;
    let targets: Vec<&str> = args.target.iter().map(String::as_str).collect();
    let rendered = Rendered {
        planet: planet.planet.name.as_str(),
        digest: files::digest(text.as_bytes()),
        program: VERSION,
        tree: &tree,
        targets: (!targets.is_empty()).then_some(&targets),
        regions: &regions,
    };
    if args.check { check(args, &rendered, screen) } else { put(args, &rendered, screen) }
}

/// The targets with these names, each once; all of them without one.
fn chosen(names: &[String]) -> Result<Vec<&'static Target>, Failure> {
    if let Some(unknown) = names.iter().find(|name| !targets::ALL.iter().any(|target| target.name == name.as_str())) {
        let all: Vec<_> = targets::ALL.iter().map(|target| format!("{} ({})", target.name, target.help)).collect();
        let what = format!("there is no target `{}`", unknown.escape_debug());
        return Err(Failure::told(what, format!("name {}", all.join(", "))));
    }
    let wanted = |target: &&&Target| names.is_empty() || names.iter().any(|name| name == target.name);
    Ok(targets::ALL.iter().filter(wanted).copied().collect())
}

impl From<WriteError> for Failure {
    fn from(why: WriteError) -> Self {
        Self::told(why.to_string(), why.hint())
    }
}

fn check(args: &RenderArgs, rendered: &Rendered<'_>, screen: &Screen) -> Result<Verdict, Failure> {
    let differs = write::compare(&args.out, rendered)?;
    if screen.is_json() {
        let differs: Vec<_> = differs.iter().map(|(path, how)| json!({ "path": path, "how": how.word() })).collect();
        screen.json(&json!({ "version": 1, "out": args.out, "differs": differs, "notes": rendered.tree.notes() }))?;
    } else {
        for (path, how) in &differs {
            screen.data(format_args!("{:10} {path}", how.word()))?;
        }
        let files = counted(rendered.tree.files().len() as u64, "file");
        screen.say(match differs.len() {
            0 => format!("{}: {files}, as they are rendered", args.out.display()),
            many => format!("{}: {} differ from what is rendered", args.out.display(), counted(many as u64, "file")),
        });
    }
    Ok(if differs.is_empty() { Verdict::Good } else { Verdict::Bad })
}

fn put(args: &RenderArgs, rendered: &Rendered<'_>, screen: &Screen) -> Result<Verdict, Failure> {
    let done = write::write(&args.out, rendered, args.force)?;
    if screen.is_json() {
        screen.json(&json!({
            "version": 1, "out": args.out, "written": done.written, "removed": done.removed, "same": done.same,
            "notes": rendered.tree.notes(),
        }))?;
        return Ok(Verdict::Good);
    }
    say_notes(rendered.tree, screen);
    screen.data(format_args!(
        "{}: {} written, {} removed, {} as they were",
        args.out.display(),
        counted(done.written.len() as u64, "file"),
        done.removed.len(),
        done.same
    ))?;
    Ok(Verdict::Good)
}

/// What the planet asks for and the files do not give.
fn say_notes(tree: &Tree, screen: &Screen) {
    for note in tree.notes() {
        screen.say(format_args!("note: {note}"));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::cli::{Cli, Command};
    use clap::{CommandFactory as _, Parser as _};
    use planet::Tables;
    use planet::plan::Plan;
    use render::{Scene, targets};
    use serde_json::Value;
    use std::path::Path;

    /// Every list of words that a rendered file has the program begin with.
    fn command_lines(value: &Value, found: &mut Vec<Vec<String>>) {
        let words = |key: &str| {
            let words = value[key].as_array()?;
            words.iter().map(|word| word.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        };
        let program = Some(vec!["mycel".to_owned()]);
        if words("entrypoint") == program {
            found.extend(words("command"));
        } else if words("command") == program {
            found.extend(words("args"));
        }
        match value {
            Value::Object(fields) => fields.values().for_each(|field| command_lines(field, found)),
            Value::Array(parts) => parts.iter().for_each(|part| command_lines(part, found)),
            _ => {}
        }
    }

    #[test]
    fn the_help_names_every_target() {
        let mut program = Cli::command();
        let help = program.find_subcommand_mut("render").unwrap().render_help().to_string();
        // A terminal's width divides it anywhere.
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let names = targets::ALL.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
        assert!(help.contains(&format!("{names};")), "{help}");
    }

    #[test]
    fn every_command_line_that_is_rendered_is_one_of_this_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../planets");
        for name in ["garden", "carma", "mesh", "erlmcp", "watch", "bitcraps"] {
            let text = std::fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
            let planet = planet::parse(text.as_bytes()).0.unwrap();
            let plan = Plan::new(&planet, &Tables::builtin()).unwrap();
            let mut lines = Vec::new();
            for office in [None, Some("office.example:7116")] {
                let mut scene = Scene::new((&planet, &text), &plan, ("mycel:0.1.0", super::VERSION)).unwrap();
                scene.office = office;
                let tree = render::render(&scene, targets::ALL, &[]).unwrap();
                for file in tree.files().iter().filter(|file| file.path.ends_with(".yaml")) {
                    // The ordinal of a pod, as Kubernetes puts it there.
                    let text = std::str::from_utf8(&file.bytes).unwrap().replace("$(POD_INDEX)", "0");
                    for document in text.split("\n---\n") {
                        command_lines(&serde_saphyr::from_str(document).unwrap(), &mut lines);
                    }
                }
                // What a machine of Terraform runs, in the script that it starts with.
                for file in tree.files().iter().filter(|file| file.path.ends_with("/machines.tf")) {
                    let text = std::str::from_utf8(&file.bytes).unwrap();
                    let line = text.lines().find(|line| line.trim_start().starts_with("up /etc/mycel/")).unwrap();
                    lines.push(line.split_whitespace().map(str::to_owned).collect());
                }
            }
            // A host in each of two targets, the blocks that are shown, and the whole planet.
            assert!(lines.len() > planet.region.len() * 4, "{name}: {lines:?}");
            for line in lines {
                let parsed = Cli::try_parse_from(std::iter::once("mycel".to_owned()).chain(line.clone()));
                let parsed = parsed.unwrap_or_else(|why| panic!("{name}: {line:?}: {why}"));
                assert!(matches!(parsed.command, Command::Up(_) | Command::Attach(_)), "{line:?}");
            }
        }
    }

    /// What a person is told to type at night is taken, too.
    #[test]
    fn every_command_that_a_runbook_names_is_one_of_this_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../planets");
        for name in ["garden", "carma", "mesh", "erlmcp", "watch", "bitcraps"] {
            let text = std::fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
            let planet = planet::parse(text.as_bytes()).0.unwrap();
            let plan = Plan::new(&planet, &Tables::builtin()).unwrap();
            let mut scene = Scene::new((&planet, &text), &plan, ("mycel:0.1.0", super::VERSION)).unwrap();
            scene.office = Some("office.example:7116");
            let tree = render::render(&scene, targets::ALL, &[]).unwrap();
            let mut many = 0;
            for file in tree.files().iter().filter(|file| file.path.starts_with("pipeline/runbooks/")) {
                let text = std::str::from_utf8(&file.bytes).unwrap();
                // Lines that are typed, and what stands in a sentence as code.
                let typed = text.lines().filter_map(|line| line.strip_prefix("    "));
                let said = text
                    .lines()
                    .filter(|line| !line.starts_with("    "))
                    .flat_map(|line| line.split('`').skip(1).step_by(2));
                for line in typed.chain(said).filter(|line| line.starts_with("mycel ")) {
                    let words = line.replace('"', "").replace("$url", "https://eu.example").replace("$region", "eu");
                    let parsed = Cli::try_parse_from(words.split_whitespace());
                    parsed.unwrap_or_else(|why| panic!("{}: {line}: {why}", file.path));
                    many += 1;
                }
            }
            assert!(many > 20, "{name}: {many}");
        }
    }
}
