//! Who may connect, and a connection from its first byte to its last.

use super::bare::{Reasoned, status_of};
use super::crowd::{Crowd, Place};
use super::limits::{HEAD_BYTES, HEADERS};
use super::pace::{Pace, Paced};
use super::peer::{Peer, Shared};
use super::{frames, serve, tls};
use crate::links;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use trust::AgentId;
use trust::attach::Channel;

/// How those who come to an address are let in.
#[derive(Clone)]
pub(super) enum Door {
    Plain,
    Tls(TlsAcceptor),
    /// Gateways, each with its certificate.
    Nodes(links::Door),
}

/// After an accept that failed because the process has no more file
/// descriptors: some connection has to end first.
const OUT_OF_FILES: Duration = Duration::from_millis(50);

/// How often that is said at most: what lasts is tried again twenty times in it.
const SAID: Duration = Duration::from_secs(1);

/// Says that nobody can be let in, and when that was; whether it did.
pub(crate) fn out_of_files(said: &mut Option<Instant>) -> bool {
    if said.is_some_and(|said| said.elapsed() < SAID) {
        return false;
    }
    *said = Some(Instant::now());
    tracing::warn!("no connection can be accepted: the process may be out of file descriptors");
    true
}

/// A connection's place among all of them.
pub(crate) struct Seat {
    shared: Arc<Shared>,
    place: Place,
}

impl Seat {
    /// A place, if there is one for that source.
    fn take(crowd: &Arc<Crowd>, shared: &Arc<Shared>, source: IpAddr) -> Option<Self> {
        let place = crowd.enter(source, shared.bounds.connections, shared.bounds.of_a_source);
        if place.is_none() {
            shared.metrics.turned_away.fetch_add(1, Relaxed);
        }
        let place = place?;
        shared.metrics.accepted.fetch_add(1, Relaxed);
        shared.metrics.open.fetch_add(1, Relaxed);
        Some(Self { shared: Arc::clone(shared), place })
    }

    /// A gateway has proved itself on the connection.
    pub(crate) fn of_a_gateway(&self) {
        self.place.of_a_gateway();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.metrics.open.fetch_sub(1, Relaxed);
    }
}

/// Takes connections until the server stops, then waits for those it has.
pub(super) async fn accept(listener: TcpListener, door: Door, crowd: Arc<Crowd>, shared: Arc<Shared>) {
    let (mut connections, mut said) = (JoinSet::new(), None);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stopped() => break,
            // Ended ones are forgotten as they end.
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, address)) = accepted else {
            out_of_files(&mut said);
            tokio::time::sleep(OUT_OF_FILES).await;
            continue;
        };
        let source = address.ip().to_canonical();
        if let Some(seat) = Seat::take(&crowd, &shared, source) {
            connections.spawn(connection(stream, source, door.clone(), seat, Arc::clone(&shared)));
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// What is known of a connection before its first request.
struct Known {
    channel: Channel,
    /// Whether both ends derive the channel.
    secure: bool,
    /// The key of the node that has shown a certificate.
    node: Option<AgentId>,
}

/// One connection.
async fn connection(stream: TcpStream, source: IpAddr, door: Door, seat: Seat, shared: Arc<Shared>) {
    // Answers are written whole: there is nothing to gather them with.
    let _ = stream.set_nodelay(true);
    let ended = match door {
        Door::Plain => match fresh_channel() {
            Ok(channel) => speak(stream, source, Known { channel, secure: false, node: None }, seat, shared).await,
            Err(error) => Err(error),
        },
        // A source that is turned away has no key exchanged for it.
        _ if turned_away(&shared, source) => return,
        Door::Tls(acceptor) => match in_time(&shared, acceptor.accept(stream)).await {
            Ok(stream) => match tls::channel(stream.get_ref().1) {
                Ok(channel) => speak(stream, source, Known { channel, secure: true, node: None }, seat, shared).await,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        },
        Door::Nodes(door) => match in_time(&shared, door.accept(stream)).await {
            Ok((stream, held)) => match tls::channel(stream.get_ref().1) {
                Ok(channel) => {
                    let node = Some(held.certificate.key);
                    speak(stream, source, Known { channel, secure: true, node }, seat, shared).await
                }
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%source, %error, "a connection broke");
    }
}

/// A handshake that is not waited for for ever.
async fn in_time<T>(shared: &Shared, handshake: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let ended = tokio::time::timeout(shared.bounds.handshake, handshake).await;
    ended.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Whether a source is turned away before anything is done for it.
fn turned_away(shared: &Shared, source: IpAddr) -> bool {
    // The channel has no name yet, and this asks for none.
    let Err(refusal) = shared.engine.connect(source, Channel([0; 32])) else { return false };
    shared.metrics.turned_away.fetch_add(1, Relaxed);
    tracing::info!(%source, why = refusal.what, "a source is turned away");
    true
}

/// A name for a connection that has none: whoever is between its two ends can
/// have it too, so it only keeps one connection's proof from another.
pub(crate) fn fresh_channel() -> io::Result<Channel> {
    custody::entropy::bytes().map(Channel)
}

async fn speak<I>(io: I, source: IpAddr, known: Known, seat: Seat, shared: Arc<Shared>) -> io::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = match shared.engine.connect(source, known.channel) {
        Ok(connection) => connection,
        Err(refusal) => {
            shared.metrics.turned_away.fetch_add(1, Relaxed);
            tracing::info!(%source, why = refusal.what, "a source is turned away");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, refusal.what));
        }
    };
    let begun = Instant::now();
    let pace = Arc::new(Pace::new(shared.bounds));
    let who = (known.secure, known.node);
    let peer = Arc::new(Peer::new(Arc::clone(&shared), connection, who, Arc::clone(&pace), seat));
    let service = {
        let peer = Arc::clone(&peer);
        service_fn(move |request| serve::serve(Arc::clone(&peer), request))
    };
    let io = TokioIo::new(Paced { io: Reasoned::new(io), pace: Arc::clone(&pace) });
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES).max_headers(HEADERS).half_close(false);
    let mut http = std::pin::pin!(builder.serve_connection(io, service).with_upgrades());
    let ended = tokio::select! {
        ended = http.as_mut() => ended,
        () = pace.watch() => {
            shared.metrics.cut.fetch_add(1, Relaxed);
            tracing::info!(%source, "a connection was too slow, or idle, and is closed");
            return Err(io::ErrorKind::TimedOut.into());
        }
        () = shared.stopped() => {
            http.as_mut().graceful_shutdown();
            http.as_mut().await
        }
    };
    if let Some(status) = ended.as_ref().err().and_then(status_of) {
        shared.metrics.answered(None, status, begun.elapsed());
        serve::saw_nonsense(&peer).await;
    }
    ended.map_err(io::Error::other)?;
    match peer.upgraded() {
        Some(upgraded) => frames::speak(peer, upgraded).await,
        None => Ok(()),
    }
}

/// Binds an address.
pub(super) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen at {address}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_said_once_a_second() {
        let mut said = None;
        assert!(out_of_files(&mut said));
        assert!((0..20).all(|_| !out_of_files(&mut said)));
        said = said.and_then(|said| said.checked_sub(SAID));
        assert!(out_of_files(&mut said));
    }
}
