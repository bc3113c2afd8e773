//! Figures of the server itself, and all of them as Prometheus reads them.

use super::table::ENDPOINTS;
use crate::engine::Engine;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper ends of the buckets of the histogram: from an answer out of memory to a long poll.
const BUCKETS: [(u64, &str); 12] = [
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (2_500_000, "2.5"),
    (60_000_000, "60"),
];

/// Statuses that are counted by themselves; any other is counted as 0.
const STATUSES: [u16; 21] =
    [0, 101, 200, 202, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 421, 426, 429, 431, 451, 500, 503];

/// What was answered at one endpoint.
#[derive(Default)]
struct Endpoint {
    statuses: [AtomicU64; STATUSES.len()],
    buckets: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
}

/// Figures of the server.
pub(crate) struct Metrics {
    /// One for each endpoint, and one for paths that lead nowhere.
    endpoints: Vec<Endpoint>,
    pub(crate) open: AtomicU64,
    pub(crate) accepted: AtomicU64,
    /// Connections that were closed because there were too many, or their source is banned.
    pub(crate) turned_away: AtomicU64,
    /// Connections that were closed because they were too slow or idle.
    pub(crate) cut: AtomicU64,
    pub(crate) frames: AtomicU64,
    pub(crate) upgraded: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        let zero = AtomicU64::default;
        let endpoints = (0..=ENDPOINTS.len()).map(|_| Endpoint::default()).collect();
        let (open, accepted, turned_away) = (zero(), zero(), zero());
        Self { endpoints, open, accepted, turned_away, cut: zero(), frames: zero(), upgraded: zero() }
    }
}

impl Metrics {
    /// Counts an answer.
    pub(crate) fn answered(&self, endpoint: Option<usize>, status: u16, took: Duration) {
        let Some(endpoint) = self.endpoints.get(endpoint.unwrap_or(ENDPOINTS.len())) else {
            return;
        };
        let status = STATUSES.iter().position(|known| *known == status).unwrap_or(0);
        endpoint.statuses[status].fetch_add(1, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|(end, _)| micros <= *end).unwrap_or(BUCKETS.len());
        endpoint.buckets[bucket].fetch_add(1, Relaxed);
        endpoint.micros.fetch_add(micros, Relaxed);
    }

    /// Everything, as Prometheus reads it.
    pub(crate) fn text(&self, engine: &Engine) -> String {
        let mut out = String::new();
        let mut figures: BTreeMap<&str, Vec<(String, u64)>> = BTreeMap::new();
        for (name, labels, number) in engine.figures() {
            figures.entry(name).or_default().push((labels, number));
        }
        for (name, number) in [
            ("mycel_connections_open", &self.open),
            ("mycel_connections_total", &self.accepted),
            ("mycel_connections_turned_away_total", &self.turned_away),
            ("mycel_connections_cut_total", &self.cut),
            ("mycel_connections_upgraded_total", &self.upgraded),
            ("mycel_frames_total", &self.frames),
        ] {
            figures.entry(name).or_default().push((String::new(), number.load(Relaxed)));
        }
        for (name, series) in figures {
            let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
            line(&mut out, format_args!("# TYPE {name} {kind}"));
            for (labels, number) in series {
                if labels.is_empty() {
                    line(&mut out, format_args!("{name} {number}"));
                } else {
                    line(&mut out, format_args!("{name}{{{labels}}} {number}"));
                }
            }
        }
        self.requests(&mut out);
        self.latencies(&mut out);
        out
    }

    fn named(&self) -> impl Iterator<Item = (&'static str, &Endpoint)> {
        let names = ENDPOINTS.iter().map(|endpoint| endpoint.name).chain(["nowhere"]);
        names.zip(&self.endpoints)
    }

    fn requests(&self, out: &mut String) {
        line(out, format_args!("# TYPE mycel_http_requests_total counter"));
        for (name, endpoint) in self.named() {
            for (status, count) in STATUSES.iter().zip(&endpoint.statuses) {
                let count = count.load(Relaxed);
                if count > 0 {
                    let labels = format!("endpoint=\"{name}\",status=\"{status}\"");
                    line(out, format_args!("mycel_http_requests_total{{{labels}}} {count}"));
                }
            }
        }
    }

    fn latencies(&self, out: &mut String) {
        const NAME: &str = "mycel_http_request_seconds";
        line(out, format_args!("# TYPE {NAME} histogram"));
        for (name, endpoint) in self.named() {
            let mut count = 0;
            let ends = BUCKETS.iter().map(|(_, end)| *end).chain(["+Inf"]);
            let counts: Vec<_> = endpoint.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
            if counts.iter().all(|count| *count == 0) {
                continue;
            }
            for (end, bucket) in ends.zip(counts) {
                count += bucket;
                line(out, format_args!("{NAME}_bucket{{endpoint=\"{name}\",le=\"{end}\"}} {count}"));
            }
            let micros = endpoint.micros.load(Relaxed);
            let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
            line(out, format_args!("{NAME}_sum{{endpoint=\"{name}\"}} {seconds}.{rest:06}"));
            line(out, format_args!("{NAME}_count{{endpoint=\"{name}\"}} {count}"));
        }
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up() {
        let metrics = Metrics::default();
        metrics.answered(Some(0), 200, Duration::from_micros(300));
        metrics.answered(Some(0), 200, Duration::from_secs(100));
        metrics.answered(None, 599, Duration::ZERO);
        let mut out = String::new();
        metrics.requests(&mut out);
        metrics.latencies(&mut out);
        let name = ENDPOINTS[0].name;
        for expected in [
            format!("mycel_http_requests_total{{endpoint=\"{name}\",status=\"200\"}} 2"),
            "mycel_http_requests_total{endpoint=\"nowhere\",status=\"0\"} 1".to_owned(),
            format!("mycel_http_request_seconds_bucket{{endpoint=\"{name}\",le=\"0.0005\"}} 1"),
            format!("mycel_http_request_seconds_bucket{{endpoint=\"{name}\",le=\"60\"}} 1"),
            format!("mycel_http_request_seconds_bucket{{endpoint=\"{name}\",le=\"+Inf\"}} 2"),
            format!("mycel_http_request_seconds_sum{{endpoint=\"{name}\"}} 100.000300"),
            format!("mycel_http_request_seconds_count{{endpoint=\"{name}\"}} 2"),
        ] {
            assert!(out.lines().any(|line| line == expected), "{expected}\n{out}");
        }
    }
}
