//! Fields of a mapping, by name. Each field that nobody knows is a failure, and
//! so is a value that is not of the kind that its field has.

use super::yaml::{Node, Value};
use crate::report::{At, Failure, Kind, Layer};
use crate::secrets;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads one file, and gathers what is wrong with it.
pub(crate) struct Form<'f> {
    file: Arc<str>,
    layer: Layer,
    failures: &'f mut Vec<Failure>,
}

/// The fields of a mapping.
pub(crate) struct Fields<'n> {
    pub(crate) line: u32,
    by_name: BTreeMap<&'n str, &'n Node>,
}

impl<'n> Fields<'n> {
    /// A field, when it says something.
    pub(crate) fn get(&self, name: &str) -> Option<&'n Node> {
        self.by_name.get(name).copied().filter(|node| !node.is_null())
    }
}

impl<'f> Form<'f> {
    pub(crate) fn new(file: &Arc<str>, layer: Layer, failures: &'f mut Vec<Failure>) -> Self {
        Self { file: Arc::clone(file), layer, failures }
    }

    pub(crate) fn at(&self, line: u32) -> At {
        At { file: Arc::clone(&self.file), line }
    }

    /// Something that nobody here understands.
    pub(crate) fn lost(&mut self, line: u32, what: impl Into<String>) {
        self.fail(Kind::NotUnderstood, line, what);
    }

    pub(crate) fn fail(&mut self, kind: Kind, line: u32, what: impl Into<String>) {
        let at = self.at(line);
        self.failures.push(Failure::new(kind, self.layer, at, what));
    }

    /// The fields of a mapping; those that are not known are told.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, what: &str, known: &[&[&str]]) -> Fields<'n> {
        let mut by_name = BTreeMap::new();
        let Value::Map(pairs) = &node.value else {
            if !node.is_null() {
                self.lost(node.line, format!("{what} is no mapping"));
            }
            return Fields { line: node.line, by_name };
        };
        for (key, value) in pairs {
            if known.iter().any(|names| names.contains(&key.text.as_str())) {
                by_name.insert(key.text.as_str(), value);
            } else {
                self.lost(key.line, format!("{what} has a field `{}` that is not understood", shown(&key.text)));
            }
        }
        Fields { line: node.line, by_name }
    }

    /// The parts of a list.
    pub(crate) fn list<'n>(&mut self, node: Option<&'n Node>, what: &str) -> &'n [Node] {
        match node.map(|node| (&node.value, node.line)) {
            None => &[],
            Some((Value::List(parts), _)) => parts,
            Some((_, line)) => {
                self.lost(line, format!("{what} is no list"));
                &[]
            }
        }
    }

    /// The pairs of a mapping with keys of anybody's choice.
    pub(crate) fn pairs<'n>(&mut self, node: Option<&'n Node>, what: &str) -> Vec<(&'n str, &'n Node)> {
        match node.map(|node| (&node.value, node)) {
            None => Vec::new(),
            Some((Value::Map(pairs), _)) => pairs.iter().map(|(key, value)| (key.text.as_str(), value)).collect(),
            Some((_, node)) => {
                if !node.is_null() {
                    self.lost(node.line, format!("{what} is no mapping"));
                }
                Vec::new()
            }
        }
    }

    /// A text. What readers of YAML take for a number or a truth is none.
    pub(crate) fn text<'n>(&mut self, node: Option<&'n Node>, what: &str) -> Option<&'n str> {
        let node = node?;
        match &node.value {
            Value::Scalar(text, plain) if !(*plain && is_other(text)) => Some(text),
            _ => {
                self.lost(node.line, format!("{what} is no text"));
                None
            }
        }
    }

    /// A text, or what stands there as a number or truth and is taken for one.
    pub(crate) fn loose<'n>(&mut self, node: Option<&'n Node>, what: &str) -> Option<&'n str> {
        let node = node?;
        match &node.value {
            Value::Scalar(text, _) => Some(text),
            _ => {
                self.lost(node.line, format!("{what} is no text"));
                None
            }
        }
    }

    /// Texts.
    pub(crate) fn texts<'n>(&mut self, node: Option<&'n Node>, what: &str) -> Vec<&'n str> {
        self.list(node, what).iter().filter_map(|part| self.text(Some(part), what)).collect()
    }

    /// Names, as a list or as the keys of a mapping, each with its line.
    pub(crate) fn names(&mut self, node: Option<&Node>, what: &str) -> Vec<(u32, String)> {
        if let Some(Value::Map(pairs)) = node.map(|node| &node.value) {
            return pairs.iter().map(|(key, _)| (key.line, key.text.clone())).collect();
        }
        let parts = self.list(node, what);
        parts.iter().filter_map(|part| Some((part.line, self.text(Some(part), what)?.to_owned()))).collect()
    }

    /// Texts by name.
    pub(crate) fn labels(&mut self, node: Option<&Node>, what: &str) -> BTreeMap<String, String> {
        let pairs = self.pairs(node, what);
        let texts = pairs.into_iter().map(|(key, value)| (key.to_owned(), self.text(Some(value), what)));
        texts.filter_map(|(key, value)| Some((key, value?.to_owned()))).collect()
    }

    /// A truth.
    pub(crate) fn truth(&mut self, node: Option<&Node>, what: &str) -> Option<bool> {
        let node = node?;
        match &node.value {
            Value::Scalar(text, true) if text == "true" => Some(true),
            Value::Scalar(text, true) if text == "false" => Some(false),
            _ => {
                self.lost(node.line, format!("{what} is neither true nor false"));
                None
            }
        }
    }

    /// A number without quotes, as a port has.
    pub(crate) fn port(&mut self, node: Option<&Node>, what: &str) -> Option<u16> {
        let node = node?;
        let port = match &node.value {
            Value::Scalar(text, true) => plain_port(text),
            _ => None,
        };
        if port.is_none() {
            self.lost(node.line, format!("{what} is no port"));
        }
        port
    }
}

/// Digits that are a port, and nothing that some reader takes for octal.
pub(crate) fn plain_port(text: &str) -> Option<u16> {
    let good = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    if good { text.parse().ok() } else { None }
}

/// Whether a reader of YAML, 1.1 or 1.2, takes a plain text for something else.
fn is_other(text: &str) -> bool {
    const WORDS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "~"];
    if text.is_empty() || WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return true;
    }
    let number = text.trim_start_matches(['+', '-']);
    let digits = |c: char| c.is_ascii_digit() || "_.eE+-xXoabcdefABCDEF:".contains(c);
    let begins = number.starts_with(|c: char| c.is_ascii_digit()) || number.starts_with('.');
    // What looks like a number in any of the notations is taken for one when it parses.
    begins && number.chars().all(digits) && looks_numeric(number)
}

fn looks_numeric(text: &str) -> bool {
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    let prefixed = |prefix: &str, radix: u32| {
        plain.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)))
    };
    // Base 60 of YAML 1.1, as in 12:30:45.
    let sixty = plain.contains(':') && plain.chars().all(|c| c.is_ascii_digit() || c == ':');
    plain.parse::<f64>().is_ok() || prefixed("0x", 16) || prefixed("0o", 8) || prefixed("0b", 2) || sixty
}

/// A text of a file in a message: never with control characters, never long, and
/// never a secret, since messages are kept where files are not.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    if secrets::in_text(text).is_some() {
        return "(not shown: it looks like a secret)".to_owned();
    }
    let mut shown: String = text.escape_debug().take(MOST).collect();
    if text.chars().count() > MOST {
        shown.push('…');
    }
    shown
}
