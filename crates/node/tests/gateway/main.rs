//! A gateway in front of the hosts of two regions, end to end.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bans;
mod erased;
mod golden;
mod hostile;
mod hosts;
mod lost;
mod nodes;
mod passing;
mod raw;
mod shared;
#[path = "../support/mod.rs"]
mod support;
mod turned;
mod two;

use client::{Body, Client, Place};
use node::gateway::{Gateway, Host, Settings};
use node::http::{Listen, Server};
use node::{Engine, Homes, Options};
use std::sync::Arc;
use std::time::Duration;
use support::key;
use tempfile::TempDir;

/// Two regions in two jurisdictions; records of the class stay in the second.
const PLANET: &str = r#"
[planet]
name = "pair"
blocks = 16
[block]
op_rate = "1000000/s"
[[region]]
id = "ashburn"
site = [38.95, -77.45]
jurisdictions = ["US"]
[[region]]
id = "dublin"
site = [53.35, -6.26]
jurisdictions = ["IE"]
[data]
primary = "ashburn"
[[data.class]]
name = "gdpr"
regions = ["dublin"]
jurisdictions = ["EU"]
when_lost = "refuse"
[enrol]
how = "open"
quota = "1000000/s"
[route]
health_check = "1s"
"#;

/// A region's process, as far as it is one here.
struct Served {
    region: &'static str,
    engine: Engine,
    server: Server,
}

struct Pair {
    folder: TempDir,
    planet: Arc<planet::Planet>,
    homes: Homes,
    acts: Arc<node::Acts>,
    served: Vec<Served>,
    gateway: Gateway,
}

fn parsed() -> planet::Planet {
    read(PLANET)
}

fn read(file: &str) -> planet::Planet {
    let (planet, report) = planet::parse(file.as_bytes());
    planet.unwrap_or_else(|| panic!("{report:?}"))
}

async fn serve(planet: &planet::Planet, homes: &Homes, region: &'static str, at: &str) -> Served {
    let options = Options { only: Some(region.to_owned()), ..Options::default() };
    let (engine, _) = Engine::start(planet, &homes.region(region).unwrap(), &options).unwrap();
    let listen = Listen { addresses: vec![at.parse().unwrap()], ..Listen::default() };
    let server = Server::start(engine.clone(), listen).await.unwrap();
    Served { region, engine, server }
}

impl Pair {
    async fn start() -> Self {
        Self::told(|_| {}).await
    }

    /// With a gateway that is told something else.
    async fn told(tell: impl FnOnce(&mut Settings)) -> Self {
        Self::of(PLANET, tell).await
    }

    /// Of another file of the same regions.
    async fn of(file: &str, tell: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (planet, homes) = (Arc::new(read(file)), Homes::open(folder.path()).unwrap());
        let mut served = Vec::new();
        for region in ["ashburn", "dublin"] {
            served.push(serve(&planet, &homes, region, "127.0.0.1:0").await);
        }
        let host = |served: &Served| Host {
            region: served.region.to_owned(),
            address: served.server.addresses()[0].to_string(),
        };
        let hosts = served.iter().map(host).collect();
        let mut settings = Settings::new(Arc::clone(&planet), homes.planet(), homes.gateway(), hosts);
        settings.addresses = vec!["127.0.0.1:0".parse().unwrap()];
        settings.threads = 2;
        let acts = homes.acts(planet.planet.name.as_str(), [0; 32]).unwrap();
        settings.acts = Some(Arc::clone(&acts));
        tell(&mut settings);
        let gateway = Gateway::start(settings).unwrap();
        Self { folder, planet, homes, acts, served, gateway }
    }

    fn url(&self) -> String {
        format!("http://{}", self.gateway.addresses()[0])
    }

    async fn client(&self, seed: u8) -> Client {
        Client::connect(&self.url(), key(seed), client::Options::default()).await.unwrap()
    }

    async fn attached(&self, seed: u8, region: &str) -> (Client, client::tell::Attached) {
        let client = self.client(seed).await;
        let attached = client.attach(Place::Region(region.to_owned()), None).await.unwrap();
        (client, attached)
    }

    async fn stop(self) {
        let Self { served, gateway, folder, .. } = self;
        assert!(tokio::task::spawn_blocking(|| gateway.stop(Duration::from_secs(10))).await.unwrap());
        for served in served {
            assert!(served.server.stop(Duration::from_secs(10)).await);
            served.engine.stop();
        }
        drop(folder);
    }
}

fn put(key: &str, value: &str) -> Body {
    Body::Put { key: key.into(), value: value.into(), class: None }
}
