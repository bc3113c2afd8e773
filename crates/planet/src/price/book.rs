//! The price book: what things cost, where, and whether anybody has looked.

use crate::file::section::section;
use crate::file::span::At;
use crate::file::value::{Name, Text, choice};
use crate::finding::Report;
use crate::model::State;
use std::collections::BTreeMap;
use vocab::{BitRate, Bytes, MicroUsd, Ppm};

choice! {
    /// What a price is for one of.
    Unit, "a unit of a price" {
        /// An hour of one.
        Hour = "hour",
        /// A gigabyte (10^9) moved.
        Gigabyte = "GB",
        /// A gigabyte (10^9) kept for a month.
        GigabyteMonth = "GB month",
    }
}

section! {
    /// A price book.
    BookFile {
        /// What machines cost when they are not bought by the hour.
        discount: Discount,
        /// The prices.
        item: Vec<Item>,
    }
}

section! {
    /// What machines cost when they are not bought by the hour, as a share of
    /// the hourly price.
    Discount {
        /// Promised for a year.
        reserved: At<Ppm>,
        /// Given back when asked.
        spot: At<Ppm>,
        /// Whether somebody has looked.
        state: At<State>,
    }
}

section! {
    /// A price.
    Item {
        /// What for.
        name: At<Name>,
        /// One of what.
        unit: At<Unit>,
        /// How much.
        price: At<MicroUsd>,
        /// The provider's region that it is for, or "any".
        region: At<Name> = Name::known("any"),
        /// Whether somebody has looked.
        state: At<State>,
        /// Where.
        source: At<Text>,
        /// When.
        date: At<Text>,
        /// Cores, for a machine.
        cores: Option<At<u64>>,
        /// Memory, for a machine.
        memory: Option<At<Bytes>>,
        /// Steady speed on the wire, for a machine.
        network: Option<At<BitRate>>,
    }
}

/// A machine that can be planned with.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Its cores.
    pub cores: u64,
    /// Its memory.
    pub memory: Bytes,
    /// Its steady speed on the wire.
    pub network: BitRate,
}

/// A price that was used, for showing where the money comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Used {
    /// What for.
    pub item: String,
    /// Of which region, or "any".
    pub region: String,
    /// Whether it stands in for regions whose own price nobody has looked up.
    pub stands_in: bool,
    /// One of what.
    pub unit: &'static str,
    /// How much.
    pub microusd: u64,
    /// "assumed" or "measured".
    pub state: &'static str,
    /// Where.
    pub source: String,
    /// When.
    pub date: String,
}

/// A price book.
#[derive(Debug, Clone)]
pub struct Book {
    items: Vec<Item>,
    /// Where the items of a name are: by region, and the first of them.
    index: BTreeMap<String, BTreeMap<String, usize>>,
    /// What machines cost when they are not bought by the hour.
    pub discount: Discount,
}

/// A price for a place.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a> {
    /// The item.
    pub item: &'a Item,
    /// Its place in the book.
    pub at: usize,
    /// Whether it is of this very place; otherwise it stands in for the one
    /// that nobody has looked up.
    pub of_this_place: bool,
}

/// What is said of items that cost the same everywhere.
const ANYWHERE: &str = "any";

impl Book {
    /// Reads a price book.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> (Option<Self>, Report) {
        let (file, report) = crate::read::<BookFile>(bytes);
        let book = file.map(|file| {
            let mut index: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
            for (at, item) in file.item.iter().enumerate() {
                index.entry(item.name.to_string()).or_default().entry(item.region.to_string()).or_insert(at);
            }
            Self { items: file.item, index, discount: file.discount }
        });
        (book, report)
    }

    /// The price of an item in a provider's region: its own, the one that holds
    /// anywhere, or another region's in its stead.
    #[must_use]
    pub fn price(&self, name: &str, region: &str) -> Option<Quoted<'_>> {
        let regions = self.index.get(name)?;
        let own = regions.get(region).or_else(|| regions.get(ANYWHERE));
        let at = *own.or_else(|| regions.values().min())?;
        Some(Quoted { item: &self.items[at], at, of_this_place: own.is_some() })
    }

    /// The item at a place in the book.
    #[must_use]
    pub fn item(&self, at: usize) -> Option<&Item> {
        self.items.get(at)
    }

    /// The names of all machines.
    #[must_use]
    pub fn machines(&self) -> Vec<&str> {
        self.index.keys().map(String::as_str).filter(|name| self.machine(name).is_some()).collect()
    }

    /// A machine by name: an item that is paid by the hour and has cores,
    /// memory and a wire.
    #[must_use]
    pub fn machine(&self, name: &str) -> Option<Machine> {
        let item = self.items.get(*self.index.get(name)?.values().min()?)?;
        let machine = Machine {
            name: name.to_owned(),
            cores: item.cores.as_ref()?.value,
            memory: item.memory.as_ref()?.value,
            network: item.network.as_ref()?.value,
        };
        (item.unit.value == Unit::Hour).then_some(machine)
    }
}

impl Item {
    /// The price as it is shown. One that stands in for a place that nobody has
    /// looked up is assumed, whatever it is at home.
    #[must_use]
    pub fn used(&self, of_this_place: bool) -> Used {
        Used {
            stands_in: !of_this_place,
            item: self.name.to_string(),
            region: self.region.to_string(),
            unit: self.unit.word(),
            microusd: self.price.0,
            state: if of_this_place { self.state.word() } else { State::Assumed.word() },
            source: self.source.to_string(),
            date: self.date.to_string(),
        }
    }
}
