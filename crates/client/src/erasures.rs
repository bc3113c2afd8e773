//! Having everything erased that an owner has sealed, wherever that was.

use crate::client::Client;
use crate::error::Error;
use hyper::Method;
use std::time::Duration;
use trust::AgentId;
use trust::erasure::Demand;
use wire::{ask, tell};

/// For all regions of a planet to have done it.
const LONGEST: Duration = Duration::from_secs(60);

impl Client {
    /// Signs a demand that what an agent has sealed be erased. It is good for
    /// ten minutes, and may be sent as often as need be: where it was carried
    /// out it does nothing more.
    #[must_use]
    pub fn demand(&self, of: AgentId) -> Demand {
        Demand::make(&self.0.key, self.planet(), of, self.now())
    }

    /// Sends a demand; no lease is needed for it. Behind a gateway it is
    /// answered when every region has carried it out.
    pub async fn erase(&self, demand: &Demand) -> Result<tell::Erasures, Error> {
        let body = ask::Erasure { demand: demand.text(), only_ask: false };
        let body = serde_json::to_vec(&body).map_err(|error| Error::Asked(error.to_string()))?;
        self.call(Method::POST, "/v1/erasures", Some(&body), false, LONGEST).await
    }

    /// Erases everything that this agent has sealed, in every block and region
    /// that it has been in. The op [`crate::Body::Erase`] reaches the region of
    /// its lease.
    pub async fn erase_everywhere(&self) -> Result<tell::Erasures, Error> {
        self.erase_agent(self.agent()).await
    }

    /// The same for another agent: for whoever administers the planet.
    pub async fn erase_agent(&self, agent: AgentId) -> Result<tell::Erasures, Error> {
        self.erase(&self.demand(agent)).await
    }
}
