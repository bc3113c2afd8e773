//! `mycel prove`: rendered files, read back and held against the planet.

use crate::Verdict;
use crate::cli::ProveArgs;
use crate::failure::Failure;
use crate::files;
use crate::plan::counted;
use crate::screen::Screen;
use crate::screen::table::Table;
use planet::plan::Plan;
use planet::{Planet, Tables};
use prove::{At, Files, Matrix, Report, Walk};
use render::{Scene, Target, targets};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The most files that are read, and the bytes of them all. CARMA is some hundred.
const MOST_FILES: usize = 10_000;
const MOST_BYTES: u64 = 256 << 20;
/// How deep folders may lie in each other; rendered ones are three.
const MOST_LEVELS: usize = 8;
/// Failures of one kind and line that are shown to people; the rest is counted.
const MOST_ALIKE: usize = 8;

pub(crate) fn run(args: &ProveArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let tables = Tables::builtin();
    let (planet, text) = files::planet_and_text(&args.file, &tables, screen)?;
    let (judged, others) = parted(&args.target)?;
    let (files, left_out) = match &args.rendered {
        Some(folder) => of_targets(read(folder)?, args, &others),
        None => (rendered((&planet, &text, &tables), &judged)?, not_judged(&others)),
    };
    if let Some([from, to]) = args.why.as_deref() {
        return why((&planet, &text, &files), from, to, screen);
    }
    let mut report = prove::prove(&planet, &text, &files);
    report.notes.splice(0..0, left_out);
    if screen.is_json() {
        screen.json(&as_json(&report))?;
    } else {
        show(&report, screen)?;
    }
    Ok(if report.is_proved() { Verdict::Good } else { Verdict::Bad })
}

/// The targets that are judged, and those that are not.
fn parted(named: &[String]) -> Result<(Vec<&'static Target>, Vec<&'static Target>), Failure> {
    if let Some(other) = named.iter().find(|name| !prove::TARGETS.contains(&name.as_str())) {
        let what = format!("`{}` is no target that is judged", other.escape_debug());
        return Err(Failure::told(what, format!("name some of {}", prove::TARGETS.join(", "))));
    }
    let is_wanted = |name: &str| named.is_empty() || named.iter().any(|wanted| wanted == name);
    let is_judged = |target: &&Target| prove::TARGETS.contains(&target.name) && is_wanted(target.name);
    Ok(targets::ALL.iter().copied().partition(is_judged))
}

/// The files of a folder: all of them, unless somebody says which are judged. And
/// what is to be told of those that nothing here reads.
fn of_targets(mut files: Files, args: &ProveArgs, others: &[&Target]) -> (Files, Vec<String>) {
    let mut told = Vec::new();
    for other in others {
        let is_its = |path: &str| path.split_once('/').is_some_and(|(folder, _)| folder == other.name);
        let many = files.keys().filter(|path| is_its(path)).count() as u64;
        if many > 0 && !args.target.is_empty() {
            files.retain(|path, _| !is_its(path));
            told.push(format!("{} of {} are not judged", counted(many, "file"), other.name));
        } else if many > 0 {
            let read = prove::TARGETS.join(",");
            told.push(format!("nothing here reads files of {}: --target {read} leaves them out", other.name));
        }
    }
    (files, told)
}

fn not_judged(others: &[&Target]) -> Vec<String> {
    let why = |name| if prove::TARGETS.contains(&name) { "" } else { ": nothing here reads its files yet" };
    others.iter().map(|other| format!("{} is not judged{}", other.name, why(other.name))).collect()
}

/// What would be written.
fn rendered((planet, text, tables): (&Planet, &str, &Tables), judged: &[&'static Target]) -> Result<Files, Failure> {
    let plan = Plan::new(planet, tables)?;
    let version = env!("CARGO_PKG_VERSION");
    let image = format!("mycel:{version}");
    let scene = Scene::new((planet, text), &plan, (&image, version))?;
    let tree = render::render(&scene, judged, &[]).map_err(|why| Failure::told(why.what, why.hint))?;
    Ok(tree.files().iter().map(|file| (file.path.clone(), file.bytes.clone())).collect())
}

/// Every file below a folder, and never what a link leads to.
fn read(folder: &Path) -> Result<Files, Failure> {
    let (mut found, mut left) = (Files::new(), MOST_BYTES);
    let mut folders = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((here, below, level)) = folders.pop() {
        let entries = std::fs::read_dir(&here).map_err(|error| Failure::file("read", &here, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Failure::file("read", &here, &error))?;
            let path = entry.path();
            let named = entry.file_name().into_string();
            let name = named.map_err(|_| refused(&path, "its name is not UTF-8"))?;
            let kind = entry.file_type().map_err(|error| Failure::file("read", &path, &error))?;
            let inside = format!("{below}{name}");
            if kind.is_dir() && level < MOST_LEVELS {
                folders.push((path, format!("{inside}/"), level + 1));
            } else if kind.is_file() && found.len() < MOST_FILES {
                let bytes = whole(&path, left).map_err(|error| Failure::file("read", &path, &error))?;
                left = left.saturating_sub(bytes.len() as u64);
                if left == 0 {
                    return Err(refused(&path, &format!("more than {MOST_BYTES} bytes are in the folder")));
                }
                found.insert(inside, bytes);
            } else {
                let most =
                    format!("it is a link, or one of more than {MOST_FILES} files, or {MOST_LEVELS} folders deep");
                return Err(refused(&path, &most));
            }
        }
    }
    Ok(found)
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::told(
        format!("{} is not judged: {why}", path.display()),
        "name a folder with rendered files, and nothing else in it",
    )
}

fn whole(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn show(report: &Report, screen: &Screen) -> Result<(), Failure> {
    for (scopes, matrix) in alike(&report.matrices) {
        screen.data(format_args!("{}\n{}\n", scopes.join(", "), table(matrix, screen)))?;
    }
    let mut told = BTreeMap::<(&At, &str), usize>::new();
    for failure in &report.failures {
        let many = told.entry((&failure.at, failure.kind.word())).or_default();
        *many += 1;
        if *many > MOST_ALIKE {
            continue;
        }
        let path = failure.path.as_ref().map_or_else(String::new, |path| format!("{path}: "));
        screen.data(format_args!(
            "{}: {}: {}: {path}{}",
            failure.at,
            failure.kind.word(),
            failure.layer.word(),
            failure.what
        ))?;
        for at in &failure.also {
            screen.data(format_args!("  and {at}"))?;
        }
    }
    for ((at, kind), many) in told.iter().filter(|(_, many)| **many > MOST_ALIKE) {
        let more = many - MOST_ALIKE;
        screen.data(format_args!("{at}: {kind}: {more} more, by the same line; --json has them all"))?;
    }
    for note in &report.notes {
        screen.say(format_args!("note: {note}"));
    }
    let (files, many) = (counted(report.files as u64, "file"), report.failures.len() as u64);
    screen.say(match many {
        0 => format!("{files}: every flow of the planet works, and every other is denied"),
        many => format!("{files}: {}", counted(many, "failure")),
    });
    Ok(())
}

/// Matrices that say the same, once.
fn alike(matrices: &[Matrix]) -> Vec<(Vec<&str>, &Matrix)> {
    let mut groups: Vec<(Vec<&str>, &Matrix)> = Vec::new();
    for matrix in matrices {
        let same =
            |(_, other): &&mut (Vec<&str>, &Matrix)| other.columns == matrix.columns && other.rows == matrix.rows;
        match groups.iter_mut().find(same) {
            Some((scopes, _)) => scopes.push(&matrix.scope),
            None => groups.push((vec![&matrix.scope], matrix)),
        }
    }
    groups
}

/// From the rows to the columns. `-` is denied, `·` is not these files' business,
/// `!` is not as the planet wants it.
fn table(matrix: &Matrix, screen: &Screen) -> String {
    let headings: Vec<String> =
        std::iter::once("<from \\ to".to_owned()).chain(matrix.columns.iter().map(|name| format!("<{name}"))).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut table = Table::new(&headings, screen.colors_data());
    for (name, cells) in &matrix.rows {
        let cells = cells.iter().map(|cell| match (cell.judged, cell.good, cell.ports.as_str()) {
            (false, ..) => "·".to_owned(),
            (_, good, ports) => {
                format!("{}{}", if good { "" } else { "!" }, if ports.is_empty() { "-" } else { ports })
            }
        });
        table.row(std::iter::once(name.clone()).chain(cells));
    }
    table.text()
}

fn place(at: &At) -> Value {
    json!({ "file": &*at.file, "line": at.line })
}

fn as_json(report: &Report) -> Value {
    let matrices =
        report.matrices.iter().map(|matrix| {
            let rows =
                matrix.rows.iter().flat_map(|(from, cells)| {
                    matrix.columns.iter().zip(cells).filter(|(_, cell)| cell.judged).map(
                        move |(to, cell)| json!({ "from": from, "to": to, "ports": cell.ports, "good": cell.good }),
                    )
                });
            json!({ "scope": matrix.scope, "places": matrix.columns, "pairs": rows.collect::<Vec<_>>() })
        });
    let failures = report.failures.iter().map(|failure| {
        json!({
            "kind": failure.kind.word(),
            "layer": failure.layer.word(),
            "at": place(&failure.at),
            "also": failure.also.iter().map(place).collect::<Vec<_>>(),
            "path": failure.path.as_ref().map(|path| json!({ "from": path.from, "to": path.to, "ports": path.ports })),
            "what": failure.what,
        })
    });
    json!({
        "version": 1,
        "proved": report.is_proved(),
        "files": report.files,
        "matrices": matrices.collect::<Vec<_>>(),
        "failures": failures.collect::<Vec<_>>(),
        "notes": report.notes,
    })
}

fn why(
    (planet, text, files): (&Planet, &str, &Files),
    from: &str,
    to: &str,
    screen: &Screen,
) -> Result<Verdict, Failure> {
    let (to, port) = match to.rsplit_once(':') {
        // Names of places have a `:` of their own.
        Some((place, port)) if is_number(port.split('/').next().unwrap_or_default()) => {
            let what = || {
                Failure::told(
                    format!("`{}` is no port", port.escape_debug()),
                    "a port is a number of TCP, as in database:5432",
                )
            };
            (place, Some(port.parse::<u16>().map_err(|_| what())?))
        }
        _ => (to, None),
    };
    let walks = prove::why(planet, text, files, from, to, port);
    if walks.is_empty() {
        let what = format!("no deployment has both `{}` and `{}`", from.escape_debug(), to.escape_debug());
        return Err(Failure::told(
            what,
            "name places as the matrix of `mycel prove` does, and a port as in database:5432",
        ));
    }
    if screen.is_json() {
        let walks: Vec<Value> = walks.iter().map(walk_json).collect();
        screen.json(&json!({ "version": 1, "walks": walks }))?;
    } else {
        for walk in &walks {
            show_walk(walk, screen)?;
        }
    }
    Ok(if walks.iter().all(|walk| walk.works() == walk.wanted) { Verdict::Good } else { Verdict::Bad })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn show_walk(walk: &Walk, screen: &Screen) -> Result<(), Failure> {
    let word = |yes: bool, good: &'static str, bad: &'static str| if yes { good } else { bad };
    screen.data(format_args!(
        "{}: {}: {}, and the planet {} it",
        walk.scope,
        walk.path,
        word(walk.works(), "works", "is stopped"),
        word(walk.wanted, "wants", "does not want"),
    ))?;
    for step in &walk.steps {
        screen.data(format_args!("  {:4} {}: {}", word(step.passes, "pass", "stop"), step.layer.word(), step.what))?;
        for at in &step.at {
            screen.data(format_args!("       {at}"))?;
        }
    }
    Ok(())
}

fn walk_json(walk: &Walk) -> Value {
    let steps = walk.steps.iter().map(|step| {
        json!({
            "layer": step.layer.word(), "passes": step.passes, "what": step.what,
            "at": step.at.iter().map(place).collect::<Vec<_>>(),
        })
    });
    json!({
        "scope": walk.scope, "from": walk.path.from, "to": walk.path.to, "ports": walk.path.ports,
        "works": walk.works(), "wanted": walk.wanted, "steps": steps.collect::<Vec<_>>(),
    })
}
