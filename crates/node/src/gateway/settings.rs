//! What a gateway is told: the planet, who it is, and where the hosts are.

use crate::http::Bounds;
use custody::credentials::Credentials;
use planet::Planet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use trust::PlanetId;
use trust::sign::SigningKey;
use vocab::Rate;

/// The host of a region's blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Which region.
    pub region: String,
    /// Where it listens, as `HOST:PORT`. A name is looked up again for each
    /// connection, so that a host may move.
    pub address: String,
}

/// What a gateway is told.
#[derive(Clone)]
pub struct Settings {
    /// The planet that it serves.
    pub planet: Arc<Planet>,
    /// Which planet that is, by its root key.
    pub id: PlanetId,
    /// Its own key, which hosts know; with `nodes` it is the one of those, which
    /// may give its place to another.
    pub key: Arc<SigningKey>,
    /// One for each region.
    pub hosts: Vec<Host>,
    /// What it shows hosts, and whom it believes there, with TLS 1.3 both ways;
    /// without it both ends are plain.
    pub nodes: Option<Arc<Credentials>>,
    /// What ops cost in each region; all the same where nobody has looked.
    pub costs: Option<policy::cost::Costs>,
    /// Where it stands; at the first region when nobody says.
    pub site: Option<vocab::Site>,
    /// Where it listens; port 0 is any that is free.
    pub addresses: Vec<SocketAddr>,
    /// Certificates and their keys, for TLS 1.3; the first is for whoever names
    /// no server.
    pub certificates: Vec<crate::http::Tls>,
    /// As many threads as there are cores when it is 0.
    pub threads: usize,
    /// Where requests are written down, a line each; nowhere without.
    pub access_log: Option<PathBuf>,
    /// Where what this process does is entered; nowhere without.
    pub acts: Option<Arc<crate::Acts>>,
    /// How old the planet's CA is, where it is here.
    pub ca: Option<Arc<custody::office::Ages>>,
    /// The keys that this process rotates, for the figures; none without.
    pub turning: Option<Arc<crate::Turning>>,
    /// How often an agent may ask.
    pub agent_rate: Rate,
    /// How often an address may ask; an IPv6 /64 counts as one.
    pub address_rate: Rate,
    /// What is too slow, and how many are too many.
    pub bounds: Bounds,
    /// For a connection to a host to come about.
    pub connect: Duration,
    /// For a host's answer to begin; longer than the longest poll.
    pub answer: Duration,
    /// For the next piece of an answer that has begun; longer than the beats of
    /// a stream.
    pub silence: Duration,
}

impl Settings {
    /// A gateway with the usual patience and limits.
    #[must_use]
    pub fn new(planet: Arc<Planet>, id: PlanetId, key: Arc<SigningKey>, hosts: Vec<Host>) -> Self {
        let (agent_rate, address_rate) = (planet.gateway.agent_rate.value, planet.gateway.address_rate.value);
        Self {
            planet,
            id,
            key,
            hosts,
            nodes: None,
            costs: None,
            site: None,
            addresses: Vec::new(),
            certificates: Vec::new(),
            threads: 0,
            access_log: None,
            acts: None,
            ca: None,
            turning: None,
            agent_rate,
            address_rate,
            bounds: Bounds::default(),
            connect: Duration::from_secs(2),
            answer: Duration::from_secs(90),
            silence: Duration::from_secs(60),
        }
    }
}
