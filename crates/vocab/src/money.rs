//! Money, in millionths of a US dollar.

use crate::BadQuantity;
use crate::decimal::{Decimal, take_multiplier, thousands};
use std::fmt;
use std::str::FromStr;

/// An amount of money in µUSD. Prices of single requests need six decimals;
/// a planet's year still fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MicroUsd(pub u64);

const EXAMPLE: &str = "$50_000";

impl MicroUsd {
    /// Whole dollars.
    #[must_use]
    pub const fn dollars(dollars: u64) -> Self {
        Self(dollars * 1_000_000)
    }

    /// Rounded to whole dollars and grouped, for tables.
    #[must_use]
    pub fn rounded(self) -> String {
        let dollars = self.0 / 1_000_000 + u64::from(self.0 % 1_000_000 >= 500_000);
        format!("${}", thousands(dollars))
    }

    /// Saturating sum: a bill that no longer fits is shown as the largest one.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl FromStr for MicroUsd {
    type Err = BadQuantity;

    /// "$50_000", "$0.0816", "$1.5M".
    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let bad = |what: String| BadQuantity::new(what, EXAMPLE);
        let amount = text.trim().strip_prefix('$').ok_or_else(|| bad(format!("`{text}` does not begin with `$`")))?;
        let (number, rest) = Decimal::take(amount).ok_or_else(|| bad(format!("`{text}` is not an amount")))?;
        let (factor, rest) = take_multiplier(rest, str::is_empty);
        if !rest.is_empty() {
            return Err(bad(format!("`{text}` has `{rest}` after the amount")));
        }
        let micro = number.times(factor * 1_000_000);
        micro.map(Self).ok_or_else(|| bad(format!("`{text}` is finer than a millionth of a dollar, or too large")))
    }
}

impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, micro) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if micro == 0 {
            return write!(f, "${whole}");
        }
        if micro % 10_000 == 0 {
            return write!(f, "${whole}.{:02}", micro / 10_000);
        }
        write!(f, "${whole}.{}", format!("{micro:06}").trim_end_matches('0'))
    }
}
