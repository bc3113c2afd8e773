//! Bodies on their way through: what came from one side goes to the other as
//! it comes, within its bounds.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// What goes to a host.
pub(crate) enum Asked {
    /// Our own.
    Own(Full<Bytes>),
    /// A client's.
    Passed(Box<Passed>),
}

/// A client's body: so many bytes at most, within so much time.
pub(crate) struct Passed {
    body: Incoming,
    left: u64,
    alarm: Pin<Box<Sleep>>,
}

impl Asked {
    pub(crate) fn none() -> Self {
        Self::Own(Full::default())
    }

    /// A client's body.
    pub(crate) fn passed(body: Incoming, most: u64, patience: Duration) -> Self {
        if body.is_end_stream() {
            return Self::none();
        }
        let alarm = Box::pin(tokio::time::sleep_until(Instant::now() + patience));
        Self::Passed(Box::new(Passed { body, left: most, alarm }))
    }

    /// Whether it can be sent again.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::Own(body) => Some(Self::Own(body.clone())),
            Self::Passed(_) => None,
        }
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl Body for Asked {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let passed = match self.get_mut() {
            Self::Own(body) => return Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Passed(passed) => passed,
        };
        let frame = match Pin::new(&mut passed.body).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                ready!(passed.alarm.as_mut().poll(cx));
                return Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())));
            }
        };
        let Some(frame) = frame.transpose()? else { return Poll::Ready(None) };
        let length = frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
        match passed.left.checked_sub(length) {
            Some(left) => passed.left = left,
            None => return Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::FileTooLarge).into()))),
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Passed(passed) => passed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Passed(passed) => passed.body.size_hint(),
        }
    }
}

/// What goes to a client.
pub(crate) enum Told {
    /// Our own.
    Own(Full<Bytes>),
    /// A host's.
    Passed(Incoming),
}

impl Body for Told {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Passed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Passed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Passed(body) => body.size_hint(),
        }
    }
}
