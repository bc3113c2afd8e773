//! `mycel up` as a process of its own, which can be killed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, dead_code)]

use client::{Client, Options};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use trust::Secret;
use trust::sign::SigningKey;

/// A planet that runs.
pub(crate) struct Up {
    child: Child,
    pub(crate) url: String,
    /// What it says of itself.
    pub(crate) told: serde_json::Value,
    /// From its first instruction to its first answer.
    pub(crate) ready: Duration,
    errors: PathBuf,
}

fn begin(file: &Path, data: &Path, more: &[&str], around: &[(&str, &Path)]) -> Child {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mycel"));
    program.envs(around.iter().copied());
    begun_by(program, file, data, more)
}

fn begun_by(mut program: Command, file: &Path, data: &Path, more: &[&str]) -> Child {
    program
        .arg("up")
        .arg(file)
        .arg("--data")
        .arg(data)
        .args(["--listen", "127.0.0.1:0", "--json"])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(errors(data)).unwrap())
        .spawn()
        .unwrap()
}

/// What it said beside its data stands in a file beside its directory.
fn errors(data: &Path) -> PathBuf {
    data.with_extension("errors")
}

impl Up {
    /// Starts it, and waits until it says where it is.
    pub(crate) fn start(file: &Path, data: &Path) -> Self {
        Self::begun(file, data, &["--no-kernel-bans"])
    }

    /// A process for each region, and a gateway that writes beside the file what passes.
    pub(crate) fn regions(file: &Path, data: &Path) -> Self {
        Self::gateways(file, data, "1")
    }

    /// The same with so many gateways.
    pub(crate) fn gateways(file: &Path, data: &Path, many: &str) -> Self {
        let log = file.with_file_name("access.log");
        let log = log.to_str().unwrap();
        Self::begun(file, data, &["--regions", "--no-kernel-bans", "--gateways", many, "--access-log", log])
    }

    /// A process for each region, told something more.
    pub(crate) fn regions_with(file: &Path, data: &Path, more: &[&str]) -> Self {
        Self::begun(file, data, &[&["--regions", "--no-kernel-bans"], more].concat())
    }

    /// One whose files can be kept from growing: a write beyond a limit fails.
    pub(crate) fn with_limits(file: &Path, data: &Path, more: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_mycel")]);
        let begun = Instant::now();
        let child = begun_by(shell, file, data, &[&["--no-kernel-bans"], more].concat());
        Self::told(child, data, begun)
    }

    fn begun(file: &Path, data: &Path, more: &[&str]) -> Self {
        Self::begun_in(file, data, more, &[])
    }

    /// The same with something in its environment.
    pub(crate) fn begun_in(file: &Path, data: &Path, more: &[&str], around: &[(&str, &Path)]) -> Self {
        let begun = Instant::now();
        Self::told(begin(file, data, more, around), data, begun)
    }

    fn told(mut child: Child, data: &Path, begun: Instant) -> Self {
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut text = String::new();
        for line in lines {
            text.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let ready = begun.elapsed();
        let told: serde_json::Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("it did not start: {error}: {text}"));
        let url = told["at"][0].as_str().unwrap_or_else(|| panic!("it did not start: {text}")).to_owned();
        Self { child, url, told, ready, errors: errors(data) }
    }

    /// Kills it while it starts, after so long.
    pub(crate) fn killed_while_it_starts(file: &Path, data: &Path, after: Duration) {
        let mut child = begin(file, data, &["--no-kernel-bans"], &[]);
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// What it has said beside its data.
    pub(crate) fn errors(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: nothing of it runs any more when this returns.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// SIGTERM, and until it has ended.
    pub(crate) fn stop(mut self) {
        self.signal("-TERM");
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}");
    }

    pub(crate) async fn client(&self, key: SigningKey) -> Client {
        Client::connect(&self.url, key, Options::default()).await.unwrap()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It has perhaps ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::new(&Secret::take(&mut [seed; 32]))
}

/// How often something is killed, unless the nightly run asks for more.
pub(crate) fn rounds(usual: u32) -> u32 {
    std::env::var("MYCEL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(usual)
}

/// The key of whoever may administer a planet.
pub(crate) fn operator(data: &Path) -> SigningKey {
    let text = std::fs::read_to_string(data.join("keys/operator.key")).unwrap();
    let text = text.trim();
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
    }
    SigningKey::new(&Secret::take(&mut bytes))
}

/// A folder that goes when it is no longer used.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        // It may be there, from a process of the same number.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Writes a planet file.
    pub(crate) fn planet(&self, text: &str) -> PathBuf {
        let file = self.0.join("planet.toml");
        std::fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
