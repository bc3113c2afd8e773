//! A client's connection, from its first byte to its last, and what each of
//! its requests means to a gateway.

use super::Shared;
use super::access::Line;
use super::body::{Asked, Told};
use super::forward::told;
use super::page;
use super::rates::Meter;
use super::session::{self, Session, Sessions};
use super::wants::bounded;
use crate::http::{BODY_BYTES, HEAD_BYTES, HEADERS, No, Pace, Paced, Place, Reasoned, decode, tls};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use policy::set::RegionNumber;
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use trust::attach::Channel;
use trust::lease::Claim;
use vocab::Millis;
use wire::Code;

/// After an accept that failed because the process has no more file
/// descriptors: some connection has to end first.
const OUT_OF_FILES: Duration = Duration::from_millis(50);
/// Requests of one HTTP/2 connection at once.
const STREAMS: u32 = 256;
/// Streams that a client has opened and taken back before they were looked at;
/// past this it is cut off (rapid reset).
const RESETS: usize = 20;
/// Whether to say why something went where it went.
const EXPLAIN: HeaderName = HeaderName::from_static("mycel-explain");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ROUTE: HeaderName = HeaderName::from_static("mycel-route");
/// The longest name that a client may give a request.
const LONGEST_ID: usize = 64;

/// One client's connection.
pub(crate) struct Front {
    pub(crate) shared: Arc<Shared>,
    pub(crate) thread: usize,
    pub(crate) source_header: HeaderValue,
    pub(super) source: IpAddr,
    pub(super) secure: bool,
    pub(super) sessions: Sessions,
    meter: Arc<Meter>,
    pace: Arc<Pace>,
    open: AtomicUsize,
    ids: AtomicU64,
}

/// Takes connections until the gateway stops, then waits for those it has.
pub(super) async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, thread: usize, shared: Arc<Shared>) {
    let (mut connections, mut said) = (JoinSet::new(), None);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stopped() => break,
            // Ended ones are forgotten as they end.
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, address)) = accepted else {
            crate::http::out_of_files(&mut said);
            tokio::time::sleep(OUT_OF_FILES).await;
            continue;
        };
        let source = address.ip().to_canonical();
        // A source that is turned away has nothing done for it.
        if shared.turnstile.turned_away(source, shared.clock.now()).is_err() {
            shared.closed(source, "its source is turned away");
            continue;
        }
        let bounds = shared.settings().bounds;
        let Some(place) = shared.crowd.enter(source, bounds.connections, bounds.of_a_source) else {
            shared.closed(source, "too many connections, or too many of its source");
            continue;
        };
        connections.spawn(connection(stream, source, acceptor.clone(), (thread, Arc::clone(&shared), place)));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

type At = (usize, Arc<Shared>, Place);

async fn connection(stream: TcpStream, source: IpAddr, acceptor: Option<TlsAcceptor>, at: At) {
    // Answers are written whole: there is nothing to gather them with.
    let _ = stream.set_nodelay(true);
    let (patience, shared) = (at.1.settings().bounds.handshake, Arc::clone(&at.1));
    let ended = match acceptor {
        None => match crate::http::fresh_channel() {
            Ok(channel) => speak(stream, source, (channel, false), at).await,
            Err(error) => Err(error),
        },
        Some(acceptor) => match tokio::time::timeout(patience, acceptor.accept(stream)).await {
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
            Ok(Err(error)) => Err(error),
            Ok(Ok(stream)) => match tls::channel(stream.get_ref().1) {
                Ok(channel) => speak(stream, source, (channel, true), at).await,
                Err(error) => Err(error),
            },
        },
    };
    if let Err(error) = ended {
        shared.closed(source, &error.to_string());
    }
}

async fn speak<I>(io: I, source: IpAddr, (channel, secure): (Channel, bool), at: At) -> io::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (thread, shared, _place) = at;
    let settings = shared.settings();
    let now = Millis(shared.clock.now().0);
    let meter = shared.rates.address(source, now).ok_or_else(|| io::Error::from(io::ErrorKind::QuotaExceeded))?;
    let pace = Arc::new(Pace::new(settings.bounds));
    let source_header = HeaderValue::from_str(&source.to_string()).map_err(io::Error::other)?;
    let first = custody::entropy::bytes()?;
    let front = Arc::new(Front {
        shared: Arc::clone(&shared),
        thread,
        source_header,
        source,
        secure,
        sessions: Sessions::new(channel),
        meter,
        pace: Arc::clone(&pace),
        open: AtomicUsize::new(0),
        ids: AtomicU64::new(u64::from_be_bytes(first)),
    });
    let service = service_fn(move |request| {
        let front = Arc::clone(&front);
        async move { Ok::<_, Infallible>(front.answer(request).await) }
    });
    let io = TokioIo::new(Paced { io: Reasoned::new(io), pace: Arc::clone(&pace) });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // A head and what most answers have behind it cost less to copy together than to write apart.
    builder.http1().max_buf_size(HEAD_BYTES).max_headers(HEADERS).half_close(false).writev(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(settings.bounds.head)
        .keep_alive_timeout(settings.bounds.head);
    let mut http = std::pin::pin!(builder.serve_connection(io, service));
    let ended = tokio::select! {
        ended = http.as_mut() => ended,
        () = pace.watch() => {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it was too slow, or idle"));
        }
        () = shared.stopped() => {
            http.as_mut().graceful_shutdown();
            http.as_mut().await
        }
    };
    ended.map_err(io::Error::other)
}

/// What a request came to, beside its answer: for the log.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) session: Option<Arc<Session>>,
    pub(super) region: Option<RegionNumber>,
    /// Why it went where it went, or nowhere, when that was asked.
    explained: Option<HeaderValue>,
}

/// A request that is being answered, until it was or its client took it back.
pub(super) struct Busy(Arc<Front>);

impl Busy {
    fn new(front: &Arc<Front>, many: bool) -> Self {
        front.open.fetch_add(1, Relaxed);
        front.pace.serving(many);
        Self(Arc::clone(front))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Relaxed) == 1 {
            self.0.pace.idle();
        }
    }
}

impl Front {
    pub(crate) fn now(&self) -> Millis {
        Millis(self.shared.clock.now().0)
    }

    /// Answers a request, whatever becomes of it.
    async fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Response<Told> {
        let begun = Instant::now();
        let busy = Busy::new(self, request.version() == Version::HTTP_2);
        let (mut head, body) = request.into_parts();
        let id = self.id_of(&mut head);
        let (method, path) = (head.method.clone(), head.uri.clone());
        let mut seen = Seen::default();
        self.shared.counts.requests.fetch_add(1, Relaxed);
        let mut answer = self.route(head, body, &mut seen).await.unwrap_or_else(|no| {
            self.shared.counts.refused.fetch_add(1, Relaxed);
            no.answer().map(own)
        });
        told(&mut answer, &id);
        if let Some(explained) = seen.explained.take() {
            answer.headers_mut().insert(ROUTE, explained);
        }
        if self.shared.access.is_on() {
            self.write_down((&id, &method, path.path()), answer.status(), begun, &seen);
        }
        answer.map(|told| told.until_its_end(busy))
    }

    fn write_down(
        &self,
        (id, method, path): (&HeaderValue, &Method, &str),
        status: StatusCode,
        begun: Instant,
        seen: &Seen,
    ) {
        let region = seen.region.map(|region| self.shared.regions.id(region));
        self.shared.access.write(&Line {
            time_ms: self.now().0,
            id: id.to_str().unwrap_or_default(),
            source: self.source,
            agent: seen.session.as_ref().map(|session| session.name.as_str()),
            method: method.as_str(),
            path,
            status: status.as_u16(),
            micros: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            region,
        });
    }

    /// The name of a request: its client's, or one that nobody else has.
    fn id_of(&self, head: &mut Parts) -> HeaderValue {
        let named = head.headers.get(&REQUEST_ID).filter(|id| id.len() <= LONGEST_ID && id.to_str().is_ok());
        if let Some(id) = named {
            return id.clone();
        }
        let id = format!("{:016x}", self.ids.fetch_add(1, Relaxed));
        let id = HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("none"));
        // Its host is to know it by the same name.
        head.headers.insert(REQUEST_ID, id.clone());
        id
    }

    async fn route(&self, head: Parts, body: Incoming, seen: &mut Seen) -> Result<Response<Told>, No> {
        let settings = self.shared.settings();
        self.shared.rates.ask_address(&self.meter, self.now()).map_err(|wait| too_soon("address", wait))?;
        bounded(&head)?;
        let lease = decode::lease(&head.headers).ok();
        let found = lease.and_then(|lease| self.sessions.find(lease));
        self.saw(&head, lease, found.as_deref())?;
        let path = head.uri.path();
        // What is rare is boxed: it would make all the others' futures as large.
        match (&head.method, path) {
            (&Method::GET, "/health") => return Ok(text("application/json", br#"{"status":"ok"}"#.to_vec())),
            (&Method::GET, "/ready") => {
                let page = page::ready(&self.shared, self.is_known(found.as_deref()))?;
                return Ok(text("application/json", page));
            }
            (&Method::GET, "/metrics") => {
                return Ok(text("text/plain; version=0.0.4", page::metrics(&self.shared).into_bytes()));
            }
            (&Method::CONNECT, _) => return Err(No::new(Code::NotFound, "a gateway connects to nothing else")),
            (_, "/v1/gateway") => return Err(No::new(Code::NotFound, "a gateway is not reached through a gateway")),
            (_, "/v1/wire") => {
                let what = "frames are not carried by a gateway: ask the region's host, or use HTTP";
                return Err(No::new(Code::NotFound, what));
            }
            (_, "/v1/tick") => return Err(No::new(Code::NotFound, "what a region has to give out its host gives out")),
            (&Method::GET, "/v1/regions") => return self.all_regions(&head),
            (&Method::GET, path) if path.starts_with("/v1/audit/") => return Box::pin(self.audit(path)).await,
            (_, "/v1/bans") => return Box::pin(self.bans(head, body, seen, &settings)).await,
            (&Method::GET, "/v1/planet") => return Box::pin(self.planet(&settings)).await,
            (&Method::GET, "/v1/planet/line") => return Box::pin(self.line(head, seen, &settings)).await,
            (&Method::GET, "/v1/challenge") => return Box::pin(self.challenge(head, seen, &settings)).await,
            (&Method::POST, "/v1/session") => return Box::pin(self.prove(&head, body, seen, &settings)).await,
            (&Method::POST, "/v1/erasures") => return Box::pin(self.erase(head, body, &settings)).await,
            _ => {}
        }
        let class = self.class(&head)?;
        seen.session = match lease {
            Some(_) => Some(session::good(found, self.shared.clock.now())?),
            None => None,
        };
        if let Some(session) = &seen.session {
            self.shared.rates.ask_agent(&session.meter, self.now()).map_err(|wait| too_soon("agent", wait))?;
        }
        let (wish, body) = if head.uri.path() == "/v1/attach" {
            Box::pin(self.seat(&head, body, class, settings.bounds.body)).await?
        } else {
            let most = u64::try_from(BODY_BYTES).unwrap_or(u64::MAX);
            let wish = self.wish(&head, class, seen.session.as_deref())?;
            (wish, Asked::passed(body, most, settings.bounds.body))
        };
        if head.headers.contains_key(&EXPLAIN) && self.is_known(seen.session.as_deref()) {
            let explained = self.shared.regions.explain(&wish, self.now());
            let explained = explained.and_then(|explained| serde_json::to_vec(&explained).ok());
            seen.explained = explained.and_then(|explained| HeaderValue::from_bytes(&explained).ok());
        }
        let region = match wish.bound {
            Some(region) => self.pin(&wish, region)?,
            None => self.admit(&wish)?,
        };
        seen.region = Some(region);
        self.forward(region, (head, body), &settings).await
    }

    /// Whether somebody may know how the regions stand: whoever has proved a
    /// lease, and whoever is on this machine.
    fn is_known(&self, session: Option<&Session>) -> bool {
        session.is_some() || self.source.is_loopback()
    }

    /// Tells the monitor; whoever is banned by it has had its last answer. The
    /// agents' own monitors are their hosts'.
    fn saw(&self, head: &Parts, lease: Option<&str>, found: Option<&Session>) -> Result<(), No> {
        let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let block = match found {
            Some(session) => Some(session.lease.block),
            None => lease.and_then(|lease| Claim::read(lease).ok()).map(|claim| claim.lease.block),
        };
        // Blocks of one number are as many as there are regions.
        let destination = block.map_or(0, |block| u64::from_be_bytes(block.region.0).wrapping_add(block.index));
        let seen = std::iter::once((length.unwrap_or(0), destination));
        let now = self.shared.clock.now();
        self.shared.turnstile.saw_all(self.source, None, seen, now).1.map_err(|refusal| No::from(refusal).closing())
    }
}

/// What is refused because somebody asks more often than anybody may.
pub(super) fn too_soon(who: &str, wait: Millis) -> No {
    No { retry_after: Some(wait), ..No::new(Code::TooMany, format!("this {who} asks too often")) }
}

pub(super) fn own(body: crate::http::Body) -> Told {
    // Refusals are whole: what is not there at once is none of them.
    let bytes = futures_util::FutureExt::now_or_never(body.collect()).and_then(Result::ok);
    Told::Own(Full::new(bytes.map_or_else(Bytes::new, http_body_util::Collected::to_bytes)))
}

fn text(media: &'static str, bytes: Vec<u8>) -> Response<Told> {
    let mut answer = Response::new(Told::Own(Full::new(bytes.into())));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    answer
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<Response<Told>, No> {
    let bytes = serde_json::to_vec(value).map_err(|why| No::new(Code::Internal, why.to_string()))?;
    Ok(text("application/json", bytes))
}
