//! Variables in values, as Compose fills them in: from `.env`, or from what the
//! value itself says for the case that nobody has set them.
//!
//! What an operator sets in the environment is in no file, so nothing here can
//! judge it.

use std::collections::BTreeMap;

pub(crate) type Variables = BTreeMap<String, String>;

/// A value, filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filled {
    Text(String),
    /// An operator has to say it: Compose stops without it.
    Asked,
    /// It has a form that is not understood, or a variable that nobody sets.
    Unknown(String),
}

pub(crate) fn fill(text: &str, variables: &Variables) -> Filled {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            filled.push('$');
            rest = after;
            continue;
        }
        let Some((inside, after)) = after.strip_prefix('{').and_then(|inside| inside.split_once('}')) else {
            return Filled::Unknown("a `$` without braces".to_owned());
        };
        rest = after;
        let end = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inside.len());
        let (name, how) = inside.split_at(end);
        match (variables.get(name).filter(|value| !value.is_empty() || !how.starts_with(':')), how) {
            (Some(value), _) => filled.push_str(value),
            (None, "") => return Filled::Unknown(format!("nobody sets `{name}`")),
            (None, how) if how.contains('$') => return Filled::Unknown(format!("`{name}` is filled in twice")),
            (None, how) => match how.strip_prefix(':').unwrap_or(how).split_at_checked(1) {
                Some(("-", default)) => filled.push_str(default),
                Some(("?", _)) => return Filled::Asked,
                _ => return Filled::Unknown(format!("`{name}` is filled in by a form that is not understood")),
            },
        }
    }
    filled.push_str(rest);
    Filled::Text(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_filled_in_as_compose_does() {
        let variables = Variables::from([("SET".to_owned(), "x".to_owned()), ("EMPTY".to_owned(), String::new())]);
        let text = |text: &str| Filled::Text(text.to_owned());
        for (value, filled) in [
            ("a", text("a")),
            ("a$$b", text("a$b")),
            ("${SET}:1", text("x:1")),
            ("${SET:-y}", text("x")),
            ("${NONE:-127.0.0.1:7}:7", text("127.0.0.1:7:7")),
            ("${EMPTY:-y}", text("y")),
            ("${EMPTY-y}", text("")),
            ("${NONE:?say it}/a", Filled::Asked),
        ] {
            assert_eq!(fill(value, &variables), filled, "{value}");
        }
        for unknown in ["$SET", "${NONE}", "${NONE:+y}", "${NONE:-${SET}}", "${SET", "${a.b}"] {
            assert!(matches!(fill(unknown, &variables), Filled::Unknown(_)), "{unknown}");
        }
    }
}
