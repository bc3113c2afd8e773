//! What the gateway says about itself.

use super::Shared;
use super::body::Told;
use super::front::{Front, json};
use super::known::Stands;
use crate::http::{No, decode};
use custody::office::Ages;
use hyper::Response;
use hyper::http::request::Parts;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use vocab::Millis;
use wire::{Code, tell};

/// What is counted, for Prometheus.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) closed: AtomicU64,
}

#[derive(Serialize)]
struct Page {
    version: u8,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    regions: Option<Vec<Stands>>,
}

/// Whether the gateway can do anything for anybody; how the regions behind it
/// stand, for whoever may know.
pub(crate) fn ready(shared: &Shared, known: bool) -> Result<Vec<u8>, No> {
    if *shared.stopping.borrow() {
        return Err(No::new(Code::Unavailable, "the gateway stops"));
    }
    if let Some(acts) = &shared.settings().acts {
        acts.ready().map_err(|why| No::new(Code::Unavailable, why))?;
    }
    let regions = shared.regions.all(Millis(shared.clock.now().0));
    if !regions.iter().any(|region| region.usable) {
        return Err(No::new(Code::Unavailable, "no region answers"));
    }
    let page = Page { version: 1, status: "ready", regions: known.then_some(regions) };
    serde_json::to_vec(&page).map_err(|why| No::new(Code::Internal, why.to_string()))
}

/// How old the CA is, and how many are to follow it.
fn of_ca(ages: &Ages) -> [(&'static str, String, u64); 4] {
    let told = |name, figure: &AtomicU64, unit| (name, "key=\"ca\"".to_owned(), figure.load(Relaxed) / unit);
    [
        told("mycel_key_age_seconds", &ages.age, 1_000),
        told("mycel_key_rotations_total", &ages.turns, 1),
        told("mycel_key_late", &ages.late, 1),
        told("mycel_ca_heirs", &ages.heirs, 1),
    ]
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
        ("mycel_gateway_closed_total", "Connections that broke, or were too slow or too many.", &counts.closed),
    ] {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {name} {about}\n# TYPE {name} counter\n{name} {}", count.load(Relaxed));
    }
    for (name, number) in shared.settings().acts.iter().flat_map(|acts| acts.figures()) {
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        let _ = writeln!(text, "# TYPE {name} {kind}\n{name} {number}");
    }
    let mut keys: BTreeMap<&str, Vec<(String, u64)>> = BTreeMap::new();
    let settings = shared.settings();
    let turning = settings.turning.iter().flat_map(|turning| turning.figures());
    let log = settings.acts.iter().flat_map(|acts| acts.key_figures());
    for (name, label, number) in turning.chain(log).chain(settings.ca.iter().flat_map(|ca| of_ca(ca))) {
        keys.entry(name).or_default().push((label, number));
    }
    for (name, series) in keys {
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        let _ = writeln!(text, "# TYPE {name} {kind}");
        for (label, number) in series {
            let _ = writeln!(text, "{name}{{{label}}} {number}");
        }
    }
    let usable = "mycel_gateway_region_usable";
    let _ = writeln!(text, "# HELP {usable} Whether a region is used.\n# TYPE {usable} gauge");
    let regions = shared.regions.all(Millis(shared.clock.now().0));
    for region in &regions {
        let is_used = u8::from(region.usable && !region.drained);
        let _ = writeln!(text, "{usable}{{region=\"{}\"}} {is_used}", region.id);
    }
    let rtt = "mycel_gateway_region_rtt_microseconds";
    let _ = writeln!(text, "# HELP {rtt} The round trip to a region, smoothed.\n# TYPE {rtt} gauge");
    for (id, rtt_us) in regions.iter().filter_map(|region| Some((&region.id, region.rtt_us?))) {
        let _ = writeln!(text, "{rtt}{{region=\"{id}\"}} {rtt_us}");
    }
    text
}

impl Front {
    /// How the regions stand, as they said last; to whoever has proved a lease.
    pub(super) fn all_regions(&self, head: &Parts) -> Result<Response<Told>, No> {
        self.sessions.of(decode::lease(&head.headers)?, self.shared.clock.now())?;
        json(&tell::Regions { regions: self.shared.regions.slots() })
    }
}
