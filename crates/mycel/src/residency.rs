//! `mycel residency`: where records of each class may be, and by which ways the
//! planet's own settings would carry them out.

use crate::Verdict;
use crate::cli::ResidencyArgs;
use crate::failure::Failure;
use crate::files;
use crate::plan::counted;
use crate::screen::table::Table;
use crate::screen::{Screen, paint};
use anstyle::{AnsiColor, Style};
use planet::{Tables, WhenLost};
use policy::atlas::Atlas;
use policy::residency::paths::{Breach, breaches};
use policy::residency::{Compiled, Purpose, Residency};
use serde_json::{Value as Json, json};

pub(crate) fn run(args: &ResidencyArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let planet = files::planet(&args.file, &Tables::builtin(), screen)?;
    let atlas = Atlas::new(&planet)?;
    let residency = Residency::new(&planet, &atlas)?;
    let found = breaches(&planet, &atlas, &residency);
    if screen.is_json() {
        let classes: Vec<_> = residency.iter().skip(1).map(|(_, class)| class_json(class, &atlas)).collect();
        screen.json(&json!({ "version": 1, "classes": classes, "breaches": found }))?;
    } else {
        screen.data(show(&residency, &atlas, &found, screen.colors_data()))?;
    }
    Ok(if found.is_empty() { Verdict::Good } else { Verdict::Bad })
}

fn class_json(class: &Compiled, atlas: &Atlas) -> Json {
    let duties = &class.duties;
    let regions = atlas.iter().map(|(region, place)| {
        json!({
            "region": place.id,
            "store": class.may(Purpose::Store).has(region),
            "process": class.may(Purpose::Process).has(region),
            "cache": class.may(Purpose::Cache).has(region),
            "back_up": class.may(Purpose::BackUp).has(region),
            "lawful": class.ground(region),
        })
    });
    json!({
        "name": class.name,
        "retention_ms": duties.retention.map(|retention| retention.0),
        "consent": duties.consent,
        "opt_out": duties.opt_out,
        "no_sale": duties.no_sale,
        "erasure": duties.erasure,
        "local_processing": duties.local_processing,
        "when_lost": duties.when_lost.word(),
        "regions": regions.collect::<Vec<_>>(),
    })
}

fn show(residency: &Residency, atlas: &Atlas, found: &[Breach], color: bool) -> String {
    if residency.count() == 1 {
        return "the planet has no residency classes: its records may be in every region".to_owned();
    }
    let mut parts = vec![matrix(residency, atlas, color), duties(residency, color)];
    let dimmed = |text: &str| paint(color, Style::new().dimmed(), text);
    parts.push(dimmed(
        "  records without a class may be anywhere; edge nodes stand in no region, so they keep\n  nothing of any class",
    ));
    if found.is_empty() {
        parts.push("no setting of this planet carries a record out of its class's regions".to_owned());
    }
    for breach in found {
        let head = paint(color, AnsiColor::BrightRed.on_default().bold(), format_args!("{}:", breach.path.word()));
        parts.push(format!("{head} {}\n  try: {}", breach.what, breach.hint));
    }
    if !found.is_empty() {
        parts.push(format!("{} out of a class's regions", counted(found.len() as u64, "way")));
    }
    parts.join("\n\n")
}

/// Class by region by purpose.
fn matrix(residency: &Residency, atlas: &Atlas, color: bool) -> String {
    let purposes = Purpose::ALL.map(|purpose| format!("<{}", purpose.word()));
    let mut headings = vec!["<class", "<region"];
    headings.extend(purposes.iter().map(String::as_str));
    headings.push("<why");
    let mut table = Table::new(&headings, color);
    for (_, class) in residency.iter().skip(1) {
        for (region, place) in atlas.iter() {
            let mut row = vec![class.name.clone(), place.id.clone()];
            row.extend(Purpose::ALL.map(|purpose| mark(class.may(purpose).has(region))));
            let listed = class.may(Purpose::Store).has(region);
            row.push(match class.ground(region) {
                "" => "outside its jurisdictions".to_owned(),
                ground if listed => ground.to_owned(),
                ground => format!("{ground}; not listed"),
            });
            table.row(row);
        }
    }
    table.text()
}

/// What each class asks for beside a place.
fn duties(residency: &Residency, color: bool) -> String {
    let headings = [
        "<class",
        "<kept for",
        "<consent",
        "<opt-out",
        "<no sale",
        "<erasure",
        "<local only",
        "<when its region is lost",
    ];
    let mut table = Table::new(&headings, color);
    for (_, class) in residency.iter().skip(1) {
        let duties = &class.duties;
        table.row([
            class.name.clone(),
            duties.retention.map_or_else(|| "ever".to_owned(), |retention| retention.to_string()),
            mark(duties.consent),
            mark(duties.opt_out),
            mark(duties.no_sale),
            mark(duties.erasure),
            mark(duties.local_processing),
            match duties.when_lost {
                WhenLost::Move => "moves to a region above".to_owned(),
                WhenLost::Refuse => "waits, and is refused".to_owned(),
            },
        ]);
    }
    table.text()
}

fn mark(is_so: bool) -> String {
    if is_so { "yes" } else { "–" }.to_owned()
}
