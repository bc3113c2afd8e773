//! `mycel trust status`: every key and certificate of a planet's directory, and
//! whether any is late, ended, taken back or open to others.

use super::inventory::{self, Ages, Item};
use crate::Verdict;
use crate::cli::{StatusArgs, TableArgs};
use crate::failure::Failure;
use crate::files;
use crate::screen::Screen;
use crate::screen::paint;
use crate::screen::table::Table;
use crate::word;
use anstyle::{AnsiColor, Style};
use custody::recovery::{is_late, last_drill};
use custody::revocation::{Revocations, Revoked};
use planet::{Keys, Planet};
use serde_json::{Value, json};
use std::path::Path;
use trust::Moment;
use vocab::Millis;

/// What `mycel up --regions` last ran with.
const ACCEPTED: &str = "regions.toml";

/// The planet file: the one that was named, or that it last ran with where that
/// is kept. A planet of one process keeps none.
pub(super) fn file(data: &Path, named: Option<&Path>, screen: &Screen) -> Result<Option<Planet>, Failure> {
    let accepted = data.join(ACCEPTED);
    let file = named.map(Path::to_owned).or_else(|| accepted.exists().then_some(accepted));
    let Some(file) = file else { return Ok(None) };
    let tables = files::tables(&TableArgs { calibration: None, prices: None }, screen)?;
    files::planet(&file, &tables, screen).map(Some)
}

/// What the planet file says of its keys, where there is one.
pub(super) fn asked(data: &Path, screen: &Screen) -> Result<Option<Keys>, Failure> {
    Ok(file(data, None, screen)?.and_then(|planet| planet.keys))
}

/// The last rehearsed recovery, and how that is to what the planet allows.
struct Rehearsed {
    ago: Option<Millis>,
    late: Late,
}

/// Whether a recovery is to be rehearsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Late {
    Yes,
    No,
    /// There is no planet file that says how often.
    NotKnown,
}

impl Rehearsed {
    fn of(data: &Path, planet: Option<&Planet>, now: Moment) -> Self {
        let last = last_drill(&data.join("keys"));
        let every = |planet: &Planet| Some(planet.keys.as_ref()?.recovery_drill.as_ref()?.value);
        let late = match planet {
            None => Late::NotKnown,
            Some(planet) if is_late(last.as_ref(), every(planet), now.0) => Late::Yes,
            Some(_) => Late::No,
        };
        Self { ago: last.map(|drill| now.since(Moment(drill.at))), late }
    }

    fn show(&self, screen: &Screen) -> Result<(), Failure> {
        let ago = self.ago.map_or_else(|| "never".to_owned(), |ago| format!("{} ago", about(ago)));
        let line = format!("  recovery rehearsed {ago}");
        let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
        screen.data(match self.late {
            Late::Yes => paint(screen.colors_data(), red, format!("{line}: LATE")),
            Late::No => line,
            Late::NotKnown => format!("{line}; how often it has to be is not known without the planet file"),
        })
    }
}

/// In whole units that say enough.
fn about(time: Millis) -> String {
    let unit = [86_400_000, 3_600_000, 60_000, 1_000].into_iter().find(|unit| time.0 >= 2 * unit).unwrap_or(1_000);
    Millis(time.0 / unit * unit).to_string()
}

fn until(item: &Item, now: Moment) -> String {
    match item.until {
        None => "-".to_owned(),
        Some(until) if until >= now => format!("in {}", about(until.since(now))),
        Some(until) => format!("{} ago", about(now.since(until))),
    }
}

pub(super) fn run(args: &StatusArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let (data, now) = (&args.home.data, Moment(word::now()));
    let planet = file(data, args.file.as_deref(), screen)?;
    let items = inventory::read(data, Ages::of(planet.as_ref().and_then(|planet| planet.keys.as_ref())), now)?;
    let rehearsed = Rehearsed::of(data, planet.as_ref(), now);
    // One that cannot be read is among the items.
    let revoked = inventory::list(&data.join("keys")).ok().flatten();
    let revoked = revoked.as_ref().map_or(&[][..], Revocations::entries);
    let bad = items.iter().filter(|item| !item.state.is_good()).count();
    let good = bad == 0 && rehearsed.late != Late::Yes;
    if screen.is_json() {
        show_json(data, (&items, revoked, &rehearsed), good, screen)?;
    } else {
        show(&items, now, screen)?;
        for entry in revoked {
            let ago = about(now.since(entry.at));
            screen.data(format_args!("  revoked {} {ago} ago: {}", entry.what, entry.reason))?;
        }
        rehearsed.show(screen)?;
        match (bad, rehearsed.late) {
            (0, Late::Yes) => screen.say("recovery is to be rehearsed: `mycel trust drill`, docs/guides/recovery.md"),
            (0, Late::No) => screen.say("all are as they should be"),
            (0, Late::NotKnown) => {
                screen
                    .say("all that can be seen here are as they should be; `mycel trust status FILE`, with the planet");
                screen.say("file, holds them against its [keys] as well");
            }
            (bad, _) => {
                screen.say(format_args!("{bad} of {} need something: docs/guides/keys.md says what", items.len()));
            }
        }
    }
    Ok(if good { Verdict::Good } else { Verdict::Bad })
}

fn show(items: &[Item], now: Moment, screen: &Screen) -> Result<(), Failure> {
    let mut table =
        Table::new(&["<what", "<file", "<kept", "mode", "age", "due or ends", "<state"], screen.colors_data());
    for item in items {
        let none = || "-".to_owned();
        let age = if item.is_there() { about(item.age) } else { none() };
        let mode = if item.is_there() { format!("{:03o}", item.mode) } else { none() };
        let due = until(item, now);
        table.row([item.what.to_owned(), item.file.clone(), item.kept(), mode, age, due, item.state.word()]);
    }
    screen.data(table.text())
}

fn show_json(
    data: &Path,
    (items, revoked, rehearsed): (&[Item], &[Revoked], &Rehearsed),
    good: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let shown: Vec<Value> = items
        .iter()
        .map(|item| {
            json!({
                "what": item.what, "for": item.purpose, "file": item.file, "names": item.names,
                "kept": item.kept(), "token": item.token, "mode": item.is_there().then(|| format!("{:03o}", item.mode)),
                "age_ms": item.is_there().then_some(item.age.0),
                "until": item.until.map(|until| until.0), "state": item.state.word(), "good": item.state.is_good(),
            })
        })
        .collect();
    let revoked: Vec<Value> = revoked
        .iter()
        .map(|entry| json!({ "what": entry.what.to_string(), "at": entry.at.0, "reason": entry.reason }))
        .collect();
    let planet = inventory::planet(data).map(|planet| planet.to_string());
    let late = match rehearsed.late {
        Late::NotKnown => None,
        late => Some(late == Late::Yes),
    };
    screen.json(&json!({
        "version": 1, "planet": planet, "keys": shown, "revoked": revoked,
        "rehearsed_ms_ago": rehearsed.ago.map(|ago| ago.0), "rehearsal_late": late, "good": good,
    }))
}
