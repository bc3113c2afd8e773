//! Reading and writing fixed forms. Each begins with a version and with what
//! kind of thing it is, so that one kind is never read as another.
//!
//! One value has one byte string: every byte is claimed by a field, nothing
//! may follow, and text is base64url that decodes to exactly those bytes.

use base64ct::{Base64UrlUnpadded, Encoding};

/// The version of every form, its first byte.
pub(crate) const VERSION: u8 = 1;

/// What a form is, its second byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Lease = 1,
    Invitation = 2,
    Application = 3,
    Rotation = 4,
    Envelope = 5,
    WrappedKey = 6,
    Inclusion = 7,
    Consistency = 8,
    Range = 9,
    Frontier = 10,
    Head = 11,
    Demand = 12,
}

/// Bytes or text that are no form of this house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Too few bytes, or too many.
    #[error("the length is not that of {0}")]
    Length(&'static str),
    /// A version that this program does not know.
    #[error("version {0} is not known here; this program reads version 1")]
    Version(u8),
    /// A form of another kind.
    #[error("this is not {0}")]
    Kind(&'static str),
    /// Text that is not base64url, or not the only base64url of its bytes.
    #[error("the text is not canonical base64url without padding")]
    Text,
    /// A field holds what it cannot.
    #[error("{0}")]
    Field(&'static str),
}

impl Kind {
    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Lease => "a lease",
            Self::Invitation => "an invitation",
            Self::Application => "an application",
            Self::Envelope => "an envelope",
            Self::WrappedKey => "a wrapped key",
            Self::Inclusion => "a proof of inclusion",
            Self::Consistency => "a proof of consistency",
            Self::Range => "a proof of a range",
            Self::Frontier => "a frontier",
            Self::Head => "the head of a tree",
            Self::Rotation => "a rotation statement",
            Self::Demand => "a demand for erasure",
        }
    }
}

/// Fields read one after another.
#[derive(Debug)]
pub(crate) struct Reader<'b> {
    left: &'b [u8],
    kind: Kind,
}

impl<'b> Reader<'b> {
    pub(crate) fn new(bytes: &'b [u8], kind: Kind) -> Result<Self, Malformed> {
        let mut reader = Self { left: bytes, kind };
        let [version] = reader.take()?;
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        let [found] = reader.take()?;
        if found != kind as u8 {
            return Err(Malformed::Kind(kind.what()));
        }
        Ok(reader)
    }

    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, left) = self.left.split_first_chunk::<N>().ok_or(Malformed::Length(self.kind.what()))?;
        self.left = left;
        Ok(*head)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.take().map(u64::from_be_bytes)
    }

    pub(crate) fn rest(self) -> &'b [u8] {
        self.left
    }

    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.left.is_empty() { Ok(()) } else { Err(Malformed::Length(self.kind.what())) }
    }
}

/// Fields written one after another into exactly `N` bytes.
pub(crate) struct Writer<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> Writer<N> {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { bytes: [0; N], at: 0 }.put(&[VERSION, kind as u8])
    }

    pub(crate) fn put(mut self, field: &[u8]) -> Self {
        self.bytes[self.at..self.at + field.len()].copy_from_slice(field);
        self.at += field.len();
        self
    }

    /// Skips bytes that are written later, such as a signature.
    pub(crate) fn finish(self, later: usize) -> [u8; N] {
        debug_assert_eq!(self.at + later, N, "every byte of a form belongs to a field");
        self.bytes
    }
}

/// How long the text of `bytes` bytes is.
pub(crate) const fn text_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// Writes bytes as text into `out`, which has exactly the room.
pub(crate) fn write_text<'o>(bytes: &[u8], out: &'o mut [u8]) -> &'o str {
    debug_assert_eq!(out.len(), text_len(bytes.len()));
    Base64UrlUnpadded::encode(bytes, out).unwrap_or_default()
}

/// Reads text that stands for exactly `N` bytes.
pub(crate) fn read_text<const N: usize>(text: &str, kind: Kind) -> Result<[u8; N], Malformed> {
    if text.len() != text_len(N) {
        return Err(Malformed::Length(kind.what()));
    }
    let mut bytes = [0; N];
    match Base64UrlUnpadded::decode(text, &mut bytes) {
        Ok(decoded) if decoded.len() == N => Ok(bytes),
        _ => Err(Malformed::Text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_that_no_byte_owns_are_refused() {
        // 140 bytes leave two bits over in the last letter: A is right, B to D are not.
        let mut out = [0; text_len(140)];
        let text = write_text(&[0; 140], &mut out).to_owned();
        assert_eq!(read_text::<140>(&text, Kind::Lease), Ok([0; 140]));
        for last in ["B", "C", "D", "=", "+", " ", "\n"] {
            let wrong = format!("{}{last}", &text[..text.len() - 1]);
            assert_eq!(read_text::<140>(&wrong, Kind::Lease), Err(Malformed::Text), "{last}");
        }
    }
}
