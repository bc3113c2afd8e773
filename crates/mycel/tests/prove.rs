//! `mycel prove` as a person uses it: on what would be rendered, and on a folder.

#![allow(clippy::unwrap_used)]

#[path = "support/run.rs"]
mod run;

use run::{code, err, json, out};
use std::fs;
use std::path::Path;

fn rendered() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let judged = ["--target", "compose,kubernetes,machine,pipeline,terraform,vlan"];
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

/// Whatever is rendered goes into one folder, and not all of it is read here.
#[test]
fn of_a_folder_with_every_target_those_are_judged_that_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (planet, into) = ("garden.toml", text(folder.path()));
    assert_eq!(code(&["render", planet, "--out", into]), 0);
    let all = ["prove", planet, "--rendered", into];
    assert_eq!(code(&all), 1);
    assert!(err(&all).contains("nothing here reads files of nginx: --target compose,kubernetes"), "{}", err(&all));
    let named = [&all[..], &["--target", "compose,kubernetes"]].concat();
    assert_eq!(code(&named), 0, "{}", out(&named));
    assert!(err(&named).contains("files of nginx are not judged"), "{}", err(&named));
    assert!(err(&["prove", planet, "--target", "nginx"]).contains("is no target that is judged"));
    // What is none of a target is nobody's to leave out.
    std::fs::write(folder.path().join("more.yaml"), "a: b").unwrap();
    assert_eq!(code(&named), 1);
}

#[test]
fn an_acl_without_replies_is_named_and_walked() {
    let folder = rendered();
    let file = folder.path().join("terraform/dc-2/packets.tf");
    let packets = fs::read_to_string(&file).unwrap();
    let (before, after) = packets.split_once("resource \"aws_network_acl\" \"database\"").unwrap();
    let after = after.replace("to_port    = 65535", "to_port    = 1024");
    fs::write(&file, format!("{before}resource \"aws_network_acl\" \"database\"{after}")).unwrap();
    let arguments = ["prove", "erlmcp.toml", "--rendered", text(folder.path())];
    assert_eq!(code(&arguments), 1);
    let line = 1 + before.lines().count();
    let told = out(&arguments);
    let wanted = format!(
        "terraform/dc-2/packets.tf:{line}: stopped: network ACL: private to database at 5432: replies out of database"
    );
    assert!(told.contains(&wanted), "{wanted}\n{told}");
    let why = ["prove", "erlmcp.toml", "--rendered", text(folder.path()), "--why", "private", "database:5432"];
    assert_eq!(code(&why), 1);
    let walked = out(&why);
    assert!(
        walked.contains("terraform/dc-2: private to database at 5432: is stopped, and the planet wants it"),
        "{walked}"
    );
    assert!(walked.contains("terraform/dc-1: private to database at 5432: works, and the planet wants it"), "{walked}");
    // And nobody outside gets there, by any layer that stands before it.
    let why = ["prove", "erlmcp.toml", "--why", "internet", "database:5432"];
    assert_eq!(code(&why), 0);
    assert!(out(&why).contains("stop security group: into database"), "{}", out(&why));
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

/// Whoever reads JSON learns as much.
#[test]
fn what_is_not_judged_is_told_to_programs_as_well() {
    let told = json(&["prove", "garden.toml", "--target", "compose", "--json"]);
    let notes: Vec<&str> = told["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
    assert!(notes.contains(&"kubernetes is not judged"), "{notes:?}");
    assert!(notes.contains(&"nginx is not judged: nothing here reads its files yet"), "{notes:?}");
    for wrong in ["database:99999", "database:53/UDP"] {
        let why = ["prove", "erlmcp.toml", "--why", "internet", wrong];
        assert!(code(&why) == 1 && err(&why).contains("is no port"), "{}", err(&why));
    }
    let folder = rendered();
    fs::remove_dir_all(folder.path().join("terraform/global")).unwrap();
    let there = json(&["prove", "erlmcp.toml", "--rendered", text(folder.path()), "--json"]);
    assert!(there["notes"].to_string().contains("nothing is said of names and accelerators"), "{}", there["notes"]);
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
