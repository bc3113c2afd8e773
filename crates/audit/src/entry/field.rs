//! The fields that acts are made of.

use crate::{Malformed, number};
use serde_json::{Value, json};
use std::fmt;

/// Fields read one after another.
#[derive(Debug)]
pub(crate) struct Reader<'b>(&'b [u8]);

const SHORT: Malformed = Malformed("the entry ends too early");

impl<'b> Reader<'b> {
    pub(crate) const fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    fn bytes(&mut self, length: usize) -> Result<&'b [u8], Malformed> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed("something follows the entry")) }
    }
}

/// What an act can have.
pub(crate) trait Field: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed>;
    fn json(&self) -> Value;
}

impl Field for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array().map(Self::from_be_bytes)
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

impl Field for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array().map(Self::from_be_bytes)
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

impl Field for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("yes is 1 and no is 0")),
        }
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// A text of one line and at most so many bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<const MOST: usize>(String);

impl<const MOST: usize> Text<MOST> {
    /// The text, when it is short enough and has no control characters.
    ///
    /// # Errors
    /// When it is not.
    pub fn new(text: &str) -> Result<Self, Malformed> {
        if text.len() > MOST || text.chars().any(char::is_control) {
            return Err(Malformed("a text of an entry is one line, a name of 64 bytes at most and a reason of 512"));
        }
        Ok(Self(text.to_owned()))
    }

    /// As much of a text as there is room for, in one line.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        let mut line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        line.truncate(line.floor_char_boundary(MOST));
        Self(line)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> fmt::Display for Text<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MOST: usize> Field for Text<MOST> {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&number::short(self.0.len()).to_be_bytes());
        out.extend_from_slice(self.0.as_bytes());
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let length = u16::from_be_bytes(reader.array()?);
        let bytes = reader.bytes(length.into())?;
        Self::new(std::str::from_utf8(bytes).map_err(|_| Malformed("a text of an entry is UTF-8"))?)
    }

    fn json(&self) -> Value {
        json!(self.0)
    }
}

macro_rules! bytes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl Field for $name {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0);
            }

            fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
                reader.array().map(Self)
            }

            fn json(&self) -> Value {
                json!(self.to_string())
            }
        }
    };
}

bytes!(
    /// A public key, or whoever is known by one.
    Key
);
bytes!(
    /// SHA-256 of something.
    Digest
);

/// What the hubs can decide about an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing is held against it.
    Clear,
    /// It is looked at.
    Watch,
    /// It gets less.
    Slow,
    /// It reaches nobody.
    Quarantine,
    /// It is turned away.
    Ban,
}

impl Verdict {
    const ALL: [(u8, Self, &'static str); 5] = [
        (0, Self::Clear, "clear"),
        (1, Self::Watch, "watch"),
        (2, Self::Slow, "slow"),
        (3, Self::Quarantine, "quarantine"),
        (4, Self::Ban, "ban"),
    ];

    fn row(self) -> (u8, &'static str) {
        Self::ALL.iter().find(|row| row.1 == self).map_or((0, ""), |row| (row.0, row.2))
    }
}

impl Field for Verdict {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.row().0);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let number = reader.byte()?;
        let row = Self::ALL.iter().find(|row| row.0 == number);
        row.map(|row| row.1).ok_or(Malformed("the entry tells of a verdict that is not known here"))
    }

    fn json(&self) -> Value {
        json!(self.row().1)
    }
}
