//! `mycel trust rotate`: has keys replaced by whoever uses them. A file beside
//! each key asks for it, and goes when that was begun; the next key is there
//! until it was done. The operator's key nobody has to be up for.

use super::status;
use crate::Verdict;
use crate::cli::RotateArgs;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::word;
use custody::{sealed, succession};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use trust::{Moment, RegionTag};

/// Between two looks whether it was done.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// The operator's key, which is in the planet's own folder.
const OPERATOR: &str = "operator";

/// A key, by its folder and name.
type Key = (PathBuf, String);

/// Which keys are meant.
struct Wanted {
    regional: bool,
    node: bool,
    gateway: bool,
    operator: bool,
    only: Option<RegionTag>,
}

impl Wanted {
    fn of(args: &RotateArgs) -> Self {
        let named = args.node || args.gateway || args.operator;
        let all = !named && args.region.is_none();
        Self {
            regional: !named,
            node: all || args.node,
            gateway: all || args.gateway,
            operator: all || args.operator,
            only: args.region.as_deref().map(RegionTag::of),
        }
    }

    /// Whether a key of a planet's or a region's folder is: of which region, when
    /// it is one's.
    fn has(&self, folder: &Path, name: &str, region: Option<RegionTag>) -> bool {
        // Nobody uses what no planet was ever started with.
        let used = |file: &str| folder.with_file_name(file).exists();
        let is_of = |tag: RegionTag| self.only.is_none_or(|only| only == tag);
        match name {
            // Behind a dot stands whether it was before, or is to follow.
            _ if name.contains('.') => false,
            "node" => self.node && used("planet.json") && region.map_or(self.only.is_none(), is_of),
            OPERATOR => self.operator && region.is_none() && !folder.join("operator.pub").exists(),
            _ if name.starts_with("gateway") => self.gateway && folder.join(format!("{name}.pem")).exists(),
            _ => {
                let only = self.only.map(|tag| format!("region-{tag}"));
                self.regional && name.starts_with("region-") && only.is_none_or(|only| only == name)
            }
        }
    }

    /// The keys of a folder that are meant; none where there is no such folder.
    fn keys(&self, folder: &Path, region: Option<RegionTag>) -> Result<Vec<Key>, Failure> {
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut names = sealed::names(folder, ".key")?;
        names.retain(|name| self.has(folder, name, region));
        Ok(names.into_iter().map(|name| (folder.to_owned(), name)).collect())
    }

    /// All of them.
    fn find(&self, data: &Path) -> Result<Vec<Key>, Failure> {
        let mut found = self.keys(&data.join("keys"), None)?;
        let regions = data.join("regions");
        if regions.is_dir() {
            let list = std::fs::read_dir(&regions).map_err(|error| Failure::file("read", &regions, &error))?;
            for region in list {
                let region = region.map_err(|error| Failure::file("read", &regions, &error))?;
                let tag = RegionTag::of(&region.file_name().to_string_lossy());
                found.extend(self.keys(&region.path().join("keys"), Some(tag))?);
            }
        }
        Ok(found)
    }
}

#[allow(clippy::disallowed_methods)] // Somebody waits in front of a screen.
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Whether a key was not replaced yet.
fn waits((folder, name): &Key) -> bool {
    succession::is_asked(folder, name) || folder.join(format!("{name}.next.key")).exists()
}

pub(super) fn run(args: &RotateArgs, screen: &Screen) -> Result<Verdict, Failure> {
    if args.ca {
        return super::cas::rotate(args, screen);
    }
    let data = &args.home.data;
    let found = Wanted::of(args).find(data)?;
    if found.is_empty() {
        let of = args.region.as_deref().map_or_else(String::new, |region| format!(" of {region}"));
        let what = format!("{} has no such key{of}", data.display());
        return Err(Failure::told(what, "`mycel trust status` shows the keys that are there"));
    }
    for (folder, name) in &found {
        succession::ask(folder, name)?;
    }
    if found.iter().any(|(_, name)| name == OPERATOR) {
        let keys = status::asked(data, screen)?;
        let failed = |why: node::HomeError| Failure::told(why.to_string(), "mend what it says, and run it again");
        let mut enter = |from, to| super::cas::enter(data, OPERATOR, "asked for")(from, to);
        node::turn_operator(data, keys.as_ref(), Moment(word::now()), &mut enter).map_err(failed)?;
    }
    let begun = now();
    let left = || found.iter().filter(|key| waits(key)).count();
    while left() > 0 && begun.elapsed() < Duration::from_millis(args.patience.0) {
        std::thread::park_timeout(LOOK);
    }
    let (waiting, all) = (left(), found.len());
    if screen.is_json() {
        screen.json(&json!({ "version": 1, "keys": all, "rotated": all - waiting, "waiting": waiting }))?;
    } else {
        screen.data(format_args!("{} of {all} keys were rotated", all - waiting))?;
        if waiting > 0 {
            screen.say("the others are when their planet runs: they were asked for, and that stays");
        }
    }
    Ok(if waiting == 0 { Verdict::Good } else { Verdict::Bad })
}
