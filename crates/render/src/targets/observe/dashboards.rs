//! Dashboards of Grafana, and the files by which it finds them.
//!
//! A dashboard is JSON, so what the planet says is quoted by the writer of that.
//! Grafana fills in `$name` in the titles of panels, so those are ours alone; a
//! planet's words stand where it fills in nothing.

use super::View;
use super::logs::text;
use super::panels::{BOARDS, Board, Panel};
use crate::{Refused, Tree};
use serde_json::{Value, json};

/// What is asked by a dashboard: all that Thanos knows.
const SOURCE: &str = "mycel-metrics";
/// The width of Grafana's grid, and a panel's share of it.
const WIDE: usize = 24;
const HIGH: usize = 8;
const ACROSS: usize = 2;

pub(super) fn files(view: &View<'_>, tree: &mut Tree) -> Result<(), Refused> {
    for board in &BOARDS {
        tree.add(&format!("grafana/dashboards/{}.json", board.name), text(&drawn(view, board)));
    }
    let source = |name: &str, kind: &str, url: &str| {
        json!({
            "name": name, "uid": name, "type": kind, "access": "proxy", "url": url, "isDefault": name == SOURCE,
        })
    };
    let sources = json!({ "apiVersion": 1, "datasources": [
        source(SOURCE, "prometheus", "http://thanos-query:10902"),
        source("mycel-logs", "loki", "http://loki:3100"),
        source("mycel-traces", "tempo", "http://tempo:3200"),
    ] });
    tree.add("grafana/datasources.yaml", view.file("where Grafana reads.", sources)?);
    let providers = json!({ "apiVersion": 1, "providers": [{
        "name": "mycel",
        "folder": format!("{} {}", view.planet(), view.region()),
        "type": "file",
        "disableDeletion": true,
        "allowUiUpdates": false,
        "options": { "path": "/etc/grafana/dashboards" },
    }] });
    tree.add("grafana/providers.yaml", view.file("where Grafana finds dashboards.", providers)?);
    Ok(())
}

fn drawn(view: &View<'_>, board: &Board) -> Value {
    let panels: Vec<Value> = board.panels.iter().enumerate().map(|(at, panel)| picture(at, panel)).collect();
    json!({
        "uid": view.own(board.name),
        "title": format!("Mycel: {}", board.name),
        "description": format!("{} Region: {}.", board.about, view.place.plan.name),
        "tags": ["mycel", view.planet(), view.region()],
        "schemaVersion": 39,
        "editable": false,
        "refresh": "30s",
        "time": { "from": "now-6h", "to": "now" },
        "panels": panels,
    })
}

fn picture(at: usize, panel: &Panel) -> Value {
    let source = json!({ "type": "prometheus", "uid": SOURCE });
    let asks: Vec<Value> = ('A'..)
        .zip(panel.asks)
        .map(|(id, (expr, legend))| {
            json!({ "refId": id.to_string(), "expr": expr, "legendFormat": legend, "datasource": source })
        })
        .collect();
    let width = WIDE / ACROSS;
    json!({
        "id": at + 1,
        "title": panel.title,
        "type": "timeseries",
        "datasource": source,
        "gridPos": { "x": at % ACROSS * width, "y": at / ACROSS * HIGH, "w": width, "h": HIGH },
        "fieldConfig": { "defaults": { "unit": panel.unit }, "overrides": [] },
        "targets": asks,
    })
}
