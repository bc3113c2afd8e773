//! Traces: the program sends all that it makes, the collector keeps the share
//! that the planet says, and Tempo keeps that for as long as it says.
//!
//! Whether a trace is kept is decided by its number alone, with the same seed in
//! every region, so that one that passes several is kept by all of them or by none.

use super::{View, hours};
use crate::{Refused, Tree};
use serde_json::{Number, Value, json};
use vocab::{Millis, Ppm};

/// The same everywhere.
const SEED: u32 = 7117;
/// What the planet file says when it says nothing.
const SHARE: Ppm = Ppm(1_000);
const KEPT: Millis = Millis::days(7);

pub(super) fn files(view: &View<'_>, tree: &mut Tree) -> Result<(), Refused> {
    let observe = view.scene.planet.observe.as_ref();
    let share = observe.map_or(SHARE, |observe| observe.traces.value);
    let kept = observe.map_or(KEPT, |observe| observe.traces_kept.value);
    tree.add("otel-collector.yaml", view.file("traces on their way.", collector(view, share)?)?);
    tree.add("tempo.yaml", view.file("what keeps traces.", tempo(kept))?);
    Ok(())
}

/// A share in percent, exactly: four decimals are what a millionth needs.
fn percent(share: Ppm) -> Result<Number, Refused> {
    let text = share.to_string();
    text.trim_end_matches('%').parse().map_err(|_| Refused {
        what: format!("the share of traces, {share}, is not a number"),
        hint: "write it as \"0.1%\"".to_owned(),
        at: None,
    })
}

fn collector(view: &View<'_>, share: Ppm) -> Result<Value, Refused> {
    let whose = |key: &str, value: &str| json!({ "key": key, "value": value, "action": "upsert" });
    Ok(json!({
        "receivers": { "otlp": { "protocols": { "http": { "endpoint": "0.0.0.0:4318" } } } },
        "processors": {
            "memory_limiter": { "check_interval": "1s", "limit_mib": 512, "spike_limit_mib": 128 },
            "probabilistic_sampler": { "hash_seed": SEED, "sampling_percentage": percent(share)? },
            "resource": { "attributes": [whose("mycel.planet", view.planet()), whose("mycel.region", view.region())] },
            "batch": {},
        },
        "exporters": { "otlphttp": { "endpoint": "http://tempo:4318" } },
        "service": {
            "telemetry": { "metrics": { "readers": [
                { "pull": { "exporter": { "prometheus": { "host": "0.0.0.0", "port": 8888 } } } },
            ] } },
            "pipelines": { "traces": {
                "receivers": ["otlp"],
                "processors": ["memory_limiter", "probabilistic_sampler", "resource", "batch"],
                "exporters": ["otlphttp"],
            } },
        },
    }))
}

fn tempo(kept: Millis) -> Value {
    json!({
        "server": { "http_listen_port": 3200 },
        "distributor": { "receivers": { "otlp": { "protocols": { "http": { "endpoint": "0.0.0.0:4318" } } } } },
        "compactor": { "compaction": { "block_retention": hours(kept) } },
        "storage": { "trace": {
            "backend": "local", "local": { "path": "/var/tempo/blocks" }, "wal": { "path": "/var/tempo/wal" },
        } },
        "usage_report": { "reporting_enabled": false },
    })
}
