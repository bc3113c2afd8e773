//! How a planet gets to its machines: a runbook for each alert, an image without a
//! shell, and whatever a planet is called, read back by readers that did not write it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

mod support;

use proptest::prelude::*;
use render::Tree;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use support::{PLANETS, rendered, text, text_of, told, yaml};

/// Runbooks that are rendered, and those that alerts lead to.
fn runbooks(name: &str, office: Option<&str>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (planet, tree) = told(&text_of(name), "mycel:0.1.0", &[], office).unwrap();
    let there = tree.files().iter().map(|file| file.path.clone()).filter(|path| path.starts_with("pipeline/runbooks/"));
    let mut named = BTreeSet::new();
    for region in &planet.region {
        let alerts = yaml(&tree, &format!("observe/{}/alerts.yaml", region.id.as_str()));
        for alert in alerts["groups"][0]["rules"].as_array().unwrap() {
            named.insert(alert["annotations"]["runbook_url"].as_str().unwrap().to_owned());
            // It speaks of that region, and of that alert.
            let text = text(&tree, alert["annotations"]["runbook_url"].as_str().unwrap());
            assert!(text.starts_with(&format!("# {}: ", alert["alert"].as_str().unwrap())), "{text}");
            assert!(text.contains(region.id.as_str()), "{text}");
            assert!(text.contains(alert["expr"].as_str().unwrap()), "{text}");
        }
    }
    (there.collect(), named)
}

#[test]
fn each_alert_has_a_runbook_and_each_runbook_an_alert() {
    for name in PLANETS {
        for office in [None, Some("office.example:7116")] {
            let (there, named) = runbooks(name, office);
            assert!(there.len() > 12, "{there:?}");
            assert_eq!(there, named, "{name}");
        }
    }
}

#[test]
fn a_runbook_has_the_figures_of_the_planet_and_says_which_are_missing() {
    let (_, tree) = rendered(&text_of("mesh")).unwrap();
    let text_in = |tree: &Tree, name: &str| text(tree, &format!("pipeline/runbooks/{name}.md")).to_owned();
    let down = text_in(&tree, "MycelHostDown");
    // 0.005 % and 0.01 % of 30 days.
    assert!(down.contains("0.005% of the time, which is 2m 9s 600ms of 30 days"), "{down}");
    assert!(down.contains("0.01% of the time, which is 4m 19s 200ms of 30 days"), "{down}");
    assert!(down.contains("within 15m, without more than the newest 5m"), "{down}");
    assert!(text_in(&tree, "MycelFewSlots").contains("may cost $50000 a month"));
    let (_, tree) = rendered(&text_of("garden")).unwrap();
    let down = text_in(&tree, "MycelHostDown");
    assert!(down.contains("No availability is promised") && down.contains("does not say how soon"), "{down}");
    assert!(text_in(&tree, "MycelFewSlots").contains("sets no budget"));
}

#[test]
fn the_image_has_no_shell_no_root_and_the_toolchain_that_the_program_says() {
    let (_, tree) = told(&text_of("carma"), "mycel:0.1.0", &[], Some("office.example:7116")).unwrap();
    let file = text(&tree, "pipeline/Dockerfile");
    let cargo = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml")).unwrap();
    let rust = cargo.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert!(file.contains(&format!("FROM docker.io/library/rust:{rust}-bookworm AS build\n")), "{file}");
    let (_, last) = file.rsplit_once("\nFROM ").unwrap();
    assert!(last.starts_with("gcr.io/distroless/cc-debian12:nonroot\n"), "{last}");
    // What would need a shell, and who would be root.
    assert!(!last.contains("\nRUN ") && last.contains("\nUSER 65532:65532\n"), "{last}");
    // Agents, and gateways at the port of the planet's own flow.
    assert!(last.contains("\nEXPOSE 7117 8443\n"), "{last}");
    let (_, tree) = rendered(&text_of("garden")).unwrap();
    assert!(text(&tree, "pipeline/Dockerfile").contains("\nEXPOSE 7117\n"));
}

/// What GitHub fills in is what is meant to be, whatever a planet says of itself.
#[test]
fn a_workflow_fills_in_nothing_that_a_planet_says() {
    let text = text_of("garden").replace("a planet to try things on", "${{ secrets.KEY }}");
    let text = text.replace("name = \"Europe\"", "name = \"${{ github.token }}\"");
    let (_, tree) = rendered(&text).unwrap();
    let workflow = support::text(&tree, "pipeline/workflow.yaml");
    assert!(!workflow.contains("secrets") && !workflow.contains("github.token"), "{workflow}");
    let filled: BTreeSet<&str> = workflow.split("${{ ").skip(1).map(|rest| rest.split(" }}").next().unwrap()).collect();
    let meant = [
        "inputs.dry_run",
        "inputs.environment",
        "inputs.gate",
        "inputs.region",
        "inputs.target",
        "vars.DEPLOY_RUNNER || 'ubuntu-24.04'",
        "vars.PLANET_FILE || 'planet.toml'",
        "vars.RENDERED || 'deploy'",
    ];
    assert_eq!(filled.into_iter().collect::<Vec<_>>(), meant);
    // And in a script nothing is filled in at all.
    let workflow: Value = yaml(&tree, "pipeline/workflow.yaml");
    for job in workflow["jobs"].as_object().unwrap().values() {
        for step in job["steps"].as_array().unwrap() {
            assert!(!step["run"].as_str().unwrap_or_default().contains("${{"), "{step}");
        }
    }
}

/// What no format should have to hold is refused, and where it stands is told.
#[test]
fn names_with_newlines_and_of_300_letters_are_refused_where_they_stand() {
    for bad in ["two\\nlines", "a\\u0000b", "\\u001b[31m", &"x".repeat(300)] {
        let text = text_of("garden").replace("name = \"Europe\"", &format!("name = \"{bad}\""));
        let (planet, report) = planet::parse(text.as_bytes());
        let at = u32::try_from(text.find(&format!("\"{bad}\"")).unwrap()).unwrap();
        let stands = |label: &planet::Label| label.span.start <= at && at < label.span.end;
        let found = report.findings().iter().any(|finding| finding.labels.iter().any(stands));
        let findings: Vec<&str> = report.findings().iter().map(|finding| finding.what.as_str()).collect();
        assert!(planet.is_none(), "{bad}");
        assert!(found, "{bad}: {findings:?}");
    }
}

/// A value of a label, as Docker reads it.
fn label(file: &str, name: &str) -> String {
    let (_, rest) = file.split_once(&format!("{name}=\"")).unwrap();
    let (mut value, mut letters) = (String::new(), rest.chars());
    loop {
        match letters.next().unwrap() {
            '\\' => value.push(letters.next().unwrap()),
            '"' => return value,
            // It would fill in a variable here.
            '$' => panic!("{rest}"),
            letter => value.push(letter),
        }
    }
}

/// What stands in a line of Markdown between two texts, as it is read.
fn read_back(line: &str) -> String {
    let (mut value, mut letters) = (String::new(), line.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => value.push(letters.next().unwrap()),
            // Each of these may begin a mark.
            letter if letter.is_ascii_punctuation() => panic!("{line}"),
            letter => value.push(letter),
        }
    }
    value
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a planet and a region are called is what a shell, Docker and a
    /// reader of Markdown read.
    #[test]
    fn what_a_planet_says_is_read_back(
        called in "([\"'{}$#:|>&*!%@`?~<=\\[\\]\\\\();, ]|\\{\\{|\\$\\{\\{|\\$\\(id\\)|`id`|\\$\\{X\\}|EOF|END|<b>|\u{2028}|\u{feff}|a|é|😀){1,40}",
    ) {
        let quoted = serde_json::to_string(&called).unwrap();
        let text = text_of("garden").replace("name = \"Europe\"", &format!("name = {quoted}"));
        let text = text.replace("\"a planet to try things on\"", &quoted);
        let (_, tree) = rendered(&text).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("health.sh");
        std::fs::write(&script, self::text(&tree, "pipeline/health.sh")).unwrap();
        let listed = Command::new("sh").arg(&script).arg("--list").current_dir(folder.path()).output().unwrap();
        let wanted = format!("na\tNorth America\neu\t{called}\nap\tAsia Pacific\n");
        prop_assert_eq!(String::from_utf8(listed.stdout).unwrap(), wanted);
        let file = self::text(&tree, "pipeline/Dockerfile");
        prop_assert_eq!(label(file, "org.opencontainers.image.description"), called.clone());
        // A line ends where it did: nothing more is in the file.
        let plain = rendered(&text_of("garden")).unwrap().1;
        prop_assert_eq!(file.lines().count(), self::text(&plain, "pipeline/Dockerfile").lines().count());
        let runbook = self::text(&tree, "pipeline/runbooks/MycelHostDown.md");
        let whole = runbook.split('\n').find(|line| line.starts_with("- `eu` (")).unwrap();
        let name = whole.strip_prefix("- `eu` (").unwrap().split("): 1").next().unwrap();
        prop_assert_eq!(read_back(name), called);
    }
}
