//! What measures a planet, by the word of the programs that read it: promtool and
//! amtool. And that it asks for nothing which the program does not export.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, clippy::disallowed_methods)]

#[path = "support/pair.rs"]
mod pair;
#[path = "support/process.rs"]
mod process;
#[path = "support/run.rs"]
mod run;
#[path = "support/tool.rs"]
mod tool;

use pair::{PAIR, put, seated};
use process::{Folder, Up};
use run::code;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tool::{PLANETS, said, tool};

/// What measures a planet; the folders of its regions.
fn rendered(file: &Path, out: &Path) -> Vec<PathBuf> {
    let out = out.to_str().unwrap();
    let office = ["--target", "observe", "--office", "office.example:7116"];
    assert_eq!(code(&[&["render", file.to_str().unwrap(), "--out", out], &office[..]].concat()), 0);
    let mut regions: Vec<_> =
        fs::read_dir(Path::new(out).join("observe")).unwrap().map(|entry| entry.unwrap().path()).collect();
    regions.sort();
    regions
}

fn planet(name: &str) -> PathBuf {
    run::folder("../../planets").join(format!("{name}.toml"))
}

fn yaml(file: &Path) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// What the panels of a region's dashboards ask.
fn asked(region: &Path) -> Vec<String> {
    let mut asked = Vec::new();
    for board in fs::read_dir(region.join("grafana/dashboards")).unwrap() {
        let board: Value = serde_json::from_str(&fs::read_to_string(board.unwrap().path()).unwrap()).unwrap();
        for panel in board["panels"].as_array().unwrap() {
            let targets = panel["targets"].as_array().unwrap();
            asked.extend(targets.iter().map(|target| target["expr"].as_str().unwrap().to_owned()));
        }
    }
    asked
}

#[test]
fn promtool_takes_every_config_every_rule_and_every_panel() {
    let Some(promtool) = tool("MYCEL_PROMTOOL", "promtool") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for name in PLANETS {
        for region in rendered(&planet(name), &folder.path().join(name)) {
            let (good, text) =
                said(Command::new(&promtool).args(["check", "config"]).arg(region.join("prometheus.yaml")));
            assert!(good, "{text}");
            let rules: Vec<Value> = (0..)
                .zip(asked(&region))
                .map(|(at, expr)| json!({ "record": format!("panel:{at}"), "expr": expr }))
                .collect();
            assert!(rules.len() > 30);
            // JSON is YAML.
            let panels = region.join("panels.yaml");
            fs::write(&panels, json!({ "groups": [{ "name": "panels", "rules": rules }] }).to_string()).unwrap();
            let check = |file: &Path| said(Command::new(&promtool).args(["check", "rules", "--lint-fatal"]).arg(file));
            for file in ["rules.yaml", "alerts.yaml", "panels.yaml"] {
                let (good, text) = check(&region.join(file));
                assert!(good, "{name}: {text}");
            }
            fs::write(&panels, fs::read_to_string(&panels).unwrap().replacen("sum(", "sun(", 1)).unwrap();
            assert!(!check(&panels).0, "promtool takes what is no expression");
            seen += 1;
        }
    }
    assert_eq!(seen, 25);
}

/// In a region of each kind: with a promise of its own, of the planet, and none.
#[test]
fn each_alert_fires_when_it_should_and_not_when_it_should_not() {
    let Some(promtool) = tool("MYCEL_PROMTOOL", "promtool") else { return };
    let folder = tempfile::tempdir().unwrap();
    let test =
        |region: &Path| said(Command::new(&promtool).args(["test", "rules", "alerts_test.yaml"]).current_dir(region));
    for (name, wanted) in [("garden", "eu"), ("mesh", "us-east-1"), ("bitcraps", "us-east")] {
        let regions = rendered(&planet(name), &folder.path().join(name));
        let region = regions.iter().find(|region| region.ends_with(wanted)).unwrap();
        let (good, text) = test(region);
        assert!(good, "{name}: {text}");
    }
    // What it would find: a limit that is another one.
    let region = folder.path().join("mesh/observe/us-east-1");
    let alerts = fs::read_to_string(region.join("alerts.yaml")).unwrap();
    fs::write(region.join("alerts.yaml"), alerts.replace("> 0.0144", "> 0.0124")).unwrap();
    let (good, text) = test(&region);
    assert!(!good && text.contains("MycelBudgetGoneInTwoDays"), "{text}");
}

/// What somebody reads is what the planet file says, whatever that is.
#[test]
fn a_region_that_is_called_like_a_template_is_called_that_in_its_alerts() {
    let Some(promtool) = tool("MYCEL_PROMTOOL", "promtool") else { return };
    let folder = tempfile::tempdir().unwrap();
    let called = r#"{{ $value }} {{{ }} "${HOME}" 'é' [[x]] {{"{{"}} \ 😀 #"#;
    let text = fs::read_to_string(planet("garden")).unwrap();
    let file = folder.path().join("planet.toml");
    fs::write(&file, text.replace("name = \"Europe\"", &format!("name = {}", json!(called)))).unwrap();
    let regions = rendered(&file, &folder.path().join("out"));
    let region = regions.iter().find(|region| region.ends_with("eu")).unwrap();
    // Of its tests, one; with what is read, in full.
    let mut tests = yaml(&region.join("alerts_test.yaml"));
    let all = tests["tests"].as_array().unwrap();
    let one = all.iter().find(|test| test["name"] == "MycelKeyLate fires").unwrap().clone();
    let summary = &one["alert_rule_test"][0]["exp_alerts"][0]["exp_annotations"]["summary"];
    assert!(summary.as_str().unwrap().starts_with(called), "{summary}");
    tests["tests"] = json!([one]);
    fs::write(region.join("alerts_test.yaml"), tests.to_string()).unwrap();
    let (good, text) = said(Command::new(&promtool).args(["test", "rules", "alerts_test.yaml"]).current_dir(region));
    assert!(good, "{text}");
}

#[test]
fn amtool_takes_every_config_and_routes_by_severity_and_region() {
    let Some(amtool) = tool("MYCEL_AMTOOL", "amtool") else { return };
    let folder = tempfile::tempdir().unwrap();
    for name in PLANETS {
        for region in rendered(&planet(name), &folder.path().join(name)) {
            let file = region.join("alertmanager.yaml");
            // `url_file` of webhooks is known since 0.26, and Debian has 0.25: there the URL itself stands in for it.
            let (good, text) = said(Command::new(&amtool).arg("check-config").arg(&file));
            if !good {
                assert!(text.contains("field url_file not found"), "{text}");
                let text = fs::read_to_string(&file).unwrap();
                let lines = text.lines().map(|line| match line.split_once("url_file: ") {
                    Some((before, _)) => format!("{before}url: http://127.0.0.1:9/\n"),
                    None => format!("{line}\n"),
                });
                fs::write(&file, lines.collect::<String>()).unwrap();
                let (good, text) = said(Command::new(&amtool).arg("check-config").arg(&file));
                assert!(good, "{text}");
            }
            let id = region.file_name().unwrap().to_str().unwrap();
            let goes = |planet: &str, region: &str, severity: &str, to: &str| {
                let labels = [("planet", planet), ("region", region), ("severity", severity)];
                let labels = labels.map(|(name, value)| format!("{name}={value}"));
                let mut command = Command::new(&amtool);
                command.args(["config", "routes", "test", &format!("--verify.receivers={to}")]);
                let (good, text) = said(command.arg(format!("--config.file={}", file.display())).args(labels));
                assert!(good, "{planet} {region} {severity}: {text}");
            };
            goes(name, id, "page", "page");
            goes(name, id, "ticket", "ticket");
            // Whatever is not expected reaches somebody too.
            goes(name, "elsewhere", "page", "unrouted");
            goes(name, id, "other", "unrouted");
        }
    }
}

/// What Prometheus makes itself.
const ITS_OWN: [&str; 2] = ["up", "ALERTS"];
/// Words of an expression that are no metric, and stand before no parenthesis.
const WORDS: [&str; 9] = ["and", "or", "unless", "sum", "max", "min", "count", "avg", "by"];

/// The metrics that an expression asks for: names that are no labels, no texts
/// and no functions.
fn metrics_of(expr: &str) -> BTreeSet<String> {
    let (mut bare, mut depth, mut quoted, mut labels) = (String::new(), 0, false, false);
    for (at, letter) in expr.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ if depth > 0 => {}
            '(' if expr[..at].trim_end().ends_with(" by") => labels = true,
            ')' if labels => labels = false,
            _ if !labels => bare.push(letter),
            _ => {}
        }
    }
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let mut found = BTreeSet::new();
    let mut rest = bare.as_str();
    while let Some(from) = rest.find(is_name) {
        let tail = &rest[from..];
        let name = &tail[..tail.find(|letter| !is_name(letter)).unwrap_or(tail.len())];
        rest = &tail[name.len()..];
        let is_number = name.starts_with(|letter: char| letter.is_ascii_digit());
        if !is_number && !rest.starts_with('(') && !WORDS.contains(&name) {
            found.insert(name.to_owned());
        }
    }
    found
}

#[test]
fn metrics_are_found_in_expressions() {
    let found =
        metrics_of("1 - sum by (le, a) (rate(m_a{x=\"m_b\",y=~\"}\"}[5m])) / (max(up) > 0.5) or vector(0) and b:c");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["b:c", "m_a", "up"]);
}

fn metrics(at: &str) -> String {
    let mut line = TcpStream::connect(at.trim_start_matches("http://")).unwrap();
    line.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut told = String::new();
    line.read_to_string(&mut told).unwrap();
    told.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The names in a page of figures.
fn exported(page: &str) -> BTreeSet<String> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.split(['{', ' ']).next()?.to_owned())).filter(|name| !name.is_empty()).collect()
}

/// A dashboard of what nobody exports is empty for ever, and an alert on it never
/// fires. So everything that is asked for is in what a planet says that runs; and
/// all that it says is drawn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_that_is_asked_for_is_exported_and_every_one_that_is_exported_is_drawn() {
    let folder = Folder::new("observe");
    let promises = "\n[sla]\navailability = \"99.9%\"\nerrors = \"1%\"\np99 = \"200ms\"\np95 = \"100ms\"\n";
    let file = folder.planet(&format!("{PAIR}{promises}"));
    let regions = rendered(&file, &folder.0.join("out"));
    let (mut computed, mut wanted) = (BTreeSet::new(), BTreeSet::new());
    for region in &regions {
        let rules = yaml(&region.join("rules.yaml"))["groups"][0]["rules"].clone();
        let alerts = yaml(&region.join("alerts.yaml"))["groups"][0]["rules"].clone();
        for rule in rules.as_array().unwrap().iter().chain(alerts.as_array().unwrap()) {
            computed.extend(rule["record"].as_str().map(str::to_owned));
            wanted.extend(metrics_of(rule["expr"].as_str().unwrap()));
        }
        wanted.extend(asked(region).iter().flat_map(|expr| metrics_of(expr)));
    }
    let wanted: BTreeSet<String> =
        wanted.into_iter().filter(|name| !computed.contains(name) && !ITS_OWN.contains(&name.as_str())).collect();
    assert!(wanted.len() > 25 && wanted.iter().all(|name| name.starts_with("mycel_")), "{wanted:?}");

    let data = folder.0.join("data");
    let up = Up::regions(&file, &data);
    for (seed, region) in [(1, "ashburn"), (2, "dublin")] {
        seated(&up, seed, region).await.op(put("value")).await.unwrap();
    }
    let hosts = up.told["regions"].as_array().unwrap().iter().map(|region| region["at"].as_str().unwrap().to_owned());
    let hosts: Vec<String> = hosts.collect();
    let begun = Instant::now();
    let pages = loop {
        let pages = [metrics(&up.url), metrics(&hosts[0])];
        let there: BTreeSet<String> = pages.iter().flat_map(|page| exported(page)).collect();
        let missing: Vec<_> = wanted.difference(&there).collect();
        if missing.is_empty() {
            let undrawn: Vec<_> = there.difference(&wanted).collect();
            assert!(undrawn.is_empty(), "nobody draws {undrawn:?}");
            break pages;
        }
        // A round trip is known when one was made.
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody exports {missing:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    up.stop();
    for label in ["endpoint=\"op\"", "status=\"200\"", "region=\"ashburn\""] {
        assert!(pages[1].contains(label), "{label}");
    }
    assert!(pages[0].contains("mycel_gateway_region_usable{region=\"ashburn\"} 1"), "{}", pages[0]);
    buckets(&pages[1], &folder);
}

/// A promise is watched at the next bucket that the program has.
fn buckets(page: &str, folder: &Folder) {
    for (promise, bucket) in [
        ("1ms", "0.001"),
        ("2ms", "0.0025"),
        ("5ms", "0.005"),
        ("7ms", "0.01"),
        ("30ms", "0.05"),
        ("2s", "2.5"),
        ("9s", "60"),
    ] {
        let file = folder.planet(&format!("{PAIR}\n[sla]\np99 = \"{promise}\"\n"));
        let regions = rendered(&file, &folder.0.join("out"));
        let text = fs::read_to_string(regions[0].join("alerts.yaml")).unwrap();
        let number = bucket.trim_end_matches(".0");
        assert!(text.contains(&format!("le=\"{number}\"")) || text.contains(&format!("le=~\"{number}|")), "{text}");
        assert!(page.contains(&format!("{{endpoint=\"op\",le=\"{bucket}\"}}")), "{bucket}");
    }
}
