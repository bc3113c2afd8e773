//! YAML into a tree whose nodes know their lines.
//!
//! Any bytes get a tree or a reason, in bounded time and memory. What a reader of
//! another make could take for something else is refused: keys that are there
//! twice, tags, merged keys, and texts that are not UTF-8.

use granit_parser::{Event, Parser, ScalarStyle, options};
use std::collections::{BTreeMap, BTreeSet};

/// A file that is larger was written by nobody: a ConfigMap holds 1 MiB.
pub(crate) const MOST_BYTES: usize = 4 << 20;
/// Nodes of one file, those that aliases repeat included. The largest file that
/// is rendered has some 2,000.
const MOST_NODES: usize = 200_000;
/// Levels of one file. Objects of Kubernetes have some 20.
const MOST_LEVELS: usize = 64;

/// A node, and the line that it begins in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A text, and whether it stands there without quotes, so that it may be a
    /// number, a truth or nothing.
    Scalar(String, bool),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) line: u32,
    pub(crate) text: String,
}

impl Node {
    /// Whether nothing is said.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(text, true) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }
}

/// Why a file is no tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) line: u32,
    pub(crate) what: String,
}

/// What is begun and not ended.
enum Open {
    List(u32, usize, Vec<Node>),
    Map(u32, usize, Vec<(Key, Node)>, BTreeSet<String>, Option<Key>),
}

/// The documents of a file. Empty ones are none.
pub(crate) fn documents(bytes: &[u8]) -> Result<Vec<Node>, Unreadable> {
    if bytes.len() > MOST_BYTES {
        return Err(unreadable(1, format!("the file is {} bytes long; {MOST_BYTES} are read", bytes.len())));
    }
    let text = std::str::from_utf8(bytes).map_err(|why| {
        let before = bytes.get(..why.valid_up_to()).unwrap_or_default();
        unreadable(1 + count(before.iter().filter(|byte| **byte == b'\n').count()), "this is not UTF-8")
    })?;
    // Nothing is pushed back to be read again: the parser is asked once for each event.
    let options = options! { flow_nesting_limit: MOST_LEVELS, block_nesting_limit: MOST_LEVELS, emit_comments: false };
    let mut build = Build::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|why| unreadable(count(why.marker().line()), why.to_string()))?;
        build.take(event, count(span.start.line()))?;
    }
    Ok(build.documents)
}

pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(super) fn unreadable(line: u32, what: impl Into<String>) -> Unreadable {
    Unreadable { line: line.max(1), what: what.into() }
}

#[derive(Default)]
struct Build {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
}

impl Build {
    fn take(&mut self, event: Event<'_>, line: u32) -> Result<(), Unreadable> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                untagged(tag.is_some(), line)?;
                let value = Value::Scalar(text.into_owned(), style == ScalarStyle::Plain);
                self.put(Node { line, value }, anchor, 1)
            }
            Event::SequenceStart(_, anchor, tag) => {
                untagged(tag.is_some(), line)?;
                self.begin(Open::List(line, anchor, Vec::new()), line)
            }
            Event::MappingStart(_, anchor, tag) => {
                untagged(tag.is_some(), line)?;
                self.begin(Open::Map(line, anchor, Vec::new(), BTreeSet::new(), None), line)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(line, anchor, parts)) => self.put(Node { line, value: Value::List(parts) }, anchor, 1),
                Some(Open::Map(line, anchor, fields, ..)) => {
                    self.put(Node { line, value: Value::Map(fields) }, anchor, 1)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).cloned();
                let (node, size) = known.ok_or_else(|| unreadable(line, "this repeats what is not yet whole"))?;
                self.put(Node { line, ..node }, 0, size)
            }
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, open: Open, line: u32) -> Result<(), Unreadable> {
        if self.open.len() >= MOST_LEVELS {
            return Err(unreadable(line, format!("more than {MOST_LEVELS} levels")));
        }
        if let Some(Open::Map(.., None)) = self.open.last() {
            return Err(unreadable(line, "a key that is no text"));
        }
        self.open.push(open);
        Ok(())
    }

    /// Puts a node where it belongs: into what is open, or among the documents.
    fn put(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Unreadable> {
        // What may be repeated is kept twice.
        let kept = if anchor > 0 { measure(&node) } else { 0 };
        self.nodes = self.nodes.saturating_add(size).saturating_add(kept);
        if self.nodes > MOST_NODES {
            return Err(unreadable(node.line, format!("more than {MOST_NODES} nodes")));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), kept));
        }
        match self.open.last_mut() {
            None if node.is_null() => {}
            None => self.documents.push(node),
            Some(Open::List(_, _, parts)) => parts.push(node),
            Some(Open::Map(_, _, fields, keys, key)) => match key.take() {
                Some(key) => fields.push((key, node)),
                None => *key = Some(as_key(node, keys)?),
            },
        }
        Ok(())
    }
}

fn untagged(tagged: bool, line: u32) -> Result<(), Unreadable> {
    if tagged { Err(unreadable(line, "a tag, which other readers may follow")) } else { Ok(()) }
}

fn as_key(node: Node, keys: &mut BTreeSet<String>) -> Result<Key, Unreadable> {
    let Value::Scalar(text, plain) = node.value else { return Err(unreadable(node.line, "a key that is no text")) };
    if plain && text == "<<" {
        return Err(unreadable(node.line, "merged keys, which readers do not agree about"));
    }
    if !keys.insert(text.clone()) {
        return Err(unreadable(node.line, format!("`{text}` is there twice", text = text.escape_debug())));
    }
    Ok(Key { line: node.line, text })
}

/// How many nodes one is.
fn measure(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(..) => 1,
        Value::List(parts) => 1 + parts.iter().map(measure).sum::<usize>(),
        Value::Map(fields) => 1 + fields.iter().map(|(_, field)| measure(field)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn why(text: &str) -> (u32, String) {
        let why = documents(text.as_bytes()).unwrap_err();
        (why.line, why.what)
    }

    #[test]
    fn nodes_know_their_lines() {
        let read = documents(b"# c\na: 1\nb:\n- x\n- y: \"z\"\n---\n---\nc\n").unwrap();
        assert_eq!(read.len(), 2);
        let Value::Map(fields) = &read[0].value else { unreachable!() };
        assert_eq!((fields[0].0.line, fields[0].1.line, fields[1].0.line), (2, 2, 3));
        let Value::List(parts) = &fields[1].1.value else { unreachable!() };
        assert_eq!((parts[0].line, parts[1].line), (4, 5));
    }

    #[test]
    fn what_readers_differ_about_is_refused_where_it_stands() {
        assert_eq!(why("a: 1\nb: 2\na: 3\n"), (3, "`a` is there twice".to_owned()));
        assert_eq!(why("a: &x {b: 1}\nc:\n  <<: *x\n").0, 3);
        assert_eq!(why("a: !reset null\n").0, 1);
        assert_eq!(why("? [a]\n: b\n").0, 1);
        assert_eq!(documents(b"a: 1\nb: \xff\n").unwrap_err().line, 2);
        assert!(documents(b"a: *b\n").is_err() && documents(b"a: [\n").is_err());
    }

    #[test]
    fn what_multiplies_is_bounded() {
        let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, before) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e"), ("g", "f")] {
            let many = vec![format!("*{before}"); 10].join(", ");
            text.push_str(&format!("{name}: &{name} [{many}]\n"));
        }
        assert!(why(&text).1.contains("nodes"));
        assert!(documents("[".repeat(100_000).as_bytes()).is_err());
        assert!(documents(&vec![b'a'; MOST_BYTES + 1]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(bytes in any::<Vec<u8>>(), text in "([a-c:\\-? \n\\[\\]{},&*!|>'\"#]|<<){0,200}") {
            let _ = documents(&bytes);
            let _ = documents(text.as_bytes());
        }
    }
}
