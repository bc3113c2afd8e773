//! `mycel trust rotate`: has regional keys replaced by whoever uses them. A file
//! beside each key asks for it, and goes when it was done.

use crate::Verdict;
use crate::cli::RotateArgs;
use crate::failure::Failure;
use crate::screen::Screen;
use custody::{sealed, succession};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use trust::RegionTag;

/// Between two looks whether it was done.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// A key, by its folder and name.
type Key = (PathBuf, String);

/// The regional keys of a folder; none where there is no such folder.
fn keys(folder: &Path, only: Option<RegionTag>) -> Result<Vec<Key>, Failure> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let wanted = only.map(|tag| format!("region-{tag}"));
    let mut names = sealed::names(folder, ".key")?;
    // Behind a dot stands whether it was before, or is to follow.
    names.retain(|name| name.starts_with("region-") && !name.contains('.'));
    names.retain(|name| wanted.as_ref().is_none_or(|wanted| wanted == name));
    Ok(names.into_iter().map(|name| (folder.to_owned(), name)).collect())
}

#[allow(clippy::disallowed_methods)] // Somebody waits in front of a screen.
pub(super) fn now() -> Instant {
    Instant::now()
}

pub(super) fn run(args: &RotateArgs, screen: &Screen) -> Result<Verdict, Failure> {
    if args.ca {
        return super::cas::rotate(args, screen);
    }
    let (data, only) = (&args.home.data, args.region.as_deref().map(RegionTag::of));
    let mut found = keys(&data.join("keys"), only)?;
    let regions = data.join("regions");
    if regions.is_dir() {
        let list = std::fs::read_dir(&regions).map_err(|error| Failure::file("read", &regions, &error))?;
        for region in list {
            let region = region.map_err(|error| Failure::file("read", &regions, &error))?;
            found.extend(keys(&region.path().join("keys"), only)?);
        }
    }
    if found.is_empty() {
        let what = format!("{} has no key of {}", data.display(), args.region.as_deref().unwrap_or("any region"));
        return Err(Failure::told(what, "`mycel trust status` shows the keys that are there"));
    }
    for (folder, name) in &found {
        succession::ask(folder, name)?;
    }
    let begun = now();
    let left = || found.iter().filter(|(folder, name)| succession::is_asked(folder, name)).count();
    while left() > 0 && begun.elapsed() < Duration::from_millis(args.patience.0) {
        std::thread::park_timeout(LOOK);
    }
    let (waiting, all) = (left(), found.len());
    if screen.is_json() {
        screen.json(&json!({ "version": 1, "keys": all, "rotated": all - waiting, "waiting": waiting }))?;
    } else {
        screen.data(format_args!("{} of {all} keys of regions were rotated", all - waiting))?;
        if waiting > 0 {
            screen.say("the others are when their planet runs: they were asked for, and that stays");
        }
    }
    Ok(if waiting == 0 { Verdict::Good } else { Verdict::Bad })
}
