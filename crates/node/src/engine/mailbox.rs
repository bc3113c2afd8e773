//! Many ops on their way at once: handed to their lane together, and their
//! ends taken as they come.
//!
//! What is taken in is sealed at once and handed over with [`Mailbox::post`],
//! one message for all of it. Each op is still an op of its own, with its own
//! answer when its own entry is durable.

use super::ops::{Asked, ERASE};
use super::{Connection, Engine, OpAsk, OpDone, Refusal};
use crate::lane::{Ask, Sent};
use crate::reply::{Inbox, Reply, send, send_all};
use crate::trace;
use block::shard::Answer;
use std::sync::Arc;
use tracing::Span;
use trust::attach::{Channel, Session};
use trust::lease::Lease;

/// Ops on their way, and what came of those that have ended. Each is known by
/// whatever its owner calls it.
pub struct Mailbox<T> {
    engine: Engine,
    inbox: Arc<Inbox>,
    /// What is on its way, by the number that its answer comes with.
    waits: Vec<Option<Waits<T>>>,
    free: Vec<usize>,
    /// Answers that were taken from the inbox, the next one last.
    came: Vec<(usize, Reply)>,
    /// What was taken in and not handed over.
    gathered: Option<Gathered>,
}

struct Waits<T> {
    called: T,
    asked: Asked,
    _spans: (Span, Span),
}

struct Gathered {
    at: (u32, u64),
    session: Arc<Session>,
    channel: Channel,
    ops: Vec<Sent>,
}

impl Engine {
    /// A mailbox for ops of one connection.
    #[must_use]
    pub fn mailbox<T>(&self) -> Mailbox<T> {
        let (inbox, waits, free, came) = (Arc::default(), Vec::new(), Vec::new(), Vec::new());
        Mailbox { engine: self.clone(), inbox, waits, free, came, gathered: None }
    }
}

impl<T> Mailbox<T> {
    /// How many ops are on their way.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.waits.len() - self.free.len()
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Seals an op and takes it in; its patience is not heeded here.
    ///
    /// # Errors
    /// Why it was not taken in, with what it was called.
    pub fn take(
        &mut self,
        connection: &Connection,
        session: &Arc<Session>,
        called: T,
        ask: &OpAsk,
    ) -> Result<(), (T, Refusal)> {
        let (at, asked, op) = match self.engine.prepare(session, ask) {
            Ok(sealed) => sealed,
            Err(refusal) => return Err((called, refusal)),
        };
        let needs = asked.kind.right;
        let number = self.free.pop().unwrap_or_else(|| {
            self.waits.push(None);
            self.waits.len() - 1
        });
        self.waits[number] = Some(Waits { called, asked, _spans: trace::of_frame() });
        let sent = Sent { needs, op, reply: self.inbox.token(number) };
        if let Some(gathered) = &mut self.gathered
            && Arc::ptr_eq(&gathered.session, session)
            && gathered.channel == connection.channel
        {
            gathered.ops.push(sent);
            return Ok(());
        }
        self.post();
        let (session, channel) = (Arc::clone(session), connection.channel);
        self.gathered = Some(Gathered { at, session, channel, ops: vec![sent] });
        Ok(())
    }

    /// Hands what was taken in to its lane. What the lane has no room for is
    /// answered as any other op, with a refusal.
    pub fn post(&mut self) {
        let Some(Gathered { at, session, channel, ops }) = self.gathered.take() else { return };
        let Err(back) = self.engine.hand(at.0, Ask::Ops { at, session, channel, ops }) else { return };
        if let (Ask::Ops { ops, .. }, refusal) = *back {
            send_all(ops.into_iter().map(|sent| (sent.reply, Reply::Refused(refusal.clone()))));
        }
    }

    /// The end of some op, and what it was called; waits for one when none has
    /// ended, and for ever when none is on its way. What was taken in is handed
    /// over first; nothing is lost when the wait is given up.
    pub async fn ended(&mut self) -> (T, Result<OpDone, Refusal>) {
        self.post();
        loop {
            if let Some(ended) = self.now() {
                return ended;
            }
            self.inbox.wait().await;
        }
    }

    /// The same without waiting.
    pub fn now(&mut self) -> Option<(T, Result<OpDone, Refusal>)> {
        loop {
            if self.came.is_empty() {
                self.inbox.take(&mut self.came);
                self.came.reverse();
            }
            let (number, reply) = self.came.pop()?;
            if let Some(ended) = self.came_of(number, reply) {
                return Some(ended);
            }
        }
    }

    fn came_of(&mut self, number: usize, reply: Reply) -> Option<(T, Result<OpDone, Refusal>)> {
        let Waits { asked, .. } = self.waits.get(number)?.as_ref()?;
        let result = match reply {
            Reply::Done(done) => *done,
            Reply::Answer(Answer::Before(_, sequence)) => {
                self.look_up(number, asked.lease, sequence, true);
                return None;
            }
            Reply::Answer(Answer::Ended(ended)) if asked.kind.name == ERASE => {
                // It is told when it was carried out, which its entry tells as well.
                self.look_up(number, asked.lease, ended.sequence, false);
                return None;
            }
            reply => self.engine.read_reply(reply).and_then(|answer| self.engine.done(asked, answer)),
        };
        let Waits { called, .. } = self.waits.get_mut(number)?.take()?;
        self.free.push(number);
        Some((called, result))
    }

    /// An op that was here before is looked up aside, because that may take
    /// until the index has followed.
    fn look_up(&self, number: usize, lease: Lease, sequence: u64, again: bool) {
        let (engine, token) = (self.engine.clone(), self.inbox.token(number));
        tokio::spawn(async move {
            let done = engine.again(&lease, sequence).await.map(|done| OpDone { again, ..done });
            send(token, Reply::Done(Box::new(done)));
        });
    }
}
