//! Money, and the figures that sizes are computed from.

use crate::file::section::section;
use crate::file::span::At;
use crate::file::value::{Text, choice};
use vocab::{MicroUsd, Ppm};

choice! {
    /// What money is spent on.
    Category, "a category of cost" {
        /// Machines.
        Compute = "compute",
        /// Kubernetes control planes.
        ControlPlane = "control plane",
        /// Load balancers.
        Balancers = "load balancers",
        /// Ways from private subnets to the Internet.
        Nat = "nat",
        /// Disks and archives.
        Storage = "storage",
        /// Public IPv4 addresses.
        Addresses = "addresses",
        /// Traffic between zones.
        CrossZone = "cross-zone traffic",
        /// Traffic between regions.
        CrossRegion = "cross-region traffic",
        /// Traffic to the Internet.
        Egress = "egress",
    }
}

section! {
    /// What the planet may cost.
    Budget {
        /// In a month.
        monthly: Option<At<MicroUsd>>,
        /// Shares of it at which somebody is told; 80, 90 and 100 % when left out.
        alerts: Vec<At<Ppm>>,
        /// How machines are bought.
        mix: Mix,
        /// Costs that somebody has quoted. A quote replaces what the price book
        /// computes for the categories that it names.
        quote: Vec<Quote>,
    }
}

section! {
    /// How machines are bought; together 100 %.
    Mix {
        /// Promised for a year.
        reserved: At<Ppm> = Ppm(0),
        /// Given back when asked.
        spot: At<Ppm> = Ppm(0),
        /// By the hour; what is left when left out.
        on_demand: Option<At<Ppm>>,
    }
}

impl Mix {
    /// By the hour: as written, or what is left.
    #[must_use]
    pub fn on_demand(&self) -> Ppm {
        let rest = Ppm::ONE.0.saturating_sub(self.reserved.0).saturating_sub(self.spot.0);
        self.on_demand.as_ref().map_or(Ppm(rest), |share| share.value)
    }
}

section! {
    /// A cost that somebody has quoted.
    Quote {
        /// What it is for.
        name: At<Text>,
        /// In a month.
        monthly: At<MicroUsd>,
        /// What it belongs to, for a sum of its own.
        group: Option<At<Text>>,
        /// The computed categories that it replaces; with none it is added to them.
        replaces: Vec<At<Category>>,
    }
}

choice! {
    /// Where a figure comes from.
    State, "a state of a figure" {
        /// Somebody thinks so.
        Assumed = "assumed",
        /// Somebody has looked.
        Measured = "measured",
    }
}

section! {
    /// A figure about machines: of its values, the one that fits the figure is set.
    Calibrated {
        /// Whether somebody has looked.
        state: At<State>,
        /// Where it comes from.
        source: Option<At<Text>>,
        /// A number of things.
        count: Option<At<u64>>,
        /// A size.
        size: Option<At<vocab::Bytes>>,
        /// A rate.
        rate: Option<At<vocab::Rate>>,
    }
}
