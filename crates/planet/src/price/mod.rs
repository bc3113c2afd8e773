//! What a planet costs in a month: computed from the plan and the price book,
//! and what somebody has quoted instead. Every computed figure is modelled.

pub mod bill;
pub mod book;
mod compute;

pub use bill::{Bill, Line, Packed, QuoteLine};

use vocab::MicroUsd;

/// Hours of a month, as providers count them.
pub const HOURS: u64 = 730;

/// `price × count`, for each of the hours of a month.
pub(crate) fn monthly(price: MicroUsd, count: u64) -> MicroUsd {
    let exact = u128::from(price.0) * u128::from(count) * u128::from(HOURS);
    MicroUsd(u64::try_from(exact).unwrap_or(u64::MAX))
}

/// `price` for each gigabyte of so many bytes, rounded up.
pub(crate) fn by_gigabyte(price: MicroUsd, bytes: u128) -> MicroUsd {
    let exact = bytes.saturating_mul(u128::from(price.0)).div_ceil(1_000_000_000);
    MicroUsd(u64::try_from(exact).unwrap_or(u64::MAX))
}
