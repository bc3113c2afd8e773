//! π's own hexadecimal digits from any position, and the salts that are
//! windows of them.
//!
//! π is public. A salt that is a window of π adds no strength to a key: it
//! shows that nobody chose the number to their own advantage. Two keys may share
//! a window: what keeps them apart is their secrets, and the names that go into
//! the derivation. The strength is the 256-bit secret and that derivation.
//!
//! The digits come from the formula of Bailey, Borwein and Plouffe,
//! π = Σ 16⁻ᵏ (4/(8k+1) − 2/(8k+4) − 1/(8k+5) − 1/(8k+6)), which reaches a
//! position without the digits before it. It is summed in fixed point with
//! exact integers, so that every machine finds the same digits.

use crate::ids::KeyId;
use std::sync::LazyLock;

/// The furthest position. A digit there takes some seconds, because the work
/// grows with the position.
pub const FURTHEST: u64 = 10_000_000;

/// The most digits at once; each term of the sum is divided out that far.
pub const MOST: u64 = 1_024;

/// The most work at once, in positions times digits: a salt's worth of digits at
/// the furthest position. All 1,024 digits there would be half a minute that
/// nobody can interrupt; they end at position 625,000.
pub const MOST_WORK: u64 = FURTHEST * 64;

/// Bytes of a salt: 64 digits.
pub const SALT: usize = 32;

/// The terms of the formula: π adds `sign · factor / (8k + offset)`.
const TERMS: [(bool, u64, u64); 4] = [(true, 4, 1), (false, 2, 4), (false, 1, 5), (false, 1, 6)];

/// Words below the last digit. One word is ambiguous once in 2³⁷ positions;
/// then there are more.
const MOST_GUARDS: usize = 4;

/// Digits that are not computed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutOfReach {
    /// The position is too far.
    #[error("position {0} is too far: the work grows with it, so digits end at position {FURTHEST}")]
    Position(u64),
    /// Too many digits at once.
    #[error("{0} digits are too many at once: ask for at most {MOST}")]
    Count(u64),
    /// Each is in reach, and both together are not.
    #[error("{count} digits at position {position} are too much work at once: ask for at most {} there", MOST_WORK / position)]
    Work {
        /// The position.
        position: u64,
        /// How many digits.
        count: u64,
    },
}

/// `count` hexadecimal digits of π, from the one `position` places after the
/// first behind the point: `digits(0, 8)` is `243F6A88`.
///
/// # Errors
/// When the position is beyond [`FURTHEST`], the count beyond [`MOST`], or both
/// together beyond [`MOST_WORK`].
pub fn digits(position: u64, count: u64) -> Result<String, OutOfReach> {
    if position > FURTHEST {
        return Err(OutOfReach::Position(position));
    }
    if count <= MOST && position * count > MOST_WORK {
        return Err(OutOfReach::Work { position, count });
    }
    let Some(count) = usize::try_from(count).ok().filter(|_| count <= MOST) else {
        return Err(OutOfReach::Count(count));
    };
    let words = fraction(position, count.div_ceil(16));
    Ok(words.iter().map(|word| format!("{word:016X}")).collect::<String>()[..count].to_owned())
}

/// The first bytes of π's fraction: every window that [`near_salt`] can name.
static NEAR: LazyLock<Vec<u8>> =
    LazyLock::new(|| fraction(0, NEAR_WORDS).iter().flat_map(|word| word.to_be_bytes()).collect());

/// One byte names the first byte of a window, and the last window is whole.
const NEAR_WORDS: usize = (256 + SALT) / 8;

/// The salt of an owner's key: 64 digits of π from twice the first byte of its
/// id. A key like that is made whenever one is unwrapped, so its window is one
/// of those near the point, which are computed once in a process and not, as
/// [`salt`] is, once for each key.
pub(crate) fn near_salt(key: KeyId) -> [u8; SALT] {
    let [first, ..] = key.0;
    std::array::from_fn(|at| NEAR[usize::from(first) + at])
}

/// The salt of a regional key: 64 digits of π from the position that the first
/// two bytes of its id name. The keys of its cells, and what it wraps with, are
/// derived with the same.
#[must_use]
pub fn salt(key: KeyId) -> [u8; SALT] {
    let [high, low, ..] = key.0;
    let position = u16::from_be_bytes([high, low]);
    let words = fraction(position.into(), SALT / 8);
    let mut salt = [0; SALT];
    for (to, word) in salt.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_be_bytes());
    }
    salt
}

/// The first words of the fractional part of `16^position · π`.
fn fraction(position: u64, words: usize) -> Vec<u64> {
    let mut guards = 1;
    loop {
        let mut sum = summed(position, words + guards);
        // Every term was cut off by less than one unit of the last word.
        let doubt = 4 * (position + 16 * (sum.len() as u64) + 2);
        let unsettled = sum[words..].iter().rev().skip(1).all(|&word| word == 0 || word == u64::MAX)
            && (sum[words + guards - 1] < doubt || sum[words + guards - 1] > u64::MAX - doubt);
        if !unsettled || guards == MOST_GUARDS {
            sum.truncate(words);
            return sum;
        }
        guards += 1;
    }
}

/// The sum in `words` words, the first the most significant, modulo 1.
fn summed(position: u64, words: usize) -> Vec<u64> {
    let mut sum = vec![0; words];
    let beyond = 16 * words as u64;
    for (plus, factor, offset) in TERMS {
        for k in 0..=position {
            let divisor = 8 * k + offset;
            let rest = factor * power_of_16(position - k, divisor) % divisor;
            accumulate(&mut sum, plus, rest, divisor, 0);
        }
        for k in position + 1..=position + beyond {
            accumulate(&mut sum, plus, factor, 8 * k + offset, k - position);
        }
    }
    sum
}

/// Adds or takes off `rest / divisor / 16^places`, where `rest < divisor`.
fn accumulate(sum: &mut [u64], plus: bool, mut rest: u64, divisor: u64, places: u64) {
    let (first, shift) = (usize::try_from(places / 16).unwrap_or(usize::MAX), 4 * (places % 16));
    let mut above = 0u64;
    for at in first..sum.len() {
        let (word, left) = divide(rest, divisor);
        rest = left;
        let shifted = if shift == 0 { word } else { (word >> shift) | (above << (64 - shift)) };
        above = word;
        carry(&mut sum[..=at], plus, shifted);
    }
}

/// `rest · 2⁶⁴ / divisor` and what is left. Both are below 2³², so the two
/// halves of the quotient are found without wider numbers.
fn divide(rest: u64, divisor: u64) -> (u64, u64) {
    debug_assert!(rest < divisor && divisor <= u64::from(u32::MAX));
    let high = rest << 32;
    let low = (high % divisor) << 32;
    ((high / divisor) << 32 | (low / divisor), low % divisor)
}

/// Adds a word to the last of `sum`, or takes it off, and carries upwards.
fn carry(sum: &mut [u64], plus: bool, mut word: u64) {
    for place in sum.iter_mut().rev() {
        let (result, over) = if plus { place.overflowing_add(word) } else { place.overflowing_sub(word) };
        *place = result;
        if !over {
            return;
        }
        word = 1;
    }
}

/// `16^exponent mod divisor`.
fn power_of_16(exponent: u64, divisor: u64) -> u64 {
    let mut power = 1 % divisor;
    for bit in (0..u64::BITS - exponent.leading_zeros()).rev() {
        power = power * power % divisor;
        if exponent >> bit & 1 == 1 {
            power = (power << 4) % divisor;
        }
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// π by Machin's formula, 16 arctan(1/5) − 4 arctan(1/239), in long
    /// division by hand: nothing in common with the sum above.
    fn machin(words: usize) -> String {
        let divide = |number: &mut [u32], by: u64| {
            let mut rest = 0u64;
            for word in number {
                let value = rest << 32 | u64::from(*word);
                *word = u32::try_from(value / by).unwrap();
                rest = value % by;
            }
        };
        let add = |to: &mut [u32], number: &[u32], plus: bool| {
            let mut over = 0i64;
            for (to, &word) in to.iter_mut().zip(number).rev() {
                let value = i64::from(*to) + over + if plus { i64::from(word) } else { -i64::from(word) };
                *to = u32::try_from(value.rem_euclid(1 << 32)).unwrap();
                over = value.div_euclid(1 << 32);
            }
        };
        let mut pi = vec![0u32; words + 2];
        for (factor, base, positive) in [(16, 5u64, true), (4, 239, false)] {
            let mut power = vec![0u32; words + 2];
            power[0] = factor;
            divide(&mut power, base);
            for (at, odd) in (1u64..).step_by(2).enumerate() {
                if power.iter().all(|&word| word == 0) {
                    break;
                }
                let mut term = power.clone();
                divide(&mut term, odd);
                add(&mut pi, &term, (at % 2 == 0) == positive);
                divide(&mut power, base * base);
            }
        }
        assert_eq!(pi[0], 3);
        pi[1..=words].iter().map(|word| format!("{word:08X}")).collect()
    }

    #[test]
    fn the_digits_are_the_published_ones() {
        assert_eq!(digits(0, 64).unwrap(), "243F6A8885A308D313198A2E03707344A4093822299F31D0082EFA98EC4E6C89");
        assert_eq!(digits(0, 0).unwrap(), "");
        // Published as those at 10⁶, where the first digit is at 1.
        assert_eq!(digits(999_999, 14).unwrap(), "26C65E52CB4593");
    }

    #[test]
    fn five_thousand_digits_are_machins() {
        let pi = machin(640);
        for position in (0..5_000).step_by(1_000) {
            let at = usize::try_from(position).unwrap();
            assert_eq!(digits(position, 1_000).unwrap(), pi[at..at + 1_000]);
        }
    }

    #[test]
    fn a_salt_is_the_window_that_its_key_names() {
        let mut id = [9; 16];
        id[..2].copy_from_slice(&1_000u16.to_be_bytes());
        let salt: String = salt(KeyId(id)).iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(salt, digits(1_000, 64).unwrap());
    }

    #[test]
    fn an_owners_salt_is_the_window_that_its_key_names() {
        for first in [0, 1, 100, u8::MAX] {
            let salt: String = near_salt(KeyId([first; 16])).iter().map(|byte| format!("{byte:02X}")).collect();
            assert_eq!(salt, digits(2 * u64::from(first), 64).unwrap());
        }
    }

    #[test]
    fn what_would_take_for_ever_is_refused() {
        assert_eq!(digits(FURTHEST + 1, 1), Err(OutOfReach::Position(FURTHEST + 1)));
        assert_eq!(digits(0, MOST + 1), Err(OutOfReach::Count(MOST + 1)));
        assert_eq!(digits(0, u64::MAX), Err(OutOfReach::Count(u64::MAX)));
        assert_eq!(digits(FURTHEST, u64::MAX), Err(OutOfReach::Count(u64::MAX)));
    }

    #[test]
    fn every_digit_at_the_furthest_position() {
        let work = |position, count| Err(OutOfReach::Work { position, count });
        assert_eq!(digits(FURTHEST, MOST), work(FURTHEST, MOST));
        assert_eq!(digits(FURTHEST, 65), work(FURTHEST, 65));
        assert_eq!(digits(MOST_WORK / MOST + 1, MOST), work(625_001, MOST));
        let told = digits(FURTHEST, MOST).unwrap_err().to_string();
        assert!(told.ends_with("ask for at most 64 there"), "{told}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn windows_overlap_as_one_number(position in 0u64..3_000, within in 0u64..40, count in 0u64..90) {
            let whole = digits(position, within + count).unwrap();
            let at = usize::try_from(within).unwrap();
            prop_assert_eq!(&digits(position + within, count).unwrap(), &whole[at..]);
        }
    }
}
