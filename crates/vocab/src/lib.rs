//! The words of Mycel as types: ids, quantities, addresses and limits, so that a
//! block number is never added to a price.
//!
//! It must never hold logic about planets, and never touch a clock, a file or a
//! random number. Every quantity is an exact integer in its smallest useful
//! unit; what cannot be written exactly is refused, because two readers that
//! round differently are two planets.

mod address;
mod block;
mod decimal;
mod fact;
mod geo;
pub mod limit;
mod money;
mod quantity;
mod time;

pub use address::{Net4, Net6};
pub use block::{BlockId, BlockNumber, CellId, Slot};
pub use decimal::thousands;
pub use fact::{FactEnd, FactKind, OpFact};
pub use geo::{MicroDegrees, Site};
pub use money::MicroUsd;
pub use quantity::{BitRate, Bytes, Ppm, Rate};
pub use time::Millis;

/// Why a piece of text is not the quantity that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct BadQuantity {
    /// What is wrong with the text, as one clause.
    pub what: String,
    /// A text that would have been accepted.
    pub example: &'static str,
}

impl BadQuantity {
    pub(crate) fn new(what: impl Into<String>, example: &'static str) -> Self {
        Self { what: what.into(), example }
    }
}
