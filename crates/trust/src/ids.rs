//! What things are called in everything that is signed or sealed.
//!
//! `vocab::BlockId` counts regions as the file at hand does, and a file can be
//! edited; what is signed has to mean the same thing for ever, so here a
//! region is known by a tag of its own id.

use crate::hash;
use std::fmt;
use vocab::CellId;

/// Bytes that name something, shown in hexadecimal.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

pub(crate) use name;

name!(
    /// A planet, known by the first of its root keys: two planets of one name
    /// stay two planets.
    PlanetId, 16
);
name!(
    /// A region, known by a tag of its id in the planet file.
    RegionTag, 8
);
name!(
    /// A regional key, known by a one-way fingerprint of its secret.
    KeyId, 16
);
name!(
    /// An agent, a node or a hub: the bytes of its Ed25519 key are its name.
    AgentId, 32
);

name!(
    /// Whoever data is about: the name of an agent, or 256 bits that stand for
    /// a person or a firm.
    OwnerId, 32
);

impl From<AgentId> for OwnerId {
    fn from(agent: AgentId) -> Self {
        Self(agent.0)
    }
}

impl PlanetId {
    /// The planet whose first root key this is.
    #[must_use]
    pub fn of_root(root: AgentId) -> Self {
        Self(hash::tag(b"mycel planet v1", &root.0))
    }
}

impl RegionTag {
    /// The tag of the region that the file calls `id`.
    #[must_use]
    pub fn of(id: &str) -> Self {
        Self(hash::tag(b"mycel region v1", id.as_bytes()))
    }
}

/// A block, by names that last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockRef {
    /// Its region.
    pub region: RegionTag,
    /// Which block of that region, counted from 0.
    pub index: u64,
}

impl BlockRef {
    /// The cell that it stands in.
    #[must_use]
    pub const fn cell(self) -> CellId {
        CellId(self.index / vocab::BlockId::PER_CELL)
    }
}

impl fmt::Display for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} of region {}", self.index, self.region)
    }
}

/// A point in time: milliseconds since 1970 began in UTC. It is always handed
/// in; nothing here reads a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment that much later, or the last one there is.
    #[must_use]
    pub const fn after(self, wait: vocab::Millis) -> Self {
        Self(self.0.saturating_add(wait.0))
    }

    /// How long after `earlier` this is; nothing when it is before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> vocab::Millis {
        vocab::Millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms after 1970", self.0)
    }
}
