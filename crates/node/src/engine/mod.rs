//! A planet that runs in this process, as requests see it: checks who asks,
//! seals what is asked, hands it to the lane of its block, and opens what
//! comes back.

mod access;
mod api;
mod audit;
mod backup;
mod behind;
mod erasures;
mod gate;
pub(crate) mod keys;
mod mailbox;
mod ops;
mod read;
mod rules;
mod sealing;
mod slots;
mod stances;
mod start;

pub use access::About;
pub use api::{
    Attached, BlockAt, BlockStanding, Body, ChainPart, Code, Erased, Erasures, InboxMessage, OpAsk, OpDone, OpSeen,
    Refusal, RegionStanding, Seated, Stance, Where,
};
pub use gate::{Connection, MOST_SESSIONS};
pub use mailbox::Mailbox;
pub use ops::{MOST_PATIENCE, Pending};
pub use sealing::MOST_KEY;
pub(crate) use sealing::context;
pub use slots::LEASE;
pub use start::{Options, StartError, Started};

use crate::acts::Acts;
use crate::believed::Believed;
use crate::below::Index;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::home::SHARD_BLOCKS;
use crate::keyring::Keyring;
use crate::lane::{Ask, Shared};
use crate::reply::{Reply, To, Token};
use crate::rotation::Ages;
use crate::turnstile::Turnstile;
use crate::wake::{Bells, Progress};
use block::kinds::ClassTag;
use block::shard::{Answer, Why};
use keys::{Keys, NodeKeys};
use planet::plan::layout::Layout;
use policy::access::Access;
use policy::shares::Shares;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::TrySendError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use store::{AppendError, Log, RealDisk};
use tokio::sync::{Semaphore, oneshot};
use trust::enrol::{Book, Policy};
use trust::rotation::Statement;
use trust::{AgentId, BlockRef, Moment, PlanetId, RegionTag};
use vocab::{BlockId, Millis, Site};

/// A region as it is served.
struct Region {
    id: String,
    tag: RegionTag,
    site: Site,
    /// What leases of its cells are made with; none where it is served by
    /// another process.
    key: Option<Arc<Keys>>,
    /// How old that key is, once it was looked at.
    ages: Arc<Ages>,
    /// The shard of each stretch of it.
    shards: Vec<u32>,
    blocks: u64,
    /// Whether the file has it emptied.
    drained: bool,
    /// What its gateways may let through.
    shares: Mutex<Shares<AgentId>>,
}

impl Region {
    fn key(&self) -> Result<&Keys, Refusal> {
        self.key.as_deref().ok_or_else(|| {
            let what = format!("region {} is served by another process of this planet: ask its gateway", self.id);
            Refusal::new(Code::WrongBlock, what)
        })
    }
}

/// A planet that runs. Clones are the same planet.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    planet: PlanetId,
    name: String,
    regions: Vec<Region>,
    layout: Layout,
    classes: Vec<(String, ClassTag)>,
    /// How long records of a class may be kept.
    retention: BTreeMap<ClassTag, Millis>,
    node: Arc<NodeKeys>,
    /// The operator, and gateways whose word is taken.
    believed: Arc<Believed>,
    policy: Option<Policy>,
    /// The roles and rules of the planet file.
    access: Access,
    book: Mutex<Book>,
    turnstile: Turnstile,
    acts: Arc<Acts>,
    keyring: Arc<Keyring>,
    directory: Arc<Mutex<Directory>>,
    index: Arc<Index>,
    log: Arc<Log<RealDisk>>,
    progress: Arc<Progress>,
    bells: Arc<Bells>,
    shared: Arc<Shared>,
    clock: Arc<Clock>,
    /// How old the keys are that sign, by name.
    signing: Vec<(String, Arc<Ages>)>,
    /// Emptied when it stops.
    lanes: start::Lanes,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// What follows the log, and what prunes it.
    behind: Mutex<Vec<JoinHandle<()>>>,
    /// Where everything is kept.
    place: PathBuf,
    /// That it is nobody else's.
    _lock: File,
    /// Held while a backup is taken: one at a time.
    backing_up: Mutex<()>,
    /// Demands for erasure are carried out one by one.
    erasing: Arc<Semaphore>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long a lane that is full is left alone.
const BUSY: Millis = Millis(50);
/// How long a disk that is full is left alone.
const FULL: Millis = Millis::seconds(1);

impl Engine {
    /// The planet's name for ever.
    #[must_use]
    pub fn planet(&self) -> PlanetId {
        self.0.planet
    }

    /// What its file calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The name of the node, whose key signs heads.
    #[must_use]
    pub fn node(&self) -> AgentId {
        self.0.node.present().key.id()
    }

    /// How that follows from the node's first key.
    #[must_use]
    pub fn line(&self) -> Vec<Statement> {
        self.0.node.present().line.clone()
    }

    /// Whether a region is served here.
    ///
    /// # Errors
    /// Where it is, or that there is none.
    pub fn serves(&self, region: &str) -> Result<(), Refusal> {
        let nowhere =
            || Refusal::new(Code::NotFound, format!("this planet has no region \"{region}\"")).field("region");
        self.0.regions.iter().find(|known| known.id == region).ok_or_else(nowhere)?.key().map(drop)
    }

    /// The time, as the planet knows it.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.0.clock.now()
    }

    /// Whether it can serve.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn ready(&self) -> Result<(), String> {
        if locked(&self.0.lanes).is_empty() {
            return Err("it is stopping".to_owned());
        }
        self.0.acts.ready()?;
        self.0.progress.why_stuck().map_or(Ok(()), Err)
    }

    /// Finishes what was taken in, lets the index catch up, and serves no more.
    /// The directory is free for another once the last clone is gone.
    pub fn stop(&self) {
        locked(&self.0.lanes).clear();
        for thread in std::mem::take(&mut *locked(&self.0.threads)) {
            // One that panicked has nothing left to finish.
            let _ = thread.join();
        }
        self.0.progress.stop();
        for thread in std::mem::take(&mut *locked(&self.0.behind)) {
            let _ = thread.join();
        }
        self.0.acts.end();
    }

    /// Figures about the planet: a name, labels, and a number each.
    #[must_use]
    pub fn figures(&self) -> Vec<(&'static str, String, u64)> {
        let mut figures = Vec::new();
        let directory = locked(&self.0.directory);
        figures.push(("mycel_agents", String::new(), u64::try_from(directory.agents()).unwrap_or(u64::MAX)));
        for (at, region) in (0..).zip(&self.0.regions) {
            let (taken, free) = directory.taken_and_free(at);
            let label = format!("region=\"{}\"", region.id);
            figures.push(("mycel_slots_taken", label.clone(), taken));
            figures.push(("mycel_slots_free", label.clone(), free));
            let behind: u64 = region.shards.iter().map(|shard| self.behind(*shard)).sum();
            figures.push(("mycel_index_behind_entries", label.clone(), behind));
            let entries: u64 = region.shards.iter().map(|shard| self.0.log.shard(*shard).next).sum();
            figures.push(("mycel_log_entries_total", label.clone(), entries));
            if region.key.is_some() {
                figures.extend(region.ages.figures(&format!("key=\"region\",{label}")));
            }
        }
        drop(directory);
        figures.extend(self.0.signing.iter().flat_map(|(name, ages)| ages.figures(&format!("key=\"{name}\""))));
        figures.extend(self.0.acts.key_figures());
        figures.extend(self.0.acts.figures().map(|(name, number)| (name, String::new(), number)));
        figures.push(("mycel_bans", String::new(), u64::try_from(self.bans().len()).unwrap_or(u64::MAX)));
        figures
    }

    fn behind(&self, shard: u32) -> u64 {
        self.0.log.shard(shard).next.saturating_sub(self.0.progress.of(shard))
    }

    /// A block of the plan, with its region.
    fn find(&self, block: &BlockAt) -> Result<(&Region, BlockId), Refusal> {
        let nowhere =
            || Refusal::new(Code::NotFound, format!("this planet has no block {}/{}", block.region, block.index));
        let at = self.0.regions.iter().position(|region| region.id == block.region).ok_or_else(nowhere)?;
        let region = &self.0.regions[at];
        region.key()?;
        if block.index >= region.blocks {
            return Err(nowhere());
        }
        Ok((region, BlockId { region: u32::try_from(at).unwrap_or(u32::MAX), index: block.index }))
    }

    fn region_of(&self, tag: RegionTag) -> Option<(u32, &Region)> {
        (0..).zip(&self.0.regions).find(|(_, region)| region.tag == tag)
    }

    /// A block as requests name it.
    fn named(&self, block: BlockRef) -> BlockAt {
        let region =
            self.region_of(block.region).map_or_else(|| block.region.to_string(), |(_, region)| region.id.clone());
        BlockAt { region, index: block.index }
    }

    /// The shard that a block is in.
    fn shard(region: &Region, index: u64) -> u32 {
        Self::shard_at(&region.shards, index)
    }

    /// The same, by the shards of its region.
    fn shard_at(shards: &[u32], index: u64) -> u32 {
        let stretch = usize::try_from(index / SHARD_BLOCKS).unwrap_or(usize::MAX);
        shards.get(stretch).copied().unwrap_or(u32::MAX)
    }

    /// Where a lane finds a block that a lease is for.
    fn at(&self, block: BlockRef) -> Result<(u32, u64), Refusal> {
        let nowhere = || Refusal::new(Code::NotFound, format!("this planet has no {block}"));
        let (_, region) = self.region_of(block.region).ok_or_else(nowhere)?;
        region.key()?;
        if block.index >= region.blocks {
            return Err(nowhere());
        }
        Ok((Self::shard(region, block.index), block.index))
    }

    /// Hands something to the lane of a shard.
    fn ask(&self, shard: u32, ask: Ask) -> Result<(), Refusal> {
        self.hand(shard, ask).map_err(|back| back.1)
    }

    /// The same; what could not be handed over comes back.
    fn hand(&self, shard: u32, ask: Ask) -> Result<(), Box<(Ask, Refusal)>> {
        let stopping = || Refusal::new(Code::Unavailable, "the planet is stopping").after(FULL);
        let lanes = locked(&self.0.lanes);
        let lane = usize::try_from(shard).ok().and_then(|shard| lanes.get(shard.checked_rem(lanes.len())?));
        let Some(lane) = lane else { return Err(Box::new((ask, stopping()))) };
        lane.try_send(ask).map_err(|error| match error {
            TrySendError::Full(ask) => {
                let full = Refusal::new(Code::Unavailable, "too many requests wait: try again").after(BUSY);
                // About the blocks of one lane, and no sign that the region is ill.
                Box::new((ask, full.local()))
            }
            TrySendError::Disconnected(ask) => Box::new((ask, stopping())),
        })
    }

    /// Asks and waits for the answer.
    async fn answer(&self, shard: u32, ask: impl FnOnce(Token) -> Ask) -> Result<Answer, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.ask(shard, ask(Some(To::One(reply))))?;
        self.read_reply(answer.await.unwrap_or(Reply::Gone))
    }

    /// What a lane's reply is to whoever asked.
    fn read_reply(&self, reply: Reply) -> Result<Answer, Refusal> {
        match reply {
            Reply::Answer(Answer::Refused(why)) => Err(refused(&why)),
            Reply::Answer(answer) => Ok(answer),
            Reply::NotOn(why) => Err(self.not_on(why)),
            Reply::Lost(error) => Err(lost(&error)),
            Reply::Refused(refusal) => Err(refusal),
            Reply::Done(_) | Reply::Gone => {
                let what = "the block stopped while it ran this; look whether it is sealed";
                let refusal = Refusal::new(Code::Unavailable, what).after(FULL);
                // A planet that stops, or whose log is stuck, is not well.
                Err(if self.ready().is_ok() { refusal.local() } else { refusal })
            }
        }
    }
}

/// What a shard's refusal is to whoever asked.
fn refused(why: &Why) -> Refusal {
    let what = why.to_string();
    match why {
        Why::Sealed(_) => Refusal::new(Code::Unavailable, what).local(),
        Why::NotHolder => Refusal::new(Code::Unknown, what),
        Why::NotTooOld => Refusal::new(Code::Conflict, what),
        Why::TooOld => Refusal::new(Code::Conflict, what),
        Why::TooNew => Refusal::new(Code::Bad, what).field("id"),
        Why::Rate(wait) => Refusal::new(Code::TooMany, what).after(*wait),
        Why::NoRate => Refusal::new(Code::Forbidden, what),
        Why::Full => Refusal::new(Code::TooMany, what).after(FULL),
        Why::Residency | Why::Consent(_) => Refusal::new(Code::Residency, what).field("class"),
        Why::Payload(_) => Refusal::new(Code::Bad, what),
        Why::Trouble(_) | Why::Crowded => Refusal::new(Code::Unavailable, what).after(FULL),
    }
}

/// What it means that something could not be made durable.
fn lost(error: &AppendError) -> Refusal {
    let what = match error {
        AppendError::Quota { limit } => format!(
            "the log has the {limit} bytes that it may have, and nothing in it is older than the planet file's \
             `chain_kept`; nothing was written and nothing is lost: start with a larger --quota, or keep less"
        ),
        error => error.to_string(),
    };
    let refusal = Refusal::new(Code::Unavailable, what);
    if error.is_retryable() || *error == AppendError::Poisoned { refusal.after(FULL) } else { refusal }
}
