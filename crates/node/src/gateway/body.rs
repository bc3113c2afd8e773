//! Bodies on their way through: what came from one side goes to the other as
//! it comes, within its bounds.

use super::front::Busy;
use super::hosts::Returns;
use super::line::Line;
use super::reply::{End, Wrong};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// What goes to a host.
pub(crate) enum Asked {
    /// Our own, which went already or did not.
    Own(Bytes, bool),
    /// A client's.
    Passed(Box<Passed>),
}

/// A client's body: so many bytes at most, within so much time.
pub(crate) struct Passed {
    body: Incoming,
    left: u64,
    alarm: Pin<Box<Sleep>>,
    /// Whether its length was not known: then it goes in chunks.
    chunks: bool,
    over: bool,
}

impl Asked {
    pub(crate) const fn none() -> Self {
        Self::own(Bytes::new())
    }

    pub(crate) const fn own(bytes: Bytes) -> Self {
        Self::Own(bytes, false)
    }

    /// A client's body.
    pub(crate) fn passed(body: Incoming, most: u64, patience: Duration) -> Self {
        if body.is_end_stream() {
            return Self::none();
        }
        let alarm = Box::pin(tokio::time::sleep_until(Instant::now() + patience));
        let chunks = body.size_hint().exact().is_none();
        Self::Passed(Box::new(Passed { body, left: most, alarm, chunks, over: false }))
    }

    /// How long it is, when that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Own(bytes, _) => u64::try_from(bytes.len()).ok(),
            Self::Passed(passed) => passed.body.size_hint().exact(),
        }
    }

    /// Makes it ready to be sent again; whether it can be.
    pub(crate) const fn again(&mut self) -> bool {
        match self {
            Self::Own(_, went) => {
                *went = false;
                true
            }
            Self::Passed(_) => false,
        }
    }

    /// Whether all of it was handed out.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Own(bytes, went) => *went || bytes.is_empty(),
            Self::Passed(passed) => passed.over,
        }
    }

    /// Puts what comes next behind some bytes; whether there was anything.
    pub(crate) fn poll_into(&mut self, cx: &mut Context<'_>, bytes: &mut Vec<u8>) -> Poll<io::Result<bool>> {
        match self {
            Self::Own(own, went) => {
                let more = !*went && !own.is_empty();
                if more {
                    bytes.extend_from_slice(own);
                }
                *went = true;
                Poll::Ready(Ok(more))
            }
            Self::Passed(passed) => passed.poll_into(cx, bytes),
        }
    }
}

impl Passed {
    fn poll_into(&mut self, cx: &mut Context<'_>, bytes: &mut Vec<u8>) -> Poll<io::Result<bool>> {
        while !self.over {
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    ready!(self.alarm.as_mut().poll(cx));
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            };
            let Some(frame) = frame.transpose().map_err(io::Error::other)? else {
                self.over = true;
                if self.chunks {
                    bytes.extend_from_slice(b"0\r\n\r\n");
                }
                return Poll::Ready(Ok(self.chunks));
            };
            // Trailers end with the connection that they came on.
            let Ok(data) = frame.into_data() else { continue };
            if data.is_empty() {
                continue;
            }
            let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
            self.left = self.left.checked_sub(length).ok_or(io::ErrorKind::FileTooLarge)?;
            if self.chunks {
                write!(bytes, "{length:x}\r\n")?;
            }
            bytes.extend_from_slice(&data);
            if self.chunks {
                bytes.extend_from_slice(b"\r\n");
            }
            return Poll::Ready(Ok(true));
        }
        Poll::Ready(Ok(false))
    }
}

/// What goes to a client.
pub(crate) enum Told {
    /// Our own, or a host's that came whole with its head.
    Own(Full<Bytes>),
    /// A host's that is still coming.
    Coming(Box<Coming>),
}

/// A body that a host has not said to its end.
pub(crate) struct Coming {
    /// What came with the head.
    early: VecDeque<Bytes>,
    /// Until the end.
    line: Option<Line>,
    end: End,
    /// Where the connection goes then, when it stays.
    returns: Option<Returns>,
    /// The request is being answered until then.
    busy: Option<Busy>,
    /// How long it may say nothing.
    silence: Duration,
    /// While it does.
    silent: Option<Pin<Box<Sleep>>>,
}

impl Told {
    /// The body behind a head. One that is here whole frees its connection at once.
    pub(crate) fn of(mut line: Line, mut end: End, returns: Option<Returns>, silence: Duration) -> Result<Self, Wrong> {
        let first = end.take(&mut line.came)?;
        // Behind the last chunk there is a line that says so.
        let second = if first.is_some() { end.take(&mut line.came)? } else { None };
        if end.is_here() && second.is_none() {
            give_back(line, returns);
            return Ok(Self::Own(Full::new(first.unwrap_or_default())));
        }
        let early = first.into_iter().chain(second).collect();
        Ok(Self::Coming(Box::new(Coming { early, line: Some(line), end, returns, busy: None, silence, silent: None })))
    }
}

impl Told {
    /// Keeps a request from being over before its answer is.
    pub(super) fn until_its_end(mut self, busy: Busy) -> Self {
        if let Self::Coming(coming) = &mut self {
            coming.busy = Some(busy);
        }
        self
    }
}

fn give_back(line: Line, returns: Option<Returns>) {
    if let Some(returns) = returns {
        returns.give_back(line);
    }
}

impl Coming {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Some(early) = self.early.pop_front() {
            return Poll::Ready(Some(Ok(early)));
        }
        while let Some(mut line) = self.line.take() {
            let data = match self.end.take(&mut line.came) {
                Ok(data) => data,
                Err(wrong) => return Poll::Ready(Some(Err(io::Error::other(wrong)))),
            };
            if self.end.is_here() {
                give_back(line, self.returns.take());
                return Poll::Ready(data.map(Ok));
            }
            if let Some(data) = data {
                self.line = Some(line);
                return Poll::Ready(Some(Ok(data)));
            }
            match line.poll_more(cx) {
                Poll::Ready(Ok(0)) if self.end == End::Closed => return Poll::Ready(None),
                Poll::Ready(Ok(0)) => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
                Poll::Ready(Ok(_)) => (self.line, self.silent) = (Some(line), None),
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                Poll::Pending => {
                    self.line = Some(line);
                    let silence = self.silence;
                    let silent = self.silent.get_or_insert_with(|| Box::pin(tokio::time::sleep(silence)));
                    ready!(silent.as_mut().poll(cx));
                    self.line = None;
                    return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
                }
            }
        }
        Poll::Ready(None)
    }
}

impl Body for Told {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Coming(coming) => coming.poll(cx).map_ok(Frame::data),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Coming(coming) => coming.line.is_none() && coming.early.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Coming(coming) => {
                let early = coming.early.iter().map(Bytes::len).sum::<usize>();
                match (coming.end, u64::try_from(early)) {
                    (End::After(left), Ok(early)) => SizeHint::with_exact(left.saturating_add(early)),
                    _ => SizeHint::default(),
                }
            }
        }
    }
}
