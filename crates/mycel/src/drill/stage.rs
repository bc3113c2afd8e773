//! Where a drill takes place: a scratch folder, the processes of the regions,
//! and the gateway in front of them. All of it is gone when this is dropped.

use super::copy::{Change, Load, changed, changes};
use crate::Verdict;
use crate::cli::{DrillArgs, TableArgs};
use crate::failure::Failure;
use crate::files;
use crate::processes::{self, How, Manner, Region, Regions};
use crate::screen::Screen;
use crate::spread;
use custody::office::Open;
use node::Homes;
use node::gateway::{Gateway, Settings};
use planet::Planet;
use policy::route::Policy;
use policy::set::RegionNumber;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use vocab::Millis;

/// How long the gateway's stop waits for what has begun.
const GRACE: Duration = Duration::from_secs(5);
/// A region that is away for less is back before anybody has asked twice.
const SHORTEST: Millis = Millis::seconds(3);
/// One that hangs is taken for lost after checks or turns that it misses, each of
/// which is waited for.
const SHORTEST_HANG: Millis = Millis::seconds(15);

/// What is rehearsed, and with whom.
pub(super) struct Script {
    pub(super) planet: Planet,
    text: String,
    pub(super) policy: Policy,
    pub(super) lost: RegionNumber,
    pub(super) changes: Vec<Change>,
}

impl Script {
    /// Reads the file, and changes what a drill needs. `crowded` is whether all
    /// agents come from one address.
    pub(super) fn read(args: &DrillArgs, crowded: bool, screen: &Screen) -> Result<Self, Failure> {
        let tables = files::tables(&TableArgs { calibration: None, prices: None }, screen)?;
        let (planet, text) = files::planet_and_text(&args.file, &tables, screen)?;
        let name = files::name(&args.file);
        if planet.region.len() < 2 {
            let what = format!("{name} has {} region: when it is lost nothing can take over", planet.region.len());
            return Err(Failure::told(what, "add a [[region]], or drill a planet that has several"));
        }
        let policy = Policy::new(&planet)?;
        let known = || planet.region.iter().map(|region| region.id.to_string()).collect::<Vec<_>>().join(", ");
        let lost = policy.atlas.find(&args.lose).ok_or_else(|| {
            Failure::told(format!("{name} has no region `{}`", args.lose), format!("--lose one of: {}", known()))
        })?;
        let away = if args.how == How::Hang { SHORTEST_HANG } else { SHORTEST };
        for (time, least, flag) in [
            (args.before, Millis::seconds(1), "--before"),
            (args.down, away, "--down"),
            (args.after, SHORTEST, "--after"),
        ] {
            if time < least {
                let what = format!("{time} is too short a time to see anything in");
                return Err(Failure::told(what, format!("{flag} {least} at least")));
            }
        }
        let load = Load { agents: args.agents, rate: args.rate, crowded, lost: &args.lose };
        let changes = changes(&planet, &load);
        let text = changed(&text, &changes);
        let written = planet::parse(text.as_bytes()).0;
        let planet = written.filter(|planet| self::changes(planet, &load).is_empty());
        let keys: Vec<&str> = changes.iter().map(|change| change.key.as_str()).collect();
        let planet = planet.ok_or_else(|| {
            let what = format!("{name} cannot be changed for a drill: {}", keys.join(", "));
            Failure::told(what, "write each of their sections as a [section] of its own")
        })?;
        // What is judged is the planet that runs.
        let policy = Policy::new(&planet)?;
        Ok(Self { planet, text, policy, lost, changes })
    }
}

/// A folder that goes when it is no longer used, unless it is to be kept.
struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    fn new(data: Option<&Path>) -> Result<Self, Failure> {
        let path = match data {
            Some(path) => path.to_owned(),
            None => {
                let chance = crate::agent::entropy()?;
                std::env::temp_dir().join(format!("mycel-drill-{:016x}", u64::from_be_bytes(chance)))
            }
        };
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Failure::told(
                format!("{} is there already", path.display()),
                "--data names a folder that the drill makes",
            ),
            _ => Failure::file("make", &path, &error),
        })?;
        Ok(Self { path, kept: data.is_some() })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed is the system's to remove: it stands among what is temporary.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// What runs. Fields go in this order: the gateway first, and the folder last.
pub(super) struct Stage {
    gateway: Option<Gateway>,
    regions: Regions,
    _office: Open,
    folder: Folder,
    pub(super) url: String,
}

impl Stage {
    /// Starts all of it.
    pub(super) fn start(script: &Script, data: Option<&Path>) -> Result<Self, Failure> {
        let folder = Folder::new(data)?;
        let file = folder.path.join("planet.toml");
        fs::write(&file, &script.text).map_err(|error| Failure::file("write", &file, &error))?;
        let failed = |why: String| Failure::told(why, "mend what it says, and start again");
        let homes = Homes::open(&folder.path.join("data")).map_err(|error| failed(error.to_string()))?;
        let office = spread::office(&script.planet, &homes, custody::ca::LIFE)?;
        let nodes = spread::credentials(&homes, 0)?;
        let regions = processes::start(&script.planet, &file, &homes, Manner { quiet: true, ..Manner::default() })?;
        let planet = Arc::new(script.planet.clone());
        let mut settings = Settings::new(planet, homes.planet(), homes.gateway(), processes::hosts(&regions));
        settings.nodes = Some(nodes);
        settings.addresses = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
        settings.access_log = Some(folder.path.join("access.log"));
        let gateway = Gateway::start(settings).map_err(|error| failed(error.to_string()))?;
        let at = gateway.addresses().first().ok_or_else(|| failed("the gateway has no address".to_owned()))?;
        let url = format!("http://{at}");
        Ok(Self { gateway: Some(gateway), regions, _office: office, folder, url })
    }

    /// The process of a region.
    pub(super) fn region(&self, id: &str) -> Option<&Region> {
        self.regions.iter().find(|region| region.id == id)
    }

    /// Where everything is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// Where requests are written down.
    pub(super) fn access_log(&self) -> PathBuf {
        self.folder.path.join("access.log")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            // What takes longer is nobody's any more.
            gateway.stop(GRACE);
        }
    }
}

/// What a command ends with.
pub(super) fn verdict(held: bool) -> Verdict {
    if held { Verdict::Good } else { Verdict::Bad }
}
