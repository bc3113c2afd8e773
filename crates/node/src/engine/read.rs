//! What can be looked at: chains, inboxes, blocks, agents.

use super::audit::place;
use super::keys::NodeKey;
use super::ops::CATCH_UP;
use super::{BlockAt, BlockStanding, ChainPart, Code, Engine, InboxMessage, Refusal, RegionStanding, Seated, locked};
use crate::acts::By;
use crate::lane::Ask;
use ::audit::entry::Act;
use block::chain::Head;
use block::kinds::{Cursor, Trouble};
use std::time::Duration;
use store::{Position, ReadError};
use trust::{AgentId, BlockRef};
use vocab::BlockId;

/// Bytes after which an answer holds no further entry or message: whoever asks
/// goes on from there.
const MOST_BYTES: usize = 4 << 20;

pub(super) fn trouble(why: &Trouble) -> Refusal {
    Refusal::new(Code::Unavailable, why.to_string()).after(super::FULL)
}

/// What is said of an entry that was pruned.
/// The node's word that a chain went through here.
fn sign_head(node: &NodeKey, head: &Head) -> [u8; 64] {
    node.key.sign(wire::CHAIN_HEAD, &wire::chain_head(head.block, head.sequence, head.link)).0
}

fn gone(sequence: u64, oldest: u64) -> Refusal {
    let what = format!("entry {sequence} is no longer kept: {oldest} is the oldest that is; a backup may have it");
    Refusal::new(Code::Gone, what)
}

impl Engine {
    /// Waits until the index knows what is durable of a shard now.
    pub(super) async fn caught_up(&self, shard: u32) -> Result<(), Refusal> {
        let durable = self.0.log.shard(shard).next;
        if self.0.progress.caught_up(shard, durable, CATCH_UP).await {
            return Ok(());
        }
        let what = self.0.progress.why_stuck().unwrap_or_else(|| "the index is far behind".to_owned());
        Err(Refusal::new(Code::Unavailable, what).after(super::FULL))
    }

    /// The same for every shard: a message may have been sent in any.
    pub(super) async fn all_caught_up(&self) -> Result<(), Refusal> {
        let shards = self.0.regions.iter().flat_map(|region| &region.shards);
        for shard in shards.filter(|shard| self.behind(**shard) > 0) {
            self.caught_up(*shard).await?;
        }
        Ok(())
    }

    /// One entry of a chain, as it was hashed.
    pub(super) async fn entry(&self, block: BlockRef, sequence: u64) -> Result<Vec<u8>, Refusal> {
        self.caught_up(self.at(block)?.0).await?;
        let oldest = self.0.index.oldest(block).map_err(|why| trouble(&why))?;
        let gone = || gone(sequence, oldest);
        if sequence < oldest {
            return Err(gone());
        }
        let place = self.0.index.places(block, sequence, 1).map_err(|why| trouble(&why))?;
        let (found, place) = place.first().copied().ok_or_else(gone)?;
        if found != sequence {
            return Err(gone());
        }
        self.read_entry(block, place)
    }

    fn read_entry(&self, block: BlockRef, place: Cursor) -> Result<Vec<u8>, Refusal> {
        let position = Position { segment: place.segment, offset: place.offset };
        match self.0.log.entry(position, place.sequence) {
            Ok(entry) => Ok(entry.bytes),
            Err(ReadError::Pruned { .. }) => {
                Err(Refusal::new(Code::Gone, "what is asked for has been pruned; a backup may have it"))
            }
            Err(ReadError::Damaged(damage)) => {
                let reason = damage.to_string();
                self.seal_for(block, &reason);
                Err(Refusal::new(Code::Unavailable, format!("{reason}; the block is sealed")).local())
            }
            Err(error) => Err(Refusal::new(Code::Unavailable, error.to_string())),
        }
    }

    /// Seals a block whose chain is damaged.
    fn seal_for(&self, block: BlockRef, reason: &str) {
        // Should this not be written down, the next reader finds the same.
        let _ = self.0.index.seal(block, Some(reason));
        if let Ok(at) = self.at(block) {
            let _ = self.ask(at.0, Ask::Seal { at, reason: Some(reason.to_owned()), reply: None });
        }
    }

    /// Entries of a chain from a sequence on, or for 0 from the oldest that is
    /// kept; when there are none yet, waits
    /// for one.
    ///
    /// # Errors
    /// When there is no such block, or what is asked for is gone.
    pub async fn chain(&self, at: &BlockAt, from: u64, most: usize, wait: Duration) -> Result<ChainPart, Refusal> {
        let (region, _) = self.find(at)?;
        let (block, shard) = (BlockRef { region: region.tag, index: at.index }, Self::shard(region, at.index));
        self.caught_up(shard).await?;
        let bell = self.0.bells.of_block(block);
        let mut head = self.0.index.head(block).map_err(|why| trouble(&why))?;
        let anchor = self.0.index.anchor(block).map_err(|why| trouble(&why))?;
        let oldest = anchor.map_or(1, |anchor| anchor.sequence.saturating_add(1));
        let from = if from == 0 { oldest } else { from };
        if from < oldest {
            return Err(gone(from, oldest));
        }
        if from > head.sequence && wait > Duration::ZERO {
            let mut rung = std::pin::pin!(bell.notified());
            rung.as_mut().enable();
            head = self.0.index.head(block).map_err(|why| trouble(&why))?;
            if from > head.sequence {
                // Nothing has come in time: the answer is empty.
                let _ = tokio::time::timeout(wait, rung).await;
                head = self.0.index.head(block).map_err(|why| trouble(&why))?;
            }
        }
        let places = self.0.index.places(block, from, most).map_err(|why| trouble(&why))?;
        let mut entries = Vec::with_capacity(places.len());
        let mut bytes = 0;
        for (_, place) in &places {
            let entry = self.read_entry(block, *place)?;
            bytes += entry.len();
            entries.push(entry);
            if bytes >= MOST_BYTES {
                break;
            }
        }
        let anchor = anchor.filter(|_| from == oldest);
        // Both by one key, also when another takes its place meanwhile.
        let node = self.0.node.present();
        let anchor = anchor.map(|anchor| (anchor.sequence, anchor.link, sign_head(&node, &anchor)));
        let (signature, head) = (sign_head(&node, &head), (head.sequence, head.link));
        Ok(ChainPart { entries, head, signature, node: node.key.id(), oldest, anchor })
    }

    /// Messages that wait for an agent, after a place; when there are none yet,
    /// waits for one.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn inbox(
        &self,
        agent: AgentId,
        after: Option<Cursor>,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<InboxMessage>, Refusal> {
        self.all_caught_up().await?;
        let bell = self.0.bells.of_agent(agent);
        let mut rung = std::pin::pin!(bell.notified());
        rung.as_mut().enable();
        let mut messages = self.0.index.messages(agent, after, most).map_err(|why| trouble(&why))?;
        if messages.is_empty() && wait > Duration::ZERO {
            // Nothing has come in time: the answer is empty.
            let _ = tokio::time::timeout(wait, rung).await;
            messages = self.0.index.messages(agent, after, most).map_err(|why| trouble(&why))?;
        }
        let mut bytes = 0;
        let few = messages.into_iter().take_while(|message| {
            let fits = bytes < MOST_BYTES;
            bytes += message.envelope.len();
            fits
        });
        let opened = few.map(|message| InboxMessage {
            cursor: message.cursor,
            from: message.from,
            time: message.time,
            id: message.id,
            block: message.block,
            sequence: message.sequence,
            message: self.open_envelope(message.block, message.from, message.id, &message.envelope),
        });
        Ok(opened.collect())
    }

    /// How the regions stand that are served here.
    #[must_use]
    pub fn regions(&self) -> Vec<RegionStanding> {
        let directory = locked(&self.0.directory);
        let served = (0..).zip(&self.0.regions).filter(|(_, region)| region.key.is_some());
        let regions = served.map(|(at, region)| {
            let (taken, free) = directory.taken_and_free(at);
            RegionStanding { id: region.id.clone(), blocks: region.blocks, taken, slots: taken + free }
        });
        regions.collect()
    }

    /// How a block stands.
    ///
    /// # Errors
    /// When there is no such block, or it cannot be read.
    pub async fn block(&self, at: &BlockAt) -> Result<BlockStanding, Refusal> {
        let (region, id) = self.find(at)?;
        let place = (Self::shard(region, at.index), at.index);
        let (reply, standing) = tokio::sync::oneshot::channel();
        self.ask(place.0, Ask::Standing { at: place, reply })?;
        let standing = standing.await.map_err(|_| Refusal::new(Code::Unavailable, "the block did not answer"))?;
        let standing = standing.map_err(|why| super::refused(&why))?;
        let free = locked(&self.0.directory).free_in(id);
        let slots = u32::try_from(self.0.layout.slots()).unwrap_or(u32::MAX);
        Ok(BlockStanding {
            block: at.clone(),
            number: self.0.layout.number(id).map_or(0, |number| number.0),
            entries: standing.head.sequence,
            link: standing.head.link,
            taken: slots.saturating_sub(free),
            slots,
            waiting: standing.waiting,
            sealed: standing.sealed,
        })
    }

    /// Blocks in which somebody holds a slot, in the order of the regions in
    /// the file, after one.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn blocks(&self, after: Option<BlockAt>, most: usize) -> Result<Vec<BlockStanding>, Refusal> {
        let from = match &after {
            Some(at) => self.find(at).map(|(_, id)| (id.region, id.index + 1))?,
            None => (0, 0),
        };
        let held = locked(&self.0.directory).blocks_from(BlockId { region: from.0, index: from.1 }, most);
        let mut standings = Vec::with_capacity(held.len());
        for block in held {
            standings.push(self.block(&self.at_of(block)).await?);
        }
        Ok(standings)
    }

    /// Agents that hold a slot, in the order of their names, after one.
    ///
    /// # Errors
    /// None today; a planet of several processes has to ask the others.
    #[allow(clippy::unused_async)] // Others will be asked.
    pub async fn agents(&self, after: Option<AgentId>, most: usize) -> Result<Vec<Seated>, Refusal> {
        let agents = locked(&self.0.directory).after(after, most);
        let seated = agents.into_iter().map(|(agent, place)| Seated {
            agent,
            block: self.at_of(place.block),
            slot: place.slot,
            fencing: place.fencing,
            until: place.until,
        });
        Ok(seated.collect())
    }

    fn at_of(&self, block: BlockId) -> BlockAt {
        BlockAt { region: self.0.layout.region_id(block.region).to_owned(), index: block.index }
    }

    /// Seals a block: it takes nothing more in until it is opened.
    ///
    /// # Errors
    /// When there is no such block, or that cannot be entered or written down.
    pub async fn seal(&self, by: &By, at: &BlockAt, reason: &str) -> Result<(), Refusal> {
        self.set_sealed(by, at, Some(reason)).await
    }

    /// Lets a sealed block go on.
    ///
    /// # Errors
    /// When there is no such block, or that cannot be entered or written down.
    pub async fn open_block(&self, by: &By, at: &BlockAt) -> Result<(), Refusal> {
        self.set_sealed(by, at, None).await
    }

    async fn set_sealed(&self, by: &By, at: &BlockAt, reason: Option<&str>) -> Result<(), Refusal> {
        let (region, _) = self.find(at)?;
        let block = BlockRef { region: region.tag, index: at.index };
        let (shard, reason) = ((Self::shard(region, at.index), at.index), reason.map(str::to_owned));
        let act = if reason.is_some() { Act::Sealed {} } else { Act::Opened {} };
        let (engine, why) = (self.clone(), reason.clone().unwrap_or_default());
        let done = async move {
            engine.0.index.seal(block, reason.as_deref()).map_err(|why| trouble(&why))?;
            engine.answer(shard.0, |reply| Ask::Seal { at: shard, reason, reply }).await.map(|_| ())
        };
        self.act(by, place(at), (act, why), done).await
    }
}
