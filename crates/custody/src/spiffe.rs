//! What a node is called in its certificate:
//! `spiffe://PLANET/region/R/role/ROLE`, without the region where a node is of
//! none.
//!
//! PLANET is the planet's id, which follows from its root key. The planet's
//! name is not in it: anybody can give a planet any name, and giving it another
//! one must not make its nodes strangers to one another.

use crate::statement;
use std::fmt;
use std::str::FromStr;
use trust::PlanetId;

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Stands in front of hosts.
    Gateway,
    /// Hosts the blocks of a region.
    Block,
    /// Votes for a continent.
    Hub,
    /// Runs workers and caches for a region.
    Edge,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gateway, Self::Block, Self::Hub, Self::Edge];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Block => "block",
            Self::Hub => "hub",
            Self::Edge => "edge",
        }
    }

    /// Whether such a node is always of a region.
    const fn has_region(self) -> bool {
        matches!(self, Self::Block | Self::Edge)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Role {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        Self::ALL.into_iter().find(|role| role.word() == text).ok_or(NoName::Role)
    }
}

/// Why a text is no name of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoName {
    /// It has another form.
    #[error("a node's name is spiffe://PLANET/region/REGION/role/ROLE")]
    Form,
    /// The trust domain is no planet's id.
    #[error("the planet in a node's name is 32 letters, 0 to 9 and a to f")]
    Planet,
    /// The region could not be one of a planet file.
    #[error("a region's name is 1 to 63 of a to z, 0 to 9, - and _, which do not begin or end it")]
    Region,
    /// There is no such role.
    #[error("a node's role is gateway, block, hub or edge")]
    Role,
    /// That role is always of a region.
    #[error("a node of this role is of a region: name it")]
    NoRegion,
}

/// A node's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    planet: PlanetId,
    region: Option<String>,
    role: Role,
}

const SCHEME: &str = "spiffe://";

/// What the planet file takes for a region's id.
fn is_region(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let inner = |byte: &u8| edge(Some(byte)) || matches!(byte, b'-' | b'_');
    let bytes = text.as_bytes();
    bytes.len() <= 63 && edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inner)
}

impl Name {
    /// The name of a node.
    ///
    /// # Errors
    /// When the region could be none, or the role needs one.
    pub fn new(planet: PlanetId, region: Option<&str>, role: Role) -> Result<Self, NoName> {
        match region {
            Some(region) if !is_region(region) => Err(NoName::Region),
            None if role.has_region() => Err(NoName::NoRegion),
            region => Ok(Self { planet, region: region.map(str::to_owned), role }),
        }
    }

    /// The host of a region.
    ///
    /// # Errors
    /// When the region could be none.
    pub fn block(planet: PlanetId, region: &str) -> Result<Self, NoName> {
        Self::new(planet, Some(region), Role::Block)
    }

    /// A gateway that is of no region.
    #[must_use]
    pub const fn gateway(planet: PlanetId) -> Self {
        Self { planet, region: None, role: Role::Gateway }
    }

    /// Its planet.
    #[must_use]
    pub const fn planet(&self) -> PlanetId {
        self.planet
    }

    /// Its region.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// What it does.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.planet)?;
        if let Some(region) = &self.region {
            write!(f, "/region/{region}")?;
        }
        write!(f, "/role/{}", self.role)
    }
}

impl FromStr for Name {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let rest = text.strip_prefix(SCHEME).ok_or(NoName::Form)?;
        let mut parts = rest.split('/');
        let planet = parts.next().filter(|id| !id.bytes().any(|byte| byte.is_ascii_uppercase()));
        let planet = planet.and_then(statement::bytes).map(PlanetId).ok_or(NoName::Planet)?;
        let parts: Vec<&str> = parts.take(5).collect();
        let (region, role) = match *parts.as_slice() {
            ["region", region, "role", role] => (Some(region), role),
            ["role", role] => (None, role),
            _ => return Err(NoName::Form),
        };
        Self::new(planet, region, role.parse()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANET: PlanetId = PlanetId([0xa5; 16]);

    #[test]
    fn every_name_reads_as_what_was_written() {
        for role in Role::ALL {
            for region in [None, Some("eu-west-1"), Some("a"), Some("x_9")] {
                let Ok(name) = Name::new(PLANET, region, role) else {
                    assert!(region.is_none() && matches!(role, Role::Block | Role::Edge));
                    continue;
                };
                assert_eq!(name.to_string().parse(), Ok(name));
            }
        }
        let name = Name::block(PLANET, "dublin").unwrap().to_string();
        assert_eq!(name, "spiffe://a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5/region/dublin/role/block");
    }

    #[test]
    fn what_is_nearly_a_name_is_none() {
        let id = PLANET.to_string();
        for (bad, why) in [
            (String::new(), NoName::Form),
            (format!("http://{id}/role/gateway"), NoName::Form),
            (format!("SPIFFE://{id}/role/gateway"), NoName::Form),
            (format!("spiffe://{}/role/gateway", id.to_uppercase()), NoName::Planet),
            (format!("spiffe://{}/role/gateway", &id[1..]), NoName::Planet),
            (format!("spiffe://{id}:1/role/gateway"), NoName::Planet),
            (format!("spiffe://{id}/role/gateway/"), NoName::Form),
            (format!("spiffe://{id}//role/gateway"), NoName::Form),
            (format!("spiffe://{id}/role/gateway?x"), NoName::Role),
            (format!("spiffe://{id}/role/Gateway"), NoName::Role),
            (format!("spiffe://{id}/role/block"), NoName::NoRegion),
            (format!("spiffe://{id}/region//role/block"), NoName::Region),
            (format!("spiffe://{id}/region/-/role/block"), NoName::Region),
            (format!("spiffe://{id}/region/a%2fb/role/block"), NoName::Region),
            (format!("spiffe://{id}/region/{}/role/block", "a".repeat(64)), NoName::Region),
        ] {
            assert_eq!(bad.parse::<Name>(), Err(why), "{bad}");
        }
    }
}
