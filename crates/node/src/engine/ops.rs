//! Ops: from what an agent asks to an entry that is durable, and back.

use super::{Body, Code, Connection, Engine, OpAsk, OpDone, OpSeen, Refusal};
use crate::lane::{Ask, Sent};
use crate::reply::{Reply, To};
use block::chain::{Entry, OpId, Outcome, link};
use block::kinds::{self, Effect, Kind};
use block::queue::{Cancelled, Op, State};
use block::shard::{Answer, Ended};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use trust::Moment;
use trust::attach::Session;
use trust::lease::Lease;
use vocab::Millis;

/// The longest that a request may wait for its turn.
pub const MOST_PATIENCE: Millis = Millis::minutes(1);

/// How long a reader waits for the index to come to what is durable.
pub(super) const CATCH_UP: Duration = Duration::from_secs(5);

/// The kind whose end is told only when what it asks for was done.
pub(super) const ERASE: &str = "erase";

fn fits(kind: &Kind, body: &Body) -> Result<(), Refusal> {
    let (good, needs) = match kind.name {
        "put" => (matches!(body, Body::Value { .. }), "a key and a value"),
        "get" | "delete" => (matches!(body, Body::Record { .. }), "a key"),
        "send" => (matches!(body, Body::Message { .. }), "a message and to whom"),
        "ack" => (matches!(body, Body::Place(_)), "a cursor"),
        "consent" | "opt-out" => (matches!(body, Body::Stance { .. }), "a class, and whether it stands"),
        "erase" => (matches!(body, Body::Nothing), "nothing"),
        _ => (matches!(body, Body::Bytes(_)), "bytes"),
    };
    if good { Ok(()) } else { Err(Refusal::new(Code::Bad, format!("{} needs {needs}, and nothing else", kind.name))) }
}

impl Engine {
    /// Runs an op to its end; its entry is durable then.
    ///
    /// # Errors
    /// Why it did not run.
    pub async fn op(&self, connection: &Connection, session: &Arc<Session>, ask: OpAsk) -> Result<OpDone, Refusal> {
        let until = self.now().after(ask.patience.min(MOST_PATIENCE));
        loop {
            let again = (ask.patience > Millis(0)).then(|| ask.clone());
            let ended = self.submit(connection, session, again.as_ref().unwrap_or(&ask))?.ended().await;
            match ended {
                Err(refusal) if refusal.code == Code::TooMany && again.is_some() => {
                    let wait = refusal.retry_after.filter(|wait| self.now().after(*wait) <= until);
                    let Some(wait) = wait else { return Err(refusal) };
                    tokio::time::sleep(Duration::from_millis(wait.0)).await;
                }
                ended => return ended,
            }
        }
    }

    /// Seals an op and hands it to its block; its end is waited for apart, so
    /// that many can be on their way.
    ///
    /// # Errors
    /// Why it was not taken in.
    pub fn submit(&self, connection: &Connection, session: &Arc<Session>, ask: &OpAsk) -> Result<Pending, Refusal> {
        let (at, asked, op) = self.prepare(session, ask)?;
        let (reply, answer) = oneshot::channel();
        let sent = Sent { needs: asked.kind.right, op, reply: Some(To::One(reply)) };
        let (session, channel) = (Arc::clone(session), connection.channel);
        self.ask(at.0, Ask::Ops { at, session, channel, ops: vec![sent] })?;
        Ok(Pending { engine: self.clone(), asked, answer })
    }

    /// An op as its block takes it in, where that is, and what to remember of
    /// it until it has ended.
    pub(super) fn prepare(&self, session: &Session, ask: &OpAsk) -> Result<((u32, u64), Asked, Op), Refusal> {
        let lease = *session.lease();
        let Lease { block, agent, .. } = lease;
        let at = self.at(block)?;
        let kind = kinds::by_name(ask.kind)
            .ok_or_else(|| Refusal::new(Code::Bad, format!("there is no op \"{}\"", ask.kind)).field("kind"))?;
        fits(kind, &ask.body)?;
        self.may_run(session.lease(), kind, &ask.body)?;
        let payload = self.seal_payload(block, agent, (ask.id, kind.name, &ask.body))?;
        let closed = self.closed(&lease, kind, &ask.body)?;
        let op = Op { agent, id: ask.id, kind: kind.code, payload, closed };
        Ok((at, Asked { lease, id: ask.id, kind }, op))
    }

    /// Takes an op in, and says where it is then. That it was taken in is no
    /// acknowledgement: that is only what has ended.
    ///
    /// # Errors
    /// Why it was not taken in.
    pub async fn op_later(
        &self,
        connection: &Connection,
        session: &Arc<Session>,
        ask: OpAsk,
    ) -> Result<OpSeen, Refusal> {
        let engine = self.clone();
        let connection = connection.for_ops();
        let session = Arc::clone(session);
        let mut running =
            tokio::spawn(crate::trace::in_task(async move { engine.op(&connection, &session, ask).await }));
        // What is refused is refused at once; what has to wait is not waited for.
        match tokio::time::timeout(Duration::from_millis(20), &mut running).await {
            Ok(Ok(done)) => done.map(OpSeen::Ended),
            Ok(Err(_)) => Err(Refusal::new(Code::Internal, "the op's task ended early")),
            Err(_) => Ok(OpSeen::Here(State::Queued(0))),
        }
    }

    /// What became of an op, in a protocol's words.
    pub(super) fn done(&self, asked: &Asked, answer: Answer) -> Result<OpDone, Refusal> {
        match answer {
            Answer::Ended(ended) => Ok(self.ended(&asked.lease, (asked.id, asked.kind), &ended)),
            Answer::Here(State::Cancelled) => {
                Err(Refusal::new(Code::Conflict, "the op was cancelled, and never runs").field("id"))
            }
            other => Err(Refusal::new(Code::Internal, format!("an op was answered by {other:?}"))),
        }
    }

    fn ended(&self, lease: &Lease, (id, kind): (OpId, &Kind), ended: &Ended) -> OpDone {
        let good = ended.outcome == Outcome::Done;
        // An erasure that somebody demanded says how many keys it was the end of.
        let tells = good && kind.name != ERASE;
        let before = ended.result.as_slice().try_into().ok().filter(|_| tells).map(u64::from_be_bytes);
        let read = ended.record.as_ref().filter(|_| good && kind.name == "get");
        // An answer that is given again may be of a record that has ended since.
        let expired = read.is_some_and(|stored| self.is_too_old(stored));
        let denied = read.and_then(|stored| self.may_read(lease, stored.class).err());
        let open = |stored| self.open_record(lease.block, lease.agent, stored);
        let value = read.filter(|_| !expired && denied.is_none()).and_then(open);
        let erased = read.is_some() && value.is_none() && !expired && denied.is_none();
        let why = if good { None } else { Some(String::from_utf8_lossy(&ended.result).into_owned()) };
        let why =
            why.or_else(|| expired.then(|| "the record has expired: its class lets it be kept no longer".to_owned()));
        let why = why.or(denied);
        let why = why.or_else(|| erased.then(|| "the record's key was destroyed: it is erased".to_owned()));
        OpDone {
            id,
            sequence: ended.sequence,
            time: ended.time,
            link: ended.link,
            outcome: ended.outcome,
            tries: ended.tries,
            before,
            value,
            why,
            again: false,
        }
    }

    /// The answer that an op was given before, read from its entry.
    pub(super) async fn again(&self, lease: &Lease, sequence: u64) -> Result<OpDone, Refusal> {
        let block = lease.block;
        let bytes = self.entry(block, sequence).await?;
        let unread = |why: String| Refusal::new(Code::Internal, why);
        let entry = Entry::decode(&bytes).map_err(|why| unread(why.to_string()))?;
        let kind = kinds::by_code(entry.kind).ok_or_else(|| unread("the entry is no op's".to_owned()))?;
        let mut record = None;
        if kind.name == "get"
            && let Ok(written) = <[u8; 8]>::try_from(entry.result)
            && u64::from_be_bytes(written) != 0
        {
            let bytes = self.entry(block, u64::from_be_bytes(written)).await?;
            record = stored(&bytes);
        }
        let ended = Ended {
            sequence,
            time: entry.time,
            link: link(&bytes),
            outcome: entry.outcome,
            tries: entry.tries,
            result: entry.result.to_vec(),
            record,
        };
        Ok(OpDone { again: true, ..self.ended(lease, (entry.id, kind), &ended) })
    }

    /// Where an op of a session's agent is.
    ///
    /// # Errors
    /// When there is none.
    pub async fn op_status(&self, session: &Session, id: OpId) -> Result<OpSeen, Refusal> {
        let lease = *session.lease();
        let at = self.at(lease.block)?;
        match self.answer(at.0, |reply| Ask::State { at, agent: lease.agent, id, reply }).await? {
            Answer::Here(state) => Ok(OpSeen::Here(state)),
            Answer::Before(_, sequence) => self.again(&lease, sequence).await.map(OpSeen::Ended),
            _ => Err(Refusal::new(Code::NotFound, "this agent has no such op here")),
        }
    }

    /// The newest ops of a session's agent: those that have not ended, then
    /// those that have, the newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn ops(&self, session: &Session, most: usize) -> Result<Vec<(OpId, OpSeen)>, Refusal> {
        let lease = *session.lease();
        let at = self.at(lease.block)?;
        let (reply, waiting) = oneshot::channel();
        self.ask(at.0, Ask::Waiting { at, reply })?;
        let waiting = waiting.await.unwrap_or_default();
        let mine = waiting.into_iter().enumerate().filter(|(_, (agent, ..))| *agent == lease.agent);
        let mut ops: Vec<(OpId, OpSeen)> =
            mine.map(|(at, (_, id, _))| (id, OpSeen::Here(State::Queued(at)))).take(most).collect();
        self.caught_up(at.0).await?;
        let left = most - ops.len();
        let names =
            self.0.index.newest_names(lease.block, lease.agent, left).map_err(|why| super::read::trouble(&why))?;
        let oldest = self.0.index.oldest(lease.block).map_err(|why| super::read::trouble(&why))?;
        // What was pruned is no longer listed; its names go a little later.
        for named in names.into_iter().take_while(|named| named.sequence >= oldest) {
            let done = self.again(&lease, named.sequence).await?;
            ops.push((named.id, OpSeen::Ended(OpDone { again: false, ..done })));
        }
        Ok(ops)
    }

    /// Takes an op back that has not begun.
    ///
    /// # Errors
    /// When it has, or there is none.
    pub async fn cancel(&self, session: &Session, id: OpId) -> Result<OpSeen, Refusal> {
        let lease = *session.lease();
        let at = self.at(lease.block)?;
        match self.answer(at.0, |reply| Ask::Cancel { at, agent: lease.agent, id, reply }).await? {
            Answer::Cancelled(Cancelled::Yes) => Ok(OpSeen::Here(State::Cancelled)),
            Answer::Cancelled(Cancelled::TooLate) => {
                Err(Refusal::new(Code::Conflict, "the op has begun, and cannot be cancelled"))
            }
            _ => Err(Refusal::new(Code::NotFound, "this agent has no such op here")),
        }
    }
}

/// What is remembered of an op until it has ended.
pub(super) struct Asked {
    pub(super) lease: Lease,
    pub(super) id: OpId,
    pub(super) kind: &'static Kind,
}

/// An op that is on its way.
pub struct Pending {
    engine: Engine,
    asked: Asked,
    answer: oneshot::Receiver<Reply>,
}

impl Pending {
    /// Waits for its end.
    ///
    /// # Errors
    /// Why it did not run.
    pub async fn ended(self) -> Result<OpDone, Refusal> {
        let reply = crate::trace::in_lane(self.answer).await.unwrap_or(Reply::Gone);
        match self.engine.read_reply(reply)? {
            Answer::Before(_, sequence) => self.engine.again(&self.asked.lease, sequence).await,
            answer => {
                if self.asked.kind.name == ERASE {
                    self.engine.carried_out(self.asked.lease.block).await?;
                }
                self.engine.done(&self.asked, answer)
            }
        }
    }
}

/// The record that an entry of a `put` wrote.
fn stored(bytes: &[u8]) -> Option<kinds::Stored> {
    let entry = Entry::decode(bytes).ok()?;
    let Ok(Effect::Put(_, class, envelope)) = (kinds::by_code(entry.kind)?.effect)(entry.payload) else { return None };
    let (sequence, time): (u64, Moment) = (entry.sequence, entry.time);
    Some(kinds::Stored { sequence, time, id: entry.id, class, envelope: envelope.to_vec() })
}
