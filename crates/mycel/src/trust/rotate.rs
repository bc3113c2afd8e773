//! `mycel trust rotate`: has keys replaced by whoever uses them. A file beside
//! each key asks for it, and goes when that was begun; the next key is there
//! until it was done. The operator's key nobody has to be up for, nor that of an
//! audit log.

use super::certificates::told;
use super::status;
use super::used::Used;
use crate::Verdict;
use crate::cli::RotateArgs;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::word;
use audit::entry::{Name, Place, Reason, Right, Who};
use audit::{Entry, home};
use custody::authority::root;
use custody::{sealed, succession};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use trust::{Moment, PlanetId, RegionTag};

/// Between two looks whether it was done.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// The operator's key, which is in the planet's own folder.
const OPERATOR: &str = "operator";

/// An audit log's.
const LOG: &str = home::KEY;

/// A key, by its folder and name.
type Key = (PathBuf, String);

/// Which keys are meant.
struct Wanted {
    regional: bool,
    node: bool,
    gateway: bool,
    operator: bool,
    audit: bool,
    only: Option<RegionTag>,
    used: Used,
}

impl Wanted {
    fn of(args: &RotateArgs) -> Self {
        let named = args.node || args.gateway || args.operator || args.audit;
        let all = !named && args.region.is_none();
        Self {
            regional: !named,
            node: all || args.node,
            gateway: all || args.gateway,
            operator: all || args.operator,
            audit: all || args.audit,
            only: args.region.as_deref().map(RegionTag::of),
            used: Used::of(&args.home.data, Moment(word::now())),
        }
    }

    /// Whether a key of a planet's or a region's folder is: of which region, when
    /// it is one's.
    fn has(&self, folder: &Path, name: &str, region: Option<RegionTag>) -> bool {
        let is_of = |tag: RegionTag| self.only.is_none_or(|only| only == tag);
        match name {
            // Behind a dot stands whether it was before, or is to follow.
            _ if name.contains('.') || !self.used.has(folder, name) => false,
            "node" => self.node && region.map_or(self.only.is_none(), is_of),
            LOG => self.audit && region.map_or(self.only.is_none(), is_of),
            OPERATOR => self.operator && region.is_none() && !folder.join("operator.pub").exists(),
            _ if name.starts_with("gateway") => self.gateway,
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

/// Rotates the key of the log beside a folder of keys, where no process has it.
fn turn_log(data: &Path, keys: &Path) -> Result<(), Failure> {
    let home = keys.parent().unwrap_or(data);
    let region = (home != data).then(|| home.file_name()).flatten().map(|region| Name::cut(&region.to_string_lossy()));
    let enter = |act| Entry {
        time: word::now(),
        act,
        who: Who::Directory,
        right: Right::Own,
        rule: Name::default(),
        address: Name::default(),
        place: region.map_or(Place::Planet, Place::Region),
        reason: Reason::cut("it was asked for"),
    };
    let planet = PlanetId::of_root(root(keys).map_err(told)?);
    let turned = home::rotate_at_rest(home, planet, enter);
    turned
        .map(drop)
        .map_err(|why| Failure::told(format!("not done: {why}"), "`mycel audit verify` says what is wrong with a log"))
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
    for (folder, _) in found.iter().filter(|(_, name)| name == LOG) {
        turn_log(data, folder)?;
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
