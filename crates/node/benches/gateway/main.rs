//! The gateway in front of one upstream, beside nginx and haproxy in front of
//! the same, on the same two cores: wrk, keep-alive, 1 KiB, 32 connections.
//!
//! Everything is a process of its own. The gateway checks a lease whose agent
//! has proved itself on each connection, residency, both limits, and writes its
//! access log; the others do what of that they can (their files are beside
//! this one). The upstream answers at once. Rounds are paired, and the median
//! of their ratios counts. What is not installed is absent, and said to be.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::disallowed_methods
)]

#[path = "../process/mod.rs"]
mod process;
mod upstream;

use node::Homes;
use node::gateway::{Gateway, Host, Settings};
use process::{Process, folder};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use trust::attach::{Channel, Nonce, answer};
use trust::lease::{Lease, Rights};
use trust::sign::SigningKey;
use trust::{BlockRef, Moment, RegionTag, RegionalKey, Secret};
use vocab::Millis;

const CONNECTIONS: usize = 32;
const SECONDS: u64 = 4;
const ROUNDS: usize = 5;

const PLANET: &str = r#"
[planet]
name = "bench"
blocks = 64
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[gateway]
agent_rate = "1000000/s"
address_rate = "1000000/s"
[block.monitor]
large_score = 0
requests_score = 0
"#;

fn agent() -> SigningKey {
    SigningKey::new(&Secret::take(&mut [7; 32]))
}

fn hex(text: &str) -> [u8; 32] {
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
}

/// What wrk's script asks for when it has to prove whose lease it shows.
fn sign(lease: &str, nonce: &str, channel: &str) {
    let proof = answer(&agent(), lease, &Nonce(hex(nonce)), &Channel(hex(channel))).unwrap();
    println!("{}", proof.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
}

/// The gateway's process.
fn gateway(data: &Path, upstream: &str) {
    let planet = planet::parse(PLANET.as_bytes()).0.unwrap();
    let homes = Homes::open(data).unwrap();
    let hosts = vec![Host { region: "one".to_owned(), address: upstream.to_string() }];
    let mut settings = Settings::new(Arc::new(planet), homes.planet(), homes.gateway(), hosts);
    settings.addresses = vec!["127.0.0.1:0".parse().unwrap()];
    settings.access_log = Some(data.join("access.log"));
    settings.threads = 2;
    // Others make leases of the same directory meanwhile.
    drop(homes);
    settings.bounds.of_a_source = 16_384;
    let gateway = Gateway::start(settings).unwrap();
    println!("{}", gateway.addresses()[0]);
    std::thread::sleep(Duration::from_secs(3_600));
}

/// A lease such as a host gives; the upstream finds every lease good.
fn lease(data: &Path) -> String {
    let (homes, now) = (Homes::open(data).unwrap(), Moment(now_ms()));
    let region = RegionTag::of("one");
    let block = BlockRef { region, index: 0 };
    let key = RegionalKey::new(homes.planet(), region, Secret::take(&mut [9; 32]));
    let lease = Lease {
        planet: homes.planet(),
        block,
        slot: vocab::Slot::new(0).unwrap(),
        fencing: 1,
        agent: agent().id(),
        rights: Rights::READ.and(Rights::OPERATE),
        issued: now,
        expires: now.after(Millis::hours(24)),
    };
    lease.issue(&key.cell(block.cell()), now).unwrap().as_str().to_owned()
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

struct Server {
    name: &'static str,
    at: SocketAddr,
    pid: u32,
    lease: String,
    _child: Option<Killed>,
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It has perhaps ended.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Another server, by its file; `None` where it is not installed.
fn peer(name: &'static str, text: &str, arguments: &[&str], folder: &Path, upstream: SocketAddr) -> Option<Server> {
    let port = free_port();
    let text = text.replace("FOLDER", folder.to_str().unwrap()).replace("UPSTREAM", &upstream.port().to_string());
    let file = folder.join(format!("{name}.conf"));
    std::fs::write(&file, text.replace("PORT", &port.to_string())).unwrap();
    let mut command = Command::new(name);
    let said = std::fs::File::create(folder.join(format!("{name}.out"))).unwrap();
    command.args(arguments).arg(&file).stdout(Stdio::null()).stderr(said);
    let child = Killed(command.spawn().ok()?);
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    let up = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        std::net::TcpStream::connect(at).is_ok()
    });
    assert!(up, "{name} does not listen: {}", std::fs::read_to_string(folder.join(format!("{name}.out"))).unwrap());
    Some(Server { name, at, pid: child.0.id(), lease: "none".to_owned(), _child: Some(child) })
}

#[derive(Clone, Copy)]
struct Figure {
    rate: f64,
    p50_us: f64,
    p99_us: f64,
    cpu_us: f64,
}

fn micros(text: &str) -> f64 {
    let (number, scale) = [("us", 1.0), ("ms", 1e3), ("s", 1e6)]
        .iter()
        .find_map(|(unit, scale)| text.strip_suffix(unit).map(|number| (number, *scale)))
        .unwrap();
    number.parse::<f64>().unwrap() * scale
}

/// CPU seconds of a process and of its children.
fn cpu_seconds(server: u32) -> f64 {
    let mut ticks = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((front, rest)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = rest.split(' ').collect();
        if front.split(' ').next() == Some(&server.to_string()) || fields[1] == server.to_string() {
            ticks += fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        }
    }
    ticks as f64 / 100.0
}

fn wrk(server: &Server, connections: usize, seconds: u64, script: &Path) -> Figure {
    let cpu = cpu_seconds(server.pid);
    let (count, seconds) = (connections.to_string(), format!("{seconds}s"));
    let mut command = Command::new("wrk");
    command.args(["-t", &count, "-c", &count, "-d", &seconds, "--latency", "-s"]).arg(script);
    let program = std::env::current_exe().unwrap();
    command.arg(format!("http://{}", server.at)).arg("--").arg(&server.lease).arg(program);
    let told = command.output().unwrap();
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    let cpu = cpu_seconds(server.pid) - cpu;
    assert!(!text.contains("Non-2xx"), "{}: {text}", server.name);
    let after = |mark: &str| {
        let rest = text.split(mark).nth(1).unwrap_or_else(|| panic!("{}: {text}", server.name));
        rest.split_whitespace().next().unwrap().to_owned()
    };
    let total: f64 = {
        let line = text.lines().find(|line| line.contains("requests in")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    Figure {
        rate: after("Requests/sec:").parse().unwrap(),
        p50_us: micros(&after("  50%")),
        p99_us: micros(&after("  99%")),
        cpu_us: cpu * 1e6 / total,
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn compare(servers: &[Server], script: &Path) {
    let mut figures: Vec<Vec<Figure>> = servers.iter().map(|_| Vec::new()).collect();
    for round in 0..ROUNDS {
        for step in 0..servers.len() {
            let at = (round + step) % servers.len();
            figures[at].push(wrk(&servers[at], CONNECTIONS, SECONDS, script));
        }
    }
    let ours = figures[0].clone();
    for (server, theirs) in servers.iter().zip(&figures) {
        let ratio =
            |of: fn(&Figure) -> f64| median(ours.iter().zip(theirs).map(|(ours, theirs)| of(ours) / of(theirs)));
        let (rate, p99) = (ratio(|figure| figure.rate), ratio(|figure| figure.p99_us));
        let least = match server.name {
            "nginx" => 1.0,
            "haproxy" => 1.5,
            _ => 0.0,
        };
        let verdict = match server.name {
            "nginx" if rate >= least && p99 <= 1.0 => "within",
            "haproxy" if rate >= least => "within",
            "nginx" | "haproxy" => "MISSED",
            _ => "",
        };
        let of = |of: fn(&Figure) -> f64| median(theirs.iter().map(of));
        println!(
            "  {:10} {:>8.0}/s  p50 {:>6.0} µs  p99 {:>6.0} µs  {:>6.2} µs CPU   rate {rate:>4.2}, p99 {p99:>4.2} × this  {verdict}",
            server.name,
            of(|figure| figure.rate),
            of(|figure| figure.p50_us),
            of(|figure| figure.p99_us),
            of(|figure| figure.cpu_us),
        );
    }
    // One at a time: what stands between, and nothing that waits.
    let alone: Vec<f64> = servers.iter().map(|server| wrk(server, 1, SECONDS, script).p50_us).collect();
    let upstream = alone[servers.iter().position(|server| server.name == "upstream").unwrap()];
    let added = alone[0] - upstream;
    let verdict = if added <= 100.0 { "within" } else { "MISSED" };
    println!(
        "  one at a time: {:.0} µs, the upstream alone {upstream:.0}: {added:.0} µs added  {verdict} 100",
        alone[0]
    );
}

/// Memory of connections on which nothing happens.
fn idle(server: &Server) {
    const IDLE: usize = 10_000;
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().trim().parse::<f64>().unwrap() / 1_024.0
    };
    let before = resident();
    // Of many addresses: one may not have so many.
    let mut held = Vec::new();
    for number in 0..IDLE {
        let socket = std::net::TcpStream::connect(server.at);
        match socket {
            Ok(socket) => held.push(socket),
            Err(error) => {
                println!("  idle: {number} connections, then {error}");
                break;
            }
        }
    }
    std::thread::sleep(Duration::from_secs(1));
    let (now, count) = (resident(), held.len());
    let verdict = if now <= 200.0 && count == IDLE { "within" } else { "MISSED" };
    println!("  {count} idle connections: {now:.0} MiB resident, {before:.0} before  {verdict} 200");
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &arguments[1..] {
        ["sign", lease, nonce, channel] => return sign(lease, nonce, channel),
        ["upstream", _] => return upstream::serve(),
        ["lease", data] => return println!("{}", lease(Path::new(data))),
        [what, data] if what.starts_with("gateway@") => return gateway(Path::new(data), &what["gateway@".len()..]),
        _ => {}
    }
    let folder = folder("gateway");
    println!("a gateway in front of one upstream: wrk, {CONNECTIONS} connections, 1 KiB, {ROUNDS} paired rounds");
    if Command::new("wrk").arg("-v").output().is_err() {
        println!("  wrk: absent; nothing is measured");
        return;
    }
    let script = folder.join("prove.lua");
    std::fs::write(&script, include_str!("prove.lua")).unwrap();
    let mut behind = Process::start(&folder, "upstream");
    let upstream: SocketAddr = behind.said().parse().unwrap();
    let mut process = Process::start(&folder, &format!("gateway@{upstream}"));
    let at = process.said().parse().unwrap();
    let mut servers = vec![Server { name: "mycel", at, pid: process.id(), lease: lease(&folder), _child: None }];
    for (name, text, arguments) in
        [("nginx", include_str!("nginx.conf"), &["-c"][..]), ("haproxy", include_str!("haproxy.cfg"), &["-f"][..])]
    {
        match peer(name, text, arguments, &folder, upstream) {
            Some(server) => servers.push(server),
            None => println!("  {name}: absent"),
        }
    }
    servers.push(Server { name: "upstream", at: upstream, pid: behind.id(), lease: "none".to_owned(), _child: None });
    compare(&servers, &script);
    idle(&servers[0]);
    drop(servers);
    process.kill();
    behind.kill();
    std::fs::remove_dir_all(&folder).unwrap();
}
