//! The processes of `mycel up --regions`: which hang, which cannot start, and
//! what a terminal tells all of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

#[path = "support/process.rs"]
mod process;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use process::Folder;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const MYCEL: &str = env!("CARGO_BIN_EXE_mycel");

/// Two regions, and one thing that `mycel check` warns of.
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
[data]
primary = "one"
[[data.class]]
name = "short"
regions = ["one"]
retention = "1d"
"#;

/// A planet that runs, in a process group of its own.
struct Up {
    child: Child,
    told: Value,
    errors: PathBuf,
}

fn command(folder: &Folder, more: &[&str]) -> Command {
    let mut command = Command::new(MYCEL);
    command.arg("up").arg(folder.planet(TWO)).arg("--data").arg(folder.0.join("data"));
    command.args(["--json", "--regions", "--no-kernel-bans"]).args(more).stdin(Stdio::null()).process_group(0);
    command
}

impl Up {
    fn start(folder: &Folder, more: &[&str]) -> Self {
        let errors = folder.0.join("errors");
        let mut command = command(folder, more);
        command.stdout(Stdio::piped()).stderr(File::create(&errors).unwrap());
        let mut child = command.spawn().unwrap();
        let words = serde_json::Deserializer::from_reader(BufReader::new(child.stdout.take().unwrap()));
        let told = words.into_iter::<Value>().next().unwrap().unwrap();
        Self { child, told, errors }
    }

    fn at(&self, number: usize) -> &str {
        self.told["at"][number].as_str().unwrap()
    }

    fn region(&self, id: &str) -> Pid {
        let regions = self.told["regions"].as_array().unwrap();
        let process = regions.iter().find(|region| region["region"] == id).unwrap()["process"].as_i64().unwrap();
        Pid::from_raw(i32::try_from(process).unwrap())
    }

    fn group(&self, signal: Signal) {
        killpg(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap()
    }

    /// Waits for its end, and not for ever.
    fn ended(&mut self, within: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < within, "it still runs: {}", self.errors());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It has perhaps ended, and its regions with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_there(process: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

fn status(at: &str) -> String {
    let mut stream = TcpStream::connect(at.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.lines().next().unwrap().to_owned()
}

fn until(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < within, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_region_that_hangs_is_cut_off_and_named() {
    let folder = Folder::new("processes-hang");
    let mut up = Up::start(&folder, &["--listen", "127.0.0.1:0"]);
    let (one, two) = (up.region("one"), up.region("two"));
    kill(two, Signal::SIGSTOP).unwrap();
    up.group(Signal::SIGTERM);
    let ended = up.ended(Duration::from_secs(40));
    assert!(ended.success(), "{ended}");
    assert!(!is_there(one) && !is_there(two));
    let said = up.errors();
    assert!(said.contains("region two took too long to stop, and was cut off"), "{said}");
    assert!(!said.contains("region one"), "{said}");
}

#[test]
fn a_region_that_cannot_start_says_why_once_and_is_tried_ever_later() {
    let folder = Folder::new("processes-damaged");
    let mut up = Up::start(&folder, &["--listen", "127.0.0.1:0", "--log", "debug"]);
    let identity = folder.0.join("data/regions/two/planet.json");
    assert!(identity.exists());
    fs::write(&identity, "{").unwrap();
    kill(up.region("two"), Signal::SIGKILL).unwrap();
    // After 0.5, 1, 2 and 4 s; every half a second it would be 14.
    std::thread::sleep(Duration::from_secs(8));
    let said = up.errors();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("a region is started again")).collect();
    let tries = lines.iter().filter(|line| line.contains("planet.json")).count();
    assert!((2..=5).contains(&tries), "{tries} tries: {said}");
    let told = lines.iter().filter(|line| line.contains("ERROR") && line.contains("planet.json")).count();
    assert_eq!(told, 1, "{said}");
    assert_eq!(lines.iter().filter(|line| line.contains("ERROR")).count(), 2, "its end, and why it does not start");
    assert!(!said.contains("it named no address"), "{said}");
    assert_eq!(said.matches("error:").count(), 0, "only its gateway's process speaks: {said}");
    up.group(Signal::SIGTERM);
    assert!(up.ended(Duration::from_secs(20)).success());
}

#[test]
fn what_a_terminal_says_is_heard_by_the_gateways_process_alone() {
    let folder = Folder::new("processes-terminal");
    let mut up = Up::start(&folder, &["--listen", "127.0.0.1:0"]);
    let regions = [up.region("one"), up.region("two")];
    up.group(Signal::SIGHUP);
    until("it reads its file again", Duration::from_secs(20), || up.errors().contains("as it is now"));
    std::thread::sleep(Duration::from_millis(300));
    assert!(regions.iter().all(|region| is_there(*region)), "{}", up.errors());
    up.group(Signal::SIGINT);
    let ended = up.ended(Duration::from_secs(20));
    let said = up.errors();
    assert!(ended.success(), "{ended}: {said}");
    assert!(!regions.iter().any(|region| is_there(*region)));
    assert_eq!(said.matches("stopping: what has begun is finished").count(), 1, "{said}");
    // Once when it begins, and once when it reads it again.
    assert_eq!(said.matches("1 warning").count(), 2, "{said}");
    assert!(!said.contains("a region is started again") && !said.contains("cut off"), "{said}");
}

#[test]
fn one_gateway_listens_at_several_addresses_and_a_mistake_has_its_own_hint() {
    let folder = Folder::new("processes-addresses");
    let mut up = Up::start(&folder, &["--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0"]);
    assert_eq!(up.told["at"].as_array().unwrap().len(), 2, "{}", up.told);
    assert!((0..2).all(|at| status(up.at(at)).contains("200")));
    let taken = up.at(0).strip_prefix("http://").unwrap().to_owned();
    let hint = |listen: &str, more: &[&str]| {
        let other = Folder::new("processes-mistakes");
        let output = command(&other, &[&["--listen", listen], more].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        told["error"].to_string()
    };
    assert!(hint(&taken, &[]).contains("is another planet up?"));
    let nowhere = folder.0.join("nowhere/log");
    let log = hint("127.0.0.1:0", &["--access-log", nowhere.to_str().unwrap()]);
    assert!(log.contains("make its folder first") && !log.contains("another planet"), "{log}");
    let file = folder.0.join("planet.toml");
    let file = file.to_str().unwrap();
    let tls = hint("127.0.0.1:0", &["--tls-cert", file, "--tls-key", file]);
    assert!(tls.contains("--tls-cert and --tls-key") && !tls.contains("another planet"), "{tls}");
    let many = hint("127.0.0.1:0", &["--listen", "127.0.0.1:0", "--gateways", "3"]);
    assert!(many.contains("2 addresses for 3 gateways"), "{many}");
    up.group(Signal::SIGTERM);
    assert!(up.ended(Duration::from_secs(20)).success());
}
