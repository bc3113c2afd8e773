//! Spans of what a request does: request, engine, lane. Without the feature
//! `otel` they are none, and cost nothing.

use tracing::instrument::Instrumented;
use tracing::{Instrument as _, Span};

/// What the spans are told from other things by: whoever logs leaves them out.
#[cfg(feature = "otel")]
pub const TARGET: &str = "mycel::trace";

#[cfg(feature = "otel")]
mod spans {
    use super::TARGET;
    use hyper::http::request::Parts;
    use opentelemetry::global::get_text_map_propagator;
    use opentelemetry_http::HeaderExtractor;
    use tracing::field::Empty;
    use tracing::{Span, info_span};
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;

    /// A request to an endpoint, under the span that its `traceparent` names.
    pub(crate) fn request(endpoint: &'static str, head: &Parts) -> Span {
        let span = info_span!(
            target: TARGET,
            "request",
            otel.name = endpoint,
            otel.kind = "server",
            http.request.method = head.method.as_str(),
            http.response.status_code = Empty,
        );
        let parent = get_text_map_propagator(|named| named.extract(&HeaderExtractor(&head.headers)));
        // It fails when nobody collects spans, and then there is nothing to be under.
        let _ = span.set_parent(parent);
        span
    }

    /// How a request was answered.
    pub(crate) fn answered(span: &Span, status: u16) {
        span.record("http.response.status_code", i64::from(status));
    }

    pub(super) fn frame() -> Span {
        info_span!(target: TARGET, "frame", otel.kind = "server")
    }

    pub(super) fn engine() -> Span {
        info_span!(target: TARGET, "engine")
    }

    pub(super) fn lane() -> Span {
        info_span!(target: TARGET, "lane")
    }
}

#[cfg(not(feature = "otel"))]
mod spans {
    use hyper::http::request::Parts;
    use tracing::Span;

    pub(crate) const fn request(_: &'static str, _: &Parts) -> Span {
        Span::none()
    }

    pub(crate) const fn answered(_: &Span, _: u16) {}

    pub(super) const fn frame() -> Span {
        Span::none()
    }

    pub(super) const fn engine() -> Span {
        Span::none()
    }

    pub(super) const fn lane() -> Span {
        Span::none()
    }
}

pub(crate) use spans::{answered, request};

/// What an op that came as a frame does. Frames name no parent.
pub(crate) fn in_frame<F: Future>(does: F) -> Instrumented<F> {
    does.instrument(spans::frame())
}

/// What the engine does.
pub(crate) fn in_engine<F: Future>(does: F) -> Instrumented<F> {
    does.instrument(spans::engine())
}

/// From the hand-over to a lane to its answer, which comes when the entry is
/// durable.
pub(crate) fn in_lane<F: Future>(does: F) -> Instrumented<F> {
    does.instrument(spans::lane())
}

/// What goes on in a task of its own, under the span that begins it.
pub(crate) fn in_task<F: Future>(does: F) -> Instrumented<F> {
    does.in_current_span()
}

/// The spans of an op that came as a frame and has gone to its lane with
/// others, for as long as they are kept.
pub(crate) fn of_frame() -> (Span, Span) {
    let frame = spans::frame();
    let lane = frame.in_scope(|| spans::engine().in_scope(spans::lane));
    (frame, lane)
}
