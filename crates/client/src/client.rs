//! A planet, as one of its agents sees it.

use crate::chain::{Follow, Stretch};
use crate::dial::{Dial, Url};
use crate::error::Error;
use crate::frames::Wire;
use crate::http::{Line, Sent};
use crate::names::Names;
use crate::node::Nodes;
use crate::op::{Ask, Done};
use crate::path::block_path;
use crate::retry::Tries;
use block::chain::OpId;
use block::kinds::Cursor;
use hyper::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use trust::lease::Claim;
use trust::sign::SigningKey;
use trust::{AgentId, Moment, PlanetId};
use wire::ask::Wait;
use wire::{Code, Hex, tell};

/// Connections for requests. A long poll keeps one to itself.
const LINES: usize = 16;

/// The longest wait of a long poll; the server grants no more.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Between two tries to renew a lease, so that one failure is not the end.
const RENEW_AGAIN: Duration = Duration::from_secs(10);

/// What a client is told beside the address and its key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// For https: the PEM file of whoever signed the planet's certificate.
    pub authority: Option<PathBuf>,
    /// The node whose key signs heads, or one that it had before; without it the
    /// first answer is believed.
    pub node: Option<AgentId>,
    /// Of which residency class it is what is asked for: a gateway seats the
    /// agent, and lets its requests go, where records of the class may be.
    pub class: Option<String>,
    /// The region of the agent's records: where it holds a slot, or held one.
    /// Without, it is the one of the last slot that this client was given. It is
    /// said together with a class, which decides whether they may be elsewhere.
    pub home: Option<String>,
    /// What requests are called in the logs of a gateway: the name, a dot and a
    /// number.
    pub name: Option<String>,
    /// How long the answer to a request is waited for that waits for nothing
    /// else; 30 s without.
    pub patience: Option<Duration>,
    /// The address of this machine to connect from; any without.
    pub from: Option<IpAddr>,
}

/// Where an agent wants its slot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Place {
    /// In the first region that has one.
    #[default]
    Anywhere,
    /// In a region.
    Region(String),
    /// In a cell of a region.
    Cell(String, u64),
    /// In the nearest region that has one.
    Near(vocab::Site),
}

/// An agent's view of a planet. Clones are the same client.
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) dial: Dial,
    pub(crate) key: SigningKey,
    pub(crate) planet: PlanetId,
    pub(crate) nodes: Nodes,
    /// The planet's time when it said so: the clock here may be wrong.
    began: (Moment, Instant),
    lines: Mutex<Vec<Line>>,
    room: Semaphore,
    names: Names,
    /// The newest lease, for whoever has to prove it again.
    pub(crate) lease: watch::Sender<Option<Arc<str>>>,
    /// The region in which it holds a slot, or held one.
    pub(crate) home: Mutex<Option<String>>,
}

impl Client {
    /// Finds out which planet answers at an address, for the holder of a key.
    pub async fn connect(url: &str, key: SigningKey, options: Options) -> Result<Self, Error> {
        let dial = Dial::new(url.parse::<Url>()?, &options)?;
        let mut tries = Tries::default();
        let (mut line, told) = loop {
            match hello(&dial).await {
                Err(error) if error.is_of_connection() && tries.again().await => {}
                answer => break answer?,
            }
        };
        let nodes = Nodes::hear(&mut line, &told, options.node, &dial.url).await?;
        Ok(Self(Arc::new(Inner {
            dial,
            key,
            planet: PlanetId(told.planet.0),
            nodes,
            began: (Moment(told.now), Instant::now()),
            lines: Mutex::new(vec![line]),
            room: Semaphore::new(LINES),
            names: Names::default(),
            lease: watch::Sender::new(None),
            home: Mutex::new(options.home),
        })))
    }

    /// Who it is for.
    #[must_use]
    pub fn agent(&self) -> AgentId {
        self.0.key.id()
    }

    /// Which planet it is of.
    #[must_use]
    pub fn planet(&self) -> PlanetId {
        self.0.planet
    }

    /// The node whose key signs heads.
    #[must_use]
    pub fn node(&self) -> AgentId {
        self.0.nodes.first()
    }

    /// The planet's time.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.0.now()
    }

    /// Goes on with a lease that was got before.
    pub fn resume(&self, lease: &str) -> Result<(), Error> {
        let claim = Claim::read(lease).map_err(|error| Error::Lease(error.to_string()))?;
        if claim.lease.agent != self.agent() {
            return Err(Error::Lease("it is another agent's: use the key that it was got with".to_owned()));
        }
        let first = self.0.lease.borrow().is_none();
        self.0.lease.send_replace(Some(lease.into()));
        if first {
            tokio::spawn(keep(Arc::downgrade(&self.0)));
        }
        Ok(())
    }

    /// The newest lease, to be kept for `resume`.
    #[must_use]
    pub fn lease(&self) -> Option<Arc<str>> {
        self.0.lease.borrow().clone()
    }

    /// A new name for an op.
    pub fn op_id(&self) -> Result<OpId, Error> {
        let mut entropy = [0; 8];
        getrandom::fill(&mut entropy).map_err(|error| Error::Entropy(error.to_string()))?;
        Ok(self.0.names.next(self.now(), u64::from_be_bytes(entropy)))
    }

    /// Runs an op to its end. A connection that breaks is tried again with the
    /// same name, so that nothing is done twice.
    pub async fn op(&self, ask: impl Into<Ask>) -> Result<Done, Error> {
        let told = self.send(ask.into(), Wait::Done).await?;
        let strange = || Error::Strange { at: self.0.dial.url.to_string(), why: "the op has not ended".to_owned() };
        Done::of_told(told).ok_or_else(strange)
    }

    /// Has an op taken in, and answers where it is then.
    pub async fn op_later(&self, ask: impl Into<Ask>) -> Result<tell::Op, Error> {
        self.send(ask.into(), Wait::Accepted).await
    }

    async fn send(&self, ask: Ask, wait: Wait) -> Result<tell::Op, Error> {
        let id = match ask.id {
            Some(id) => id,
            None => self.op_id()?,
        };
        let waits = Duration::from_millis(u64::from(ask.patience_ms));
        let body = written(&ask.json(id, wait))?;
        self.call(Method::POST, "/v1/ops", Some(&body), true, waits).await
    }

    /// Where an op is.
    pub async fn status(&self, id: OpId) -> Result<tell::Op, Error> {
        self.get(&format!("/v1/ops/{}", Hex(id.0.to_be_bytes()))).await
    }

    /// The agent's newest ops.
    pub async fn ops(&self, most: usize) -> Result<Vec<tell::Op>, Error> {
        let told: tell::Ops = self.get(&format!("/v1/ops?most={most}")).await?;
        Ok(told.ops)
    }

    /// Cancels an op that has not begun.
    pub async fn cancel(&self, id: OpId) -> Result<tell::Op, Error> {
        let path = format!("/v1/ops/{}", Hex(id.0.to_be_bytes()));
        self.call(Method::DELETE, &path, None, true, Duration::ZERO).await
    }

    /// Reads a chain from where `follow` stands, checks every link, and the
    /// node's signature over where it ends. When its node has another key by now,
    /// that is believed if the keys between say so.
    pub async fn chain(&self, follow: &mut Follow, most: usize, wait: Duration) -> Result<Stretch, Error> {
        let wait = wait.min(LONGEST_WAIT);
        let from = follow.from().map_or_else(String::new, |from| format!("&from={from}"));
        let path = block_path(follow.block());
        let path = format!("{path}/chain?most={most}&wait_ms={}{from}", wait.as_millis());
        let told: tell::Chain = self.call(Method::GET, &path, None, true, wait).await?;
        let node = self.signs(&follow.block().region, AgentId(told.head.node.0)).await?;
        follow.take(told, node)
    }

    /// Messages after one; when there are none, waits for one.
    pub async fn inbox(&self, after: Option<Cursor>, most: usize, wait: Duration) -> Result<Vec<tell::Message>, Error> {
        let wait = wait.min(LONGEST_WAIT);
        let mut path = format!("/v1/inbox?most={most}&wait_ms={}", wait.as_millis());
        if let Some(after) = after {
            path.push_str(&format!("&after={}", Hex(after.to_bytes())));
        }
        let told: tell::Inbox = self.call(Method::GET, &path, None, true, wait).await?;
        Ok(told.messages)
    }

    /// Acknowledges messages up to one.
    pub async fn ack(&self, cursor: Cursor) -> Result<Done, Error> {
        self.op(crate::op::Body::Ack(cursor)).await
    }

    /// The regions of the planet.
    pub async fn regions(&self) -> Result<Vec<tell::Region>, Error> {
        let told: tell::Regions = self.get("/v1/regions").await?;
        Ok(told.regions)
    }

    /// How a block stands.
    pub async fn block(&self, block: &tell::Block) -> Result<tell::Standing, Error> {
        self.get(&block_path(block)).await
    }

    /// A connection for ops that have to be fast.
    #[must_use]
    pub fn wire(&self) -> Wire {
        Wire::new(self.clone())
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.call(Method::GET, path, None, true, Duration::ZERO).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        proved: bool,
    ) -> Result<T, Error> {
        self.call(Method::POST, path, Some(&written(body)?), proved, Duration::ZERO).await
    }

    /// Sends a request, again when its connection breaks: every request of
    /// this interface may come twice.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&[u8]>,
        proved: bool,
        waits: Duration,
    ) -> Result<T, Error> {
        self.sent(&Sent { method, body, waits, ..Sent::get(path, None) }, proved).await
    }

    /// The same for a whole request, to which the lease is added where it is to
    /// be proved.
    pub(crate) async fn sent<T: DeserializeOwned>(&self, sent: &Sent<'_>, proved: bool) -> Result<T, Error> {
        let mut tries = Tries::default();
        let mut asked_again = false;
        loop {
            let lease = if proved { Some(self.lease().ok_or(Error::NotAttached)?) } else { None };
            let sent = Sent { method: sent.method.clone(), lease: lease.as_deref(), ..*sent };
            let (answer, was_proved) = self.once(&sent, lease.as_ref()).await;
            match answer {
                Err(error) if error.is_of_connection() && tries.again().await => {}
                // What was proved before may be forgotten: prove it again, once.
                Err(error) if error.code() == Some(Code::Unknown) && was_proved && !asked_again => asked_again = true,
                answer => return answer,
            }
        }
    }

    /// A connection on which the lease is proved; whether it was before.
    pub(crate) async fn line(&self, lease: Option<&Arc<str>>) -> Result<(Line, bool), Error> {
        if let Some(mut line) = self.0.free() {
            let Some(lease) = lease else { return Ok((line, false)) };
            if line.has_proved(lease) {
                return Ok((line, true));
            }
            // One that carries as many leases as it may, or broke meanwhile, is left for a new one.
            match line.prove(&self.0.key, lease).await {
                Ok(()) => return Ok((line, false)),
                Err(error) if error.may_pass_later() => {}
                Err(error) => return Err(error),
            }
        }
        let mut line = Line::open(&self.0.dial).await?;
        if let Some(lease) = lease {
            line.prove(&self.0.key, lease).await?;
        }
        Ok((line, false))
    }

    /// Sends a request on a connection that is free, or a new one; whether the
    /// lease had been proved on it before.
    async fn once<T: DeserializeOwned>(&self, sent: &Sent<'_>, lease: Option<&Arc<str>>) -> (Result<T, Error>, bool) {
        // The semaphore is never closed.
        let _room = self.0.room.acquire().await.ok();
        let (mut line, was_proved) = match self.line(lease).await {
            Ok(line) => line,
            Err(error) => return (Err(error), false),
        };
        let answer = line.call(sent).await;
        // A connection with an answer on the way is not used again.
        let keep = match &answer {
            Ok(_) => true,
            Err(Error::Refused { code, .. }) => *code != Code::Unknown,
            Err(_) => false,
        };
        if keep {
            self.0.keep(line);
        }
        (answer, was_proved)
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Moment {
        let (then, at) = self.began;
        then.after(vocab::Millis(u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)))
    }

    fn free(&self) -> Option<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(line) = lines.pop() {
            if line.is_open() {
                return Some(line);
            }
        }
        None
    }

    pub(crate) fn keep(&self, line: Line) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < LINES && line.is_open() {
            lines.push(line);
        }
    }
}

async fn hello(dial: &Dial) -> Result<(Line, tell::Planet), Error> {
    let mut line = Line::open(dial).await?;
    let told = line.call(&Sent::get("/v1/planet", None)).await?;
    Ok((line, told))
}

/// Renews the lease at half its time, until there is no client or no lease.
async fn keep(inner: Weak<Inner>) {
    loop {
        let Some((lease, now)) = inner.upgrade().map(|inner| (inner.lease.borrow().clone(), inner.now())) else {
            return;
        };
        let Some(Ok(claim)) = lease.map(|lease| Claim::read(&lease)) else {
            return;
        };
        let half = claim.lease.expires.since(claim.lease.issued).0 / 2;
        let wait = claim.lease.issued.after(vocab::Millis(half)).since(now);
        if wait.0 > 0 {
            tokio::time::sleep(Duration::from_millis(wait.0)).await;
            continue;
        }
        let Some(inner) = inner.upgrade() else {
            return;
        };
        let client = Client(inner);
        let renewed = client.renew().await;
        if matches!(&renewed, Err(error) if !error.may_pass_later()) || claim.lease.expires <= client.now() {
            // Whoever asks next is told why.
            return;
        }
        drop(client);
        if renewed.is_err() {
            tokio::time::sleep(RENEW_AGAIN).await;
        }
    }
}

pub(crate) fn written(body: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(|error| Error::Asked(error.to_string()))
}
