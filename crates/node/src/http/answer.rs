//! Answers as bytes.

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use std::convert::Infallible;

/// A body that was there at once, or comes as it happens.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// An answer.
pub(crate) type Answer = Response<Body>;

/// Bytes of a media type.
pub(crate) fn bytes(status: StatusCode, media: &'static str, bytes: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(bytes).boxed_unsync());
    *answer.status_mut() = status;
    headers(&mut answer, media);
    answer
}

/// A value as JSON.
pub(crate) fn json_of<T: Serialize>(status: StatusCode, value: &T) -> Answer {
    // A type that serde_json cannot write is a mistake of ours; there is none.
    let text = serde_json::to_vec(value).unwrap_or_default();
    bytes(status, "application/json", text.into())
}

/// What comes as it happens.
pub(crate) fn stream(
    media: &'static str,
    events: impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + 'static,
) -> Answer {
    let mut answer = Response::new(StreamBody::new(events).boxed_unsync());
    headers(&mut answer, media);
    answer
}

fn headers(answer: &mut Answer, media: &'static str) {
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    // Every answer is about now and about who asks.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
