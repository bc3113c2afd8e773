//! Regions.

use crate::file::section::section;
use crate::file::span::At;
use crate::file::value::{Name, Text};
use vocab::{Net4, Net6, Ppm, Rate, Site};

section! {
    /// A place with a site, jurisdictions, a price and a capacity.
    Region {
        /// What the file and the tools call it. A block's id is (region, index),
        /// so this is for ever.
        id: At<Name>,
        /// What people call it.
        name: Option<At<Text>>,
        /// Where it stands: [latitude, longitude].
        site: At<Site>,
        /// Whose law holds there, such as "EU" or "US-CA".
        jurisdictions: Vec<At<Text>>,
        /// Who runs the machines: "aws", "gcp", "azure", "own".
        provider: At<Name> = Name::known("aws"),
        /// The provider's own names for the place.
        provider_regions: Vec<At<Name>>,
        /// The provider's zones that are used.
        zones: Vec<At<Name>>,
        /// Blocks here, when the planet does not divide them.
        blocks: Option<At<u64>>,
        /// Weight for `split = "by weight"`.
        weight: Option<At<u64>>,
        /// How many people live within reach.
        people: Option<At<u64>>,
        /// What the region can take.
        capacity: Option<At<Rate>>,
        /// Whether nothing new is to come here; what is here goes on.
        drained: At<bool> = false,
        /// Regions that take over when this one is lost, best first.
        fallback: Vec<At<Name>>,
        /// Gateway replicas.
        replicas: Replicas,
        /// The network of this region, when it is not the planet's.
        vpc: Option<At<Net4>>,
        /// The prefix from which blocks get a /64 each.
        ipv6: Option<At<Net6>>,
        /// What users of this region were promised.
        availability: Option<At<Ppm>>,
    }
}

section! {
    /// How many gateway replicas a region has.
    Replicas {
        /// How many to begin with; `min` when left out.
        start: Option<At<u32>>,
        /// Never fewer.
        min: At<u32> = 1,
        /// Never more; as many as at the start when left out.
        max: Option<At<u32>>,
    }
}

impl Replicas {
    /// How many to begin with.
    #[must_use]
    pub fn at_start(&self) -> u32 {
        self.start.as_ref().map_or(self.min.value, |start| start.value)
    }

    /// How many at most.
    #[must_use]
    pub fn at_most(&self) -> u32 {
        self.max.as_ref().map_or_else(|| self.at_start(), |max| max.value)
    }
}
