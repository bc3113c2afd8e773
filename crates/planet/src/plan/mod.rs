//! What a planet comes to.

/// The network that every cell repeats.
pub const CELL: vocab::Net4 = vocab::Net4 { address: std::net::Ipv4Addr::new(192, 168, 0, 0), prefix: 16 };
