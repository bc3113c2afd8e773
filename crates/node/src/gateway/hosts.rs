//! The hosts of the regions, and connections to them: each proved once as this
//! gateway's, then used by whoever is next on the same thread.
//!
//! A connection goes back when its answer was read to its end, and they are
//! taken in turn.

use super::Shared;
use super::body::{Asked, Told};
use super::breaker::Breaker;
use super::forward::spelled;
use super::line::{Broken, Line};
use super::reply::Head;
use super::settings::Settings;
use crate::links::{Links, Way};
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::{Builder, Parts};
use hyper::{Method, Request, Response, StatusCode};
use policy::set::RegionNumber;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use trust::attach::{Channel, Nonce};
use trust::vouch::vouch;
use vocab::Millis;
use wire::{Hex, ask, tell};

/// Connections that wait for the next request, of each thread to each host.
const MOST_IDLE: usize = 1_024;
/// Of what a host says about a gateway's proof.
const MOST_TOLD: usize = 4_096;
/// For a host to say how it is.
const CHECK: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// The planet has no host there.
    #[error("no host is known for this region")]
    Nobody,
    /// It failed again and again, and is left alone for a while.
    #[error("the region's host does not answer; it is tried again in {0}")]
    Open(Millis),
    /// It cannot be reached: nothing was sent.
    #[error("the region's host cannot be reached: {0}")]
    Unreached(io::Error),
    /// It was sent, and no answer came.
    #[error("the region's host did not answer: {0}")]
    Broken(Broken),
    /// It was not sent whole, because it did not come whole.
    #[error("the request's body did not come: {0}")]
    Body(io::Error),
    /// It was sent, and the answer did not come in time.
    #[error("the region's host did not answer in time")]
    Slow,
}

impl Lost {
    /// Whether another try may find what this one did not. Who was waited for in
    /// vain is not waited for twice.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    /// Whether the host may have seen the request.
    pub(crate) const fn was_sent(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Slow)
    }
}

/// A request: its head, and the address that it came from.
type Asks<'a> = (&'a Parts, &'a HeaderValue);

struct Host {
    address: String,
    /// How its certificate is asked for; it is not where nodes have none.
    way: Option<Way>,
    name: HeaderValue,
    /// Of each thread: a neighbour's would have to wake it for each request.
    idle: Vec<Mutex<VecDeque<Line>>>,
    breaker: Mutex<Breaker>,
    /// Whether the breaker has anything to say: threads share what they only read.
    troubled: AtomicBool,
    /// For this gateway's turns.
    turns: Mutex<Option<Line>>,
    /// Who signs for the region, as was heard last: asked again with each check.
    node: Mutex<Option<Hex<32>>>,
}

/// All hosts, in the order of their regions' numbers.
pub(crate) struct Hosts(Vec<Option<Arc<Host>>>);

/// Where a connection goes when its answer was read.
pub(crate) struct Returns(Arc<Host>, usize);

impl Returns {
    pub(crate) fn give_back(self, line: Line) {
        self.0.give_back(self.1, line);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hosts {
    /// Regions are numbered in the order of their ids.
    pub(crate) fn new(settings: &Settings, threads: usize) -> io::Result<Self> {
        let nodes = settings.nodes.as_ref().map(|credentials| (credentials, Links::new(credentials)));
        let mut ids: Vec<&str> = settings.planet.region.iter().map(|region| region.id.value.as_str()).collect();
        ids.sort_unstable();
        let host = |id: &str| {
            let Some(host) = settings.hosts.iter().find(|host| host.region == id) else { return Ok(None) };
            let Ok(name) = HeaderValue::from_str(&host.address) else { return Ok(None) };
            let way = nodes.as_ref().map(|(credentials, links)| Way::new(credentials, links, id)).transpose()?;
            let idle = (0..threads).map(|_| Mutex::default()).collect();
            let (breaker, troubled) = (Mutex::default(), AtomicBool::new(false));
            let (turns, node) = (Mutex::default(), Mutex::default());
            let address = host.address.clone();
            Ok(Some(Arc::new(Host { address, way, name, idle, breaker, troubled, turns, node })))
        };
        ids.into_iter().map(host).collect::<io::Result<_>>().map(Self)
    }

    fn host(&self, region: RegionNumber) -> Result<&Arc<Host>, Lost> {
        self.0.get(region.at()).and_then(Option::as_ref).ok_or(Lost::Nobody)
    }

    /// Sends a request to a region's host.
    pub(crate) async fn send(
        &self,
        region: RegionNumber,
        asks: Asks<'_>,
        body: &mut Asked,
        (thread, shared, settings): (usize, &Shared, &Settings),
    ) -> Result<Response<Told>, Lost> {
        let host = self.host(region)?;
        let now = || Millis(shared.clock.now().0);
        host.ask_breaker(now()).map_err(Lost::Open)?;
        let mut line = match host.idle(thread) {
            Some(line) => line,
            None => Box::pin(host.connect(settings)).await.map_err(|error| {
                host.bad(now());
                // Nobody listens there: the region is looked at no longer. Any other failure
                // may be this gateway's own.
                if error.kind() == io::ErrorKind::ConnectionRefused {
                    shared.regions.check(region, false);
                }
                Lost::Unreached(error)
            })?,
        };
        let has_body = body.length() != Some(0);
        let asked = tokio::time::timeout(settings.answer, host.ask(&mut line, asks, body)).await;
        let told = match asked {
            Ok(Ok(head)) => {
                // A host that refuses may have left the body unread, and ends the connection then.
                let stays = head.stays && !(has_body && head.status.is_client_error());
                let returns = stays.then(|| Returns(Arc::clone(host), thread));
                answer(head, line, returns, settings.silence).map_err(|wrong| Lost::Broken(wrong.into()))
            }
            Ok(Err(Broken::Body(error))) => return Err(Lost::Body(error)),
            Ok(Err(broken)) => Err(Lost::Broken(broken)),
            Err(_) => Err(Lost::Slow),
        };
        if told.is_ok() {
            host.good();
        } else {
            host.bad(now());
        }
        told
    }

    /// Lets go of connections that hosts have ended.
    pub(crate) fn sweep(&self) {
        for idle in self.0.iter().flatten().flat_map(|host| &host.idle) {
            locked(idle).retain(Line::is_good);
        }
    }

    /// This gateway's turn with a region, and how long the answer took, on a
    /// connection that is used for nothing else.
    pub(crate) async fn turn(
        &self,
        region: RegionNumber,
        ask: &ask::Tick,
        settings: &Settings,
    ) -> Result<(tell::Tick, Duration), Lost> {
        let host = self.host(region)?;
        let asked = async {
            let kept = locked(&host.turns).take().filter(Line::is_good);
            let mut line = match kept {
                Some(line) => line,
                None => host.connect(settings).await?,
            };
            let begun = Instant::now();
            let told = whole(host.tell(&mut line, Request::post("/v1/tick"), serde_json::to_vec(ask)?.into()).await?)?;
            let took = begun.elapsed();
            *locked(&host.turns) = Some(line);
            Ok((serde_json::from_slice(&told)?, took))
        };
        tokio::time::timeout(CHECK, asked).await.map_err(|_| Lost::Slow)?.map_err(Lost::Unreached)
    }

    /// Who signs for a region, when that was heard.
    pub(crate) fn node(&self, region: RegionNumber) -> Option<Hex<32>> {
        *locked(&self.host(region).ok()?.node)
    }

    /// Asks a host how it is, on a connection of its own: what is asked then is
    /// whether it takes connections, too.
    pub(crate) async fn check(&self, region: RegionNumber) -> Result<StatusCode, Lost> {
        let host = self.host(region)?;
        let asked = async {
            let mut line = Line::open(&host.address, host.way.as_ref()).await?;
            let told = whole(host.tell(&mut line, Request::get("/v1/planet"), Bytes::new()).await?)?;
            *locked(&host.node) = Some(serde_json::from_slice::<tell::Planet>(&told)?.node);
            // What it says beside its status is for people.
            host.ask_own(&mut line, Request::get("/ready"), Bytes::new()).await.map(|head| head.status)
        };
        let status = tokio::time::timeout(CHECK, asked).await.map_err(|_| Lost::Slow)?.map_err(Lost::Unreached)?;
        host.good();
        Ok(status)
    }
}

/// What a host said to a client.
fn answer(
    head: Head,
    line: Line,
    returns: Option<Returns>,
    silence: Duration,
) -> Result<Response<Told>, super::reply::Wrong> {
    let mut answer = Response::new(Told::of(line, head.end, returns, silence)?);
    (*answer.status_mut(), *answer.headers_mut()) = (head.status, head.headers);
    Ok(answer)
}

/// What a host said to us, when it is not a refusal.
fn whole((status, told): (StatusCode, Bytes)) -> io::Result<Bytes> {
    if !status.is_success() {
        let why = String::from_utf8_lossy(&told).into_owned();
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("the host said {status}: {why}")));
    }
    Ok(told)
}

impl Host {
    fn ask_breaker(&self, now: Millis) -> Result<(), Millis> {
        if self.troubled.load(Relaxed) { locked(&self.breaker).ask(now) } else { Ok(()) }
    }

    /// It answered.
    fn good(&self) {
        if self.troubled.load(Relaxed) {
            let mut breaker = locked(&self.breaker);
            breaker.good();
            self.troubled.store(false, Relaxed);
        }
    }

    /// It did not.
    fn bad(&self, now: Millis) {
        let mut breaker = locked(&self.breaker);
        breaker.bad(now);
        self.troubled.store(true, Relaxed);
    }

    /// A connection that waits.
    fn idle(&self, thread: usize) -> Option<Line> {
        let mut idle = locked(self.idle.get(thread)?);
        // Those that ended are forgotten: a host that was started again has ended all.
        std::iter::from_fn(|| idle.pop_front()).find(Line::is_good)
    }

    fn give_back(&self, thread: usize, line: Line) {
        let Some(idle) = self.idle.get(thread) else { return };
        let mut idle = locked(idle);
        if idle.len() < MOST_IDLE && line.came.is_empty() {
            idle.push_back(line);
        }
    }

    /// Asks on a connection, and waits for the head of the answer.
    async fn ask(&self, line: &mut Line, (head, source): Asks<'_>, body: &mut Asked) -> Result<Head, Broken> {
        let bytes = spelled(head, &self.name, source, body.length());
        line.ask(bytes, body, head.method == Method::HEAD).await
    }

    /// A new connection on which the host takes this gateway's word.
    async fn connect(&self, settings: &Settings) -> io::Result<Line> {
        let proving = async {
            let mut line = Line::open(&self.address, self.way.as_ref()).await?;
            let challenge = whole(self.tell(&mut line, Request::get("/v1/gateway"), Bytes::new()).await?)?;
            let challenge: tell::Challenge = serde_json::from_slice(&challenge)?;
            let told = || challenge.channel.map(|channel| Channel(channel.0));
            let channel = line.channel()?.or_else(told).ok_or_else(|| io::Error::other("the host named no channel"))?;
            // By the key that it has shown a certificate of on this very connection.
            let key = line.key().unwrap_or(&settings.key);
            let proof = vouch(key, settings.id, &Nonce(challenge.nonce.0), &channel);
            let vouch = ask::Vouch { gateway: Hex(key.id().0), signature: Hex(proof.0) };
            let vouch = serde_json::to_vec(&vouch)?.into();
            whole(self.tell(&mut line, Request::post("/v1/gateway"), vouch).await?)?;
            Ok(line)
        };
        let proved = tokio::time::timeout(settings.connect, proving).await;
        proved.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Asks for ourselves.
    async fn ask_own(&self, line: &mut Line, request: Builder, body: Bytes) -> io::Result<Head> {
        let request = request.header(CONTENT_TYPE, "application/json").body(()).map_err(io::Error::other)?;
        let (head, ()) = request.into_parts();
        let source = HeaderValue::from_static("127.0.0.1");
        self.ask(line, (&head, &source), &mut Asked::own(body)).await.map_err(io::Error::other)
    }

    /// Asks for ourselves, and reads the answer, which leaves the connection ready.
    async fn tell(&self, line: &mut Line, request: Builder, body: Bytes) -> io::Result<(StatusCode, Bytes)> {
        let mut head = self.ask_own(line, request, body).await?;
        let mut told = Vec::new();
        loop {
            while let Some(data) = head.end.take(&mut line.came).map_err(io::Error::other)? {
                told.extend_from_slice(&data);
            }
            if told.len() > MOST_TOLD {
                return Err(io::Error::other("the host said more than was asked"));
            }
            if head.end.is_here() {
                return Ok((head.status, told.into()));
            }
            if std::future::poll_fn(|cx| line.poll_more(cx)).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
