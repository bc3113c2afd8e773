//! A planet in a folder of its own, and agents that attach to it.
#![allow(clippy::unwrap_used, clippy::panic, dead_code, unreachable_pub)]

use block::chain::OpId;
use node::{Attached, Body, Connection, Engine, OpAsk, OpDone, Options, Refusal, Started, Where};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use trust::attach::{Channel, Session, answer};
use trust::enrol::Application;
use trust::sign::SigningKey;
use trust::{AgentId, Secret};
use vocab::Millis;

/// Where an agent comes from: each from an address of its own, so that no
/// limit of a source is in the way.
pub fn source(agent: AgentId) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, agent.0[0], agent.0[1], agent.0[2]))
}

/// Two regions of eight blocks; anybody may enrol, and send much.
pub const PLANET: &str = r#"
[planet]
name = "test"
blocks = 16
[block]
op_rate = "1000000/s"
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[[region]]
id = "two"
site = [53.35, -6.26]
jurisdictions = ["EU"]
[data]
primary = "one"
[[data.class]]
name = "gdpr"
jurisdictions = ["EU"]
[enrol]
how = "open"
quota = "1000000/s"
"#;

pub fn start(file: &str, data: &Path) -> (Engine, Started) {
    start_with(file, data, &Options::default())
}

pub fn start_with(file: &str, data: &Path, options: &Options) -> (Engine, Started) {
    let (planet, report) = planet::parse(file.as_bytes());
    let planet = planet.unwrap_or_else(|| panic!("{report:?}"));
    Engine::start(&planet, data, options).unwrap()
}

pub fn key(seed: u8) -> SigningKey {
    SigningKey::new(&Secret::take(&mut [seed; 32]))
}

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A name that nobody has used: made now, and counted.
pub fn name(engine: &Engine) -> OpId {
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    OpId::counted(engine.now(), u16::try_from(next % 65_536).unwrap(), next)
}

pub struct Agent {
    pub key: SigningKey,
    pub attached: Attached,
    pub connection: Connection,
    pub session: Arc<Session>,
}

impl Agent {
    pub async fn attach(engine: &Engine, key: SigningKey, place: Where) -> Self {
        Self::try_attach(engine, key, place).await.unwrap()
    }

    pub async fn try_attach(engine: &Engine, key: SigningKey, place: Where) -> Result<Self, Refusal> {
        let application = Application::make(&key, engine.planet(), None, engine.now());
        let source = source(key.id());
        let attached = engine.attach(&application, place, source).await?;
        let mut connection = engine.connect(source, Channel([7; 32]))?;
        let nonce = engine.challenge(&mut connection, &attached.lease)?;
        let signature = answer(&key, &attached.lease, &nonce, &connection.channel).unwrap();
        let session = engine.prove(&mut connection, &signature)?;
        Ok(Self { key, attached, connection, session })
    }

    pub fn id(&self) -> AgentId {
        self.key.id()
    }

    pub async fn op(&self, engine: &Engine, kind: &'static str, body: Body) -> Result<OpDone, Refusal> {
        let ask = OpAsk { id: name(engine), kind, body, patience: Millis(0) };
        engine.op(&self.connection, &self.session, ask).await
    }

    pub async fn put(&self, engine: &Engine, key: &str, value: &str) -> Result<OpDone, Refusal> {
        let body = Body::Value { key: key.into(), value: value.into(), class: None };
        self.op(engine, "put", body).await
    }

    pub async fn get(&self, engine: &Engine, key: &str) -> Result<OpDone, Refusal> {
        self.op(engine, "get", Body::Record { key: key.into() }).await
    }

    pub async fn ops_of(&self, engine: &Engine) -> Vec<(OpId, node::OpSeen)> {
        engine.ops(&self.session, 256).await.unwrap()
    }
}

/// Follows a chain from its beginning and checks every link.
pub fn verify(block: trust::BlockRef, entries: &[Vec<u8>]) -> block::chain::Head {
    let mut head = block::chain::Head::before_the_first(block);
    for entry in entries {
        head.follow(entry).unwrap();
    }
    head
}

/// Follows what is left of a chain from its anchor on.
pub fn verify_from(
    block: trust::BlockRef,
    (sequence, link, _): (u64, block::chain::Link, [u8; 64]),
    entries: &[Vec<u8>],
) -> block::chain::Head {
    let mut head = block::chain::Head { sequence, link, ..block::chain::Head::before_the_first(block) };
    for entry in entries {
        head.follow(entry).unwrap();
    }
    head
}

/// A directory as it was once written; a checkout knows no secrets, and makes
/// files that everybody can read.
pub fn copy(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if entry.is_dir() {
            copy(&entry, &to);
        } else {
            std::fs::copy(&entry, &to).unwrap();
            std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

/// What the audit log of a data directory says, every entry of it checked.
pub fn entered(data: &Path) -> Vec<audit::Entry> {
    let log = audit::home::verifier(data).unwrap().unwrap();
    let mirror = audit::home::reader(&audit::home::folder(data)).unwrap();
    let report = audit::verify::verify(&mirror, &log, &[], &mut |_, _| {}).unwrap();
    assert!(report.is_good() && report.unknown == 0, "{:?}", report.faults);
    let size = report.signed.unwrap().checkpoint.head.size;
    let tiles = audit::Tiles::new(&mirror, size);
    (0..size).map(|index| audit::Entry::from_bytes(&tiles.entry(index).unwrap()).unwrap()).collect()
}
