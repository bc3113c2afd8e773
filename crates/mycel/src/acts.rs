//! What a command does to a planet's directory, entered in the audit log there
//! before it is done: by the command itself where no process has the log, and
//! else by that process, which is asked for it.
//!
//! It must never let an act begin whose entry is not durable. An act that then
//! fails is told apart, by an entry behind it that says that it was not done; a
//! kill between the two leaves an entry, and nobody was answered.

use crate::failure::Failure;
use crate::word;
use audit::asked::{Answer, Asked, Id, MOST_ENTRIES};
use audit::entry::{Act, Name, Place, Reason, Right, Who};
use audit::home::{Copies, HomeError};
use audit::{Entry, OpenError, home};
use custody::authority::root;
use custody::folder::{self, failed};
use custody::sealed;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use trust::{PlanetId, Secret};

/// How long a process is waited for that has the log: it looks ten times a
/// second, and an entry is two syncs.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks whether it has answered.
const LOOK: Duration = Duration::from_millis(20);
/// Between two looks whether it has ended.
const ENDED: Duration = Duration::from_secs(1);

const REFUSED: &str = "`mycel audit verify` says whether the log is whole; a full disk has to be freed, and a planet whose \
                       disk failed be started again";
const NOT_TAKEN: &str = "is that process stopped, of an older version, or another user's? give the command again when it goes \
                         on; where no process has the log, the command enters its act itself";

/// The audit log of a planet's directory, as commands enter what they do.
pub(crate) struct Log {
    data: PathBuf,
    name: String,
    planet: PlanetId,
    place: Place,
    /// Copies of the log's keys, for a directory whose keys are gone.
    copies: Option<Copies>,
}

/// Entries that stand: where each run of them begins, and how long it is.
struct Stand(Vec<(u64, usize)>);

#[allow(clippy::disallowed_methods)] // Somebody waits in front of a screen.
fn now() -> Instant {
    Instant::now()
}

impl Log {
    /// That of a directory; what it is called is asked of the directory when
    /// nobody says.
    pub(crate) fn of(data: &Path, name: Option<&str>) -> Result<Self, Failure> {
        let told =
            |why: &dyn std::fmt::Display| Failure::told(why.to_string(), "docs/guides/keys.md says what belongs where");
        let planet = PlanetId::of_root(root(&data.join("keys")).map_err(|why| told(&why))?);
        let known = || {
            let identity = std::fs::read(data.join("planet.json")).ok()?;
            let identity: serde_json::Value = serde_json::from_slice(&identity).ok()?;
            identity["planet"].as_str().map(str::to_owned)
        };
        // It matters where there is no log: one that is there keeps its name.
        let name = name.map(str::to_owned).or_else(known).unwrap_or_else(|| "planet".to_owned());
        let data = data.to_owned();
        Ok(Self { data, name: home::plain(&name), planet, place: Place::Planet, copies: None })
    }

    /// That of a directory whose keys are brought back by its root; nothing when
    /// there is no log.
    pub(crate) fn of_recovered(data: &Path, planet: PlanetId, root: &Secret) -> Result<Option<Self>, Failure> {
        if home::verifier(data).is_ok_and(|known| known.is_none()) {
            return Ok(None);
        }
        let keys = data.join("keys");
        let opens = sealed::opener(root);
        let copy = |name: &str| -> Result<Option<Secret>, Failure> {
            let copy = sealed::read(&keys, name)?.and_then(|copy| sealed::open(&opens, planet, name, &copy).ok());
            let letters = copy.and_then(|copy| folder::hex(std::str::from_utf8(&copy).ok()?.trim()));
            Ok(letters.map(|mut bytes| Secret::take(&mut bytes)))
        };
        let entries = copy(home::ENTRY_KEY)?;
        let copies = copy(home::KEY)?.map(|signing| Copies { signing, entries });
        Ok(Some(Self { data: data.to_owned(), name: String::new(), planet, place: Place::Planet, copies }))
    }

    /// The same, about what is done in a region.
    pub(crate) fn at(self, region: Option<&str>) -> Self {
        Self { place: region.map_or(Place::Planet, |region| Place::Region(Name::cut(region))), ..self }
    }

    /// Enters acts, and does them; or enters that they were not done.
    pub(crate) fn then<T>(
        &self,
        acts: &[Act],
        reason: &str,
        done: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let stand = self.enter_all(acts, reason)?;
        done().inspect_err(|failure| {
            let entries = stand.0.iter().flat_map(|(first, many)| (*first..).take(*many));
            let not_done: Vec<_> = entries.map(|entry| Act::NotDone { entry }).collect();
            // Whoever asked is told that it was not done, which is what matters.
            let _ = self.enter_all(&not_done, &failure.to_string());
        })
    }

    /// Enters acts, durably, by the time this returns.
    pub(crate) fn enter(&self, acts: &[Act], reason: &str) -> Result<(), Failure> {
        self.enter_all(acts, reason).map(drop)
    }

    fn enter_all(&self, acts: &[Act], reason: &str) -> Result<Stand, Failure> {
        let run = |acts: &[Act]| Ok((self.request(acts, reason)?, acts.len()));
        acts.chunks(MOST_ENTRIES).map(run).collect::<Result<_, Failure>>().map(Stand)
    }

    /// Has some entered together; the number of the first.
    fn request(&self, acts: &[Act], reason: &str) -> Result<u64, Failure> {
        let id = Id(custody::entropy::bytes().map_err(failed("draw entropy"))?);
        let entry = |act: &Act| Entry {
            time: word::now(),
            act: act.clone(),
            who: Who::Directory,
            right: Right::Own,
            rule: Name::default(),
            address: id.address(),
            place: self.place.clone(),
            reason: Reason::cut(reason),
        };
        let entries: Vec<_> = acts.iter().map(entry).collect();
        let (begun, mut asked) = (now(), None);
        let log = (self.name.as_str(), self.planet, self.copies.as_ref());
        loop {
            match home::append_at_rest(&self.data, log, (id, &entries)) {
                Ok(first) => return Ok(first),
                Err(HomeError::NotNow(OpenError::InUse(_))) => {}
                Err(why) => return Err(Failure::told(format!("not done: {why}"), REFUSED)),
            }
            if asked.is_none() {
                asked = self.ask(id, &entries, begun)?;
            }
            if let Some(first) = answered(asked.as_ref(), begun)? {
                return Ok(first);
            }
            if begun.elapsed() >= PATIENCE {
                let what =
                    format!("not done: the process that has the audit log of {} enters nothing", self.data.display());
                return Err(Failure::told(what, NOT_TAKEN));
            }
        }
    }

    /// Asks whoever has the log; nothing when that is to be tried again.
    fn ask(&self, id: Id, entries: &[Entry], begun: Instant) -> Result<Option<Asked>, Failure> {
        match Asked::ask(&self.data, id, entries) {
            Ok(asked) => Ok(Some(asked)),
            Err(why) if begun.elapsed() >= PATIENCE => Err(Failure::told(format!("not done: {why}"), REFUSED)),
            Err(_) => Ok(None),
        }
    }
}

/// Waits a while for an answer.
fn answered(asked: Option<&Asked>, begun: Instant) -> Result<Option<u64>, Failure> {
    let until = now() + ENDED.min(PATIENCE.saturating_sub(begun.elapsed()));
    loop {
        match asked.map(Asked::answer).transpose()?.flatten() {
            Some(Answer::Entered(first)) => return Ok(Some(first)),
            Some(Answer::Refused(why)) => return Err(Failure::told(format!("not done: {why}"), REFUSED)),
            None if now() >= until => return Ok(None),
            None => std::thread::park_timeout(LOOK),
        }
    }
}
