//! The price book: what things cost, where, and whether anybody has looked.

use crate::file::section::section;
use crate::file::span::At;
use crate::file::value::{Name, Text, choice};
use crate::finding::Report;
use crate::model::State;
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
    /// What machines cost when they are not bought by the hour.
    pub discount: Discount,
}

impl Book {
    /// Reads a price book.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> (Option<Self>, Report) {
        let (file, report) = crate::read::<BookFile>(bytes);
        (file.map(|file| Self { items: file.item, discount: file.discount }), report)
    }

    /// The price of an item in a provider's region, or anywhere.
    #[must_use]
    pub fn price(&self, name: &str, region: &str) -> Option<&Item> {
        let of =
            |wanted: &str| self.items.iter().find(|item| item.name.as_str() == name && item.region.as_str() == wanted);
        of(region).or_else(|| of("any"))
    }

    /// A machine by name.
    #[must_use]
    pub fn machine(&self, name: &str) -> Option<Machine> {
        let item = self.items.iter().find(|item| item.name.as_str() == name && item.cores.is_some())?;
        Some(Machine {
            name: name.to_owned(),
            cores: item.cores.as_ref()?.value,
            memory: item.memory.as_ref()?.value,
            network: item.network.as_ref()?.value,
        })
    }
}

impl Item {
    /// The price as it is shown.
    #[must_use]
    pub fn used(&self) -> Used {
        Used {
            item: self.name.to_string(),
            region: self.region.to_string(),
            unit: self.unit.word(),
            microusd: self.price.0,
            state: self.state.word(),
            source: self.source.to_string(),
            date: self.date.to_string(),
        }
    }
}
