//! `mycel prove` as a person uses it: on what would be rendered, and on a folder.

#![allow(clippy::unwrap_used)]

#[path = "support/run.rs"]
mod run;

use run::{code, err, json, out};
use std::fs;
use std::path::Path;

fn rendered() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let judged = ["--target", "compose,kubernetes,machine,vlan"];
    let render = ["render", "erlmcp.toml", "--out", folder.path().to_str().unwrap()];
    assert_eq!(code(&[&render[..], &judged].concat()), 0);
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_folder_is_proved_as_what_would_be_rendered() {
    let folder = rendered();
    let here = json(&["prove", "erlmcp.toml", "--json"]);
    let there = json(&["prove", "erlmcp.toml", "--rendered", text(folder.path()), "--json"]);
    assert_eq!(here["proved"], true);
    assert_eq!(here["matrices"], there["matrices"]);
    // The manifest lies in the folder as well, and is nobody's business.
    assert_eq!(here["files"].as_u64().unwrap() + 1, there["files"].as_u64().unwrap());
}

#[test]
fn one_line_of_one_file_is_named_with_its_path_and_layer() {
    let folder = rendered();
    let file = folder.path().join("kubernetes/dc-2/3-network.yaml");
    let policies = fs::read_to_string(&file).unwrap();
    fs::write(&file, policies.replace("port: 5432", "port: 5433")).unwrap();
    let arguments = ["prove", "erlmcp.toml", "--rendered", text(folder.path())];
    assert_eq!(code(&arguments), 1);
    let line = 1 + policies.lines().position(|line| line.contains("flow-3-in")).unwrap();
    let told = out(&arguments);
    let is_it = |told: &&str| {
        let number = told.strip_prefix("kubernetes/dc-2/3-network.yaml:").and_then(|rest| rest.split(':').next());
        let near =
            number.and_then(|number| number.parse::<usize>().ok()).is_some_and(|at| (line..line + 40).contains(&at));
        near && told
            .contains("stopped: network policy: private to database at 5432: ingress: flow-3-in lets 5433 through")
    };
    assert!(told.lines().any(|line| is_it(&line)), "{told}");
    assert!(err(&arguments).contains("failures"));
    let why = ["prove", "erlmcp.toml", "--rendered", text(folder.path()), "--why", "private", "database:5432"];
    assert_eq!(code(&why), 1);
    assert!(out(&why).contains("kubernetes/dc-2: private to database at 5432: is stopped, and the planet wants it"));
}

#[test]
fn a_way_between_vlans_is_walked_with_its_replies() {
    let why = ["prove", "erlmcp.toml", "--why", "core", "app"];
    assert_eq!(code(&why), 0);
    let told = out(&why);
    let is_told =
        ["vlan: core to app at all: works, and the planet wants it", "pass nftables: its replies", "vlan/vlan.nft:"];
    assert!(is_told.iter().all(|part| told.contains(part)), "{told}");
    let folder = rendered();
    let file = folder.path().join("vlan/vlan.nft");
    let rules = fs::read_to_string(&file).unwrap();
    fs::write(&file, rules.replace("ct state established,related accept", "ct state related accept")).unwrap();
    let there = ["prove", "erlmcp.toml", "--rendered", text(folder.path())];
    let told = json(&[&there[..], &["--json"]].concat());
    let line = 1 + rules.lines().position(|line| line.contains("policy drop")).unwrap();
    let is_it = |one: &serde_json::Value| {
        one["layer"] == "nftables"
            && one["path"]["from"] == "core"
            && one["path"]["to"] == "app"
            && one["at"]["line"] == line
    };
    assert!(told["failures"].as_array().unwrap().iter().any(is_it), "{told}");
    assert_eq!(code(&[&there[..], &["--why", "core", "app"]].concat()), 1);
    assert_eq!(code(&[&there[..], &["--why", "app", "core"]].concat()), 0);
}

#[test]
fn what_leads_out_of_the_folder_is_refused() {
    let folder = rendered();
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("kubernetes/dc-1/9.yaml")).unwrap();
    let arguments = ["prove", "erlmcp.toml", "--rendered", text(folder.path())];
    assert_eq!(code(&arguments), 1);
    assert!(err(&arguments).contains("9.yaml is not judged: it is a link"), "{}", err(&arguments));
    assert!(err(&["prove", "erlmcp.toml", "--rendered", "/nonexistent"]).contains("/nonexistent"));
}

#[test]
fn places_that_are_none_are_told() {
    let told = err(&["prove", "erlmcp.toml", "--why", "mars", "database:5432"]);
    assert!(told.contains("`mars`") && told.contains("try:"), "{told}");
    assert!(err(&["prove", "erlmcp.toml", "--why", "internet", "database:x"]).contains("port"));
    // A name with a `:` of its own, with a port and without.
    assert_eq!(code(&["prove", "erlmcp.toml", "--why", "internet", "pod:host:443"]), 0);
    assert_eq!(code(&["prove", "erlmcp.toml", "--why", "net:*", "pod:host"]), 0);
}
