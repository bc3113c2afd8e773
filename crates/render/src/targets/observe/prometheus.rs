//! What Prometheus measures, whose that is, and who is asked whom to tell.

use super::View;
use crate::flows::Flows;
use crate::{Refused, program};
use serde_json::{Value, json};

/// What measures, and where it tells its own figures.
const MEASURING: [&str; 8] = [
    "localhost:9090",
    "alertmanager:9093",
    "thanos-sidecar:10902",
    "thanos-store:10902",
    "vector:9598",
    "otel-collector:8888",
    "loki:3100",
    "tempo:3200",
];

pub(super) fn file(view: &View<'_>) -> Result<String, Refused> {
    let config = json!({
        "global": { "scrape_interval": "15s", "evaluation_interval": "15s", "external_labels": view.labels() },
        "rule_files": ["rules.yaml", "alerts.yaml"],
        "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": ["alertmanager:9093"] }] }] },
        "scrape_configs": [program(view, "host"), program(view, "gateway"), {
            "job_name": "measuring",
            "static_configs": [{ "targets": MEASURING }],
            "relabel_configs": whose(view),
        }],
    });
    view.file("what Prometheus measures.", config)
}

/// Every series has the planet's name and the region's. The program's own label
/// of that name is `exported_region`: a gateway speaks of other regions as well.
fn whose(view: &View<'_>) -> Value {
    json!([
        { "target_label": "planet", "replacement": view.planet() },
        { "target_label": "region", "replacement": view.region() },
    ])
}

/// The program: in a cluster DNS knows where its pods are, and elsewhere an
/// operator writes a file that does.
fn program(view: &View<'_>, component: &str) -> Value {
    let mut job = json!({
        "job_name": format!("mycel-{component}"),
        "dns_sd_configs": [{
            "names": [format!("{component}.{}.svc", view.planet())],
            "type": "A",
            "port": program::PORT,
            "refresh_interval": "15s",
        }],
        "file_sd_configs": [{ "files": [format!("targets/{component}-*.yaml")] }],
        "relabel_configs": whose(view),
    });
    let door = if view.scene.office.is_some() { "gateway" } else { "host" };
    let is_public = !Flows::new(view.scene.planet, view.place).entry.is_empty();
    if is_public && component == door {
        job["scheme"] = json!("https");
        // A pod is found by its address, and its certificate is of the name that agents use.
        job["tls_config"] = json!({ "insecure_skip_verify": true });
    }
    job
}
