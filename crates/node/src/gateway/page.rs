//! What the gateway says about itself.

use super::Shared;
use crate::http::No;
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use vocab::Millis;
use wire::Code;

/// What is counted, for Prometheus.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) lost: AtomicU64,
}

#[derive(Serialize)]
struct Region {
    id: String,
    usable: bool,
    drained: bool,
    health_ppm: u32,
    asked_in_this_tick: u64,
}

#[derive(Serialize)]
struct Page {
    version: u8,
    status: &'static str,
    regions: Vec<Region>,
}

/// How the gateway and the regions behind it stand.
pub(crate) fn ready(shared: &Shared) -> Result<Vec<u8>, No> {
    if *shared.stopping.borrow() {
        return Err(No::new(Code::Unavailable, "the gateway stops"));
    }
    let all = shared.regions.all(Millis(shared.clock.now().0));
    let regions: Vec<Region> = all
        .into_iter()
        .map(|(id, usable, drained, health, asked)| Region {
            id,
            usable,
            drained,
            health_ppm: health.0,
            asked_in_this_tick: asked,
        })
        .collect();
    if !regions.iter().any(|region| region.usable) {
        return Err(No::new(Code::Unavailable, "no region answers"));
    }
    let page = Page { version: 1, status: "ready", regions };
    serde_json::to_vec(&page).map_err(|why| No::new(Code::Internal, why.to_string()))
}

/// The same as figures.
pub(crate) fn metrics(shared: &Shared) -> String {
    let mut text = String::new();
    let counts = &shared.counts;
    for (name, about, count) in [
        ("mycel_gateway_requests_total", "Requests that came.", &counts.requests),
        ("mycel_gateway_refused_total", "Requests that the gateway refused itself.", &counts.refused),
        ("mycel_gateway_retried_total", "Requests that were sent a second time.", &counts.retried),
        ("mycel_gateway_lost_total", "Requests that a host did not answer.", &counts.lost),
    ] {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {name} {about}\n# TYPE {name} counter\n{name} {}", count.load(Relaxed));
    }
    let usable = "mycel_gateway_region_usable";
    let _ = writeln!(text, "# HELP {usable} Whether a region is used.\n# TYPE {usable} gauge");
    for (id, alive, drained, ..) in shared.regions.all(Millis(shared.clock.now().0)) {
        let _ = writeln!(text, "{usable}{{region=\"{id}\"}} {}", u8::from(alive && !drained));
    }
    text
}
