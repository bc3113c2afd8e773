//! What measures a region: what is promised, what is kept, and whose names are
//! in it, read back by readers that did not write it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use proptest::prelude::*;
use render::Tree;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::{PLANETS, rendered, text, text_of, told, yaml};

fn alerts(tree: &Tree, region: &str) -> Vec<Value> {
    yaml(tree, &format!("observe/{region}/alerts.yaml"))["groups"][0]["rules"].as_array().unwrap().clone()
}

fn named<'a>(alerts: &'a [Value], name: &str) -> Option<&'a Value> {
    alerts.iter().find(|alert| alert["alert"] == name)
}

/// A template of Go that holds texts alone.
fn unfolded(template: &str) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (value, after) = after.split_once("}}").unwrap();
        text.push_str(before);
        text.push_str(&serde_json::from_str::<String>(value).unwrap());
        rest = after;
    }
    text + rest
}

#[test]
fn every_alert_has_a_runbook_and_stories_of_both_kinds() {
    for name in PLANETS {
        let (planet, tree) = told(&text_of(name), "mycel:0.1.0", &[], Some("office.example:7116")).unwrap();
        for region in &planet.region {
            let region = region.id.as_str();
            let tests = yaml(&tree, &format!("observe/{region}/alerts_test.yaml"));
            for alert in alerts(&tree, region) {
                let name = alert["alert"].as_str().unwrap();
                let told = |fires: bool| {
                    tests["tests"].as_array().unwrap().iter().any(|test| {
                        let of = &test["alert_rule_test"][0];
                        of["alertname"] == name && of["exp_alerts"].as_array().unwrap().is_empty() != fires
                    })
                };
                assert!(told(true) && told(false), "{name}");
                let runbook = text(&tree, alert["annotations"]["runbook_url"].as_str().unwrap());
                assert!(runbook.starts_with(&format!("# {name}: ")), "{name}");
                for key in ["planet", "region", "severity"] {
                    assert!(alert["labels"][key].is_string(), "{name}");
                }
            }
        }
    }
}

#[test]
fn limits_are_the_promise_exactly() {
    let (_, tree) = rendered(&text_of("mesh")).unwrap();
    let expr = |region: &str, name: &str| named(&alerts(&tree, region), name).unwrap()["expr"].to_string();
    // 99.995 % here, 99.99 % there, and 0.1 % of requests in both.
    for (region, name, away, failed, windows) in [
        ("us-east-1", "MycelBudgetGoneInTwoDays", "0.00072", "0.0144", ["1h", "5m"]),
        ("us-east-1", "MycelBudgetGoneInFiveDays", "0.0003", "0.006", ["6h", "30m"]),
        ("us-east-1", "MycelBudgetGoneInTenDays", "0.00015", "0.003", ["1d", "2h"]),
        ("us-east-1", "MycelBudgetGoneInAMonth", "0.00005", "0.001", ["3d", "6h"]),
        ("eu-west-1", "MycelBudgetGoneInTwoDays", "0.00144", "0.0144", ["1h", "5m"]),
    ] {
        let said = expr(region, name);
        for (what, limit) in [("away", away), ("failed", failed)] {
            for window in windows {
                assert!(said.contains(&format!("mycel:{what}:ratio_{window} > {limit}")), "{said}");
            }
        }
    }
    // Without a word about its region, a primary one has the promise of such.
    let text = text_of("mesh").replacen("availability = \"99.995%\"\n", "", 1);
    let (_, tree) = rendered(&text).unwrap();
    assert!(
        named(&alerts(&tree, "us-east-1"), "MycelBudgetGoneInTwoDays").unwrap()["expr"].to_string().contains("0.00072")
    );
    // One in five may fail: no share is 14.4 times that.
    let text = text_of("mesh").replace("errors = \"0.1%\"", "errors = \"20%\"");
    let (_, tree) = rendered(&text).unwrap();
    let all = alerts(&tree, "us-east-1");
    let of = |name: &str| named(&all, name).unwrap()["expr"].to_string();
    assert!(!of("MycelBudgetGoneInTwoDays").contains("failed") && of("MycelBudgetGoneInTenDays").contains("0.6"));
}

#[test]
fn what_is_not_promised_is_not_watched_and_told() {
    let (_, tree) = rendered(&text_of("garden")).unwrap();
    let all = alerts(&tree, "eu");
    assert!(named(&all, "MycelHostDown").is_some());
    assert!(!all.iter().any(|alert| alert["alert"].as_str().unwrap().contains("Budget")));
    assert!(tree.notes().contains(&"eu: no availability is promised, so no alert watches one".to_owned()));
    // Gateways that are nobody's to run are not missed.
    assert!(named(&all, "MycelNoGateway").is_none());
    let (_, tree) = told(&text_of("garden"), "mycel:0.1.0", &["eu"], Some("office.example:7116")).unwrap();
    assert!(named(&alerts(&tree, "eu"), "MycelNoGateway").is_some());
    // Who has drained a region knows that it is not used.
    let drained = text_of("garden").replace("id = \"eu\"", "id = \"eu\"\ndrained = true");
    assert!(named(&alerts(&rendered(&drained).unwrap().1, "eu"), "MycelRegionLost").is_none());
}

/// Of a cause and its consequences somebody is told the cause, and no alert hides
/// itself.
#[test]
fn causes_hush_consequences_and_never_each_other() {
    let (_, tree) = rendered(&text_of("mesh")).unwrap();
    let all = alerts(&tree, "us-east-1");
    let config = yaml(&tree, "observe/us-east-1/alertmanager.yaml");
    let names = |matcher: &Value| {
        let (_, names) = matcher[0].as_str().unwrap().split_once('=').unwrap();
        names.trim_matches(['~', '"']).split('|').map(str::to_owned).collect::<Vec<_>>()
    };
    let mut hushed = BTreeSet::new();
    for rule in config["inhibit_rules"].as_array().unwrap() {
        let [target] = names(&rule["target_matchers"]).try_into().unwrap();
        for cause in names(&rule["source_matchers"]) {
            assert!(named(&all, &cause).is_some() && named(&all, &target).is_some(), "{cause} {target}");
            hushed.insert((cause, target.clone()));
        }
        assert_eq!(rule["equal"], json!(["planet", "region"]));
    }
    assert!(hushed.contains(&("MycelHostDown".to_owned(), "MycelRegionLost".to_owned())));
    for (cause, target) in &hushed {
        assert!(!hushed.contains(&(target.clone(), cause.clone())), "{cause} and {target}");
    }
}

#[test]
fn logs_and_traces_are_kept_as_the_planet_says_and_no_line_is_dropped() {
    let (planet, tree) = rendered(&text_of("mesh")).unwrap();
    for region in &planet.region {
        let read = |file: &str| yaml(&tree, &format!("observe/{}/{file}", region.id.as_str()));
        let collector = read("otel-collector.yaml");
        assert_eq!(collector["processors"]["probabilistic_sampler"]["sampling_percentage"], 0.1);
        let pipeline = &collector["service"]["pipelines"]["traces"];
        for (kind, list) in pipeline.as_object().unwrap() {
            for name in list.as_array().unwrap() {
                assert!(collector[kind].get(name.as_str().unwrap()).is_some(), "{kind} {name}");
            }
        }
        assert_eq!(read("tempo.yaml")["compactor"]["compaction"]["block_retention"], "168h");
        assert_eq!(read("loki.yaml")["limits_config"]["retention_period"], "2160h");
        assert_eq!(read("lifecycle.json")["Rules"][0]["Expiration"]["Days"], 365);
        let vector = read("vector.yaml");
        for (name, sink) in vector["sinks"].as_object().unwrap() {
            if name != "figures" {
                assert_eq!(
                    (&sink["inputs"], &sink["buffer"]["when_full"]),
                    (&json!(["ours"]), &json!("block")),
                    "{name}"
                );
            }
        }
        let ours = &vector["transforms"]["ours"];
        assert_eq!((&ours["drop_on_error"], &ours["drop_on_abort"]), (&json!(false), &json!(false)));
        for file in ["vector-cluster.yaml", "vector-machine.yaml"] {
            assert!(read(file)["sources"].get(ours["inputs"][0].as_str().unwrap()).is_some());
        }
    }
    // A file that says nothing is one with what the model says by itself.
    let (_, tree) = rendered(&text_of("garden")).unwrap();
    let sampler = &yaml(&tree, "observe/eu/otel-collector.yaml")["processors"]["probabilistic_sampler"];
    assert_eq!(sampler["sampling_percentage"], 0.1);
    assert!(yaml(&tree, "observe/eu/vector.yaml")["sinks"].get("archive").is_none());
}

/// What an operator puts there is named by a path, and nothing has a credential.
#[test]
fn whom_to_tell_is_a_file_and_no_secret() {
    for name in PLANETS {
        let (_, tree) = rendered(&text_of(name)).unwrap();
        for file in tree.files().iter().filter(|file| file.target == "observe") {
            let text = std::str::from_utf8(&file.bytes).unwrap();
            for word in ["password", "access_key", "secret_key", "bearer_token", "service_account"] {
                assert!(!text.contains(word), "{}: {word}", file.path);
            }
            if file.path.ends_with("alertmanager.yaml") {
                assert_eq!(text.matches("url_file: /etc/alertmanager/receivers/").count(), 3);
                assert!(!text.contains("url: "));
            }
        }
    }
}

/// The program speaks TLS where agents come from the Internet, and nowhere else.
#[test]
fn a_door_to_the_internet_is_measured_by_tls() {
    let scheme = |office: Option<&str>, job: usize| {
        let (_, tree) = told(&text_of("carma"), "mycel:0.1.0", &["eu"], office).unwrap();
        yaml(&tree, "observe/eu/prometheus.yaml")["scrape_configs"][job]["scheme"].clone()
    };
    assert_eq!((scheme(None, 0), scheme(None, 1)), (json!("https"), Value::Null));
    let office = Some("office.example:7116");
    assert_eq!((scheme(office, 0), scheme(office, 1)), (Value::Null, json!("https")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a region is called is read back as that, by Go's templates too.
    #[test]
    fn what_a_region_is_called_is_read_back(
        called in "([\"'{}$#:|>&*!%@`?~<=\\[\\]\\\\, ]|\\{\\{|\\}\\}|\\{\\{ \\$value \\}\\}|\\$\\{X\\}|\\[\\[|\u{2028}|a|é|😀){1,16}",
    ) {
        let quoted = serde_json::to_string(&called).unwrap();
        let text = text_of("garden").replace("name = \"Europe\"", &format!("name = {quoted}"));
        let (_, tree) = rendered(&text).unwrap();
        let down = named(&alerts(&tree, "eu"), "MycelHostDown").unwrap().clone();
        let summary = format!("{called}: its host does not answer");
        prop_assert_eq!(unfolded(down["annotations"]["summary"].as_str().unwrap()), summary.clone());
        let tests = yaml(&tree, "observe/eu/alerts_test.yaml");
        let of = tests["tests"].as_array().unwrap().iter().find(|test| test["name"] == "MycelHostDown fires").unwrap();
        prop_assert_eq!(&of["alert_rule_test"][0]["exp_alerts"][0]["exp_annotations"]["summary"], &json!(summary));
        let board = self::text(&tree, "observe/eu/grafana/dashboards/region.json");
        let board: Value = serde_json::from_str(board).unwrap();
        let said = board["description"].as_str().unwrap();
        prop_assert!(said.ends_with(&format!("Region: {called}.")), "{}", said);
        // Where Grafana fills in names of its own there is nothing but ours.
        for panel in board["panels"].as_array().unwrap() {
            let fills_in = panel["title"].as_str().unwrap().contains(['$', '[', '{']);
            prop_assert!(!fills_in);
        }
    }
}
