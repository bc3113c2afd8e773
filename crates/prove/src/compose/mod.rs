//! The files of Compose: services, the networks that they share, and the ports
//! that they open on their machine.
//!
//! Two services that share a network reach each other at every port, in both
//! directions: Compose filters nothing. So who may reach whom is who may share a
//! network, and a service on one that is not internal reaches the Internet.

mod beside;
mod judge;
mod publish;
mod read;
mod service;
mod variables;

pub(crate) use judge::{prove, why};

use crate::atoms::Range;
use crate::compose::publish::Published;
use crate::program::Begun;
use crate::report::At;

/// A service, as far as its paths go.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) at: At,
    pub(crate) name: String,
    /// What it begins after, each with its line.
    pub(crate) after: Vec<(u32, String)>,
    pub(crate) role: Role,
    /// How the program is begun, when it is what runs.
    pub(crate) program: Option<Begun>,
    pub(crate) networks: Vec<Joined>,
    pub(crate) published: Vec<Published>,
}

/// What a service is for; who needs whom follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// The region, or the whole planet.
    Program,
    /// A block that is shown literally.
    Router,
    /// An agent of such a block.
    Agent,
    Prometheus,
    Grafana,
    Other,
}

/// A network that a service is on.
#[derive(Debug, Clone)]
pub(crate) struct Joined {
    pub(crate) at: At,
    pub(crate) network: String,
    pub(crate) address: Option<Range>,
}

#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub(crate) at: At,
    pub(crate) name: String,
    /// Nothing leaves it, and nothing comes in.
    pub(crate) is_internal: bool,
    pub(crate) subnets: Vec<(Range, Option<Range>)>,
}

/// What stands in the files of one scope.
#[derive(Debug, Clone, Default)]
pub(crate) struct Project {
    pub(crate) services: Vec<Service>,
    pub(crate) networks: Vec<Network>,
    /// Whom Prometheus measures, and where Grafana reads: service and port.
    pub(crate) asked: Vec<(At, Role, String, u16)>,
}

impl Project {
    pub(crate) fn network(&self, name: &str) -> Option<&Network> {
        self.networks.iter().find(|network| network.name == name)
    }

    /// The networks that two services share, as the second joins them.
    pub(crate) fn shared<'s>(&self, one: &Service, two: &'s Service) -> Vec<&'s Joined> {
        let has = |joined: &&Joined| one.networks.iter().any(|other| other.network == joined.network);
        two.networks.iter().filter(has).collect()
    }

    /// The first network of a service that something leaves.
    pub(crate) fn way_out<'s>(&self, service: &'s Service) -> Option<&'s Joined> {
        let leads_out = |joined: &&Joined| self.network(&joined.network).is_none_or(|network| !network.is_internal);
        service.networks.iter().find(leads_out)
    }
}
