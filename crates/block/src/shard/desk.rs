//! What the blocks of a shard share: the batch that grows, the answers that
//! wait, and what is to be tried again.

use super::overlay::Overlay;
use super::{Answer, Batch, MOST_PAUSE, Rules, Why};
use crate::chain::{Entry, Head, OpId, Outcome, link};
use std::collections::BTreeSet;
use trust::{AgentId, BlockRef, Moment, RegionTag};

/// Everything of a shard but its blocks.
#[derive(Debug)]
pub(super) struct Desk<T> {
    pub(super) region: RegionTag,
    epoch: u64,
    pub(super) next: u64,
    pub(super) rules: Rules,
    pub(super) overlay: Overlay,
    pub(super) batch: Batch<T>,
    pub(super) now: Vec<(T, Answer)>,
    pub(super) sealed: Vec<(BlockRef, String)>,
    pub(super) retries: BTreeSet<(Moment, u64)>,
    /// Who asks at this moment, until it is answered or waits: a panic must not
    /// leave anybody without an answer.
    pub(super) asking: Option<T>,
    /// How far the index has followed.
    pub(super) followed: u64,
    /// When blocks at rest were last looked for.
    pub(super) swept: Moment,
}

/// What an entry is made of, before it has a place.
pub(super) struct Draft<'a> {
    pub(super) kind: u8,
    pub(super) agent: AgentId,
    pub(super) id: OpId,
    pub(super) outcome: Outcome,
    pub(super) tries: u8,
    pub(super) payload: &'a [u8],
    pub(super) result: &'a [u8],
}

impl<T> Desk<T> {
    pub(super) fn new(region: RegionTag, next: u64, epoch: u64, rules: Rules) -> Self {
        let (overlay, retries, swept) = (Overlay::new(), BTreeSet::new(), Moment(0));
        let (batch, now, sealed, asking) = (Batch::new(next), Vec::new(), Vec::new(), None);
        Self { region, epoch, next, rules, overlay, batch, now, sealed, retries, asking, followed: next, swept }
    }

    /// Answers whoever asks, at once.
    pub(super) fn at_once(&mut self, answer: Answer) {
        self.now.extend(self.asking.take().map(|token| (token, answer)));
    }

    /// Answers whoever asks when everything that was appended so far is durable.
    pub(super) fn in_time(&mut self, answer: Answer) {
        self.batch.answers.extend(self.asking.take().map(|token| (token, answer)));
    }

    /// Appends an entry to a chain and to the batch; its head and its place in
    /// the shard.
    pub(super) fn append(&mut self, head: &mut Head, draft: &Draft<'_>, now: Moment) -> Result<u64, Why> {
        let entry = Entry {
            block: head.block,
            sequence: head.sequence + 1,
            epoch: self.epoch,
            time: head.next_time(now),
            agent: draft.agent,
            id: draft.id,
            kind: draft.kind,
            outcome: draft.outcome,
            tries: draft.tries,
            previous: head.link,
            payload: draft.payload,
            result: draft.result,
        };
        let start = self.batch.bytes.len();
        entry.encode(&mut self.batch.bytes).map_err(|why| Why::Payload(why.to_string()))?;
        let end = self.batch.bytes.len();
        let link = link(&self.batch.bytes[start..end]);
        self.batch.entries.push((head.block.index, end));
        *head = Head { block: head.block, sequence: entry.sequence, epoch: self.epoch, time: entry.time, link };
        self.next += 1;
        Ok(self.next - 1)
    }

    /// Takes out a block in which something is to be tried again by now.
    pub(super) fn due(&mut self, now: Moment) -> Option<u64> {
        let first = self.retries.first().copied().filter(|(due, _)| *due <= now);
        let put_off = || self.retries.last().copied().filter(|(due, _)| due.since(now) > MOST_PAUSE);
        let (due, index) = first.or_else(put_off)?;
        self.retries.remove(&(due, index));
        Some(index)
    }

    /// Whoever waits for an answer that travels with a batch.
    pub(super) fn start_again(&mut self, next: u64) -> Vec<T> {
        let batch = std::mem::replace(&mut self.batch, Batch::new(next));
        (self.next, self.followed) = (next, next);
        self.overlay = Overlay::new();
        self.retries.clear();
        batch.answers.into_iter().map(|(token, _)| token).collect()
    }
}
