//! Signed text: a title with a version, lines of a name and a value in one
//! order, and last a signature over all that stands before it.
//!
//! Text, because people carry these files from one machine to another and want
//! to see what they carry. One value has one text: whoever reads one writes it
//! again, and takes it only when that is the same.

use std::fmt::{self, Display, Write as _};
use trust::AgentId;
use trust::sign::{Domain, PublicKey, Signature, SigningKey};

/// Of any statement: the longest is a list of what is revoked.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// Why a text is no statement, or nobody's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadStatement {
    /// It is something else, or of another version.
    #[error("this is not {0}, or of a version that this program does not know")]
    Kind(&'static str),
    /// A line is not what it has to be.
    #[error("{what}: the line `{line}` is missing, or not as it would be written here")]
    Line {
        /// What was read.
        what: &'static str,
        /// Which line of it.
        line: &'static str,
    },
    /// It is longer than any.
    #[error("{0}: it is longer than any")]
    Large(&'static str),
    /// It is not signed by whoever has to sign it.
    #[error("{0}: the signature does not hold")]
    Signature(&'static str),
}

/// What a statement begins with, what signs it, and what errors call it.
pub(crate) struct Form {
    pub(crate) title: &'static str,
    pub(crate) domain: Domain,
    pub(crate) what: &'static str,
}

/// A statement while it is written.
pub(crate) struct Draft(String);

impl Draft {
    pub(crate) fn new(form: &Form) -> Self {
        Self(format!("{}\n", form.title))
    }

    pub(crate) fn line(mut self, name: &str, value: impl Display) -> Self {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{name} {value}");
        self
    }

    /// What a signature is over.
    pub(crate) fn text(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(crate) fn sign(&self, form: &Form, key: &SigningKey) -> Signature {
        key.sign(form.domain, self.text())
    }

    pub(crate) fn verify(&self, form: &Form, key: AgentId, signature: &Signature) -> Result<(), BadStatement> {
        let key = PublicKey::new(key).map_err(|_| BadStatement::Signature(form.what))?;
        let held = key.verify(form.domain, self.text(), signature);
        held.map_err(|_| BadStatement::Signature(form.what))
    }

    pub(crate) fn finish(self, signature: &Signature) -> String {
        self.line("signed", Letters(&signature.0)).0
    }
}

/// Bytes as letters.
pub(crate) struct Letters<'b>(pub(crate) &'b [u8]);

impl Display for Letters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Reads letters that stand for exactly `N` bytes; large ones are taken, and
/// told by whoever writes them again.
pub(crate) fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let half = |digit: u8| char::from(digit).to_digit(16).and_then(|half| u8::try_from(half).ok());
        *byte = (half(pair[0])? << 4) | half(pair[1])?;
    }
    Some(bytes)
}

/// A statement while it is read.
pub(crate) struct Reading<'t> {
    form: &'static Form,
    lines: std::iter::Peekable<std::str::Split<'t, char>>,
}

impl<'t> Reading<'t> {
    pub(crate) fn new(form: &'static Form, text: &'t str) -> Result<Self, BadStatement> {
        if text.len() > MOST_BYTES {
            return Err(BadStatement::Large(form.what));
        }
        let text = text.strip_suffix('\n').ok_or(BadStatement::Kind(form.what))?;
        let mut lines = text.split('\n');
        if lines.next() != Some(form.title) {
            return Err(BadStatement::Kind(form.what));
        }
        Ok(Self { form, lines: lines.peekable() })
    }

    pub(crate) fn bad(&self, line: &'static str) -> BadStatement {
        BadStatement::Line { what: self.form.what, line }
    }

    /// The value of the next line, when it is of that name.
    pub(crate) fn maybe(&mut self, name: &str) -> Option<&'t str> {
        let line = self.lines.next_if(|line| line.split_once(' ').is_some_and(|(found, _)| found == name))?;
        line.split_once(' ').map(|(_, value)| value)
    }

    pub(crate) fn take<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'t str) -> Option<T>,
    ) -> Result<T, BadStatement> {
        let value = self.maybe(name).ok_or_else(|| self.bad(name))?;
        read(value).ok_or_else(|| self.bad(name))
    }

    pub(crate) fn number(&mut self, name: &'static str) -> Result<u64, BadStatement> {
        self.take(name, |text| text.parse().ok())
    }

    /// The signature, behind which nothing may stand.
    pub(crate) fn end(mut self) -> Result<Signature, BadStatement> {
        let signature = self.take("signed", |text| bytes(text).map(Signature))?;
        if self.lines.next().is_some() { Err(self.bad("signed")) } else { Ok(signature) }
    }
}
