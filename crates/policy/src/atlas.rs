//! The planet's regions as routing knows them: by number, in the order of their
//! ids, so that the order of the file decides nothing.

use crate::set::{MAX_REGIONS, RegionNumber, RegionSet};
use planet::Planet;
use std::collections::BTreeMap;
use vocab::{Rate, Site};

/// A planet that cannot be routed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unroutable {
    /// Too many regions for a set of them.
    #[error("the planet has {0} regions, and routing knows {MAX_REGIONS} at most")]
    TooMany(usize),
    /// No region.
    #[error("the planet has no regions, so nothing can go anywhere")]
    NoRegion,
    /// Two regions with one id.
    #[error("two regions are called `{0}`")]
    Twice(String),
    /// Too many residency classes for a table.
    #[error("the planet has {0} residency classes, and routing knows {limit} at most", limit = crate::residency::MAX_CLASSES)]
    TooManyClasses(usize),
    /// Weights that are no parts of 100.
    #[error(transparent)]
    Weights(#[from] crate::score::BadWeights),
}

impl Unroutable {
    /// What to try.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::TooMany(_) => "make a planet of each continent",
            Self::NoRegion => "add a [[region]]",
            Self::Twice(_) => "give each region an id of its own",
            Self::TooManyClasses(_) => "make one class of those that say the same",
            Self::Weights(_) => "change the weights until they add up to 100",
        }
    }
}

/// A region.
#[derive(Debug, Clone)]
pub struct Place {
    /// What the file calls it.
    pub id: String,
    /// Where it stands.
    pub site: Site,
    /// What it can take; without limit when the file does not say.
    pub capacity: Option<Rate>,
    /// Whether the file has it emptied.
    pub drained: bool,
    /// Where it stands in the file.
    pub in_file: usize,
}

/// The regions of a planet.
#[derive(Debug, Clone)]
pub struct Atlas {
    places: Vec<Place>,
}

impl Atlas {
    /// The regions of a planet file.
    ///
    /// # Errors
    /// When there are none, too many, or two of one id.
    pub fn new(planet: &Planet) -> Result<Self, Unroutable> {
        let regions = &planet.region;
        if regions.len() > MAX_REGIONS {
            return Err(Unroutable::TooMany(regions.len()));
        }
        let mut by_id = BTreeMap::new();
        for (in_file, region) in regions.iter().enumerate() {
            let id = region.id.to_string();
            let capacity = region.capacity.as_ref().map(|capacity| capacity.value);
            let (site, drained) = (region.site.value, region.drained.value);
            let place = Place { id: id.clone(), site, capacity, drained, in_file };
            if by_id.insert(id.clone(), place).is_some() {
                return Err(Unroutable::Twice(id));
            }
        }
        if by_id.is_empty() { Err(Unroutable::NoRegion) } else { Ok(Self { places: by_id.into_values().collect() }) }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> RegionSet {
        RegionSet::first(self.count())
    }

    /// Those that the file has emptied.
    #[must_use]
    pub fn drained(&self) -> RegionSet {
        self.iter().filter(|(_, place)| place.drained).map(|(number, _)| number).collect()
    }

    /// Each with its number.
    pub fn iter(&self) -> impl Iterator<Item = (RegionNumber, &Place)> {
        (0..=u8::MAX).map(RegionNumber).zip(&self.places)
    }

    /// A region by number.
    #[must_use]
    pub fn place(&self, region: RegionNumber) -> Option<&Place> {
        self.places.get(region.at())
    }

    /// What the file calls a region.
    #[must_use]
    pub fn id(&self, region: RegionNumber) -> &str {
        self.place(region).map_or("", |place| &place.id)
    }

    /// The region that the file calls so.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<RegionNumber> {
        self.iter().find(|(_, place)| place.id == id).map(|(number, _)| number)
    }

    /// Regions by what the file says of each.
    #[must_use]
    pub(crate) fn where_file(&self, of_file: &[bool]) -> RegionSet {
        let is_in = |place: &Place| of_file.get(place.in_file).copied().unwrap_or(false);
        self.iter().filter(|(_, place)| is_in(place)).map(|(number, _)| number).collect()
    }
}
