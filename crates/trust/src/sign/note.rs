//! Texts that are signed as programs beyond this house sign them: the text
//! itself, with nothing before it, as C2SP's signed notes want it.
//!
//! It must never sign what could be taken for a statement of a domain: those
//! begin with the name of the house, and no text that does is signed here.

use super::{BadSignature, HOUSE, PublicKey, Signature, SigningKey, challenge};
use ed25519_dalek::Signer as _;

/// The text is none that is signed as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a note ends with a line's end, has no other control characters, and does not begin as this house's statements do"
)]
pub struct NotANote;

fn is_note(text: &str) -> bool {
    text.ends_with('\n')
        && !text.as_bytes().starts_with(HOUSE)
        && !text.chars().any(|letter| letter != '\n' && letter.is_control())
}

impl SigningKey {
    /// Signs a text as it stands (RFC 8032).
    ///
    /// # Errors
    /// When it is no such text; then nothing is signed.
    pub fn sign_note(&self, text: &str) -> Result<Signature, NotANote> {
        if is_note(text) { Ok(Signature(self.0.sign(text.as_bytes()).to_bytes())) } else { Err(NotANote) }
    }
}

impl PublicKey {
    /// Checks a signature of a text as it stands.
    ///
    /// # Errors
    /// When it does not hold, or the text is none that is signed so.
    pub fn verify_note(&self, text: &str, signature: &Signature) -> Result<(), BadSignature> {
        if !is_note(text) {
            return Err(BadSignature::Signature);
        }
        self.holds(signature, &challenge(signature, self.id, &[text.as_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::sign::Domain;

    #[test]
    fn a_note_and_a_statement_are_never_one() {
        let key = SigningKey::new(&Secret::take(&mut [7; 32]));
        let public = PublicKey::new(key.id()).unwrap();
        let signature = key.sign_note("one\ntwo\n").unwrap();
        assert_eq!(public.verify_note("one\ntwo\n", &signature), Ok(()));
        assert_eq!(public.verify_note("one\ntwO\n", &signature), Err(BadSignature::Signature));
        for text in ["", "no end", "mycel signed v1 and more\n", "a\tb\n", "a\u{7f}\n", "a\u{85}\n"] {
            assert_eq!(key.sign_note(text), Err(NotANote), "{text:?}");
        }
        // A long name's length is a letter: without the rule this would be a note.
        const LONG: Domain = Domain::new("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
        let statement = key.sign(LONG, b"text\n");
        let framed = String::from_utf8(LONG.frame(b"text\n").concat()).unwrap();
        assert_eq!(public.verify(LONG, b"text\n", &statement), Ok(()));
        assert_eq!(public.verify_note(&framed, &statement), Err(BadSignature::Signature));
    }
}
