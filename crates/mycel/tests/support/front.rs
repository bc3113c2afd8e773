//! An agent, a proxy and a host, each in a network of its own: the proxy in the
//! one of the test.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, dead_code)]

use crate::process::key;
use crate::tool::said;
use crate::world::{inside, ip, neighbour, there};
use client::{Client, Options};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Where agents see the proxy, and where they are.
pub(crate) const PROXY: &str = "203.0.113.1";
pub(crate) const AGENT: &str = "203.0.113.7";
pub(crate) const OTHER: &str = "203.0.113.8";
/// Where the host is.
pub(crate) const HOST: &str = "10.9.2.2";

/// A process that ends with whoever began it.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Asked, because nginx has others that end with it.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// Answers every question about an address with one.
pub(crate) fn name_server() {
    let socket = UdpSocket::bind("169.254.169.253:53").unwrap();
    thread::spawn(move || {
        let mut asked = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut asked) {
            let labels = asked[12..length].iter().position(|byte| *byte == 0).unwrap();
            let end = 12 + labels + 5;
            let is_address = asked[end - 4..end] == [0, 1, 0, 1];
            let known = asked[12..].starts_with(b"\x04host\x03one\x07fronted\x07example\0") && is_address;
            let mut answer = vec![asked[0], asked[1], 0x81, 0x80, 0, 1, 0, u8::from(known), 0, 0, 0, 0];
            answer.extend(&asked[12..end]);
            if known {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4]);
                answer.extend(HOST.parse::<Ipv4Addr>().unwrap().octets());
            }
            socket.send_to(&answer, from).unwrap();
        }
    });
}

/// Agents on one side of us and a host on the other, and what the guide has an
/// operator say so that replies to agents come back through us.
pub(crate) fn lay_out() {
    ip("", "link set lo up\naddr add 169.254.169.253/32 dev lo\n");
    neighbour("agents", &format!("{PROXY}/24"), &[&format!("{AGENT}/24"), &format!("{OTHER}/24")]);
    neighbour("hosts", "10.9.2.1/24", &[&format!("{HOST}/24")]);
    ip("", "rule add fwmark 1 lookup 100\nroute add local default dev lo table 100\n");
    let rules = "add table inet mycel_back; add chain inet mycel_back back { type filter hook prerouting priority mangle; }; \
                 add rule inet mycel_back back socket transparent 1 meta mark set 1";
    let (good, text) = said(Command::new("nft").arg(rules));
    assert!(good, "{text}");
    name_server();
}

/// The host of the region, where it is reached through the proxy alone.
pub(crate) fn host(file: &Path, folder: &Path) -> Running {
    let mut command = inside("hosts", Path::new(env!("CARGO_BIN_EXE_mycel")));
    command.arg("up").arg(file).arg("--data").arg(folder.join("data"));
    command.args(["--listen", &format!("{HOST}:8443"), "--no-kernel-bans", "--json"]);
    command.arg("--tls-cert").arg(folder.join("open.crt")).arg("--tls-key").arg(folder.join("open.key"));
    let errors = fs::File::create(folder.join("host.errors")).unwrap();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines.by_ref().map_while(Result::ok).any(|line| line == "}");
    let running = Running(child);
    assert!(told, "{}", fs::read_to_string(folder.join("host.errors")).unwrap());
    running
}

/// A proxy that runs until it is dropped; what it says is in a file.
pub(crate) fn proxy(command: &mut Command, folder: &Path) -> Running {
    let log = fs::File::create(folder.join("proxy.log")).unwrap();
    let errors = log.try_clone().unwrap();
    let mut running = Running(command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().unwrap());
    until("the proxy listens", || {
        let ended = running.0.try_wait().unwrap();
        assert!(ended.is_none(), "{}", fs::read_to_string(folder.join("proxy.log")).unwrap());
        TcpStream::connect((PROXY, 443)).is_ok()
    });
    running
}

pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never came to be that {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("proxy.log")).unwrap()
}

/// The lines that it has written of connections and requests.
pub(crate) fn lines(folder: &Path) -> Vec<Value> {
    log(folder).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

pub(crate) fn options(folder: &Path, from: &str) -> Options {
    let from: IpAddr = from.parse().unwrap();
    Options { authority: Some(folder.join("open.crt")), from: Some(from), ..Options::default() }
}

pub(crate) fn url() -> String {
    format!("https://{PROXY}:443")
}

pub(crate) async fn agent(folder: &Path, seed: u8, from: &str) -> Client {
    Client::connect(&url(), key(seed), options(folder, from)).await.unwrap()
}

/// In the network of agents.
pub(crate) fn as_agents<T: Send>(what: impl Future<Output = T> + Send) -> T {
    there("agents", || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(what))
}
