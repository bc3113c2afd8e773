//! How a planet starts: what its file asks for, what its directory holds, and
//! the threads that serve it.

use super::rules::{classes, retention, rules};
use super::{Engine, Inner, Region, locked};
use crate::acts::Acts;
use crate::believed::Believed;
use crate::below::{Index, spaces};
use crate::clock::Clock;
use crate::directory::{Directory, Place};
use crate::expiry;
use crate::follower::Follower;
use crate::home::{Home, HomeError, OWNERS, SHARD_BLOCKS, ShardOf};
use crate::keyring::{Keyring, Wrapping};
use crate::lane::{self, Ask, InFlight, Lane, MOST_ASKED, MOST_IN_FLIGHT, Served, Shared};
use crate::reopen::Reopened;
use crate::reply::Token;
use crate::rotation::Ages;
use crate::signing;
use crate::turnstile::Turnstile;
use crate::wake::{Bells, Progress};
use block::index::{Space, invited};
use block::kinds::Trouble;
use block::shard::Shard;
use block::wheel::Wheel;
use custody::entropy;
use planet::plan::layout::Layout;
use planet::{Enrolment, Planet};
use policy::access::Access;
use policy::shares::Shares;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use store::{Log, Loss, OpenError, RealDisk, RecordsError};
use tokio::sync::Semaphore;
use trust::enrol::{Book, Policy, Record, Serial};
use trust::lease::Revoked;
use trust::{AgentId, BlockRef, RegionTag};
use vocab::{BlockId, Slot};

/// What is kept of the index in memory.
const CACHE: u64 = 128 << 20;

/// How a planet is to run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Threads that serve blocks; as many as there are cores, at most four,
    /// when it is 0.
    pub lanes: usize,
    /// How the log is kept.
    pub log: store::Options,
    /// The one region that is served, when others serve the rest.
    pub only: Option<String>,
    /// SHA-256 of the planet's file, for its audit log.
    pub file: Option<[u8; 32]>,
    /// For tests of clocks that were set: how far the machine's is ahead.
    #[doc(hidden)]
    pub clock_ahead: vocab::Millis,
}

/// What was found when it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Whether its directory was new.
    pub new: bool,
    /// Entries in its log.
    pub entries: u64,
    /// Entries that the index had not followed yet.
    pub followed: u64,
    /// Agents that hold a slot.
    pub agents: u64,
    /// Damage that was found in the log, in words.
    pub damage: Vec<String>,
}

/// Why a planet does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its file asks for what is not served.
    #[error("{0}")]
    NotServed(String),
    /// Its directory cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Its log cannot be opened.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// Its index cannot be opened.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// Its audit log cannot be opened, or written.
    #[error(transparent)]
    Audit(#[from] audit::home::HomeError),
    /// Its index cannot follow.
    #[error(transparent)]
    Index(#[from] Trouble),
    /// The system refuses a thread, or entropy.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What it said.
        source: std::io::Error,
    },
}

fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> StartError {
    move |source| StartError::System { what, source }
}

/// The lanes, as long as it does not stop.
pub(super) type Lanes = Arc<Mutex<Vec<SyncSender<Ask>>>>;

/// The parts of a planet that are there before its threads.
pub(super) struct Parts {
    pub(super) home: Home,
    pub(super) believed: Arc<Believed>,
    /// The keys of its folder that sign, by name.
    pub(super) signing: Vec<(String, Arc<Ages>)>,
    pub(super) acts: Arc<Acts>,
    pub(super) layout: Layout,
    pub(super) regions: Vec<Region>,
    pub(super) log: Arc<Log<RealDisk>>,
    pub(super) index: Arc<Index>,
    pub(super) progress: Arc<Progress>,
    pub(super) bells: Arc<Bells>,
    pub(super) directory: Arc<Mutex<Directory>>,
    pub(super) clock: Arc<Clock>,
    pub(super) keyring: Arc<Keyring>,
    pub(super) lanes: Lanes,
}

impl Engine {
    /// Starts a planet in a data directory.
    ///
    /// # Errors
    /// When its file asks for what is not served, or the directory cannot be used.
    pub fn start(planet: &Planet, data: &Path, options: &Options) -> Result<(Self, Started), StartError> {
        crate::served::check(planet).map_err(StartError::NotServed)?;
        let policy = policy(planet)?;
        let new = !data.join("planet.json").exists();
        let (parts, recovered) = open(planet, data, options)?;
        let shards = shards_of(&parts);
        let mut follower = super::audit::follower(&parts, &shards)?;
        let before: u64 = shards.keys().map(|shard| parts.progress.of(*shard)).sum();
        follower.catch_up()?;
        super::audit::erase_again(&parts)?;
        expiry::fill(&parts.index)?;
        let (seats, book) = restore(&parts, &policy)?;
        let entries = shards.keys().map(|shard| parts.log.shard(*shard).next).sum();
        let agents = u64::try_from(locked(&parts.directory).agents()).unwrap_or(u64::MAX);
        let damage = seal_damaged(&parts, &shards, &recovered)?;
        let started = Started { new, entries, followed: entries - before.min(entries), agents, damage };
        let engine = run(planet, parts, (policy, book), (shards, seats, follower), options.lanes)?;
        Ok((engine, started))
    }
}

/// Seals the blocks of entries that are damaged behind the index, which does not
/// pass them again; what was found, in words.
fn seal_damaged(
    parts: &Parts,
    shards: &BTreeMap<u32, (u32, RegionTag)>,
    recovered: &store::Recovery,
) -> Result<Vec<String>, StartError> {
    let mut told = Vec::new();
    for damage in &recovered.damage {
        let mut words = damage.to_string();
        if let Loss::Entry { shard, block: index, .. } = damage.what
            && let Some((at, region)) = shards.get(&shard)
        {
            parts.index.seal(BlockRef { region: *region, index }, Some(&words))?;
            let id = parts.layout.region_id(*at);
            words = format!("block {id}/{index} is sealed: {words}");
        }
        told.push(words);
    }
    Ok(told)
}

fn policy(planet: &Planet) -> Result<Option<Policy>, StartError> {
    let Some(enrol) = &planet.enrol else { return Ok(None) };
    let keys = || enrol.keys.iter().map(|key| AgentId(key.value.0));
    let policy = match enrol.how.value {
        Enrolment::Open => Policy::open(enrol.quota.value),
        Enrolment::Invitation => Policy::invitation(keys()),
        Enrolment::List => Policy::list(keys()),
    };
    policy.map(Some).map_err(|why| StartError::NotServed(format!("[enrol] of the planet file: {why}")))
}

fn open(planet: &Planet, data: &Path, options: &Options) -> Result<(Parts, store::Recovery), StartError> {
    let only = options.only.as_deref();
    let layout = Layout::new(planet).map_err(|why| StartError::NotServed(why.to_string()))?;
    let served = |id: &str| only.is_none_or(|only| only == id);
    let blocks = |at: usize, id: &str| if served(id) { layout.blocks(at) } else { 0 };
    let ids = planet.region.iter().map(|region| region.id.to_string()).enumerate();
    let named: Vec<(String, u64)> = ids.map(|(at, id)| (id.clone(), blocks(at, &id))).collect();
    if let Some(only) = only.filter(|only| !named.iter().any(|(id, _)| id == only)) {
        return Err(StartError::NotServed(format!("the planet file has no region \"{only}\"")));
    }
    let home = Home::open(data, planet.planet.name.as_str(), &named)?;
    let clock = Arc::new(Clock::ahead(options.clock_ahead));
    let believed = Arc::new(Believed::read(&home.place.join("keys"), home.planet, clock.now())?);
    let signing = signing::here(&home.place.join("keys"));
    let acts = Acts::open(data, (planet.planet.name.as_str(), only), home.planet, Arc::clone(&clock))?;
    acts.follows(planet);
    let (mut regions, mut wrapping) = (Vec::with_capacity(named.len()), Wrapping::new());
    for ((id, blocks), region) in named.iter().zip(&planet.region) {
        let shard = |stretch| {
            let of = ShardOf { region: id.clone(), stretch };
            home.shards.iter().position(|shard| *shard == of).and_then(|at| u32::try_from(at).ok()).unwrap_or(u32::MAX)
        };
        let shards = (0..blocks.div_ceil(SHARD_BLOCKS)).map(shard).collect();
        let (key, mut wraps) = if served(id) { super::keys::read(&home, id, planet)? } else { (None, Vec::new()) };
        wrapping.entry(RegionTag::of(id)).or_insert_with(Vec::new).append(&mut wraps);
        let (tag, site) = (RegionTag::of(id), region.site.value);
        let shares = Mutex::new(Shares::new(region.capacity.as_ref().map(|capacity| capacity.value)));
        let drained = region.drained.value;
        regions.push(Region {
            id: id.clone(),
            tag,
            site,
            key,
            ages: Arc::default(),
            shards,
            blocks: *blocks,
            drained,
            shares,
        });
    }
    let salt = u64::from_be_bytes(entropy::bytes().map_err(system("draw entropy"))?);
    let disk = RealDisk::open(&home.place.join("log")).map_err(system("make the log's folder"))?;
    let (log, recovered) = Log::open(disk, store::Options { salt, ..options.log })?;
    let records = Reopened::open(home.place.join("index"), spaces(), CACHE)?;
    let log = Arc::new(log);
    let keyring = Arc::new(keyring(&home, wrapping, &log)?);
    let directory = Arc::new(Mutex::new(directory(&layout, &regions)));
    let seats = Arc::clone(&directory);
    let holds = move |agent| locked(&seats).place(agent).is_some();
    let index = Arc::new(Index::new(Arc::new(records), Box::new(holds)).with_words(home.words()?));
    let (progress, bells, lanes) = (Arc::new(Progress::new()), Arc::new(Bells::default()), Lanes::default());
    // Nothing is done to the planet before this; whatever fails from here on, somebody tried to start it.
    acts.begin(options.file, &believed.gateways(clock.now())).map_err(audit::home::HomeError::from)?;
    Ok((
        Parts {
            home,
            believed,
            signing,
            acts,
            layout,
            regions,
            log,
            index,
            progress,
            bells,
            directory,
            clock,
            keyring,
            lanes,
        },
        recovered,
    ))
}

/// The register of the owners' keys, which knows where the log ends.
fn keyring(home: &Home, wrapping: Wrapping, log: &Arc<Log<RealDisk>>) -> Result<Keyring, HomeError> {
    let log = Arc::clone(log);
    Keyring::open(&home.place.join(OWNERS), home.planet, wrapping, Box::new(move || log.end()))
}

/// Nobody sits anywhere yet.
fn directory(layout: &Layout, regions: &[Region]) -> Directory {
    let blocks: Vec<usize> =
        regions.iter().map(|region| usize::try_from(region.blocks).unwrap_or(usize::MAX)).collect();
    Directory::new(&blocks, u8::try_from(layout.slots()).unwrap_or(Slot::MOST))
}

/// Every shard that is served, with its region.
fn shards_of(parts: &Parts) -> BTreeMap<u32, (u32, RegionTag)> {
    let regions = (0..).zip(&parts.regions);
    regions.flat_map(|(at, region)| region.shards.iter().map(move |shard| (*shard, (at, region.tag)))).collect()
}

type Seats = Vec<(BlockId, Slot, u64)>;

/// Fills the directory and the book from the index.
fn restore(parts: &Parts, policy: &Option<Policy>) -> Result<(Seats, Book), StartError> {
    let mut seats = Vec::new();
    let mut directory = locked(&parts.directory);
    parts.index.seats(|block, seat| {
        let region = parts.regions.iter().position(|region| region.tag == block.region && block.index < region.blocks);
        // A region or a block that is no longer in the file is not served.
        let Some(region) = region.and_then(|region| u32::try_from(region).ok()) else { return };
        let block = BlockId { region, index: block.index };
        let (slot, until) = (seat.slot, seat.until);
        directory.restore(seat.agent, Place { block, slot, fencing: seat.fencing, until, rights: seat.rights });
        seats.push((block, slot, until.0.div_ceil(1_000)));
    })?;
    drop(directory);
    let (mut book, now) = (Book::default(), parts.clock.now());
    if policy.is_some() {
        parts.index.all(Space::Invited, |key, value| {
            let (agent, used) =
                invited(key, value).ok_or_else(|| Trouble("the index is damaged at an invitation".to_owned()))?;
            let invitation = Some((AgentId(used.inviter), Serial(used.serial)));
            book.remember(Record { agent, invitation, until: used.expires }, now);
            Ok(())
        })?;
    }
    Ok((seats, book))
}

type Found = (BTreeMap<u32, (u32, RegionTag)>, Seats, Follower);

/// What all lanes share.
fn shared(parts: &Parts) -> Arc<Shared> {
    Arc::new(Shared {
        planet: parts.home.planet,
        revoked: Revoked::default(),
        log: Arc::clone(&parts.log),
        index: Arc::clone(&parts.index),
        progress: Arc::clone(&parts.progress),
        directory: Arc::clone(&parts.directory),
        clock: Arc::clone(&parts.clock),
        failed: Mutex::default(),
        regions: (0..).zip(&parts.regions).map(|(at, region)| (region.tag, at)).collect(),
    })
}

fn run(
    planet: &Planet,
    parts: Parts,
    (policy, book): (Option<Policy>, Book),
    (shards, seats, follower): Found,
    lanes: usize,
) -> Result<Engine, StartError> {
    let shared = shared(&parts);
    let cores = thread::available_parallelism().map_or(1, usize::from).min(4);
    let count = if lanes == 0 { cores } else { lanes }.min(shards.len().max(1));
    let (mut lanes, mut threads) = (Vec::new(), Vec::new());
    for number in 0..count {
        let ((ask, asked), (in_flight, waiting)) = (sync_channel(MOST_ASKED), sync_channel(MOST_IN_FLIGHT));
        let mine = |shard: u32| usize::try_from(shard).is_ok_and(|shard| shard % count == number);
        let mut wheel = Wheel::new(parts.clock.now().0 / 1_000);
        for (block, slot, ends) in &seats {
            let region = &parts.regions[usize::try_from(block.region).unwrap_or(0)];
            let shard = Engine::shard(region, block.index);
            if mine(shard) {
                wheel.enter(*ends, (shard, block.index, *slot));
            }
        }
        let served = shards.iter().filter(|(shard, _)| mine(**shard)).map(|(shard, (region_at, region))| {
            let state = parts.log.shard(*shard);
            let epoch = state.epoch + 1;
            let rules = rules(planet, usize::try_from(*region_at).unwrap_or(usize::MAX));
            let shard_of = Shard::<Token>::new(*region, state.next, epoch, rules);
            (*shard, Served { shard: shard_of, epoch, region: *region })
        });
        let lane = Lane { shared: Arc::clone(&shared), shards: served.collect(), asked, in_flight, wheel };
        threads.push(spawn(format!("lane {number}"), move || lane.run())?);
        let answering = Arc::clone(&shared);
        threads.push(spawn(format!("answers {number}"), move || answer(&answering, &waiting))?);
        lanes.push(ask);
    }
    *locked(&parts.lanes) = lanes;
    let behind = super::behind::behind(follower, planet, &parts, &shards)?;
    Ok(Engine(Arc::new(Inner {
        planet: parts.home.planet,
        name: planet.planet.name.to_string(),
        regions: parts.regions,
        layout: parts.layout,
        retention: retention(planet),
        classes: classes(planet),
        node: parts.home.node,
        signing: parts.signing,
        believed: parts.believed,
        policy,
        access: Access::new(planet),
        book: Mutex::new(book),
        turnstile: Turnstile::new(planet, Some(Arc::clone(&parts.acts))),
        acts: parts.acts,
        keyring: parts.keyring,
        directory: parts.directory,
        index: parts.index,
        log: parts.log,
        progress: parts.progress,
        bells: parts.bells,
        shared,
        clock: parts.clock,
        lanes: parts.lanes,
        threads: Mutex::new(threads),
        behind: Mutex::new(behind),
        place: parts.home.place,
        _lock: parts.home.lock,
        backing_up: Mutex::new(()),
        erasing: Arc::new(Semaphore::new(1)),
    })))
}

fn answer(shared: &Shared, waiting: &Receiver<InFlight>) {
    lane::answer(shared, waiting);
}

pub(super) fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<thread::JoinHandle<()>, StartError> {
    thread::Builder::new().name(name).spawn(run).map_err(system("start a thread"))
}
