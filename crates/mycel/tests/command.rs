//! The command line as people and scripts meet it. What a person sees is in
//! `tests/golden/`; `UPDATE_EXPECT=1 cargo test -p mycel --test command`
//! rewrites it.

#![allow(clippy::unwrap_used)]

#[path = "support/run.rs"]
mod run;

use expect_test::expect_file;
use run::{code, err, folder, json, out};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn what_a_person_sees() {
    let views: &[(&str, &[&str])] = &[
        ("help", &["--help"]),
        ("plan-help", &["plan", "--help"]),
        ("render-help", &["render", "--help"]),
        ("prove-help", &["prove", "--help"]),
        ("prove-erlmcp", &["prove", "erlmcp.toml"]),
        ("prove-why", &["prove", "erlmcp.toml", "--why", "internet", "database:5432"]),
        ("erase-help", &["erase", "--help"]),
        ("op-erase-help", &["op", "erase", "--help"]),
        ("plan-carma", &["plan", "carma.toml"]),
        ("plan-garden", &["plan", "garden.toml"]),
        ("locate-slot", &["plan", "carma.toml", "--locate", "133333333/59"]),
        ("locate-block", &["plan", "garden.toml", "--locate", "eu:3"]),
        ("diff", &["plan", "as-written/mesh.toml", "--diff", "mesh.toml"]),
        ("diff-blocks", &["plan", "garden.toml", "--diff", "erlmcp.toml"]),
        ("price-erlmcp", &["price", "erlmcp.toml"]),
        ("price-mesh-lost", &["price", "mesh.toml", "--what-if", "region:eu-west-1=lost"]),
        ("price-carma-lost", &["price", "carma.toml", "--what-if", "region:eu=lost"]),
        ("price-garden", &["price", "garden.toml"]),
        ("residency-mesh", &["residency", "mesh.toml"]),
        ("residency-as-written", &["residency", "as-written/mesh.toml"]),
        ("access", &["access", "mesh.toml"]),
        ("access-denied", &["access", "mesh.toml", "--right", "transfer", "--class", "gdpr"]),
        ("access-plain", &["access", "garden.toml", "--right", "administer"]),
        ("route-explain", &["route", "explain", "--from", "48.2,16.4", "--class", "gdpr", "mesh.toml"]),
        (
            "route-explain-lost",
            &["route", "explain", "--from", "48.2,16.4", "--class", "gdpr", "--lost", "eu-west-1", "mesh.toml"],
        ),
        (
            "route-explain-rtt",
            &[
                "route",
                "explain",
                "--from",
                "53.3,-6.2",
                "--rtt",
                "eu-west-1=190ms",
                "--rtt",
                "us-east-1=9ms",
                "mesh.toml",
            ],
        ),
        ("route-drain", &["route", "drain", "eu-west-1", "--preview", "mesh.toml"]),
        ("check-as-written", &["check", "as-written/mesh.toml"]),
        ("explain", &["check", "--explain", "MY0006"]),
    ];
    for (name, arguments) in views {
        expect_file![folder("tests/golden").join(format!("{name}.txt"))].assert_eq(&out(arguments));
    }
}

/// What the guide shows is what the commands print; the notes below it are left
/// out.
#[test]
fn the_guide_to_routing_shows_what_is_printed() {
    let guide = fs::read_to_string(folder("../../docs/guides/routing.md")).unwrap();
    for name in ["route-explain", "route-explain-rtt", "route-drain"] {
        let golden = fs::read_to_string(folder("tests/golden").join(format!("{name}.txt"))).unwrap();
        let notes = golden.trim_end().rfind("\n\n").unwrap();
        let shown: String =
            golden[..notes].lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect();
        assert!(guide.contains(&shown), "docs/guides/routing.md does not show:\n{shown}");
    }
}

#[test]
fn what_a_program_reads() {
    let plan = json(&["plan", "carma.toml", "--json"]);
    assert_eq!(
        (plan["planet"]["blocks"].as_u64(), plan["planet"]["slots"].as_u64()),
        (Some(133_333_334), Some(8_000_000_040))
    );
    assert_eq!(plan["regions"][6]["blocks"], 19_047_620);
    assert!(
        plan["figures"]
            .as_array()
            .unwrap()
            .iter()
            .all(|figure| figure["state"] == "assumed" || figure["state"] == "measured")
    );
    let price = json(&["price", "erlmcp.toml", "--json"]);
    assert!(out(&["price", "erlmcp.toml", "--json"]).contains("\"total_usd\": 145000,"));
    assert_eq!(price["monthly"]["total_microusd"].as_u64(), Some(145_000_000_000));
    let located = json(&["plan", "carma.toml", "--json", "--locate", "an:19047619/59"]);
    assert_eq!(located["located"][0]["number"], 133_333_333);
    assert_eq!(json(&["plan", "garden.toml", "--diff", "garden.toml", "--json"])["slots_moving"], 0);
    assert_eq!(json(&["check", "garden.toml", "--json"])["files"][0]["errors"], 0);
    assert_eq!(json(&["check", "--explain", "MY0002", "--json"])["code"], "MY0002");
    let explained = json(&["route", "explain", "--from", "1.3,103.8", "--class", "pdpa", "mesh.toml", "--json"]);
    assert_eq!((&explained["winner"], &explained["because"]), (&"ap-southeast-1".into(), &"only-one".into()));
    assert!(explained["regions"].as_array().unwrap().iter().all(|region| region["rtt"] == "modelled"));
    let drained = json(&["route", "drain", "us-west-2", "--preview", "mesh.toml", "--json"]);
    assert_eq!((&drained["label"], drained["places"].as_u64()), (&"modelled".into(), Some(504)));
    let access = json(&["access", "mesh.toml", "--right", "transfer", "--json"]);
    assert_eq!(access["decision"]["rules"][0], serde_json::json!({ "rule": "no-sale", "unmet": "classes" }));
    assert_eq!(json(&["access", "garden.toml", "--json"])["roles"][0]["rights"][1], "operate");
    let residency = json(&["residency", "as-written/mesh.toml", "--json"]);
    assert_eq!(residency["breaches"][0]["path"], "fallback");
    assert_eq!(residency["classes"][0]["regions"][2]["lawful"], "in EU");
    let lost = json(&["price", "mesh.toml", "--what-if", "region:us-east-1=lost", "--json"]);
    assert_ne!(lost["what_if"]["monthly"]["total_usd"], lost["monthly"]["total_usd"]);
}

#[test]
fn the_planets_have_no_errors_and_the_document_has_four_contradictions() {
    for planet in ["garden", "carma", "mesh", "erlmcp", "watch", "bitcraps"] {
        assert_eq!(code(&["check", &format!("{planet}.toml")]), 0, "{planet}");
    }
    assert_eq!(code(&["check", "as-written/mesh.toml"]), 1);
    let found = json(&["check", "as-written/mesh.toml", "--json"]);
    let codes: Vec<_> = found["files"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect();
    // EU-only data with a fallback in the US, minima, maxima, backups.
    for contradiction in ["MY0402", "MY0302", "MY0303", "MY0406"] {
        assert!(codes.contains(&contradiction), "{contradiction} is not among {codes:?}");
    }
}

#[test]
fn exit_codes_are_as_documented() {
    assert_eq!(code(&["check", "garden.toml"]), 0);
    assert_eq!(code(&["check", "../crates/mycel/tests/lint/MY0115.bad.toml"]), 0);
    assert_eq!(code(&["check", "--strict", "../crates/mycel/tests/lint/MY0115.bad.toml"]), 1);
    assert_eq!(code(&["check", "../crates/mycel/tests/lint/MY0103.bad.toml"]), 1);
    assert_eq!(code(&["check", "no-such-file.toml"]), 1);
    assert_eq!(code(&["check", "--explain", "MY9999"]), 1);
    assert_eq!(code(&["prove", "mesh.toml"]), 0);
    assert_eq!(code(&["prove", "mesh.toml", "--rendered", "."]), 1, "planet files are no rendered ones");
    assert_eq!(code(&["residency", "mesh.toml"]), 0);
    assert_eq!(code(&["access", "mesh.toml"]), 0);
    assert_eq!(code(&["access", "mesh.toml", "--right", "transfer"]), 0);
    assert_eq!(code(&["access", "mesh.toml", "--right", "transfer", "--class", "gdpr"]), 1);
    assert_eq!(code(&["access", "mesh.toml", "--class", "gdpr"]), 2, "of nothing there is nothing to say");
    assert_eq!(code(&["residency", "as-written/mesh.toml"]), 1);
    let explain = ["route", "explain", "mesh.toml", "--from", "1,1", "--class", "gdpr"];
    assert_eq!(code(&explain), 0);
    assert_eq!(code(&[&explain[..], &["--lost", "eu-west-1"]].concat()), 1, "a refusal is a finding");
    assert_eq!(code(&["route", "drain", "eu-west-1", "mesh.toml"]), 2, "it never drains");
    for usage in [&["check"][..], &["plan"], &["nonsense"], &["plan", "garden.toml", "--nonsense"], &[]] {
        assert_eq!(code(usage), 2, "{usage:?}");
    }
}

#[test]
fn errors_say_what_and_what_to_try() {
    let cases: &[(&[&str], &str, &str)] = &[
        (&["plan", "no-such-file.toml"], "cannot read no-such-file.toml", "mycel new"),
        (&["plan", "."], "cannot read .", "name a file"),
        (&["plan", "carma.toml", "--locate", "133333334"], "`133333334` is nowhere", "NUMBER/SLOT"),
        (&["plan", "carma.toml", "--locate", "1/60"], "slots are 0 to 59", "NUMBER/SLOT"),
        (&["price", "carma.toml", "--what-if", "region:mars=lost"], "no region is called `mars`", "na, eu, as"),
        (&["price", "carma.toml", "--what-if", "doom"], "`doom` is nothing that can be asked", "region:eu=lost"),
        (&["price", "carma.toml", "--prices", "garden.toml"], "garden.toml cannot be understood", "at the marks"),
        (&["plan", "carma.toml", "--locate", "192.168.4.7"], "every cell has this address", "REGION:CELL"),
        (&["plan", "carma.toml", "--locate", "1/1/1"], "a slot is a number", "NUMBER/SLOT"),
        (&["plan", "carma.toml", "--locate", "-1"], "`-1` is nowhere", "NUMBER/SLOT"),
        (&["trust", "pi", "--at", "10000000000"], "10000000000", "up to position"),
        (&["trust", "recover", "--data", "nowhere", "no-share.txt"], "is no copy of", "--data names that copy"),
        (&["trust", "open-share", "no-share.txt", "--key", "a.key", "--print"], "no-share.txt", "the file of a share"),
        (&["trust", "issue", "no.request", "--data", "nowhere"], "cannot read no.request", "mycel trust request"),
        (&["audit", "verify", "nowhere", "--key", "zzz"], "cannot read zzz", "keys/audit.vkey"),
        (&["plan", "-", "--diff", "-"], "standard input cannot be read twice", "name a file"),
        (&["new", "--out", "no-such-folder/planet.toml"], "cannot create", "make its folder first"),
        (&["route", "explain", "--from", "91,0", "mesh.toml"], "`91,0` is no site", "48.2,16.4"),
        (&["route", "explain", "--from", "1,1", "--class", "x", "mesh.toml"], "no residency class", "none, gdpr, ccpa"),
        (
            &["route", "explain", "--from", "1,1", "--home", "mars", "mesh.toml"],
            "no region is called `mars`",
            "eu-west-1",
        ),
        (&["route", "explain", "--from", "1,1", "--rtt", "eu-west-1", "mesh.toml"], "is no round trip", "=35ms"),
        (&["route", "drain", "mars", "--preview", "mesh.toml"], "no region is called `mars`", "us-west-2"),
        (&["access", "mesh.toml", "--right", "eat"], "no right \"eat\"", "read, operate"),
        (&["access", "mesh.toml", "--right", "read", "--agent", "me"], "no public key", "mycel attach"),
        (&["access", "mesh.toml", "--right", "read", "--region", "mars"], "no region \"mars\"", "mycel plan"),
        (&["access", "mesh.toml", "--right", "read", "--class", "x"], "no residency class", "mycel residency"),
        (&["residency", "../crates/mycel/tests/lint/MY0111.bad.toml"], "no regions", "add a [[region]]"),
        (&["plan", "../crates/mycel/tests/lint/MY0101.bad.toml"], "two regions are called `north`", "an id of its own"),
        (&["plan", "../crates/mycel/tests/lint/MY0804.bad.toml"], "has no machine `control-plane`", "--prices"),
        (&["plan", "../crates/mycel/tests/lint/MY0805.bad.toml"], "has no memory left for blocks", "larger machine"),
        (&["plan", "../crates/mycel/tests/lint/MY0001.bad.toml"], "cannot be understood: 1 error", "at the marks"),
    ];
    for (arguments, what, hint) in cases {
        let said = err(arguments);
        assert!(said.contains(what) && said.contains(hint), "{arguments:?}: {said}");
        assert_eq!(out(arguments), "", "{arguments:?}");
        assert_eq!(code(arguments), 1, "{arguments:?}");
    }
}

#[test]
fn colour_is_only_where_it_is_wanted() {
    let colored = |arguments: &[&str], no_color: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mycel"));
        let output =
            command.args(arguments).current_dir(folder("../../planets")).env("NO_COLOR", no_color).output().unwrap();
        output.stdout.contains(&0x1b)
    };
    assert!(!colored(&["plan", "carma.toml"], ""));
    assert!(!colored(&["plan", "carma.toml", "--color", "never"], ""));
    assert!(colored(&["plan", "carma.toml", "--color", "always"], ""));
    // Asked for by name, it is given.
    assert!(colored(&["plan", "carma.toml", "--color", "always"], "1"));
}

#[test]
fn a_new_planet_is_short_and_plans_and_is_never_overwritten() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("new-{}.toml", std::process::id()));
    let path = file.to_str().unwrap();
    assert_eq!(code(&["new", "pond", "--out", path]), 0);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.lines().count() < 30);
    assert_eq!(code(&["check", "--strict", path]), 0);
    assert_eq!(json(&["plan", path, "--json"])["planet"]["name"], "pond");
    assert_eq!(code(&["new", "other", "--out", path]), 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(code(&["new", "Not A Name", "--out", &format!("{path}.no")]), 1);
    assert_eq!(code(&["new", "x\"\n[evil]\na=\"", "--out", &format!("{path}.no")]), 1);
    assert!(!Path::new(&format!("{path}.no")).exists());
    fs::remove_file(file).unwrap();
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mycel"))
        .arg("schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn every_slot_of_a_planet_is_given_once() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("slots-{}.toml", std::process::id()));
    fs::write(&file, "[planet]\nname = \"x\"\nblocks = 300_001\n[block]\nslots = 59\n[[region]]\nid = \"a\"\nsite = [1, 2]\n[[region]]\nid = \"b\"\nsite = [3, 4]\n").unwrap();
    let found = json(&["bench", "slots", file.to_str().unwrap(), "--json"]);
    assert_eq!(found["slots"], 300_001 * 59);
    assert_eq!((&found["each_given_once"], &found["same_given_again"]), (&true.into(), &true.into()));
    assert_eq!(found["released_and_given_again"], 300_001 * 59 / 100);
    assert!(out(&["bench", "slots", file.to_str().unwrap()]).contains("each exactly once"));
    fs::remove_file(file).unwrap();
}

#[test]
fn the_digits_of_pi_are_the_published_ones() {
    assert_eq!(out(&["trust", "pi", "--digits", "48"]), "243F6A8885A308D313198A2E03707344A4093822299F31D0\n");
    // Published tables count from 1: this is their millionth digit.
    assert_eq!(out(&["trust", "pi", "--at", "999999", "--digits", "14"]), "26C65E52CB4593\n");
}

#[test]
fn help_is_a_line_for_each_command() {
    let help = out(&["--help"]);
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    let commands: Vec<&str> = help.lines().skip_while(|line| *line != "Commands:").skip(1).collect();
    let commands = commands.split(|line| line.is_empty()).next().unwrap();
    assert!(commands.len() > 20, "{help}");
    for line in commands {
        let (name, about) = line.trim_start().split_once("  ").unwrap();
        assert!(line.starts_with("  ") && !name.contains(' ') && !about.trim().is_empty(), "{line}");
    }
}

#[test]
fn completions_and_manuals_know_every_command() {
    let commands = [
        "up",
        "attach",
        "op",
        "erase",
        "chain",
        "inbox",
        "regions",
        "blocks",
        "agents",
        "bans",
        "new",
        "check",
        "plan",
        "price",
        "bench",
        "trust",
        "schema",
        "completions",
        "man",
    ];
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = out(&["completions", shell]);
        assert!(commands.iter().all(|command| script.contains(command)), "{shell}");
    }
    let pages = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("man-{}", std::process::id()));
    assert_eq!(code(&["man", "--out", pages.to_str().unwrap()]), 0);
    for command in commands {
        let page = fs::read_to_string(pages.join(format!("mycel-{command}.1"))).unwrap();
        assert!(page.contains(".SH DESCRIPTION"), "{command}");
    }
    assert!(out(&["man"]).contains(".TH mycel 1"));
    fs::remove_dir_all(pages).unwrap();
}

#[test]
fn a_planet_comes_from_standard_input_too() {
    let planet = fs::File::open(folder("../../planets/garden.toml")).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_mycel")).args(["plan", "-", "--json"]).stdin(planet).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
}

#[test]
fn every_command_answers_a_program() {
    let commands: &[&[&str]] = &[
        &["check", "garden.toml"],
        &["check", "--list"],
        &["plan", "garden.toml"],
        &["plan", "garden.toml", "--locate", "0/0"],
        &["plan", "garden.toml", "--diff", "carma.toml"],
        &["price", "garden.toml"],
        &["prove", "garden.toml"],
        &["prove", "garden.toml", "--why", "pod:*", "pod:host"],
        &["bench", "slots", "garden.toml"],
        &["trust", "pi"],
        &["schema"],
        &["completions", "bash"],
        &["man"],
        &["new", "--out", "-"],
        // Failures too.
        &["plan", "no-such-file.toml"],
        &["check", "--explain", "MY9999"],
    ];
    for command in commands {
        json(&[*command, &["--json"]].concat());
    }
    assert_eq!(json(&["plan", "no-such-file.toml", "--json"])["error"]["try"].as_str().map(str::is_empty), Some(false));
}

#[test]
fn a_file_that_cannot_be_read_does_not_hide_the_others() {
    let found = json(&["check", "no-such-file.toml", "as-written/mesh.toml", "--json"]);
    assert!(found["files"][0]["error"].as_str().unwrap().contains("no-such-file.toml"));
    assert!(found["files"][1]["errors"].as_u64().unwrap() >= 4);
    assert_eq!(code(&["check", "no-such-file.toml", "garden.toml"]), 1);
    assert!(err(&["check", "no-such-file.toml", "garden.toml"]).contains("garden.toml: no findings"));
}
