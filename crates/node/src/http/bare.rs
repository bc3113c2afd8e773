//! What hyper answers by itself, with the reason: to what is no HTTP, and to a
//! head that is too large, it says a status and nothing else.
//!
//! No setting of hyper's changes that, and its answer comes by itself before
//! it closes; so it is told by its form, and our words are put behind it. When
//! it comes in one write with an earlier answer it goes as it is.

use super::limits::{HEAD_BYTES, HEADERS};
use super::no::No;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wire::Code;

/// The line that all of our own answers have otherwise.
const EMPTY: &str = "content-length: 0\r\n";

/// A connection on which such answers have their reason.
pub(crate) struct Reasoned<I> {
    io: I,
    /// What is yet to be written in the place of what hyper believes to have written.
    left: Vec<u8>,
}

/// What is said instead of an answer of hyper's own.
fn instead_of(bytes: &[u8]) -> Option<Vec<u8>> {
    let code = match bytes.get(..13)? {
        b"HTTP/1.1 400 " => Code::Bad,
        b"HTTP/1.1 431 " => Code::HeadTooLarge,
        _ => return None,
    };
    let head = std::str::from_utf8(bytes).ok()?;
    let whole = head.find("\r\n\r\n")? + 4 == head.len();
    if !whole || !head.contains(EMPTY) || head.contains("content-type") {
        return None;
    }
    let body = serde_json::to_string(&refusal(code).fault()).ok()?;
    let length =
        format!("content-type: application/json\r\ncache-control: no-store\r\ncontent-length: {}\r\n", body.len());
    Some([head.replace(EMPTY, &length), body].concat().into_bytes())
}

fn refusal(code: Code) -> No {
    match code {
        Code::HeadTooLarge => {
            let what = format!("the head has more than {HEAD_BYTES} bytes or {HEADERS} headers: send fewer");
            No::new(code, what)
        }
        _ => No::new(code, "this is no HTTP/1.1 request: look at its first line and its headers").field("head"),
    }
}

/// The status that hyper answered an error with.
pub(crate) fn status_of(error: &hyper::Error) -> Option<u16> {
    error.is_parse().then(|| if error.is_parse_too_large() { Code::HeadTooLarge.status() } else { Code::Bad.status() })
}

impl<I: AsyncWrite + Unpin> Reasoned<I> {
    pub(crate) const fn new(io: I) -> Self {
        Self { io, left: Vec::new() }
    }

    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.left.is_empty() {
            let wrote = ready!(Pin::new(&mut self.io).poll_write(cx, &self.left))?;
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.left.drain(..wrote);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Reasoned<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Reasoned<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_left(cx))?;
        let Some(ours) = instead_of(buf) else { return Pin::new(&mut self.io).poll_write(cx, buf) };
        self.left = ours;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [one] = bufs {
            return self.poll_write(cx, one);
        }
        ready!(self.poll_left(cx))?;
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_left(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_left(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_answers_go_as_they_are() {
        for own in [
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nmore",
            "HTTP/1.1 400 Bad Request\r\n",
            "HTTP/1.1 400",
            "",
        ] {
            assert!(instead_of(own.as_bytes()).is_none(), "{own}");
        }
        assert!(instead_of(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").is_some());
    }
}
