//! The planet on the network: HTTP/1.1 with JSON for people, and frames on the
//! same port for machines.
//!
//! It must never decide what the engine decides. What it adds is bounds: on
//! what is read, on how slowly it may come, and on how many come at once.
//! Hyper without a framework, because what was proved belongs to a connection.

mod admit;
mod answer;
pub(crate) mod audit;
mod bare;
mod calls;
mod crowd;
pub(crate) mod decode;
mod frames;
mod limits;
mod listen;
mod metrics;
mod no;
mod openapi;
mod pace;
mod peer;
mod route;
mod serve;
pub(crate) mod shown;
mod stream;
mod table;
pub(crate) mod tls;
mod understood;
mod want;

use crate::engine::Engine;
use crate::links;
use custody::credentials::Credentials;
use listen::Door;
use peer::Shared;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(crate) use answer::Body;
pub(crate) use bare::Reasoned;
pub(crate) use crowd::{Crowd, Place};
pub use limits::Bounds;
pub(crate) use limits::{BODY_BYTES, HEAD_BYTES, HEADERS, STRANGERS_BYTES};
pub(crate) use listen::{fresh_channel, out_of_files};
pub(crate) use no::No;
pub use openapi::document;
pub(crate) use pace::{Pace, Paced};
pub use understood::{Meaningless, understood};

/// Where a server listens, and how.
#[derive(Debug, Clone, Default)]
pub struct Listen {
    /// The addresses; port 0 is any that is free.
    pub addresses: Vec<SocketAddr>,
    /// The certificate and its key, for TLS 1.3; without them there is none,
    /// and whoever stands between the two ends can be either.
    pub tls: Option<Tls>,
    /// Where gateways come, each with a certificate; they come to the other
    /// addresses where there is none.
    pub nodes: Option<Nodes>,
    /// How long what is too slow, or too many, is put up with.
    pub bounds: Bounds,
}

/// Where other nodes come, with TLS 1.3 both ways.
#[derive(Debug, Clone)]
pub struct Nodes {
    /// The addresses; port 0 is any that is free.
    pub addresses: Vec<SocketAddr>,
    /// What is shown there, and who is believed.
    pub credentials: Arc<Credentials>,
}

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The chain of certificates, the server's own first.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// A server that runs until it is stopped, or dropped.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    nodes: Vec<SocketAddr>,
    stopping: watch::Sender<bool>,
    listeners: JoinSet<()>,
}

impl Server {
    /// Serves an engine.
    ///
    /// # Errors
    /// When an address cannot be listened at, or a certificate and its key
    /// cannot be read or do not go together.
    pub async fn start(engine: Engine, listen: Listen) -> io::Result<Self> {
        let acceptor = listen.tls.map(|tls| tls::acceptor(&tls.certificate, &tls.key)).transpose()?;
        let public = acceptor.map_or(Door::Plain, Door::Tls);
        let mut bound = Vec::with_capacity(listen.addresses.len());
        for address in listen.addresses {
            bound.push((listen::bind(address).await?, public.clone()));
        }
        let (many, of_nodes) = (bound.len(), listen.nodes.is_some());
        if let Some(nodes) = listen.nodes {
            let door = Door::Nodes(links::Door::new(&nodes.credentials)?);
            for address in nodes.addresses {
                bound.push((listen::bind(address).await?, door.clone()));
            }
        }
        let (stopping, stops) = watch::channel(false);
        let shared = Arc::new(Shared::new(engine, listen.bounds, of_nodes, stops));
        let crowd = Arc::new(crowd::Crowd::default());
        let mut listeners = JoinSet::new();
        let mut addresses = Vec::with_capacity(bound.len());
        for (listener, door) in bound {
            addresses.push(listener.local_addr()?);
            listeners.spawn(listen::accept(listener, door, Arc::clone(&crowd), Arc::clone(&shared)));
        }
        let nodes = addresses.split_off(many);
        tracing::info!(?addresses, ?nodes, "serving");
        Ok(Self { addresses, nodes, stopping, listeners })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where it listens to other nodes.
    #[must_use]
    pub fn nodes(&self) -> &[SocketAddr] {
        &self.nodes
    }

    /// Takes nothing new in, finishes what it has begun, and ends; what takes
    /// longer than `deadline` is cut off. Whether nothing was.
    pub async fn stop(mut self, deadline: Duration) -> bool {
        // Without a receiver everything has ended already.
        let _ = self.stopping.send(true);
        let all = async { while self.listeners.join_next().await.is_some() {} };
        tokio::time::timeout(deadline, all).await.is_ok()
    }
}
