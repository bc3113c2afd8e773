//! The counter of the CA's office on the network: `POST /v1/office` with an
//! errand, and what a node is given. `GET /health` says that it is there.
//!
//! It speaks plain HTTP, since nothing that passes is secret and nobody is
//! believed for having sent it, see `custody::errand`. Everything that somebody
//! could make it do or keep has a bound.

use custody::credentials::Clock;
use custody::errand::{Errand, MOST_ERRAND};
use custody::office::{Counter, Stranger};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Where errands go.
pub(crate) const PATH: &str = "/v1/office";
/// Connections at a time: each node comes every few seconds, for milliseconds.
const MOST: usize = 256;
/// Errands that are attended to at a time: each holds what it has sent and what
/// it is given, some MiB at most, and waits for the disk.
const ATTENDED: usize = 4;
/// For a connection, from its first byte to its last.
const PATIENCE: Duration = Duration::from_secs(20);
/// After an accept that failed because the process has no more file descriptors.
const OUT_OF_FILES: Duration = Duration::from_millis(50);

struct Shared {
    counter: Counter,
    clock: Clock,
    attended: Semaphore,
}

/// A counter at which nodes are attended to until this is dropped.
pub struct Attended {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Attended {
    /// Opens it.
    ///
    /// # Errors
    /// When the address cannot be listened at.
    pub async fn start(counter: Counter, clock: Clock, address: SocketAddr) -> io::Result<Self> {
        let cannot = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen at {address}: {error}"));
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { counter, clock, attended: Semaphore::new(ATTENDED) });
        Ok(Self { address, task: tokio::spawn(accept(listener, shared)) })
    }

    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            // Whoever comes when all places are taken waits in the system's queue.
            accepted = listener.accept(), if open.len() < MOST => match accepted {
                Ok((stream, _)) => drop(open.spawn(connection(stream, Arc::clone(&shared)))),
                Err(_) => tokio::time::sleep(OUT_OF_FILES).await,
            },
            Some(_) = open.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| answer(request, &shared));
    let mut http = http1::Builder::new();
    http.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    // One that ends early, or in the middle, has had its turn.
    let _ = tokio::time::timeout(PATIENCE, http.serve_connection(TokioIo::new(stream), service)).await;
}

type Answer = Response<Full<Bytes>>;

fn says(status: StatusCode, body: &serde_json::Value) -> Answer {
    whole(status, body.to_string().into())
}

fn whole(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn refuses(status: StatusCode, why: &dyn std::fmt::Display) -> Answer {
    says(status, &json!({ "error": why.to_string() }))
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Result<Answer, Infallible> {
    let answer = match (request.method(), request.uri().path()) {
        (&Method::GET, "/health") => says(StatusCode::OK, &json!({ "health": "good" })),
        (&Method::POST, PATH) => attend(request.into_body(), shared).await,
        _ => refuses(StatusCode::NOT_FOUND, &"this is the CA's office: POST /v1/office, or GET /health"),
    };
    Ok(answer)
}

async fn attend(body: Incoming, shared: &Shared) -> Answer {
    let Ok(body) = Limited::new(body, MOST_ERRAND).collect().await else {
        return refuses(StatusCode::PAYLOAD_TOO_LARGE, &"an errand has a mebibyte at most, and comes whole");
    };
    let errand: Errand = match serde_json::from_slice(&body.to_bytes()) {
        Ok(errand) => errand,
        Err(why) => return refuses(StatusCode::BAD_REQUEST, &format!("this is no errand: {why}")),
    };
    let Ok(_place) = shared.attended.acquire().await else {
        return refuses(StatusCode::SERVICE_UNAVAILABLE, &"the office closes");
    };
    // The disk is waited for; another thread serves the other connections.
    let attended = tokio::task::block_in_place(|| shared.counter.attend(&errand, (shared.clock)()));
    match attended {
        Ok(given) => {
            if let Some(why) = &given.refused {
                tracing::warn!(node = errand.name.escape_debug().to_string(), why, "a node gets no certificate");
            }
            serde_json::to_vec(&given).map_or_else(
                |why| refuses(StatusCode::INTERNAL_SERVER_ERROR, &why),
                |given| whole(StatusCode::OK, given.into()),
            )
        }
        Err(why) => {
            tracing::warn!(%why, "an errand is not attended to");
            let status = match why {
                Stranger::Office(_) => StatusCode::INTERNAL_SERVER_ERROR,
                Stranger::Nobody { .. } | Stranger::Key { .. } | Stranger::Revoked { .. } => StatusCode::FORBIDDEN,
            };
            // What is damaged there is nobody's business here.
            let said = if status == StatusCode::FORBIDDEN { why.to_string() } else { "the office has trouble".into() };
            refuses(status, &said)
        }
    }
}
