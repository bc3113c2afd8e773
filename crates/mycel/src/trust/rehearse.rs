//! `mycel trust drill`: a recovery that is rehearsed, and `mycel trust drills`:
//! what came of it.
//!
//! It must never leave a secret behind in its scratch directory, nor write down
//! as good what has not opened what the planet keeps.

use super::recover::{NO_LOG, Unbrought, brought, given_shares, tell_wrong};
use super::split::without_copy;
use crate::Verdict;
use crate::acts::Log;
use crate::cli::{DrillsArgs, RehearseArgs};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::screen::paint;
use crate::screen::table::Table;
use crate::{files, word};
use anstyle::AnsiColor;
use audit::entry::Act;
use custody::folder::contents;
use custody::recovery::{self, Drill, Kept, Opened, Recovered, is_late, last_drill};
use custody::scratch::Scratch;
use planet::{Planet, Tables};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use trust::RegionTag;
use vocab::Millis;

/// What a drill needs, and whether somebody wants it to end.
struct Rehearsal {
    data: PathBuf,
    scratch: Scratch,
    found: Recovered,
    stop: Arc<AtomicBool>,
}

/// What a drill came to: what was opened, or why not.
type Came = Result<Opened, String>;

/// What every planet file has.
const PLANET: &[u8] = b"[planet]";

/// Refuses what cannot be a planet file before anybody reads it as one: mistakes
/// are shown with their lines, and those of a share are for nobody to see.
fn is_no_share(file: &Path) -> Result<(), Failure> {
    let hint = "the planet file comes first, then the shares: mycel trust drill planet.toml SHARE SHARE ...";
    // Standard input can be read once.
    if file == Path::new("-") {
        return Ok(());
    }
    if !file.exists() {
        return Err(Failure::missing(file, &std::io::ErrorKind::NotFound.into(), hint));
    }
    let bytes = files::read(file)?;
    if bytes.windows(PLANET.len()).any(|part| part == PLANET) {
        return Ok(());
    }
    let what = format!("{} is no planet file", file.display());
    Err(Failure::told(what, hint))
}

pub(super) fn run(args: &RehearseArgs, screen: &Screen) -> Result<Verdict, Failure> {
    is_no_share(&args.file)?;
    let planet = files::planet(&args.file, &Tables::builtin(), screen)?;
    let (data, keys, at) = (args.data.data.clone(), args.data.data.join("keys"), word::now());
    let found = match brought(&data, &args.shares, screen) {
        Ok(found) => found,
        Err(Unbrought::Slip(failure)) => return Err(failure),
        Err(Unbrought::Bad(failure)) => {
            // Shares that do not come together are what a drill is there to find.
            if keys.is_dir() {
                if let Err(why) = entered_as_bad(&data, &failure) {
                    screen.say(format_args!("the drill is not written down: {why}"));
                    return Err(failure);
                }
                let what = nameless(failure.to_string(), &args.shares.shares);
                recovery::record(&keys, Drill::new(at, 0, Vec::new(), Err(what)), None)?;
            }
            return Err(failure);
        }
    };
    tell_wrong(&found, screen);
    let (epoch, numbers, shares) = (found.split.epoch, found.numbers.clone(), given_shares(&found));
    // Before anything is entered: a place that cannot be had is no drill.
    let scratch = Scratch::new(args.scratch.as_deref().unwrap_or(&data))?;
    let log = Log::of_recovered(&data, found.planet, &found.secret)?;
    match &log {
        Some(log) => log.enter(&[Act::DrillBegun { epoch, shares }], "")?,
        None => screen.say(NO_LOG),
    }
    let rehearsal = Rehearsal { data, scratch, found, stop: Arc::default() };
    let (came, found) = until_stopped(rehearsal).inspect_err(|failure| {
        let bad = Act::RecoveryDrilled { epoch, shares, good: false };
        // Whoever asked is told the failure, which is what matters.
        let _ = log.as_ref().map(|log| log.enter(&[bad], &failure.to_string()));
    })?;
    let drill = Drill::new(at, epoch, numbers, came);
    if let Some(log) = log {
        log.enter(&[Act::RecoveryDrilled { epoch, shares, good: drill.good }], &drill.what)?;
    }
    let drill = recovery::record(&keys, drill, Some(&found.secret))?;
    if screen.is_json() {
        screen.json(&json!({ "version": 1, "drill": shown(&drill), "changed": found.wrong }))?;
    } else if drill.good {
        let Opened { keys, owners, records } = drill.opened;
        screen.data(format_args!("good: the shares open {keys} keys, {owners} owners' keys and {records} records"))?;
        if records == 0 {
            screen.say("  the log's newest segments have no record that is not erased: none was there to open");
        }
    } else {
        screen.data(format_args!("bad: {}", drill.what))?;
    }
    if let Some(every) = every(&planet)
        && !screen.is_json()
    {
        screen.say(format_args!("  written down; the next is due in {every}"));
    }
    Ok(if drill.good { Verdict::Good } else { Verdict::Bad })
}

/// What went wrong, for the list of drills: it is plain, and the files of shares
/// have their holders' names. The audit log has them, sealed.
fn nameless(what: String, files: &[PathBuf]) -> String {
    let named = files.iter().zip(1..);
    named.fold(what, |what, (file, number)| what.replace(&file.display().to_string(), &format!("file {number}")))
}

/// Enters a drill whose shares did not come together, where there is a log.
fn entered_as_bad(data: &Path, failure: &Failure) -> Result<(), Failure> {
    if audit::home::verifier(data).is_ok_and(|known| known.is_none()) {
        return Ok(());
    }
    let act = Act::RecoveryDrilled { epoch: 0, shares: 0, good: false };
    Log::of(data, None)?.enter(&[act], &failure.to_string())
}

fn every(planet: &Planet) -> Option<Millis> {
    planet.keys.as_ref().and_then(|keys| keys.recovery_drill.as_ref()).map(|every| **every)
}

/// Rehearses, and wipes what came of it also when somebody ends it meanwhile.
fn until_stopped(rehearsal: Rehearsal) -> Result<(Came, Recovered), Failure> {
    let told = |error: std::io::Error| Failure::told(format!("cannot start: {error}"), "try again");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(told)?;
    let stop = Arc::clone(&rehearsal.stop);
    runtime.block_on(async {
        let mut ended = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(told)?;
        let mut work = tokio::task::spawn_blocking(move || {
            let came = proven(&rehearsal);
            let Rehearsal { scratch, found, .. } = rehearsal;
            // Said when it fails: then something is left.
            (scratch.wipe().map(|()| came), found)
        });
        let done = tokio::select! {
            done = &mut work => done,
            _ = tokio::signal::ctrl_c() => { stop.store(true, Ordering::Relaxed); work.await },
            _ = ended.recv() => { stop.store(true, Ordering::Relaxed); work.await },
        };
        let broken = |error: tokio::task::JoinError| {
            Failure::told(format!("the drill broke off: {error}"), "the next one wipes what this one has left")
        };
        let (came, found) = done.map_err(broken)?;
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::told("the drill was ended, and what it had made was wiped", "rehearse it again"));
        }
        Ok((came?, found))
    })
}

/// Makes every key anew, holds each against the one in use, and opens with them
/// what the planet keeps.
fn proven(rehearsal: &Rehearsal) -> Came {
    let Rehearsal { data, scratch, found, stop } = rehearsal;
    let scratch = scratch.path();
    let say = |error: &dyn std::fmt::Display| error.to_string();
    let go_on = || if stop.load(Ordering::Relaxed) { Err("it was ended".to_owned()) } else { Ok(()) };
    if let Some(file) = without_copy(data).map_err(|error| say(&error))?.first() {
        return Err(format!("{file} has no sealed copy, so the root does not bring it back; a start makes one"));
    }
    let made = recovery::make_anew(data, scratch, (found.planet, &found.secret), Kept::Scratch);
    made.map_err(|error| say(&error))?;
    go_on()?;
    let mut opened = Opened::default();
    // Read back from where they were made: what is proved is what would be there.
    for copied in recovery::open_all(scratch, found.planet, &found.secret).map_err(|error| say(&error))? {
        let file = copied.folder.join(format!("{}.key", copied.name));
        let made = contents(&scratch.join(&copied.folder), &copied.name).map_err(|error| say(&error))?;
        match contents(&data.join(&copied.folder), &copied.name).map_err(|error| say(&error))? {
            Some(used) if made.as_ref() != Some(&used) => {
                return Err(format!("{} was recovered as another than the one in use", file.display()));
            }
            // A copy of the directory without its keys has nothing to hold it against.
            Some(_) | None => opened.keys += 1,
        }
    }
    go_on()?;
    for folder in recovery::folders(scratch).map_err(|error| say(&error))? {
        let place = folder.parent().unwrap_or_else(|| Path::new(""));
        if !data.join(place).join("planet.json").exists() {
            continue;
        }
        let regions = regions(scratch, &folder, found).map_err(|error| say(&error))?;
        let opens = node::opens(&data.join(place), found.planet, regions).map_err(|error| say(&error))?;
        opened.owners += opens.owners;
        opened.records += opens.records;
        go_on()?;
    }
    Ok(opened)
}

/// The regional keys that were recovered into a folder.
fn regions(
    scratch: &Path,
    folder: &Path,
    found: &Recovered,
) -> Result<Vec<(RegionTag, trust::Secret)>, recovery::NotRestored> {
    let all = recovery::open_all(scratch, found.planet, &found.secret)?;
    let region = |copied: recovery::Copied| {
        let tag = copied.name.strip_prefix("region-").filter(|_| copied.folder == folder)?;
        let bytes = word::read_hex::<8>(tag, "a region").ok()?;
        Some((RegionTag(bytes), copied.secret()?))
    };
    Ok(all.into_iter().filter_map(region).collect())
}

fn shown(drill: &Drill) -> serde_json::Value {
    json!({
        "at": drill.at, "good": drill.good, "what": drill.what, "split": drill.epoch, "shares": drill.shares,
        "keys": drill.opened.keys, "owners": drill.opened.owners, "records": drill.opened.records,
    })
}

pub(super) fn drills(args: &DrillsArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let (data, keys) = (&args.data.data, args.data.data.join("keys"));
    let planet = super::status::file(data, args.file.as_deref(), screen)?;
    let every = planet.as_ref().and_then(every);
    let (all, last) = (recovery::drills(&keys)?, last_drill(&keys));
    let late = is_late(last.as_ref(), every, word::now());
    let verdict = if late { Verdict::Bad } else { Verdict::Good };
    if screen.is_json() {
        let drills: Vec<_> = all.iter().map(shown).collect();
        screen.json(&json!({
            "version": 1, "drills": drills, "last_good": last.as_ref().map(|last| last.at), "late": late,
            "every_ms": every.map(|every| every.0),
        }))?;
        return Ok(verdict);
    }
    let mut table =
        Table::new(&["<when", "<came out", "split", "keys", "owners", "records", "<what"], screen.colors_data());
    for drill in all.iter().rev() {
        let Opened { keys, owners, records } = drill.opened;
        let came = if drill.good { "good" } else { "bad" };
        let counts = [u64::from(drill.epoch), keys, owners, records].map(|count| count.to_string());
        let cells = [word::utc(drill.at), came.to_owned()].into_iter().chain(counts).chain([drill.what.clone()]);
        table.row(cells);
    }
    if !all.is_empty() {
        screen.data(table.text())?;
    }
    let said = match (&last, every) {
        (None, None) if planet.is_none() => {
            "no recovery was rehearsed yet; how often it has to be is not known without the planet file".to_owned()
        }
        (None, None) => "no recovery was rehearsed yet, and the planet asks for none".to_owned(),
        (None, Some(every)) => format!("no recovery was rehearsed yet, and the planet asks for one every {every}"),
        (Some(last), None) => format!("the last good one: {}", word::utc(last.at)),
        (Some(last), Some(every)) if late => {
            format!("the last good one, {}, is longer ago than the {every} that the planet allows", word::utc(last.at))
        }
        (Some(last), Some(every)) => format!("the last good one: {}; one is due every {every}", word::utc(last.at)),
    };
    let color = if late { AnsiColor::BrightRed } else { AnsiColor::Green };
    let painted = late || last.is_some();
    screen.data(if painted { paint(screen.colors_data(), color.on_default(), said) } else { said })?;
    Ok(verdict)
}
