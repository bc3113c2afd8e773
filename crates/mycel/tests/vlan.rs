//! Rules for VLANs, in a kernel: a router with the VLANs of a planet around it,
//! each a network of its own, and packets between all of them.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods)]

#[path = "support/run.rs"]
mod run;
#[path = "support/tool.rs"]
mod tool;
#[path = "support/world.rs"]
mod world;

use run::code;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;
use tool::said;
use world::{in_a_world, ip, neighbour, there};

const PORT: u16 = 8_080;
/// Who is dropped for longer than this has no answer by then: a packet here takes
/// microseconds, and none is lost.
const PATIENCE: Duration = Duration::from_millis(150);

/// A VLAN of the planet: its name, its router's address and that of a machine.
struct Site {
    name: String,
    prefix: u8,
    router: Ipv4Addr,
    machine: Ipv4Addr,
    allow: BTreeSet<String>,
}

fn sites() -> Vec<Site> {
    let text = std::fs::read(run::folder("../../planets/erlmcp.toml")).unwrap();
    let planet = planet::parse(&text).0.unwrap();
    let vlans = planet.network.unwrap().vlan;
    let site = |vlan: planet::Vlan| {
        let first = vlan.net.value.first();
        Site {
            name: vlan.name.as_str().to_owned(),
            prefix: vlan.net.value.prefix,
            router: Ipv4Addr::from(first + 1),
            machine: Ipv4Addr::from(first + 2),
            allow: vlan.allow.iter().map(|name| name.as_str().to_owned()).collect(),
        }
    };
    vlans.into_iter().map(site).collect()
}

/// Answers everybody in the namespace that this thread is in.
fn answer_at(address: SocketAddr) {
    let listener = TcpListener::bind(address).unwrap();
    thread::spawn(move || listener.incoming().for_each(|stream| drop(stream.unwrap().write_all(b"hi"))));
}

/// Whether somebody at one of them reaches an address.
fn reaches(from: &Site, to: Ipv4Addr) -> bool {
    there(&from.name, || TcpStream::connect_timeout(&(to, PORT).into(), PATIENCE).is_ok())
}

fn load(rules: &Path) -> (bool, String) {
    said(Command::new("nft").arg("--file").arg(rules))
}

#[test]
fn packets_pass_between_vlans_as_the_planet_says_and_no_others() {
    in_a_world("packets_pass_between_vlans_as_the_planet_says_and_no_others", || {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        assert_eq!(code(&["render", "erlmcp.toml", "--out", out.to_str().unwrap(), "--target", "vlan"]), 0);
        let (rules, sites) = (out.join("vlan/vlan.nft"), sites());
        ip("", "link set lo up\n");
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        for site in &sites {
            let (own, its) = (format!("{}/{}", site.router, site.prefix), format!("{}/{}", site.machine, site.prefix));
            neighbour(&site.name, &own, &[&its]);
            there(&site.name, || answer_at((Ipv4Addr::UNSPECIFIED, PORT).into()));
        }
        // The router itself answers at all of its addresses.
        answer_at((Ipv4Addr::UNSPECIFIED, PORT).into());
        // What is not there yet is open: packets would arrive.
        assert!(reaches(&sites[2], sites[3].machine), "nothing routes between VLANs");
        for round in 0..2 {
            // Twice: rules that are loaded again take the place of the old ones.
            let (good, text) = load(&rules);
            assert!(good, "{round}: {text}");
        }
        for (from, to) in sites.iter().flat_map(|from| sites.iter().map(move |to| (from, to))) {
            let wanted = from.name == to.name || from.allow.contains(&to.name);
            assert_eq!(reaches(from, to.machine), wanted, "{} to {}", from.name, to.name);
            assert_eq!(reaches(from, to.router), wanted, "{} to the router in {}", from.name, to.name);
        }
        made_up_sources_are_dropped(&sites);
        what_is_no_vlan_is_dropped(&sites);
    });
}

/// Whoever takes an address of another VLAN reaches nothing by it.
fn made_up_sources_are_dropped(sites: &[Site]) {
    let named = |name: &str| sites.iter().find(|site| site.name == name).unwrap();
    // Management may go nowhere, and core may go to the database.
    let (liar, core, database) = (named("management"), named("core"), named("database"));
    let taken = Ipv4Addr::from(u32::from(core.machine) + 1);
    ip(&liar.name, &format!("addr add {taken}/32 dev eth0\nroute replace default via {} src {taken}\n", liar.router));
    // Of TCP alone: whoever looks for neighbours now and then is no answer.
    let received = || {
        let text = there(&database.name, || std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap());
        let rows: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("Tcp: ")).collect();
        let at = rows[0].split(' ').position(|name| name == "InSegs").unwrap();
        rows[1].split(' ').nth(at).unwrap().parse::<u64>().unwrap()
    };
    let before = received();
    assert!(!reaches(liar, database.machine));
    assert_eq!(received(), before, "a packet with another's address arrived");
    assert!(reaches(core, database.machine));
    assert!(received() > before);
}

/// A network that the planet knows as no VLAN reaches none of them.
fn what_is_no_vlan_is_dropped(sites: &[Site]) {
    neighbour("stranger", "198.51.100.1/24", &["198.51.100.2/24"]);
    for site in sites {
        let reached = there("stranger", || TcpStream::connect_timeout(&(site.machine, PORT).into(), PATIENCE).is_ok());
        assert!(!reached, "{}", site.name);
    }
}
