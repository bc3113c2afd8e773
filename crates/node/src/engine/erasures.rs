//! Erasures that somebody demands by a signature of their own, with no lease:
//! an owner who has none here any more, or whoever administers the planet.
//!
//! It must never destroy a key that no entry tells of: it has the entries
//! written, and whoever follows the log carries them out, as it does those that
//! agents send themselves.
//!
//! A demand can be sent again by whoever catches it, so under the same demand
//! an owner who began anew meanwhile loses nothing: it is about the blocks that
//! the owner was in before. Without a key here there is nothing to erase, and no
//! entry is written, so that an owner has as many entries as ops.

use super::api::{Erased, Erasures};
use super::read::trouble;
use super::{Code, Engine, Refusal, locked};
use crate::lane::Ask;
use ::audit::entry::{Act, Key, Place};
use block::chain::{Entry, OpId, link};
use block::index::{Space, StanceRow, block_of};
use block::kinds::{Matter, Trouble, demanded};
use block::queue::REMEMBERED;
use block::shard::{Answer, Below as _};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use trust::erasure::{AHEAD, Demand, LONGEST, Refused};
use trust::{AgentId, BlockRef, Moment};

/// How long a demand waits for those before it. They are carried out one by
/// one: each looks into every chain that there is, some microseconds a chain.
const TURN: Duration = Duration::from_secs(5);

const _: () = assert!(LONGEST.0 + AHEAD.0 < REMEMBERED.0, "as long as a demand is good, its name is remembered");

/// What there is to do for a demand.
struct Plan {
    /// The blocks whose chains are to say so.
    wanted: Vec<BlockRef>,
    /// Keys that will be destroyed.
    keys: u64,
    /// Whether chains tell of this demand already.
    is_again: bool,
    /// Erasures of the owner that chains tell of already.
    standing: Vec<StanceRow>,
}

/// The name of a demand's entries.
fn name(demand: &Demand) -> OpId {
    OpId::new(demand.asked, u128::from_be_bytes(demand.digest()))
}

impl Engine {
    /// Erases what an owner had sealed in this process, on a demand: answered
    /// when the entries that say so are durable and the keys destroyed. The same
    /// demand again is answered alike, and writes nothing more. With `only_ask`
    /// nothing is erased: it is said whether it may be.
    ///
    /// # Errors
    /// When the demand is not good here, or not all of it could be done: then it
    /// is to be sent again.
    pub async fn erase(&self, demand: &Demand, only_ask: bool, source: IpAddr) -> Result<Erasures, Refusal> {
        self.check(demand, source)?;
        let by = self.may_demand(demand, source)?;
        if only_ask {
            return Ok(Erasures { erased: Vec::new(), keys: 0 });
        }
        self.all_caught_up().await?;
        let owner = demand.agent;
        if self.0.keyring.regions_of(owner.into()).is_empty() && self.stances_of(owner)?.is_empty() {
            return Ok(Erasures { erased: Vec::new(), keys: 0 });
        }
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.0.erasing).acquire_owned()).await;
        let busy = || Refusal::new(Code::Unavailable, "other erasures are being carried out: try again");
        let turn = turn.ok().and_then(Result::ok).ok_or_else(|| busy().after(super::FULL))?;
        let (engine, asked) = (self.clone(), *demand);
        let plan = tokio::task::spawn_blocking(move || engine.plan(&asked)).await;
        let stopped = |_| Refusal::new(Code::Internal, "an erasure's task ended early");
        let plan = plan.map_err(stopped)?.map_err(|why| trouble(&why))?;
        if plan.wanted.is_empty() {
            return self.stand(&plan.standing).await;
        }
        // The same demand again goes on with what was entered when it first came.
        if plan.is_again {
            return self.carry_out(demand, &plan).await;
        }
        let (engine, asked) = (self.clone(), *demand);
        let done = async move {
            let _held = turn;
            engine.carry_out(&asked, &plan).await
        };
        self.act(&by, Place::Planet, (Act::Erased { owner: Key(owner.0) }, String::new()), done).await
    }

    fn check(&self, demand: &Demand, source: IpAddr) -> Result<(), Refusal> {
        demand.check(self.0.planet, self.now()).map_err(|why| {
            let what = why.to_string();
            match why {
                Refused::Signature => {
                    self.failed(source);
                    Refusal::new(Code::Unknown, what)
                }
                Refused::Stale => Refusal::new(Code::Bad, what).field("demand"),
                Refused::OtherPlanet => Refusal::new(Code::Forbidden, what),
            }
        })
    }

    fn stances_of(&self, owner: AgentId) -> Result<Vec<StanceRow>, Refusal> {
        self.said_by(owner).map_err(|why| trouble(&why))
    }

    fn said_by(&self, owner: AgentId) -> Result<Vec<StanceRow>, Trouble> {
        let mut rows = Vec::new();
        for matter in [Matter::Erasure, Matter::Consent, Matter::OptOut] {
            self.0.index.stances(matter, Some(owner), |row| {
                rows.push(row);
                Ok(())
            })?;
        }
        Ok(rows)
    }

    fn plan(&self, demand: &Demand) -> Result<Plan, Trouble> {
        let (owner, id) = (demand.agent, name(demand));
        let said = self.said_by(owner)?;
        let standing: Vec<_> = said.iter().filter(|row| row.matter == Matter::Erasure).copied().collect();
        let mut known = Vec::new();
        for row in &standing {
            if self.0.index.known(row.block, owner, id)?.is_some() {
                known.push(row.block);
            }
        }
        let sealed_in = self.0.keyring.regions_of(owner.into());
        if known.is_empty() && sealed_in.is_empty() {
            return Ok(Plan { wanted: Vec::new(), keys: 0, is_again: false, standing });
        }
        let been = self.been_in(owner, &said)?;
        let mut wanted: Vec<_> = been.iter().map(|(block, since)| (*block, *since)).collect();
        if known.is_empty() {
            // A region where nothing tells of the owner but its key.
            let unseen = sealed_in.iter().filter(|region| been.keys().all(|block| block.region != **region));
            wanted.extend(unseen.map(|region| (BlockRef { region: *region, index: 0 }, demand.asked)));
        } else {
            // It was here before, and perhaps cut short; what is newer it is not about.
            wanted.retain(|(block, since)| known.contains(block) || *since <= demand.asked);
        }
        let wanted = wanted.into_iter().map(|(block, _)| block).filter(|block| self.at(*block).is_ok()).collect();
        let keys = u64::try_from(sealed_in.len()).unwrap_or(u64::MAX);
        Ok(Plan { wanted, keys, is_again: !known.is_empty(), standing })
    }

    /// The blocks that an agent has a slot in, has sent ops in, or has said
    /// something in, each with the moment of the first that is still known.
    fn been_in(&self, agent: AgentId, said: &[StanceRow]) -> Result<BTreeMap<BlockRef, Moment>, Trouble> {
        let index = &self.0.index;
        let mut been = BTreeMap::new();
        let mut since = |block, moment: Moment| {
            let first = been.entry(block).or_insert(moment);
            *first = moment.min(*first);
        };
        for row in said {
            since(row.block, row.stance.time);
        }
        if let Some(place) = locked(&self.0.directory).place(agent)
            && let Some(region) = self.0.regions.get(usize::try_from(place.block.region).unwrap_or(usize::MAX))
        {
            // Where it has done nothing yet nothing is older than any demand.
            since(BlockRef { region: region.tag, index: place.block.index }, Moment(u64::MAX));
        }
        index.all(Space::Heads, |key, _| {
            let Some(block) = block_of(key) else { return Ok(()) };
            if let Some((_, last)) = index.last(block, agent)? {
                since(block, index.first_name(block, agent)?.unwrap_or(last));
            }
            Ok(())
        })?;
        Ok(been)
    }

    /// Has the entries written, and waits until they are carried out.
    async fn carry_out(&self, demand: &Demand, plan: &Plan) -> Result<Erasures, Refusal> {
        let written = plan.wanted.iter().map(|block| self.erase_in(*block, demand, plan.keys));
        let (mut all, mut refused) = (Erasures { erased: Vec::new(), keys: 0 }, None);
        for (block, written) in plan.wanted.iter().zip(join_all(written).await) {
            match written {
                Ok((erased, keys)) => {
                    self.carried_out(*block).await?;
                    all.erased.push(erased);
                    all.keys = all.keys.max(keys);
                }
                Err(refusal) => {
                    let at = self.named(*block);
                    let what = format!("block {}/{} cannot say so: {}", at.region, at.index, refusal.what);
                    refused = Some(Refusal { what, ..refusal });
                }
            }
        }
        refused.map_or(Ok(all), Err)
    }

    /// Has the entry written in one block; the entry, and how many keys it was
    /// the end of in this process.
    async fn erase_in(&self, block: BlockRef, demand: &Demand, keys: u64) -> Result<(Erased, u64), Refusal> {
        let at = self.at(block)?;
        let (demand, id) = (*demand, name(demand));
        let answer = self.answer(at.0, |reply| Ask::Erase { at, demand: Box::new(demand), id, keys, reply }).await?;
        match answer {
            Answer::Ended(ended) => {
                let erased = Erased { block: self.named(block), sequence: ended.sequence, link: ended.link };
                Ok((erased, keys))
            }
            Answer::Before(_, sequence) => {
                let bytes = self.entry(block, sequence).await?;
                let entry = Entry::decode(&bytes).map_err(|why| Refusal::new(Code::Internal, why.to_string()))?;
                // Names are agents' to choose.
                if demanded(&entry) != Some(demand) {
                    let what = "the owner has sent an op under this demand's name: sign a new demand";
                    return Err(Refusal::new(Code::Conflict, what));
                }
                let keys = entry.result.try_into().map_or(0, u64::from_be_bytes);
                Ok((Erased { block: self.named(block), sequence, link: link(&bytes) }, keys))
            }
            other => Err(Refusal::new(Code::Internal, format!("an erasure was answered by {other:?}"))),
        }
    }

    /// What was erased before: there is no key that is newer.
    async fn stand(&self, standing: &[StanceRow]) -> Result<Erasures, Refusal> {
        let mut erased = Vec::new();
        for StanceRow { block, stance, .. } in standing.iter().filter(|row| self.at(row.block).is_ok()) {
            match self.entry(*block, stance.sequence).await {
                Ok(bytes) => {
                    let (block, sequence) = (self.named(*block), stance.sequence);
                    erased.push(Erased { block, sequence, link: link(&bytes) });
                }
                // Its chain was pruned.
                Err(refusal) if refusal.code == Code::Gone => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(Erasures { erased, keys: 0 })
    }
}
