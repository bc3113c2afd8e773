//! One block that is served: its chain's end, its seats and its queue.

use super::desk::{Desk, Draft};
use super::over::Over;
use super::pending::Pending;
use super::{Answer, Below, Earlier, Ended, Loaded, PAUSE, Seat, Standing, Why, may_be_here};
use crate::chain::{Head, MOST_BYTES, OpId, Outcome};
use crate::index::newest;
use crate::kinds::{self, Effect, Kind, Ran, Request, Stance, Stored};
use crate::queue::{AHEAD, Cancelled, Known, Op, Queue, REMEMBERED, Submitted, Tried};
use crate::rate::{self, Limits};
use trust::{AgentId, Moment};
use vocab::{Millis, Slot};

/// Blocks of a shard that are held in memory at once: with every slot taken,
/// 270 MB. Those at rest make room for others.
pub const MOST_LOADED: usize = 65_536;

/// Blocks that nobody has asked for this long are at rest.
const REST: Millis = Millis::minutes(1);

/// Of an agent's last ops so many are answered again, however old.
const LAST: u32 = 64;

/// Requests that may wait for one op: its agent asked again because it heard
/// nothing, and more often than this is no retry.
const MOST_ALIKE: usize = 16;

#[derive(Debug)]
pub(super) struct Block<T> {
    pub(super) head: Head,
    pub(super) seats: Vec<Seat>,
    /// Only while something waits.
    pub(super) queue: Option<Box<Pending<T>>>,
    pub(super) sealed: Option<Box<str>>,
    /// The sequence in the shard behind its last entry, 0 while all of it was
    /// read from the index.
    end: u64,
    /// The second in which it was last asked for.
    touched: u32,
}

impl<T> Block<T> {
    pub(super) fn new(loaded: Loaded, limits: Limits, now: Moment) -> Self {
        let mut seats = Vec::with_capacity(loaded.seats.len());
        seats.extend(loaded.seats.iter().map(|(row, newest, last)| {
            // A clock that was far ahead when it last asked holds nobody up for as long.
            let last = if last.since(now) > AHEAD { now } else { *last };
            let due = if last == Moment(0) { rate::Due::default() } else { limits.after_op_at(last.0) };
            Seat::new(row, *newest, due)
        }));
        let sealed = loaded.sealed.map(String::into_boxed_str);
        Self { head: loaded.head, seats, queue: None, sealed, end: 0, touched: 0 }
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

    /// Whether nothing is lost when it is read from the index again, which has
    /// followed the shard to here. A sealed one stays: that it is sealed may
    /// stand nowhere else.
    pub(super) fn may_go(&self, followed: u64) -> bool {
        self.sealed.is_none() && self.may_be_read_anew(followed)
    }

    pub(super) fn may_be_read_anew(&self, followed: u64) -> bool {
        self.queue.is_none() && self.end <= followed
    }

    pub(super) fn is_at_rest(&self, now: Moment, followed: u64) -> bool {
        self.may_go(followed) && Moment(u64::from(self.touched) * 1_000).after(REST) < now
    }

    /// Seals it, or opens it again. What waits when it is sealed is refused.
    pub(super) fn seal(&mut self, desk: &mut Desk<T>, reason: Option<String>) {
        if let (Some(reason), Some(pending)) = (&reason, self.queue.take()) {
            desk.retries.remove(&(pending.due, self.head.block.index));
            let refused = Answer::Refused(Why::Sealed(reason.clone()));
            desk.now.extend(pending.tokens.into_iter().map(|(_, _, token)| (token, refused.clone())));
        }
        self.sealed = reason.map(String::into_boxed_str);
    }

    /// Appends an entry to the chain; its place in the shard.
    pub(super) fn append(&mut self, desk: &mut Desk<T>, draft: &Draft<'_>, now: Moment) -> Result<u64, Why> {
        let at = desk.append(&mut self.head, draft, now)?;
        self.end = at + 1;
        Ok(at)
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
        desk.at_once(Answer::Refused(Why::Sealed(reason.clone())));
        self.seal(desk, Some(reason));
    }

    pub(super) fn submit(
        &mut self,
        desk: &mut Desk<T>,
        (slot, fencing): (Slot, u64),
        op: Op,
        now: Moment,
        below: &dyn Below,
    ) {
        match self.admit(desk, (slot, fencing), &op, now, below) {
            Ok(None) => self.take_in(desk, op, now, below),
            Ok(Some(Answer::Here(_))) => self.wait_too(desk, &op),
            // Its entry may be on its way to the disk still: so is this answer.
            Ok(Some(answer)) => desk.in_time(answer),
            Err(why) => desk.at_once(Answer::Refused(why)),
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
        if op.payload.len() > MOST_BYTES {
            return Err(Why::Payload(format!("the payload is larger than {MOST_BYTES} bytes")));
        }
        let effect = (kind.effect)(&op.payload).map_err(|why| Why::Payload(why.to_string()))?;
        let seat = self.seats.iter().position(|seat| seat.slot == slot && seat.fencing == fencing);
        let at = seat.filter(|at| self.seats[*at].agent == op.agent).ok_or(Why::NotHolder)?;
        if let Some(answer) = self.before(desk, self.seats[at].newest, op, now, below)? {
            return Ok(Some(answer));
        }
        if !may_be_here(&effect, &desk.rules) {
            return Err(Why::Residency);
        }
        // What waits may be a consent, or its end: then the op's own turn tells.
        if self.queue.is_none()
            && let Some(why) = (Over { desk, below }).lacks_consent(&effect, self.head.block, op.agent)
        {
            return Err(Why::Consent(why.map_err(|trouble| Why::Trouble(trouble.to_string()))?));
        }
        let waiting = self.queue.as_ref().map_or(0, |pending| pending.queue.ops().count());
        if waiting >= desk.rules.waiting {
            return Err(Why::Full);
        }
        match desk.rules.limits.of(kind.right).ask(&mut self.seats[at].due, now.0) {
            rate::Answer::Now => {}
            rate::Answer::After(wait) => return Err(Why::Rate(wait)),
            rate::Answer::Never => return Err(Why::NoRate),
        }
        self.seats[at].newest = self.seats[at].newest.max(newest(op.id));
        Ok(None)
    }

    /// Whether an op of this name was here before. What was is answered whatever
    /// its name says of the time: a clock may have been set since.
    fn before(
        &self,
        desk: &Desk<T>,
        newest_name: u64,
        op: &Op,
        now: Moment,
        below: &dyn Below,
    ) -> Result<Option<Answer>, Why> {
        if let Some(state) = self.queue.as_ref().and_then(|pending| pending.queue.state(op.agent, op.id)) {
            return Ok(Some(Answer::Here(state)));
        }
        let old = now.since(op.id.made()) > REMEMBERED;
        let earlier = if newest(op.id) > newest_name { None } else { self.earlier(desk, (op.agent, op.id), below)? };
        match earlier {
            Some(earlier) if !old || earlier.newer < LAST => {
                Ok(Some(Answer::Before(earlier.outcome, earlier.sequence)))
            }
            _ if old => Err(Why::TooOld),
            _ if op.id.made().since(now) > AHEAD => Err(Why::TooNew),
            _ => Ok(None),
        }
    }

    pub(super) fn earlier(
        &self,
        desk: &Desk<T>,
        (agent, id): (AgentId, OpId),
        below: &dyn Below,
    ) -> Result<Option<Earlier>, Why> {
        if let Some(earlier) = desk.overlay.ended(&(id, self.head.block.index, agent)) {
            return Ok(Some(earlier));
        }
        below.known(self.head.block, agent, id).map_err(|trouble| Why::Trouble(trouble.to_string()))
    }

    /// One more who waits for an op that is here already.
    fn wait_too(&mut self, desk: &mut Desk<T>, op: &Op) {
        let Some(pending) = &mut self.queue else { return };
        let alike = pending.tokens.iter().filter(|(agent, id, _)| *agent == op.agent && *id == op.id).count();
        if alike >= MOST_ALIKE {
            return desk.at_once(Answer::Refused(Why::Full));
        }
        pending.tokens.extend(desk.asking.take().map(|token| (op.agent, op.id, token)));
    }

    fn take_in(&mut self, desk: &mut Desk<T>, op: Op, now: Moment, below: &dyn Below) {
        let (agent, id) = (op.agent, op.id);
        let known = Known { ended: None, among_last: true };
        if let Some(pending) = &mut self.queue {
            match pending.queue.submit(op, known, now) {
                Submitted::Accepted(_) => {
                    pending.taken = pending.taken.max(now);
                    pending.tokens.extend(desk.asking.take().map(|token| (agent, id, token)));
                }
                _ => desk.at_once(Answer::Refused(Why::Full)),
            }
            return;
        }
        // Most ops find nobody before them, and need no queue.
        let (outcome, result, record) = match self.attempt(desk, &op, now, below) {
            Ok((result, record)) => (Outcome::Done, result, record),
            Err(Failure::Never(why)) => (Outcome::Failed, why.into_bytes(), None),
            Err(Failure::Again(_)) => {
                // It has been tried once, and stays at the head.
                let mut queue = Queue::new(desk.rules.waiting);
                queue.submit(op, known, now);
                queue.begin();
                queue.tried(false);
                let due = now.after(PAUSE);
                let tokens = desk.asking.take().map(|token| (agent, id, token)).into_iter().collect();
                self.queue = Some(Box::new(Pending { queue, tokens, taken: now, due }));
                desk.retries.insert((due, self.head.block.index));
                return;
            }
        };
        let answer = self.end(desk, &op, (outcome, 1), &result, record, now);
        desk.in_time(answer);
    }

    /// Tries the op at the head again, and what waits behind it. A panic finds
    /// the queue in its place, with all who wait.
    pub(super) fn go_on(&mut self, desk: &mut Desk<T>, now: Moment, below: &dyn Below) {
        while let Some(pending) = &mut self.queue {
            if pending.queue.begin().is_none() {
                self.queue = None;
                return;
            }
            let Some(op) = self.queue.as_ref().and_then(|pending| pending.queue.ops().next()) else { return };
            let tried = self.attempt(desk, op, now, below);
            let Some(pending) = &mut self.queue else { return };
            let next = match &tried {
                Err(Failure::Never(_)) => pending.queue.give_up(),
                tried => pending.queue.tried(tried.is_ok()),
            };
            match next {
                Tried::Ended { op, outcome, tries } => {
                    let (tokens, ended) = (pending.tokens_of(op.agent, op.id), pending.taken.max(now));
                    let (result, record) = match tried {
                        Ok(done) => done,
                        Err(Failure::Again(why) | Failure::Never(why)) => (why.into_bytes(), None),
                    };
                    let answer = self.end(desk, &op, (outcome, tries), &result, record, ended);
                    desk.batch.answers.extend(tokens.into_iter().map(|token| (token, answer.clone())));
                }
                Tried::Again(tries) => {
                    if desk.rules.planted.retries_at_the_back() {
                        pending.queue.overtake();
                    }
                    pending.due = now.after(Millis(PAUSE.0 * u64::from(tries)));
                    desk.retries.insert((pending.due, self.head.block.index));
                    return;
                }
                Tried::Nothing => return,
            }
        }
    }

    fn attempt(
        &self,
        desk: &Desk<T>,
        op: &Op,
        now: Moment,
        below: &dyn Below,
    ) -> Result<(Vec<u8>, Option<Stored>), Failure> {
        let kind: &Kind = kinds::by_code(op.kind).ok_or_else(|| Failure::Never("no such kind".to_owned()))?;
        let request = Request { block: self.head.block, agent: op.agent, payload: &op.payload, closed: &op.closed };
        let view = Over { desk, below };
        let effect = (kind.effect)(&op.payload).map_err(|why| Failure::Never(why.to_string()))?;
        match view.lacks_consent(&effect, self.head.block, op.agent) {
            Some(Ok(why)) => return Err(Failure::Never(why)),
            Some(Err(trouble)) => return Err(Failure::Again(trouble.to_string())),
            None => {}
        }
        match (kind.run)(request, &view) {
            // Its entry may come late; it is read no more.
            Ran::Done(_, Some(record)) if desk.rules.is_too_old(&record, now) => Ok((vec![0; 8], None)),
            Ran::Done(result, record) => Ok((result, record)),
            Ran::Again(why) => Err(Failure::Again(why)),
            Ran::Never(why) => Err(Failure::Never(why)),
        }
    }

    /// Writes the end of an op into the chain.
    pub(super) fn end(
        &mut self,
        desk: &mut Desk<T>,
        op: &Op,
        (outcome, tries): (Outcome, u8),
        result: &[u8],
        record: Option<Stored>,
        now: Moment,
    ) -> Answer {
        let draft = Draft { kind: op.kind, agent: op.agent, id: op.id, outcome, tries, payload: &op.payload, result };
        let at = match self.append(desk, &draft, now) {
            Ok(at) => at,
            Err(why) => return Answer::Refused(why),
        };
        let (index, sequence, time, link) = (self.head.block.index, self.head.sequence, self.head.time, self.head.link);
        self.remember(desk, at, (op.agent, op.id), outcome);
        if let (Outcome::Done, Some(kind)) = (outcome, kinds::by_code(op.kind)) {
            match (kind.effect)(&op.payload) {
                Ok(Effect::Put(tag, class, envelope)) => {
                    let stored = Stored { sequence, time, id: op.id, class, envelope: envelope.to_vec() };
                    desk.overlay.record(at, (tag, index, op.agent), Some(stored));
                }
                Ok(Effect::Delete(tag)) => desk.overlay.record(at, (tag, index, op.agent), None),
                Ok(Effect::Stand(matter, class, stands)) => {
                    let stance = Stance { sequence, time, stands };
                    desk.overlay.stance(at, (index, op.agent, (matter, class)), stance);
                }
                _ => {}
            }
        }
        Answer::Ended(Box::new(Ended { sequence, time, link, outcome, tries, result: result.to_vec(), record }))
    }

    /// Keeps what is looked up of an op until the index knows it. One whose agent
    /// has left meanwhile is in nobody's seat, should it come back.
    fn remember(&self, desk: &mut Desk<T>, at: u64, (agent, id): (AgentId, OpId), outcome: Outcome) {
        let (index, sequence) = (self.head.block.index, self.head.sequence);
        desk.overlay.name(at, (id, index, agent), Earlier { sequence, outcome, newer: 0 });
        if !self.seats.iter().any(|seat| seat.agent == agent) {
            let due = desk.rules.limits.after_op_at(self.head.time.0);
            desk.overlay.left(at, (index, agent), (newest(id), due));
        }
    }

    pub(super) fn state(&self, desk: &mut Desk<T>, of: (AgentId, OpId), below: &dyn Below) {
        if let Some(state) = self.queue.as_ref().and_then(|pending| pending.queue.state(of.0, of.1)) {
            return desk.at_once(Answer::Here(state));
        }
        match self.earlier(desk, of, below) {
            Ok(Some(earlier)) => desk.in_time(Answer::Before(earlier.outcome, earlier.sequence)),
            Ok(None) => desk.at_once(Answer::Cancelled(Cancelled::Unknown)),
            Err(why) => desk.at_once(Answer::Refused(why)),
        }
    }

    /// Takes an op back that waits, and writes that down: it never runs, even
    /// when it is sent again.
    pub(super) fn cancel(&mut self, desk: &mut Desk<T>, (agent, id): (AgentId, OpId), now: Moment, below: &dyn Below) {
        let Some((kind, waiting)) = self.queue.as_mut().and_then(|pending| pending.take(agent, id)) else {
            return self.cannot_cancel(desk, (agent, id), below);
        };
        let outcome = Outcome::Cancelled;
        let draft = Draft { kind, agent, id, outcome, tries: 0, payload: &[], result: &[] };
        let (mine, theirs) = match self.append(desk, &draft, now) {
            Ok(at) => {
                self.remember(desk, at, (agent, id), outcome);
                (Answer::Cancelled(Cancelled::Yes), Answer::Before(outcome, self.head.sequence))
            }
            Err(why) => (Answer::Refused(why.clone()), Answer::Refused(why)),
        };
        desk.in_time(mine);
        desk.batch.answers.extend(waiting.into_iter().map(|token| (token, theirs.clone())));
    }

    /// What is answered of an op that does not wait.
    fn cannot_cancel(&self, desk: &mut Desk<T>, of: (AgentId, OpId), below: &dyn Below) {
        if self.queue.as_ref().is_some_and(|pending| pending.queue.state(of.0, of.1).is_some()) {
            return desk.at_once(Answer::Cancelled(Cancelled::TooLate));
        }
        match self.earlier(desk, of, below) {
            Ok(Some(Earlier { outcome: Outcome::Cancelled, .. })) => desk.in_time(Answer::Cancelled(Cancelled::Yes)),
            Ok(Some(_)) => desk.in_time(Answer::Cancelled(Cancelled::TooLate)),
            Ok(None) => desk.at_once(Answer::Cancelled(Cancelled::Unknown)),
            Err(why) => desk.at_once(Answer::Refused(why)),
        }
    }
}

enum Failure {
    Again(String),
    Never(String),
}
