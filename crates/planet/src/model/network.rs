//! Networks: what is in them, and which flows must work. Every other is denied.

use crate::file::section::{Named, section};
use crate::file::span::At;
use crate::file::value::{Name, Text, choice};
use vocab::{BitRate, Millis, Net4, Rate};

choice! {
    /// How private subnets reach the Internet.
    Nat, "a NAT layout" {
        /// They do not.
        None = "none",
        /// One gateway for the region.
        Region = "one per region",
        /// One gateway in each zone.
        Zone = "one per zone",
    }
}

choice! {
    /// What a load balancer understands.
    BalancerKind, "a kind of load balancer" {
        /// Requests (L7).
        Application = "application",
        /// Connections (L4).
        Network = "network",
        /// Regions.
        Global = "global",
    }
}

choice! {
    /// What a flow is made of.
    Protocol, "a protocol" {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
        /// Either.
        Any = "any",
    }
}

section! {
    /// The networks of the regions.
    Network {
        /// The network of each region that has none of its own. Regions that
        /// share it cannot reach each other by these addresses.
        vpc: At<Net4> = Net4 { address: std::net::Ipv4Addr::new(10, 0, 0, 0), prefix: 16 },
        /// How private subnets reach the Internet.
        nat: At<Nat> = Nat::Zone,
        /// Subnets, by tier and zone.
        subnet: Vec<Subnet>,
        /// Flows that must work; every other is denied.
        flow: Vec<Flow>,
        /// Load balancers.
        balancer: Vec<Balancer>,
        /// Security groups by the tier that they guard.
        group: Vec<SecurityGroup>,
        /// VLANs of the sites that are no cloud.
        vlan: Vec<Vlan>,
        /// Private ways in.
        vpn: Vec<Vpn>,
        /// Names.
        dns: Dns,
        /// Routing with the providers.
        bgp: Option<Bgp>,
        /// What the classes of traffic may use of the uplink.
        qos: Option<Qos>,
    }
}

section! {
    /// A range of addresses in one zone, for one tier.
    Subnet {
        /// What stands in it: "public", "private", "database".
        tier: At<Name>,
        /// Its addresses.
        net: At<Net4>,
        /// Its zone.
        zone: Option<At<Name>>,
        /// Its region; the first one when left out.
        region: Option<At<Name>>,
        /// Whether it has addresses that the Internet can reach.
        public: At<bool> = false,
    }
}

section! {
    /// A flow that must work.
    Flow {
        /// The tier it starts from, or "internet".
        from: At<Name>,
        /// The tier it goes to, or "internet", or "dns".
        to: At<Name>,
        /// The ports that it goes to; all when left out.
        ports: Vec<At<u16>>,
        /// TCP, UDP or any.
        protocol: At<Protocol> = Protocol::Tcp,
    }
}

section! {
    /// A load balancer.
    Balancer {
        /// What it is called.
        name: At<Name>,
        /// What it understands.
        kind: At<BalancerKind> = BalancerKind::Application,
        /// The tier whose subnets it stands in.
        tier: At<Name> = Name::known("public"),
        /// The zones it stands in; all of the tier's when left out.
        zones: Vec<At<Name>>,
        /// Its region; every one when left out.
        region: Option<At<Name>>,
    }
}

section! {
    /// A security group.
    SecurityGroup {
        /// What it is called.
        name: At<Name>,
        /// The tier that it guards.
        tier: At<Name>,
    }
}

section! {
    /// A VLAN, and the VLANs that it may open connections to.
    Vlan {
        /// Its tag, 1 to 4094.
        id: At<u16>,
        /// What it is called.
        name: At<Name>,
        /// Its addresses.
        net: At<Net4>,
        /// Where its connections may go.
        allow: Vec<At<Name>>,
    }
}

section! {
    /// A private way in.
    Vpn {
        /// What it is called.
        name: At<Name>,
        /// The addresses on its far side.
        net: At<Net4>,
    }
}

section! {
    /// Names.
    Dns {
        /// The zone that the planet's names are in.
        zone: Option<At<Text>>,
        /// How long an answer may be kept.
        ttl: At<Millis> = Millis::seconds(30),
    }
}

section! {
    /// Routing with the providers.
    Bgp {
        /// Our own number.
        autonomous_system: At<u32>,
        /// Providers, with the preference of each: higher wins.
        provider: Vec<Provider>,
    }
}

section! {
    /// Somebody who carries our traffic.
    Provider {
        /// What it is called.
        name: At<Name>,
        /// Higher wins.
        preference: At<u32>,
    }
}

section! {
    /// What the classes of traffic may use of the uplink.
    Qos {
        /// The whole of it.
        uplink: At<BitRate>,
        /// Each class's part.
        class: Named<At<BitRate>>,
    }
}

section! {
    /// What a client may ask for at most.
    Limits {
        /// Messages of one client.
        messages: Option<At<Rate>>,
        /// New connections of one client.
        connections: Option<At<Rate>>,
        /// Tool calls of one client.
        tool_calls: Option<At<Rate>>,
        /// Subscriptions of one client.
        subscriptions: Option<At<Rate>>,
        /// Messages of all clients together.
        total: Option<At<Rate>>,
        /// Violations that get a client banned.
        violations: Option<At<Rate>>,
        /// For how long.
        ban: Option<At<Millis>>,
        /// Connections open at one time, of all clients.
        open_connections: Option<At<u32>>,
    }
}
