//! What leads from a planet file to its machines, by the word of programs that
//! are not ours (hadolint, shellcheck, check-jsonschema), and as it runs: scripts
//! carry plans out, and ask a planet that is up and one that is down.
//!
//! No container is built or begun here. Where a script calls `docker` or `kubectl`
//! a small program in their place writes down what it was told, and nothing more;
//! the same goes for a Prometheus that says what a test wants it to.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, clippy::disallowed_methods)]

#[path = "support/process.rs"]
mod process;
#[path = "support/prometheus.rs"]
mod prometheus;
#[path = "support/run.rs"]
mod run;
#[path = "support/tool.rs"]
mod tool;

use process::{Folder, Up};
use prometheus::Said;
use run::{code, json};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use tool::{PLANETS, said, tool};

const SCRIPTS: [&str; 3] = ["deploy.sh", "gate.sh", "health.sh"];

fn rendered(planet: &str, more: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let image = ["--out", out, "--image", "registry.example/mycel:0.1.0"];
    assert_eq!(code(&[&["render", &format!("{planet}.toml")], &image[..], more].concat()), 0, "{planet}");
    folder
}

/// The pipelines of all planets, with an office and without.
fn pipelines() -> Vec<TempDir> {
    let only = ["--target", "pipeline"];
    let apart = ["--target", "pipeline", "--office", "office.example:7116"];
    PLANETS.into_iter().flat_map(|planet| [rendered(planet, &only), rendered(planet, &apart)]).collect()
}

#[test]
fn hadolint_takes_every_dockerfile() {
    let Some(hadolint) = tool("MYCEL_HADOLINT", "hadolint") else { return };
    for folder in pipelines() {
        let file = folder.path().join("pipeline/Dockerfile");
        let (good, text) = said(Command::new(&hadolint).arg(&file));
        assert!(good, "{text}");
        // What it would find: an image that is whichever is newest.
        fs::write(&file, fs::read_to_string(&file).unwrap().replace("cc-debian12:nonroot", "cc-debian12:latest"))
            .unwrap();
        assert!(!said(Command::new(&hadolint).arg(&file)).0);
    }
}

#[test]
fn shellcheck_takes_every_script_and_those_of_workflows() {
    let Some(shellcheck) = tool("MYCEL_SHELLCHECK", "shellcheck") else { return };
    for folder in pipelines() {
        let pipeline = folder.path().join("pipeline");
        let mut files: Vec<PathBuf> = SCRIPTS.iter().map(|name| pipeline.join(name)).collect();
        let workflow: Value =
            serde_saphyr::from_str(&fs::read_to_string(pipeline.join("workflow.yaml")).unwrap()).unwrap();
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            for (number, step) in job["steps"].as_array().unwrap().iter().enumerate() {
                if let Some(run) = step["run"].as_str() {
                    // GitHub fills these in before a shell reads anything.
                    assert!(!run.contains("${{"), "{run}");
                    let file = pipeline.join(format!("{name}-{number}.sh"));
                    fs::write(&file, format!("#!/bin/bash\nset -e\n{run}")).unwrap();
                    files.push(file);
                }
            }
        }
        assert!(files.len() > 8, "{files:?}");
        let (good, text) = said(Command::new(&shellcheck).args(&files));
        assert!(good, "{text}");
        fs::write(&files[0], "#!/bin/sh\nrm $1\n").unwrap();
        assert!(!said(Command::new(&shellcheck).arg(&files[0])).0, "it takes a word that is not quoted");
    }
}

#[test]
fn workflows_are_those_of_github() {
    let Some(validator) = tool("MYCEL_CHECK_JSONSCHEMA", "check-jsonschema") else { return };
    let folders = pipelines();
    let files: Vec<PathBuf> = folders.iter().map(|folder| folder.path().join("pipeline/workflow.yaml")).collect();
    let schema = ["--builtin-schema", "vendor.github-workflows"];
    let (good, text) = said(Command::new(&validator).args(schema).args(&files));
    assert!(good, "{text}");
    fs::write(&files[0], fs::read_to_string(&files[0]).unwrap().replace("runs-on", "runs-at")).unwrap();
    assert!(!said(Command::new(&validator).args(schema).arg(&files[0])).0);
}

/// Where scripts find the program, jq, and whatever stands in for the others.
struct Bench {
    rendered: TempDir,
    bin: TempDir,
    jq: PathBuf,
}

impl Bench {
    fn new(planet: &str, more: &[&str]) -> Option<Self> {
        let jq = tool("MYCEL_JQ", "jq")?;
        Some(Self { rendered: rendered(planet, more), bin: tempfile::tempdir().unwrap(), jq })
    }

    /// A program that writes down what it is told. It fails when told a word that is bad.
    fn recorder(&self, name: &str) {
        let log = self.log();
        let text = format!(
            "#!/bin/sh\nprintf '{name} %s\\n' \"$*\" >> '{}'\ncase \"$*\" in *\"${{BAD:-nothing is}}\"*) exit 7 ;; esac\n",
            log.display()
        );
        let file = self.bin.path().join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn log(&self) -> PathBuf {
        self.bin.path().join("log")
    }

    fn recorded(&self) -> Vec<String> {
        fs::read_to_string(self.log()).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn script(&self, name: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        let mycel = Path::new(env!("CARGO_BIN_EXE_mycel")).parent().unwrap();
        let folders = [self.bin.path(), mycel, self.jq.parent().unwrap(), Path::new("/usr/bin"), Path::new("/bin")];
        command.arg(self.rendered.path().join("pipeline").join(name)).stdin(Stdio::null());
        command.env("PATH", std::env::join_paths(folders).unwrap());
        command
    }

    fn deploy(&self, arguments: &[&str]) -> Output {
        self.script("deploy.sh").args(arguments).output().unwrap()
    }

    /// What the plan says, in the order in which it says it.
    fn plan(&self, planet: &str, target: &str, what: &str) -> Vec<String> {
        let out = self.rendered.path().to_str().unwrap();
        let told = json(&["deploy", &format!("{planet}.toml"), "--target", target, "--out", out, "--plan", "--json"]);
        let regions = told["regions"].as_array().unwrap().iter();
        let steps = regions.flat_map(|region| region["steps"].as_array().unwrap());
        steps.flat_map(|step| step[what].as_array().unwrap()).map(|line| line.as_str().unwrap().to_owned()).collect()
    }
}

/// A folder with these programs, and no others.
fn bare(names: &[&str]) -> TempDir {
    let bare = tempfile::tempdir().unwrap();
    for name in names {
        let mut places = ["/usr/bin", "/bin"].into_iter().map(|folder| Path::new(folder).join(name));
        std::os::unix::fs::symlink(places.find(|file| file.exists()).unwrap(), bare.path().join(name)).unwrap();
    }
    bare
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a shell makes of a line's quotes.
fn unquoted(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| line.replace('\'', "")).collect()
}

#[test]
fn a_dry_run_shows_every_step_and_carries_nothing_out() {
    let Some(bench) = Bench::new("garden", &[]) else { return };
    bench.recorder("docker");
    let output = bench.deploy(&["--target", "compose", "--region", "eu", "--dry-run"]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let lines: Vec<String> = shown.lines().filter_map(|line| line.strip_prefix("+ ")).map(str::to_owned).collect();
    let wanted = bench.plan("garden", "compose", "run");
    assert_eq!(lines, wanted.into_iter().filter(|line| line.contains("/eu/")).collect::<Vec<_>>());
    assert!(shown.contains("nothing was carried out") && bench.recorded().is_empty(), "{shown}");
    // What it says beside that: nobody knows what ran before.
    assert!(text(&output.stderr).contains("--before"));
}

/// Roots of Terraform as well, in the plan's order; what no region is of comes last.
#[test]
fn a_dry_run_of_roots_shows_them_in_the_order_of_the_plan() {
    let Some(bench) = Bench::new("erlmcp", &["--target", "terraform,pipeline"]) else { return };
    let output = bench.deploy(&["--target", "terraform", "--dry-run"]);
    let shown = text(&output.stdout);
    let lines: Vec<String> = shown.lines().filter_map(|line| line.strip_prefix("+ ")).map(str::to_owned).collect();
    assert_eq!(lines, bench.plan("erlmcp", "terraform", "run"), "{}", text(&output.stderr));
    assert!(lines.len() == 10 && lines[9].contains("/terraform/global/ apply"), "{lines:?}");
}

#[test]
fn a_plan_is_carried_out_as_it_is_said_and_in_its_order() {
    let Some(bench) = Bench::new("mesh", &["--target", "kubernetes,pipeline"]) else { return };
    bench.recorder("kubectl");
    let seen = bench.bin.path().join("gates");
    let gate = format!("test \"$GATE_WATCH_MS\" = 600000 && echo >> '{}'", seen.display());
    let output = bench.deploy(&["--target", "kubernetes", "--gate", &gate]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(bench.recorded(), unquoted(&bench.plan("mesh", "kubernetes", "run")));
    // A gate for each region, and it is told which.
    let gates = fs::read_to_string(seen).unwrap();
    let order = ["ap-northeast-1", "ap-southeast-1", "eu-west-1", "us-west-2", "us-east-1"];
    assert_eq!(gates.split_whitespace().collect::<Vec<_>>(), order);
}

#[test]
fn the_first_gate_that_does_not_hold_stops_it_and_the_region_is_put_back_when_asked() {
    let Some(bench) = Bench::new("mesh", &["--target", "kubernetes,pipeline"]) else { return };
    bench.recorder("kubectl");
    // The second region's.
    let gate = ["--target", "kubernetes", "--gate", "test ap-southeast-1 !="];
    let output = bench.deploy(&gate);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    let all = unquoted(&bench.plan("mesh", "kubernetes", "run"));
    let of_two: Vec<String> = all.iter().filter(|line| line.contains("context ap-")).cloned().collect();
    assert_eq!(bench.recorded(), of_two);
    assert!(said.contains("this takes it back:\nkubectl --context ap-southeast-1"), "{said}");
    assert!(said.contains("stopped with 4 at step 2 of 5, ap-southeast-1"), "{said}");
    fs::remove_file(bench.log()).unwrap();
    let output = bench.deploy(&[&gate[..], &["--put-back"]].concat());
    assert_eq!(output.status.code(), Some(4));
    let last = bench.recorded().pop().unwrap();
    assert_eq!(last, "kubectl --context ap-southeast-1 --namespace mesh rollout undo statefulset host");
}

#[test]
fn a_command_that_fails_stops_it_and_so_does_a_signal() {
    let Some(bench) = Bench::new("mesh", &["--target", "kubernetes,pipeline"]) else { return };
    bench.recorder("kubectl");
    let output =
        bench.script("deploy.sh").args(["--target", "kubernetes", "--gate", "true"]).env("BAD", "apply").output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(bench.recorded().len(), 1, "what follows a command that failed is not begun");
    fs::remove_file(bench.log()).unwrap();
    let output = bench.deploy(&["--target", "kubernetes", "--gate", "kill -TERM $PPID; true"]);
    assert_eq!(output.status.code(), Some(143));
    assert!(text(&output.stderr).contains("stopped with 143 at step 1 of 5"), "{}", text(&output.stderr));
    assert!(bench.recorded().iter().all(|line| line.contains("ap-northeast-1")));
}

#[test]
fn what_cannot_be_carried_out_is_not_begun() {
    let Some(bench) = Bench::new("garden", &["--target", "compose,pipeline"]) else { return };
    bench.recorder("docker");
    let refused = |arguments: &[&str], code: i32, what: &str| {
        let output = bench.deploy(arguments);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(code) && said.contains(what), "{arguments:?}: {said}");
    };
    refused(&[], 2, "say --target");
    refused(&["--target", "compose", "--region"], 2, "wants a value");
    refused(&["--target", "compose", "--now"], 2, "no option '--now'");
    // Two regions on one machine would be one host after the other at one address.
    refused(&["--target", "compose", "--gate", "true"], 2, "a machine of its own");
    // A step would be taken for good by nobody.
    refused(&["--target", "compose", "--region", "eu"], 2, "nobody is here to judge");
    refused(&["--target", "compose", "--region", "mars", "--gate", "true"], 3, "no step for mars");
    refused(&["--target", "kubernetes", "--gate", "true"], 3, "no step");
    // What was rendered of another file is no plan.
    let garden = run::folder("../../planets/mesh.toml");
    refused(&["--target", "compose", "--file", garden.to_str().unwrap(), "--gate", "true"], 3, "no plan to carry out");
    assert!(bench.recorded().is_empty());
    // Without jq it says what one can do by hand.
    let bare = bare(&["dirname", "cat"]);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mycel"), bare.path().join("mycel")).unwrap();
    let script = bench.rendered.path().join("pipeline/deploy.sh");
    let output =
        Command::new("/bin/sh").arg(script).args(["--target", "compose"]).env("PATH", bare.path()).output().unwrap();
    let said = text(&output.stderr);
    assert!(
        output.status.code() == Some(3) && said.contains("jq is not on the PATH") && said.contains("--plan"),
        "{said}"
    );
}

/// One that is up, and then is not.
#[test]
fn health_is_what_a_planet_says_that_runs_and_nothing_when_it_does_not() {
    let Some(bench) = Bench::new("garden", &["--target", "pipeline"]) else { return };
    let folder = Folder::new("pipeline");
    let up = Up::start(&run::folder("../../planets/garden.toml"), &folder.0.join("data"));
    let (eu, url) = (format!("eu={}", up.url), up.url.clone());
    let ask = |arguments: &[&str]| {
        let output = bench.script("health.sh").args(arguments).output().unwrap();
        (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
    };
    let (code, told) = ask(&[&eu]);
    assert!(code == 0 && told.contains("eu: /health: good\neu: /ready: good\n"), "{told}");
    // Of the others nothing is made up.
    assert!(told.contains("na: nobody says where it is") && !told.contains("eu: nobody"), "{told}");
    // An address at which there is something else.
    let (code, told) = ask(&[&format!("eu={url}/elsewhere")]);
    assert!(code == 1 && told.contains("eu: /health: BAD"), "{told}");
    // By wget as well as by curl.
    let Some(wget) = tool("MYCEL_WGET", "wget") else { return };
    let bare = bare(&["cat", "tr"]);
    std::os::unix::fs::symlink(wget, bare.path().join("wget")).unwrap();
    let by_wget = |at: &str| {
        let output = bench.script("health.sh").arg(at).env("PATH", bare.path()).output().unwrap();
        (output.status.code().unwrap(), text(&output.stdout))
    };
    let (code, told) = by_wget(&eu);
    assert!(code == 0 && told.contains("eu: /health: good\neu: /ready: good\n"), "{told}");
    up.stop();
    assert_eq!(by_wget(&eu).0, 1);
    let (code, told) = ask(&[&eu]);
    assert!(code == 1 && told.contains("eu: /health: BAD") && told.contains("eu: /ready: BAD"), "{told}");
    for bad in ["mars=http://127.0.0.1:9", "eu", "eu=", "eu=file:///etc/passwd", ""] {
        assert_eq!(ask(&[bad]).0, 2, "{bad}");
    }
    assert_eq!(ask(&["--list"]), (0, "na\tNorth America\neu\tEurope\nap\tAsia Pacific\n".to_owned()));
}

#[test]
fn a_gate_holds_when_errors_are_few_and_never_by_silence() {
    let Some(bench) = Bench::new("mesh", &["--target", "pipeline"]) else { return };
    let gate = |said: &Said, region: &str| {
        let mut command = bench.script("gate.sh");
        command.args(["--prometheus", &said.url, "--every", "1", region]);
        for (name, value) in
            [("WATCH_MS", "1000"), ("CALM_THOUSANDTHS", "1000"), ("PAGE_THOUSANDTHS", "14400"), ("PATIENCE_MS", "2000")]
        {
            command.env(format!("GATE_{name}"), value);
        }
        let output = command.output().unwrap();
        (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
    };
    // Which of the three it is asked.
    let says = |up: Option<&'static str>, fast: Option<&'static str>, calm: Option<&'static str>| {
        Said::new(move |query| {
            let value = if query.starts_with("mycel:answers{planet=\"mesh\",region=\"us-east-1\"}") {
                up
            } else if query.starts_with("mycel:failed:ratio_5m{") && query.ends_with(">= bool 1000 * 14400") {
                fast
            } else if query.contains("[1s]") && query.ends_with("> bool 1000 * 1000") {
                calm
            } else {
                panic!("{query}")
            };
            value.map(str::to_owned)
        })
    };
    let (code, told) = gate(&says(Some("1"), Some("0"), Some("0")), "us-east-1");
    assert!(code == 0 && told.contains("no faster"), "{told}");
    for (said, why) in [
        (says(Some("1"), Some("0"), Some("1")), "faster than 1000 thousandths"),
        (says(Some("1"), Some("1"), None), "14400 thousandths"),
        (says(Some("0"), None, None), "does not answer Prometheus"),
        (says(None, None, None), "does not answer Prometheus"),
        // Nobody asks anything, and that is no success.
        (says(Some("1"), None, None), "nothing is known"),
    ] {
        let (code, told) = gate(&said, "us-east-1");
        assert!(code == 1 && told.contains(why), "{told}");
    }
    assert_eq!(gate(&says(None, None, None), "mars").0, 2);
    // What is of no region is felt in all of them, and each is asked for.
    let of_all = |bad: &'static str| {
        Said::new(move |query| {
            let is_bad = query.contains(&format!("region=\"{bad}\""));
            Some(if query.starts_with("mycel:answers") || is_bad { "1" } else { "0" }.to_owned())
        })
    };
    let (code, told) = gate(&of_all("none"), "global");
    assert!(code == 0 && told.matches("no faster").count() == 5, "{told}");
    let (code, told) = gate(&of_all("eu-west-1"), "global");
    assert!(code == 1 && told.contains("eu-west-1: errors use"), "{told}");
    // What was not promised cannot be kept.
    let Some(bench) = Bench::new("garden", &["--target", "pipeline"]) else { return };
    let mut command = bench.script("gate.sh");
    for name in ["WATCH_MS", "CALM_THOUSANDTHS", "PAGE_THOUSANDTHS", "PATIENCE_MS"] {
        command.env(format!("GATE_{name}"), "1000");
    }
    let output = command.args(["--prometheus", "http://127.0.0.1:9", "eu"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no availability is promised"));
}

/// What the gate asks is what promtool takes for an expression.
#[test]
fn promtool_takes_what_a_gate_asks() {
    let Some(promtool) = tool("MYCEL_PROMTOOL", "promtool") else { return };
    let folder = rendered("mesh", &["--target", "pipeline"]);
    let script = fs::read_to_string(folder.path().join("pipeline/gate.sh")).unwrap();
    let long = script.lines().find_map(|line| line.strip_prefix("long=")).unwrap().trim_matches('\'');
    let long = long.replace("PLANET", "mesh").replace("REGION", "us-east-1").replace("OVER", "600s");
    let rule = |expr: &str| {
        let rules =
            serde_json::json!({ "groups": [{ "name": "gate", "rules": [{ "record": "gate:gate", "expr": expr }] }] });
        let file = folder.path().join("rules.yaml");
        fs::write(&file, rules.to_string()).unwrap();
        said(Command::new(&promtool).args(["check", "rules"]).arg(file))
    };
    for expr in [
        format!("{long} * 1000000000 > bool 1000 * 1000"),
        "mycel:failed:ratio_5m{planet=\"mesh\",region=\"us-east-1\"} * 1000000000 >= bool 1000 * 14400".to_owned(),
    ] {
        let (good, text) = rule(&expr);
        assert!(good, "{text}");
        assert!(!rule(&expr.replacen("bool", "boolean", 1)).0);
    }
}
