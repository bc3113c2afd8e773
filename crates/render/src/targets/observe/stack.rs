//! All of it on one machine, with Compose, so that one can see which program
//! reads which file. Where the region itself runs does not matter to it: DNS or a
//! file in `targets` says.

use super::{View, thanos};
use crate::Refused;
use crate::targets::compose::{PROMETHEUS, grafana, read_only, with};
use serde_json::{Map, Value, json};

const ALERTMANAGER: &str = "docker.io/prom/alertmanager:v0.28.1";
const THANOS: &str = "quay.io/thanos/thanos:v0.39.2";
const VECTOR: &str = "docker.io/timberio/vector:0.49.0-debian";
const LOKI: &str = "docker.io/grafana/loki:3.5.3";
const TEMPO: &str = "docker.io/grafana/tempo:2.8.2";
const COLLECTOR: &str = "docker.io/otel/opentelemetry-collector-contrib:0.132.0";

/// The user of Prometheus' image.
const NOBODY: &str = "65534:65534";

/// Longer than the longest window of an alert.
const AT_HAND: &str = "15d";

pub(super) fn file(view: &View<'_>) -> Result<String, Refused> {
    let mut services = Map::new();
    let stores: [(&str, Value); 9] = [
        ("prometheus", prometheus()),
        ("alertmanager", alertmanager()),
        ("thanos-sidecar", sidecar(view)),
        ("thanos-store", store(view)),
        ("thanos-query", query()),
        ("vector", vector()),
        (
            "loki",
            reads(LOKI, "./loki.yaml", "/etc/loki/mycel.yaml", "-config.file=/etc/loki/mycel.yaml", ("loki", "/loki")),
        ),
        (
            "tempo",
            reads(TEMPO, "./tempo.yaml", "/etc/tempo.yaml", "-config.file=/etc/tempo.yaml", ("tempo", "/var/tempo")),
        ),
        ("otel-collector", collector()),
    ];
    services.extend(stores.map(|(name, service)| (name.to_owned(), held(service))));
    services.insert("grafana".to_owned(), held(drawn()));
    let volumes = ["prometheus", "alertmanager", "vector", "loki", "tempo"];
    let volumes: Map<String, Value> = volumes.map(|name| (name.to_owned(), json!({}))).into_iter().collect();
    view.file("what measures it, on one machine.", json!({ "services": services, "volumes": volumes }))
}

/// What every container is held to.
fn held(service: Value) -> Value {
    let more = json!({
        "read_only": true, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"], "restart": "unless-stopped",
    });
    with(service, more)
}

fn kept(volume: &str, at: &str) -> Value {
    json!({ "type": "volume", "source": volume, "target": at })
}

fn prometheus() -> Value {
    json!({
        "image": PROMETHEUS,
        "command": [
            "--config.file=/etc/prometheus/prometheus.yaml",
            "--storage.tsdb.path=/prometheus",
            format!("--storage.tsdb.retention.time={AT_HAND}"),
            // Thanos takes blocks as they are, and puts them together itself.
            "--storage.tsdb.min-block-duration=2h",
            "--storage.tsdb.max-block-duration=2h",
        ],
        "volumes": [
            read_only("./prometheus.yaml", "/etc/prometheus/prometheus.yaml"),
            read_only("./rules.yaml", "/etc/prometheus/rules.yaml"),
            read_only("./alerts.yaml", "/etc/prometheus/alerts.yaml"),
            read_only("${OBSERVE_TARGETS:?a folder with host-*.yaml and gateway-*.yaml}", "/etc/prometheus/targets"),
            kept("prometheus", "/prometheus"),
        ],
    })
}

fn alertmanager() -> Value {
    json!({
        "image": ALERTMANAGER,
        "command": ["--config.file=/etc/alertmanager/alertmanager.yaml", "--storage.path=/alertmanager"],
        "volumes": [
            read_only("./alertmanager.yaml", "/etc/alertmanager/alertmanager.yaml"),
            read_only("${OBSERVE_RECEIVERS:?a folder with page.url, ticket.url and unrouted.url}", "/etc/alertmanager/receivers"),
            kept("alertmanager", "/alertmanager"),
        ],
    })
}

/// Where the bucket is; where there is none, the folder in its place.
fn bucket(view: &View<'_>) -> Vec<Value> {
    let mut volumes = vec![read_only("./objstore.yaml", "/etc/thanos/objstore.yaml")];
    if thanos::is_folder(view) {
        let source = format!("${{OBSERVE_OBJECTS:?a folder that user {NOBODY} may write to}}");
        volumes.push(json!({ "type": "bind", "source": source, "target": thanos::FOLDER }));
    }
    volumes
}

/// It writes down in Prometheus' own folder what it has copied.
fn sidecar(view: &View<'_>) -> Value {
    let mut volumes = bucket(view);
    volumes.push(kept("prometheus", "/prometheus"));
    json!({
        "image": THANOS,
        "user": NOBODY,
        "command": [
            "sidecar",
            "--tsdb.path=/prometheus",
            "--prometheus.url=http://prometheus:9090",
            "--objstore.config-file=/etc/thanos/objstore.yaml",
        ],
        "depends_on": ["prometheus"],
        "volumes": volumes,
    })
}

/// What it has itself is a copy, and is made again.
fn store(view: &View<'_>) -> Value {
    json!({
        "image": THANOS,
        "user": NOBODY,
        "command": ["store", "--data-dir=/var/thanos/store", "--objstore.config-file=/etc/thanos/objstore.yaml"],
        "volumes": bucket(view),
        "tmpfs": ["/var/thanos/store:mode=1777"],
    })
}

fn query() -> Value {
    json!({
        "image": THANOS,
        "command": ["query", "--endpoint=thanos-sidecar:10901", "--endpoint=thanos-store:10901"],
        "depends_on": ["thanos-sidecar", "thanos-store"],
    })
}

fn vector() -> Value {
    json!({
        "image": VECTOR,
        "command": ["--config", "/etc/vector/vector.yaml", "--config", "/etc/vector/vector-machine.yaml"],
        "volumes": [
            read_only("./vector.yaml", "/etc/vector/vector.yaml"),
            read_only("./vector-machine.yaml", "/etc/vector/vector-machine.yaml"),
            read_only("${OBSERVE_LOGS:?the folder that log lines are written to}", "/var/log/mycel"),
            kept("vector", "/var/lib/vector"),
        ],
    })
}

fn collector() -> Value {
    json!({
        "image": COLLECTOR,
        "command": ["--config=/etc/otelcol/config.yaml"],
        "volumes": [read_only("./otel-collector.yaml", "/etc/otelcol/config.yaml")],
        // Where the program sends traces to, from this machine.
        "ports": ["${OTLP_LISTEN:-127.0.0.1:4318}:4318"],
    })
}

/// What reads one file and keeps one folder.
fn reads(image: &str, file: &str, at: &str, flag: &str, (volume, folder): (&str, &str)) -> Value {
    json!({ "image": image, "command": [flag], "volumes": [read_only(file, at), kept(volume, folder)] })
}

/// Grafana with its dashboards, one for each audience.
fn drawn() -> Value {
    let volumes = json!({
        "volumes": [
            read_only("./grafana/datasources.yaml", "/etc/grafana/provisioning/datasources/mycel.yaml"),
            read_only("./grafana/providers.yaml", "/etc/grafana/provisioning/dashboards/mycel.yaml"),
            read_only("./grafana/dashboards", "/etc/grafana/dashboards"),
        ],
    });
    with(grafana(), volumes)
}
