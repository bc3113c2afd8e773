//! Ops as frames: many at once on one connection, from many tasks.
//!
//! Whoever asks puts a frame into one buffer, and one task writes all of it at
//! once; what waited while it wrote goes together into the next write. When the
//! connection breaks, what was not answered is sent again under the same names.

use crate::client::{Client, Inner};
use crate::error::Error;
use crate::http::Line;
use crate::op::{Ask, Done};
use crate::retry::Tries;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::AbortHandle;
use trust::attach::{Channel, answer};
use wire::frame::{self, Answer, MOST_IN_FLIGHT, Refused, Request};
use wire::tell;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;

/// Between two signs of life while nothing is asked, so that the server, which
/// closes what is idle for longer, keeps the connection.
const BEAT: Duration = Duration::from_secs(25);

/// The numbers of requests that are not ops.
const CHALLENGE: u32 = 0;
const PROVE: u32 = 1;
const PING: u32 = 2;
const FIRST_OP: u32 = 3;

/// A connection that speaks frames. It connects when the first op is asked.
pub struct Wire {
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    inner: Arc<Inner>,
    client: Client,
    state: Mutex<State>,
    /// There is something to write.
    wake: Notify,
    room: Semaphore,
}

#[derive(Default)]
struct State {
    /// What was not answered, by its number.
    waiting: BTreeMap<u32, Waiting>,
    /// What is to be written.
    out: Vec<u8>,
    next: u32,
    /// Whether the lease is proved: ops go out at once.
    proved: bool,
}

struct Waiting {
    frame: Vec<u8>,
    answer: oneshot::Sender<Result<Done, Error>>,
}

impl Wire {
    pub(crate) fn new(client: Client) -> Self {
        let inner = Arc::clone(&client.0);
        let state = Mutex::new(State { next: FIRST_OP, ..State::default() });
        let room = Semaphore::new(MOST_IN_FLIGHT);
        let shared = Arc::new(Shared { inner, client, state, wake: Notify::new(), room });
        let task = tokio::spawn(Arc::clone(&shared).run()).abort_handle();
        Self { shared, task }
    }

    /// Runs an op to its end. Any number of tasks may do so at once; as many as
    /// the protocol allows are on the way together, and the others wait.
    pub async fn op(&self, ask: impl Into<Ask>) -> Result<Done, Error> {
        let ask = ask.into();
        let id = match ask.id {
            Some(id) => id,
            None => self.shared.client.op_id()?,
        };
        // The semaphore is never closed.
        let _room = self.shared.room.acquire().await.ok();
        let (sender, answer) = oneshot::channel();
        let number = self.shared.submit(&ask, id, sender)?;
        let _forget = Forget { shared: &self.shared, number };
        answer.await.unwrap_or_else(|_| Err(self.shared.broken("the connection was given up")))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whoever no longer waits for an op does not have it sent again.
struct Forget<'w> {
    shared: &'w Shared,
    number: u32,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.shared.state().waiting.remove(&self.number);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broken(&self, why: impl Into<String>) -> Error {
        Error::Broken { at: self.inner.dial.url.to_string(), why: why.into() }
    }

    fn submit(
        &self,
        ask: &Ask,
        id: block::chain::OpId,
        answer: oneshot::Sender<Result<Done, Error>>,
    ) -> Result<u32, Error> {
        let mut state = self.state();
        let number = state.next;
        let frame = ask.frame(number, id)?;
        state.next = number.checked_add(1).unwrap_or(FIRST_OP);
        if state.proved {
            state.out.extend_from_slice(&frame);
        }
        state.waiting.insert(number, Waiting { frame, answer });
        drop(state);
        self.wake.notify_one();
        Ok(number)
    }

    /// Connects when there is something to ask, and again when it breaks.
    async fn run(self: Arc<Self>) {
        let mut tries = Tries::default();
        loop {
            while self.state().waiting.is_empty() {
                self.wake.notified().await;
            }
            let error = match self.connection().await {
                Ok(never) => match never {},
                Err(error) => error,
            };
            let was_proved = std::mem::take(&mut self.state().proved);
            if was_proved {
                tries = Tries::default();
            }
            let again = matches!(error, Error::Unreachable { .. } | Error::Broken { .. } | Error::Late { .. });
            if !again || !tries.again().await {
                tries = Tries::default();
                self.fail(&error);
            }
        }
    }

    /// Everybody who waits is told why.
    fn fail(&self, error: &Error) {
        let waiting = std::mem::take(&mut self.state().waiting);
        for (_, waiting) in waiting {
            // Whoever has gone need not be told.
            let _ = waiting.answer.send(Err(error.clone()));
        }
    }

    /// One connection, until it breaks.
    async fn connection(&self) -> Result<std::convert::Infallible, Error> {
        if self.client.lease().is_none() {
            return Err(Error::NotAttached);
        }
        self.state().out.clear();
        let line = Line::open(&self.inner.dial).await?;
        let (upgraded, channel) = line.upgrade(&self.inner.dial.url.authority()).await?;
        let (from, to) = tokio::io::split(TokioIo::new(upgraded));
        let broken = |error: io::Error| self.broken(error.to_string());
        tokio::select! {
            ended = self.write(to) => Err(ended.map_or_else(broken, |()| self.broken("it was closed"))),
            ended = self.read(from, channel) => Err(ended),
        }
    }

    /// Writes what there is, all of it at once; shows each new lease.
    async fn write(&self, mut to: WriteHalf<TokioIo<Upgraded>>) -> io::Result<()> {
        let mut leases = self.inner.lease.subscribe();
        leases.mark_changed();
        let mut out = Vec::with_capacity(READ_BYTES);
        loop {
            std::mem::swap(&mut out, &mut self.state().out);
            if !out.is_empty() {
                to.write_all(&out).await?;
                out.clear();
                continue;
            }
            tokio::select! {
                () = self.wake.notified() => {}
                Ok(()) = leases.changed() => {
                    let lease = leases.borrow_and_update().clone();
                    if let Some(lease) = lease {
                        self.send(&Request::Challenge(CHALLENGE, &lease));
                    }
                }
                () = tokio::time::sleep(BEAT) => self.send(&Request::Ping(PING)),
            }
        }
    }

    fn send(&self, request: &Request<'_>) {
        // None of those is long.
        let _ = request.encode(&mut self.state().out);
        self.wake.notify_one();
    }

    /// Reads answers until there are no more.
    async fn read(&self, mut from: ReadHalf<TokioIo<Upgraded>>, channel: Option<Channel>) -> Error {
        let mut buffer = Vec::with_capacity(READ_BYTES);
        loop {
            match from.read_buf(&mut buffer).await {
                Ok(0) => return self.broken("the other side closed it"),
                Ok(_) => {}
                Err(error) => return self.broken(error.to_string()),
            }
            let mut at = 0;
            loop {
                match frame::next(&buffer[at..]) {
                    Ok(None) => break,
                    Err(error) => return self.strange(&error),
                    Ok(Some((bytes, length))) => {
                        let taken = Answer::decode(bytes).map_err(|error| self.strange(&error));
                        if let Err(error) = taken.and_then(|answer| self.take(&answer, channel)) {
                            return error;
                        }
                        at += length;
                    }
                }
            }
            buffer.drain(..at);
        }
    }

    fn strange(&self, why: &(impl ToString + ?Sized)) -> Error {
        Error::Strange { at: self.inner.dial.url.to_string(), why: why.to_string() }
    }

    /// Takes one answer.
    fn take(&self, answered: &Answer<'_>, channel: Option<Channel>) -> Result<(), Error> {
        match answered {
            Answer::Ended(number, ended) => self.ended(*number, Ok(Done::of_frame(ended))),
            Answer::Refused(number, refused) => {
                let error = error_of(refused);
                if *number < FIRST_OP {
                    // A connection that carries as many leases as it may is left for a new one.
                    return Err(if error.may_pass_later() { self.broken(error.to_string()) } else { error });
                }
                self.ended(*number, Err(error));
            }
            Answer::Challenged(_, nonce, told) => {
                // Under TLS the channel is what both ends derive, whatever is told.
                let channel = channel.or(*told).ok_or_else(|| self.strange("it names no channel"))?;
                let lease = self.client.lease().ok_or(Error::NotAttached)?;
                let signature = answer(&self.inner.key, &lease, nonce, &channel);
                let signature = signature.map_err(|error| Error::Lease(error.to_string()))?;
                self.send(&Request::Prove(PROVE, signature));
            }
            Answer::Proved(_) => {
                let mut state = self.state();
                if !std::mem::replace(&mut state.proved, true) {
                    let State { waiting, out, .. } = &mut *state;
                    waiting.values().for_each(|waiting| out.extend_from_slice(&waiting.frame));
                }
                drop(state);
                self.wake.notify_one();
            }
            Answer::Pong(_) => {}
            Answer::Closed(why) => return Err(self.broken(*why)),
        }
        Ok(())
    }

    fn ended(&self, number: u32, answer: Result<Done, Error>) {
        let waiting = self.state().waiting.remove(&number);
        if let Some(waiting) = waiting {
            // Whoever has gone need not be told.
            let _ = waiting.answer.send(answer);
        }
    }
}

fn error_of(refused: &Refused<'_>) -> Error {
    let fault = tell::Fault {
        error: refused.code.name().to_owned(),
        what: refused.what.to_owned(),
        field: refused.field.map(str::to_owned),
        retry_after_ms: refused.retry_after,
        right: refused.right.map(|(region, index)| tell::Block { region: region.to_owned(), index }),
    };
    Error::Refused { code: refused.code, fault: Box::new(fault) }
}
