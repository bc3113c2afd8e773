//! What a planet costs in a month: computed from the plan and the price book,
//! and what somebody has quoted instead. Every computed figure is modelled.

pub mod bill;
pub mod book;
mod compute;
mod network;
mod packed;

pub use bill::{Bill, Line, QuoteLine};
pub use packed::Packed;

use crate::plan::{Unplannable, count};
use vocab::MicroUsd;

/// Hours of a month, as providers count them.
pub const HOURS: u64 = 730;

/// `price × amount`, for each of the hours of a month.
pub(crate) fn monthly(price: MicroUsd, amount: u64) -> Result<MicroUsd, Unplannable> {
    count(u128::from(price.0) * u128::from(amount) * u128::from(HOURS)).map(MicroUsd)
}

/// `price` for each gigabyte of so many bytes, rounded up.
pub(crate) fn by_gigabyte(price: MicroUsd, bytes: u128) -> Result<MicroUsd, Unplannable> {
    let exact = bytes.saturating_mul(u128::from(price.0));
    count(exact.div_ceil(1_000_000_000)).map(MicroUsd)
}

/// All of them together.
pub(crate) fn sum(amounts: impl IntoIterator<Item = MicroUsd>) -> Result<MicroUsd, Unplannable> {
    count(amounts.into_iter().map(|amount| u128::from(amount.0)).sum()).map(MicroUsd)
}
