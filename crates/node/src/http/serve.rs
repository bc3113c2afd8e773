//! A request from its head to its answer: which endpoint it means, whether it
//! may, what it says, and what comes of it.

use super::answer::Answer;
use super::calls::{self, Asked};
use super::limits::HEADERS;
use super::no::No;
use super::pace::Pace;
use super::peer::Peer;
use super::route::{Route, route};
use super::table::{Call, ENDPOINTS, Endpoint};
use super::want::{Came, Want};
use super::{admit, decode, frames};
use crate::trace;
use block::chain::OpId;
use bytes::Bytes;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::CONTENT_LENGTH;
use hyper::http::request::Parts;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::Instant;
use tracing::Instrument as _;
use trust::attach::Session;
use wire::Code;

/// Says that the connection is idle again, when the answer is on its way.
pub(super) struct Serving(Arc<Pace>);

impl Serving {
    fn new(pace: &Arc<Pace>) -> Self {
        pace.serving(false);
        Self(Arc::clone(pace))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.idle();
    }
}

/// Answers a request.
pub(super) async fn serve(peer: Arc<Peer>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (begun, serving) = (Instant::now(), Serving::new(&peer.pace));
    let (head, body) = request.into_parts();
    let (endpoint, answer) = match route(&head.method, head.uri.path()) {
        Route::Found(at, parts) => (Some(at), traced(&peer, &ENDPOINTS[at], parts, (head, body, serving)).await),
        nowhere => (
            None,
            Err(saw((&peer, peer.source), None, weight(&head, 0), 0).err().unwrap_or_else(|| lost(nowhere, &head))),
        ),
    };
    let answer = answer.unwrap_or_else(No::answer);
    let (status, took) = (answer.status().as_u16(), begun.elapsed());
    peer.shared.metrics.answered(endpoint, status, took);
    let name = endpoint.map_or("nowhere", |at| ENDPOINTS[at].name);
    tracing::debug!(endpoint = name, status, source = %peer.source, micros = micros(took), "answered");
    Ok(answer)
}

async fn traced(
    peer: &Arc<Peer>,
    endpoint: &'static Endpoint,
    parts: Vec<String>,
    (head, body, serving): (Parts, Incoming, Serving),
) -> Result<Answer, No> {
    let span = trace::request(endpoint.name, &head);
    let found = found(peer, endpoint, parts, head, body, serving);
    let answer = found.instrument(span.clone()).await;
    trace::answered(&span, answer.as_ref().map_or_else(|no| no.code.status(), |answer| answer.status().as_u16()));
    answer
}

fn micros(took: std::time::Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// What is said to a request that means no endpoint.
pub(super) fn lost(route: Route, head: &Parts) -> No {
    let path = head.uri.path();
    match route {
        Route::Malformed => No::new(Code::Bad, "the path is not percent-encoded UTF-8").field("path"),
        Route::Method(methods) => {
            let methods_named: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
            let what = format!("{} is not for this path: try {}", head.method, methods_named.join(" or "));
            No { methods, ..No::new(Code::Method, what) }
        }
        _ => No::new(Code::NotFound, format!("there is no path {path}: GET /v1/openapi.json says which there are")),
    }
}

async fn found(
    peer: &Arc<Peer>,
    endpoint: &'static Endpoint,
    parts: Vec<String>,
    mut head: Parts,
    body: Incoming,
    serving: Serving,
) -> Result<Answer, No> {
    if head.headers.len() > HEADERS {
        return Err(No::new(Code::Bad, format!("a request has at most {HEADERS} headers")).closing());
    }
    let source = source(peer, &head)?;
    let saw = |session: Option<&Session>, bytes, destination| {
        if is_the_gateways_own(peer, endpoint.call) { Ok(()) } else { saw((peer, source), session, bytes, destination) }
    };
    let session = match admit::admit(peer, endpoint.needs, &parts, &head).await {
        Ok(session) => session,
        Err(no) => {
            saw(None, weight(&head, 0), 0)?;
            return Err(no);
        }
    };
    let agent = session.as_deref();
    let most = endpoint.most_bytes();
    if length(&head).is_some_and(|length| length > most) {
        saw(agent, weight(&head, 0), 0)?;
        return Err(decode::too_large(most));
    }
    let body = if endpoint.body.is_some() {
        decode::body(&head.headers, body, (most, peer.shared.bounds.body)).await
    } else {
        Ok(Bytes::new())
    };
    let body = match body {
        Ok(body) => body,
        Err(no) => {
            saw(agent, weight(&head, 0), 0)?;
            return Err(no);
        }
    };
    let came = Came { parts: &parts, query: head.uri.query(), headers: &head.headers, body: &body };
    let want = Want::read(endpoint.call, &came, || new_id(peer));
    let destination = match &want {
        Ok(Want::Op(ask, _)) => frames::destination(session.as_deref(), &ask.body),
        _ => 0,
    };
    saw(agent, weight(&head, body.len()), destination)?;
    let explained = admit::explained(peer, (endpoint.needs, &parts), &head, (session.as_deref(), want.as_ref().ok()));
    let upgrade = head.extensions.remove();
    let mut answer = trace::in_engine(calls::call(peer, want?, Asked { session, source, upgrade, serving })).await?;
    if let Some(explained) = explained {
        answer.headers_mut().insert(admit::ACCESS, explained);
    }
    Ok(answer)
}

/// A name for an op whose agent did not choose one.
fn new_id(peer: &Peer) -> OpId {
    // Without entropy names of one millisecond would meet, and the second op would be taken for the first;
    // that is an answer, and not a wrong one.
    let entropy = custody::entropy::bytes().map_or(0, u128::from_be_bytes);
    OpId::new(peer.shared.engine.now(), entropy)
}

fn length(head: &Parts) -> Option<usize> {
    head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Bytes of a request, near enough for a monitor.
fn weight(head: &Parts, body: usize) -> u64 {
    let headers: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    u64::try_from(headers + head.uri.path().len() + body).unwrap_or(u64::MAX)
}

/// Where a request comes from: what a gateway says, where one has proved
/// itself, and the other end of the connection everywhere else.
fn source(peer: &Peer, head: &Parts) -> Result<IpAddr, No> {
    if !peer.is_gateway() {
        return Ok(peer.source);
    }
    let said = head.headers.get(wire::SOURCE).and_then(|said| said.to_str().ok()?.parse::<IpAddr>().ok());
    let why =
        || No::new(Code::Bad, "a gateway says in `mycel-source` where a request comes from").field("mycel-source");
    said.map(|said| said.to_canonical()).ok_or_else(why)
}

/// Whether a request is what a gateway asks for itself: how it proves itself,
/// from where one has before, and on a connection where it has, how the region
/// stands. A ban of its address, which others may share, is not about those,
/// and answers to them are no agent's.
fn is_the_gateways_own(peer: &Peer, call: Call) -> bool {
    match call {
        Call::Gateway | Call::Vouch => peer.shared.engine.is_a_gateways(peer.source),
        Call::Tick | Call::Planet | Call::Ready => peer.is_gateway(),
        _ => false,
    }
}

/// Tells the monitor; whoever is banned by it has had its last answer. A
/// gateway's connection is many agents', and goes on.
fn saw((peer, source): (&Peer, IpAddr), session: Option<&Session>, bytes: u64, destination: u64) -> Result<(), No> {
    let agent = session.map(|session| session.lease().agent);
    peer.shared.engine.saw(source, agent, bytes, destination).map_err(|refusal| {
        let no = No::from(refusal);
        if peer.is_gateway() { no } else { no.closing() }
    })
}

/// What was no request counts as one to the monitor; its answer is on its way.
pub(super) async fn saw_nonsense(peer: &Peer) {
    let _ = saw((peer, peer.source), None, 0, 0);
}
