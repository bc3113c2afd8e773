//! From an address to a connection, and to what names it.

use crate::client::Options;
use crate::error::Error;
use crate::http::Labels;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto, version};
use trust::attach::Channel;

/// To be connected, with TLS and all. Ten round trips around the Earth.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a planet answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Url(text.to_owned());
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (secure, port) = match scheme {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return Err(bad()),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@', ' ']) {
            return Err(bad());
        }
        let (host, port) = match authority.rsplit_once(':') {
            // A colon within brackets is of an IPv6 address.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| bad())?),
            _ => (authority, port),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if host.is_empty() || (bare.is_none() && host.contains([':', '[', ']'])) {
            return Err(bad());
        }
        Ok(Self { secure, host: bare.unwrap_or(host).to_owned(), port })
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }
}

impl Url {
    /// Host and port, as the `Host` header has them.
    pub(crate) fn authority(&self) -> String {
        let (host, port) = (&self.host, self.port);
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// What connections are made with.
pub(crate) struct Dial {
    pub(crate) url: Url,
    tls: Option<TlsConnector>,
    from: Option<IpAddr>,
    /// What every request says of itself.
    pub(crate) labels: Arc<Labels>,
}

impl Dial {
    pub(crate) fn new(url: Url, options: &Options) -> Result<Self, Error> {
        let tls = if url.secure { Some(connector(options.authority.as_deref())?) } else { None };
        Ok(Self { url, tls, from: options.from, labels: Arc::new(Labels::new(options)?) })
    }

    /// Connects; with TLS both ends know the channel without being told.
    pub(crate) async fn dial(&self) -> Result<(Plug, Option<Channel>), Error> {
        let unreachable = |error: io::Error| Error::Unreachable { at: self.url.to_string(), why: error.to_string() };
        match tokio::time::timeout(PATIENCE, self.reach()).await {
            Ok(reached) => reached.map_err(unreachable),
            Err(_) => Err(unreachable(io::ErrorKind::TimedOut.into())),
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let to = (self.url.host.as_str(), self.url.port);
        let Some(from) = self.from else { return TcpStream::connect(to).await };
        let mut last = io::ErrorKind::AddrNotAvailable.into();
        for address in lookup_host(to).await?.filter(|address| address.is_ipv4() == from.is_ipv4()) {
            let socket = if from.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.bind(SocketAddr::new(from, 0))?;
            match socket.connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn reach(&self) -> io::Result<(Plug, Option<Channel>)> {
        let stream = self.connect().await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            return Ok((Plug::Plain(stream), None));
        };
        let name = ServerName::try_from(self.url.host.clone()).map_err(io::Error::other)?;
        let stream = tls.connect(name, stream).await?;
        let name = stream.get_ref().1.export_keying_material([0; 32], wire::EXPORTER, Some(b""));
        let channel = Channel(name.map_err(io::Error::other)?);
        Ok((Plug::Tls(Box::new(stream)), Some(channel)))
    }
}

fn connector(authority: Option<&Path>) -> Result<TlsConnector, Error> {
    let path = authority.ok_or(Error::NoAuthority)?;
    let bad = |why: String| Error::Authority { path: path.to_owned(), why };
    let text = fs::read(path).map_err(|error| bad(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(bad("there is no certificate in it".to_owned()));
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .map_err(|error| bad(error.to_string()))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A connection, with TLS or without.
pub(crate) enum Plug {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Plug {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Plug {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_as_what_it_says() {
        for (text, shown) in [
            ("127.0.0.1:7117", "http://127.0.0.1:7117"),
            ("http://localhost", "http://localhost:80"),
            ("https://planet.example/", "https://planet.example:443"),
            ("http://[::1]:7117", "http://[::1]:7117"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]:443"),
        ] {
            assert_eq!(text.parse::<Url>().unwrap().to_string(), shown);
        }
        for bad in ["", "ftp://a", "http://", "http://a:b", "http://a/b", "http://u@a", "http://::1", "http://a:99999"]
        {
            assert!(bad.parse::<Url>().is_err(), "{bad}");
        }
    }
}
