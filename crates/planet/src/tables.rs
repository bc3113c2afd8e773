//! The data that sizes and prices are computed from: what is built in, or what
//! the user hands over instead.

use crate::plan::calibration::Calibration;
use crate::price::book::Book;

/// Figures and prices.
#[derive(Debug, Clone)]
pub struct Tables {
    /// Figures about machines.
    pub calibration: Calibration,
    /// The price book.
    pub book: Book,
}

/// The calibration file that is built in.
pub const CALIBRATION: &str = include_str!("../data/calibration.toml");
/// The price book that is built in.
pub const PRICES: &str = include_str!("../data/prices.toml");

impl Tables {
    /// What is built in.
    ///
    /// # Panics
    /// When the data files in this repository are broken, which a test sees.
    #[must_use]
    #[allow(clippy::expect_used)]
    pub fn builtin() -> Self {
        Self {
            calibration: Calibration::parse(CALIBRATION.as_bytes()).0.expect("data/calibration.toml is read by a test"),
            book: Book::parse(PRICES.as_bytes()).0.expect("data/prices.toml is read by a test"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_data_is_good() {
        for (text, report) in
            [(CALIBRATION, Calibration::parse(CALIBRATION.as_bytes()).1), (PRICES, Book::parse(PRICES.as_bytes()).1)]
        {
            assert_eq!(report.errors(), 0, "{text}\n{:?}", report.findings());
        }
        assert_eq!(Tables::builtin().calibration.figures().len(), crate::plan::calibration::FIGURES.len());
    }
}
