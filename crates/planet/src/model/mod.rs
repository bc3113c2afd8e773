//! What a planet file may say. The sections are declarations only: meaning is
//! checked by `lint`, and put to use by `plan` and `price`.

mod access;
mod block;
mod budget;
mod data;
mod edge;
mod keys;
mod network;
mod region;
mod service;
mod store;
mod watch;

pub use access::{Access, Effect, Right, Role, Rule};
pub use block::{Activity, Block, Compute, External, Monitor};
pub use budget::{Budget, Calibrated, Category, Mix, Quote, State};
pub use data::{Backup, Class, Conflict, Data, Jurisdiction, Recovery, Sync, WhenLost};
pub use edge::{Cache, Cdn, CdnRule, Edge, Prefetch};
pub use keys::{Bridge, Enrol, Enrolment, Keys, Observe};
pub use network::{
    Balancer, BalancerKind, Bgp, Dns, Flow, Limits, Nat, Network, Protocol, Provider, Qos, SecurityGroup, Subnet, Vlan,
    Vpn,
};
pub use region::{Region, Replicas};
pub use service::{Fallback, Gateway, LoadTest, Rollout, Route, Scale, Sla, Strategy, Weights};
pub use store::{Store, StoreEngine};
pub use watch::{Escalation, Reputation, Staleness, Watch, WatchTargets};

use crate::file::section::{Named, section};
use crate::file::span::At;
use crate::file::value::{Name, Text, choice};

choice! {
    /// How the planet's blocks are divided over its regions.
    Split, "a way to split blocks" {
        /// The same for each; the remainder goes to the last regions.
        Equal = "equal",
        /// By each region's weight; the largest remainders are rounded up.
        ByWeight = "by weight",
    }
}

section! {
    /// The planet itself.
    Head {
        /// What the planet is called.
        name: At<Name>,
        /// What it is for, in a line.
        about: Option<At<Text>>,
        /// How many blocks there are. When left out, each region says its own.
        blocks: Option<At<u64>>,
        /// How the blocks are divided over the regions: "equal" gives the
        /// remainder to the last regions, "by weight" uses each region's weight.
        split: At<Split> = Split::Equal,
    }
}

section! {
    /// A planet in one file.
    Planet {
        /// The planet itself.
        planet: Head,
        /// What a block is.
        block: Block,
        /// What acknowledges and keeps their entries.
        store: Store,
        /// How busy the planet is taken to be.
        activity: Activity,
        /// What it runs on.
        compute: Compute,
        /// The places of the planet.
        region: Vec<Region>,
        /// Where an op should go.
        route: Route,
        /// What the gateways in front of the regions let through.
        gateway: Gateway,
        /// When replicas are added and removed.
        scale: Option<Scale>,
        /// Where records live.
        data: Option<Data>,
        /// Jurisdictions that are the planet's own, or not as they are known.
        jurisdiction: Vec<Jurisdiction>,
        /// What is kept for the worst day.
        backup: Option<Backup>,
        /// How soon after a failure things must work again.
        recovery: Option<Recovery>,
        /// What users were promised.
        sla: Option<Sla>,
        /// The networks inside the regions and between them.
        network: Option<Network>,
        /// What a client may ask for at most.
        limits: Option<Limits>,
        /// Machines near the users.
        edge: Option<Edge>,
        /// Content delivery.
        cdn: Option<Cdn>,
        /// Who watches the agents.
        watch: Option<Watch>,
        /// Keys and their rotation.
        keys: Option<Keys>,
        /// How an agent gets its first lease.
        enrol: Option<Enrol>,
        /// Who may do what.
        access: Option<Access>,
        /// Other chains that values travel to.
        bridge: Vec<Bridge>,
        /// What is measured and kept about the planet's running.
        observe: Option<Observe>,
        /// How new versions reach the regions.
        rollout: Option<Rollout>,
        /// Loads that the planet must stand.
        load_test: Vec<LoadTest>,
        /// What it may cost.
        budget: Budget,
        /// Figures about machines that replace the built-in ones, by name.
        calibration: Named<Calibrated>,
    }
}
