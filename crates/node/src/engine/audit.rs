//! What the engine does to a planet at somebody's word, with its entry in the
//! audit log first; and erasures, which the log of the planet tells of.

use super::start::Parts;
use super::{About, BlockAt, Code, Engine, Refusal, locked};
use crate::acts::{Acts, By};
use crate::follower::{self, Follower};
use crate::keyring::Keyring;
use crate::lane::Ask;
use ::audit::entry::{Act, Key, Name, Place};
use block::chain::Entry;
use block::index::StanceRow;
use block::kinds::{Matter, Trouble, demanded};
use planet::Right;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use store::{Log, RealDisk};
use trust::attach::Session;
use trust::{BlockRef, RegionTag};

/// A block, as entries name it.
pub(super) fn place(block: &BlockAt) -> Place {
    Place::Block(Name::cut(&block.region), block.index)
}

impl Engine {
    /// The audit log of this process.
    #[must_use]
    pub fn acts(&self) -> &Arc<Acts> {
        &self.0.acts
    }

    /// Whoever holds a session, and what gives it a right.
    #[must_use]
    pub fn by(&self, session: &Session, right: Right, about: About<'_>, source: Option<IpAddr>) -> By {
        By::allowed(session.lease().agent, right, &self.decide(session, right, about), source)
    }

    /// Enters an act and does it, also when whoever asked goes away meanwhile:
    /// nothing is to stay between the entry and the act.
    pub(super) async fn act<T: Send + 'static>(
        &self,
        by: &By,
        place: Place,
        (act, reason): (Act, String),
        done: impl Future<Output = Result<T, Refusal>> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (acts, by) = (Arc::clone(&self.0.acts), by.clone());
        let doing = tokio::spawn(async move {
            let (to_enter, entered_by, at) = (Arc::clone(&acts), by.clone(), place.clone());
            let entered = tokio::task::spawn_blocking(move || to_enter.enter(&entered_by, at, act, &reason));
            let entry = entered.await.map_err(|_| early())??;
            let done = done.await;
            if let Err(refusal) = &done {
                let what = refusal.what.clone();
                let told = tokio::task::spawn_blocking(move || acts.not_done(&by, (place, entry), &what));
                told.await.map_err(|_| early())?;
            }
            done
        });
        doing.await.map_err(|_| early())?
    }
}

fn early() -> Refusal {
    Refusal::new(Code::Internal, "what was begun ended early")
}

/// What an erasure needs that its agent has sent itself.
struct Erasures {
    keyring: Arc<Keyring>,
    acts: Arc<Acts>,
    log: Arc<Log<RealDisk>>,
    regions: Vec<(RegionTag, String)>,
}

impl Erasures {
    fn of(parts: &Parts) -> Self {
        let (keyring, acts, log) = (Arc::clone(&parts.keyring), Arc::clone(&parts.acts), Arc::clone(&parts.log));
        let regions = parts.regions.iter().map(|region| (region.tag, region.id.clone())).collect();
        Self { keyring, acts, log, regions }
    }

    /// Destroys the keys that an erasure is about; the entry is first, unless a
    /// demand brought it, which was entered when it came.
    fn carry_out(&self, row: &StanceRow, by: Option<&By>) -> Result<(), Trouble> {
        let (agent, place) = (row.agent, follower::position(row.place));
        let told =
            |why: &dyn std::fmt::Display| Trouble(format!("the erasure of {agent} cannot be carried out: {why}"));
        // Where there is nothing to destroy nothing is done: so what is followed again is not entered again.
        if !self.keyring.has_older(agent.into(), place) {
            return Ok(());
        }
        let own = By::own(agent, None);
        if let Some(by) = by.or_else(|| (!self.is_demanded(row)).then_some(&own)) {
            let region = self.regions.iter().find(|(tag, _)| *tag == row.block.region);
            let region = region.map_or_else(|| row.block.region.to_string(), |(_, id)| id.clone());
            let at = Place::Block(Name::cut(&region), row.block.index);
            let reason = if by == &own { "" } else { "the register of keys was an older one" };
            self.acts.enter(by, at, Act::Erased { owner: Key(agent.0) }, reason).map_err(|why| told(&why))?;
        }
        self.keyring.destroy_older(agent.into(), place).map(drop).map_err(|why| told(&why))
    }

    fn is_demanded(&self, row: &StanceRow) -> bool {
        let entry = self.log.entry(follower::position(row.place), row.place.sequence);
        // What cannot be read is entered: twice is better than never.
        entry.is_ok_and(|entry| Entry::decode(&entry.bytes).is_ok_and(|entry| demanded(&entry).is_some()))
    }
}

/// Whoever makes the index follow, and tells lanes of damage and the register of
/// keys of erasures.
pub(super) fn follower(parts: &Parts, shards: &BTreeMap<u32, (u32, RegionTag)>) -> Result<Follower, Trouble> {
    let regions = shards.iter().map(|(shard, (_, tag))| (*shard, *tag)).collect();
    let (lanes, numbers) = (Arc::clone(&parts.lanes), shards.clone());
    let on_damage = Box::new(move |block: BlockRef, reason: &str| {
        let stretch = |(_, (_, tag)): &(&u32, &(u32, RegionTag))| *tag == block.region;
        let of_region: Vec<u32> = numbers.iter().filter(stretch).map(|(shard, _)| *shard).collect();
        for shard in of_region {
            let at = (shard, block.index);
            let seal = Ask::Seal { at, reason: Some(reason.to_owned()), reply: None };
            let lanes = locked(&lanes);
            // A lane that is too busy learns of it when the block is loaded or read.
            if let Some(which) = usize::try_from(shard).unwrap_or(0).checked_rem(lanes.len()) {
                let _ = lanes[which].try_send(seal);
            }
        }
    });
    let erasures = Erasures::of(parts);
    let told = follower::Told { damage: on_damage, erasure: Box::new(move |row| erasures.carry_out(row, None)) };
    let (index, progress) = (Arc::clone(&parts.index), Arc::clone(&parts.progress));
    Follower::new(Arc::clone(&parts.log), index, progress, Arc::clone(&parts.bells), regions, told)
}

/// Carries out again every erasure that the index knows of: the register of the
/// owners' keys may be an older one, restored.
pub(super) fn erase_again(parts: &Parts) -> Result<(), Trouble> {
    let (erasures, by) = (Erasures::of(parts), By::node());
    parts.index.stances(Matter::Erasure, None, |row| erasures.carry_out(&row, Some(&by)))
}
