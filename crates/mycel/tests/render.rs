//! `mycel render` as a person uses it, and what it writes by the word of programs
//! that are not ours: check-jsonschema, kubernetes-validate and checkov from PyPI,
//! and docker-compose.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods)]

#[path = "support/run.rs"]
mod run;
#[path = "support/tool.rs"]
mod tool;

use run::{code, err, json, out};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tool::{PLANETS, said, tool};

/// What checkov says of every object of its kind, and why it is so.
const ACCEPTED: [(&str, &str); 1] =
    [("CKV_K8S_43", "an image by digest: whoever has pushed one knows its digest, and says it with --image")];

/// Every planet, rendered.
fn rendered() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for planet in PLANETS {
        let out = folder.path().join(planet);
        assert_eq!(code(&["render", &format!("{planet}.toml"), "--out", out.to_str().unwrap()]), 0, "{planet}");
        let (file, out) = (format!("{planet}.toml"), folder.path().join(format!("{planet}-apart")));
        let apart =
            ["--out", out.to_str().unwrap(), "--target", "compose,kubernetes", "--office", "office.example:7116"];
        assert_eq!(code(&[&["render", &file], apart.as_slice()].concat()), 0, "{planet}");
    }
    folder
}

/// The files below a folder whose path says so.
fn files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(here) = folders.pop() {
        for entry in fs::read_dir(here).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if wanted(path.to_str().unwrap()) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn compose_files_satisfy_the_schema_of_compose() {
    let Some(validator) = tool("MYCEL_CHECK_JSONSCHEMA", "check-jsonschema") else { return };
    let folder = rendered();
    let compose = files(folder.path(), |path| path.ends_with("compose.yaml"));
    // A region on a machine, with a gateway and without, what measures it, and a planet on a machine.
    assert_eq!(compose.len(), 25 * 2 + 25 + PLANETS.len());
    let schema = ["--builtin-schema", "vendor.compose-spec"];
    let (good, text) = said(Command::new(&validator).args(schema).args(&compose));
    assert!(good, "{text}");
    // What it would find: a key that is none.
    let broken = folder.path().join("broken.yaml");
    fs::write(&broken, fs::read_to_string(&compose[0]).unwrap().replace("cap_drop", "cap_dropped")).unwrap();
    assert!(!said(Command::new(&validator).args(schema).arg(broken)).0);
}

#[test]
fn compose_itself_takes_them() {
    let Some(compose) = tool("MYCEL_DOCKER_COMPOSE", "docker-compose") else { return };
    let folder = rendered();
    // Of a target one region: it starts anew for each, and the schema has been asked about all.
    let mut compose_files = files(folder.path(), |path| path.ends_with("compose.yaml"));
    compose_files.dedup_by_key(|file| file.parent().and_then(Path::parent).map(Path::to_owned));
    assert_eq!(compose_files.len(), 4 * PLANETS.len());
    for file in compose_files {
        let mut command = Command::new(&compose);
        command.arg("-f").arg(&file).arg("config");
        // What an operator has to say.
        for name in [
            "MYCEL_DATA",
            "MYCEL_GATEWAY_DATA",
            "OBSERVE_LOGS",
            "OBSERVE_OBJECTS",
            "OBSERVE_RECEIVERS",
            "OBSERVE_TARGETS",
        ] {
            command.env(name, folder.path());
        }
        let (good, text) = said(&mut command);
        assert!(good, "{}: {text}", file.display());
    }
}

#[test]
fn objects_are_those_of_kubernetes_strictly() {
    let Some(validator) = tool("MYCEL_KUBERNETES_VALIDATE", "kubernetes-validate") else { return };
    let folder = rendered();
    let objects = files(folder.path(), |path| path.contains("/kubernetes/"));
    // With gateways of their own, and without.
    assert_eq!(objects.len(), 25 * 4 + 25 * 5);
    let (good, text) = said(Command::new(&validator).arg("--strict").args(&objects));
    assert!(good, "{text}");
    let broken = folder.path().join("broken.yaml");
    let host = objects.iter().find(|path| path.ends_with("4-host.yaml")).unwrap();
    fs::write(&broken, fs::read_to_string(host).unwrap().replace("fsGroup:", "fsGroups:")).unwrap();
    assert!(!said(Command::new(&validator).arg("--strict").arg(broken)).0);
}

#[test]
fn checkov_finds_nothing_that_is_not_accepted_with_a_reason() {
    let Some(checkov) = tool("MYCEL_CHECKOV", "checkov") else { return };
    let folder = rendered();
    // One planet that the Internet reaches and one that it does not are all there is to see.
    for planet in ["erlmcp", "garden", "erlmcp-apart", "garden-apart"] {
        let accepted: Vec<&str> = ACCEPTED.iter().map(|(check, _)| *check).collect();
        let mut command = Command::new(&checkov);
        command.arg("--directory").arg(folder.path().join(planet)).args(["--framework", "kubernetes"]);
        command.args(["--compact", "--quiet", "--skip-download", "--skip-check", &accepted.join(",")]);
        let (good, text) = said(&mut command);
        assert!(good, "{text}");
    }
}

/// What is read by Python is what was said: its YAML is of another version than
/// the one that is written.
#[test]
fn another_reader_of_yaml_reads_what_was_said() {
    let Some(validator) = tool("MYCEL_KUBERNETES_VALIDATE", "kubernetes-validate") else { return };
    let folder = tempfile::tempdir().unwrap();
    let name = r#"yes: {{ x }} #"${HOME}" 'é' 😀 - 0o17 12:30:45 |>"#;
    let text = fs::read_to_string(run::folder("../../planets/garden.toml")).unwrap();
    let text = text.replace("name = \"Europe\"", &format!("name = {}", serde_json::to_string(name).unwrap()));
    let file = folder.path().join("planet.toml");
    fs::write(&file, &text).unwrap();
    assert_eq!(code(&["render", file.to_str().unwrap(), "--out", folder.path().join("out").to_str().unwrap()]), 0);
    let script = "import json,sys,yaml; print(json.dumps([list(yaml.safe_load_all(open(f))) for f in sys.argv[1:]]))";
    let python = validator.with_file_name("python");
    let read = |path: &str| -> Value {
        let output = Command::new(&python).args(["-c", script]).arg(folder.path().join(path)).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let space = &read("out/kubernetes/eu/1-namespace.yaml")[0][0];
    assert_eq!(space["metadata"]["annotations"]["mycel.dev/region-name"], name);
    assert_eq!(read("out/kubernetes/eu/2-config.yaml")[0][0]["data"]["planet.toml"], text.as_str());
    let labels = &read("out/compose/eu/compose.yaml")[0][0]["services"]["host"]["labels"];
    assert_eq!(labels["mycel.dev/region-name"], name.replace('$', "$$"));
}

/// A planet whose keys are made, used and known.
#[test]
fn no_secret_is_in_what_is_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let (data, rendered) = (folder.path().join("data"), folder.path().join("data/out"));
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    assert_eq!(code(&["trust", "init", "garden.toml", "--data", &path(&data)]), 0);
    let keys = files(&data, |path| path.ends_with(".key"));
    // The planet's own, the CAs that follow, the audit log's; and three of each region.
    assert_eq!(keys.len(), 4 + 3 + 2 + 2 * 3);
    let secrets: Vec<String> = keys.iter().map(|key| fs::read_to_string(key).unwrap().trim().to_owned()).collect();
    assert_eq!(code(&["render", "garden.toml", "--out", &path(&rendered)]), 0);
    for file in files(&rendered, |_| true) {
        let text = fs::read_to_string(&file).unwrap();
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{}", file.display());
        }
        assert!(!text.contains("kind: Secret\n") && !text.contains("PRIVATE KEY"), "{}", file.display());
    }
}

/// The line that is rendered for a host, with the paths of this machine, and the
/// keys that the guide has an operator make: it serves, and is of that planet.
#[test]
fn a_host_that_is_rendered_serves_with_keys_that_were_made_apart() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let keys = json(&["trust", "init", "garden.toml", "--data", &place("data"), "--json"]);
    assert_eq!(code(&["render", "garden.toml", "--out", &place("out")]), 0);
    let compose = fs::read_to_string(place("out/compose/eu/compose.yaml")).unwrap();
    let compose: Value = serde_saphyr::from_str(&compose).unwrap();
    let line =
        compose["services"]["host"]["command"].as_array().unwrap().iter().map(|word| match word.as_str().unwrap() {
            "/etc/mycel/planet.toml" => place("out/compose/eu/planet.toml"),
            "/var/lib/mycel/home" => place("data/regions/eu"),
            "0.0.0.0:7117" => "127.0.0.1:0".to_owned(),
            word => word.to_owned(),
        });
    let mut child = Command::new(env!("CARGO_BIN_EXE_mycel"))
        .args(line)
        .arg("--json")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while serde_json::from_str::<Value>(&told).is_err() {
        let Some(line) = lines.next() else { break };
        told.push_str(&line.unwrap());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let told: Value = serde_json::from_str(&told).unwrap_or_default();
    assert_eq!((&told["planet"], &told["new"]), (&"garden".into(), &true.into()), "{told}");
    assert_eq!((&told["id"], told["id"].as_str().map(str::len)), (&keys["id"], Some(32)), "{keys}");
}

#[test]
fn render_says_what_it_did_and_check_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("out");
    let place = place.to_str().unwrap();
    let check = |more: &[&str]| json(&[&["render", "garden.toml", "--out", place, "--check", "--json"], more].concat());
    assert_eq!((code(&["render", "garden.toml", "--out", place, "--check"]), Path::new(place).exists()), (1, false));
    assert!(check(&[])["differs"].as_array().unwrap().iter().all(|file| file["how"] == "missing"));
    let done = json(&["render", "garden.toml", "--out", place, "--json", "--target", "compose,machine"]);
    assert_eq!(done["written"].as_array().unwrap().len(), 3 * 6 + 5);
    assert!(done["notes"][0].as_str().unwrap().starts_with("gateways: "));
    assert_eq!(check(&["--target", "machine,compose"])["differs"].as_array().unwrap().len(), 0);
    assert_eq!(code(&["render", "garden.toml", "--out", place, "--check", "--target", "compose"]), 0);
    fs::write(Path::new(place).join("machine/.env"), "X=1\n").unwrap();
    let told = out(&["render", "garden.toml", "--out", place, "--check", "--target", "machine"]);
    assert_eq!(told, "edited     machine/.env\n");
    let refused = err(&["render", "garden.toml", "--out", place]);
    assert!(refused.contains("machine/.env") && refused.contains("--force"), "{refused}");
    assert_eq!(code(&["render", "garden.toml", "--out", place, "--force"]), 0);
    let unknown = err(&["render", "garden.toml", "--out", place, "--target", "helm"]);
    assert!(unknown.contains("no target `helm`") && unknown.contains("kubernetes"), "{unknown}");
}

/// What a target does not take is pointed at in the planet file.
#[test]
fn a_name_that_is_not_taken_is_shown_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("planet.toml");
    let text = fs::read_to_string(run::folder("../../planets/garden.toml")).unwrap();
    fs::write(&file, text.replace("name = \"garden\"", "name = \"gar_den\"")).unwrap();
    let place = folder.path().join("out");
    let render =
        |target: &str| err(&["render", file.to_str().unwrap(), "--out", place.to_str().unwrap(), "--target", target]);
    let refused = render("kubernetes");
    assert!(refused.contains("planet.toml:4:8") && refused.contains("^^^"), "{refused}");
    assert!(!place.exists());
    assert!(!render("compose").contains("error"));
}

/// A planet file, and another that differs in every target.
fn two(folder: &Path) -> [String; 2] {
    let text = fs::read_to_string(run::folder("../../planets/garden.toml")).unwrap();
    let one = folder.join("one.toml");
    let two = folder.join("two.toml");
    fs::write(&one, &text).unwrap();
    fs::write(&two, text.replace("to try things on", "to try more things on")).unwrap();
    [one, two].map(|path| path.to_str().unwrap().to_owned())
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files(folder, |_| true).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// A disk that takes no more than some bytes of a file stands for one that is
/// full: the write fails half way, and every old file is as it was.
#[test]
fn a_disk_that_is_full_leaves_every_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = two(folder.path());
    let place = folder.path().join("out");
    let render = |file: &str, before: &str| {
        let script = format!("{before} exec \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &script, "bash", env!("CARGO_BIN_EXE_mycel"), "render", file, "--out"]).arg(&place);
        said(&mut command)
    };
    assert!(render(&one, "").0);
    let before = contents(&place);
    // Two blocks of 1,024 bytes: the smaller files fit, and others do not.
    let (good, text) = render(&two, "trap '' XFSZ; ulimit -f 2;");
    assert!(!good && text.contains("File too large") && text.contains("every old file is whole"), "{text}");
    assert_eq!(contents(&place), before);
    assert!(render(&two, "").0);
    assert_ne!(contents(&place), before);
}

/// Killed at any moment, it leaves files of the one planet or of the other, and
/// none that the next one takes for edited.
#[test]
fn whatever_is_killed_files_are_whole_and_nobody_has_edited_them() {
    let rounds: u32 = std::env::var("MYCEL_KILLS").ok().and_then(|many| many.parse().ok()).unwrap_or(24);
    let folder = tempfile::tempdir().unwrap();
    let planets = two(folder.path());
    let place = folder.path().join("out");
    let begin = |file: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mycel"));
        command.args(["render", file, "--out"]).arg(&place).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let whole: Vec<_> = planets
        .iter()
        .map(|file| {
            assert!(begin(file).wait().unwrap().success());
            contents(&place).into_iter().filter(|(path, _)| !path.ends_with("mycel.json")).collect::<Vec<_>>()
        })
        .collect();
    let begun = Instant::now();
    assert!(begin(&planets[0]).wait().unwrap().success());
    let takes = begun.elapsed();
    let mut cut = 0;
    for round in 0..rounds {
        let mut child = begin(&planets[usize::try_from((round + 1) % 2).unwrap()]);
        // Files change places near its end.
        std::thread::sleep(takes * (40 + round * 37 % 60) / 100 + Duration::from_micros(u64::from(round)));
        child.kill().unwrap();
        cut += u32::from(!child.wait().unwrap().success());
        for (path, bytes) in contents(&place) {
            if path.to_string_lossy().contains(".mycel-new") || path.ends_with("mycel.json") {
                continue;
            }
            assert!(whole.iter().any(|files| files.contains(&(path.clone(), bytes.clone()))), "{}", path.display());
        }
        assert!(begin(&planets[usize::try_from(round / 2 % 2).unwrap()]).wait().unwrap().success(), "round {round}");
    }
    assert!(cut > 0, "none was killed before it ended");
    assert_eq!(files(&place, |path| path.contains(".mycel-new")), [""; 0].map(PathBuf::from));
}
