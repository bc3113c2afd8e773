//! A planet whose root is in a token and whose other keys are wrapped by it, by
//! the program itself and SoftHSM2: from init to a recovery, and whatever is
//! not as it should be on the way.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, clippy::print_stderr)]

#[path = "support/place.rs"]
mod place;
#[path = "support/process.rs"]
mod process;

use place::{KEPT, files, said};
use process::{Folder, Up};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const LABEL: &str = "mycel test";
const PIN: &str = "hunter2-1234";
/// A planet whose keys are to be in hardware, or may be in files.
fn planet(hardware: bool) -> String {
    format!("{KEPT}[keys]\nhardware = {hardware}\nrecovery_drill = \"30d\"\n")
}

/// Tokens of its own, a planet file, and a place for its directory.
struct World {
    folder: Folder,
    library: PathBuf,
}

fn library() -> Option<PathBuf> {
    let usual = || Some(PathBuf::from("/usr/lib/softhsm/libsofthsm2.so")).filter(|usual| usual.exists());
    let found = std::env::var_os("MYCEL_SOFTHSM").map(PathBuf::from).or_else(usual);
    if found.is_none() {
        let may_miss = std::env::var_os("MYCEL_ALLOW_MISSING").is_some();
        assert!(may_miss, "SoftHSM2 is missing: `cargo xtask test` installs it");
        eprintln!("SKIPPED: no SoftHSM2 here");
    }
    found
}

impl World {
    /// With a token in it.
    fn new(name: &str) -> Option<Self> {
        let world = Self::without_token(name)?;
        world.set_up(LABEL);
        Some(world)
    }

    fn without_token(name: &str) -> Option<Self> {
        let library = library()?;
        let folder = Folder::new(&format!("token-{name}"));
        let world = Self { folder, library };
        world.folder.planet(&planet(true));
        fs::create_dir(world.at("tokens")).unwrap();
        let settings = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            world.at("tokens").display()
        );
        fs::write(world.at("softhsm2.conf"), settings).unwrap();
        world.pin(PIN);
        Some(world)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    fn pin(&self, pin: &str) {
        fs::write(self.at("pin"), format!("{pin}\n")).unwrap();
        fs::set_permissions(self.at("pin"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn set_up(&self, label: &str) {
        let mut command = self.command("softhsm2-util");
        command.args(["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "an-officer-1"]);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", said(&done));
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder.0).env("SOFTHSM2_CONF", self.at("softhsm2.conf"));
        for name in ["MYCEL_HOME", "MYCEL_URL", "MYCEL_TOKEN_PIN", "MYCEL_TOKEN_PIN_FILE"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn mycel(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(env!("CARGO_BIN_EXE_mycel"));
        command.args(arguments).env("MYCEL_TOKEN_PIN_FILE", self.at("pin")).output().unwrap()
    }

    fn good(&self, arguments: &[&str]) -> String {
        let output = self.mycel(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn bad(&self, arguments: &[&str]) -> String {
        let output = self.mycel(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_slice(&self.mycel(&[arguments, &["--json"]].concat()).stdout).unwrap()
    }

    fn init(&self) -> Output {
        let library = self.library.to_str().unwrap();
        self.mycel(&["trust", "init", "planet.toml", "--data", "data", "--token", LABEL, "--module", library])
    }

    fn made(&self) {
        let output = self.init();
        assert!(output.status.success(), "{}", said(&output));
    }

    fn up(&self, more: &[&str]) -> Up {
        let (conf, pin) = (self.at("softhsm2.conf"), self.at("pin"));
        let around = [("SOFTHSM2_CONF", conf.as_path()), ("MYCEL_TOKEN_PIN_FILE", pin.as_path())];
        let more = [&["--no-kernel-bans"], more].concat();
        Up::begun_in(&self.at("planet.toml"), &self.at("data"), &more, &around)
    }

    fn op(&self, up: &Up, op: &[&str]) -> String {
        let more = ["--url", &up.url, "--home", "home", "--patience", "30s"];
        self.good(&[&["op"], op, &more].concat())
    }

    fn shares(&self) -> Vec<String> {
        let told = self.json(&["trust", "split", "planet.toml", "--data", "data", "--out", "shares"]);
        told["shares"].as_array().unwrap().iter().map(|one| one["file"].as_str().unwrap().to_owned()).collect()
    }

    fn status(&self) -> (Option<i32>, Value) {
        let output = self.mycel(&["trust", "status", "planet.toml", "--data", "data", "--json"]);
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
    }
}

fn keys(place: &Path) -> Vec<(PathBuf, String)> {
    let keys = files(place).into_iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "key"));
    keys.map(|(path, bytes)| (path, String::from_utf8(bytes).unwrap())).collect()
}

#[test]
fn a_planet_with_its_root_in_a_token_comes_back_after_a_kill_and_no_file_has_a_secret() {
    let Some(world) = World::new("kill") else { return };
    world.made();
    let data = world.at("data");
    assert!(!data.join("keys/root.key").exists());
    let up = world.up(&[]);
    world.good(&["attach", "--url", &up.url, "--home", "home"]);
    world.op(&up, &["put", "greeting", "hello"]);
    up.kill();
    let up = world.up(&[]);
    assert!(world.op(&up, &["get", "greeting"]).contains("hello"));
    // Whoever administers needs the token as well: the operator's key is wrapped.
    world.good(&["bans", "list", "--url", &up.url, "--home", "data", "--as", "operator"]);
    up.stop();
    // In plain once, elsewhere, so that it is known what to look for.
    let shares = world.shares();
    let recover = ["trust", "recover", "--data", "data", "--into", "plain", "--plain"];
    world.good(&[&recover[..], &[&shares[0], &shares[1], &shares[2]]].concat());
    let secrets: Vec<String> = keys(&world.at("plain")).into_iter().map(|(_, text)| text.trim().to_owned()).collect();
    assert!(secrets.len() >= 6 && secrets.iter().all(|secret| secret.len() == 64), "{}", secrets.len());
    let here = files(&data);
    let wrapped = keys(&data);
    assert!(wrapped.len() >= 6 && wrapped.iter().all(|(_, text)| text.starts_with("wrapped v1 ")));
    for secret in secrets.iter().map(String::as_str).chain([PIN]) {
        let raw: Vec<u8> =
            (0..secret.len() / 2).filter_map(|at| u8::from_str_radix(&secret[2 * at..2 * at + 2], 16).ok()).collect();
        for (path, bytes) in &here {
            let has = |what: &[u8]| what.len() > 8 && bytes.windows(what.len()).any(|bytes| bytes == what);
            assert!(!has(secret.as_bytes()) && !has(&raw), "{}", path.display());
        }
    }
}

#[test]
fn regions_in_processes_of_their_own_wrap_their_keys_and_rotate_them_wrapped() {
    let Some(world) = World::new("regions") else { return };
    world.made();
    let data = world.at("data");
    let up = world.up(&["--regions"]);
    world.good(&["attach", "--url", &up.url, "--home", "home"]);
    world.op(&up, &["put", "greeting", "hello"]);
    let told = world.json(&["trust", "rotate", "--data", "data"]);
    assert_eq!((&told["rotated"], &told["waiting"]), (&9.into(), &0.into()), "{told}");
    world.op(&up, &["put", "greeting", "again"]);
    up.stop();
    let all = keys(&data);
    let plain: Vec<_> = all.iter().filter(|(_, text)| !text.starts_with("wrapped v1 ")).collect();
    assert!(plain.is_empty(), "{plain:?}");
    assert!(all.iter().any(|(path, _)| path.to_str().unwrap().ends_with(".before.key")), "{all:?}");
    let up = world.up(&["--regions"]);
    assert!(world.op(&up, &["get", "greeting"]).contains("again"));
    up.stop();
    let (code, status) = world.status();
    let root = &status["keys"][0];
    assert_eq!((&root["what"], &root["kept"]), (&"root key".into(), &format!("in {LABEL}").into()), "{status:#}");
    let wrapped =
        status["keys"].as_array().unwrap().iter().filter(|item| item["kept"] == format!("wrapped by {LABEL}"));
    assert_eq!((wrapped.count(), code), (all.len(), Some(1)), "the drill is due: {status:#}");
    assert!(status["keys"].as_array().unwrap().iter().all(|item| item["good"] == true), "{status:#}");
}

/// Nothing is made anew, and no other key is used: each is told, in words.
#[test]
fn a_token_that_is_not_there_or_not_open_is_said_to_be_and_nothing_takes_its_place() {
    let Some(world) = World::new("told") else { return };
    world.set_up("another");
    world.made();
    let before = files(&world.at("data"));
    let refused = |says: &str| {
        for command in [
            &["up", "planet.toml", "--data", "data", "--listen", "127.0.0.1:0"][..],
            &["up", "planet.toml", "--data", "data", "--listen", "127.0.0.1:0", "--regions"],
            &["trust", "split", "--data", "data", "--out", "shares"],
        ] {
            let told = world.bad(command);
            assert!(told.contains(says), "{command:?}: {told}");
        }
        let (code, status) = world.status();
        let root = &status["keys"][0];
        assert!(code == Some(1) && root["state"].as_str().unwrap().contains(says), "{status:#}");
        assert!(world.bad(&["trust", "status", "--data", "data"]).contains("CLOSED"));
    };
    world.pin("wrong-pin");
    refused("does not take this PIN");
    fs::write(world.at("pin"), "").unwrap();
    refused("is empty");
    fs::set_permissions(world.at("pin"), fs::Permissions::from_mode(0o644)).unwrap();
    refused("chmod go=");
    fs::remove_file(world.at("pin")).unwrap();
    refused("there is no file");
    world.pin(PIN);
    let library = fs::read_to_string(world.at("data/keys/token")).unwrap();
    let elsewhere = library.replace("libsofthsm2.so", "libabsent.so");
    fs::write(world.at("data/keys/token"), elsewhere).unwrap();
    refused("libabsent.so cannot be used");
    fs::write(world.at("data/keys/token"), &library).unwrap();
    // Its token is away, and another of the same name is there.
    fs::rename(world.at("tokens"), world.at("away")).unwrap();
    fs::create_dir(world.at("tokens")).unwrap();
    refused("there is no token");
    world.set_up(LABEL);
    refused("plug that one in");
    fs::remove_dir_all(world.at("tokens")).unwrap();
    fs::rename(world.at("away"), world.at("tokens")).unwrap();
    // Without a word of a PIN, and with nobody at a terminal.
    let output = world.command(env!("CARGO_BIN_EXE_mycel")).args(["up", "planet.toml", "--data", "data"]).output();
    let output = output.unwrap();
    assert!(output.status.code() == Some(1) && said(&output).contains("--pin-file"), "{}", said(&output));
    // It is only looked at, and locks are files.
    let after = files(&world.at("data"));
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert!(before == after, "{:?}\n{:?}", names(&before), names(&after));
    // By the environment it opens.
    let mut command = world.command(env!("CARGO_BIN_EXE_mycel"));
    let output = command.args(["trust", "wrap", "--data", "data"]).env("MYCEL_TOKEN_PIN", PIN).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_planet_that_wants_hardware_does_not_start_on_plain_keys_until_they_are_wrapped() {
    let Some(world) = World::new("plain") else { return };
    let up = ["up", "planet.toml", "--data", "data", "--listen", "127.0.0.1:0"];
    assert!(world.bad(&up).contains("mycel trust init FILE --token LABEL --module PATH"));
    assert!(!world.at("data").exists(), "nothing was made");
    assert!(world.bad(&["trust", "init", "planet.toml", "--data", "data"]).contains("no token is named"));
    world.made();
    // As somebody would bring it who recovered it elsewhere.
    let plain = "ab".repeat(32);
    fs::write(world.at("data/keys/operator.key"), &plain).unwrap();
    fs::set_permissions(world.at("data/keys/operator.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let told = world.bad(&up);
    assert!(told.contains("keys/operator.key") && told.contains("mycel trust wrap"), "{told}");
    let (code, status) = world.status();
    let operator = status["keys"].as_array().unwrap().iter().find(|item| item["file"] == "keys/operator.key").unwrap();
    assert_eq!((code, &operator["state"]), (Some(1), &"PLAIN: not wrapped".into()));
    // Whoever has it open sees what the disk would still hold.
    let mut open = fs::File::open(world.at("data/keys/operator.key")).unwrap();
    assert_eq!(world.json(&["trust", "wrap", "--data", "data"])["wrapped"], serde_json::json!(["keys/operator.key"]));
    let told = world.good(&["audit", "tail", "data/audit"]);
    assert!(told.contains("key wrapped file=keys/operator token="), "{told}");
    let mut left = String::new();
    std::io::Read::read_to_string(&mut open, &mut left).unwrap();
    assert_eq!(left, "\0".repeat(64));
    let running = world.up(&[]);
    assert!(world.bad(&["trust", "wrap", "--data", "data"]).contains("in use"));
    running.stop();
    // A key that was put under another name is none.
    fs::copy(world.at("data/keys/operator.key"), world.at("data/keys/node.key")).unwrap();
    assert!(world.bad(&up).contains("for something else"), "{}", world.bad(&up));
    // A planet that has its root in a file keeps it there.
    fs::write(world.at("soft.toml"), planet(false)).unwrap();
    world.good(&["trust", "init", "soft.toml", "--data", "soft"]);
    let library = world.library.to_str().unwrap();
    let told = world.bad(&["trust", "init", "soft.toml", "--data", "soft", "--token", LABEL, "--module", library]);
    assert!(told.contains("has its root already"), "{told}");
}

#[test]
fn what_was_wrapped_comes_back_from_shares_and_the_root_with_its_token_alone() {
    let Some(world) = World::new("shares") else { return };
    world.made();
    let up = world.up(&[]);
    world.good(&["attach", "--url", &up.url, "--home", "home"]);
    world.op(&up, &["put", "greeting", "hello"]);
    let shares = world.shares();
    let with = |first: &[&'static str]| -> Vec<String> {
        first.iter().map(|word| (*word).to_owned()).chain(shares[1..4].iter().cloned()).collect()
    };
    let words = |words: &[String]| -> Vec<String> { words.to_vec() };
    let run = |arguments: &[String]| world.mycel(&words(arguments).iter().map(String::as_str).collect::<Vec<_>>());
    let drill = with(&["trust", "drill", "planet.toml", "--data", "data"]);
    let output = run(&drill);
    assert!(output.status.success(), "{}", said(&output));
    fs::remove_file(world.at("data/keys/recovery.key")).unwrap();
    up.stop();
    assert_eq!(world.status().0, Some(0), "{:#}", world.status().1);
    assert!(world.json(&["trust", "drills", "planet.toml", "--data", "data"])["drills"][0]["good"] == true);
    // Nothing needs it from day to day.
    world.up(&[]).stop();
    // With the token, and without one key: as they were, wrapped.
    let copied = Command::new("cp").args(["-r", "data", "copy"]).current_dir(&world.folder.0).status().unwrap();
    assert!(copied.success());
    for (path, _) in keys(&world.at("copy")) {
        fs::remove_file(path).unwrap();
    }
    let output = run(&with(&["trust", "recover", "--data", "copy", "--into", "copy", "--json"]));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(told["root"].is_null() && told["recovery"] == "copy/keys/recovery.key", "{told}");
    assert!(keys(&world.at("copy")).iter().all(|(_, text)| text.starts_with("wrapped v1 ")));
    fs::remove_dir_all(world.at("data")).unwrap();
    fs::rename(world.at("copy"), world.at("data")).unwrap();
    let up = world.up(&[]);
    assert!(world.op(&up, &["get", "greeting"]).contains("hello"));
    up.stop();
    // The token is lost, and the root with it: the keys come back in plain files, where that is asked for.
    fs::remove_dir_all(world.at("tokens")).unwrap();
    fs::create_dir(world.at("tokens")).unwrap();
    let output = run(&with(&["trust", "recover", "--data", "data", "--into", "anew"]));
    assert!(said(&output).contains("there is no token") && said(&output).contains("--plain"), "{}", said(&output));
    assert!(!world.at("anew").exists(), "nothing was written");
    let output = run(&with(&["trust", "recover", "--data", "data", "--into", "data", "--plain"]));
    assert!(output.status.code() == Some(1) && said(&output).contains("plain ones"), "{}", said(&output));
    let gone = |path: &Path| path.ends_with("keys/token") || path.extension().is_some_and(|end| end == "key");
    for (path, _) in files(&world.at("data")).into_iter().filter(|(path, _)| gone(path)) {
        fs::remove_file(path).unwrap();
    }
    let output = run(&with(&["trust", "recover", "--data", "data", "--into", "data", "--plain"]));
    assert!(output.status.success(), "{}", said(&output));
    assert!(!world.at("data/keys/root.key").exists());
    assert!(world.bad(&["up", "planet.toml", "--data", "data"]).contains("no token keeps"));
    fs::write(world.at("planet.toml"), planet(false)).unwrap();
    let up = world.up(&[]);
    assert!(world.op(&up, &["get", "greeting"]).contains("hello"));
    up.stop();
    // And a drill proves it still.
    let output = run(&drill);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_token_that_is_full_makes_half_a_planet_that_goes_on_when_there_is_room() {
    let around = ["unshare", "--user", "--map-root-user", "--mount"];
    let possible = Command::new(around[0]).args(&around[1..]).args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: no namespace with a file system of its own here");
        return;
    }
    let Some(world) = World::without_token("full") else { return };
    let init = "\"$0\" trust init planet.toml --data data --token \"$1\" --module \"$2\" --pin-file pin";
    let script = format!(
        "mount -t tmpfs -o size=128k tmpfs tokens && softhsm2-util --init-token --free --label \"$1\" --pin \"$3\" \
         --so-pin an-officer-1 && (dd if=/dev/zero of=tokens/rest bs=4096; true) && {{ {init}; echo ended $?; }} && \
         ls data/keys && mount -o remount,size=1m tokens && {init}"
    );
    let mut command = world.command(around[0]);
    command.args(&around[1..]).args(["timeout", "-s", "KILL", "60", "sh", "-c", &script]);
    let output = command.arg(env!("CARGO_BIN_EXE_mycel")).args([LABEL, world.library.to_str().unwrap(), PIN]).output();
    let output = output.unwrap();
    let told = said(&output);
    assert!(output.status.success() && told.contains("ended 1"), "{told}");
    assert!(told.contains("most likely it is full"), "{told}");
    // All that was there then: which token it is to be.
    let listed = String::from_utf8(output.stdout).unwrap();
    let (_, listed) = listed.split_once("ended 1\n").unwrap();
    assert!(listed.starts_with("token\n") && !listed.starts_with("token\nroot"), "{listed}");
    assert!(keys(&world.at("data")).iter().all(|(_, text)| text.starts_with("wrapped v1 ")));
    assert!(keys(&world.at("data")).len() >= 4 && !world.at("data/keys/root.key").exists());
}
