//! Names as other programs take them. A planet's names are lower-case letters,
//! digits, `-` and `_`; what a format does not take is refused where it stands
//! in the file, because a name that was changed silently is another's name.

use crate::Refused;
use planet::{At, Name, Text};

/// A name that is to be a DNS label.
pub(crate) fn label<'n>(name: &'n At<Name>, what: &str) -> Result<&'n str, Refused> {
    let text = name.as_str();
    if text.contains('_') {
        return Err(Refused {
            what: format!("Kubernetes does not take `{text}` as the name of a {what}"),
            hint: "a name without `_` is taken everywhere".to_owned(),
            at: Some(name.span),
        });
    }
    Ok(text)
}

/// Namespaces that are Kubernetes' own, by their beginning.
const TAKEN: &str = "kube-";

/// A name that is to be a namespace of its own.
pub(crate) fn namespace(name: &At<Name>) -> Result<&str, Refused> {
    let text = label(name, "namespace")?;
    if text == "default" || text.starts_with(TAKEN) {
        return Err(Refused {
            what: format!("the namespace `{text}` is Kubernetes' own"),
            hint: "call the planet something else".to_owned(),
            at: Some(name.span),
        });
    }
    Ok(text)
}

/// A text that is to be a domain.
pub(crate) fn domain(zone: &At<Text>) -> Result<&str, Refused> {
    let text = zone.value.as_str();
    let part = |part: &str| {
        let known = part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        known && (1..=63).contains(&part.len()) && !part.starts_with('-') && !part.ends_with('-')
    };
    if text.len() <= 240 && text.contains('.') && text.split('.').all(part) {
        return Ok(text);
    }
    Err(Refused {
        what: format!("`{}` is no domain", text.escape_debug()),
        hint: "write it as planet.example".to_owned(),
        at: Some(zone.span),
    })
}

/// The longest name of an image: a registry's host, a path, a tag and a digest.
const MOST_IMAGE: usize = 512;

/// What may stand in the name of an image, and nothing that means anything to a
/// shell, to YAML or to Compose.
pub(crate) fn image(image: &str) -> Result<(), Refused> {
    let known = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let good = image.len() <= MOST_IMAGE && image.chars().all(known);
    if good && edge(image.chars().next()) && edge(image.chars().last()) {
        return Ok(());
    }
    let shown: String = image.escape_debug().take(80).collect();
    Err(Refused {
        what: format!("`{shown}` is not the name of an image"),
        hint: "write it as registry.example/mycel:0.1.0".to_owned(),
        at: None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn images_are_names_and_nothing_else() {
        for good in ["mycel:0.1.0", "registry.example:5000/a/mycel", "m@sha256:0a"] {
            image(good).unwrap();
        }
        for bad in ["", "a b", "${X}", "a\nb", "-a", "a:", "é", "{{a}}", &"a".repeat(513)] {
            assert!(image(bad).is_err(), "{bad}");
        }
    }
}
