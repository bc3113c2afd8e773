//! The kinds of values that a planet file may hold, each with how it is read
//! and how the schema describes it.

use super::tree::{Kind, NodeId, Tree};
use crate::lint::{Lint, file};
use serde_json::{Value as Json, json};
use std::fmt;
use toml_parser::decoder::ScalarKind;
use vocab::{BadQuantity, BitRate, Bytes, MicroDegrees, MicroUsd, Millis, Net4, Net6, Ppm, Rate, Site};

/// Why a value was not taken.
pub(crate) struct Problem {
    pub(crate) lint: &'static Lint,
    pub(crate) what: String,
    pub(crate) hint: String,
}

/// A value of a planet file.
pub(crate) trait Value: Sized {
    /// What it is, with its article: "a duration".
    const WHAT: &'static str;
    /// How it looks, for the one who has written something else.
    const EXAMPLE: &'static str;

    fn read(tree: &Tree<'_>, node: NodeId) -> Result<Self, Problem>;
    fn schema() -> Json;
    /// The value as the file would say it, for defaults in the schema.
    fn to_json(&self) -> Json;
}

/// A problem with a value of the wrong kind.
pub(crate) fn wrong_type<V: Value>(tree: &Tree<'_>, node: NodeId) -> Problem {
    Problem {
        lint: &file::WRONG_TYPE,
        what: format!("{} stands where {} belongs", what_is(tree, node), V::WHAT),
        hint: format!("write it as {}", V::EXAMPLE),
    }
}

/// What the file holds at a node, in words.
pub(crate) fn what_is(tree: &Tree<'_>, node: NodeId) -> &'static str {
    match tree.kind(node) {
        Kind::Array => "a list",
        Kind::Table(_) => "a table",
        Kind::Scalar(_) => match tree.scalar(node).map(|scalar| scalar.kind) {
            Some(ScalarKind::String) => "a text",
            Some(ScalarKind::Boolean(_)) => "true or false",
            Some(ScalarKind::DateTime) => "a date",
            Some(ScalarKind::Float) => "a fraction",
            Some(ScalarKind::Integer(_)) => "a number",
            None => "nothing",
        },
    }
}

fn text<'i, V: Value>(tree: &Tree<'i>, node: NodeId) -> Result<std::borrow::Cow<'i, str>, Problem> {
    match tree.scalar(node) {
        Some(scalar) if scalar.kind == ScalarKind::String => Ok(scalar.text),
        _ => Err(wrong_type::<V>(tree, node)),
    }
}

fn integer<V: Value>(tree: &Tree<'_>, node: NodeId, most: u64) -> Result<u64, Problem> {
    let Some(scalar) = tree.scalar(node) else {
        return Err(wrong_type::<V>(tree, node));
    };
    let ScalarKind::Integer(radix) = scalar.kind else {
        return Err(wrong_type::<V>(tree, node));
    };
    match u64::from_str_radix(&scalar.text, radix.value()) {
        Ok(number) if number <= most => Ok(number),
        _ => Err(Problem {
            lint: &file::OUT_OF_RANGE,
            what: format!("{} is not {} from 0 to {most}", printable(&scalar.text), V::WHAT),
            hint: format!("write it as {}", V::EXAMPLE),
        }),
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Value for $type {
            const WHAT: &'static str = "a whole number";
            const EXAMPLE: &'static str = "1_024";

            fn read(tree: &Tree<'_>, node: NodeId) -> Result<Self, Problem> {
                let number = integer::<Self>(tree, node, u64::from(<$type>::MAX).min(MOST))?;
                <$type>::try_from(number).map_err(|_| wrong_type::<Self>(tree, node))
            }
            fn schema() -> Json {
                json!({ "type": "integer", "minimum": 0, "maximum": u64::from(<$type>::MAX).min(MOST) })
            }
            fn to_json(&self) -> Json {
                json!(self)
            }
        }
    )*};
}

/// No count of anything on a planet is larger; sums of such counts over all
/// regions then stay inside `u64`.
const MOST: u64 = 1_000_000_000_000;

integers!(u16, u32, u64);

impl Value for bool {
    const WHAT: &'static str = "true or false";
    const EXAMPLE: &'static str = "true";

    fn read(tree: &Tree<'_>, node: NodeId) -> Result<Self, Problem> {
        match tree.scalar(node).map(|scalar| scalar.kind) {
            Some(ScalarKind::Boolean(value)) => Ok(value),
            _ => Err(wrong_type::<Self>(tree, node)),
        }
    }
    fn schema() -> Json {
        json!({ "type": "boolean" })
    }
    fn to_json(&self) -> Json {
        json!(self)
    }
}

/// An id: what other parts of the file, and tools, call something by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

/// DNS labels and most cloud names stop at 63 characters.
const MAX_NAME: usize = 63;

impl Name {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_name(text: &str) -> bool {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        text.len() <= MAX_NAME && text.chars().all(inner) && edge(text.chars().next()) && edge(text.chars().last())
    }

    /// A name from text that the program itself wrote.
    pub(crate) fn known(text: &str) -> Self {
        debug_assert!(Self::is_name(text), "{text}");
        Self(text.to_owned())
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        if Self::is_name(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(Problem {
            lint: &file::BAD_NAME,
            what: format!("`{}` is not a name", printable(text)),
            hint: "use 1 to 63 lower-case letters, digits, `-` or `_`, with a letter or digit at both ends".into(),
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Value for Name {
    const WHAT: &'static str = "a name";
    const EXAMPLE: &'static str = "\"eu-west\"";

    fn read(tree: &Tree<'_>, node: NodeId) -> Result<Self, Problem> {
        Self::parse(&text::<Self>(tree, node)?)
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$" })
    }
    fn to_json(&self) -> Json {
        json!(self.0)
    }
}

/// Free text for people. It reaches terminals and dashboards, so it holds no
/// control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(String);

/// A line of prose; what is longer belongs in a comment.
const MAX_TEXT: usize = 200;

impl Text {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Value for Text {
    const WHAT: &'static str = "a text";
    const EXAMPLE: &'static str = "\"North America\"";

    fn read(tree: &Tree<'_>, node: NodeId) -> Result<Self, Problem> {
        let text = text::<Self>(tree, node)?;
        if !text.is_empty() && text.chars().count() <= MAX_TEXT && !text.chars().any(char::is_control) {
            return Ok(Self(text.into_owned()));
        }
        Err(Problem {
            lint: &file::OUT_OF_RANGE,
            what: format!("this text is empty, longer than {MAX_TEXT} characters, or holds control characters"),
            hint: "put long explanations into a comment".into(),
        })
    }
    fn schema() -> Json {
        json!({ "type": "string", "minLength": 1, "maxLength": MAX_TEXT })
    }
    fn to_json(&self) -> Json {
        json!(self.0)
    }
}

/// A public key, which is also what its holder is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; 32]);

impl Value for PublicKey {
    const WHAT: &'static str = "a public key";
    const EXAMPLE: &'static str = "64 hexadecimal digits in quotes";

    fn read(tree: &Tree<'_>, node: NodeId) -> Result<Self, Problem> {
        let text = text::<Self>(tree, node)?;
        let digit = |at: usize| text.as_bytes().get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let byte =
            |at: usize| digit(2 * at).zip(digit(2 * at + 1)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        let mut key = [0; 32];
        let read = key.iter_mut().enumerate().all(|(at, place)| {
            byte(at).is_some_and(|byte| {
                *place = byte;
                true
            })
        });
        if read && text.len() == 64 {
            return Ok(Self(key));
        }
        Err(Problem {
            lint: &file::BAD_QUANTITY,
            what: format!("`{}` is not a public key", printable(&text)),
            hint: "write the 32 bytes of an Ed25519 key as 64 hexadecimal digits".into(),
        })
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9a-fA-F]{64}$" })
    }
    fn to_json(&self) -> Json {
        json!(self.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

macro_rules! quantities {
    ($($type:ty: $what:literal, $example:literal, $lint:ident, $pattern:literal;)*) => {$(
        impl Value for $type {
            const WHAT: &'static str = $what;
            const EXAMPLE: &'static str = $example;

            fn read(tree: &Tree<'_>, node: NodeId) -> Result<Self, Problem> {
                text::<Self>(tree, node)?.parse().map_err(|bad: BadQuantity| Problem {
                    lint: &file::$lint,
                    what: printable(&bad.what),
                    hint: format!("write it as \"{}\"", bad.example),
                })
            }
            fn schema() -> Json {
                json!({ "type": "string", "pattern": $pattern, "examples": [$example.trim_matches('"')] })
            }
            fn to_json(&self) -> Json {
                json!(self.to_string())
            }
        }
    )*};
}

quantities! {
    Millis: "a duration", "\"5m\"", BAD_QUANTITY, "^\\s*([0-9][0-9_.]*\\s*(d|h|min|ms|m|s)\\s*)+$";
    Rate: "a rate", "\"50k rps\"", BAD_QUANTITY, "^\\s*[0-9][0-9_.]*\\s*[kMG]?\\s*(rps|/s|/min|/m|/h|/d)\\s*$";
    Bytes: "a size", "\"10 GiB\"", BAD_QUANTITY, "^\\s*[0-9][0-9_.]*\\s*([KMGT]i|[kMGT])?B\\s*$";
    BitRate: "a bit rate", "\"10 Gbps\"", BAD_QUANTITY, "^\\s*[0-9][0-9_.]*\\s*[kMGT]?bps\\s*$";
    MicroUsd: "an amount of money", "\"$50_000\"", BAD_QUANTITY, "^\\s*\\$[0-9][0-9_.]*\\s*[kMG]?\\s*$";
    Ppm: "a share", "\"99.9%\"", BAD_QUANTITY, "^\\s*[0-9][0-9_.]*\\s*%\\s*$";
    Net4: "an IPv4 network", "\"10.0.0.0/16\"", BAD_NETWORK, "^[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+/[0-9]+$";
    Net6: "an IPv6 network", "\"2001:db8::/32\"", BAD_NETWORK, "^[0-9a-fA-F:.]+/[0-9]+$";
}

/// Values from the file end up in messages; control characters do not.
fn printable(text: &str) -> String {
    const MAX_SHOWN: usize = 80;
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(MAX_SHOWN).collect()
}

impl Value for Site {
    const WHAT: &'static str = "a site: [latitude, longitude]";
    const EXAMPLE: &'static str = "[53.35, -6.26]";

    fn read(tree: &Tree<'_>, node: NodeId) -> Result<Self, Problem> {
        if tree.kind(node) != Kind::Array {
            return Err(wrong_type::<Self>(tree, node));
        }
        let mut angles = tree.children(node).map(|child| angle(tree, child));
        match (angles.next(), angles.next(), angles.next()) {
            (Some(latitude), Some(longitude), None) => Ok(Self { latitude: latitude?, longitude: longitude? }),
            _ => Err(wrong_type::<Self>(tree, node)),
        }
    }
    fn schema() -> Json {
        json!({
            "type": "array", "minItems": 2, "maxItems": 2,
            "items": { "type": "number", "minimum": -180, "maximum": 180 },
        })
    }
    fn to_json(&self) -> Json {
        json!([self.latitude.to_string(), self.longitude.to_string()])
    }
}

fn angle(tree: &Tree<'_>, node: NodeId) -> Result<MicroDegrees, Problem> {
    let scalar = tree.scalar(node).ok_or_else(|| wrong_type::<Site>(tree, node))?;
    match scalar.kind {
        ScalarKind::Float | ScalarKind::Integer(_) => scalar.text.parse().map_err(|bad: BadQuantity| Problem {
            lint: &file::BAD_QUANTITY,
            what: printable(&bad.what),
            hint: format!("write it as {}", bad.example),
        }),
        _ => Err(wrong_type::<Site>(tree, node)),
    }
}

/// Declares a value that is one of a few words.
macro_rules! choice {
    ($(#[doc = $doc:literal])* $name:ident, $what:literal { $($(#[doc = $vdoc:literal])* $variant:ident = $word:literal,)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[doc = $vdoc])* $variant,)*
        }

        impl $name {
            /// Every choice.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word that the file uses.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl $crate::file::value::Value for $name {
            const WHAT: &'static str = $what;
            const EXAMPLE: &'static str = $crate::file::value::first(&[$(concat!("\"", $word, "\"")),*]);

            fn read(tree: &$crate::file::tree::Tree<'_>, node: $crate::file::tree::NodeId) -> Result<Self, $crate::file::value::Problem> {
                $crate::file::value::one_of::<Self>(tree, node, Self::ALL, |choice| choice.word())
            }
            fn schema() -> serde_json::Value {
                serde_json::json!({ "type": "string", "enum": [$($word),*] })
            }
            fn to_json(&self) -> serde_json::Value {
                serde_json::json!(self.word())
            }
        }
    };
}
pub(crate) use choice;

pub(crate) const fn first(words: &'static [&'static str]) -> &'static str {
    words[0]
}

pub(crate) fn one_of<V: Value + Copy>(
    tree: &Tree<'_>,
    node: NodeId,
    all: &[V],
    word: impl Fn(V) -> &'static str,
) -> Result<V, Problem> {
    let written = text::<V>(tree, node)?;
    if let Some(found) = all.iter().find(|&&choice| word(choice) == written) {
        return Ok(*found);
    }
    let words: Vec<_> = all.iter().map(|&choice| format!("\"{}\"", word(choice))).collect();
    Err(Problem {
        lint: &file::UNKNOWN_CHOICE,
        what: format!("`{}` is not {}", printable(&written), V::WHAT),
        hint: format!("write one of {}", words.join(", ")),
    })
}
