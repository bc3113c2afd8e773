//! Requests on kept-alive connections, each proved to be the agent's before it
//! is used.

use crate::client::Options;
use crate::dial::{Dial, Plug};
use crate::error::Error;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::http::request::Builder;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use trust::attach::{Channel, Nonce, answer};
use trust::sign::SigningKey;
use wire::{Code, Hex, ask, tell};

/// The largest answer that is read: a page of a chain in base64, beside what
/// is told of its entries.
const LARGEST: usize = 64 << 20;

/// For an answer to a request that does not wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// The headers by which a gateway knows a request's class, where the records of
/// whoever asks for a slot are, and the request's name.
const CLASS: HeaderName = HeaderName::from_static("mycel-class");
const HOME: HeaderName = HeaderName::from_static("mycel-home");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every request of a client says of itself, and how long its answer is
/// waited for.
#[derive(Debug)]
pub(crate) struct Labels {
    patience: Duration,
    class: Option<HeaderValue>,
    name: Option<String>,
    asked: AtomicU64,
}

impl Labels {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let no_header = |what: &String| Error::Asked(format!("`{what}` cannot stand in a header"));
        let header = |what: &String| HeaderValue::from_str(what).map_err(|_| no_header(what));
        options.name.as_ref().map(header).transpose()?;
        let class = options.class.as_ref().map(header).transpose()?;
        let patience = options.patience.unwrap_or(PATIENCE);
        Ok(Self { patience, class, name: options.name.clone(), asked: AtomicU64::new(0) })
    }

    pub(crate) fn class(&self) -> Option<&str> {
        self.class.as_ref().and_then(|class| class.to_str().ok())
    }

    fn write(&self, mut request: Builder) -> Builder {
        if let Some(class) = &self.class {
            request = request.header(CLASS, class);
        }
        if let Some(name) = &self.name {
            request = request.header(REQUEST_ID, format!("{name}.{}", self.asked.fetch_add(1, Relaxed)));
        }
        request
    }
}

/// One connection.
pub(crate) struct Line {
    sender: SendRequest<Full<Bytes>>,
    channel: Option<Channel>,
    /// The lease that was proved on it.
    proved: Option<Arc<str>>,
    at: String,
    labels: Arc<Labels>,
}

/// A request.
pub(crate) struct Sent<'r> {
    pub(crate) method: Method,
    pub(crate) path: &'r str,
    pub(crate) lease: Option<&'r str>,
    pub(crate) body: Option<&'r [u8]>,
    /// How long it may wait for what it asks about, beside its answer.
    pub(crate) waits: Duration,
    /// Where the records of the agent are, for a request for a slot.
    pub(crate) home: Option<&'r str>,
}

impl<'r> Sent<'r> {
    pub(crate) const fn get(path: &'r str, lease: Option<&'r str>) -> Self {
        Self { method: Method::GET, path, lease, body: None, waits: Duration::ZERO, home: None }
    }
}

impl Line {
    /// Connects.
    pub(crate) async fn open(dial: &Dial) -> Result<Self, Error> {
        let (plug, channel) = dial.dial().await?;
        let at = dial.url.to_string();
        let broken = |error: hyper::Error| Error::Broken { at: at.clone(), why: told(&error) };
        let (sender, connection) = handshake::<_, Full<Bytes>>(TokioIo::<Plug>::new(plug)).await.map_err(broken)?;
        // It ends with the sender, or with the other side.
        tokio::spawn(connection.with_upgrades());
        Ok(Self { sender, channel, proved: None, at, labels: Arc::clone(&dial.labels) })
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Whether a lease was proved on it.
    pub(crate) fn has_proved(&self, lease: &str) -> bool {
        self.proved.as_deref() == Some(lease)
    }

    /// Proves that a lease is the key's, on this connection.
    pub(crate) async fn prove(&mut self, key: &SigningKey, lease: &Arc<str>) -> Result<(), Error> {
        let challenge: tell::Challenge = self.call(&Sent::get("/v1/challenge", Some(lease))).await?;
        let channel = self.channel.or(challenge.channel.map(|channel| Channel(channel.0)));
        let channel = channel.ok_or_else(|| self.strange("it names no channel"))?;
        let signature = answer(key, lease, &Nonce(challenge.nonce.0), &channel);
        let signature = Hex(signature.map_err(|error| Error::Lease(error.to_string()))?.0);
        let body = serde_json::to_vec(&ask::Prove { signature }).map_err(|error| Error::Asked(error.to_string()))?;
        let sent = Sent { method: Method::POST, body: Some(&body), ..Sent::get("/v1/session", Some(lease)) };
        let _: tell::Session = self.call(&sent).await?;
        self.proved = Some(Arc::clone(lease));
        Ok(())
    }

    /// Sends a request, and reads its answer as a type.
    pub(crate) async fn call<T: DeserializeOwned>(&mut self, sent: &Sent<'_>) -> Result<T, Error> {
        let patience = self.labels.patience + sent.waits;
        let late = |_| Error::Late { at: self.at.clone(), after: patience };
        let at = self.at.clone();
        let (status, bytes) = tokio::time::timeout(patience, exchange(&mut self.sender, (&at, &self.labels), sent))
            .await
            .map_err(late)??;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|error| self.strange(&error.to_string()));
        }
        Err(self.refused(status, &bytes))
    }

    /// Sends a request whose answer comes piece by piece, until `take` has had
    /// enough.
    pub(crate) async fn pieces(&mut self, sent: &Sent<'_>, take: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Error> {
        let at = self.at.clone();
        let patience = self.labels.patience + sent.waits;
        let late = |_| Error::Late { at: at.clone(), after: patience };
        let broken = |error: hyper::Error| Error::Broken { at: at.clone(), why: told(&error) };
        let answer = tokio::time::timeout(patience, request(&mut self.sender, (&self.at, &self.labels), sent));
        let mut answer = answer.await.map_err(late)??;
        if !answer.status().is_success() {
            let (status, bytes) = (answer.status(), Limited::new(answer.into_body(), LARGEST).collect().await);
            let bytes = bytes.map_err(|error| Error::Broken { at: at.clone(), why: error.to_string() })?;
            return Err(self.refused(status, &bytes.to_bytes()));
        }
        while let Some(frame) = tokio::time::timeout(patience, answer.frame()).await.map_err(late)? {
            if frame.map_err(broken)?.data_ref().is_some_and(|piece| !take(piece)) {
                break;
            }
        }
        Ok(())
    }

    fn refused(&self, status: StatusCode, bytes: &[u8]) -> Error {
        let Ok(fault) = serde_json::from_slice::<tell::Fault>(bytes) else {
            return self.strange(&format!("it answers {status}, and no reason that can be read"));
        };
        match Code::from_name(&fault.error) {
            Some(code) => Error::Refused { code, fault: Box::new(fault) },
            None => self.strange(&format!("it answers {status} with an unknown error: {}", fault.what)),
        }
    }

    fn strange(&self, why: &str) -> Error {
        Error::Strange { at: self.at.clone(), why: why.to_owned() }
    }

    /// Makes the connection one of frames.
    pub(crate) async fn upgrade(mut self, host: &str) -> Result<(hyper::upgrade::Upgraded, Option<Channel>), Error> {
        let request = Request::get("/v1/wire")
            .header(HOST, host)
            .header("connection", "upgrade")
            .header("upgrade", wire::PROTOCOL)
            .body(Full::new(Bytes::new()))
            .map_err(|error| Error::Asked(error.to_string()))?;
        let at = self.at.clone();
        let broken = |error: hyper::Error| Error::Broken { at: at.clone(), why: told(&error) };
        let patience = self.labels.patience;
        let exchange = async {
            let response = self.sender.send_request(request).await.map_err(broken)?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Err(self.strange(&format!("it answers {} and not with frames", response.status())));
            }
            hyper::upgrade::on(response).await.map_err(broken)
        };
        let late = |_| Error::Late { at: at.clone(), after: patience };
        let upgraded = tokio::time::timeout(patience, exchange).await.map_err(late)??;
        Ok((upgraded, self.channel))
    }
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    (at, labels): (&str, &Labels),
    sent: &Sent<'_>,
) -> Result<(StatusCode, Bytes), Error> {
    let response = request(sender, (at, labels), sent).await?;
    let status = response.status();
    let bytes = Limited::new(response.into_body(), LARGEST).collect().await;
    let broken = |why: String| Error::Broken { at: at.to_owned(), why };
    Ok((status, bytes.map_err(|error| broken(error.to_string()))?.to_bytes()))
}

async fn request(
    sender: &mut SendRequest<Full<Bytes>>,
    (at, labels): (&str, &Labels),
    sent: &Sent<'_>,
) -> Result<Response<Incoming>, Error> {
    let broken = |why: String| Error::Broken { at: at.to_owned(), why };
    sender.ready().await.map_err(|error| broken(told(&error)))?;
    let host = at.split_once("://").map_or(at, |(_, host)| host);
    let mut request = labels.write(Request::builder().method(sent.method.clone()).uri(sent.path).header(HOST, host));
    if let Some(lease) = sent.lease {
        request = request.header(AUTHORIZATION, format!("{} {lease}", wire::SCHEME));
    }
    // Without a class there is nothing that it could decide.
    if let (Some(home), Some(_)) = (sent.home, &labels.class) {
        request = request.header(HOME, home);
    }
    if sent.body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let body = Full::new(sent.body.map_or_else(Bytes::new, Bytes::copy_from_slice));
    let request = request.body(body).map_err(|error| Error::Asked(error.to_string()))?;
    sender.send_request(request).await.map_err(|error| broken(told(&error)))
}

/// An error of hyper with what caused it, which it does not say by itself.
fn told(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
