//! Bans in a real kernel: a server and its three neighbours, each in a network
//! namespace of its own.
//!
//! Every test runs itself again in a world of its own (mounts, processes and
//! networks), which goes when its first process does: a test that fails, or is
//! killed, leaves nothing behind, and the machine's own tables are not touched.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods)]

use block::bans::Net;
use kernel::{Change, Enforcer, MAX_BANS};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use vocab::Millis;

/// What begins a world; `cargo xtask test` tries the same.
const WORLD: [&str; 6] = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// How long a test may take, in seconds: several times what the longest does.
/// All of them together, side by side, take about ten.
const LIMIT: &str = "30";

const PORT: u16 = 8_080;
const OTHER_PORT: u16 = 8_081;
const SOON: Duration = Duration::from_secs(10);
const LONG: Millis = Millis::minutes(5);

/// One bridge, the server on it, and three who are reached through it.
const LAYOUT: &str = "
link set lo up
link add br0 type bridge
addr add 10.7.0.1/16 dev br0
addr add fd07::1/32 dev br0 nodad
link set br0 up
";
const NEIGHBOURS: [(&str, &str, &str); 3] = [
    ("anna", "10.7.1.2", "fd07:0:0:1::2"),
    ("bert", "10.7.1.3", "fd07:0:0:1::3"),
    ("cora", "10.7.2.2", "fd07:0:0:2::2"),
];

/// Runs a test in a world of its own; says so when there can be none.
fn in_a_world(test: &str, scene: impl FnOnce()) {
    in_a_world_with(&[], test, scene);
}

fn in_a_world_with(more: &[&str], test: &str, scene: impl FnOnce()) {
    if std::env::var_os("MYCEL_WORLD").is_some() {
        lay_out();
        return scene();
    }
    let possible = ["sh", "-c", "mount -t tmpfs tmpfs /run && nft list tables && ip netns add a"];
    if let Err(why) = world(more).args(possible).run() {
        // Whoever says where nft is has tried the same.
        assert!(std::env::var_os("MYCEL_NFT").is_none(), "no namespaces: {why}");
        assert!(
            std::env::var_os("MYCEL_ALLOW_MISSING").is_some(),
            "run `cargo xtask test`, which installs nft, or set MYCEL_ALLOW_MISSING; there is no world to test in: {why}"
        );
        eprintln!("SKIPPED: no network namespaces with nft here: {why}");
        return;
    }
    let this = std::env::current_exe().unwrap();
    let again = world(more).arg(this).args(["--exact", test, "--nocapture"]).env("MYCEL_WORLD", "1").run();
    assert!(again.is_ok(), "in its world: {}", again.unwrap_err());
}

/// Root of another user namespace: of less than all, but of these networks.
const OTHER_ROOT: &str = "--map-root-user";

fn world(more: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", LIMIT, "unshare"]).args(WORLD).args(more);
    if !run("id", &["-u"]).is_ok_and(|id| id.trim() == "0") {
        command.arg(OTHER_ROOT);
    }
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

trait Run {
    /// What it printed, or why it failed.
    fn run(&mut self) -> Result<String, String>;
}

impl Run for Command {
    fn run(&mut self) -> Result<String, String> {
        let output = self.output().map_err(|error| error.to_string())?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(printed) } else { Err(format!("{}\n{printed}{said}", output.status)) }
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    Command::new(program).args(arguments).run()
}

fn lay_out() {
    run("mount", &["-t", "tmpfs", "tmpfs", "/run"]).unwrap();
    ip(&[], LAYOUT);
    for (name, v4, v6) in NEIGHBOURS {
        run("ip", &["netns", "add", name]).unwrap();
        ip(&[], &format!("link add {name} type veth peer name eth0 netns {name}\nlink set {name} master br0 up\n"));
        let inside = format!("addr add {v4}/16 dev eth0\naddr add {v6}/32 dev eth0 nodad\nlink set eth0 up\n");
        ip(&["-n", name], &inside);
    }
    for port in [PORT, OTHER_PORT] {
        let listener = TcpListener::bind(("::", port)).unwrap();
        thread::spawn(move || listener.incoming().for_each(|stream| drop(stream.unwrap().write_all(b"hi"))));
    }
}

fn ip(arguments: &[&str], lines: &str) {
    let mut child = Command::new("ip").args(arguments).args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{lines}");
}

/// Whether the server answers somebody at a port, over either protocol.
fn answers_at(name: &str, port: u16, limit: Duration) -> [bool; 2] {
    [format!("10.7.0.1:{port}"), format!("[fd07::1]:{port}")].map(|address| {
        let limit = limit.as_millis().to_string();
        let knock = [env!("CARGO_BIN_EXE_outsider"), "knock", &address, &limit];
        let status = Command::new("ip").args(["netns", "exec", name]).args(knock).status().unwrap();
        match status.code() {
            Some(0) => true,
            Some(1) => false,
            _ => unreachable!("{name} at {address}: {status}"),
        }
    })
}

/// Who is banned for longer than this has no answer by then; a first packet
/// that is lost comes again after a second.
const PATIENCE: Duration = Duration::from_millis(1_500);

fn reaches(name: &str) -> bool {
    answers_at(name, PORT, PATIENCE) == [true; 2]
}

fn is_cut_off(name: &str) -> bool {
    answers_at(name, PORT, Duration::from_millis(300)) == [false; 2]
}

fn net(text: &str) -> Net {
    text.parse().map(Net::V4).or_else(|_| text.parse().map(Net::V6)).unwrap()
}

fn ban(enforcer: &Enforcer, lasts: Millis, nets: &[&str]) {
    nets.iter().for_each(|text| enforcer.change(Change::Ban { net: net(text), lasts }));
    assert!(enforcer.settled(SOON), "{:?}", enforcer.status());
}

fn lift(enforcer: &Enforcer, nets: &[&str]) {
    nets.iter().for_each(|text| enforcer.change(Change::Lift(net(text))));
    assert!(enforcer.settled(SOON), "{:?}", enforcer.status());
}

/// What the kernel has banned, and for how many seconds it was told to.
fn banned() -> BTreeMap<String, u64> {
    let listed: Value = serde_json::from_str(&run("nft", &["-j", "list", "ruleset"]).unwrap()).unwrap();
    let mut banned = BTreeMap::new();
    for set in listed["nftables"].as_array().unwrap().iter().filter_map(|object| object.get("set")) {
        let (_, prefix) = set["name"].as_str().unwrap().split_once('_').unwrap();
        for element in set.get("elem").and_then(Value::as_array).into_iter().flatten() {
            let element = &element["elem"];
            let net = format!("{}/{prefix}", element["val"].as_str().unwrap());
            banned.insert(net, element["timeout"].as_u64().unwrap());
        }
    }
    banned
}

#[test]
fn a_banned_source_times_out_and_comes_back() {
    in_a_world("a_banned_source_times_out_and_comes_back", || {
        let enforcer = Enforcer::start(PORT, "test").unwrap();
        assert!(reaches("anna") && reaches("bert"));
        let start = Instant::now();
        let lasts = Millis(3_500);
        ban(&enforcer, lasts, &["10.7.1.2/32", "fd07:0:0:1::2/128"]);
        assert!(is_cut_off("anna"));
        assert_eq!(answers_at("anna", OTHER_PORT, PATIENCE), [true; 2]);
        assert!(reaches("bert"));
        thread::sleep(Duration::from_millis(lasts.0 + 200).saturating_sub(start.elapsed()));
        assert!(reaches("anna"));
        assert_eq!(enforcer.status().bans, 2, "nobody has looked since");
        assert_eq!(enforcer.status().trouble, None);
    });
}

#[test]
fn a_network_is_banned_and_nobody_outside_it() {
    in_a_world("a_network_is_banned_and_nobody_outside_it", || {
        let enforcer = Enforcer::start(PORT, "test").unwrap();
        let networks = ["10.7.1.0/24", "fd07:0:0:1::/64"];
        ban(&enforcer, LONG, &networks);
        assert!(is_cut_off("anna") && is_cut_off("bert"));
        assert!(reaches("cora"));
        // One of them for longer than all of them, and both at once.
        ban(&enforcer, LONG, &["10.7.1.2/32", "fd07:0:0:1::2/128"]);
        ban(&enforcer, Millis(100), &networks);
        thread::sleep(Duration::from_millis(200));
        assert!(is_cut_off("anna"));
        assert!(reaches("bert"));
        lift(&enforcer, &["10.7.1.2/32", "fd07:0:0:1::2/128", "10.7.1.3/32", "10.9.0.0/16"]);
        assert!(reaches("anna"));
        ban(&enforcer, LONG, &["0.0.0.0/0", "::/0"]);
        assert!(is_cut_off("cora"));
    });
}

#[test]
fn the_kernel_holds_what_it_was_told() {
    in_a_world("the_kernel_holds_what_it_was_told", || {
        let enforcer = Enforcer::start(PORT, "test").unwrap();
        let (mut seed, mut expected) = (1u64, BTreeMap::new());
        for round in 0..600 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let pick = |count: u64, shift: u32| (seed >> shift) % count;
            // Few networks, so that they are in each other and come again.
            let text = match pick(4, 60) {
                0 => format!("10.{}.0.0/16", pick(4, 20)),
                1 => format!("10.{}.{}.0/24", pick(4, 20), pick(3, 30)),
                2 => format!("10.{}.{}.{}/32", pick(4, 20), pick(3, 30), pick(3, 40)),
                _ => format!("fd07:0:0:{}::/64", 1 + pick(9, 20)),
            };
            if pick(3, 50) == 0 {
                enforcer.change(Change::Lift(net(&text)));
                expected.remove(&text);
            } else {
                let lasts = 100 + pick(900, 10);
                enforcer.change(Change::Ban { net: net(&text), lasts: Millis::seconds(lasts) });
                expected.insert(text, lasts);
            }
            if round % 50 == 49 {
                assert!(enforcer.settled(SOON), "{:?}", enforcer.status());
                let told = banned();
                assert!(told.keys().eq(expected.keys()), "{told:?} {expected:?}");
                // Each is told what is left, which may be a second less.
                assert!(told.iter().zip(&expected).all(|(told, due)| *told.1 == *due.1 || *told.1 + 1 == *due.1));
            }
        }
        assert_eq!(enforcer.status().trouble, None);
    });
}

#[test]
fn as_many_bans_as_there_may_be_are_enforced() {
    in_a_world("as_many_bans_as_there_may_be_are_enforced", || {
        let enforcer = ban_a_crowd();
        ban(&enforcer, Millis::hours(1), &["10.7.1.0/24", "fd07:0:0:1::/64"]);
        assert!(is_cut_off("anna"));
        assert_eq!(banned().len(), MAX_BANS, "two made room");
        assert_eq!(enforcer.status().trouble, None);
    });
}

/// Such a root may not enlarge the buffer that nft sends from.
#[test]
fn what_is_too_much_at_once_is_told_in_parts() {
    in_a_world_with(&[OTHER_ROOT], "what_is_too_much_at_once_is_told_in_parts", || {
        let enforcer = ban_a_crowd();
        assert_eq!(banned().len(), MAX_BANS);
        ban(&enforcer, Millis::hours(1), &["10.7.1.0/24", "fd07:0:0:1::/64"]);
        assert!(is_cut_off("anna"));
    });
}

fn ban_a_crowd() -> Enforcer {
    let enforcer = Enforcer::start(PORT, "test").unwrap();
    let first = u32::from_be_bytes([10, 8, 0, 0]);
    for number in 0..u32::try_from(MAX_BANS).unwrap() {
        let address = std::net::Ipv4Addr::from(first + number);
        enforcer.change(Change::Ban { net: Net::of_source(address.into()), lasts: LONG });
    }
    assert!(enforcer.settled(SOON), "{:?}", enforcer.status());
    assert_eq!(enforcer.status().bans, MAX_BANS);
    enforcer
}

#[test]
fn a_table_that_somebody_flushed_comes_back() {
    in_a_world("a_table_that_somebody_flushed_comes_back", || {
        let enforcer = Enforcer::start(PORT, "test").unwrap();
        ban(&enforcer, LONG, &["10.7.1.2/32", "fd07:0:0:1::/64"]);
        run("nft", &["flush", "ruleset"]).unwrap();
        assert!(reaches("anna"));
        ban(&enforcer, LONG, &["10.7.2.2/32"]);
        assert!(is_cut_off("anna"));
        run("nft", &["flush", "ruleset"]).unwrap();
        enforcer.resync();
        assert!(enforcer.settled(SOON));
        assert!(is_cut_off("anna"));
    });
}

#[test]
fn whoever_was_killed_bans_nobody_after_the_next_start() {
    in_a_world("whoever_was_killed_bans_nobody_after_the_next_start", || {
        let hold = ["hold", &PORT.to_string(), "test", "10.7.1.0/24"];
        let mut holder =
            Command::new(env!("CARGO_BIN_EXE_outsider")).args(hold).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        holder.kill().unwrap();
        holder.wait().unwrap();
        assert!(banned().contains_key("10.7.1.0/24"));
        run("nft", &["add", "table", "inet", "somebody"]).unwrap();
        let enforcer = Enforcer::start(PORT, "test").unwrap();
        assert!(banned().is_empty());
        assert!(reaches("anna"));
        drop(enforcer);
        assert_eq!(run("nft", &["list", "tables"]).unwrap(), "table inet somebody\n");
    });
}

#[test]
fn whoever_may_not_is_told_what_to_do() {
    in_a_world("whoever_may_not_is_told_what_to_do", || {
        // A user namespace of its own has no say in this network.
        let holder = [env!("CARGO_BIN_EXE_outsider"), "hold", "80", "test", "10.7.1.0/24"];
        let why = Command::new("unshare").arg("--user").args(holder).run().unwrap_err();
        assert!(why.contains("CAP_NET_ADMIN"), "{why}");
        assert_eq!(run("nft", &["list", "tables"]).unwrap(), "");
    });
}
