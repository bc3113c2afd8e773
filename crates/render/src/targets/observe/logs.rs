//! Log lines: read where the program writes them, told whose they are, and kept
//! for as long as the planet says.
//!
//! No line is dropped on the way: one that is no JSON is kept as it is and marked,
//! and a sink that does not keep up holds the source back. Vector itself keeps
//! nothing for a time, so the time is said to what it sends to.

use super::thanos::place;
use super::{View, days, hours};
use crate::{Refused, Tree};
use planet::Observe;
use serde_json::{Value, json};
use vocab::Millis;

/// The longest line that is taken; the program's are far shorter.
const LONGEST_LINE: u64 = 1 << 20;
/// What waits on the disk for a sink. Vector takes no less than 256 MiB.
const WAITING: u64 = 1 << 30;
/// Loki keeps nothing for less than a day.
const LEAST: Millis = Millis::days(1);

pub(super) fn files(view: &View<'_>, tree: &mut Tree) -> Result<(), Refused> {
    let (kept, archived) = times(view.scene.planet.observe.as_ref());
    if kept < LEAST {
        tree.note(format!("{}: logs are kept for a day, which is the least that Loki knows", view.region()));
    }
    tree.add("vector.yaml", view.file("log lines on their way.", pipeline(view, archived))?);
    for (name, what, source) in [
        ("vector-cluster.yaml", "where they come from in a cluster; beside vector.yaml.", in_cluster()),
        ("vector-machine.yaml", "where they come from on a machine; beside vector.yaml.", on_machine()),
    ] {
        tree.add(name, view.file(what, source)?);
    }
    tree.add("loki.yaml", view.file("what keeps log lines at hand.", loki(kept.max(LEAST)))?);
    match (archived, archive(view)) {
        (Some(time), Archive::S3(..)) => tree.add("lifecycle.json", text(&lifecycle(time))),
        (Some(time), _) => tree.note(format!(
            "{}: nothing removes log lines from the archive after {time}: say that to what they are written to",
            view.region()
        )),
        (None, _) => {}
    }
    Ok(())
}

/// How long lines are at hand, and how long they are kept at all.
fn times(observe: Option<&Observe>) -> (Millis, Option<Millis>) {
    let kept = observe.map_or(Millis::days(90), |observe| observe.logs.value);
    (kept, observe.and_then(|observe| observe.logs_archive.as_ref()).map(|time| time.value))
}

/// Where lines go that are kept for longer.
enum Archive {
    S3(String, String),
    Gcs(String),
    Files,
}

fn archive(view: &View<'_>) -> Archive {
    match (view.place.region.provider.as_str(), place(view)) {
        ("aws", Some(region)) => Archive::S3(view.own("logs"), region.to_owned()),
        ("gcp", _) => Archive::Gcs(view.own("logs")),
        _ => Archive::Files,
    }
}

fn pipeline(view: &View<'_>, archived: Option<Millis>) -> Value {
    let buffer = json!({ "type": "disk", "max_size": WAITING, "when_full": "block" });
    let mut sinks = json!({
        "at_hand": {
            "type": "loki",
            "inputs": ["ours"],
            "endpoint": "http://loki:3100",
            "encoding": { "codec": "json" },
            "labels": { "planet": view.planet(), "region": view.region(), "level": "{{ level }}" },
            "out_of_order_action": "accept",
            "buffer": buffer,
        },
        "figures": { "type": "prometheus_exporter", "inputs": ["self"], "address": "0.0.0.0:9598" },
    });
    if archived.is_some() {
        let mut sink = match archive(view) {
            Archive::S3(bucket, region) => json!({
                "type": "aws_s3", "bucket": bucket, "region": region, "key_prefix": "%Y/%m/%d/", "compression": "gzip",
            }),
            Archive::Gcs(bucket) => json!({
                "type": "gcp_cloud_storage", "bucket": bucket, "key_prefix": "%Y/%m/%d/", "compression": "gzip",
            }),
            Archive::Files => {
                json!({ "type": "file", "path": "/var/lib/vector/archive/%Y-%m-%d.json.gz", "compression": "gzip" })
            }
        };
        sink["inputs"] = json!(["ours"]);
        sink["encoding"] = json!({ "codec": "json" });
        sink["framing"] = json!({ "method": "newline_delimited" });
        sink["buffer"] = buffer;
        sinks["archive"] = sink;
    }
    json!({
        "data_dir": "/var/lib/vector",
        "acknowledgements": { "enabled": true },
        "sources": { "self": { "type": "internal_metrics" } },
        "transforms": {
            "ours": {
                "type": "remap",
                "inputs": ["lines"],
                "drop_on_error": false,
                "drop_on_abort": false,
                "source": remap(view),
            },
        },
        "sinks": sinks,
    })
}

/// Names are letters, digits, `-` and `_`, so they mean nothing but themselves in
/// a string of any language.
fn remap(view: &View<'_>) -> String {
    format!(
        ".planet = \"{}\"\n.region = \"{}\"\n.level = \"unread\"\nline, err = parse_json(.message)\n\
         if err == null && is_object(line) {{\n  .line = line\n  .level = downcase(string(line.level) ?? \"none\")\n  \
         .timestamp = parse_timestamp(line.timestamp, \"%+\") ?? .timestamp\n}}\n",
        view.planet(),
        view.region()
    )
}

fn in_cluster() -> Value {
    let labels = "app.kubernetes.io/name=mycel";
    json!({ "sources": { "lines": {
        "type": "kubernetes_logs", "extra_label_selector": labels, "max_line_bytes": LONGEST_LINE,
    } } })
}

fn on_machine() -> Value {
    json!({ "sources": { "lines": {
        "type": "file", "include": ["/var/log/mycel/*.log"], "read_from": "beginning", "max_line_bytes": LONGEST_LINE,
    } } })
}

fn loki(kept: Millis) -> Value {
    json!({
        "auth_enabled": false,
        "server": { "http_listen_port": 3100 },
        "common": {
            "path_prefix": "/loki",
            "replication_factor": 1,
            "ring": { "kvstore": { "store": "inmemory" } },
            "storage": { "filesystem": { "chunks_directory": "/loki/chunks", "rules_directory": "/loki/rules" } },
        },
        "schema_config": { "configs": [{
            "from": "2024-01-01",
            "store": "tsdb",
            "object_store": "filesystem",
            "schema": "v13",
            "index": { "prefix": "index_", "period": "24h" },
        }] },
        "limits_config": { "retention_period": hours(kept), "max_line_size": LONGEST_LINE },
        "compactor": {
            "working_directory": "/loki/compactor",
            "retention_enabled": true,
            "delete_request_store": "filesystem",
        },
        "analytics": { "reporting_enabled": false },
    })
}

/// For `aws s3api put-bucket-lifecycle-configuration`.
fn lifecycle(time: Millis) -> Value {
    json!({ "Rules": [{
        "ID": "logs_archive",
        "Status": "Enabled",
        "Filter": { "Prefix": "" },
        "Expiration": { "Days": days(time).max(1) },
    }] })
}

/// JSON, for people and programs.
pub(super) fn text(value: &Value) -> String {
    format!("{value:#}\n")
}
