//! Signed notes, as C2SP writes them down: a text, an empty line, and lines of
//! signatures (`c2sp.org/signed-note`).
//!
//! It must never read two texts as one note: what is read is written as the
//! same text, to the letter. Signatures of keys that nobody asked about are
//! kept and believed by nobody.

use crate::Malformed;
use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};
use std::fmt;
use trust::AgentId;
use trust::sign::PublicKey;

/// The longest note that is read. 16 signatures are the least that a reader
/// has to take; these are some 500 of ours.
pub const MAX_NOTE: usize = 64 * 1_024;
/// The longest name of a key, or of a log.
pub const MAX_NAME: usize = 200;

/// What a key signs, by the numbers of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum KeyKind {
    /// A note, as it stands.
    Note = 1,
    /// A checkpoint, with the time: `cosignature/v1`.
    Cosignature = 4,
}

/// Whose signatures are believed: a name, a kind and a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    kind: KeyKind,
    key: PublicKey,
}

impl Verifier {
    /// The verifier of a key under a name.
    ///
    /// # Errors
    /// When the name is none.
    pub fn new(name: &str, kind: KeyKind, key: PublicKey) -> Result<Self, Malformed> {
        if !is_name(name) {
            return Err(Malformed("a key's name has 1 to 200 bytes without spaces and without +"));
        }
        Ok(Self { name: name.to_owned(), kind, key })
    }

    /// Reads `name+id+key`, as it is shown.
    ///
    /// # Errors
    /// When it is not the one text of such a key.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let bad = Malformed("a log's key is written NAME+ID+KEY: its name, 8 hexadecimal digits, base64");
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else { return Err(bad) };
        let bytes = decode(key).ok_or(bad)?;
        let (kind, key) = match bytes.split_first() {
            Some((1, key)) => (KeyKind::Note, key),
            Some((4, key)) => (KeyKind::Cosignature, key),
            _ => return Err(Malformed("the key is of a kind that is not known here: Ed25519 is 1, a witness's is 4")),
        };
        let key = AgentId(key.try_into().map_err(|_| bad)?);
        let key = PublicKey::new(key).map_err(|_| Malformed("the key is no Ed25519 key that signatures hold under"))?;
        let read = Self::new(name, kind, key)?;
        if read.to_string() == text { Ok(read) } else { Err(Malformed("the key's id is not that of its name and key")) }
    }

    /// Its name: for a log, the origin of its checkpoints.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What its signatures are found by.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, self.kind, self.key.id())
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[number(self.kind)], &self.key.id().0[..]].concat();
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id()), Base64::encode_string(&bytes))
    }
}

const fn number(kind: KeyKind) -> u8 {
    match kind {
        KeyKind::Note => 1,
        KeyKind::Cosignature => 4,
    }
}

/// SHA-256 of the name, a line's end, the kind and the key: its first 4 bytes.
pub(crate) fn key_id(name: &str, kind: KeyKind, key: AgentId) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(name.as_bytes());
    hash.update([b'\n', number(kind)]);
    hash.update(key.0);
    let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
    [a, b, c, d]
}

/// Whether a key or a log can be called so.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let allowed = |letter: char| !letter.is_whitespace() && !letter.is_control() && letter != '+';
    !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(allowed)
}

/// One signature of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The name of the key.
    pub name: String,
    /// Its id.
    pub id: [u8; 4],
    /// What it made of the text; how long that is depends on its kind.
    pub signature: Vec<u8>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id[..], &self.signature].concat();
        writeln!(f, "\u{2014} {} {}", self.name, Base64::encode_string(&bytes))
    }
}

/// A text, and who has signed it, by its own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The text, with the end of its last line.
    pub text: String,
    /// The signatures: none of them is checked yet.
    pub lines: Vec<Line>,
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// When it has not the one form of a note.
    pub fn parse(note: &str) -> Result<Self, Malformed> {
        if note.len() > MAX_NOTE {
            return Err(Malformed("a note has at most 64 KiB"));
        }
        if note.chars().any(|letter| letter != '\n' && letter.is_control()) {
            return Err(Malformed("a note has no control characters but the ends of its lines"));
        }
        let at = note.rfind("\n\n").ok_or(Malformed("a note's text ends with an empty line, and signatures follow"))?;
        let (text, signatures) = (&note[..=at], &note[at + 2..]);
        let signatures =
            signatures.strip_suffix('\n').ok_or(Malformed("a note ends with a signature and a line's end"))?;
        let lines = signatures.split('\n').map(line).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), lines })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.lines.iter().try_for_each(|line| write!(f, "{line}"))
    }
}

fn line(line: &str) -> Result<Line, Malformed> {
    let bad = Malformed("a signature is a dash, a name and base64 of 5 bytes or more");
    let (name, bytes) = line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' ')).ok_or(bad)?;
    let bytes = decode(bytes).ok_or(bad)?;
    let (id, signature) = bytes.split_first_chunk().ok_or(bad)?;
    if !is_name(name) || signature.is_empty() {
        return Err(bad);
    }
    Ok(Line { name: name.to_owned(), id: *id, signature: signature.to_vec() })
}

/// Reads the one base64 of some bytes.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = Base64::decode_vec(text).ok()?;
    (Base64::encode_string(&bytes) == text).then_some(bytes)
}

/// Reads a number as it is shown.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
