//! Texts of a planet in Markdown, which reads much of what people write as a
//! mark: each sign of ASCII is written so that it stands for itself alone.

/// A text as it is read.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        if letter.is_ascii_punctuation() {
            plain.push('\\');
        }
        plain.push(letter);
    }
    plain
}
