//! The planet over the network, end to end: what a client gets, and what
//! everybody else does not.

#![allow(clippy::unwrap_used, clippy::panic)]

mod access;
mod audit;
mod bounds;
mod crowds;
mod floods;
mod gateways;
mod hostile;
mod keep;
mod life;
mod ops;
mod raw;
mod rights;
#[path = "../support/mod.rs"]
mod support;

use client::{Ask, Body, Client, Code, Error, Place};
use node::Engine;
use node::http::{Bounds, Listen, Server};
use std::net::SocketAddr;
use support::{PLANET, key, start};
use tempfile::TempDir;

pub(crate) struct Planet {
    pub(crate) engine: Engine,
    pub(crate) server: Server,
    pub(crate) at: SocketAddr,
    pub(crate) folder: TempDir,
}

pub(crate) async fn planet() -> Planet {
    bounded(Bounds::default()).await
}

/// A planet that puts up with less.
pub(crate) async fn bounded(bounds: Bounds) -> Planet {
    listening(Listen { addresses: vec!["127.0.0.1:0".parse().unwrap()], bounds, ..Listen::default() }).await
}

pub(crate) async fn listening(listen: Listen) -> Planet {
    serving(PLANET, listen).await
}

/// A planet of a file.
pub(crate) async fn serving(file: &str, listen: Listen) -> Planet {
    let folder = tempfile::tempdir().unwrap();
    let (engine, _) = start(file, folder.path());
    let server = Server::start(engine.clone(), listen).await.unwrap();
    let at = server.addresses()[0];
    Planet { engine, server, at, folder }
}

impl Planet {
    pub(crate) async fn client(&self, seed: u8) -> Client {
        Client::connect(&format!("http://{}", self.at), key(seed), client::Options::default()).await.unwrap()
    }

    pub(crate) async fn attached(&self, seed: u8, region: &str) -> (Client, client::tell::Attached) {
        let client = self.client(seed).await;
        let attached = client.attach(Place::Region(region.to_owned()), None).await.unwrap();
        (client, attached)
    }
}

/// An op that waits for its turn: these tests are not about the rate.
pub(crate) fn patient(body: Body) -> Ask {
    Ask { id: None, body, patience_ms: 30_000 }
}

pub(crate) fn put(key: &str, value: &str) -> Ask {
    patient(Body::Put { key: key.into(), value: value.into(), class: None })
}

pub(crate) fn code(result: Result<impl std::fmt::Debug, Error>) -> Code {
    result.unwrap_err().code().unwrap()
}
