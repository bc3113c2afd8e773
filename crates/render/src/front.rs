//! What a proxy in front of a region stands before, and what it may let through.
//!
//! What an agent has proved holds for its connection, and with TLS for the keys
//! that both its ends derived. So agents are handed on as they come, bytes and
//! address, and a proxy that ends TLS has behind it what needs no proof, reads
//! and changes nothing: the open paths. No other path may ever be added to them.

use crate::flows::Flows;
use crate::name::domain;
use crate::{Place, Refused, Scene, Tree, program};
use std::net::Ipv4Addr;
use vocab::{Millis, Rate};

/// Where a proxy listens for agents when no flow comes from the Internet: on its
/// own machine, beside the program, and without TLS.
pub(crate) const AGENTS: u16 = 7_120;
/// The same for whoever reads the open paths.
pub(crate) const READERS: u16 = 7_121;

/// What an answer may take to begin, and what may be silent for how long. The
/// program ends what is idle after 75 s, answers a long poll within 60 s, and
/// sends a sign of life every 15 s on a stream: it is the one that ends things,
/// and says why.
pub(crate) const PATIENCE: &str = "90s";
/// For a connection to the host: three lost packets.
pub(crate) const CONNECT: &str = "5s";
/// For the first message of a TLS handshake: as long as the program waits.
pub(crate) const HELLO: &str = "10s";
/// Connections at one time: as many as a host lets in.
const CONNECTIONS: u64 = 16_384;
/// Connections to a host for the open paths. A host lets in 1,024 of one address.
pub(crate) const SHARED: u32 = 256;
/// Addresses that are counted. At some hundred bytes each, 10 MiB.
pub(crate) const SOURCES: &str = "100k";

/// Paths that need no proof, and stand alone.
pub(crate) const OPEN: [&str; 8] = [
    "/health",
    "/ready",
    "/v1/planet",
    "/v1/planet/line",
    "/v1/audit/checkpoint",
    "/v1/audit/log.vkey",
    "/v1/audit/successors",
    "/v1/openapi.json",
];
/// What begins with this is open as well: hashes of the audit log. Full ones never
/// change, and the program says so of each.
pub(crate) const TILES: &str = "/v1/audit/tile/";
/// But for these, which are for who administers.
pub(crate) const ENTRIES: &str = "/v1/audit/tile/entries/";

/// Where the certificate of the open paths is, with its key beside it.
pub(crate) const CERTIFICATE: &str = "/etc/mycel/tls/open.crt";
pub(crate) const CERTIFICATE_KEY: &str = "/etc/mycel/tls/open.key";
/// Whose word is taken for the host's own certificate.
pub(crate) const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The names that a zone of the planet gives.
pub(crate) struct Names {
    /// Where agents come in.
    pub(crate) agents: String,
    /// Where anybody reads the open paths.
    pub(crate) open: String,
}

/// Where the open paths are read.
pub(crate) enum Reading {
    /// On the proxy's own machine, without TLS.
    Here,
    /// At the same ports as agents, by another name.
    Named(Names),
    /// Nowhere: there is TLS, and no name to tell the two apart by.
    Nowhere,
}

/// What a proxy of a region is made from.
pub(crate) struct Front {
    /// Whose it is, for people.
    pub(crate) about: String,
    /// Where agents come in; on this machine alone when there is none.
    pub(crate) ports: Vec<u16>,
    /// Where the host is, as NAME:PORT.
    pub(crate) host: String,
    /// Who is asked for that name.
    pub(crate) resolver: Ipv4Addr,
    /// How long that answer is kept, in seconds.
    pub(crate) ttl: u64,
    pub(crate) reading: Reading,
    /// How often an address may read.
    pub(crate) often: Rate,
    /// New connections of one address.
    pub(crate) fresh: Option<Rate>,
    /// Connections at one time.
    pub(crate) connections: u64,
    /// Between two looks at the host's health, and how many in a row make it ill.
    pub(crate) check: (Millis, u32),
}

impl Front {
    pub(crate) fn new(scene: &Scene<'_>, place: &Place<'_>) -> Result<Self, Refused> {
        let planet = scene.planet;
        let network = planet.network.as_ref();
        let flows = Flows::new(planet, place);
        let zone = network.and_then(|network| network.dns.zone.as_ref()).map(domain).transpose()?;
        let names = zone.map(|zone| Names { agents: format!("agents.{zone}"), open: format!("open.{zone}") });
        let host = zone.map_or_else(|| "host".to_owned(), |zone| format!("host.{}.{zone}", place.id()));
        let port = flows.behind.and_then(|(_, port)| port).unwrap_or(program::PORT);
        let ports: Vec<u16> = flows.entry.into_iter().collect();
        let reading = match names {
            _ if ports.is_empty() => Reading::Here,
            Some(names) => Reading::Named(names),
            None => Reading::Nowhere,
        };
        let limits = planet.limits.as_ref();
        let most = limits.and_then(|limits| limits.open_connections.as_ref()).map(|most| u64::from(most.value));
        let named = if place.plan.name == place.id() { String::new() } else { format!(" ({})", place.plan.name) };
        Ok(Self {
            about: format!("Region {}{named} of planet {}", place.id(), scene.name()),
            ports,
            host: format!("{host}:{port}"),
            resolver: resolver(place.region.provider.as_str()),
            ttl: seconds(network.map_or(Millis::seconds(30), |network| network.dns.ttl.value)),
            reading,
            often: planet.gateway.address_rate.value,
            fresh: limits.and_then(|limits| limits.connections.as_ref()).map(|rate| rate.value),
            connections: most.map_or(CONNECTIONS, |most| most.clamp(1, CONNECTIONS)),
            check: (planet.route.health_check.value, planet.route.unhealthy_after.value.max(1)),
        })
    }

    /// Whether the host speaks TLS: where the Internet arrives.
    pub(crate) fn tls(&self) -> bool {
        !self.ports.is_empty()
    }

    /// How long somebody waits who has read too often, in seconds.
    pub(crate) fn again(&self) -> u64 {
        seconds(Millis(self.often.per.0.div_ceil(self.often.events.max(1))))
    }

    /// What such a one is answered: as the program answers it.
    pub(crate) fn too_often(&self) -> String {
        format!(
            "{{\"error\":\"too_many\",\"what\":\"this address asks more often than it may\",\"retry_after_ms\":{}}}",
            self.again().saturating_mul(1_000)
        )
    }

    /// What every proxy's files have to be told with.
    pub(crate) fn notes(&self, tree: &mut Tree) {
        if matches!(self.reading, Reading::Nowhere) {
            tree.note(
                "proxies: without a [network.dns] zone there is no name for the open paths beside agents; everybody is handed on as they are",
            );
        }
    }
}

/// Whole seconds, and never none.
pub(crate) fn seconds(time: Millis) -> u64 {
    time.0.div_ceil(1_000).max(1)
}

/// Who answers names on a provider's machines: the address is the same in all of
/// its networks. Elsewhere it is the machine's own resolver, where systemd puts it.
fn resolver(provider: &str) -> Ipv4Addr {
    match provider {
        "aws" => Ipv4Addr::new(169, 254, 169, 253),
        "gcp" => Ipv4Addr::new(169, 254, 169, 254),
        "azure" => Ipv4Addr::new(168, 63, 129, 16),
        _ => Ipv4Addr::new(127, 0, 0, 53),
    }
}
