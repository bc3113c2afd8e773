//! Texts as a POSIX shell gives them back. Between two `'` nothing means
//! anything to it but the next `'`.

/// A text as one word of a shell.
pub(crate) fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
