//! Exact decimal text to integers, for every quantity alike.
//!
//! Floats are never involved: "0.1" has no exact float, and a price that is
//! multiplied by 133,333,334 shows it.

/// A decimal number as it was written: `mantissa / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    mantissa: u128,
    scale: u32,
}

/// More digits than this cannot be a quantity of anything; the bound keeps
/// the arithmetic below inside `u128`.
const MAX_DIGITS: u32 = 24;

impl Decimal {
    /// Reads digits, `_` between digits and at most one point from the front
    /// of `text`; returns the rest.
    pub(crate) fn take(text: &str) -> Option<(Self, &str)> {
        let (mut mantissa, mut scale, mut digits) = (0u128, 0u32, 0u32);
        let (mut in_fraction, mut last_was_digit) = (false, false);
        let mut end = 0;
        for (at, c) in text.char_indices() {
            match c {
                '0'..='9' => {
                    digits += 1;
                    if digits > MAX_DIGITS {
                        return None;
                    }
                    mantissa = mantissa * 10 + u128::from(c as u32 - '0' as u32);
                    scale += u32::from(in_fraction);
                    last_was_digit = true;
                }
                '_' if last_was_digit => last_was_digit = false,
                '.' if last_was_digit && !in_fraction => {
                    in_fraction = true;
                    last_was_digit = false;
                }
                _ => break,
            }
            end = at + c.len_utf8();
        }
        last_was_digit.then(|| (Self { mantissa, scale }, &text[end..]))
    }

    /// `self × factor`, if that is a whole number that fits 64 bits.
    pub(crate) fn times(self, factor: u64) -> Option<u64> {
        let product = self.mantissa.checked_mul(u128::from(factor))?;
        let divisor = 10u128.pow(self.scale);
        if product % divisor != 0 {
            return None;
        }
        u64::try_from(product / divisor).ok()
    }
}

/// Splits an optional `k`, `M` or `G` multiplier off the front of `text`.
/// `unit_follows` says whether what is left after it is still a unit, so that
/// the M of "MiB" is not taken for a million.
pub(crate) fn take_multiplier(text: &str, unit_follows: impl Fn(&str) -> bool) -> (u64, &str) {
    let text = text.trim_start();
    for (letter, factor) in [('k', 1_000), ('M', 1_000_000), ('G', 1_000_000_000)] {
        if let Some(rest) = text.strip_prefix(letter)
            && unit_follows(rest.trim_start())
        {
            return (factor, rest.trim_start());
        }
    }
    (1, text)
}

/// `1234567` as `1,234,567`, for people.
#[must_use]
pub fn thousands(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes `value / 10^scale` without trailing zeros.
pub(crate) fn show_fraction(value: u64, scale: u32) -> String {
    let divisor = 10u64.pow(scale);
    let (whole, rest) = (value / divisor, value % divisor);
    if rest == 0 {
        return whole.to_string();
    }
    let rest = format!("{rest:0width$}", width = scale as usize);
    format!("{whole}.{}", rest.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_exact_is_refused() {
        let (d, rest) = Decimal::take("0.0816/h").unwrap();
        assert_eq!((d.times(1_000_000), rest), (Some(81_600), "/h"));
        assert_eq!(d.times(1_000), None);
        assert!(Decimal::take("").is_none());
        assert!(Decimal::take("_1").is_none());
        assert!(Decimal::take("1_").is_none());
        assert!(Decimal::take("1.").is_none());
        assert!(Decimal::take("1234567890123456789012345").is_none());
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(thousands(0u32), "0");
        assert_eq!(thousands(999u32), "999");
        assert_eq!(thousands(8_000_000_040u64), "8,000,000,040");
    }
}
