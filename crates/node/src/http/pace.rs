//! Whether a connection goes fast enough: what is half-open, half-sent or not
//! taken does not stay.
//!
//! The reader and the writer of the connection say what happens, and a watch
//! beside them looks at it now and then. One clock for all of it, and no timer
//! that has to be set again with each byte.

use super::limits::Bounds;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Nothing is asked, since then.
    Idle(Instant),
    /// A head has begun to come.
    Head(Instant),
    /// It is being answered: whoever answers has its own bounds.
    Serving,
}

#[derive(Debug)]
struct State {
    doing: Doing,
    /// Since when what is written is not taken.
    stuck: Option<Instant>,
    /// Whether it carries many requests at once.
    many: bool,
}

/// How a connection goes.
#[derive(Debug)]
pub(crate) struct Pace {
    state: Mutex<State>,
    bounds: Bounds,
}

impl Pace {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { state: Mutex::new(State { doing: Doing::Idle(Instant::now()), stuck: None, many: false }), bounds }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came.
    fn read(&self) {
        let mut state = self.state();
        if let (Doing::Idle(_), false) = (state.doing, state.many) {
            state.doing = Doing::Head(Instant::now());
        }
    }

    /// Bytes went, or did not.
    fn wrote(&self, went: bool) {
        let mut state = self.state();
        state.stuck = if went { None } else { state.stuck.or_else(|| Some(Instant::now())) };
    }

    /// A request is whole as far as its head goes. On a connection that carries
    /// many at once what is read next may be about any of them: from the first
    /// on it is idle or not, and heads have the bounds of its protocol.
    pub(crate) fn serving(&self, many: bool) {
        let mut state = self.state();
        state.doing = Doing::Serving;
        state.many |= many;
    }

    /// It was answered.
    pub(crate) fn idle(&self) {
        self.state().doing = Doing::Idle(Instant::now());
    }

    fn too_slow(&self, now: Instant) -> bool {
        let state = self.state();
        let slow = match state.doing {
            Doing::Idle(since) => now - since > self.bounds.idle,
            Doing::Head(since) => now - since > self.bounds.head,
            Doing::Serving => false,
        };
        slow || state.stuck.is_some_and(|since| now - since > self.bounds.idle)
    }

    /// Ends when the connection is too slow.
    pub(crate) async fn watch(&self) {
        while !self.too_slow(Instant::now()) {
            tokio::time::sleep(self.bounds.look).await;
        }
    }
}

/// A connection whose pace is kept.
pub(crate) struct Paced<I> {
    pub(crate) io: I,
    pub(crate) pace: Arc<Pace>,
}

impl<I: AsyncRead + Unpin> AsyncRead for Paced<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.pace.read();
        }
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Paced<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.io).poll_write(cx, buf);
        self.pace.wrote(wrote.is_ready());
        wrote
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.pace.wrote(wrote.is_ready());
        wrote
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
