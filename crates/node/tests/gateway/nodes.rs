//! Gateways and hosts that show each other certificates of the planet's CA,
//! over real connections: who is let in, who is not and with which reason, what
//! is revoked while it is used, and renewal under load.

#![allow(clippy::disallowed_methods)] // Real connections take real time.

use super::{parsed, put};
use client::{Client, Place};
use custody::ca::{Ca, LIFE};
use custody::certificate::Serial;
use custody::credentials::{Clock, Credentials, Node};
use custody::folder;
use custody::office::{Open, revoke};
use custody::revocation::What;
use custody::spiffe::Name;
use node::gateway::{Gateway, Host, Settings};
use node::http::{Listen, Nodes, Server};
use node::{Engine, Homes, Options};
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, crypto, version};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use trust::sign::SigningKey;
use trust::{Moment, PlanetId, Secret};
use vocab::Millis;

pub(super) fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Moment(u64::try_from(since.as_millis()).unwrap())
    })
}

static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps what is written to the log.
struct Log;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        SAID.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn listen_to_the_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
}

/// Waits for a line with all of these.
async fn is_said(parts: &[&str]) {
    let begun = Instant::now();
    while !SAID.lock().unwrap().iter().any(|line| parts.iter().all(|part| line.contains(part))) {
        assert!(begun.elapsed() < Duration::from_secs(5), "{parts:?} in {:?}", SAID.lock().unwrap());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) struct World {
    folder: TempDir,
    pub(super) homes: Homes,
    planet: Arc<planet::Planet>,
    pub(super) served: Vec<(&'static str, Engine, Server, Arc<Credentials>)>,
    pub(super) gateway: Arc<Credentials>,
    _office: Open,
}

pub(super) const REGIONS: [&str; 2] = ["ashburn", "dublin"];

impl World {
    pub(super) async fn start(life: Millis) -> Self {
        listen_to_the_log();
        let folder = tempfile::tempdir().unwrap();
        let (planet, homes) = (Arc::new(parsed()), Homes::open(folder.path()).unwrap());
        let office = homes.office(&REGIONS.map(str::to_owned), life, clock()).unwrap();
        let mut served = Vec::new();
        for region in REGIONS {
            let place = homes.region(region).unwrap();
            let options = Options { only: Some(region.to_owned()), ..Options::default() };
            let (engine, _) = Engine::start(&planet, &place, &options).unwrap();
            let name = Name::block(homes.planet(), region).unwrap();
            let credentials = obtain(Node { keys: place.join("keys"), files: "node".to_owned(), name }).await;
            let at: SocketAddr = "127.0.0.1:0".parse().unwrap();
            let nodes = Some(Nodes { addresses: vec![at], credentials: Arc::clone(&credentials) });
            let listen = Listen { addresses: vec![at], nodes, ..Listen::default() };
            let server = Server::start(engine.clone(), listen).await.unwrap();
            served.push((region, engine, server, credentials));
        }
        let gateway = obtain(homes.gateway_node(0)).await;
        Self { folder, homes, planet, served, gateway, _office: office }
    }

    pub(super) fn nodes(&self, region: &str) -> SocketAddr {
        self.served.iter().find(|served| served.0 == region).unwrap().2.nodes()[0]
    }

    fn settings(&self) -> Settings {
        let host = |region: &str| Host { region: region.to_owned(), address: self.nodes(region).to_string() };
        let hosts = REGIONS.map(host).to_vec();
        let mut settings = Settings::new(Arc::clone(&self.planet), self.homes.planet(), self.homes.gateway(), hosts);
        settings.nodes = Some(Arc::clone(&self.gateway));
        settings.addresses = vec!["127.0.0.1:0".parse().unwrap()];
        settings.threads = 2;
        let often = vocab::Rate { events: 1_000_000, per: Millis::seconds(1) };
        (settings.agent_rate, settings.address_rate) = (often, often);
        settings
    }

    pub(super) fn gateway(&self, tell: impl FnOnce(&mut Settings)) -> Gateway {
        let mut settings = self.settings();
        tell(&mut settings);
        Gateway::start(settings).unwrap()
    }

    /// The planet's own CA, as whoever has its key.
    fn ca(&self) -> Ca {
        Ca::new(self.homes.planet(), &folder::existing(&self.homes.keys(), "ca").unwrap().unwrap()).unwrap()
    }

    fn revoke(&self, what: What) {
        revoke(&self.homes.keys(), &self.ca(), &[what], "it was stolen", clock()()).unwrap();
    }

    pub(super) async fn stop(self, gateways: Vec<Gateway>) {
        let stop = move || gateways.into_iter().all(|gateway| gateway.stop(Duration::from_secs(10)));
        assert!(tokio::task::spawn_blocking(stop).await.unwrap());
        for (_, engine, server, _) in self.served {
            assert!(server.stop(Duration::from_secs(10)).await);
            engine.stop();
        }
        drop(self.folder);
    }
}

async fn obtain(node: Node) -> Arc<Credentials> {
    let wait = move || Credentials::obtain(node, clock(), Duration::from_secs(10));
    tokio::task::spawn_blocking(wait).await.unwrap().unwrap()
}

pub(super) async fn client(gateway: &Gateway, seed: u8) -> Client {
    let url = format!("http://{}", gateway.addresses()[0]);
    let connected = Client::connect(&url, super::support::key(seed), client::Options::default()).await;
    connected.unwrap_or_else(|error| panic!("{error}: {:?}", SAID.lock().unwrap()))
}

/// Somebody who believes any host.
#[derive(Debug)]
struct Trusting;

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        panic!("nodes speak TLS 1.3")
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Comes to a host with a certificate, or without one, and asks how it is.
async fn knock(at: SocketAddr, shows: Option<(CertificateDer<'static>, u8)>) -> io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&version::TLS13]).unwrap();
    let config = config.dangerous().with_custom_certificate_verifier(Arc::new(Trusting));
    let config = match shows {
        None => config.with_no_client_auth(),
        Some((der, seed)) => {
            let mut key = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
            key.extend_from_slice(&[seed; 32]);
            let key = crypto::ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(key)).unwrap();
            let shown = SingleCertAndKey::from(CertifiedKey::new(vec![der], key));
            config.with_client_cert_resolver(Arc::new(shown))
        }
    };
    let stream = TcpStream::connect(at).await?;
    let name = ServerName::IpAddress(at.ip().into());
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\n").await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    assert_eq!(&head, b"HTTP/1.1 200");
    Ok(stream)
}

fn secret(seed: u8) -> Secret {
    Secret::take(&mut [seed; 32])
}

fn issue(ca: &Ca, name: &Name, seed: u8, life: (Moment, Moment)) -> Option<(CertificateDer<'static>, u8)> {
    let key = SigningKey::new(&secret(seed)).id();
    Some((ca.issue(name, key, Serial::of([seed; 16]), life).unwrap(), seed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_come_through_a_gateway_with_a_certificate_and_no_gateway_comes_without() {
    let world = World::start(LIFE).await;
    let gateway = world.gateway(|_| {});
    let agent = client(&gateway, 1).await;
    agent.attach(Place::Region("dublin".to_owned()), None).await.unwrap();
    for _ in 0..50 {
        agent.op(put("name", "value")).await.unwrap();
    }
    // A body of many TLS records, there and back.
    let long = "x".repeat(300_000);
    agent.op(put("long", &long)).await.unwrap();
    let got = agent.op(client::Body::Get(b"long".to_vec())).await.unwrap();
    assert_eq!(got.value.as_deref(), Some(long.as_bytes()));
    // At the host's own address agents are as welcome as ever, and gateways are not.
    let url = format!("http://{}", world.served[1].2.addresses()[0]);
    let own = Client::connect(&url, super::support::key(2), client::Options::default()).await.unwrap();
    own.attach(Place::Region("dublin".to_owned()), None).await.unwrap();
    let plain = world.gateway(|settings| {
        settings.nodes = None;
        for (host, served) in settings.hosts.iter_mut().zip(&world.served) {
            host.address = served.2.addresses()[0].to_string();
        }
    });
    let refused = client(&plain, 3).await.attach(Place::Region("dublin".to_owned()), None).await.unwrap_err();
    assert!(refused.to_string().contains("show a certificate"), "{refused}");
    // Nobody without a certificate, and nobody who does not speak TLS.
    assert!(knock(world.nodes("dublin"), None).await.is_err());
    let mut bare = TcpStream::connect(world.nodes("dublin")).await.unwrap();
    bare.write_all(b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut told = Vec::new();
    let _ = bare.read_to_end(&mut told).await;
    assert!(!told.starts_with(b"HTTP"), "{told:?}");
    world.stop(vec![gateway, plain]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_not_expected_is_refused_with_the_reason_in_the_log() {
    let world = World::start(LIFE).await;
    let (ca, now, at) = (world.ca(), clock()(), world.nodes("dublin"));
    let name = Name::gateway(world.homes.planet());
    let good = ca.life(now, LIFE);
    knock(at, issue(&ca, &name, 40, good)).await.unwrap();
    let hour = Millis::hours(1);
    let foreign = PlanetId::of_root(SigningKey::new(&secret(50)).id());
    let stranger = Ca::new(foreign, &secret(51)).unwrap();
    let usurper = Ca::new(world.homes.planet(), &secret(52)).unwrap();
    world.revoke(What::Serial(Serial::of([46; 16])));
    world.revoke(What::Key(SigningKey::new(&secret(47)).id()));
    let knows = |credentials: &Arc<Credentials>| credentials.authority().revoked().number == 2;
    let begun = Instant::now();
    while !knows(&world.served[1].3) {
        assert!(begun.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (shown, why) in [
        (issue(&stranger, &Name::gateway(foreign), 41, good), "another planet"),
        (issue(&usurper, &name, 42, good), "no CA of this planet"),
        (issue(&ca, &Name::block(world.homes.planet(), "dublin").unwrap(), 43, good), "another role"),
        (issue(&ca, &name, 44, (Moment(now.0 - 2 * hour.0), Moment(now.0 - hour.0))), "ended"),
        (issue(&ca, &name, 45, (now.after(hour), now.after(Millis::hours(2)))), "begins in"),
        (issue(&ca, &name, 46, good), "revoked (serial"),
        (issue(&ca, &name, 47, good), "revoked (key"),
    ] {
        // Two refusals in a second are one line.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert!(knock(at, shown).await.is_err(), "{why}");
        is_said(&["a node's certificate is refused", why]).await;
    }
    // A key that was never issued a certificate: somebody else's is shown.
    let mut stolen = issue(&ca, &name, 48, good).unwrap();
    stolen.1 = 49;
    assert!(knock(at, Some(stolen)).await.is_err());
    // Many at once are not many lines.
    let lines = || SAID.lock().unwrap().len();
    let before = lines();
    for _ in 0..50 {
        assert!(knock(at, issue(&stranger, &Name::gateway(foreign), 41, good)).await.is_err());
    }
    assert!(lines() - before < 20, "{} lines", lines() - before);
    world.stop(Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_refuses_the_host_of_another_region() {
    let world = World::start(LIFE).await;
    let gateway = world.gateway(|settings| {
        let (first, second) = (settings.hosts[0].address.clone(), settings.hosts[1].address.clone());
        (settings.hosts[0].address, settings.hosts[1].address) = (second, first);
    });
    is_said(&["another region", "dublin"]).await;
    let agent = client::Options::default();
    let url = format!("http://{}", gateway.addresses()[0]);
    // It is no region's node that a client could be told of.
    let refused = match Client::connect(&url, super::support::key(1), agent).await {
        Ok(client) => client.attach(Place::Region("dublin".to_owned()), None).await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(refused.is_err());
    world.stop(vec![gateway]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_revoked_is_cut_off_within_seconds_also_what_was_let_in_before() {
    let world = World::start(LIFE).await;
    let gateway = world.gateway(|_| {});
    let agent = client(&gateway, 1).await;
    agent.attach(Place::Region("dublin".to_owned()), None).await.unwrap();
    agent.op(put("name", "value")).await.unwrap();
    // A thief with a gateway's stolen key and certificate is connected already.
    let stolen = issue(&world.ca(), &Name::gateway(world.homes.planet()), 60, world.ca().life(clock()(), LIFE));
    let mut thief = knock(world.nodes("dublin"), stolen.clone()).await.unwrap();
    world.revoke(What::Key(SigningKey::new(&secret(60)).id()));
    let ended = async { while thief.read(&mut [0; 4_096]).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("it is cut within ten seconds");
    assert!(knock(world.nodes("dublin"), stolen).await.is_err());
    is_said(&["a connection to a node is cut", "it was stolen"]).await;
    // The others notice nothing.
    agent.op(put("name", "value")).await.unwrap();
    // A host is revoked, and its gateway leaves it, also in the middle of a request.
    let waits = async {
        loop {
            if let Err(error) = agent.op(put("name", "value")).await {
                break error;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    world.revoke(What::Key(world.served[1].3.key()));
    let error = tokio::time::timeout(Duration::from_secs(10), waits).await.expect("it is left within ten seconds");
    assert!(error.to_string().contains("dublin"), "{error}");
    world.stop(vec![gateway]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_renewed_under_load_without_one_failed_request() {
    let world = World::start(Millis::seconds(10)).await;
    let gateway = world.gateway(|_| {});
    let serial = |credentials: &Arc<Credentials>| credentials.certificate().unwrap().serial;
    let all = || {
        let hosts = world.served.iter().map(|served| serial(&served.3));
        hosts.chain([serial(&world.gateway)]).collect::<Vec<_>>()
    };
    let (mut known, mut renewed, mut ops) = (all(), [0; 3], 0);
    let begun = Instant::now();
    let agents = [client(&gateway, 1).await, client(&gateway, 2).await];
    for (agent, region) in agents.iter().zip(REGIONS) {
        agent.attach(Place::Region(region.to_owned()), None).await.unwrap();
    }
    let mut seed = 100;
    while begun.elapsed() < Duration::from_secs(25) && renewed.iter().any(|times| *times < 2) {
        for agent in &agents {
            agent.op(put("name", "value")).await.unwrap();
            ops += 1;
        }
        for ((known, now), renewed) in known.iter_mut().zip(all()).zip(&mut renewed) {
            if *known != now {
                (*known, *renewed) = (now, *renewed + 1);
                // And new handshakes with it.
                let other = world.gateway(|_| {});
                let agent = client(&other, seed).await;
                seed += 1;
                agent.attach(Place::Region("dublin".to_owned()), None).await.unwrap();
                agent.op(put("name", "value")).await.unwrap();
                tokio::task::spawn_blocking(move || other.stop(Duration::from_secs(10))).await.unwrap();
            }
        }
    }
    println!("{ops} ops, certificates renewed {renewed:?} times in {:?}", begun.elapsed());
    assert!(renewed.iter().all(|times| *times >= 2), "{renewed:?}");
    world.stop(vec![gateway]).await;
}
