//! Where records of a class may be, for what, and under which duties.
//!
//! Compiled once from the planet into sets of regions. This is the first filter
//! of every decision, and the only way to a candidate leads through it: in
//! failover, in panic, while draining, for caches and for backups.

pub mod paths;

use crate::atlas::{Atlas, Unroutable};
use crate::route::Filter;
use crate::set::{RegionNumber, RegionSet};
use planet::law::{Ground, Laws, NO_CLASS};
use planet::{Planet, WhenLost};
use serde::Serialize;
use vocab::Millis;

/// Residency classes that a routing table has room for. The published plans
/// have three; each costs a byte and a tick for each origin.
pub const MAX_CLASSES: usize = 1_024;

/// What is to be done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Kept, where it is the record.
    Store,
    /// Read or computed with, and not kept.
    Process,
    /// Kept for a while, where it is a copy that answers.
    Cache,
    /// Kept, where it is a copy for the worst day.
    BackUp,
}

impl Purpose {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Store, Self::Process, Self::Cache, Self::BackUp];

    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Process => "process",
            Self::Cache => "cache",
            Self::BackUp => "back up",
        }
    }
}

/// A residency class; 0 is that of records without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ClassNumber(pub u16);

impl ClassNumber {
    /// Records that no law binds.
    pub const NONE: Self = Self(0);
}

/// What a class asks for beside a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duties {
    /// How long a record may be kept.
    pub retention: Option<Millis>,
    /// Its owner must have agreed.
    pub consent: bool,
    /// Its owner may opt out of being shared.
    pub opt_out: bool,
    /// It may never be sold.
    pub no_sale: bool,
    /// Its owner may have it erased.
    pub erasure: bool,
    /// It is processed where it is kept, and nowhere else.
    pub local_processing: bool,
    /// What happens when its region is lost.
    pub when_lost: WhenLost,
}

/// A class, compiled.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// What records name it by.
    pub name: String,
    /// What it asks for beside a place.
    pub duties: Duties,
    /// Where it may be kept: lawful and listed.
    keeps: RegionSet,
    /// Where the law lets it be.
    lawful: RegionSet,
    /// Why the law does, by region.
    grounds: Vec<String>,
}

/// The classes of a planet.
#[derive(Debug, Clone)]
pub struct Residency {
    classes: Vec<Compiled>,
}

impl Residency {
    /// Compiles the classes of a planet.
    ///
    /// # Errors
    /// When there are too many.
    pub fn new(planet: &Planet, atlas: &Atlas) -> Result<Self, Unroutable> {
        let laws = Laws::new(planet);
        let declared: Vec<_> = planet.data.iter().flat_map(|data| &data.class).collect();
        if declared.len() >= MAX_CLASSES {
            return Err(Unroutable::TooManyClasses(declared.len()));
        }
        let all = atlas.all();
        let free = Duties {
            retention: None,
            consent: false,
            opt_out: false,
            no_sale: false,
            erasure: false,
            local_processing: false,
            when_lost: WhenLost::Move,
        };
        let none = Compiled { name: NO_CLASS.to_owned(), duties: free, keeps: all, lawful: all, grounds: Vec::new() };
        let mut classes = vec![none];
        for class in declared {
            let ground = |in_file| laws.ground(class, in_file).map_or_else(String::new, words);
            classes.push(Compiled {
                name: class.name.to_string(),
                duties: Duties {
                    retention: class.retention.as_ref().map(|retention| retention.value),
                    consent: class.consent.value,
                    opt_out: class.opt_out.value,
                    no_sale: class.no_sale.value,
                    erasure: class.erasure.value,
                    local_processing: class.local_processing.value,
                    when_lost: class.when_lost.value,
                },
                keeps: atlas.where_file(&laws.keeps(class)),
                lawful: atlas.where_file(&laws.lawful(class)),
                grounds: atlas.iter().map(|(_, place)| ground(place.in_file)).collect(),
            });
        }
        Ok(Self { classes })
    }

    /// How many classes there are, that of records without one included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.classes.len()
    }

    /// Each class with its number; the first is that of records without one.
    pub fn iter(&self) -> impl Iterator<Item = (ClassNumber, &Compiled)> {
        (0..=u16::MAX).map(ClassNumber).zip(&self.classes)
    }

    /// A class by name. A planet's own class called "none" goes before records
    /// without one: what a name may mean is the stricter of the two.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ClassNumber> {
        self.iter().filter(|(_, class)| class.name == name).map(|(number, _)| number).max()
    }

    /// A class.
    #[must_use]
    pub fn class(&self, class: ClassNumber) -> Option<&Compiled> {
        self.classes.get(usize::from(class.0))
    }

    /// The regions in which records of a class may be for a purpose: none for a
    /// class that nobody knows.
    #[must_use]
    pub fn may(&self, class: ClassNumber, purpose: Purpose) -> RegionSet {
        self.class(class).map_or(RegionSet::NONE, |class| class.may(purpose))
    }

    /// The same for records that have a home already.
    #[must_use]
    pub fn candidates(&self, class: ClassNumber, purpose: Purpose, home: Option<RegionNumber>) -> RegionSet {
        let Some(class) = self.class(class) else { return RegionSet::NONE };
        let may = class.may(purpose);
        match home {
            Some(home) if class.stays(purpose) => may.and(RegionSet::from_iter([home])),
            _ => may,
        }
    }
}

impl Compiled {
    /// The regions in which its records may be for a purpose. What is not kept
    /// need not be listed, unless it must be processed where it is kept.
    #[must_use]
    pub const fn may(&self, purpose: Purpose) -> RegionSet {
        match purpose {
            Purpose::Process if !self.duties.local_processing => self.lawful,
            _ => self.keeps,
        }
    }

    /// Whether what has a home stays there whatever happens to it. Backups are
    /// there to be elsewhere.
    #[must_use]
    fn stays(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Store | Purpose::Cache => self.duties.when_lost == WhenLost::Refuse,
            Purpose::Process => self.duties.local_processing || self.duties.when_lost == WhenLost::Refuse,
            Purpose::BackUp => false,
        }
    }

    /// Why the law lets its records be in a region; empty when it does not.
    #[must_use]
    pub fn ground(&self, region: RegionNumber) -> &str {
        self.grounds.get(region.at()).map_or("", String::as_str)
    }

    /// Why residency removes a region, when it does.
    #[must_use]
    pub fn removes(&self, region: RegionNumber, purpose: Purpose, home: Option<RegionNumber>) -> Option<Filter> {
        if !self.lawful.has(region) {
            Some(Filter::Unlawful)
        } else if !self.may(purpose).has(region) {
            Some(Filter::NotListed)
        } else if self.stays(purpose) && home.is_some_and(|home| home != region) {
            Some(Filter::NotHome)
        } else {
            None
        }
    }
}

fn words(ground: Ground<'_>) -> String {
    match ground {
        Ground::Same(law) => format!("in {law}"),
        Ground::Within(law, whole) => format!("in {law}, which lies in {whole}"),
        Ground::Adequate(law, by) => format!("in {law}, which {by} recognises as adequate"),
        Ground::Listed => "listed by the class".to_owned(),
    }
}
