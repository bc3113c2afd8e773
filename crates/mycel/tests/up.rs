//! A planet from the command line, as a person uses it.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const PLANET: &str = include_str!("../../../planets/garden.toml");
const MYCEL: &str = env!("CARGO_BIN_EXE_mycel");

/// A planet that runs, until it is dropped.
struct Up {
    child: Child,
    url: String,
    said: Value,
}

impl Up {
    fn start(home: &Path) -> Self {
        Self::of(&mut Command::new(MYCEL), home)
    }

    fn of(command: &mut Command, home: &Path) -> Self {
        let mut child = command
            .args(["up", "--json", "--no-kernel-bans", "--listen", "127.0.0.1:0"])
            .current_dir(home)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        while serde_json::from_str::<Value>(&text).is_err() {
            assert_ne!(out.read_line(&mut text).unwrap(), 0, "it ended and had said: {text}");
        }
        let said: Value = serde_json::from_str(&text).unwrap();
        Self { child, url: said["at"][0].as_str().unwrap().to_owned(), said }
    }

    fn stop(mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::SIGINT).unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    fn run(&self, home: &Path, args: &[&str]) -> Output {
        Command::new(MYCEL).args(args).env("MYCEL_URL", &self.url).current_dir(home).output().unwrap()
    }

    fn json(&self, home: &Path, args: &[&str]) -> Value {
        let output = self.run(home, &[args, &["--json"]].concat());
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It may have been stopped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_commands_end_with_a_chained_and_verified_op() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let up = Up::start(home);
    assert_eq!((&up.said["planet"], &up.said["new"]), (&"garden".into(), &true.into()));
    assert_eq!(up.json(home, &["attach"])["attached"]["slot"], 0);
    let put = up.json(home, &["op", "put", "greeting", "hello"]);
    assert_eq!((&put["sequence"], &put["outcome"]), (&2.into(), &"done".into()));
    assert_eq!(up.json(home, &["op", "get", "greeting"])["value"], "hello");
    let chain = up.json(home, &["chain"]);
    assert_eq!((&chain["verified"], &chain["sequence"]), (&true.into(), &3.into()));
    assert_eq!(chain["entries"][1]["link"], put["link"]);
    // What is not there is a 1, and not the end of anything.
    let nothing = up.run(home, &["op", "get", "nothing"]);
    assert_eq!((nothing.status.code(), nothing.stdout.len()), (Some(1), 0));
    up.stop();

    let up = Up::start(home);
    assert_eq!((&up.said["new"], &up.said["entries"], &up.said["agents"]), (&false.into(), &4.into(), &1.into()));
    assert_eq!(up.json(home, &["op", "get", "greeting"])["value"], "hello");
    up.stop();
}

#[test]
fn an_agent_comes_to_where_it_asks_and_stays_there_until_it_leaves() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let up = Up::start(home);
    let region = |args: &[&str]| up.json(home, args)["attached"]["block"]["region"].clone();
    assert_eq!(region(&["attach", "--as", "anywhere"]), "na");
    assert_eq!(region(&["attach", "--as", "bob", "--region", "eu"]), "eu");
    // Tokyo, and Paris.
    assert_eq!(region(&["attach", "--as", "carol", "--near", "35.6,139.7"]), "ap");
    assert_eq!(region(&["attach", "--as", "dave", "--near", "48.8,2.3"]), "eu");
    assert_eq!(region(&["attach", "--as", "erin", "--region", "ap", "--cell", "0"]), "ap");
    // Whoever holds a slot gets that one again, and is told so.
    let again = up.run(home, &["attach", "--as", "bob", "--region", "na"]);
    assert!(again.status.success() && String::from_utf8_lossy(&again.stdout).contains("block eu/0"), "{again:?}");
    assert!(String::from_utf8_lossy(&again.stderr).contains("mycel detach"), "{again:?}");
    up.json(home, &["detach", "--as", "bob"]);
    assert_eq!(region(&["attach", "--as", "bob", "--region", "na"]), "na");
    up.stop();
}

#[test]
fn an_operator_seals_a_block_and_others_may_not() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let up = Up::start(home);
    up.json(home, &["attach"]);
    let refused = up.run(home, &["block", "seal", "na/0", "--reason", "to see"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("does not give the right"), "{refused:?}");
    up.json(home, &["attach", "--as", "operator", "--region", "eu"]);
    let sealed = up.json(home, &["block", "seal", "na/0", "--reason", "to see", "--as", "operator"]);
    assert_eq!(sealed["block"]["sealed"], "to see");
    let put = up.run(home, &["op", "put", "a", "b"]);
    assert!(String::from_utf8_lossy(&put.stderr).contains("the block is sealed: to see"), "{put:?}");
    up.json(home, &["block", "open", "na/0", "--as", "operator"]);
    assert_eq!(up.json(home, &["op", "put", "a", "b"])["outcome"], "done");
    up.stop();
}

#[test]
fn an_agent_and_the_operator_erase_what_it_has_sealed_and_nobody_else_does() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let up = Up::start(home);
    let me = up.json(home, &["attach"])["agent"].as_str().unwrap().to_owned();
    up.json(home, &["attach", "--as", "bob", "--region", "eu"]);
    let nothing = up.json(home, &["erase", &me, "--yes", "--as", "operator"]);
    assert_eq!((&nothing["keys"], &nothing["erased"]), (&0.into(), &serde_json::json!([])));
    up.json(home, &["op", "put", "greeting", "hello"]);
    let unsure = up.run(home, &["erase", &me, "--as", "operator"]);
    assert!(String::from_utf8_lossy(&unsure.stderr).contains("nobody can undo it"), "{unsure:?}");
    let refused = up.run(home, &["erase", &me, "--yes", "--as", "bob"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("only its owner may"), "{refused:?}");
    assert_eq!(up.json(home, &["op", "get", "greeting"])["value"], "hello");

    let erased = up.json(home, &["erase", &me, "--yes", "--as", "operator"]);
    assert_eq!((&erased["keys"], &erased["agent"]), (&1.into(), &me.as_str().into()));
    let entry = &erased["erased"][0];
    assert_eq!(entry["block"]["region"], "na");
    assert_eq!(up.run(home, &["op", "get", "greeting"]).status.code(), Some(1));
    let chain = up.json(home, &["chain"]);
    assert_eq!(chain["verified"], true);
    let sequence = usize::try_from(entry["sequence"].as_u64().unwrap()).unwrap();
    assert_eq!(
        (&chain["entries"][sequence - 1]["kind"], &chain["entries"][sequence - 1]["link"]),
        (&"erase".into(), &entry["link"])
    );
    let shown = String::from_utf8(up.run(home, &["chain"]).stdout).unwrap();
    assert!(shown.contains("erase    all, by "), "{shown}");

    up.json(home, &["op", "put", "greeting", "hello"]);
    let own = up.json(home, &["op", "erase", "--yes", "--everywhere"]);
    assert_eq!((&own["keys"], own["erased"].as_array().map(Vec::len)), (&1.into(), Some(1)));
    let again = up.run(home, &["op", "erase", "--yes", "--everywhere"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("erased before"), "{again:?}");
    up.stop();
}

#[test]
fn messages_come_once_they_were_sent_and_until_they_are_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let up = Up::start(home);
    up.json(home, &["attach"]);
    up.json(home, &["attach", "--as", "bob", "--region", "eu"]);
    up.json(home, &["op", "send", "bob", "see you"]);
    for _ in 0..2 {
        let messages = up.json(home, &["inbox", "--as", "bob"]);
        assert_eq!(messages["messages"][0]["message"], "see you");
    }
    up.json(home, &["inbox", "--as", "bob", "--ack"]);
    assert_eq!(up.json(home, &["inbox", "--as", "bob"])["messages"], serde_json::json!([]));
    let nobody = up.run(home, &["op", "send", &"00".repeat(32), "anyone"]);
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("nobody by that name"), "{nobody:?}");
    up.stop();
}

#[cfg(target_os = "linux")]
#[test]
fn it_has_as_many_files_as_it_may() {
    let home = tempfile::tempdir().unwrap();
    let mut few = Command::new("sh");
    few.args(["-c", "ulimit -Sn 256 && ulimit -Hn 512 && exec \"$0\" \"$@\"", MYCEL]);
    let up = Up::of(&mut few, home.path());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", up.child.id())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["512", "512"], "{files}");
    up.stop();
}

#[test]
fn a_directory_in_use_and_a_planet_that_is_not_there_are_said() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let up = Up::start(home);
    let second = up.run(home, &["up", "--listen", "127.0.0.1:0", "--no-kernel-bans"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use by another process"), "{second:?}");
    let unreachable = up.run(home, &["regions", "--url", "http://127.0.0.1:1"]);
    assert!(String::from_utf8_lossy(&unreachable.stderr).contains("there is no agent `me` here"), "{unreachable:?}");
    up.json(home, &["attach"]);
    let unreachable = up.run(home, &["regions", "--url", "http://127.0.0.1:1"]);
    assert!(String::from_utf8_lossy(&unreachable.stderr).contains("cannot reach"), "{unreachable:?}");
    up.stop();
}

/// Where a token would have to be: nothing is used in its place.
#[test]
fn a_planet_that_asks_for_hardware_is_refused_where_there_is_none() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("planet.toml"), format!("{PLANET}\n[keys]\nhardware = true\n")).unwrap();
    for more in [&["up", "planet.toml", "--listen", "127.0.0.1:0"][..], &["trust", "init", "planet.toml"]] {
        let refused = Command::new(MYCEL).args(more).current_dir(home.path()).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        let try_this = if cfg!(feature = "pkcs11") { "--token LABEL --module PATH" } else { "--features pkcs11" };
        assert!(said.contains("hardware = true") && said.contains(try_this), "{said}");
        assert!(refused.stdout.is_empty() && !home.path().join(".mycel").exists(), "nothing was begun");
    }
}

#[test]
fn a_planet_that_asks_for_an_engine_that_is_not_served_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("planet.toml");
    let up = |engine: &str| {
        std::fs::write(&file, format!("{PLANET}\n[store]\nengine = \"{engine}\"\n")).unwrap();
        let up = ["up", "planet.toml", "--listen", "127.0.0.1:0", "--no-kernel-bans"];
        Command::new(MYCEL).args(up).current_dir(home.path()).output().unwrap()
    };
    let refused = up("postgres");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    for part in ["the engine \"postgres\"", "serves \"embedded\" alone", "write that"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(refused.stdout.is_empty() && !home.path().join(".mycel").exists(), "nothing was begun");
    // What it asks for is understood, and what nobody knows is not.
    let check = Command::new(MYCEL).args(["check", "planet.toml"]).current_dir(home.path()).output().unwrap();
    assert_eq!(check.status.code(), Some(0), "{check:?}");
    let unknown = up("sqlite");
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("embedded"), "{unknown:?}");
    // With the engine that is served it goes on to the directory, which is not one here.
    std::fs::write(home.path().join(".mycel"), "").unwrap();
    let served = up("embedded");
    let said = String::from_utf8_lossy(&served.stderr);
    assert!(served.status.code() == Some(1) && !said.contains("engine"), "{said}");
}

#[test]
fn a_planet_that_is_told_to_end_as_soon_as_it_is_up_ends_cleanly() {
    let home = tempfile::tempdir().unwrap();
    let mut up = Up::start(home.path());
    let pid = nix::unistd::Pid::from_raw(i32::try_from(up.child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::SIGTERM).unwrap();
    let mut rest = String::new();
    if let Some(out) = &mut up.child.stdout {
        out.read_to_string(&mut rest).unwrap();
    }
    assert_eq!(up.child.wait().unwrap().code(), Some(0));
}

/// Run as they are printed, they find the planet, wherever it listens.
#[test]
fn the_commands_to_try_lead_to_the_planet_that_says_them() {
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(MYCEL)
        .args(["up", "--no-kernel-bans", "--listen", "127.0.0.1:0", "--data", "kept"])
        .current_dir(home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<String> = lines.take_while(|line| !line.contains("Ctrl-C")).collect();
    let tries = said.iter().skip_while(|line| !line.starts_with("try")).skip(1).filter(|line| !line.is_empty());
    let script: Vec<&str> = tries.map(|line| line.trim()).filter(|line| !line.contains("--follow")).collect();
    let script = script.join(" && ").replace("mycel ", &format!("{MYCEL} "));
    let ran = Command::new("sh").args(["-c", &script]).current_dir(home.path()).output().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(String::from_utf8_lossy(&ran.stdout).contains("done: entry 2 of na/0"), "{script}: {ran:?}");
}
