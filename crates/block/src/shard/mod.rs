//! The blocks of one stretch of a region, and what they append to their log:
//! whoever asks hands in the time and what was stored, and takes away what is
//! to be made durable and what may be answered then.
//!
//! It must never answer an op before its entry is durable: answers travel with
//! the entries that they are about. Nor may one block's trouble reach another:
//! a panic seals the block that it happened in.
//!
//! Envelope: an op costs one hash of its entry, one copy of its payload into
//! the batch, and two searches; no allocation but its answer's. A block that
//! is served costs about 200 bytes and 64 for each holder of a slot, one that
//! is not nothing here.

mod answer;
mod block;
mod deeds;
mod desk;
mod erasure;
mod over;
mod overlay;
mod pending;
mod seat;

pub use answer::{Answer, Ended, Why};
pub use block::MOST_LOADED;
pub use overlay::Earlier;
pub use seat::Seat;

use crate::Planted;
use crate::chain::{Head, OpId};
use crate::house::{Deed, Left};
use crate::index::SeatRow;
use crate::kinds::{ClassTag, Effect, Stored, Tag, Trouble, View};
use crate::queue::{MOST_TRIES, Op};
use crate::rate::Limits;
use block::Block;
use desk::Desk;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use trust::erasure::Demand;
use trust::{AgentId, BlockRef, Moment, RegionTag};
use vocab::{Millis, Slot};

/// The pause before a failed op is tried again, for each try that failed. It
/// holds up the block, so it is short.
pub const PAUSE: Millis = Millis(20);

/// The longest pause. What is to be tried again later than this was put off by
/// a clock that has stepped back since, and is tried at once.
const MOST_PAUSE: Millis = Millis(PAUSE.0 * (MOST_TRIES as u64 - 1));

/// How often a shard looks for blocks at rest: it goes through all of them.
const SWEEP: Millis = Millis::seconds(1);

/// What holds for every block of a shard.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How often the holder of a slot may send an op.
    pub limits: Limits,
    /// How many ops may wait in a block.
    pub waiting: usize,
    /// The residency classes whose records may be here.
    pub classes: Vec<ClassTag>,
    /// Those whose owner has to have agreed, each with its name in the file.
    pub consent: BTreeMap<ClassTag, String>,
    /// How long a record of a class may be kept.
    pub retention: BTreeMap<ClassTag, Millis>,
    /// Tests only.
    #[doc(hidden)]
    pub planted: Planted,
}

impl Rules {
    /// Whether a record has been kept for as long as its class lets it.
    #[must_use]
    pub fn is_too_old(&self, stored: &Stored, now: Moment) -> bool {
        self.retention.get(&stored.class).is_some_and(|kept| stored.time.after(*kept) <= now)
    }
}

/// What is stored of a block that is not here.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Where its chain ends.
    pub head: Head,
    /// Who holds its slots, with the newest name and the last op of each.
    pub seats: Vec<(SeatRow, u64, Moment)>,
    /// Why it was sealed, if it was.
    pub sealed: Option<String>,
}

/// What was stored, as far as the index has followed.
pub trait Below: View {
    /// A block.
    fn load(&self, block: BlockRef) -> Result<Loaded, Trouble>;
    /// What an agent did last in a block, whether or not it holds a slot: its
    /// newest name, and when.
    fn last(&self, block: BlockRef, agent: AgentId) -> Result<Option<(u64, Moment)>, Trouble>;
    /// An op that has ended, and how many of its agent's have since, counted up
    /// to 64.
    fn known(&self, block: BlockRef, agent: AgentId, op: OpId) -> Result<Option<Earlier>, Trouble>;
}

/// What the shell has to hear once the entries are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A slot is free again.
    Released(BlockRef, Slot, AgentId),
}

/// What is to be made durable in one go, and what follows from that.
#[derive(Debug)]
pub struct Batch<T> {
    /// The sequence in the shard that its first entry gets.
    pub first: u64,
    /// The entries, one behind the other.
    pub bytes: Vec<u8>,
    /// The block of each, and where it ends in the bytes.
    pub entries: Vec<(u64, usize)>,
    /// What to answer when they are durable.
    pub answers: Vec<(T, Answer)>,
    /// Whom to tell then.
    pub notices: Vec<Notice>,
}

impl<T> Batch<T> {
    /// A batch of nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(0)
    }

    fn new(first: u64) -> Self {
        Self { first, bytes: Vec::new(), entries: Vec::new(), answers: Vec::new(), notices: Vec::new() }
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.answers.is_empty() && self.notices.is_empty()
    }

    /// The entries, each with its block.
    pub fn entries(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let starts = std::iter::once(0).chain(self.entries.iter().map(|(_, end)| *end));
        self.entries.iter().zip(starts).map(|((block, end), start)| (*block, &self.bytes[start..*end]))
    }
}

/// Some blocks of a region.
#[derive(Debug)]
pub struct Shard<T> {
    /// Boxed: the nodes of a map are half empty.
    blocks: BTreeMap<u64, Box<Block<T>>>,
    desk: Desk<T>,
}

impl<T> Shard<T> {
    /// A shard whose next entry has this sequence, and whose writer this epoch.
    /// The index has to have followed to there.
    #[must_use]
    pub fn new(region: RegionTag, next: u64, epoch: u64, rules: Rules) -> Self {
        Self { blocks: BTreeMap::new(), desk: Desk::new(region, next, epoch, rules) }
    }

    /// Takes an op in, for the holder of a slot whose lease has this fencing
    /// token.
    pub fn op(&mut self, at: (u64, Slot, u64), op: Op, token: T, now: Moment, below: &dyn Below) {
        self.in_block(at.0, token, now, below, |block, desk| block.submit(desk, (at.1, at.2), op, now, below));
    }

    /// Where an op is.
    pub fn state(&mut self, index: u64, of: (AgentId, OpId), token: T, now: Moment, below: &dyn Below) {
        self.in_block(index, token, now, below, |block, desk| block.state(desk, of, below));
    }

    /// Takes an op back that has not begun.
    pub fn cancel(&mut self, index: u64, of: (AgentId, OpId), token: T, now: Moment, below: &dyn Below) {
        self.in_block(index, token, now, below, |block, desk| block.cancel(desk, of, now, below));
    }

    /// Gives a slot to an agent.
    pub fn assign(&mut self, index: u64, agent: AgentId, deed: Deed, token: T, now: Moment, below: &dyn Below) {
        self.in_block(index, token, now, below, |block, desk| block.deed(desk, agent, deed, now, below));
    }

    /// Ends what a lease gave, if it is still the one with this fencing token
    /// and, when it is to have expired, really has.
    pub fn release(&mut self, at: (u64, Slot, Option<u64>), why: Left, token: T, now: Moment, below: &dyn Below) {
        self.in_block(at.0, token, now, below, |block, desk| {
            block.release(desk, (at.1, why), at.2, now, below);
        });
    }

    /// Ends a record that has been kept for as long as its class lets it.
    pub fn expire(&mut self, index: u64, of: (AgentId, Tag), token: T, now: Moment, below: &dyn Below) {
        self.in_block(index, token, now, below, |block, desk| block.expire(desk, of, now, below));
    }

    /// Writes the erasure of what an agent had sealed, on a demand that whoever
    /// calls this has checked: no slot is asked for, and no rate. `result` is
    /// what is told of it later. Under the same name nothing is written twice.
    pub fn erase(&mut self, index: u64, told: (&Demand, OpId, &[u8]), token: T, now: Moment, below: &dyn Below) {
        self.in_block(index, token, now, below, |block, desk| block.erase(desk, told, now, below));
    }

    /// Seals a block, or opens it again. One that is opened is read anew where
    /// the index has followed it, because the chain that was damaged ends where
    /// the index says; and the leases that have ended meanwhile end now.
    pub fn seal(&mut self, index: u64, reason: Option<String>, token: T, now: Moment, below: &dyn Below) {
        let opens = reason.is_none();
        if opens && self.blocks.get(&index).is_some_and(|block| block.may_be_read_anew(self.desk.followed)) {
            self.blocks.remove(&index);
        }
        self.in_block(index, token, now, below, |block, desk| {
            block.seal(desk, reason);
            desk.in_time(Answer::Written(block.head().sequence));
            if opens {
                block.end_leases(desk, now, below);
            }
        });
    }

    /// The fencing token of a slot's present assignment, with its holder.
    pub fn seat(&mut self, index: u64, slot: Slot, now: Moment, below: &dyn Below) -> Result<Option<Seat>, Why> {
        Ok(self.load(index, now, below)?.seat(slot).copied())
    }

    /// How a block stands: its head, its seats, how many ops wait, and why it
    /// is sealed.
    pub fn standing(&mut self, index: u64, now: Moment, below: &dyn Below) -> Result<Standing, Why> {
        Ok(self.load(index, now, below)?.standing())
    }

    /// The ops of a block that have not ended, in their order.
    pub fn waiting(&self, index: u64) -> Vec<(AgentId, OpId, u8)> {
        self.blocks.get(&index).map_or_else(Vec::new, |block| block.waiting())
    }

    /// Tries again what is due; whether anything was.
    pub fn tick(&mut self, now: Moment, below: &dyn Below) -> bool {
        let mut any = false;
        while let Some(index) = self.desk.due(now) {
            any = true;
            let Some(block) = self.blocks.get_mut(&index) else { continue };
            let desk = &mut self.desk;
            if catch_unwind(AssertUnwindSafe(|| block.go_on(desk, now, below))).is_err() {
                block.panicked(desk);
            }
        }
        any
    }

    /// When something is to be tried again.
    #[must_use]
    pub fn next_try(&self) -> Option<Moment> {
        self.desk.retries.first().map(|(due, _)| *due)
    }

    /// Bytes that are to be made durable.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.desk.batch.bytes.len()
    }

    /// What is to be made durable now, in the order of the calls.
    pub fn take(&mut self) -> Option<Batch<T>> {
        if self.desk.batch.is_empty() {
            return None;
        }
        let next = self.desk.next;
        Some(std::mem::replace(&mut self.desk.batch, Batch::new(next)))
    }

    /// What can be answered at once.
    pub fn answers(&mut self) -> Vec<(T, Answer)> {
        std::mem::take(&mut self.desk.now)
    }

    /// Blocks that have sealed themselves, which has to be written down.
    pub fn sealed(&mut self) -> Vec<(BlockRef, String)> {
        std::mem::take(&mut self.desk.sealed)
    }

    /// The sequence that the next entry gets.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.desk.next
    }

    /// Bytes that are kept because the index has not followed yet.
    #[must_use]
    pub const fn unfollowed(&self) -> usize {
        self.desk.overlay.bytes()
    }

    /// The index has followed up to here: what it knows need not be kept, and
    /// blocks that it knows the end of go once they are at rest.
    pub fn indexed(&mut self, up_to: u64, now: Moment) {
        let desk = &mut self.desk;
        desk.overlay.forget(up_to);
        desk.followed = desk.followed.max(up_to);
        // A clock that has stepped back puts nothing off.
        if self.blocks.len() > MOST_LOADED / 2 && (now < desk.swept || now.since(desk.swept) >= SWEEP) {
            desk.swept = now;
            self.blocks.retain(|_, block| !block.is_at_rest(now, desk.followed));
        }
    }

    /// Lets a block go that has nothing to do and that the index knows the end
    /// of; whether it did.
    pub fn evict(&mut self, index: u64) -> bool {
        let followed = self.desk.followed;
        self.blocks.get(&index).is_some_and(|block| block.may_go(followed)) && self.blocks.remove(&index).is_some()
    }

    /// How many blocks are loaded.
    #[must_use]
    pub fn loaded(&self) -> usize {
        self.blocks.len()
    }

    /// Nothing that was not durable has happened: everything is loaded anew.
    /// The index has to have followed to the end of the log. Those who still
    /// waited for an answer, which was lost.
    pub fn start_again(&mut self, next: u64) -> Vec<T> {
        let mut lost = self.desk.start_again(next);
        for block in std::mem::take(&mut self.blocks).into_values() {
            lost.extend(block.into_tokens());
        }
        lost
    }

    fn load(&mut self, index: u64, now: Moment, below: &dyn Below) -> Result<&mut Block<T>, Why> {
        if !self.blocks.contains_key(&index) {
            if self.blocks.len() >= MOST_LOADED {
                return Err(Why::Crowded);
            }
            let block = BlockRef { region: self.desk.region, index };
            let loaded = below.load(block).map_err(|trouble| Why::Trouble(trouble.to_string()))?;
            self.blocks.insert(index, Box::new(Block::new(loaded, self.desk.rules.limits, now)));
        }
        let block = self.blocks.get_mut(&index).ok_or(Why::Crowded)?;
        block.touch(now);
        Ok(block)
    }

    fn in_block(
        &mut self,
        index: u64,
        token: T,
        now: Moment,
        below: &dyn Below,
        work: impl FnOnce(&mut Block<T>, &mut Desk<T>),
    ) {
        if let Err(why) = self.load(index, now, below) {
            self.desk.now.push((token, Answer::Refused(why)));
            return;
        }
        let Some(block) = self.blocks.get_mut(&index) else { return };
        let desk = &mut self.desk;
        desk.asking = Some(token);
        if catch_unwind(AssertUnwindSafe(|| work(block, desk))).is_err() {
            block.panicked(desk);
        }
    }
}

/// How a block stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Where its chain ends.
    pub head: Head,
    /// Who holds its slots.
    pub seats: Vec<(Slot, AgentId, u64, Moment)>,
    /// Ops that have not ended.
    pub waiting: usize,
    /// Why it is sealed.
    pub sealed: Option<String>,
}

/// Whether what an op would change may be kept here.
fn may_be_here(effect: &Effect<'_>, rules: &Rules) -> bool {
    match effect {
        Effect::Put(_, class, _) => *class == ClassTag::NONE || rules.classes.contains(class),
        _ => true,
    }
}
