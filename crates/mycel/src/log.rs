//! What a planet that runs says of itself: lines on stderr, and, with the
//! feature `otel`, spans for a collector.

use crate::cli::LogLevel;
use crate::failure::Failure;
use crate::screen::Screen;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What says where a collector is, for traces alone and for everything.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// What is written down, until it is stopped.
#[derive(Default)]
pub(crate) struct Watched {
    #[cfg(feature = "otel")]
    traces: Option<crate::traces::Traces>,
}

impl Watched {
    /// Sends what waits to be sent.
    ///
    /// # Errors
    /// When it could not be sent.
    #[cfg(feature = "otel")]
    pub(crate) fn stop(self) -> Result<(), String> {
        self.traces.map_or(Ok(()), crate::traces::Traces::stop)
    }

    /// There is nothing to send.
    #[cfg(not(feature = "otel"))]
    #[allow(clippy::unnecessary_wraps, clippy::unused_self)] // as it is with the feature
    pub(crate) const fn stop(self) -> Result<(), String> {
        Ok(())
    }
}

/// Begins to write down what happens.
#[cfg_attr(feature = "otel", allow(unused_variables, clippy::needless_pass_by_value))]
pub(crate) fn start(level: LogLevel, json: bool, screen: &Screen) -> Result<Watched, Failure> {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = if json { lines.json().boxed() } else { lines.boxed() };
    // Spans are for the collector; a line has its own fields.
    let events = filter_fn(move |seen| seen.is_event() && *seen.level() <= level).with_max_level_hint(level);
    let log = tracing_subscriber::registry().with(lines.with_filter(events));
    let Some(endpoint) = ENDPOINTS.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    else {
        log.init();
        return Ok(Watched::default());
    };
    #[cfg(feature = "otel")]
    {
        let hint =
            "OTEL_EXPORTER_OTLP_ENDPOINT names a collector, such as http://127.0.0.1:4318; without it nothing is sent";
        let traces = crate::traces::Traces::start(&endpoint).map_err(|why| Failure::told(why, hint))?;
        let ours = filter_fn(|seen| seen.is_span() && seen.target() == node::TRACE_TARGET);
        log.with(tracing_opentelemetry::layer().with_tracer(traces.tracer()).with_filter(ours)).init();
        Ok(Watched { traces: Some(traces) })
    }
    #[cfg(not(feature = "otel"))]
    {
        log.init();
        // Nobody is to wait for traces that never come.
        screen.say(format_args!(
            "no traces are sent to {endpoint}: this mycel was built without them (cargo build --features mycel/otel)"
        ));
        Ok(Watched::default())
    }
}
