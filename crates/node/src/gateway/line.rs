//! A connection to a host, on which one request after the other is asked.
//!
//! It is driven by whoever asks: no task of its own stands between a client's
//! connection and this, so that a request wakes nobody on its way. What is
//! dropped in the middle of an answer is closed.

use super::body::Asked;
use super::reply::{self, Head};
use crate::http::tls;
use crate::links::{Held, Socket, Way};
use bytes::BytesMut;
use custody::credentials::Shown;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use trust::attach::Channel;
use trust::sign::SigningKey;

/// What is read at once: an answer of most ops, whole.
const READ_BYTES: usize = 16 << 10;

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The connection ended.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came is no answer.
    #[error("{0}")]
    Wrong(#[from] reply::Wrong),
    /// The client's body did not come: it is not the host's fault.
    #[error("the request's body did not come whole: {0}")]
    Body(io::Error),
}

/// What carries it.
#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    /// The host has shown a certificate, and so has this gateway.
    Secure(Box<TlsStream<Socket>>, #[allow(dead_code, reason = "held for as long as it is open")] Held, Shown),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secure(stream, ..) => stream.get_ref().0.stream(),
        }
    }

    /// Writes some of it.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => loop {
                match stream.try_write(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(stream.poll_write_ready(cx))?,
                    went => return Poll::Ready(went),
                }
            },
            Self::Secure(stream, ..) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    /// What was written is with the system: TLS may have kept some.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Secure(stream, ..) => Pin::new(stream).poll_flush(cx),
        }
    }
}

/// A connection to a host.
#[derive(Debug)]
pub(crate) struct Line {
    stream: Stream,
    /// What came and was not taken yet.
    pub(crate) came: BytesMut,
}

/// What is on its way to the host.
struct Sending<'a> {
    bytes: Vec<u8>,
    /// How many of them went.
    went: usize,
    body: &'a mut Asked,
    /// Whether some of the body was looked for: it goes with the head when it is there.
    begun: bool,
    /// The host takes no more: perhaps it has answered already.
    failed: Option<io::Error>,
}

impl Sending<'_> {
    /// Ready when all of it went, or the rest cannot.
    fn poll(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if !std::mem::replace(&mut self.begun, true)
            && let Poll::Ready(Err(error)) = self.body.poll_into(cx, &mut self.bytes)
        {
            return Poll::Ready(Err(Broken::Body(error)));
        }
        while self.failed.is_none() {
            if self.went < self.bytes.len() {
                match ready!(stream.poll_write(cx, &self.bytes[self.went..])) {
                    Ok(went) => self.went += went,
                    Err(error) => self.failed = Some(error),
                }
                continue;
            }
            if let Err(error) = ready!(stream.poll_flush(cx)) {
                self.failed = Some(error);
                break;
            }
            self.bytes.clear();
            self.went = 0;
            if !ready!(self.body.poll_into(cx, &mut self.bytes)).map_err(Broken::Body)? {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Line {
    /// A connection: plain, or one on which both ends show a certificate. Of a
    /// name, every address is tried in turn.
    pub(crate) async fn open(address: &str, way: Option<&Way>) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let stream = match way {
            None => Stream::Plain(stream),
            Some(way) => {
                let (stream, held, shown) = way.connect(stream).await?;
                Stream::Secure(Box::new(stream), held, shown)
            }
        };
        Ok(Self { stream, came: BytesMut::new() })
    }

    /// What names the connection, where both ends derive it.
    pub(crate) fn channel(&self) -> io::Result<Option<Channel>> {
        match &self.stream {
            Stream::Plain(_) => Ok(None),
            Stream::Secure(stream, ..) => tls::channel(stream.get_ref().1).map(Some),
        }
    }

    /// The key that this gateway has shown a certificate of, where it did.
    pub(crate) fn key(&self) -> Option<&SigningKey> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Secure(_, _, shown) => Some(&shown.key),
        }
    }

    /// Whether the host has neither ended it nor said what nobody asked for, as
    /// far as is known.
    pub(crate) fn is_good(&self) -> bool {
        let nothing = self.stream.tcp().try_read(&mut [0]);
        // What TLS has read already and nobody asked for.
        let kept = matches!(&self.stream, Stream::Secure(stream, ..) if !stream.get_ref().1.wants_read());
        self.came.is_empty() && !kept && nothing.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Reads what comes next; how much, 0 at the end.
    pub(crate) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.came.reserve(READ_BYTES);
        // Unlike `try_read_buf`, it knows that a buffer which was not filled was
        // the last: nothing is read in vain before the next answer.
        match &mut self.stream {
            Stream::Plain(stream) => std::pin::pin!(stream.read_buf(&mut self.came)).poll(cx),
            Stream::Secure(stream, ..) => std::pin::pin!(stream.read_buf(&mut self.came)).poll(cx),
        }
    }

    /// Sends a request, and waits for the head of its answer. `bytes` is its
    /// head, and room for its body.
    pub(crate) async fn ask(&mut self, bytes: Vec<u8>, body: &mut Asked, bodiless: bool) -> Result<Head, Broken> {
        let mut sending = Sending { bytes, went: 0, body, begun: false, failed: None };
        let mut head = std::future::poll_fn(|cx| self.poll_head(&mut sending, bodiless, cx)).await?;
        // What it did not wait for would be taken for the next request.
        head.stays &= sending.failed.is_none() && sending.went == sending.bytes.len() && sending.body.is_over();
        Ok(head)
    }

    fn poll_head(
        &mut self,
        sending: &mut Sending<'_>,
        bodiless: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Head, Broken>> {
        if let Poll::Ready(Err(broken)) = sending.poll(&mut self.stream, cx) {
            return Poll::Ready(Err(broken));
        }
        loop {
            match ready!(self.poll_more(cx)) {
                Ok(0) => {
                    let ended = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Poll::Ready(Err(sending.failed.take().unwrap_or(ended).into()));
                }
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
            if let Some(head) = reply::head(&mut self.came, bodiless)? {
                return Poll::Ready(Ok(head));
            }
        }
    }
}
