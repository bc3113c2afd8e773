//! `mycel drill` as a command: a planet on which all holds, one on which it
//! cannot, and an end in the middle.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

#[path = "support/process.rs"]
mod process;

use process::Folder;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One at a time: each is five processes under load.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn mesh() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../planets/mesh.toml")
}

/// Two regions of one block each: 60 slots there and 60 here.
const TWO: &str = r#"
[planet]
name = "two"
blocks = 2
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[[region]]
id = "two"
site = [53.35, -6.26]
jurisdictions = ["EU"]
"#;

/// Three regions, two of which both classes may be in; one of these waits.
const THREE: &str = r#"
[planet]
name = "three"
blocks = 3
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[[region]]
id = "two"
site = [53.35, -6.26]
jurisdictions = ["EU"]
[[region]]
id = "three"
site = [50.11, 8.68]
jurisdictions = ["EU"]
[route]
health_check = "1s"
[data]
primary = "one"
[[data.class]]
name = "waits"
jurisdictions = ["EU"]
when_lost = "refuse"
[[data.class]]
name = "moves"
jurisdictions = ["EU"]
"#;

/// A drill whose scratch folder is made in one of the test's.
fn drill(folder: &Folder, file: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mycel"));
    command.arg("drill").arg(file).args(arguments).env("TMPDIR", &folder.0).stdin(Stdio::null());
    command
}

fn told(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    })
}

fn finding<'t>(told: &'t Value, name: &str) -> &'t Value {
    let findings = told["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["name"] == name).unwrap()
}

/// Nothing of a drill is left: no folder, and no process of a region.
fn nothing_is_left(folder: &Folder) {
    let left: Vec<_> = std::fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "planet.toml"), "{left:?}");
    let place = folder.0.to_str().unwrap();
    for process in std::fs::read_dir("/proc").unwrap() {
        // Other processes end while they are looked at.
        let line = std::fs::read(process.unwrap().path().join("cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&line).contains(place), "{}", String::from_utf8_lossy(&line));
    }
}

#[test]
fn a_region_of_the_mesh_is_lost_and_all_that_was_promised_holds() {
    let (_turn, folder) = (turn(), Folder::new("drill-mesh"));
    let arguments = ["--lose", "eu-west-1", "--agents", "24", "--rate", "60/s", "--before", "2s", "--down", "4s"];
    let output = drill(&folder, &mesh(), &arguments).args(["--after", "12s", "--json"]).output().unwrap();
    let told = told(&output);
    assert_eq!(told["version"], 1);
    for name in ["moves", "waits", "residency", "kept"] {
        assert_eq!(finding(&told, name)["held"], true, "{:#}", finding(&told, name));
    }
    let figures = |name: &str, of: &str| finding(&told, name)["figures"][of].as_u64().unwrap();
    assert_eq!((figures("moves", "may_move"), figures("moves", "moved")), (6, 6));
    assert!(figures("moves", "longest_us") <= 30_000_000);
    assert_eq!(
        (figures("waits", "bound"), figures("waits", "refused"), figures("waits", "seated_elsewhere")),
        (6, 6, 0)
    );
    assert!(finding(&told, "waits")["note"].as_str().unwrap().contains("eu-west-1"), "{told:#}");
    assert!(figures("residency", "of_a_class") > 0 && figures("residency", "seats") >= 24 + 6);
    assert_eq!(figures("kept", "chains"), 5);
    assert!(figures("kept", "acknowledged") > 100 && figures("kept", "records") > 24);
    // How fast it is stands in the file's promise, and not here.
    assert_eq!((figures("others", "agents"), figures("others", "refusals")), (12, 0));
    // Whoever is not there within the time that is left is counted, and fails it.
    let (came, never) = (figures("return", "came"), figures("return", "never_came"));
    assert_eq!((told["arriving"].as_u64(), came + never, figures("return", "moved_and_came_back")), (Some(6), 12, 0));
    assert!(came > 0 && (never == 0 || finding(&told, "return")["held"] == false), "{told:#}");
    assert!(told["noticed_after_us"].as_u64().unwrap() < 4_000_000 && told["used_after_us"].is_u64(), "{told:#}");
    let code = if told["held"] == true { 0 } else { 1 };
    assert_eq!(output.status.code(), Some(code));
    nothing_is_left(&folder);
}

#[test]
fn a_region_that_hangs_is_left_by_those_who_may_and_waited_for_by_those_whose_class_waits() {
    let (_turn, folder) = (turn(), Folder::new("drill-hang"));
    let file = folder.planet(THREE);
    let arguments = ["--lose", "two", "--how", "hang", "--agents", "18", "--rate", "45/s", "--before", "2s", "--json"];
    let output = drill(&folder, &file, &arguments).args(["--down", "15s", "--after", "12s"]).output().unwrap();
    let told = told(&output);
    assert_eq!(told["how"], "hang");
    for name in ["moves", "waits", "residency", "kept"] {
        assert_eq!(finding(&told, name)["held"], true, "{:#}", finding(&told, name));
    }
    let figures = |name: &str, of: &str| finding(&told, name)["figures"][of].as_u64().unwrap();
    // Of nine agents three are of no class, and three of each.
    assert_eq!((figures("moves", "may_move"), figures("moves", "moved"), figures("waits", "bound")), (6, 6, 3));
    assert_eq!(figures("waits", "seated_elsewhere"), 0, "their class may be in another region, and waits");
    assert_eq!((figures("residency", "outside"), figures("residency", "seats_outside")), (0, 0));
    assert_eq!(figures("return", "seconds_above_ramp"), 0, "{:#}", finding(&told, "return"));
    assert!(figures("return", "seconds_at_the_ramp") > 0, "{:#}", finding(&told, "return"));
    nothing_is_left(&folder);
}

#[test]
fn a_planet_without_room_elsewhere_is_told_so() {
    let (_turn, folder) = (turn(), Folder::new("drill-two"));
    let file = folder.planet(TWO);
    let arguments = ["--lose", "two", "--agents", "100", "--rate", "50/s", "--before", "2s", "--down", "4s"];
    let arguments = [&arguments[..], &["--after", "4s"]].concat();
    let output = drill(&folder, &file, &arguments).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said} {}", String::from_utf8_lossy(&output.stderr));
    // Ten slots are free there, and ten here for those who arrive.
    assert!(said.contains("| 10 of 50 did; ") && said.contains("did not hold: moves, "), "{said}");
    assert!(said.contains("| not measured: nobody in two is bound to it | not measured"), "{said}");
    assert!(said.contains("▼ killed"), "{said}");
    nothing_is_left(&folder);
}

#[test]
fn what_cannot_be_rehearsed_is_refused() {
    let folder = Folder::new("drill-refused");
    let refused = |text: &str, arguments: &[&str], what: &str| {
        let output = drill(&folder, &folder.planet(text), arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(what) && said.contains("try:"), "{said}");
    };
    let one = TWO.rsplit_once("[[region]]").unwrap().0;
    refused(one, &["--lose", "one"], "has 1 region: when it is lost nothing can take over");
    refused(TWO, &["--lose", "three"], "has no region `three`");
    refused(TWO, &["--lose", "two", "--down", "1s"], "too short a time");
    refused(TWO, &["--lose", "two", "--how", "hang"], "10s is too short a time");
    refused(TWO, &["--lose", "two", "--data", folder.0.to_str().unwrap()], "is there already");
    nothing_is_left(&folder);
}

#[test]
fn an_interrupted_drill_leaves_nothing() {
    let (_turn, folder) = (turn(), Folder::new("drill-interrupted"));
    let mut command = drill(&folder, &folder.planet(TWO), &["--lose", "two", "--agents", "8", "--before", "1s"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    lines.find(|line| line.contains("is killed")).unwrap();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("interrupted")), "{rest:?}");
    nothing_is_left(&folder);
}
