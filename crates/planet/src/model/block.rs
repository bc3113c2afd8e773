//! Blocks, how busy they are, and what they run on.

use crate::file::section::section;
use crate::file::span::At;
use crate::file::value::{Name, choice};
use vocab::{Bytes, Millis, Net4, Ppm, Rate};

choice! {
    /// How a block is reached from outside its cell.
    External, "a way to reach a block" {
        /// Through its region's gateways.
        Gateway = "gateway",
        /// By an IPv6 /64 of its own, from its region's `ipv6`.
        Ipv6 = "ipv6",
        /// By a public IPv4 address of its own.
        Ipv4 = "ipv4",
    }
}

section! {
    /// What a block is: one /26 of its cell, with a router, slots and a monitor.
    Block {
        /// Slots of a block, at most 60.
        slots: At<u16> = 60,
        /// The network that every cell repeats; 1,024 blocks of /26 fill a /16.
        cell: At<Net4> = crate::plan::CELL,
        /// How often the holder of a slot may send an op.
        op_rate: At<Rate> = Rate::per_second(1),
        /// How often it may send an op that only reads; as `op_rate` when it is
        /// left out. Both count together.
        read_rate: Option<At<Rate>>,
        /// How many ops may wait in a block.
        queue: At<u32> = 1_000,
        /// How long the entries of a chain are kept; for ever when it is left out.
        chain_kept: Option<At<Millis>>,
        /// How a block is reached from outside.
        external: At<External> = External::Gateway,
        /// The traffic monitor of each block.
        monitor: Monitor,
    }
}

section! {
    /// How a block's monitor scores its sources, and when it bans one.
    Monitor {
        /// Over how much time a source is scored.
        window: At<Millis> = Millis::seconds(60),
        /// Traffic in the window that scores `large_score`.
        large: At<Bytes> = Bytes(1_000_000),
        /// Score for more traffic than `large`.
        large_score: At<u32> = 3,
        /// Requests in the window that score `requests_score`.
        requests: At<u32> = 100,
        /// Score for more requests than `requests`.
        requests_score: At<u32> = 2,
        /// Destinations in the window that score `destinations_score`.
        destinations: At<u32> = 10,
        /// Score for more destinations than `destinations`.
        destinations_score: At<u32> = 2,
        /// The most that the mean score of single events can add.
        event_score: At<u32> = 7,
        /// A source above this score is suspicious.
        suspicious: At<u32> = 5,
        /// A source above this score is banned.
        blocked: At<u32> = 10,
        /// Failed authentications that lock a source out.
        failures: At<u32> = 5,
        /// How long it is locked out.
        lockout: At<Millis> = Millis::hours(1),
    }
}

section! {
    /// How busy the planet is taken to be, for sizing and price.
    Activity {
        /// The share of all slots that send ops.
        active: At<Ppm> = Ppm::percent(10),
        /// How often each of them does.
        op_rate: At<Rate> = Rate { events: 1, per: Millis(60_000) },
        /// What an op weighs on the wire, each way.
        op_size: At<Bytes> = Bytes(200),
        /// The share of traffic that leaves for the Internet.
        internet: At<Ppm> = Ppm::ONE,
        /// The share of traffic that crosses a zone.
        cross_zone: At<Ppm> = Ppm::percent(50),
        /// The share of traffic that crosses a region.
        cross_region: At<Ppm> = Ppm::percent(1),
        /// Data kept for each slot that is active.
        stored: At<Bytes> = Bytes(10_240),
    }
}

section! {
    /// What the planet runs on. The machines are entries of the price book.
    Compute {
        /// The machine that hosts blocks.
        host: At<Name> = Name::known("m7g-4xlarge"),
        /// The machine that runs one gateway replica.
        gateway: At<Name> = Name::known("m7g-large"),
        /// Whether each region has a Kubernetes control plane.
        kubernetes: At<bool> = true,
    }
}
