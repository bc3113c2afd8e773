//! TOML as a compact tree of 36-byte nodes.
//!
//! The grammar is `toml_parser`'s; only the tree is ours. The `toml` crate's
//! own tree was measured at up to 250 bytes a token (a B-tree leaf for every
//! inline table), so that one mebibyte of hostile text cost 240 MiB. Here a
//! node is one vector entry, keys and values stay in the text until somebody
//! asks, and both tokens and errors are bounded. The `toml` crate is the oracle
//! in this file's tests: the two accept the same files and read the same trees.

mod builder;

use super::span::Span;
use builder::{Builder, Errors};
use std::borrow::Cow;
use std::collections::BTreeMap;
use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::parser::{RecursionGuard, ValidateWhitespace};
use toml_parser::{ErrorSink, Raw, Source};

/// 24 bytes each while parsing: 1.2 M tokens are 29 MB, and a planet of
/// 10,000 regions with a line for everything has 0.8 M.
const MAX_TOKENS: usize = 1_200_000;
/// A planet nests four deep; the bound keeps recursion off the stack's end.
const MAX_DEPTH: u32 = 32;
/// A table with more keys than this gets an index, so that a file of 100,000
/// keys is not compared 5 billion times.
const INDEX_ABOVE: u32 = 16;

/// A node's place in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

/// No node: the end of a list of children.
const NONE: NodeId = NodeId(u32::MAX);

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar(Option<Encoding>),
    Array,
    /// A table; how it came to be decides who may still add to it.
    Table(Origin),
}

/// How a table came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `[a.b]` made `a` on its way to `b`.
    Implied,
    /// `a.b = 1` made `a`.
    Dotted,
    /// `[a]` or `[[a]]`.
    Header,
    /// `{ … }`: closed.
    Inline,
}

#[derive(Debug, Clone)]
struct Node {
    span: Span,
    key: Span,
    first_child: NodeId,
    last_child: NodeId,
    next: NodeId,
    children: u32,
    kind: Kind,
    key_encoding: Option<Encoding>,
    /// An array that `[[…]]` made, and may extend.
    of_tables: bool,
}

/// A mistake in the text itself.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) what: String,
    pub(crate) span: Span,
    /// What stood there first, for a key that is written twice.
    pub(crate) earlier: Option<Span>,
}

/// A parsed file.
#[derive(Debug)]
pub(crate) struct Tree<'i> {
    source: Source<'i>,
    nodes: Vec<Node>,
    index: BTreeMap<(NodeId, Cow<'i, str>), NodeId>,
}

/// A scalar's decoded text with what TOML says it is.
pub(crate) struct Scalar<'i> {
    pub(crate) text: Cow<'i, str>,
    pub(crate) kind: ScalarKind,
}

impl<'i> Tree<'i> {
    /// Whether `text` has more pieces than are parsed.
    pub(crate) fn is_too_large(text: &str) -> bool {
        Source::new(text).lex().take(MAX_TOKENS + 1).count() > MAX_TOKENS
    }

    /// Parses `text`; the tree holds what could be understood.
    pub(crate) fn parse(text: &'i str) -> (Self, Vec<SyntaxError>) {
        let source = Source::new(text);
        let mut tree = Self { source, nodes: Vec::new(), index: BTreeMap::new() };
        let root = tree.push(Kind::Table(Origin::Header), Span::default(), Span::default(), None);
        debug_assert_eq!(root, tree.root());
        let mut errors = Errors::default();
        let tokens = source.lex().into_vec();
        let mut builder = Builder::new(&mut tree);
        let mut checked = ValidateWhitespace::new(&mut builder, source);
        let mut guarded = RecursionGuard::new(&mut checked, MAX_DEPTH);
        toml_parser::parser::parse_document(&tokens, &mut guarded, &mut errors);
        (tree, errors.list)
    }

    pub(crate) fn root(&self) -> NodeId {
        NodeId(0)
    }

    pub(crate) fn kind(&self, node: NodeId) -> Kind {
        self.node(node).kind
    }

    pub(crate) fn span(&self, node: NodeId) -> Span {
        self.node(node).span
    }

    pub(crate) fn key_span(&self, node: NodeId) -> Span {
        self.node(node).key
    }

    /// The key under which `node` hangs in its table.
    pub(crate) fn key(&self, node: NodeId) -> Cow<'i, str> {
        let node = self.node(node);
        self.decode_key(node.key, node.key_encoding, &mut ())
    }

    /// The children of a table or an array, in the order of the file.
    pub(crate) fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let mut next = self.node(node).first_child;
        std::iter::from_fn(move || {
            let here = next;
            if here == NONE {
                return None;
            }
            next = self.node(here).next;
            Some(here)
        })
    }

    /// The child of `table` that is named `key`.
    pub(crate) fn get(&self, table: NodeId, key: &str) -> Option<NodeId> {
        if self.node(table).children > INDEX_ABOVE {
            return self.index.get(&(table, Cow::Borrowed(key))).copied();
        }
        self.children(table).find(|&child| self.key(child) == key)
    }

    /// The decoded text of a scalar. Mistakes in it were reported by `parse`.
    pub(crate) fn scalar(&self, node: NodeId) -> Option<Scalar<'i>> {
        let Kind::Scalar(encoding) = self.kind(node) else {
            return None;
        };
        Some(self.decode_scalar(self.span(node), encoding, &mut ()))
    }

    fn decode_scalar(&self, span: Span, encoding: Option<Encoding>, errors: &mut dyn ErrorSink) -> Scalar<'i> {
        let mut text = Cow::Borrowed("");
        let kind = self.raw(span, encoding).decode_scalar(&mut text, errors);
        Scalar { text, kind }
    }

    fn decode_key(&self, span: Span, encoding: Option<Encoding>, errors: &mut dyn ErrorSink) -> Cow<'i, str> {
        let mut key = Cow::Borrowed("");
        self.raw(span, encoding).decode_key(&mut key, errors);
        key
    }

    fn raw(&self, span: Span, encoding: Option<Encoding>) -> Raw<'i> {
        let text = self.source.input().get(span.range()).unwrap_or("");
        let at = toml_parser::Span::new_unchecked(span.start as usize, span.end as usize);
        Raw::new_unchecked(text, encoding, at)
    }

    fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node.0 as usize]
    }

    fn node_mut(&mut self, node: NodeId) -> &mut Node {
        &mut self.nodes[node.0 as usize]
    }

    fn push(&mut self, kind: Kind, span: Span, key: Span, key_encoding: Option<Encoding>) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        let (first_child, last_child, next) = (NONE, NONE, NONE);
        self.nodes.push(Node {
            span,
            key,
            first_child,
            last_child,
            next,
            children: 0,
            kind,
            key_encoding,
            of_tables: false,
        });
        id
    }

    /// Hangs `child` at the end of `parent`'s list.
    fn append(&mut self, parent: NodeId, child: NodeId) {
        let last = self.node(parent).last_child;
        if last == NONE {
            self.node_mut(parent).first_child = child;
        } else {
            self.node_mut(last).next = child;
        }
        let parent_node = self.node_mut(parent);
        parent_node.last_child = child;
        parent_node.children += 1;
        if matches!(parent_node.kind, Kind::Array) {
            return;
        }
        let children = parent_node.children;
        if children == INDEX_ABOVE + 1 {
            let all: Vec<_> = self.children(parent).collect();
            for child in all {
                self.index.insert((parent, self.key(child)), child);
            }
        } else if children > INDEX_ABOVE + 1 {
            self.index.insert((parent, self.key(child)), child);
        }
    }
}

#[cfg(test)]
mod tests {
    //! The `toml` crate is the oracle: same files accepted, same tree.

    use super::builder::MAX_ERRORS;
    use super::*;
    use proptest::prelude::*;
    use toml::de::{DeTable, DeValue};

    fn ours(tree: &Tree<'_>, node: NodeId) -> String {
        match tree.kind(node) {
            Kind::Scalar(_) => tree.scalar(node).map(|scalar| scalar.text.into_owned()).unwrap_or_default(),
            Kind::Array => {
                format!("[{}]", tree.children(node).map(|child| ours(tree, child)).collect::<Vec<_>>().join(","))
            }
            Kind::Table(_) => {
                let mut all: Vec<_> =
                    tree.children(node).map(|child| format!("{:?}={}", tree.key(child), ours(tree, child))).collect();
                all.sort();
                format!("{{{}}}", all.join(","))
            }
        }
    }

    fn theirs(value: &DeValue<'_>) -> String {
        match value {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(_) => "date".to_owned(),
            DeValue::Array(array) => {
                format!("[{}]", array.iter().map(|child| theirs(child.get_ref())).collect::<Vec<_>>().join(","))
            }
            DeValue::Table(table) => their_table(table),
        }
    }

    fn their_table(table: &DeTable<'_>) -> String {
        let mut all: Vec<_> =
            table.iter().map(|(key, child)| format!("{:?}={}", key.get_ref(), theirs(child.get_ref()))).collect();
        all.sort();
        format!("{{{}}}", all.join(","))
    }

    fn agree(text: &str) -> Result<(), TestCaseError> {
        let (tree, errors) = Tree::parse(text);
        match DeTable::parse(text) {
            Ok(table) => {
                prop_assert!(errors.is_empty(), "{text:?}: {errors:?}");
                prop_assert_eq!(ours(&tree, tree.root()), their_table(table.get_ref()), "{:?}", text);
            }
            Err(error) => prop_assert!(!errors.is_empty(), "{text:?} was taken, but: {error}"),
        }
        Ok(())
    }

    /// Fragments that meet in every way that TOML has a rule about.
    const FRAGMENTS: &[&str] = &[
        "[a]\n",
        "[a.b]\n",
        "[[a]]\n",
        "[[a.b]]\n",
        "[a.b.c]\n",
        "[b]\n",
        "a = 1\n",
        "a.b = 2\n",
        "a.b.c = 3\n",
        "b = [1, 2]\n",
        "b.c = \"x\"\n",
        "a = {}\n",
        "a = { b = 1, c.d = 2 }\n",
        "a = { b.c = 1, b.d = 2, b.c = 3 }\n",
        "c = [{ a = 1 }, { a = 2 }]\n",
        "\"a\" = 'q'\n",
        "# note\n",
        "d = 1_000\n",
        "a = [[1], [\n2,\n]]\n",
        "e = \"\"\"x\ny\"\"\"\n",
        "= 1\n",
        "f =\n",
        "[a\n",
        "g = 0x1F\n",
        "h = -1.5\n",
        "i = true\n",
        "{",
        "}",
        "]",
        "\"",
        ",",
        "a.",
        ".b",
        " ",
        "1",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]
        #[test]
        fn same_files_same_trees(parts in prop::collection::vec(prop::sample::select(FRAGMENTS), 0..9)) {
            agree(&parts.concat())?;
        }

        #[test]
        fn any_text_is_answered(text in "\\PC{0,60}") {
            agree(&text)?;
        }
    }

    #[test]
    fn many_keys_are_found_through_the_index() {
        let text: String = (0..1_000).map(|n| format!("key{n} = {n}\n")).collect();
        let (tree, errors) = Tree::parse(&text);
        assert!(errors.is_empty());
        let found = tree.get(tree.root(), "key999").and_then(|node| tree.scalar(node));
        assert_eq!(found.map(|scalar| scalar.text.into_owned()).as_deref(), Some("999"));
        assert!(tree.get(tree.root(), "key1000").is_none());
        let (_, errors) = Tree::parse(&format!("{text}key7 = 1\n"));
        assert_eq!(errors.len(), 1);
    }

    #[test]
    fn pieces_and_errors_are_bounded() {
        assert!(Tree::is_too_large(&"\n".repeat(MAX_TOKENS + 1)));
        assert!(!Tree::is_too_large(&"\n".repeat(MAX_TOKENS - 1)));
        let (_, errors) = Tree::parse(&"=".repeat(100_000));
        assert_eq!(errors.len(), MAX_ERRORS);
    }
}
