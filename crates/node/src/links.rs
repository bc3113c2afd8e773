//! Connections between nodes: TLS 1.3 on which both have shown a certificate,
//! and which are cut when it is revoked.
//!
//! They are cut from outside, by shutting the socket down, so that no request
//! on its way has to look whether it still may.

use custody::authority::{Authority, Expected};
use custody::certificate::Certificate;
use custody::credentials::{Credentials, Shown};
use custody::peer;
use rustix::net::{Shutdown, shutdown};
use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// A socket that somebody else can shut down.
#[derive(Debug)]
pub(crate) struct Socket(Arc<TcpStream>);

impl Socket {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(Arc::new(stream))
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.0
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = into.remaining();
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            let mut came = None;
            // A read that does not fill its room was the last: that is told by an error, as tokio's own
            // sockets do, so that nothing is read in vain before the next one is woken for.
            let tried = self.0.try_io(Interest::READABLE, || {
                let read = rustix::io::read(&*self.0, into.initialize_unfilled())?;
                came = Some(read);
                if read > 0 && read < room { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (came, tried) {
                (Some(read), _) => {
                    into.advance(read);
                    return Poll::Ready(Ok(()));
                }
                (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                (None, Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                (None, Err(error)) => return Poll::Ready(Err(error)),
                (None, Ok(())) => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match shutdown(&*self.0, Shutdown::Write) {
            // The other end was faster.
            Ok(()) | Err(rustix::io::Errno::NOTCONN) => Ok(()),
            Err(error) => Err(error.into()),
        })
    }
}

struct Link {
    certificate: Certificate,
    socket: Weak<TcpStream>,
}

#[derive(Default)]
struct Open {
    next: u64,
    links: BTreeMap<u64, Link>,
}

/// The connections to other nodes that are open.
pub(crate) struct Links {
    credentials: Arc<Credentials>,
    open: Mutex<Open>,
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links").finish_non_exhaustive()
    }
}

impl Links {
    pub(crate) fn new(credentials: &Arc<Credentials>) -> Arc<Self> {
        let links = Arc::new(Self { credentials: Arc::clone(credentials), open: Mutex::default() });
        let known = Arc::downgrade(&links);
        credentials.on_change(move |authority| {
            if let Some(links) = known.upgrade() {
                links.cut(authority);
            }
        });
        links
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the connections to whoever is revoked.
    fn cut(&self, authority: &Authority) {
        for link in self.open().links.values() {
            let Certificate { name, serial, key, .. } = &link.certificate;
            if let Err(why) = authority.not_revoked(name, *serial, *key)
                && let Some(socket) = link.socket.upgrade()
            {
                tracing::warn!(%why, "a connection to a node is cut");
                // One that has ended by itself needs no cut.
                let _ = shutdown(&*socket, Shutdown::Both);
            }
        }
    }

    /// Holds a connection on which a node has shown a certificate.
    fn hold(self: &Arc<Self>, shown: Option<&[CertificateDer<'_>]>, socket: &Socket) -> io::Result<Held> {
        let shown = shown.and_then(<[_]>::first).ok_or_else(|| io::Error::other("no certificate was shown"))?;
        let certificate = Certificate::read(shown).map_err(io::Error::other)?;
        let link = Link { certificate: certificate.clone(), socket: Arc::downgrade(&socket.0) };
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.links.insert(number, link);
        drop(open);
        let held = Held { links: Arc::clone(self), number, certificate };
        // It may have been revoked between its handshake and now, and then nobody else cuts it.
        let Certificate { name, serial, key, .. } = &held.certificate;
        self.credentials.authority().not_revoked(name, *serial, *key).map_err(io::Error::other)?;
        Ok(held)
    }
}

/// A connection among those that are open, for as long as it is.
#[derive(Debug)]
pub(crate) struct Held {
    links: Arc<Links>,
    number: u64,
    /// Of the node at its other end.
    pub(crate) certificate: Certificate,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.links.open().links.remove(&self.number);
    }
}

/// How a host lets gateways in.
#[derive(Clone)]
pub(crate) struct Door {
    acceptor: TlsAcceptor,
    links: Arc<Links>,
}

impl Door {
    pub(crate) fn new(credentials: &Arc<Credentials>) -> io::Result<Self> {
        let config = peer::server(credentials, Expected::gateway()).map_err(io::Error::other)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), links: Links::new(credentials) })
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<(server::TlsStream<Socket>, Held)> {
        let stream = self.acceptor.accept(Socket::new(stream)).await?;
        let (socket, connection) = stream.get_ref();
        let held = self.links.hold(connection.peer_certificates(), socket)?;
        Ok((stream, held))
    }
}

/// How a gateway comes to the host of a region.
#[derive(Clone)]
pub(crate) struct Way {
    config: Arc<ClientConfig>,
    links: Arc<Links>,
}

impl Way {
    pub(crate) fn new(credentials: &Arc<Credentials>, links: &Arc<Links>, region: &str) -> io::Result<Self> {
        let config = peer::client(credentials, Expected::host_of(region)).map_err(io::Error::other)?;
        Ok(Self { config: Arc::new(config), links: Arc::clone(links) })
    }

    /// Connects; what was shown there, too.
    pub(crate) async fn connect(&self, stream: TcpStream) -> io::Result<(client::TlsStream<Socket>, Held, Shown)> {
        let shown = self.links.credentials.shown();
        let connector = TlsConnector::from(Arc::new(peer::showing(&self.config, &shown)));
        // Whom it leads to its certificate says; the address is only where that is.
        let name = ServerName::IpAddress(stream.peer_addr()?.ip().into());
        let stream = connector.connect(name, Socket::new(stream)).await?;
        let (socket, connection) = stream.get_ref();
        let held = self.links.hold(connection.peer_certificates(), socket)?;
        Ok((stream, held, shown))
    }
}
