//! What all connections share, and what one of them is.

use super::limits::Bounds;
use super::listen::Seat;
use super::metrics::Metrics;
use super::no::No;
use super::openapi;
use super::pace::Pace;
use crate::engine::{BlockAt, Connection, Engine};
use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, RwLock, Semaphore, watch};
use trust::attach::{Channel, Nonce, Session};
use trust::sign::Signature;
use trust::{AgentId, BlockRef, RegionTag};
use wire::Code;

/// The regions by the tags that leases and chains name them by.
pub(crate) struct Places(BTreeMap<RegionTag, String>);

impl Places {
    fn of(engine: &Engine) -> Self {
        Self(engine.regions().into_iter().map(|region| (RegionTag::of(&region.id), region.id)).collect())
    }

    /// A block as requests name it; a region that the file has no more keeps
    /// its tag.
    pub(crate) fn at(&self, block: BlockRef) -> BlockAt {
        let region = self.0.get(&block.region).cloned().unwrap_or_else(|| block.region.to_string());
        BlockAt { region, index: block.index }
    }
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) places: Places,
    pub(crate) document: Bytes,
    pub(crate) metrics: Metrics,
    pub(crate) bounds: Bounds,
    /// Whether gateways have an address of their own, where they show a
    /// certificate: then none is believed elsewhere.
    of_nodes: bool,
    /// Whether the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
    waiting: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(engine: Engine, bounds: Bounds, of_nodes: bool, stopping: watch::Receiver<bool>) -> Self {
        let places = Places::of(&engine);
        let document = openapi::document().into();
        let waiting = Arc::new(Semaphore::new(bounds.waiting));
        Self { engine, places, document, metrics: Metrics::default(), bounds, of_nodes, stopping, waiting }
    }

    /// A place among those who wait for something to happen.
    pub(crate) fn wait(&self) -> Result<OwnedSemaphorePermit, No> {
        Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| {
            let most = self.bounds.waiting;
            let what = format!("{most} requests wait for something to happen already: ask without waiting");
            No::new(Code::Unavailable, what)
        })
    }

    /// Ends when the server stops.
    pub(crate) async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        // An error means that the server is gone, and then it has stopped.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }
}

/// One connection.
pub(crate) struct Peer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) source: IpAddr,
    pub(crate) pace: Arc<Pace>,
    /// What names the connection, when both ends derive it.
    pub(crate) secure: bool,
    /// The key of the node that has shown a certificate.
    node: Option<AgentId>,
    channel: Channel,
    is_gateway: AtomicBool,
    connection: RwLock<Connection>,
    upgrade: Mutex<Option<OnUpgrade>>,
    /// Its place among all connections, for as long as it is one.
    seat: Seat,
}

impl Peer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        connection: Connection,
        (secure, node): (bool, Option<AgentId>),
        pace: Arc<Pace>,
        seat: Seat,
    ) -> Self {
        let (source, channel) = (connection.source, connection.channel);
        let (connection, upgrade) = (RwLock::new(connection), Mutex::new(None));
        let is_gateway = AtomicBool::new(false);
        Self { shared, source, pace, secure, node, channel, is_gateway, connection, upgrade, seat }
    }

    /// The connection, for as long as what is asked on it takes.
    pub(crate) async fn connection(&self) -> tokio::sync::RwLockReadGuard<'_, Connection> {
        self.connection.read().await
    }

    /// What the holder of a lease has to sign; and the channel, where it does
    /// not know it from TLS.
    pub(crate) async fn challenge(&self, lease: &str) -> Result<(Nonce, Option<Channel>), No> {
        let nonce = self.shared.engine.challenge(&mut *self.connection.write().await, lease)?;
        Ok((nonce, (!self.secure).then_some(self.channel)))
    }

    /// What a gateway has to sign; and the channel, where it does not know it
    /// from TLS.
    pub(crate) async fn await_gateway(&self) -> Result<(Nonce, Option<Channel>), No> {
        if self.shared.of_nodes && self.node.is_none() {
            let what = "gateways come to the address for nodes, and show a certificate there";
            return Err(No::new(Code::Forbidden, what));
        }
        let nonce = self.shared.engine.await_gateway(&mut *self.connection.write().await)?;
        Ok((nonce, (!self.secure).then_some(self.channel)))
    }

    /// Takes a gateway's answer.
    pub(crate) async fn vouch(&self, gateway: AgentId, signature: &Signature) -> Result<(), No> {
        if self.shared.of_nodes && self.node != Some(gateway) {
            return Err(No::new(Code::Forbidden, "the gateway's certificate is for another key"));
        }
        let mut connection = self.connection.write().await;
        self.shared.engine.vouch(&mut connection, gateway, signature)?;
        self.is_gateway.store(true, Relaxed);
        self.seat.of_a_gateway();
        Ok(())
    }

    /// Whether a gateway has proved itself here.
    pub(crate) fn is_gateway(&self) -> bool {
        self.is_gateway.load(Relaxed)
    }

    /// The session of the lease that a request shows.
    pub(crate) async fn session(&self, lease: &str) -> Result<Arc<Session>, No> {
        let engine = &self.shared.engine;
        let session = engine.session(&*self.connection.read().await, lease);
        if session.is_ok() || !self.is_gateway() {
            return Ok(session?);
        }
        Ok(engine.vouched(&mut *self.connection.write().await, lease)?)
    }

    /// Takes the answer to the newest challenge; the engine counts a wrong one
    /// against the source.
    pub(crate) async fn prove(&self, signature: &Signature) -> Result<Arc<Session>, No> {
        Ok(self.shared.engine.prove(&mut *self.connection.write().await, signature)?)
    }

    /// Keeps what the connection becomes, until its last answer is written.
    pub(crate) fn upgrade(&self, upgrade: OnUpgrade) {
        *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
    }

    /// What the connection becomes.
    pub(crate) fn upgraded(&self) -> Option<OnUpgrade> {
        self.upgrade.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
