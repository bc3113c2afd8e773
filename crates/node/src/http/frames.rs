//! Frames on an upgraded connection: what is there is read, decoded and
//! submitted together; what has ended is written together.
//!
//! One task a connection, and none an op; ops go into one mailbox. Reading stops while as many ops
//! wait as may, or while answers are not taken, so that a client that does not
//! read cannot fill the memory.

use super::answer::{Answer as Response, bytes};
use super::calls::Asked;
use super::limits::{IN_FLIGHT, IN_FLIGHT_BYTES, READ_BYTES, WRITE_BYTES};
use super::no::No;
use super::peer::Peer;
use crate::engine::{Body, Connection, Mailbox, OpAsk, OpDone, Refusal};
use crate::trace;
use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::StatusCode;
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use trust::AgentId;
use trust::attach::Session;
use trust::sign::Signature;
use vocab::Millis;
use wire::Code;
use wire::frame::{self, Answer, Ended, NoFrame, Refused, Request};

/// Answers a request to upgrade.
pub(super) fn upgrade(peer: &Peer, known: bool, asked: Asked) -> Result<Response, No> {
    let Some(upgrade) = asked.upgrade.filter(|_| known) else {
        let what = format!("frames need `Connection: Upgrade` and `Upgrade: {}`", wire::PROTOCOL);
        return Err(No::new(Code::Upgrade, what));
    };
    peer.upgrade(upgrade);
    let mut answer = bytes(StatusCode::SWITCHING_PROTOCOLS, "application/octet-stream", Bytes::new());
    answer.headers_mut().clear();
    answer.headers_mut().insert(UPGRADE, HeaderValue::from_static(wire::PROTOCOL));
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    Ok(answer)
}

/// What an op reaches, for the monitor: the agent it is sent to, or its block.
pub(super) fn destination(session: Option<&Session>, body: &Body) -> u64 {
    let mut eight = [0; 8];
    match (body, session) {
        (Body::Message { to, .. }, _) => eight.copy_from_slice(&to.0[..8]),
        (_, Some(session)) => {
            let block = session.lease().block;
            eight.copy_from_slice(&block.region.0);
            return u64::from_be_bytes(eight).wrapping_add(block.index);
        }
        (_, None) => {}
    }
    u64::from_be_bytes(eight)
}

/// An answer that is not yet bytes.
enum Came {
    Challenged(trust::attach::Nonce, Option<trust::attach::Channel>),
    Proved(Arc<Session>),
    Pong,
    Ended(OpDone),
    No(No),
}

impl Came {
    fn of(ended: Result<OpDone, Refusal>) -> Self {
        ended.map_or_else(|refusal| Self::No(refusal.into()), Self::Ended)
    }
}

/// What a request that is no op wants.
enum Proving {
    Challenge(String),
    Prove(Signature),
    Nothing,
}

/// Tells the monitor; whoever is banned by it has had its last answer.
fn saw(
    peer: &Peer,
    connection: &Connection,
    agent: Option<AgentId>,
    (length, destination): (usize, u64),
) -> Result<(), No> {
    let bytes = u64::try_from(length).unwrap_or(u64::MAX);
    let seen = peer.shared.engine.saw(connection.source, agent, bytes, destination);
    seen.map_err(|refusal| No::from(refusal).closing())
}

/// A request's number, the bytes of its frame, and its answer.
type Waits = FuturesUnordered<Pin<Box<dyn Future<Output = (u32, usize, Came)> + Send>>>;

/// An op that was read and not taken in, with its number and the bytes of its
/// frame.
type Read = (u32, usize, OpAsk);

struct Speaks {
    peer: Arc<Peer>,
    session: Option<Arc<Session>>,
    /// The connection, as ops need it.
    connection: Connection,
    /// Ops on their way, by the number and the bytes of their frames.
    ops: Mailbox<(u32, usize)>,
    /// Ops that were read since something was last taken in.
    gathered: Vec<Read>,
    /// What else is on its way: proofs, and ops that are patient.
    waits: Waits,
    /// Bytes of the frames that wait for their answers.
    held: usize,
    read: Vec<u8>,
    /// So many bytes of what was read are not decoded.
    unread: std::ops::Range<usize>,
    write: Vec<u8>,
    /// Nothing more is read: the client or the server has had enough.
    closing: bool,
    /// Why, to be said when everything was answered.
    why: Option<String>,
}

/// Speaks frames until one side closes.
pub(super) async fn speak(peer: Arc<Peer>, upgrade: OnUpgrade) -> io::Result<()> {
    let upgraded = upgrade.await.map_err(io::Error::other)?;
    peer.shared.metrics.upgraded.fetch_add(1, Relaxed);
    let connection = peer.connection().await.for_ops();
    let ops = peer.shared.engine.mailbox();
    let mut speaks = Speaks {
        peer,
        session: None,
        connection,
        ops,
        gathered: Vec::new(),
        waits: FuturesUnordered::new(),
        held: 0,
        read: vec![0; READ_BYTES],
        unread: 0..0,
        write: Vec::with_capacity(READ_BYTES),
        closing: false,
        why: None,
    };
    speaks.run(TokioIo::new(upgraded)).await
}

impl Speaks {
    async fn run<I>(&mut self, io: I) -> io::Result<()>
    where
        I: tokio::io::AsyncRead + tokio::io::AsyncWrite,
    {
        let (mut from, mut to) = tokio::io::split(io);
        let peer = Arc::clone(&self.peer);
        let patience = peer.shared.bounds.idle;
        let mut stopped = std::pin::pin!(peer.shared.stopped());
        // One alarm for all, set again only when it rings: setting one for each
        // op would cost more than reading it.
        let (mut heard, mut alarm) = (Instant::now(), std::pin::pin!(tokio::time::sleep(patience)));
        loop {
            if !self.closing {
                self.take_in();
            }
            self.gather();
            if !self.write.is_empty() {
                let wrote = tokio::time::timeout(patience, to.write_all(&self.write)).await;
                wrote.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
                self.write.clear();
                self.write.shrink_to(READ_BYTES);
                continue;
            }
            if self.closing && self.is_idle() {
                let Some(why) = self.why.take() else { return to.shutdown().await };
                // A short text fits.
                let _ = Answer::Closed(&why).encode(&mut self.write);
                continue;
            }
            let reads = !self.closing && self.has_room();
            let (idle, waits) = (self.is_idle(), !self.waits.is_empty());
            tokio::select! {
                (called, ended) = self.ops.ended(), if !self.ops.is_empty() => {
                    self.ended((called.0, called.1, Came::of(ended)));
                }
                Some(ended) = self.waits.next(), if waits => self.ended(ended),
                read = from.read(room(&mut self.read, &mut self.unread)), if reads => match read? {
                    0 => self.closing = true,
                    more => {
                        self.unread.end += more;
                        heard = Instant::now();
                    }
                },
                () = &mut stopped, if !self.closing => self.close("the server stops"),
                () = &mut alarm, if idle => {
                    if heard.elapsed() >= patience {
                        self.close("nothing was asked for too long");
                    }
                    alarm.as_mut().reset(heard + patience);
                }
            }
        }
    }

    /// Decodes and submits what was read, as far as there is room.
    fn take_in(&mut self) {
        while self.has_room() && self.write.len() < WRITE_BYTES {
            let buffer = &self.read[self.unread.clone()];
            let (frame, length) = match frame::next(buffer) {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(error) => {
                    self.broken(error);
                    break;
                }
            };
            self.peer.shared.metrics.frames.fetch_add(1, Relaxed);
            let asked = match Request::decode(frame) {
                Ok(request) => owned(&request),
                Err(error) => {
                    self.broken(error);
                    break;
                }
            };
            self.unread.start += length;
            self.asked(asked, length);
            if self.closing {
                break;
            }
        }
        self.submit();
    }

    fn has_room(&self) -> bool {
        self.waits.len() + self.ops.len() + self.gathered.len() < IN_FLIGHT && self.held < IN_FLIGHT_BYTES
    }

    fn is_idle(&self) -> bool {
        self.waits.is_empty() && self.ops.is_empty()
    }

    fn broken(&mut self, error: NoFrame) {
        self.close(&format!("what was sent is no frame: {error}"));
    }

    fn close(&mut self, why: &str) {
        self.closing = true;
        self.why.get_or_insert_with(|| why.to_owned());
    }

    fn op(&mut self, number: u32, ask: OpAsk, length: usize) {
        let Some(session) = self.session.clone() else {
            let no = No::new(Code::Unknown, "nobody has proved who asks: show a lease, and answer the challenge");
            return self.came(number, &Came::No(no));
        };
        self.held += length;
        if ask.patience == Millis(0) {
            return self.gathered.push((number, length, ask));
        }
        let peer = Arc::clone(&self.peer);
        self.waits.push(Box::pin(async move {
            let connection = peer.connection().await;
            let (agent, to) = (session.lease().agent, destination(Some(&session), &ask.body));
            if let Err(no) = saw(&peer, &connection, Some(agent), (length, to)) {
                return (number, length, Came::No(no));
            }
            let op = trace::in_engine(peer.shared.engine.op(&connection, &session, ask));
            (number, length, Came::of(trace::in_frame(op).await))
        }));
    }

    /// Submits the ops that were gathered.
    fn submit(&mut self) {
        let Some(session) = self.session.clone().filter(|_| !self.gathered.is_empty()) else { return };
        let gathered = std::mem::take(&mut self.gathered);
        let bytes = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let requests = gathered.iter().map(|(_, length, ask)| (bytes(*length), destination(Some(&session), &ask.body)));
        let engine = &self.peer.shared.engine;
        let (let_through, seen) = engine.saw_all(self.connection.source, Some(session.lease().agent), requests);
        for (at, (number, length, ask)) in gathered.into_iter().enumerate() {
            let taken = match &seen {
                Err(refusal) if at >= let_through => Err(No::from(refusal.clone()).closing()),
                _ => self.ops.take(&self.connection, &session, (number, length), &ask).map_err(|(_, why)| why.into()),
            };
            if let Err(no) = taken {
                self.ended((number, length, Came::No(no)));
            }
        }
        self.ops.post();
    }

    fn asked(&mut self, asked: Owned, length: usize) {
        let peer = Arc::clone(&self.peer);
        if !matches!(asked, Owned::Op(..)) {
            // Nothing passes what was asked before.
            self.submit();
        }
        let agent = self.session.as_ref().map(|session| session.lease().agent);
        let (number, doing) = match asked {
            Owned::Op(number, ask) => return self.op(number, ask, length),
            Owned::Close => {
                self.closing = true;
                return;
            }
            Owned::Challenge(number, lease) => (number, Proving::Challenge(lease)),
            Owned::Prove(number, signature) => (number, Proving::Prove(signature)),
            Owned::Ping(number) => (number, Proving::Nothing),
        };
        self.held += length;
        self.waits.push(Box::pin(async move {
            let seen = saw(&peer, &*peer.connection().await, agent, (length, 0));
            let came = match (seen, doing) {
                (Err(no), _) => Err(no),
                (Ok(()), Proving::Nothing) => Ok(Came::Pong),
                (Ok(()), Proving::Challenge(lease)) => {
                    peer.challenge(&lease).await.map(|(nonce, channel)| Came::Challenged(nonce, channel))
                }
                (Ok(()), Proving::Prove(signature)) => peer.prove(&signature).await.map(Came::Proved),
            };
            (number, length, came.unwrap_or_else(Came::No))
        }));
    }

    /// Takes all answers that are there.
    fn gather(&mut self) {
        while let Some((called, ended)) = self.ops.now() {
            self.ended((called.0, called.1, Came::of(ended)));
            if self.write.len() >= WRITE_BYTES {
                return;
            }
        }
        while let Some(Some(ended)) = futures_util::FutureExt::now_or_never(self.waits.next()) {
            self.ended(ended);
            if self.write.len() >= WRITE_BYTES {
                return;
            }
        }
    }

    fn ended(&mut self, (number, length, came): (u32, usize, Came)) {
        self.held -= length;
        self.came(number, &came);
    }

    /// Writes an answer.
    fn came(&mut self, number: u32, came: &Came) {
        let written = match came {
            Came::Challenged(nonce, channel) => Answer::Challenged(number, *nonce, *channel).encode(&mut self.write),
            Came::Proved(session) => {
                self.session = Some(Arc::clone(session));
                Answer::Proved(number).encode(&mut self.write)
            }
            Came::Pong => Answer::Pong(number).encode(&mut self.write),
            Came::Ended(done) => Answer::Ended(number, ended(done)).encode(&mut self.write),
            Came::No(no) => Answer::Refused(number, refused(no)).encode(&mut self.write),
        };
        if let Err(error) = written {
            self.close(&format!("an answer is no frame: {error}"));
        }
        if let Came::No(No { close: true, .. }) = came {
            self.close("this source is turned away");
        }
    }
}

/// A request that no longer borrows what was read.
enum Owned {
    Challenge(u32, String),
    Prove(u32, Signature),
    Op(u32, OpAsk),
    Ping(u32),
    Close,
}

fn owned(request: &Request<'_>) -> Owned {
    match request {
        Request::Challenge(number, lease) => Owned::Challenge(*number, (*lease).to_owned()),
        Request::Prove(number, signature) => Owned::Prove(*number, *signature),
        Request::Op(number, op) => Owned::Op(*number, ask(op)),
        Request::Ping(number) => Owned::Ping(*number),
        Request::Close => Owned::Close,
    }
}

fn ask(op: &frame::Op<'_>) -> OpAsk {
    let body = match op.body {
        frame::Body::Record { key } => Body::Record { key: key.to_vec() },
        frame::Body::Value { key, value, class } => {
            Body::Value { key: key.to_vec(), value: value.to_vec(), class: class.map(str::to_owned) }
        }
        frame::Body::Message { to, message } => Body::Message { to, message: message.to_vec() },
        frame::Body::Place(cursor) => Body::Place(cursor),
        frame::Body::Stance { class, stands } => Body::Stance { class: class.to_owned(), stands },
        frame::Body::Nothing => Body::Nothing,
        frame::Body::Bytes(bytes) => Body::Bytes(bytes.to_vec()),
    };
    let patience = Millis(u64::from(op.patience));
    OpAsk { id: op.id, kind: op.kind.name, body, patience }
}

fn ended(done: &OpDone) -> Ended<'_> {
    Ended {
        id: done.id,
        sequence: done.sequence,
        time: done.time,
        link: done.link,
        outcome: done.outcome,
        tries: done.tries,
        again: done.again,
        before: done.before,
        value: done.value.as_deref(),
        why: done.why.as_deref(),
    }
}

fn refused(no: &No) -> Refused<'_> {
    Refused {
        code: no.code,
        what: &no.what,
        field: no.field.as_deref(),
        retry_after: no.retry_after.map(|wait| wait.0),
        right: no.right.as_ref().map(|right| (right.region.as_str(), right.index)),
    }
}

/// Where the next bytes are read to, behind those that are not decoded. The
/// buffer grows for one long frame, and no further than that.
fn room<'r>(read: &'r mut Vec<u8>, unread: &mut std::ops::Range<usize>) -> &'r mut [u8] {
    if unread.start == unread.end {
        *unread = 0..0;
        if read.len() > READ_BYTES {
            read.truncate(READ_BYTES);
            read.shrink_to_fit();
        }
    } else if unread.end == read.len() {
        if unread.start > 0 {
            read.copy_within(unread.clone(), 0);
            *unread = 0..unread.len();
        } else {
            // A frame has a longest length, and the decoder has looked at it.
            read.resize(read.len() * 2, 0);
        }
    }
    &mut read[unread.end..]
}
