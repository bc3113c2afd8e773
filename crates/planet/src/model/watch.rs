//! Who watches the agents, and who must agree.

use crate::file::section::{Named, section};
use crate::file::span::At;
use vocab::{Millis, Ppm, Rate};

section! {
    /// The watch: local nodes, regional nodes and hubs.
    Watch {
        /// Agents that are watched.
        agents: At<u64>,
        /// Nodes that watch agents themselves.
        local: At<u32>,
        /// Agents of one local node.
        agents_per_local: At<u32>,
        /// Nodes that put local results together.
        regional: At<u32>,
        /// Hubs, which vote.
        hubs: At<u32>,
        /// How many hubs may lie or be lost.
        tolerates: At<u32> = 1,
        /// The share of hubs that must agree; as many as are needed to reach it.
        quorum: At<Ppm> = Ppm::percent(75),
        /// Readings that confirm a partition or an attack.
        confirmations: At<u32> = 3,
        /// How long the audit log is kept.
        audit: At<Millis> = Millis::days(365),
        /// Who is believed.
        reputation: Reputation,
        /// How stale a reading may be.
        staleness: Staleness,
        /// How many must agree when the network is bad.
        escalation: Escalation,
        /// What it must reach.
        targets: WatchTargets,
    }
}

section! {
    /// Who is believed.
    Reputation {
        /// What a node needs for its results to count.
        needed: At<Ppm> = Ppm::percent(80),
        /// What a new node begins with.
        start: At<Ppm> = Ppm::percent(50),
        /// How long a new node's results count while it earns its own.
        probation: At<Millis> = Millis::days(1),
        /// What a broken promise leaves of trust.
        trust_penalty: At<Ppm> = Ppm::percent(80),
        /// What a bad result leaves of the right to aggregate.
        aggregation_penalty: At<Ppm> = Ppm::percent(50),
        /// Below this a node is out.
        ejected: At<Ppm> = Ppm::percent(10),
    }
}

section! {
    /// How stale a reading may be, between the shortest and the longest time.
    Staleness {
        /// Times are stretched at random, at least by this.
        jitter_least: At<Ppm> = Ppm::percent(50),
        /// And at most by this.
        jitter_most: At<Ppm> = Ppm::percent(150),
        /// The shortest for each kind of reading.
        least: Named<At<Millis>>,
        /// The longest for each kind of reading.
        most: Named<At<Millis>>,
        /// The shortest pause before a retry.
        retry_least: At<Millis> = Millis(100),
        /// The longest pause before a retry.
        retry_most: At<Millis> = Millis(600),
    }
}

section! {
    /// The share that must agree, by the state of the network.
    Escalation {
        /// All is well.
        normal: At<Ppm> = Ppm::percent(51),
        /// A large part is cut off.
        major: At<Ppm> = Ppm::percent(67),
        /// Most is cut off, or there is an attack.
        severe: At<Ppm> = Ppm::percent(75),
        /// It is raised at most to this.
        most: At<Ppm> = Ppm::percent(90),
        /// A partition is minor while more than this is reachable.
        minor_above: At<Ppm> = Ppm::percent(80),
        /// And major while more than this is.
        major_above: At<Ppm> = Ppm::percent(50),
    }
}

section! {
    /// What the watch must reach.
    WatchTargets {
        /// Time for one agent.
        agent: Option<At<Millis>>,
        /// Time for one local node.
        local: Option<At<Millis>>,
        /// Time for a region.
        regional: Option<At<Millis>>,
        /// Time for the planet.
        global: Option<At<Millis>>,
        /// Evidence taken in.
        evidence: Option<At<Rate>>,
        /// Decisions of one hub.
        decisions: Option<At<Rate>>,
        /// Signatures that one node checks.
        signatures: Option<At<Rate>>,
        /// What security may add.
        overhead: Option<At<Ppm>>,
        /// Attacks that may succeed.
        attack_success: Option<At<Ppm>>,
        /// Attacks that must be seen.
        detection: Option<At<Ppm>>,
    }
}
