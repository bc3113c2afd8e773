//! Networks, as text and as arithmetic.

use crate::BadQuantity;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

macro_rules! network {
    ($(#[$doc:meta])* $name:ident, $address:ty, $int:ty, $bits:literal, $family:literal, $example:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            /// The address as it was written, host bits and all.
            pub address: $address,
            /// How many leading bits name the network.
            pub prefix: u8,
        }

        impl $name {
            /// A network from its parts; `None` when the prefix is too long.
            #[must_use]
            pub fn new(address: $address, prefix: u8) -> Option<Self> {
                (prefix <= $bits).then_some(Self { address, prefix })
            }

            fn mask(self) -> $int {
                <$int>::MAX.checked_shl($bits - u32::from(self.prefix)).unwrap_or(0)
            }

            /// The first address of the network.
            #[must_use]
            pub fn first(self) -> $int {
                <$int>::from(self.address) & self.mask()
            }

            /// The last address of the network.
            #[must_use]
            pub fn last(self) -> $int {
                self.first() | !self.mask()
            }

            /// Whether the address has bits set below the prefix.
            #[must_use]
            pub fn has_host_bits(self) -> bool {
                <$int>::from(self.address) != self.first()
            }

            /// The same network with the host bits cleared.
            #[must_use]
            pub fn network(self) -> Self {
                Self { address: self.first().into(), prefix: self.prefix }
            }

            /// Whether every address of `other` is one of this network.
            #[must_use]
            pub fn contains(self, other: Self) -> bool {
                self.first() <= other.first() && other.last() <= self.last()
            }

            /// Whether the two share an address.
            #[must_use]
            pub fn overlaps(self, other: Self) -> bool {
                self.first() <= other.last() && other.first() <= self.last()
            }
        }

        impl FromStr for $name {
            type Err = BadQuantity;

            fn from_str(text: &str) -> Result<Self, BadQuantity> {
                let bad = |what: &str| BadQuantity::new(format!("`{text}` {what}"), $example);
                let (address, prefix) = text
                    .split_once('/')
                    .ok_or_else(|| bad("has no prefix length after a `/`"))?;
                let address = address
                    .parse()
                    .map_err(|_| bad(concat!("is not an ", $family, " network")))?;
                let prefix = prefix.parse().ok().filter(|p: &u8| *p <= $bits && prefix.len() <= 3 && !prefix.starts_with('+'));
                let prefix = prefix.ok_or_else(|| bad(concat!("has a prefix length that is not 0 to ", stringify!($bits))))?;
                Ok(Self { address, prefix })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}/{}", self.address, self.prefix)
            }
        }
    };
}

network!(
    /// An IPv4 network.
    Net4, Ipv4Addr, u32, 32, "IPv4", "10.0.0.0/16"
);
network!(
    /// An IPv6 network.
    Net6, Ipv6Addr, u128, 128, "IPv6", "2001:db8::/32"
);

impl Net4 {
    /// Whether no router on the Internet carries it: RFC 1918 and the shared
    /// space of RFC 6598.
    #[must_use]
    pub fn is_private(self) -> bool {
        let private = [
            (Ipv4Addr::new(10, 0, 0, 0), 8),
            (Ipv4Addr::new(172, 16, 0, 0), 12),
            (Ipv4Addr::new(192, 168, 0, 0), 16),
            (Ipv4Addr::new(100, 64, 0, 0), 10),
        ];
        private.iter().any(|&(address, prefix)| Self { address, prefix }.contains(self))
    }

    /// Whether it is one of the three networks of RFC 5737, which exist to be
    /// written in examples.
    #[must_use]
    pub fn is_documentation(self) -> bool {
        let examples = [Ipv4Addr::new(192, 0, 2, 0), Ipv4Addr::new(198, 51, 100, 0), Ipv4Addr::new(203, 0, 113, 0)];
        examples.iter().any(|&address| Self { address, prefix: 24 }.contains(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Net4 {
        text.parse().unwrap()
    }

    #[test]
    fn networks_know_their_ends() {
        assert_eq!(net("0.0.0.0/0").last(), u32::MAX);
        assert_eq!(net("10.1.2.3/32").first(), net("10.1.2.3/32").last());
        assert!(net("10.0.1.5/24").has_host_bits());
        assert_eq!(net("10.0.1.5/24").network(), net("10.0.1.0/24"));
        assert!(net("10.0.0.0/16").contains(net("10.0.101.0/24")));
        assert!(!net("10.0.0.0/16").overlaps(net("10.1.0.0/24")));
    }

    #[test]
    fn the_originals_network_is_refused_by_name() {
        let error = "172.20.na.0/16".parse::<Net4>().unwrap_err();
        assert_eq!(error.what, "`172.20.na.0/16` is not an IPv4 network");
        for bad in ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/+1", "10.0.0/8", "/8", "::/0"] {
            assert!(bad.parse::<Net4>().is_err(), "{bad}");
        }
    }
}
