//! `mycel trust status`: every key and certificate of a planet's directory, and
//! whether any is late, ended, taken back or open to others.

use super::inventory::{self, Ages, Item, State};
use crate::Verdict;
use crate::cli::{StatusArgs, TableArgs};
use crate::failure::Failure;
use crate::files;
use crate::screen::Screen;
use crate::screen::paint;
use crate::screen::table::Table;
use crate::word;
use anstyle::{AnsiColor, Style};
use custody::authority::REVOKED;
use custody::recovery::{is_late, last_drill};
use custody::revocation::Revocations;
use planet::Keys;
use serde_json::{Value, json};
use std::path::Path;
use trust::Moment;
use vocab::Millis;

/// What `mycel up --regions` last ran with.
const ACCEPTED: &str = "regions.toml";

/// What the planet file says of its keys, where there is one.
pub(super) fn asked(data: &Path, file: Option<&Path>, screen: &Screen) -> Result<Option<Keys>, Failure> {
    let accepted = data.join(ACCEPTED);
    let file = file.map(Path::to_owned).or_else(|| accepted.exists().then_some(accepted));
    let Some(file) = file else { return Ok(None) };
    let tables = files::tables(&TableArgs { calibration: None, prices: None }, screen)?;
    Ok(files::planet(&file, &tables, screen)?.keys)
}

/// The last rehearsed recovery, and whether that is longer ago than the planet
/// allows.
fn rehearsed(data: &Path, every: Option<Millis>, now: Moment) -> (Option<Millis>, bool) {
    let last = last_drill(&data.join("keys"));
    (last.as_ref().map(|drill| now.since(Moment(drill.at))), is_late(last.as_ref(), every, now.0))
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

fn list(data: &Path) -> Result<Option<Revocations>, Failure> {
    let file = data.join("keys").join(REVOKED);
    match std::fs::read_to_string(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::file("read", &file, &error)),
        Ok(text) => Revocations::read(&text).map(Some).map_err(|why| {
            Failure::told(
                format!("{}: {why}", file.display()),
                "restore it from where it was brought, or from a backup",
            )
        }),
    }
}

pub(super) fn run(args: &StatusArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let (data, now) = (&args.home.data, Moment(word::now()));
    let asked = asked(data, args.file.as_deref(), screen)?;
    let items = inventory::read(data, Ages::of(asked.as_ref()), now)?;
    let every = asked.as_ref().and_then(|keys| keys.recovery_drill.as_ref()).map(|every| every.value);
    let (rehearsed, late) = rehearsed(data, every, now);
    let revoked = list(data)?;
    let revoked = revoked.as_ref().map_or(&[][..], Revocations::entries);
    let bad = items.iter().filter(|item| item.state != State::Good).count();
    if screen.is_json() {
        let shown: Vec<Value> = items
            .iter()
            .map(|item| {
                json!({
                    "what": item.what, "for": item.purpose, "file": item.file, "names": item.names,
                    "kept": item.kept(), "token": item.token, "mode": format!("{:03o}", item.mode), "age_ms": item.age.0,
                    "until": item.until.map(|until| until.0), "state": item.state.word(), "good": item.state == State::Good,
                })
            })
            .collect();
        let revoked: Vec<Value> = revoked
            .iter()
            .map(|entry| json!({ "what": entry.what.to_string(), "at": entry.at.0, "reason": entry.reason }))
            .collect();
        let planet = inventory::planet(data).map(|planet| planet.to_string());
        screen.json(&json!({
            "version": 1, "planet": planet, "keys": shown, "revoked": revoked,
            "rehearsed_ms_ago": rehearsed.map(|ago| ago.0), "rehearsal_late": late, "good": bad == 0 && !late,
        }))?;
    } else {
        let mut table =
            Table::new(&["<what", "<file", "<kept", "mode", "age", "due or ends", "<state"], screen.colors_data());
        for item in &items {
            let (age, due) = (about(item.age), until(item, now));
            let mode = format!("{:03o}", item.mode);
            table.row([item.what.to_owned(), item.file.clone(), item.kept(), mode, age, due, item.state.word()]);
        }
        screen.data(table.text())?;
        for entry in revoked {
            screen.data(format_args!(
                "  revoked {} {} ago: {}",
                entry.what,
                about(now.since(entry.at)),
                entry.reason
            ))?;
        }
        let ago = rehearsed.map_or_else(|| "never".to_owned(), |ago| format!("{} ago", about(ago)));
        let line = format!("  recovery rehearsed {ago}");
        let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
        screen.data(if late { paint(screen.colors_data(), red, format!("{line}: LATE")) } else { line })?;
        match bad {
            0 if late => screen.say("recovery is to be rehearsed: `mycel trust drill`, docs/guides/recovery.md"),
            0 => screen.say("all are as they should be"),
            bad => screen.say(format_args!("{bad} of {} need something: docs/guides/keys.md says what", items.len())),
        }
    }
    Ok(if bad == 0 && !late { Verdict::Good } else { Verdict::Bad })
}
