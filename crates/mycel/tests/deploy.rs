//! `mycel deploy --plan`: commands for what was rendered, in the planet's order.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/run.rs"]
mod run;

use run::{code, err, json, out};
use serde_json::Value;
use std::process::Command;

fn rendered(planet: &str, more: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert_eq!(code(&[&["render", planet, "--out", out], more].concat()), 0);
    folder
}

fn steps(told: &Value) -> Vec<(String, String)> {
    let regions = told["regions"].as_array().unwrap().iter();
    let of = |region: &Value| {
        let name = region["region"].as_str().unwrap().to_owned();
        let steps = region["steps"].as_array().unwrap().iter();
        steps.map(|step| (name.clone(), step["what"].as_str().unwrap().to_owned())).collect::<Vec<_>>()
    };
    regions.flat_map(of).collect()
}

#[test]
fn regions_come_in_the_order_of_the_rollout() {
    let folder = rendered("mesh.toml", &["--target", "kubernetes"]);
    let out = folder.path().to_str().unwrap();
    let told = json(&["deploy", "mesh.toml", "--target", "kubernetes", "--out", out, "--plan", "--json"]);
    let order = ["ap-northeast-1", "ap-southeast-1", "eu-west-1", "us-west-2", "us-east-1"];
    assert_eq!(steps(&told), order.map(|region| (region.to_owned(), "the host".to_owned())));
    let first = &told["regions"][0]["steps"][0];
    assert!(first["run"][0].as_str().unwrap().contains("4-host.yaml"), "{first}");
    assert!(first["back"][0].as_str().unwrap().ends_with("rollout undo statefulset host"), "{first}");
    assert!(told["notes"].to_string().contains("blue-green is not rendered"), "{told}");
}

#[test]
fn gateways_come_before_their_host_and_from_the_highest_down() {
    let folder =
        rendered("carma.toml", &["--target", "kubernetes", "--region", "eu", "--office", "office.example:7116"]);
    let at = folder.path().to_str().unwrap();
    let told = json(&["deploy", "carma.toml", "--target", "kubernetes", "--out", at, "--plan", "--json"]);
    let eu = |what: &str| ("eu".to_owned(), what.to_owned());
    assert_eq!(steps(&told), [eu("1 of 2 gateways"), eu("2 of 2 gateways"), eu("the host")]);
    let commands = told["regions"][0]["steps"][0]["run"].as_array().unwrap();
    let has = |at: usize, what: &str| assert!(commands[at].as_str().unwrap().contains(what), "{}", commands[at]);
    // Nobody is replaced before it is said how many.
    has(0, "\"partition\":2");
    has(1, "5-gateway.yaml");
    has(2, "\"partition\":1");
    has(3, "rollout status statefulset gateway");
    // The other regions were not rendered, and that is said.
    assert!(told["notes"].to_string().contains("na: nothing is rendered"), "{told}");
    // As text it is a script that a shell reads.
    let text = out(&["deploy", "carma.toml", "--target", "kubernetes", "--out", at, "--plan"]);
    assert!(text.contains("# 1. eu: 1 of 2 gateways *"), "{text}");
    let script = folder.path().join("plan.sh");
    std::fs::write(&script, &text).unwrap();
    assert!(Command::new("sh").arg("-n").arg(&script).status().unwrap().success());
}

#[test]
fn compose_goes_back_to_what_ran_when_somebody_says_what() {
    let folder = rendered("garden.toml", &["--target", "compose"]);
    let out = folder.path().to_str().unwrap();
    let plan = ["deploy", "garden.toml", "--target", "compose", "--out", out, "--plan", "--json"];
    let told = json(&plan);
    assert_eq!(told["regions"][0]["steps"][0]["back"], serde_json::json!([]));
    assert!(told["notes"].to_string().contains("--before"), "{told}");
    let told = json(&[&plan[..], &["--before", "it's old"]].concat());
    let back = told["regions"][0]["steps"][0]["back"][0].as_str().unwrap();
    assert!(back.contains(r"'it'\''s old/compose/"), "{back}");
}

#[test]
fn files_of_another_planet_are_not_deployed() {
    let folder = rendered("garden.toml", &["--target", "compose"]);
    let out = folder.path().to_str().unwrap();
    let said = err(&["deploy", "mesh.toml", "--target", "compose", "--out", out, "--plan"]);
    assert!(said.contains("was rendered from another planet file") && said.contains("mycel render"), "{said}");
    let nothing = folder.path().join("nothing");
    let said = err(&["deploy", "garden.toml", "--target", "compose", "--out", nothing.to_str().unwrap(), "--plan"]);
    assert!(said.contains("cannot read") && said.contains("mycel render garden.toml"), "{said}");
    // Only the plan is there.
    assert_eq!(code(&["deploy", "garden.toml", "--target", "compose", "--out", out]), 2);
}

#[test]
fn roots_of_regions_come_before_what_refers_to_them() {
    let folder = rendered("erlmcp.toml", &["--target", "terraform"]);
    let at = folder.path().to_str().unwrap();
    let plan = ["deploy", "erlmcp.toml", "--target", "terraform", "--out", at, "--plan", "--json"];
    let told = json(&plan);
    let order: Vec<_> = told["regions"].as_array().unwrap().iter().map(|region| region["region"].clone()).collect();
    assert_eq!(order, ["dc-1", "dc-2", "global"]);
    let line = |region: usize, step: usize, what: &str, index: usize| {
        told["regions"][region]["steps"][step][what][index].as_str().unwrap_or_default().to_owned()
    };
    // What is applied is what was planned, and nothing is planned that could not be read first.
    let root = format!("terraform -chdir={at}/terraform/dc-1/");
    assert_eq!(line(0, 0, "run", 0), format!("{root} init -input=false"));
    assert_eq!(line(0, 0, "run", 1), format!("{root} plan -input=false -out=mycel.tfplan"));
    assert_eq!(line(0, 1, "run", 0), format!("{root} apply -input=false mycel.tfplan"));
    let watched = |step: usize| told["regions"][0]["steps"][step]["watched"].as_bool().unwrap();
    assert!(!watched(0) && watched(1));
    // The root of no region is told by the others first, each of which it has a variable for.
    let entries = line(2, 0, "run", 0);
    for id in ["dc-1", "dc-2"] {
        assert!(entries.contains(&format!("{at}/terraform/{id}/ output -json entry")), "{entries}");
    }
    assert!(entries.ends_with(&format!("> {at}/terraform/global/entries.auto.tfvars")), "{entries}");
    // There is no undo, and that is said.
    assert!(told["notes"].to_string().contains("--before"), "{told}");
    assert_eq!(told["regions"][0]["steps"][1]["back"], serde_json::json!([]));
    let told = json(&[&plan[..], &["--before", "old"]].concat());
    assert!(told["notes"].to_string().contains("has no undo"), "{told}");
    let back = &told["regions"][0]["steps"][1]["back"];
    assert_eq!(back[2], "terraform -chdir=old/terraform/dc-1/ apply -input=false mycel.tfplan");
}

/// Where a region does not say where it is entered, what follows is not told less.
#[test]
fn a_region_that_does_not_say_where_it_is_entered_stops_the_rollout() {
    let folder = rendered("erlmcp.toml", &["--target", "terraform"]);
    let at = folder.path().to_str().unwrap();
    let told = json(&["deploy", "erlmcp.toml", "--target", "terraform", "--out", at, "--plan", "--json"]);
    let line = told["regions"][2]["steps"][0]["run"][0].as_str().unwrap().to_owned();
    // In the place of Terraform a program that knows one region's word alone.
    let bin = tempfile::tempdir().unwrap();
    let terraform = bin.path().join("terraform");
    std::fs::write(&terraform, "#!/bin/sh\ncase $1 in *dc-1/) echo '{\"arn\":\"a\\n\"}' ;; *) exit 1 ;; esac\n")
        .unwrap();
    std::fs::set_permissions(&terraform, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap());
    let run = || Command::new("sh").args(["-c", &line]).env("PATH", &path).status().unwrap().success();
    assert!(!run());
    std::fs::write(&terraform, "#!/bin/sh\nprintf '%s\\n' '{\"arn\":\"a\\nb\"}'\n").unwrap();
    assert!(run());
    let entries = std::fs::read_to_string(folder.path().join("terraform/global/entries.auto.tfvars")).unwrap();
    assert_eq!(entries, "entry_dc-1 = {\"arn\":\"a\\nb\"}\nentry_dc-2 = {\"arn\":\"a\\nb\"}\n");
}
