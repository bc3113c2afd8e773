//! The hosts of the regions, and connections to them: each proved once as this
//! gateway's, then used by whoever is next.
//!
//! A connection goes back before its answer was read to its end; whoever takes
//! it next looks whether it is ready. They are taken in turn, so that the one
//! that was used longest ago, and is surely ready, comes first.

use super::Shared;
use super::body::Asked;
use super::breaker::Breaker;
use super::settings::Settings;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use policy::set::RegionNumber;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use trust::attach::{Channel, Nonce};
use trust::vouch::vouch;
use vocab::Millis;
use wire::{Hex, ask, tell};

/// Connections that wait for the next request, of each thread to each host.
const MOST_IDLE: usize = 1_024;
/// Of those that wait so many are looked at before another is opened.
const LOOKS: usize = 8;
/// How often a request is tried that was never sent, because its connection had
/// ended: a host that was started again has ended all of them.
const TRIES: usize = 4;
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
    Broken(hyper::Error),
    /// It was sent, and the answer did not come in time.
    #[error("the region's host did not answer in time")]
    Slow,
}

impl Lost {
    /// Whether the host may have seen the request.
    pub(crate) const fn was_sent(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Slow)
    }
}

type Sender = SendRequest<Asked>;

struct Host {
    address: SocketAddr,
    name: HeaderValue,
    idle: Vec<Mutex<VecDeque<Sender>>>,
    breaker: Mutex<Breaker>,
    /// Who signs for the region, once it was heard.
    node: OnceLock<Hex<32>>,
}

/// All hosts, in the order of their regions' numbers.
pub(crate) struct Hosts(Vec<Option<Host>>);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hosts {
    /// Regions are numbered in the order of their ids.
    pub(crate) fn new(settings: &Settings, threads: usize) -> Self {
        let mut ids: Vec<&str> = settings.planet.region.iter().map(|region| region.id.value.as_str()).collect();
        ids.sort_unstable();
        let host = |id: &str| {
            let host = settings.hosts.iter().find(|host| host.region == id)?;
            let name = HeaderValue::from_str(&host.address.to_string()).ok()?;
            let idle = (0..threads).map(|_| Mutex::default()).collect();
            Some(Host { address: host.address, name, idle, breaker: Mutex::default(), node: OnceLock::new() })
        };
        Self(ids.into_iter().map(host).collect())
    }

    fn host(&self, region: RegionNumber) -> Result<&Host, Lost> {
        self.0.get(region.at()).and_then(Option::as_ref).ok_or(Lost::Nobody)
    }

    /// Sends a request to a region's host. What was never sent comes back to be
    /// sent elsewhere or again.
    pub(crate) async fn send(
        &self,
        region: RegionNumber,
        mut request: Request<Asked>,
        (thread, shared, settings): (usize, &Shared, &Settings),
    ) -> Result<Response<Incoming>, Lost> {
        let host = self.host(region)?;
        locked(&host.breaker).ask(Millis(shared.clock.now().0)).map_err(Lost::Open)?;
        request.headers_mut().insert(HOST, host.name.clone());
        let mut last = None;
        for _ in 0..TRIES {
            let mut sender = match host.idle(thread) {
                Some(sender) => sender,
                None => host.connect(settings).await.map_err(|error| {
                    locked(&host.breaker).bad(Millis(shared.clock.now().0));
                    // Nobody listens there: the region is looked at no longer.
                    shared.regions.check(region, false);
                    Lost::Unreached(error)
                })?,
            };
            match tokio::time::timeout(settings.answer, sender.try_send_request(request)).await {
                Ok(Ok(answer)) => {
                    locked(&host.breaker).good();
                    host.give_back(thread, sender);
                    return Ok(answer);
                }
                Ok(Err(mut failed)) => {
                    let unsent = failed.take_message();
                    let error = failed.into_error();
                    let Some(unsent) = unsent else {
                        locked(&host.breaker).bad(Millis(shared.clock.now().0));
                        return Err(Lost::Broken(error));
                    };
                    (request, last) = (unsent, Some(error));
                }
                Err(_) => {
                    locked(&host.breaker).bad(Millis(shared.clock.now().0));
                    return Err(Lost::Slow);
                }
            }
        }
        Err(last.map_or(Lost::Slow, |error| Lost::Unreached(io::Error::other(error))))
    }

    /// Who signs for a region, when that was heard.
    pub(crate) fn node(&self, region: RegionNumber) -> Option<Hex<32>> {
        self.host(region).ok()?.node.get().copied()
    }

    /// Asks a host how it is, on a connection of its own: what is asked then is
    /// whether it takes connections, too.
    pub(crate) async fn check(
        &self,
        region: RegionNumber,
        mut request: Request<Asked>,
        shared: &Shared,
    ) -> Result<StatusCode, Lost> {
        let host = self.host(region)?;
        request.headers_mut().insert(HOST, host.name.clone());
        request.headers_mut().insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
        let asked = async {
            let mut sender = host.open(&shared.settings()).await.map_err(Lost::Unreached)?;
            if host.node.get().is_none() {
                let told = host.ask(&mut sender, Request::get("/v1/planet"), Bytes::new()).await;
                let told = told.and_then(|told| Ok(serde_json::from_slice::<tell::Planet>(&told)?));
                // It was perhaps heard meanwhile.
                let _ = host.node.set(told.map_err(Lost::Unreached)?.node);
                sender.ready().await.map_err(Lost::Broken)?;
            }
            let answer = sender.send_request(request).await.map_err(Lost::Broken)?;
            Ok(answer.status())
        };
        let status = tokio::time::timeout(CHECK, asked).await.unwrap_or(Err(Lost::Slow))?;
        locked(&host.breaker).good();
        Ok(status)
    }
}

impl Host {
    /// A connection that waits: of this thread's, for a neighbour's would have
    /// to wake it for each of its requests.
    fn idle(&self, thread: usize) -> Option<Sender> {
        let mut idle = locked(self.idle.get(thread)?);
        for _ in 0..LOOKS.min(idle.len()) {
            let sender = idle.pop_front()?;
            if sender.is_ready() {
                return Some(sender);
            }
            if !sender.is_closed() {
                idle.push_back(sender);
            }
        }
        None
    }

    fn give_back(&self, thread: usize, sender: Sender) {
        let Some(idle) = self.idle.get(thread) else { return };
        let mut idle = locked(idle);
        if idle.len() < MOST_IDLE && !sender.is_closed() {
            idle.push_back(sender);
        }
    }

    async fn open(&self, settings: &Settings) -> io::Result<Sender> {
        let connecting = tokio::time::timeout(settings.connect, TcpStream::connect(self.address));
        let stream = connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        let (sender, connection) = Builder::new().handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(async move {
            // How it ended is told to whoever used it last.
            let _ = connection.await;
        });
        Ok(sender)
    }

    /// A new connection on which the host takes this gateway's word.
    async fn connect(&self, settings: &Settings) -> io::Result<Sender> {
        let mut sender = self.open(settings).await?;
        let proving = async {
            let challenge = self.ask(&mut sender, Request::get("/v1/gateway"), Bytes::new()).await?;
            let challenge: tell::Challenge = serde_json::from_slice(&challenge)?;
            let channel = challenge.channel.ok_or_else(|| io::Error::other("the host named no channel"))?;
            let proof = vouch(&settings.key, settings.id, &Nonce(challenge.nonce.0), &Channel(channel.0));
            let vouch = ask::Vouch { gateway: Hex(settings.key.id().0), signature: Hex(proof.0) };
            self.ask(&mut sender, Request::post("/v1/gateway"), serde_json::to_vec(&vouch)?.into()).await?;
            sender.ready().await.map_err(io::Error::other)
        };
        let proved = tokio::time::timeout(settings.connect, proving).await;
        proved.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?.map(|()| sender)
    }

    async fn ask(&self, sender: &mut Sender, request: hyper::http::request::Builder, body: Bytes) -> io::Result<Bytes> {
        let request = request
            .header(HOST, self.name.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(wire::SOURCE, "127.0.0.1")
            .body(Asked::Own(Full::new(body)))
            .map_err(io::Error::other)?;
        sender.ready().await.map_err(io::Error::other)?;
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = answer.status();
        let told = Limited::new(answer.into_body(), MOST_TOLD).collect().await.map_err(io::Error::other)?.to_bytes();
        if !status.is_success() {
            let why = String::from_utf8_lossy(&told).into_owned();
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("the host said {status}: {why}")));
        }
        Ok(told)
    }
}
