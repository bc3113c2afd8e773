//! Where the records of an agent are, as it says itself when it asks for
//! another slot: what its class does when that region is lost is done.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

#[path = "support/process.rs"]
mod process;

use client::{Client, Options, Place};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use process::{Folder, Up, key};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Records of `waits` wait for their region, and those of `moves` do not.
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
[enrol]
how = "open"
quota = "1000/s"
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

/// A region that hangs, until it is dropped.
struct Hung(Pid);

impl Hung {
    fn new(up: &Up, region: &str) -> Self {
        let regions = up.told["regions"].as_array().unwrap();
        let process = regions.iter().find(|known| known["region"] == region).unwrap()["process"].as_i64().unwrap();
        let process = Pid::from_raw(i32::try_from(process).unwrap());
        kill(process, Signal::SIGSTOP).unwrap();
        Self(process)
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

/// Waits until the gateway takes a region for usable, or for lost.
async fn until(up: &Up, region: &str, usable: bool) {
    let begun = Instant::now();
    let is_so = || {
        let mut stream = TcpStream::connect(up.url.strip_prefix("http://").unwrap()).unwrap();
        write!(stream, "GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let page: Value = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
        page["regions"].as_array().unwrap().iter().any(|known| known["id"] == region && known["usable"] == usable)
    };
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(40), "{region} is not as it should be");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn of_class(up: &Up, seed: u8, class: &str) -> Client {
    let options = Options { class: Some(class.to_owned()), ..Options::default() };
    Client::connect(&up.url, key(seed), options).await.unwrap()
}

/// A slot near Dublin, where `two` is best.
async fn near(client: &Client) -> Result<String, String> {
    let site = vocab::Site { latitude: vocab::MicroDegrees(53_300_000), longitude: vocab::MicroDegrees(-6_200_000) };
    let attached = client.attach(Place::Near(site), None).await;
    attached.map(|attached| attached.block.region).map_err(|error| error.to_string())
}

fn mycel(folder: &Folder, up: &Up, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mycel"));
    command.args(arguments).args(["--url", &up.url, "--json", "--home"]).arg(folder.0.join("agents"));
    command.output().unwrap()
}

fn told(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_whose_records_wait_waits_and_one_whose_records_move_moves() {
    let folder = Folder::new("home");
    let up = Up::regions(&folder.planet(THREE), &folder.0.join("data"));
    let (waits, moves, new) =
        (of_class(&up, 1, "waits").await, of_class(&up, 2, "moves").await, of_class(&up, 3, "waits").await);
    for client in [&waits, &moves] {
        assert_eq!(near(client).await.as_deref(), Ok("two"));
    }
    let attach = |arguments: &[&str]| mycel(&folder, &up, &[&["attach"], arguments].concat());
    let first = attach(&["--class", "waits", "--region", "two"]);
    assert_eq!(told(&first)["attached"]["block"]["region"], "two", "{first:?}");

    let hung = Hung::new(&up, "two");
    // Until it is known to be lost, whoever is sent there would wait for it.
    until(&up, "two", false).await;
    assert_eq!(near(&moves).await.as_deref(), Ok("three"));
    let refused = near(&waits).await.unwrap_err();
    assert!(refused.contains("healthy"), "{refused}");
    // Who has no records yet may begin elsewhere, and so may who says that they are there.
    assert_eq!(near(&new).await.as_deref(), Ok("three"));
    // The command goes by the lease that it keeps: the class need not be said again.
    for arguments in [&["--class", "waits"][..], &[]] {
        let output = attach(arguments);
        assert!(
            !output.status.success() && told(&output)["error"]["what"].to_string().contains("healthy"),
            "{output:?}"
        );
    }
    let elsewhere = attach(&["--class", "waits", "--records-in", "three"]);
    assert_eq!(told(&elsewhere)["attached"]["block"]["region"], "three", "{elsewhere:?}");

    drop(hung);
    until(&up, "two", true).await;
    assert_eq!(near(&waits).await.as_deref(), Ok("two"));
    up.stop();
}
