//! YAML: a comment that says what a file is, and documents. Whatever a planet
//! says goes in as a value, and the writer quotes it.

use crate::{Refused, comment};
use serde_json::Value;

/// Writes documents, with comments before the first.
pub(crate) fn file(comments: &[String], documents: &[Value]) -> Result<String, Refused> {
    let mut text = String::new();
    for comment in comments {
        text.push_str(&comment::line(comment));
        text.push('\n');
    }
    for (at, document) in documents.iter().enumerate() {
        if at > 0 {
            text.push_str("---\n");
        }
        text.push_str(&serde_saphyr::to_string(document).map_err(refused)?);
    }
    Ok(text)
}

fn refused(why: impl std::fmt::Display) -> Refused {
    let hint = "say it in the planet file in other words".to_owned();
    Refused { what: format!("this cannot be written as YAML: {why}"), hint, at: None }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(
            text in any::<String>(),
            hostile in "([\"'{}$#:|>&*!%@`?~<=\\-\\[\\], \n\r\t]|\\{\\{|\\$\\{|---\n|\u{85}|\u{2028}|yes|0o1|é|😀){0,60}",
            comment in any::<String>(),
        ) {
            let value = json!({ "a": text, "list": [hostile, { "b": text }], hostile.clone(): { "c": hostile } });
            let written = file(std::slice::from_ref(&comment), std::slice::from_ref(&value)).unwrap();
            let read: Value = serde_saphyr::from_str(&written).unwrap();
            prop_assert_eq!(read, value);
        }
    }
}
