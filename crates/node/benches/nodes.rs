//! What mTLS between a gateway and a host adds, in CPU: the same ops of the
//! same agents through the same gateway, to hosts that it reaches by plain
//! connections and to hosts that it reaches by TLS 1.3 with certificates both
//! ways.
//!
//! All of it is one process: agents, gateway, host and its log. Both sides run
//! in turn, and the median of the ratios of paired rounds is what counts. The
//! envelope of an op of 128 bytes: two records out and two back, each sealed
//! and opened once at less than a microsecond, and a call more to the system for
//! each that is kept: 8 µs beside some 140 µs for all the rest.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::disallowed_methods
)]

use client::{Body, Client, Place};
use custody::ca::LIFE;
use custody::credentials::{Clock, Credentials, Node};
use custody::spiffe::Name;
use node::gateway::{Gateway, Host, Settings};
use node::http::{Listen, Nodes, Server};
use node::{Engine, Homes, Options};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use trust::sign::SigningKey;
use trust::{Moment, Secret};

const AGENTS: u8 = 8;
const ROUNDS: usize = 7;
const PLANET: &str = r#"
[planet]
name = "bench"
blocks = 64
[block]
op_rate = "1000000/s"
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[enrol]
how = "open"
quota = "1000000/s"
[gateway]
agent_rate = "1000000/s"
address_rate = "1000000/s"
[block.monitor]
large_score = 0
requests_score = 0
"#;

fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Moment(u64::try_from(since.as_millis()).unwrap())
    })
}

/// CPU seconds of this process.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}

struct Side {
    agents: Vec<Client>,
    _gateway: Gateway,
    _server: Arc<Server>,
}

async fn agents(gateway: &Gateway, first: u8) -> Vec<Client> {
    let url = format!("http://{}", gateway.addresses()[0]);
    let mut agents = Vec::new();
    for seed in first..first + AGENTS {
        let key = SigningKey::new(&Secret::take(&mut [seed; 32]));
        let agent = Client::connect(&url, key, client::Options::default()).await.unwrap();
        agent.attach(Place::Region("one".to_owned()), None).await.unwrap();
        agents.push(agent);
    }
    agents
}

/// CPU microseconds of an op: a record is read that is so long.
async fn round(side: &Side, ops: usize) -> f64 {
    let before = cpu();
    let each = side.agents.iter().map(|agent| async move {
        for _ in 0..ops {
            agent.op(Body::Get(b"name".to_vec())).await.unwrap();
        }
    });
    futures_util::future::join_all(each).await;
    (cpu() - before) * 1e6 / (ops * side.agents.len()) as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let planet = Arc::new(planet::parse(PLANET.as_bytes()).0.unwrap());
    println!("an op through a gateway to its host, {AGENTS} agents, {ROUNDS} paired rounds: CPU of all of it");
    let mut sides = Vec::new();
    for secure in [false, true] {
        let homes = Homes::open(&folder.path().join(secure.to_string())).unwrap();
        let office = homes.office(&["one".to_owned()], LIFE, clock()).unwrap();
        let place = homes.region("one").unwrap();
        let options = Options { only: Some("one".to_owned()), ..Options::default() };
        let (engine, _) = Engine::start(&planet, &place, &options).unwrap();
        let name = Name::block(homes.planet(), "one").unwrap();
        let host = Node { keys: place.join("keys"), files: "node".to_owned(), name };
        let obtain = |node| Credentials::obtain(node, clock(), Duration::from_secs(5)).unwrap();
        let (host, gateway) = (obtain(host), obtain(homes.gateway_node(0)));
        let at = vec!["127.0.0.1:0".parse().unwrap()];
        let nodes = secure.then(|| Nodes { addresses: at.clone(), credentials: host });
        let listen = Listen { addresses: at.clone(), nodes, ..Listen::default() };
        let server = Server::start(engine, listen).await.unwrap();
        let address = if secure { server.nodes()[0] } else { server.addresses()[0] };
        let hosts = vec![Host { region: "one".to_owned(), address: address.to_string() }];
        let mut settings = Settings::new(Arc::clone(&planet), homes.planet(), homes.gateway(), hosts);
        (settings.addresses, settings.threads) = (at, 1);
        settings.nodes = secure.then_some(gateway);
        settings.bounds.of_a_source = 16_384;
        let gateway = Gateway::start(settings).unwrap();
        sides.push(Side { agents: agents(&gateway, 1).await, _gateway: gateway, _server: Arc::new(server) });
        drop(office);
    }
    for (bytes, ops) in [(128, 1_500), (16_384, 700)] {
        for agent in sides.iter().flat_map(|side| &side.agents) {
            let value = vec![b'x'; bytes];
            agent.op(Body::Put { key: b"name".to_vec(), value, class: None }).await.unwrap();
        }
        let (mut plain, mut secure, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for at in 0..=ROUNDS {
            let (first, second) = (round(&sides[at % 2], ops).await, round(&sides[(at + 1) % 2], ops).await);
            let (open, closed) = if at % 2 == 0 { (first, second) } else { (second, first) };
            // The first warms up.
            if at > 0 {
                plain.push(open);
                secure.push(closed);
                ratios.push(closed / open);
            }
        }
        let (plain, secure, ratio) = (median(plain), median(secure), median(ratios));
        println!(
            "  {bytes:>6} bytes  plain {plain:>7.1} µs  mTLS {secure:>7.1} µs  ratio {ratio:.3}: mTLS adds {:.1} %",
            (ratio - 1.0) * 100.0
        );
    }
}
