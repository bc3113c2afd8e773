//! The program's own command lines, as every target renders them. A test of the
//! program parses what is rendered with its own parser, so that nothing here can
//! ask for a flag that it does not have.

/// Where the program listens, for agents and for whoever measures it.
pub const PORT: u16 = 7117;
/// Where gateways come to a host, when no flow of the planet says.
pub const NODES: u16 = 7118;
/// The planet file, in a container.
pub const PLANET: &str = "/etc/mycel/planet.toml";
/// Where the disk is mounted, in a container.
pub const DISK: &str = "/var/lib/mycel";
/// The data directory: a folder of the disk, which only its owner can look into.
pub const HOME: &str = "/var/lib/mycel/home";
/// The user of a container: nobody's on any machine.
pub const USER: u32 = 65_532;
/// Where a certificate and its key are, in a container.
pub const TLS: [&str; 2] = ["/etc/mycel/tls/tls.crt", "/etc/mycel/tls/tls.key"];

/// The variable that says which of its set a pod is.
pub const NUMBER: &str = "POD_INDEX";

/// How long a process may take to stop: it finishes what has begun for ten
/// seconds, and closes its log.
pub const STOPS_SECONDS: u64 = 30;
/// How long it may take to start: its index follows what a log has that it has
/// not, and that is the disk's speed.
pub const STARTS_SECONDS: u64 = 1_200;
/// What a process takes beside its blocks: caches, journals and queues, which
/// ARCHITECTURE.md limits to less.
pub const PROCESS_BYTES: u64 = 1 << 30;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Where gateways come to a host, and where the CA's office is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apart<'a> {
    /// The port of a host that is for gateways.
    pub port: u16,
    /// The office, as HOST:PORT.
    pub office: &'a str,
}

/// The host of one region's blocks; gateways come to it where they run apart.
#[must_use]
pub fn host(region: &str, tls: bool, apart: Option<Apart<'_>>) -> Vec<String> {
    let listen = format!("0.0.0.0:{PORT}");
    let mut line = words(&["up", PLANET, "--only", region, "--data", HOME, "--listen", &listen]);
    if let Some(Apart { port, office }) = apart {
        line.extend(words(&["--node-listen", &format!("0.0.0.0:{port}"), "--office", office]));
    }
    if tls {
        line.extend(words(&["--tls-cert", TLS[0], "--tls-key", TLS[1]]));
    }
    // A container may not change the kernel's packet filter.
    line.extend(words(&["--no-kernel-bans", "--log-json"]));
    line
}

/// A gateway of a region, by its number, in front of the host of that region.
#[must_use]
pub fn gateway(region: &str, number: &str, host: &str, tls: bool, apart: Apart<'_>) -> Vec<String> {
    let (listen, host) = (format!("0.0.0.0:{PORT}"), format!("{region}={host}:{}", apart.port));
    let mut line = words(&["up", PLANET, "--gateway", region, "--number", number, "--host", &host]);
    line.extend(words(&["--office", apart.office, "--data", HOME, "--listen", &listen]));
    if tls {
        line.extend(words(&["--tls-cert", TLS[0], "--tls-key", TLS[1]]));
    }
    line.extend(words(&["--no-kernel-bans", "--log-json"]));
    line
}

/// The whole planet on one machine: a process for each region, and a gateway in
/// front of them.
#[must_use]
pub fn planet() -> Vec<String> {
    let listen = format!("0.0.0.0:{PORT}");
    words(&["up", PLANET, "--regions", "--data", HOME, "--listen", &listen, "--no-kernel-bans", "--log-json"])
}

/// A planet of one block, at an address of its own network.
#[must_use]
pub fn block(router: &str) -> Vec<String> {
    let listen = format!("{router}:{PORT}");
    words(&["up", PLANET, "--data", HOME, "--listen", &listen, "--no-kernel-bans", "--log-json"])
}

/// An agent that gets a slot of the planet at a router.
#[must_use]
pub fn agent(router: &str) -> Vec<String> {
    let url = format!("http://{router}:{PORT}");
    words(&["attach", "--url", &url, "--home", "/tmp/agent"])
}
