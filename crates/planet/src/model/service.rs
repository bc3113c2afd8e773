//! Routing, scaling, promises, rollout and load.

use crate::file::section::section;
use crate::file::span::At;
use crate::file::value::{Name, choice};
use vocab::{Millis, Ppm, Rate};

choice! {
    /// How an op is placed when the scores do not decide.
    Fallback, "a way to place an op" {
        /// The region with the fewest open connections.
        LeastConnections = "least connections",
        /// Each in turn.
        RoundRobin = "round robin",
        /// The nearest.
        Nearest = "nearest",
    }
}

section! {
    /// Where an op should go.
    Route {
        /// How much each term counts; together 100.
        weights: Weights,
        /// What decides when the scores do not.
        fallback: At<Fallback> = Fallback::LeastConnections,
        /// How often a region's health is asked for.
        health_check: At<Millis> = Millis::seconds(30),
        /// How many failed checks in a row make it unhealthy.
        unhealthy_after: At<u32> = 1,
    }
}

section! {
    /// How much each term of the routing score counts.
    Weights {
        /// Nearness.
        geography: At<u32> = 40,
        /// Health and free capacity.
        health: At<u32> = 30,
        /// Measured latency.
        latency: At<u32> = 20,
        /// Cost, with egress.
        cost: At<u32> = 10,
    }
}

section! {
    /// What the gateways in front of the regions let through.
    Gateway {
        /// How often one agent may ask.
        agent_rate: At<Rate> = Rate { events: 1_000, per: Millis::minutes(1) },
        /// How often one address may ask; an IPv6 /64 counts as one.
        address_rate: At<Rate> = Rate { events: 1_000, per: Millis::minutes(1) },
    }
}

section! {
    /// When replicas are added and removed.
    Scale {
        /// Never fewer replicas on the whole planet.
        min: Option<At<u32>>,
        /// Never more.
        max: Option<At<u32>>,
        /// Add above this share of CPU.
        cpu: Option<At<Ppm>>,
        /// Add above this share of memory.
        memory: Option<At<Ppm>>,
        /// Add above this many requests.
        requests: Option<At<Rate>>,
        /// Add above this latency of the slowest 1 %.
        p99: Option<At<Millis>>,
    }
}

section! {
    /// What users were promised.
    Sla {
        /// The share of time in which the planet answers.
        availability: Option<At<Ppm>>,
        /// The same for the primary region.
        primary: Option<At<Ppm>>,
        /// The same for the edge.
        edge: Option<At<Ppm>>,
        /// 99 of 100 requests are answered within.
        p99: Option<At<Millis>>,
        /// 95 of 100 requests are answered within.
        p95: Option<At<Millis>>,
        /// The share of requests that may fail.
        errors: Option<At<Ppm>>,
    }
}

choice! {
    /// How a new version replaces the old one.
    Strategy, "a way to roll out" {
        /// Both stand, traffic moves over.
        BlueGreen = "blue-green",
        /// Replica by replica.
        Rolling = "rolling",
        /// A few users first.
        Canary = "canary",
    }
}

section! {
    /// How new versions reach the regions, one region after the other.
    Rollout {
        /// How a new version replaces the old one.
        strategy: At<Strategy> = Strategy::BlueGreen,
        /// The regions in the order of the rollout; the file's order when left out.
        order: Vec<At<Name>>,
        /// Whether a region that gets worse is put back.
        rollback: At<bool> = true,
    }
}

section! {
    /// A load that the planet must stand.
    LoadTest {
        /// What the test is called.
        name: At<Name>,
        /// How long it runs.
        duration: At<Millis>,
        /// 95 of 100 requests within.
        p95: Option<At<Millis>>,
        /// 99 of 100 requests within.
        p99: Option<At<Millis>>,
        /// The share of requests that may fail.
        errors: Option<At<Ppm>>,
        /// How fast connections are added.
        ramp: Option<At<Rate>>,
        /// How much memory may grow, in bytes an hour.
        growth_per_hour: Option<At<vocab::Bytes>>,
        /// How much slower it may become.
        latency_rise: Option<At<Ppm>>,
        /// How much throughput may be lost.
        throughput_loss: Option<At<Ppm>>,
    }
}
