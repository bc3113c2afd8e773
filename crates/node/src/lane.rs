//! A lane: one thread that serves some shards, and one that waits for their
//! entries to be durable and answers.
//!
//! What has come while it worked is taken together: every shard that was asked
//! appends one batch, so that one sync answers all of them. A batch that
//! cannot be made durable never happened: its shard is read anew.

pub(crate) use crate::ask::{Ask, Sent};
use crate::below::Index;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::reply::{Reply, Token, send, send_all};
use crate::wake::Progress;
use block::house::Left;
use block::shard::{Answer, Batch, Notice, Shard, Why};
use block::wheel::Wheel;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{AppendError, EntryRef, Log, RealDisk, Ticket};
use trust::attach::{Channel, Session};
use trust::lease::{Door, Revoked, Rights};
use trust::{BlockRef, Moment, PlanetId, RegionTag};
use vocab::{BlockId, Slot};

/// Requests that wait for a lane. Past this the answer is 503.
pub(crate) const MOST_ASKED: usize = 8_192;
/// Requests that are taken together.
const MOST_TOGETHER: usize = 1_024;
/// Bytes of a batch after which it is appended before more is taken in.
const MOST_BATCH: usize = 2 << 20;
/// Batches of a lane that are on their way to the disk.
pub(crate) const MOST_IN_FLIGHT: usize = 64;
/// Entries that the index may lag behind a shard. Past this the lane waits.
const MOST_BEHIND: u64 = 65_536;
/// Bytes that a shard keeps because the index has not followed: some of its
/// folds. Past this the lane waits.
const MOST_KEPT: usize = 64 << 20;
/// How long a lane waits for the index before it looks again.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a lane looks at the clock when nobody asks.
const IDLE: Duration = Duration::from_millis(200);

/// What is on its way to the disk.
pub(crate) struct InFlight {
    shard: u32,
    ticket: Option<Ticket>,
    batch: Batch<Token>,
    /// Told when everything before it is done.
    fence: Option<SyncSender<()>>,
}

/// A shard as a lane serves it.
pub(crate) struct Served {
    pub(crate) shard: Shard<Token>,
    pub(crate) epoch: u64,
    pub(crate) region: RegionTag,
}

/// What lanes and their answering threads share.
pub(crate) struct Shared {
    pub(crate) planet: PlanetId,
    pub(crate) revoked: Revoked,
    pub(crate) log: Arc<Log<RealDisk>>,
    pub(crate) index: Arc<Index>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) directory: Arc<Mutex<Directory>>,
    pub(crate) clock: Arc<Clock>,
    /// Shards whose last batch did not become durable, and why the first did not:
    /// those behind it failed because it had.
    pub(crate) failed: Mutex<BTreeMap<u32, AppendError>>,
    /// Where the regions stand in the plan.
    pub(crate) regions: BTreeMap<RegionTag, u32>,
}

impl Shared {
    fn failed(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, AppendError>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One lane.
pub(crate) struct Lane {
    pub(crate) shared: Arc<Shared>,
    pub(crate) shards: BTreeMap<u32, Served>,
    pub(crate) asked: Receiver<Ask>,
    pub(crate) in_flight: SyncSender<InFlight>,
    /// Which leases end when.
    pub(crate) wheel: Wheel<(u32, u64, Slot)>,
}

impl Lane {
    /// Serves until nobody can ask any more.
    pub(crate) fn run(mut self) {
        let mut touched = BTreeSet::new();
        loop {
            let first = match self.asked.recv_timeout(self.until_the_next_try()) {
                Ok(ask) => Some(ask),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let stuck = self.shared.progress.why_stuck();
            if let Some(ask) = first {
                self.one(ask, stuck.as_deref(), &mut touched);
                for _ in 1..MOST_TOGETHER {
                    let Ok(ask) = self.asked.try_recv() else { break };
                    self.one(ask, stuck.as_deref(), &mut touched);
                }
            }
            let now = self.shared.clock.now();
            if stuck.is_none() {
                self.end_leases(now, &mut touched);
                self.tick(now, &mut touched);
            }
            for shard in std::mem::take(&mut touched) {
                self.flush(shard, now);
            }
            self.start_failed_again();
        }
        self.wait_for_all();
    }

    fn until_the_next_try(&self) -> Duration {
        if self.shared.progress.why_stuck().is_some() {
            return IDLE;
        }
        let now = self.shared.clock.now();
        let next = self.shards.values().filter_map(|served| served.shard.next_try()).min();
        next.map_or(IDLE, |next| Duration::from_millis(next.since(now).0).min(IDLE))
    }

    /// Does what is asked. While the index cannot follow nothing is taken in
    /// that it would have to follow: what lags behind is kept in memory.
    fn one(&mut self, ask: Ask, stuck: Option<&str>, touched: &mut BTreeSet<u32>) {
        // Looked at for each: a lease may have been made since the one before.
        let now = self.shared.clock.now();
        let ask = match stuck {
            None => ask,
            Some(why) => match ask.changes() {
                Ok(replies) => {
                    let why = format!("the index cannot go on, so nothing is taken in; nothing is lost: {why}");
                    let refused = || Reply::Answer(Answer::Refused(Why::Trouble(why.clone())));
                    return send_all(replies.into_iter().map(|reply| (reply, refused())));
                }
                Err(ask) => *ask,
            },
        };
        let (number, block) = ask.at();
        self.wait_for_the_index(number, now);
        let Some(served) = self.shards.get_mut(&number) else { return };
        touched.insert(number);
        let (shard, below) = (&mut served.shard, &*self.shared.index);
        match ask {
            Ask::Ops { session, channel, ops, .. } => {
                let lease = *session.lease();
                for Sent { needs, op, reply } in ops {
                    match admit(&self.shared, served, (block, &session, &channel, needs), now) {
                        Ok(()) => served.shard.op((block, lease.slot, lease.fencing), op, reply, now, below),
                        Err(refused) => send(reply, refused),
                    }
                }
            }
            Ask::State { agent, id, reply, .. } => shard.state(block, (agent, id), reply, now, below),
            Ask::Cancel { agent, id, reply, .. } => shard.cancel(block, (agent, id), reply, now, below),
            Ask::Assign { agent, deed, until, reply, .. } => {
                if let Some(slot) = deed.slot() {
                    self.wheel.enter(until.0.div_ceil(1_000), (number, block, slot));
                }
                shard.assign(block, agent, deed, reply, now, below);
            }
            Ask::Release { slot, why, fencing, reply, .. } => {
                shard.release((block, slot, fencing), why, reply, now, below);
            }
            Ask::Expire { owner, tag, .. } => shard.expire(block, (owner, tag), None, now, below),
            Ask::Erase { demand, id, keys, reply, .. } => {
                shard.erase(block, (&demand, id, &keys.to_be_bytes()), reply, now, below);
            }
            Ask::Seal { reason, reply, .. } => shard.seal(block, reason, reply, now, below),
            // Whoever asked may be gone.
            Ask::Standing { reply, .. } => drop(reply.send(shard.standing(block, now, below))),
            Ask::Waiting { reply, .. } => drop(reply.send(shard.waiting(block))),
        }
        if served.shard.bytes() > MOST_BATCH {
            self.flush(number, now);
        }
    }

    /// Lets the index come nearer when it is too far behind.
    fn wait_for_the_index(&mut self, number: u32, now: Moment) {
        let Some(served) = self.shards.get(&number) else { return };
        let least = served.shard.next().saturating_sub(MOST_BEHIND);
        while !self.shared.progress.wait(number, least, PATIENCE) {
            if self.shared.progress.why_stuck().is_some() {
                return;
            }
        }
        if served.shard.unfollowed() > MOST_KEPT {
            // What is not on its way to the disk cannot be followed.
            self.flush(number, now);
            self.wait_for_room(number, now);
        }
    }

    fn wait_for_room(&mut self, number: u32, now: Moment) {
        while let Some(served) = self.shards.get_mut(&number) {
            let known = self.shared.progress.of(number);
            served.shard.indexed(known, now);
            let fits = served.shard.unfollowed() <= MOST_KEPT;
            // What did not become durable is never followed: it is read anew.
            if fits || self.shared.failed().contains_key(&number) || self.shared.progress.why_stuck().is_some() {
                return;
            }
            self.shared.progress.wait(number, known + 1, PATIENCE);
        }
    }

    fn end_leases(&mut self, now: Moment, touched: &mut BTreeSet<u32>) {
        let mut ended = Vec::new();
        self.wheel.advance(now.0 / 1_000, |place| ended.push(place));
        for (number, block, slot) in ended {
            if let Some(served) = self.shards.get_mut(&number) {
                touched.insert(number);
                served.shard.release((block, slot, None), Left::Expired, None, now, &*self.shared.index);
            }
        }
    }

    fn tick(&mut self, now: Moment, touched: &mut BTreeSet<u32>) {
        for (number, served) in &mut self.shards {
            if served.shard.tick(now, &*self.shared.index) {
                touched.insert(*number);
            }
            if touched.contains(number) {
                served.shard.indexed(self.shared.progress.of(*number), now);
            }
        }
    }

    /// Sends answers, and what is to be made durable on its way.
    fn flush(&mut self, number: u32, now: Moment) {
        let Some(served) = self.shards.get_mut(&number) else { return };
        send_all(served.shard.answers().into_iter().map(|(token, answer)| (token, Reply::Answer(answer))));
        for (block, reason) in served.shard.sealed() {
            // It stays sealed here even if that cannot be written down.
            let _ = self.shared.index.seal(block, Some(&reason));
        }
        let Some(batch) = served.shard.take() else { return };
        let entries: Vec<EntryRef<'_>> = batch.entries().map(|(block, bytes)| EntryRef { block, bytes }).collect();
        let ticket = if entries.is_empty() {
            Ok(None)
        } else {
            self.shared.log.submit(number, batch.first, served.epoch, &entries).map(Some)
        };
        match ticket {
            Ok(ticket) => {
                let sent = self.in_flight.send(InFlight { shard: number, ticket, batch, fence: None });
                drop(sent); // It fails only when the process ends.
            }
            Err(error) => {
                lost(batch, &error);
                self.shared.failed().entry(number).or_insert(error);
            }
        }
        served.shard.indexed(self.shared.progress.of(number), now);
    }

    fn wait_for_all(&self) {
        let (done, wait) = std::sync::mpsc::sync_channel(1);
        let batch = Batch::empty();
        if self.in_flight.send(InFlight { shard: 0, ticket: None, batch, fence: Some(done) }).is_ok() {
            // It fails only when the process ends.
            let _ = wait.recv();
        }
    }

    /// Reads shards anew whose last batch did not become durable.
    fn start_failed_again(&mut self) {
        if self.shared.failed().is_empty() {
            return;
        }
        self.wait_for_all();
        let failed = std::mem::take(&mut *self.shared.failed());
        for (number, why) in failed {
            let Some(served) = self.shards.get_mut(&number) else {
                self.shared.failed().entry(number).or_insert(why);
                continue;
            };
            let next = self.shared.log.shard(number).next;
            self.shared.progress.work();
            while !self.shared.progress.wait(number, next, PATIENCE) && self.shared.progress.why_stuck().is_none() {}
            if self.shared.progress.of(number) < next {
                // What would be read anew is behind what is durable: later.
                self.shared.failed().entry(number).or_insert(why);
                continue;
            }
            let waited = served.shard.start_again(next);
            send_all(waited.into_iter().map(|token| (token, Reply::Lost(why.clone()))));
            self.shared.index.recount_all();
        }
    }
}

/// Whether the session is good for this block, slot and right, now.
fn admit(
    shared: &Shared,
    served: &mut Served,
    (block, session, channel, needs): (u64, &Session, &Channel, Rights),
    now: Moment,
) -> Result<(), Reply> {
    let lease = session.lease();
    let door = Door {
        planet: shared.planet,
        block: BlockRef { region: served.region, index: block },
        keys: &[],
        revoked: &shared.revoked,
    };
    let seat = served.shard.seat(block, lease.slot, now, &*shared.index);
    let seat = seat.map_err(|why| Reply::Answer(Answer::Refused(why)))?;
    let fencing = seat.map_or(u64::MAX, |seat| seat.fencing);
    session.admit(channel, &door, lease.slot, fencing, needs, now).map_err(Reply::NotOn)?;
    Ok(())
}

fn lost(batch: Batch<Token>, error: &AppendError) {
    send_all(batch.answers.into_iter().map(|(token, _)| (token, Reply::Lost(error.clone()))));
}

/// Waits for what is on its way, in its order, and answers.
pub(crate) fn answer(shared: &Shared, in_flight: &Receiver<InFlight>) {
    while let Ok(InFlight { shard, ticket, batch, fence }) = in_flight.recv() {
        match ticket.map_or(Ok(None), |ticket| ticket.wait().map(Some)) {
            // Behind a batch that failed nothing is true that has no entry of its own.
            Ok(None) if shared.failed().contains_key(&shard) => {
                let why = shared.failed().get(&shard).cloned();
                lost(batch, &why.unwrap_or(AppendError::Poisoned));
            }
            Ok(position) => {
                // First, so that whoever is told that a slot was left finds it free.
                for Notice::Released(block, slot, agent) in batch.notices {
                    let Some(region) = shared.regions.get(&block.region) else { continue };
                    let place = BlockId { region: *region, index: block.index };
                    let mut directory = shared.directory.lock().unwrap_or_else(PoisonError::into_inner);
                    directory.release(agent, place, slot);
                }
                send_all(batch.answers.into_iter().map(|(token, answer)| (token, Reply::Answer(answer))));
                if position.is_some() {
                    shared.progress.work();
                }
            }
            Err(error) => {
                let why = shared.failed().entry(shard).or_insert(error).clone();
                lost(batch, &why);
            }
        }
        if let Some(fence) = fence {
            // A lane that has ended waits for nothing.
            let _ = fence.send(());
        }
    }
}
