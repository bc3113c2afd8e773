//! Bytes as words that people can copy by hand: eleven bits a word, out of
//! BIP-39's English list, whose words differ in their first four letters.
//!
//! The bytes end with a checksum, so that a word that is not the right one is
//! found: by trying what else could stand there, its place is known too.

use crate::KeyError;
use std::fmt;
use std::sync::LazyLock;
use zeroize::{Zeroize as _, Zeroizing};

/// Words of a share.
pub const WORDS: usize = 48;
/// The bytes that they stand for: exactly as many bits.
pub const BYTES: usize = WORDS * 11 / 8;
/// Words that are suggested in place of one that is not in the list.
const MOST_NEAR: usize = 3;
/// Letters between a word and one that is suggested for it.
const NEAR: usize = 2;

static LIST: LazyLock<Vec<&'static str>> = LazyLock::new(|| include_str!("words.txt").lines().collect());

/// Why words are no share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadWords {
    /// Too few, or too many.
    Count(usize),
    /// A word that is not in the list.
    Unknown {
        /// Which word, counted from 1.
        at: usize,
        /// What stands there.
        word: String,
        /// What is written nearly like it.
        near: Vec<&'static str>,
        /// What else is not in the list.
        more: usize,
    },
    /// A word of the list, and not the one that stood there.
    Wrong {
        /// Which word, counted from 1.
        at: usize,
        /// What stands there.
        word: String,
        /// What has stood there.
        instead: &'static str,
    },
    /// Two words that stand in each other's place.
    Swapped {
        /// The first of them, counted from 1.
        at: usize,
    },
    /// More than one.
    Several,
}

impl std::error::Error for BadWords {}

impl fmt::Display for BadWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(found) => write!(f, "a share has {WORDS} words, and these are {found}"),
            Self::Unknown { at, word, near, more } => {
                write!(f, "word {at}, \"{}\", is not in the list of words", shortened(word))?;
                if !near.is_empty() {
                    write!(f, "; near to it are: {}", near.join(", "))?;
                }
                if *more > 0 {
                    write!(f, "; and {more} more words are not")?;
                }
                Ok(())
            }
            Self::Wrong { at, word, instead } => {
                write!(f, "word {at}, \"{word}\", is not what was written: \"{instead}\" would be right")
            }
            Self::Swapped { at } => write!(f, "words {at} and {} stand in each other's place", at + 1),
            Self::Several => f.write_str("more than one word is not what was written: compare each with the page"),
        }
    }
}

/// What is told of a word that may be any text.
fn shortened(word: &str) -> String {
    word.chars().filter(|letter| !letter.is_control()).take(24).collect()
}

/// The words of bytes.
#[must_use]
pub fn words(bytes: &[u8; BYTES]) -> Vec<&'static str> {
    let mut numbers = numbers(bytes);
    let words = numbers.iter().map(|number| LIST.get(usize::from(*number)).copied().unwrap_or_default()).collect();
    numbers.zeroize();
    words
}

/// Reads words; `good` says whether bytes have their checksum.
///
/// # Errors
/// When they are no words of a share: with the place of what is wrong, where
/// there is one.
pub fn read(text: &str, good: &dyn Fn(&[u8; BYTES]) -> bool) -> Result<Zeroizing<[u8; BYTES]>, BadWords> {
    // One more than there can be is enough to say that they are too many.
    let found: Vec<&str> = text.split_whitespace().take(WORDS * 4).collect();
    if found.len() != WORDS {
        return Err(BadWords::Count(found.len()));
    }
    let mut numbers = Zeroizing::new([0_u16; WORDS]);
    let mut unknown: Option<BadWords> = None;
    for (at, word) in found.iter().enumerate() {
        let word = Zeroizing::new(word.to_lowercase());
        match (LIST.binary_search(&word.as_str()).ok().and_then(|number| u16::try_from(number).ok()), &mut unknown) {
            (Some(number), _) => numbers[at] = number,
            (None, Some(BadWords::Unknown { more, .. })) => *more += 1,
            (None, _) => {
                unknown = Some(BadWords::Unknown { at: at + 1, word: word.to_string(), near: near(&word), more: 0 });
            }
        }
    }
    match unknown {
        Some(BadWords::Unknown { at, word, near, more: 0 }) => {
            // The one word that is missing follows from the others.
            let near = instead(&mut numbers, at - 1, good).map_or(near, |right| vec![right]);
            return Err(BadWords::Unknown { at, word, near, more: 0 });
        }
        Some(unknown) => return Err(unknown),
        None => {}
    }
    let bytes = bytes(&numbers);
    if good(&bytes) { Ok(bytes) } else { Err(wrong(&mut numbers, good)) }
}

/// Which word is not the right one.
fn wrong(numbers: &mut [u16; WORDS], good: &dyn Fn(&[u8; BYTES]) -> bool) -> BadWords {
    for at in 0..WORDS - 1 {
        numbers.swap(at, at + 1);
        let right = good(&bytes(numbers));
        numbers.swap(at, at + 1);
        if right {
            return BadWords::Swapped { at: at + 1 };
        }
    }
    for at in 0..WORDS {
        let word = LIST.get(usize::from(numbers[at])).copied().unwrap_or_default().to_owned();
        if let Some(instead) = instead(numbers, at, good) {
            return BadWords::Wrong { at: at + 1, word, instead };
        }
    }
    BadWords::Several
}

/// The word that would make the others a share.
fn instead(numbers: &mut [u16; WORDS], at: usize, good: &dyn Fn(&[u8; BYTES]) -> bool) -> Option<&'static str> {
    let before = numbers[at];
    let right = (0..).zip(LIST.iter()).find(|(number, _)| {
        numbers[at] = *number;
        good(&bytes(numbers))
    });
    numbers[at] = before;
    right.map(|(_, word)| *word)
}

fn near(word: &str) -> Vec<&'static str> {
    let short = shortened(word);
    let distance = |listed: &str| strsim::damerau_levenshtein(listed, &short);
    let mut near: Vec<_> =
        LIST.iter().map(|listed| (distance(listed), *listed)).filter(|(letters, _)| *letters <= NEAR).collect();
    near.sort_unstable();
    near.into_iter().take(MOST_NEAR).map(|(_, listed)| listed).collect()
}

fn numbers(bytes: &[u8; BYTES]) -> Vec<u16> {
    let bit = |at: usize| u16::from(bytes[at / 8] >> (7 - at % 8) & 1);
    (0..WORDS).map(|word| (0..11).fold(0, |number, at| number << 1 | bit(word * 11 + at))).collect()
}

fn bytes(numbers: &[u16; WORDS]) -> Zeroizing<[u8; BYTES]> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    for (word, number) in numbers.iter().enumerate() {
        for at in 0..11 {
            let (place, bit) = (word * 11 + at, number >> (10 - at) & 1);
            bytes[place / 8] |= u8::from(bit == 1) << (7 - place % 8);
        }
    }
    bytes
}

/// Letters that every scanner of QR pictures reads in its densest mode for
/// text: RFC 4648's, without padding.
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Bytes as letters and digits.
#[must_use]
pub fn letters(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity((bytes.len() * 8).div_ceil(5)));
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    for from in (0..bytes.len() * 8).step_by(5) {
        let number = (from..from + 5).fold(0_u8, |number, at| number << 1 | bit(at));
        text.push(char::from(LETTERS[usize::from(number & 31)]));
    }
    text
}

/// Reads exactly so many bytes of letters and digits.
#[must_use]
pub fn read_letters(text: &str, length: usize) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() != (length * 8).div_ceil(5) {
        return None;
    }
    let mut bytes = Zeroizing::new(vec![0; length]);
    for (from, letter) in (0..).step_by(5).zip(text.bytes()) {
        let number = (0_u8..).zip(LETTERS).find(|(_, listed)| **listed == letter.to_ascii_uppercase())?.0;
        for at in 0..5_usize {
            let bit = number >> (4 - at) & 1;
            match bytes.get_mut((from + at) / 8) {
                Some(byte) => *byte |= bit << (7 - (from + at) % 8),
                // Bits that no byte owns: there is one text of every bytes.
                None if bit == 1 => return None,
                None => {}
            }
        }
    }
    Some(bytes)
}

/// A file that holds a share, read: no more of it than a share can have.
///
/// # Errors
/// When the disk refuses, or it is too large.
pub fn read_file(file: &std::path::Path) -> Result<Zeroizing<String>, KeyError> {
    use std::io::Read as _;
    const MOST: u64 = 16 << 10;
    let mut text = Zeroizing::new(String::with_capacity(2_048));
    let open = std::fs::File::open(file).map_err(crate::folder::failed(format!("read {}", file.display())))?;
    open.take(MOST).read_to_string(&mut text).map_err(crate::folder::failed(format!("read {}", file.display())))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    #[test]
    fn the_list_is_bip_39s() {
        let digest: String =
            Sha256::digest(include_str!("words.txt")).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda");
        assert!(LIST.len() == 2_048 && LIST.is_sorted());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes: [u8; BYTES]) {
            let text = words(&bytes).join(" ");
            prop_assert_eq!(*read(&text, &|_| true).unwrap(), bytes);
            let text = letters(&bytes);
            prop_assert_eq!(&**read_letters(&text, BYTES).unwrap(), &bytes[..]);
            prop_assert_eq!(&**read_letters(&text.to_lowercase(), BYTES).unwrap(), &bytes[..]);
        }

        #[test]
        fn letters_have_one_text(text in "[A-Z2-7]{106}") {
            if let Some(bytes) = read_letters(&text, BYTES) {
                prop_assert_eq!(&**letters(&bytes), &text[..]);
            }
        }
    }
}
