//! What a gateway takes for true instead of what it measures, so that what has
//! not happened can be rehearsed, and decisions compared with golden ones.

use policy::signal::Micros;
use std::collections::BTreeMap;
use vocab::{MicroUsd, Ppm, Site};

/// A state of the planet. What it leaves out is what the gateway measures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assumed {
    /// Where requests come from that do not say so themselves.
    pub from: Option<Site>,
    /// Of regions, by their ids.
    pub of: BTreeMap<String, OfRegion>,
    /// Whether the measuring itself is in doubt.
    pub panic: Option<bool>,
}

/// What is taken for true of a region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfRegion {
    /// Whether it answers.
    pub alive: Option<bool>,
    /// Whether it is being emptied.
    pub drained: Option<bool>,
    /// Whether it has taken all that it may take, or can take anything.
    pub full: Option<bool>,
    /// The share of requests that succeed.
    pub health: Option<Ppm>,
    /// The share of its capacity that is in use.
    pub load: Option<Ppm>,
    /// What a million ops cost there.
    pub cost: Option<MicroUsd>,
    /// How far it is in time from where requests come from.
    pub rtt: Option<Micros>,
    /// Requests on their way to it.
    pub connections: Option<u64>,
}
