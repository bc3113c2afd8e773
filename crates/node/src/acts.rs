//! What is done to a planet, entered in its audit log before it is done.
//!
//! It must never let an act be answered whose entry is not durable, nor do one
//! whose entry was refused. The entry comes first: an act without an entry can
//! be denied for ever, while an entry without its act is told apart, by the
//! entry behind it that says that it was not done.
//!
//! Only what the monitor does of itself comes to the log a moment later, a few
//! a second: it turns away in floods, and a flood must not buy a sync for each
//! of its packets. Everybody who is banned is counted, and few are named.

mod due;
mod gathering;

use self::due::{LogsKey, RULES, Rules};
use self::gathering::{Gathering, LOOK};
use crate::asked::Asking;
use crate::clock::Clock;
use crate::engine::{Code, Refusal};
use audit::asked::Id;
use audit::entry::{Act, Digest, Key, Name, Place, Reason, Right, Who};
use audit::path::Path as Tile;
use audit::{AppendError, Audit, Entry, Folders, Mirror, Opened, Source, home};
use block::bans::Net;
use policy::access::{Because, Decision};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use trust::{AgentId, PlanetId};
use vocab::Millis;

/// Bans of the monitor that are named in that time: at some 150 bytes each they
/// are 200 MB in a day that is one long attack.
const MOST_NAMED: usize = 16;
/// Who has something done, by which right, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub who: Who,
    /// By which right.
    pub right: Right,
    /// What gives it: a role or a rule of the planet's file.
    pub rule: Name,
    /// Where from.
    pub address: Name,
}

impl By {
    /// The node, of itself.
    #[must_use]
    pub fn node() -> Self {
        Self { who: Who::Node, right: Right::Planet, rule: Name::default(), address: Name::default() }
    }

    /// Whoever the directory belongs to, by a command there.
    #[must_use]
    pub fn directory() -> Self {
        Self { who: Who::Directory, right: Right::Own, ..Self::node() }
    }

    /// Whoever has a key replaced, and why: whoever the directory belongs to asked
    /// for it there, or the node saw that it was time.
    #[must_use]
    pub fn asked(is_asked: bool) -> (Self, &'static str) {
        if is_asked { (Self::directory(), "it was asked for") } else { (Self::node(), "its time has come") }
    }

    /// Somebody about what is its own.
    #[must_use]
    pub fn own(agent: AgentId, source: Option<IpAddr>) -> Self {
        Self { who: Who::Key(agent), right: Right::Own, rule: Name::default(), address: address(source) }
    }

    /// Somebody whom the planet's roles and rules have allowed it.
    #[must_use]
    pub fn allowed(agent: AgentId, right: planet::Right, decision: &Decision, source: Option<IpAddr>) -> Self {
        let rule = match &decision.because {
            Because::Role(role) => format!("role {role}"),
            Because::Rule(rule) => format!("rule {rule}"),
            Because::NotInLease | Because::Taken(_) | Because::NothingGives => String::new(),
        };
        let right = if right == planet::Right::Administer { Right::Administer } else { Right::Operate };
        Self { who: Who::Key(agent), right, rule: Name::cut(&rule), address: address(source) }
    }

    /// Whoever administers, where another process has decided that it may.
    #[must_use]
    pub fn administers(agent: AgentId, source: IpAddr) -> Self {
        let right = Right::Administer;
        Self { who: Who::Key(agent), right, rule: Name::default(), address: address(Some(source)) }
    }
}

fn address(source: Option<IpAddr>) -> Name {
    source.map_or_else(Name::default, |source| Name::cut(&source.to_canonical().to_string()))
}

#[allow(clippy::disallowed_methods)] // How much time passes, and not which it is.
fn began() -> Instant {
    Instant::now()
}

/// Whom the monitor has turned away.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Banned {
    Net(Net),
    Agent(AgentId),
}

/// The audit log of this process.
pub struct Acts {
    log: Audit<Folders>,
    data: PathBuf,
    /// Its files as they are served, with entries out of their envelopes.
    files: Opened<Mirror>,
    vkey: Mutex<String>,
    place: Place,
    clock: Arc<Clock>,
    gathering: Arc<Gathering>,
    gatherer: Mutex<Option<JoinHandle<()>>>,
    asking: Mutex<Option<Asking>>,
    entered: AtomicU64,
    rules: Mutex<Rules>,
    key: LogsKey,
    /// Whether what is done is still entered: not before the first act, and not
    /// after the last.
    is_open: Mutex<bool>,
}

impl Acts {
    /// Opens the log of a data directory, or begins it; of a region's process
    /// when that is named.
    ///
    /// # Errors
    /// When it is not what was signed, or the disk refuses.
    pub(crate) fn open(
        data: &Path,
        (name, region): (&str, Option<&str>),
        planet: PlanetId,
        clock: Arc<Clock>,
    ) -> Result<Arc<Self>, home::HomeError> {
        let called = region.map_or_else(|| name.to_owned(), |region| format!("{name}.{region}"));
        let (log, recovery) = home::open(data, &home::plain(&called), planet)?;
        if recovery.cut > 0 || recovery.mended > 0 {
            tracing::info!(?recovery, "the audit log was mended after an unclean end");
        }
        let vkey = home::verifier(data)?.map(|vkey| vkey.to_string()).unwrap_or_default();
        Ok(Arc::new(Self {
            log,
            data: data.to_owned(),
            files: home::reader(&home::folder(data))?,
            vkey: Mutex::new(vkey),
            place: region.map_or(Place::Planet, |region| Place::Region(Name::cut(region))),
            entered: AtomicU64::new(clock.now().0),
            rules: Mutex::new(RULES),
            key: LogsKey::default(),
            clock,
            gathering: Arc::default(),
            gatherer: Mutex::default(),
            asking: Mutex::default(),
            is_open: Mutex::new(false),
        }))
    }

    /// Enters that the process has started, the gateways whose word it takes,
    /// and by which file of the planet if that is another one than before.
    ///
    /// # Errors
    /// When that cannot be written: then the process is not to start.
    pub(crate) fn begin(self: &Arc<Self>, file: Option<[u8; 32]>, gateways: &[AgentId]) -> Result<(), AppendError> {
        let mut may_prune = self.bears_out_the_clock();
        let program = Name::cut(&format!("mycel {}", env!("CARGO_PKG_VERSION")));
        let started = self.entry(&By::node(), self.place.clone(), Act::Started { program }, "");
        let known =
            |key: &AgentId| self.entry(&By::node(), self.place.clone(), Act::GatewayKnown { key: Key(key.0) }, "");
        let changed = file.and_then(|file| self.changed(file));
        let entries: Vec<_> = std::iter::once(started).chain(gateways.iter().map(known)).chain(changed).collect();
        self.append(&entries)?;
        *locked(&self.is_open) = true;
        let (acts, gathering) = (Arc::downgrade(self), Arc::clone(&self.gathering));
        let gather = move || {
            let (mut is_over, begun) = (false, began());
            while let Some(acts) = acts.upgrade() {
                acts.enter_gathered();
                if is_over {
                    return;
                }
                acts.look(may_prune);
                drop(acts);
                is_over = gathering.wait();
                // Nobody waits as long as that with a clock that somebody sets right.
                may_prune |= begun.elapsed() >= LOOK;
            }
        };
        let gatherer = std::thread::Builder::new().name("audit".to_owned()).spawn(gather);
        let no_thread = |error: io::Error| AppendError::Refused(error.to_string());
        *locked(&self.gatherer) = Some(gatherer.map_err(no_thread)?);
        let asking = Asking::begin(self.data.clone(), Arc::downgrade(self));
        *locked(&self.asking) = Some(asking.map_err(no_thread)?);
        Ok(())
    }

    /// Enters that the planet's file is another one, when it is.
    ///
    /// # Errors
    /// When that cannot be written: then the file is not to be taken.
    pub fn takes_file(&self, file: [u8; 32]) -> Result<(), Refusal> {
        self.changed(file).map_or(Ok(()), |entry| self.append(&[entry]).map(drop)).map_err(|why| refused(&why))
    }

    fn changed(&self, file: [u8; 32]) -> Option<Entry> {
        let of = |_, entry: &Entry| match &entry.act {
            Act::PolicyChanged { to, .. } => Some(*to),
            _ => None,
        };
        // A log that cannot be read back is one in which the file is entered once more.
        let last = home::newest(&self.files, self.log.published().size, of).ok().flatten();
        let (from, to) = (last.unwrap_or(Digest([0; 32])), Digest(file));
        let act = Act::PolicyChanged { section: Name::cut("planet file"), from, to };
        (last != Some(to)).then(|| self.entry(&By::node(), self.place.clone(), act, ""))
    }

    /// Enters an act that is about to be done, durably; its number.
    ///
    /// # Errors
    /// When it cannot be written: then the act is not to be done.
    pub fn enter(&self, by: &By, place: Place, act: Act, reason: &str) -> Result<u64, Refusal> {
        self.append(&[self.entry(by, place, act, reason)]).map_err(|why| refused(&why))
    }

    /// Where what this process does of itself is done.
    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }

    /// Enters an act that goes on after a kill, or after it failed, once.
    ///
    /// # Errors
    /// When it cannot be written: then the act is not to be done.
    pub fn enter_once(&self, by: &By, place: Place, act: Act, reason: &str) -> Result<(), Refusal> {
        let same = |_, entry: &Entry| (entry.act == act).then_some(());
        let there = home::newest(&self.files, self.log.published().size, same);
        // A log that cannot be read back has it once more.
        if there.is_ok_and(|there| there.is_some()) {
            return Ok(());
        }
        self.enter(by, place, act, reason).map(drop)
    }

    /// Enters what a command has asked for, by its own word, once; the number of
    /// the first.
    pub(crate) fn enter_asked(&self, id: Id, asked: &[Entry]) -> Result<u64, String> {
        let size = self.log.published().size;
        let there = home::first_of(&self.files, size, id, asked.len()).map_err(|why| why.to_string())?;
        if let Some(there) = there {
            return Ok(there);
        }
        for entry in asked {
            if let Act::NotDone { entry } = entry.act {
                let about = audit::Tiles::new(&self.files, size).entry(entry);
                let about = about.ok().and_then(|bytes| Entry::from_bytes(&bytes).ok());
                if about.is_none_or(|about| about.who != Who::Directory) {
                    return Err(format!("entry {entry} is not about what a command does"));
                }
            }
        }
        let now = self.clock.now().0;
        let entries: Vec<_> = asked.iter().map(|entry| Entry { time: now, ..entry.clone() }).collect();
        self.append(&entries).map_err(|why| why.to_string())
    }

    /// Enters that what an entry says was not done after all.
    pub(crate) fn not_done(&self, by: &By, (place, entry): (Place, u64), why: &str) {
        // Whoever asked was told that it was not done, and may be told so by the next start.
        if let Err(error) = self.enter(by, place, Act::NotDone { entry }, why) {
            tracing::error!(entry, %error, "an act was entered and not done, and that cannot be entered");
        }
    }

    /// Does something that changes nothing else than what its entry says: the
    /// entry first, and behind it that it was not done, where it was not.
    pub(crate) fn then<T>(
        &self,
        (by, place): (&By, Place),
        (act, reason): (Act, &str),
        done: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let entry = self.enter(by, place.clone(), act, reason)?;
        done().inspect_err(|refusal| self.not_done(by, (place, entry), &refusal.what))
    }

    /// The monitor has turned somebody away: that is entered a moment later.
    pub(crate) fn banned(&self, who: Banned, until: u64, why: &str) {
        let mut gathered = locked(&self.gathering.gathered);
        if gathered.named.len() < MOST_NAMED {
            let act = match who {
                Banned::Net(net) => Act::Banned { net: Name::cut(&net.to_string()), until },
                Banned::Agent(agent) => Act::AgentBanned { agent: Key(agent.0), until },
            };
            gathered.named.push(self.entry(&By::node(), self.place.clone(), act, why));
        } else {
            gathered.more += 1;
        }
        drop(gathered);
        self.gathering.something.notify_all();
    }

    /// Enters what the monitor has done.
    fn enter_gathered(&self) {
        let mut gathered = locked(&self.gathering.gathered);
        let (mut entries, more) = (std::mem::take(&mut gathered.named), std::mem::take(&mut gathered.more));
        drop(gathered);
        let named = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        if more > 0 {
            let many = Act::BansLeftOut { many: more };
            entries.push(self.entry(&By::node(), self.place.clone(), many, "they came too fast to be named"));
        }
        if let Err(why) = self.append(&entries) {
            // They are counted, and told when the log can be written again.
            locked(&self.gathering.gathered).more += more + named;
            tracing::warn!(%why, "bans of the monitor cannot be entered in the audit log");
        }
    }

    /// Enters that the process ends as it should, and takes nothing more.
    pub fn end(&self) {
        if !std::mem::take(&mut *locked(&self.is_open)) {
            return;
        }
        // Who asks from here on finds the log free in a moment.
        let asking = locked(&self.asking).take();
        asking.into_iter().for_each(Asking::end);
        self.gathering.end();
        if let Some(gatherer) = locked(&self.gatherer).take() {
            let _ = gatherer.join();
        }
        if let Err(error) = self.append(&[self.entry(&By::node(), self.place.clone(), Act::Stopped {}, "")]) {
            tracing::error!(%error, "that it stopped cannot be entered in the audit log");
        }
    }

    fn entry(&self, by: &By, place: Place, act: Act, reason: &str) -> Entry {
        let By { who, right, rule, address } = by.clone();
        Entry { time: self.clock.now().0, act, who, right, rule, address, place, reason: Reason::cut(reason) }
    }

    fn append(&self, entries: &[Entry]) -> Result<u64, AppendError> {
        if entries.is_empty() {
            return Ok(self.log.published().size);
        }
        let first = self.log.append(entries)?;
        self.entered.store(self.clock.now().0, Relaxed);
        Ok(first)
    }

    /// Whether entries can be written.
    ///
    /// # Errors
    /// Why not, until the process is started again.
    pub fn ready(&self) -> Result<(), String> {
        self.log.failed().map_or(Ok(()), |why| Err(why.to_string()))
    }

    /// Figures: a name and a number each.
    #[must_use]
    pub fn figures(&self) -> [(&'static str, u64); 3] {
        [
            ("mycel_audit_entries_total", self.log.published().size),
            ("mycel_audit_checkpoint_time_seconds", self.entered.load(Relaxed) / 1_000),
            ("mycel_audit_failed", u64::from(self.log.failed().is_some())),
        ]
    }

    /// The log's public key, a line.
    #[must_use]
    pub fn vkey(&self) -> String {
        format!("{}\n", locked(&self.vkey))
    }

    /// The newest checkpoint, as its file has it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn checkpoint(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(audit::read_checkpoint(&self.files)?.map(String::into_bytes))
    }

    /// The notes by which the log's keys follow each other; none where there was
    /// only one.
    ///
    /// # Errors
    /// What the disk says.
    pub fn successors(&self) -> io::Result<Option<Vec<u8>>> {
        self.files.file(audit::successor::FILE, audit::successor::LONGEST)
    }

    /// A tile or a bundle of entries; nothing when it is not there.
    ///
    /// # Errors
    /// What the disk says.
    pub fn file(&self, tile: &Tile) -> io::Result<Option<Vec<u8>>> {
        self.files.file(&tile.to_string(), audit::path::WIDTH * (2 + audit::entry::MAX_ENTRY))
    }
}

/// Begins the log of a planet that was made of a backup: under a key of its
/// own, for the log of before goes on wherever it is, and cannot be continued
/// here without a fork.
pub(crate) fn restored(data: &Path, name: &str, entries: u64) -> Result<(), home::HomeError> {
    let planet = PlanetId::of_root(custody::folder::public(&data.join("keys"), "root")?);
    let acts = Acts::open(data, (name, None), planet, Arc::default())?;
    let restored = acts.entry(&By::node(), Place::Planet, Act::Restored { entries }, "");
    Ok(acts.append(&[restored]).map(drop)?)
}

impl Drop for Acts {
    fn drop(&mut self) {
        self.gathering.end();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What it is to whoever asked that its act cannot be entered.
fn refused(why: &AppendError) -> Refusal {
    let refusal = Refusal::new(Code::Unavailable, format!("nothing was done, because it cannot be entered: {why}"));
    if matches!(why, AppendError::Failed(_)) { refusal } else { refusal.after(Millis::seconds(1)) }
}
