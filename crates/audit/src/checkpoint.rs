//! Checkpoints: how many entries a log has and their root, signed
//! (`c2sp.org/tlog-checkpoint`), and cosigned by whoever watches it
//! (`c2sp.org/tlog-cosignature`).
//!
//! It must never believe a signature of another key, another log or another
//! text. Lines beyond the three are refused: ours have none.

use crate::Malformed;
use crate::note::{KeyKind, Line, Note, Verifier, decimal, decode, is_name};
use base64ct::{Base64, Encoding};
use std::fmt;
use trust::PlanetId;
use trust::merkle::{Head, Node};
use trust::sign::{PublicKey, Signature, SigningKey};

/// What a planet's audit log is called: the first line of its checkpoints, and
/// the name of its key. Planets of one name are two by their id.
///
/// # Errors
/// When the planet's name is not made for it.
pub fn origin(name: &str, planet: PlanetId) -> Result<String, Malformed> {
    let origin = format!("mycel/audit/{name}/{planet}");
    let is_plain = name.chars().all(|letter| letter.is_ascii_graphic() && letter != '/');
    if !name.is_empty() && is_plain && is_name(&origin) {
        return Ok(origin);
    }
    Err(Malformed("a planet's name in its audit log is letters, digits and marks, without spaces, + and /"))
}

/// The head of a log, and of which log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log.
    pub origin: String,
    /// How many entries, and their root.
    pub head: Head,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.head.size, Base64::encode_string(&self.head.root.0))
    }
}

impl Checkpoint {
    /// Reads the text of a checkpoint, without its signatures.
    ///
    /// # Errors
    /// When it has not the one form of such a text.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let lines: Vec<_> = text.strip_suffix('\n').unwrap_or_default().split('\n').collect();
        let [origin, size, root] = lines[..] else {
            return Err(Malformed("a checkpoint has three lines: origin, size and root"));
        };
        if !is_name(origin) {
            return Err(Malformed("a checkpoint's origin has 1 to 200 bytes without spaces and without +"));
        }
        let size = decimal(size).ok_or(Malformed("a checkpoint's size is a number without zeros before it"))?;
        let root = decode(root).and_then(|root| <[u8; 32]>::try_from(root).ok());
        let root = Node(root.ok_or(Malformed("a checkpoint's root is base64 of 32 bytes"))?);
        if size == 0 && root != Node::empty() {
            return Err(Malformed("no entries have one root, and it is not this"));
        }
        Ok(Self { origin: origin.to_owned(), head: Head { size, root } })
    }
}

/// Why a checkpoint is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// There is none.
    #[error("there is none: a planet signs one when its log begins, and `mycel audit mirror` copies it")]
    Absent,
    /// It is none.
    #[error("it is no checkpoint: {0}")]
    Malformed(#[from] Malformed),
    /// It is of another log.
    #[error("it is a checkpoint of another log than the key is of")]
    Origin,
    /// The key has not signed it.
    #[error("the key has not signed it")]
    Missing,
    /// A signature that says it is of the key is not.
    #[error("its signature is false: the text was changed, or it was never signed")]
    False,
}

/// A checkpoint that one known key has signed, with all its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// As it stands, with signatures of others, which nobody has checked.
    pub note: Note,
}

impl Signed {
    /// Reads a checkpoint and checks that its log has signed it.
    ///
    /// # Errors
    /// When it is none, of another log, or not signed by that key.
    pub fn open(text: &str, log: &Verifier) -> Result<Self, NotSigned> {
        let note = Note::parse(text)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        if checkpoint.origin != log.name() {
            return Err(NotSigned::Origin);
        }
        signed(&note, log)?;
        Ok(Self { checkpoint, note })
    }

    /// When a witness cosigned it, in seconds since 1970 began.
    ///
    /// # Errors
    /// When it has not.
    pub fn cosigned(&self, witness: &Verifier) -> Result<u64, NotSigned> {
        signed(&self.note, witness)
    }
}

/// Checks every signature that says it is of a key; the time of the first.
pub(crate) fn signed(note: &Note, verifier: &Verifier) -> Result<u64, NotSigned> {
    let mut found = None;
    for line in note.lines.iter().filter(|line| line.name == verifier.name() && line.id == verifier.id()) {
        let (time, signature) = match verifier.kind() {
            KeyKind::Note => (0, &line.signature[..]),
            KeyKind::Cosignature => {
                let (time, signature) = line.signature.split_first_chunk().ok_or(NotSigned::False)?;
                (u64::from_be_bytes(*time), signature)
            }
        };
        let signature = Signature(signature.try_into().map_err(|_| NotSigned::False)?);
        let message = match verifier.kind() {
            KeyKind::Note => note.text.clone(),
            KeyKind::Cosignature => cosigned(&note.text, time),
        };
        verifier.key().verify_note(&message, &signature).map_err(|_| NotSigned::False)?;
        found = found.or(Some(time));
    }
    found.ok_or(NotSigned::Missing)
}

fn cosigned(text: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

/// Who signs checkpoints: a log's key, or a witness's.
#[derive(Debug)]
pub struct Signer {
    verifier: Verifier,
    key: SigningKey,
}

impl Signer {
    /// A signer under a name.
    ///
    /// # Errors
    /// When the name is none.
    pub fn new(name: &str, kind: KeyKind, key: SigningKey) -> Result<Self, Malformed> {
        let public = PublicKey::new(key.id()).map_err(|_| Malformed("the key is no key that signatures hold under"))?;
        Ok(Self { verifier: Verifier::new(name, kind, public)?, key })
    }

    /// Who can check it.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Its line below a checkpoint's text; the time, in seconds since 1970
    /// began, is a witness's.
    ///
    /// # Errors
    /// When it is no text that can be signed.
    pub fn line(&self, text: &str, seconds: u64) -> Result<Line, Malformed> {
        let bad = |_| Malformed("the text cannot be signed");
        let signature = match self.verifier.kind() {
            KeyKind::Note => self.key.sign_note(text).map_err(bad)?.0.to_vec(),
            KeyKind::Cosignature => {
                let signature = self.key.sign_note(&cosigned(text, seconds)).map_err(bad)?;
                [&seconds.to_be_bytes()[..], &signature.0].concat()
            }
        };
        Ok(Line { name: self.verifier.name().to_owned(), id: self.verifier.id(), signature })
    }

    /// A head of its own log, signed by it alone.
    ///
    /// # Errors
    /// When it is no text that can be signed.
    pub fn sign(&self, head: Head) -> Result<Note, Malformed> {
        let text = Checkpoint { origin: self.verifier.name().to_owned(), head }.to_string();
        Ok(Note { lines: vec![self.line(&text, 0)?], text })
    }
}

/// Who signs the checkpoints of a log: its key, and for as long as there are
/// those who know no other the one before it.
#[derive(Debug)]
pub struct Signers {
    /// The key of the log.
    pub present: Signer,
    /// The key that it had before, while it is still believed.
    pub before: Option<Signer>,
}

impl From<Signer> for Signers {
    fn from(present: Signer) -> Self {
        Self { present, before: None }
    }
}

impl Signers {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Signer> {
        std::iter::once(&self.present).chain(&self.before)
    }

    /// Opens a checkpoint that one of them has signed.
    pub(crate) fn open(&self, text: &str) -> Result<Signed, NotSigned> {
        match (Signed::open(text, self.present.verifier()), &self.before) {
            (Err(NotSigned::Missing), Some(before)) => Signed::open(text, before.verifier()),
            (opened, _) => opened,
        }
    }

    /// Whether a note has the lines of all of them, and of nobody else.
    pub(crate) fn are_of(&self, note: &Note) -> bool {
        note.lines.iter().map(|line| line.id).eq(self.all().map(|signer| signer.verifier().id()))
    }

    /// A head of their log, signed by all of them.
    pub(crate) fn sign(&self, head: Head) -> Result<Note, Malformed> {
        let mut note = self.present.sign(head)?;
        if let Some(before) = &self.before {
            note.lines.push(before.line(&note.text, 0)?);
        }
        Ok(note)
    }
}
