//! One block that is served: its chain's end, its seats and its queue.

use super::pending::Pending;
use super::{Answer, Below, Desk, Draft, Earlier, Ended, Loaded, Notice, PAUSE, Seat, Standing, Why, may_be_here};
use crate::chain::{Head, OpId, Outcome};
use crate::house::{Deed, Left};
use crate::index::{SeatRow, newest};
use crate::kinds::{self, Effect, Kind, Ran, Request, Room, Stored, Tag, Trouble, View};
use crate::queue::{AHEAD, Cancelled, Known, Op, Queue, REMEMBERED, State, Submitted, Tried};
use crate::rate::{self, Limit};
use trust::{AgentId, BlockRef, Moment};
use vocab::{Millis, Slot};

/// Blocks of a shard that are held in memory at once: with every slot taken,
/// 270 MB. Those at rest make room for others.
pub const MOST_LOADED: usize = 65_536;

/// Blocks that nobody has asked for this long are at rest.
const REST: Millis = Millis::minutes(1);

#[derive(Debug)]
pub(super) struct Block<T> {
    head: Head,
    seats: Vec<Seat>,
    /// Only while something waits.
    queue: Option<Box<Pending<T>>>,
    sealed: Option<Box<str>>,
    /// The second in which it was last asked for.
    touched: u32,
}

/// What a kind sees: what the index does not know yet, then what it does.
struct Over<'a, T> {
    desk: &'a Desk<T>,
    below: &'a dyn Below,
}

impl<T> View for Over<'_, T> {
    fn record(&self, block: BlockRef, owner: AgentId, tag: Tag) -> Result<Option<Stored>, Trouble> {
        match self.desk.overlay.find(&(block.index, owner, tag)) {
            Some(stored) => Ok(stored.cloned()),
            None => self.below.record(block, owner, tag),
        }
    }

    fn keep_room(&self, to: AgentId) -> Result<Room, Trouble> {
        self.below.keep_room(to)
    }
}

impl<T> Block<T> {
    pub(super) fn new(loaded: Loaded, limit: Limit) -> Self {
        let mut seats = Vec::with_capacity(loaded.seats.len());
        seats.extend(loaded.seats.iter().map(|(row, newest, last)| Seat::new(row, *newest, *last, limit)));
        let sealed = loaded.sealed.map(String::into_boxed_str);
        Self { head: loaded.head, seats, queue: None, sealed, touched: 0 }
    }

    pub(super) const fn head(&self) -> &Head {
        &self.head
    }

    pub(super) fn seat(&self, slot: Slot) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.slot == slot)
    }

    pub(super) fn touch(&mut self, now: Moment) {
        self.touched = u32::try_from(now.0 / 1_000).unwrap_or(u32::MAX);
    }

    pub(super) fn is_at_rest(&self, now: Moment) -> bool {
        self.queue.is_none() && Moment(u64::from(self.touched) * 1_000).after(REST) < now
    }

    /// Seals it, or opens it again. What waits when it is sealed is refused.
    pub(super) fn seal(&mut self, desk: &mut Desk<T>, reason: Option<String>) {
        if let Some(reason) = &reason {
            for (_, _, token) in self.queue.take().into_iter().flat_map(|pending| pending.tokens) {
                desk.now.push((token, Answer::Refused(Why::Sealed(reason.clone()))));
            }
        }
        self.sealed = reason.map(String::into_boxed_str);
    }

    pub(super) fn standing(&self) -> Standing {
        let seats = self.seats.iter().map(|seat| (seat.slot, seat.agent, seat.fencing, seat.until())).collect();
        let waiting = self.queue.as_ref().map_or(0, |pending| pending.queue.ops().count());
        Standing { head: self.head, seats, waiting, sealed: self.sealed.as_deref().map(str::to_owned) }
    }

    pub(super) fn waiting(&self) -> Vec<(AgentId, OpId, u8)> {
        let ops = self.queue.iter().flat_map(|pending| pending.queue.ops());
        ops.map(|op| (op.agent, op.id, op.kind)).collect()
    }

    pub(super) fn into_tokens(self) -> impl Iterator<Item = T> {
        self.queue.into_iter().flat_map(|pending| pending.tokens).map(|(_, _, token)| token)
    }

    /// Something went wrong here that must not reach anybody else.
    pub(super) fn panicked(&mut self, desk: &mut Desk<T>) {
        let reason = "it panicked, which is a bug; `mycel block open` lets it go on".to_owned();
        desk.sealed.push((self.head.block, reason.clone()));
        self.seal(desk, Some(reason));
    }

    pub(super) fn submit(
        &mut self,
        desk: &mut Desk<T>,
        (slot, fencing): (Slot, u64),
        op: Op,
        token: T,
        now: Moment,
        below: &dyn Below,
    ) {
        let answer = match self.admit(desk, (slot, fencing), &op, now, below) {
            Ok(None) => return self.take_in(desk, op, token, now, below),
            Ok(Some(Answer::Here(State::Queued(_) | State::Running))) => return self.wait_too(desk, &op, token),
            Ok(Some(answer)) => answer,
            Err(why) => Answer::Refused(why),
        };
        if matches!(answer, Answer::Before(..)) {
            // Its entry may be on its way to the disk still: so is this answer.
            desk.batch.answers.push((token, answer));
        } else {
            desk.now.push((token, answer));
        }
    }

    /// Whether an op may come in; if it was here before, where it is.
    fn admit(
        &mut self,
        desk: &Desk<T>,
        (slot, fencing): (Slot, u64),
        op: &Op,
        now: Moment,
        below: &dyn Below,
    ) -> Result<Option<Answer>, Why> {
        if let Some(reason) = &self.sealed {
            return Err(Why::Sealed(reason.to_string()));
        }
        let kind = kinds::by_code(op.kind).ok_or_else(|| Why::Payload("there is no such kind of op".to_owned()))?;
        let effect = (kind.effect)(&op.payload).map_err(|why| Why::Payload(why.to_string()))?;
        let seat = self.seats.iter().position(|seat| seat.slot == slot && seat.fencing == fencing);
        let at = seat.filter(|at| self.seats[*at].agent == op.agent).ok_or(Why::NotHolder)?;
        if let Some(answer) = self.before(desk, self.seats[at].newest, op, now, below)? {
            return Ok(Some(answer));
        }
        if !may_be_here(&effect, &desk.rules) {
            return Err(Why::Residency);
        }
        let waiting = self.queue.as_ref().map_or(0, |pending| pending.queue.ops().count());
        if waiting >= desk.rules.waiting {
            return Err(Why::Full);
        }
        match desk.rules.limit.ask(&mut self.seats[at].due, now.0) {
            rate::Answer::Now => {}
            rate::Answer::After(wait) => return Err(Why::Rate(wait)),
            rate::Answer::Never => return Err(Why::NoRate),
        }
        self.seats[at].newest = self.seats[at].newest.max(newest(op.id));
        Ok(None)
    }

    /// Whether an op of this name was here before.
    fn before(
        &self,
        desk: &Desk<T>,
        newest_name: u64,
        op: &Op,
        now: Moment,
        below: &dyn Below,
    ) -> Result<Option<Answer>, Why> {
        if op.id.made().since(now) > AHEAD {
            return Err(Why::TooNew);
        }
        let old = now.since(op.id.made()) > REMEMBERED;
        if newest(op.id) > newest_name && !old {
            return Ok(None);
        }
        if let Some(state) = self.queue.as_ref().and_then(|pending| pending.queue.state(op.agent, op.id)) {
            return Ok(Some(Answer::Here(state)));
        }
        match self.earlier(desk, op.agent, op.id, below)? {
            Some(earlier) if !old || earlier.newer < 64 => Ok(Some(Answer::Before(earlier.outcome, earlier.sequence))),
            _ if old => Err(Why::TooOld),
            _ => Ok(None),
        }
    }

    fn earlier(&self, desk: &Desk<T>, agent: AgentId, id: OpId, below: &dyn Below) -> Result<Option<Earlier>, Why> {
        if let Some(earlier) = desk.overlay.ended(&(self.head.block.index, agent, id)) {
            return Ok(Some(earlier));
        }
        below.known(self.head.block, agent, id).map_err(|trouble| Why::Trouble(trouble.to_string()))
    }

    /// One more who waits for an op that is here already.
    fn wait_too(&mut self, desk: &mut Desk<T>, op: &Op, token: T) {
        match &mut self.queue {
            Some(pending) => pending.tokens.push((op.agent, op.id, token)),
            None => desk.now.push((token, Answer::Refused(Why::NotHolder))),
        }
    }

    fn take_in(&mut self, desk: &mut Desk<T>, op: Op, token: T, now: Moment, below: &dyn Below) {
        // Most ops find nobody before them, and need no queue.
        if self.queue.is_none() {
            match self.attempt(desk, &op, below) {
                Ok((result, record)) => {
                    let answer = self.end(desk, &op, (Outcome::Done, 1), &result, record, now);
                    return desk.batch.answers.push((token, answer));
                }
                Err(Failure::Never(why)) => {
                    let answer = self.end(desk, &op, (Outcome::Failed, 1), why.as_bytes(), None, now);
                    return desk.batch.answers.push((token, answer));
                }
                Err(Failure::Again(why)) => {
                    // It has been tried once, and stays at the head.
                    let mut queue = Queue::new(desk.rules.waiting);
                    let tokens = vec![(op.agent, op.id, token)];
                    queue.submit(op, Known { ended: None, among_last: true }, now);
                    queue.begin();
                    queue.tried(false);
                    self.queue = Some(Box::new(Pending { queue, tokens, why }));
                    desk.retries.insert((now.after(PAUSE), self.head.block.index));
                }
            }
            return;
        }
        if let Some(pending) = &mut self.queue {
            let (agent, id) = (op.agent, op.id);
            match pending.queue.submit(op, Known { ended: None, among_last: true }, now) {
                Submitted::Accepted(_) => pending.tokens.push((agent, id, token)),
                _ => desk.now.push((token, Answer::Refused(Why::Full))),
            }
        }
    }

    /// Tries the op at the head again, and what waits behind it.
    pub(super) fn go_on(&mut self, desk: &mut Desk<T>, now: Moment, below: &dyn Below) {
        while let Some(mut pending) = self.queue.take() {
            let Some(op) = pending.queue.begin().cloned() else { return };
            let tried = self.attempt(desk, &op, below);
            let next = pending.queue.tried(tried.is_ok());
            let outcome = match (next, tried) {
                (Tried::Again(tries), Err(Failure::Again(why))) => {
                    pending.why = why;
                    desk.retries.insert((now.after(Millis(PAUSE.0 * u64::from(tries))), self.head.block.index));
                    self.queue = Some(pending);
                    return;
                }
                (Tried::Again(tries), Err(Failure::Never(why))) => {
                    pending.queue.give_up();
                    self.end(desk, &op, (Outcome::Failed, tries), why.as_bytes(), None, now)
                }
                (Tried::Ended { outcome, tries, .. }, Ok((result, record))) => {
                    self.end(desk, &op, (outcome, tries), &result, record, now)
                }
                (Tried::Ended { outcome, tries, .. }, Err(Failure::Again(why) | Failure::Never(why))) => {
                    self.end(desk, &op, (outcome, tries), why.as_bytes(), None, now)
                }
                (Tried::Nothing | Tried::Again(_), _) => return,
            };
            let over = pending.tokens_of(op.agent, op.id);
            desk.batch.answers.extend(over.into_iter().map(|token| (token, outcome.clone())));
            self.queue = Some(pending);
        }
    }

    fn attempt(&self, desk: &Desk<T>, op: &Op, below: &dyn Below) -> Result<(Vec<u8>, Option<Stored>), Failure> {
        let kind: &Kind = kinds::by_code(op.kind).ok_or_else(|| Failure::Never("no such kind".to_owned()))?;
        let request = Request { block: self.head.block, agent: op.agent, payload: &op.payload };
        match (kind.run)(request, &Over { desk, below }) {
            Ran::Done(result, record) => Ok((result, record)),
            Ran::Again(why) => Err(Failure::Again(why)),
            Ran::Never(why) => Err(Failure::Never(why)),
        }
    }

    /// Writes the end of an op into the chain.
    fn end(
        &mut self,
        desk: &mut Desk<T>,
        op: &Op,
        (outcome, tries): (Outcome, u8),
        result: &[u8],
        record: Option<Stored>,
        now: Moment,
    ) -> Answer {
        let draft = Draft { kind: op.kind, agent: op.agent, id: op.id, outcome, tries, payload: &op.payload, result };
        let at = match desk.append(&mut self.head, &draft, now) {
            Ok(at) => at,
            Err(why) => return Answer::Refused(why),
        };
        let (index, sequence, time, link) = (self.head.block.index, self.head.sequence, self.head.time, self.head.link);
        desk.overlay.name(at, (index, op.agent, op.id), Earlier { sequence, outcome, newer: 0 });
        if let (Outcome::Done, Some(kind)) = (outcome, kinds::by_code(op.kind)) {
            match (kind.effect)(&op.payload) {
                Ok(Effect::Put(tag, class, envelope)) => {
                    let stored = Stored { sequence, time, id: op.id, class, envelope: envelope.to_vec() };
                    desk.overlay.record(at, (index, op.agent, tag), Some(stored));
                }
                Ok(Effect::Delete(tag)) => desk.overlay.record(at, (index, op.agent, tag), None),
                _ => {}
            }
        }
        Answer::Ended(Box::new(Ended { sequence, time, link, outcome, tries, result: result.to_vec(), record }))
    }

    pub(super) fn state(&self, desk: &Desk<T>, agent: AgentId, id: OpId, below: &dyn Below) -> Answer {
        if let Some(state) = self.queue.as_ref().and_then(|pending| pending.queue.state(agent, id)) {
            return Answer::Here(state);
        }
        if desk.overlay.ended(&(self.head.block.index, agent, id)).is_some() {
            return Answer::Here(State::Running);
        }
        match self.earlier(desk, agent, id, below) {
            Ok(Some(earlier)) => Answer::Before(earlier.outcome, earlier.sequence),
            Ok(None) => Answer::Cancelled(Cancelled::Unknown),
            Err(why) => Answer::Refused(why),
        }
    }

    /// Takes an op back that waits, and writes that down: it never runs, even
    /// when it is sent again.
    pub(super) fn cancel(
        &mut self,
        desk: &mut Desk<T>,
        (agent, id): (AgentId, OpId),
        token: T,
        now: Moment,
        below: &dyn Below,
    ) {
        let taken = self.queue.as_mut().and_then(|pending| pending.take(agent, id));
        let Some((kind, waiting)) = taken else {
            let answer = match self.state(desk, agent, id, below) {
                Answer::Before(Outcome::Cancelled, _) => Answer::Cancelled(Cancelled::Yes),
                Answer::Here(_) | Answer::Before(..) => Answer::Cancelled(Cancelled::TooLate),
                other => other,
            };
            return desk.now.push((token, answer));
        };
        let outcome = Outcome::Cancelled;
        let draft = Draft { kind, agent, id, outcome, tries: 0, payload: &[], result: &[] };
        let (mine, theirs) = match desk.append(&mut self.head, &draft, now) {
            Ok(at) => {
                let sequence = self.head.sequence;
                let name = (self.head.block.index, agent, id);
                desk.overlay.name(at, name, Earlier { sequence, outcome, newer: 0 });
                (Answer::Cancelled(Cancelled::Yes), Answer::Before(outcome, sequence))
            }
            Err(why) => (Answer::Refused(why.clone()), Answer::Refused(why)),
        };
        desk.batch.answers.push((token, mine));
        desk.batch.answers.extend(waiting.into_iter().map(|token| (token, theirs.clone())));
    }

    /// Assigns a slot, or renews its lease.
    pub(super) fn deed(&mut self, desk: &mut Desk<T>, agent: AgentId, deed: Deed, token: T, now: Moment) {
        let answer = match self.write_deed(desk, agent, deed, now) {
            Ok(fencing) => Answer::Written(fencing),
            Err(why) => Answer::Refused(why),
        };
        desk.batch.answers.push((token, answer));
    }

    fn write_deed(&mut self, desk: &mut Desk<T>, agent: AgentId, deed: Deed, now: Moment) -> Result<u64, Why> {
        if let Some(reason) = &self.sealed {
            return Err(Why::Sealed(reason.to_string()));
        }
        let slot = match deed {
            Deed::Assign { slot, .. } | Deed::Renew { slot, .. } | Deed::Release { slot, .. } => slot,
        };
        let at = self.seats.iter().position(|seat| seat.slot == slot);
        let holds = at.is_some_and(|at| self.seats[at].agent == agent);
        if matches!(deed, Deed::Assign { .. }) == at.is_some() || (at.is_some() && !holds) {
            return Err(Why::NotHolder);
        }
        let payload = deed.encode();
        let none = OpId(0);
        let draft = Draft {
            kind: deed.code(),
            agent,
            id: none,
            outcome: Outcome::Done,
            tries: 1,
            payload: &payload,
            result: &[],
        };
        desk.append(&mut self.head, &draft, now)?;
        let fencing = self.head.sequence;
        match (deed, at) {
            (Deed::Assign { until, rights, .. }, _) => {
                let row = SeatRow { slot, agent, fencing, until, rights };
                if self.seats.len() == self.seats.capacity() {
                    self.seats.reserve_exact(4);
                }
                self.seats.push(Seat::new(&row, 0, Moment(0), desk.rules.limit));
                Ok(fencing)
            }
            (Deed::Renew { until, .. }, Some(at)) => {
                self.seats[at].lasts_until(until);
                Ok(self.seats[at].fencing)
            }
            (Deed::Release { .. }, Some(at)) => {
                self.seats.remove(at);
                desk.batch.notices.push(Notice::Released(self.head.block, slot, agent));
                Ok(fencing)
            }
            _ => Err(Why::NotHolder),
        }
    }

    pub(super) fn release(
        &mut self,
        desk: &mut Desk<T>,
        (slot, why): (Slot, Left),
        fencing: Option<u64>,
        token: T,
        now: Moment,
    ) {
        let seat = self.seat(slot).copied().filter(|seat| fencing.is_none_or(|fencing| fencing == seat.fencing));
        let Some(seat) = seat.filter(|seat| why != Left::Expired || seat.until() <= now) else {
            return desk.now.push((token, Answer::Refused(Why::NotHolder)));
        };
        self.deed(desk, seat.agent, Deed::Release { slot, why }, token, now);
    }
}

enum Failure {
    Again(String),
    Never(String),
}
