//! Hangs what the parser meets into the tree, by TOML's rules about what may
//! be added to what.

use super::{Kind, NodeId, Origin, Span, SyntaxError, Tree};
use toml_parser::decoder::Encoding;
use toml_parser::parser::EventReceiver;
use toml_parser::{ErrorSink, ParseError};

/// After so many mistakes the reader has understood that this is not TOML.
pub(super) const MAX_ERRORS: usize = 20;

/// Collects syntax errors up to the bound.
#[derive(Default)]
pub(super) struct Errors {
    pub(super) list: Vec<SyntaxError>,
}

impl Errors {
    fn push(&mut self, what: String, span: Span, earlier: Option<Span>) {
        if self.list.len() < MAX_ERRORS {
            self.list.push(SyntaxError { what, span, earlier });
        }
    }
}

impl ErrorSink for Errors {
    fn report_error(&mut self, error: ParseError) {
        let span = error.unexpected().or(error.context()).map(Span::from).unwrap_or_default();
        let mut what = error.description().to_owned();
        for (at, expected) in error.expected().unwrap_or_default().iter().enumerate() {
            what.push_str(if at == 0 { ", expected " } else { ", " });
            match expected {
                toml_parser::Expected::Literal("\n") => what.push_str("a new line"),
                toml_parser::Expected::Literal(text) => what.push_str(&format!("`{text}`")),
                toml_parser::Expected::Description(text) => what.push_str(text),
                _ => {}
            }
        }
        let earlier = (error.description() == DUPLICATE).then(|| error.context().map(Span::from)).flatten();
        self.push(what, span, earlier);
    }
}

const DUPLICATE: &str = "this key is already set";

/// A key as it was met: its place and its quoting.
#[derive(Clone, Copy)]
struct Key {
    span: Span,
    encoding: Option<Encoding>,
}

/// Turns the parser's events into the tree.
pub(super) struct Builder<'t, 'i> {
    tree: &'t mut Tree<'i>,
    /// The table that the last header opened; none after a broken header.
    section: Option<NodeId>,
    /// The arrays and inline tables that are open, outermost first.
    open: Vec<NodeId>,
    path: Vec<Key>,
    header: Option<Span>,
}

impl<'t, 'i> Builder<'t, 'i> {
    pub(super) fn new(tree: &'t mut Tree<'i>) -> Self {
        let section = Some(tree.root());
        Self { tree, section, open: Vec::new(), path: Vec::new(), header: None }
    }

    /// Hangs a value where the path and the open values say. A value that has
    /// no place is reported and hangs nowhere, with what is inside it.
    fn place(&mut self, kind: Kind, span: Span, errors: &mut dyn ErrorSink) -> NodeId {
        let container = self.open.last().copied();
        if let Some(array) = container.filter(|&open| self.tree.kind(open) == Kind::Array) {
            let child = self.tree.push(kind, span, Span::default(), None);
            self.tree.append(array, child);
            return child;
        }
        let table = container.or(self.section);
        let path = std::mem::take(&mut self.path);
        let child = match path.last() {
            Some(key) => self.tree.push(kind, span, key.span, key.encoding),
            None => return self.tree.push(kind, span, Span::default(), None),
        };
        let Some((last, parents)) = path.split_last() else {
            return child;
        };
        if let Some(table) = table.and_then(|table| self.descend(table, parents, true, errors)) {
            match self.find(table, *last) {
                Some(earlier) => duplicate(last.span, self.tree.key_span(earlier), errors),
                None => self.tree.append(table, child),
            }
        }
        child
    }

    fn find(&self, table: NodeId, key: Key) -> Option<NodeId> {
        let name = self.tree.decode_key(key.span, key.encoding, &mut ());
        self.tree.get(table, &name)
    }

    /// Walks `path` down from `table`, making the tables that are missing.
    fn descend(&mut self, mut table: NodeId, path: &[Key], dotted: bool, errors: &mut dyn ErrorSink) -> Option<NodeId> {
        for &key in path {
            table = match self.find(table, key) {
                None => {
                    let origin = if dotted { Origin::Dotted } else { Origin::Implied };
                    let made = self.tree.push(Kind::Table(origin), key.span, key.span, key.encoding);
                    self.tree.append(table, made);
                    made
                }
                Some(found) => self.enter(found, key, dotted, errors)?,
            };
        }
        Some(table)
    }

    /// Steps into something that is there already, if TOML lets it grow.
    fn enter(&mut self, found: NodeId, key: Key, dotted: bool, errors: &mut dyn ErrorSink) -> Option<NodeId> {
        let node = self.tree.node(found);
        let earlier = node.key;
        match node.kind {
            Kind::Table(Origin::Header) if dotted => duplicate(key.span, earlier, errors),
            Kind::Table(Origin::Inline) => report("an inline table cannot be extended", key.span, earlier, errors),
            Kind::Table(Origin::Implied) if dotted => {
                self.tree.node_mut(found).kind = Kind::Table(Origin::Dotted);
                return Some(found);
            }
            Kind::Table(_) => return Some(found),
            Kind::Array if node.of_tables && !dotted => return Some(node.last_child),
            Kind::Array => report("an array cannot be extended by a key", key.span, earlier, errors),
            Kind::Scalar(_) => report("a value cannot be extended by a key", key.span, earlier, errors),
        }
        None
    }

    fn close_header(&mut self, end: Span, of_tables: bool, errors: &mut dyn ErrorSink) {
        let start = self.header.take().unwrap_or(end);
        let span = Span { start: start.start, end: end.end };
        let path = std::mem::take(&mut self.path);
        let Some((&last, parents)) = path.split_last() else {
            self.section = None;
            return;
        };
        let root = self.tree.root();
        self.section = self.descend(root, parents, false, errors).and_then(|parent| {
            let earlier = self.find(parent, last);
            if of_tables {
                self.open_array_table(parent, earlier, last, span, errors)
            } else {
                self.open_table(parent, earlier, last, span, errors)
            }
        });
    }

    fn open_table(
        &mut self,
        parent: NodeId,
        earlier: Option<NodeId>,
        key: Key,
        span: Span,
        errors: &mut dyn ErrorSink,
    ) -> Option<NodeId> {
        let Some(found) = earlier else {
            let made = self.tree.push(Kind::Table(Origin::Header), span, key.span, key.encoding);
            self.tree.append(parent, made);
            return Some(made);
        };
        if self.tree.kind(found) != Kind::Table(Origin::Implied) {
            duplicate(key.span, self.tree.key_span(found), errors);
            return None;
        }
        let node = self.tree.node_mut(found);
        (node.kind, node.span) = (Kind::Table(Origin::Header), span);
        Some(found)
    }

    fn open_array_table(
        &mut self,
        parent: NodeId,
        earlier: Option<NodeId>,
        key: Key,
        span: Span,
        errors: &mut dyn ErrorSink,
    ) -> Option<NodeId> {
        let array = match earlier {
            Some(found) if self.tree.node(found).of_tables => found,
            Some(found) => {
                duplicate(key.span, self.tree.key_span(found), errors);
                return None;
            }
            None => {
                let made = self.tree.push(Kind::Array, span, key.span, key.encoding);
                self.tree.node_mut(made).of_tables = true;
                self.tree.append(parent, made);
                made
            }
        };
        let table = self.tree.push(Kind::Table(Origin::Header), span, key.span, key.encoding);
        self.tree.append(array, table);
        Some(table)
    }

    fn open_value(&mut self, kind: Kind, span: Span, errors: &mut dyn ErrorSink) {
        let node = self.place(kind, span, errors);
        self.open.push(node);
    }

    fn close_value(&mut self, end: Span) {
        if let Some(node) = self.open.pop() {
            self.tree.node_mut(node).span.end = end.end;
        }
        self.path.clear();
    }
}

fn duplicate(span: Span, earlier: Span, errors: &mut dyn ErrorSink) {
    report(DUPLICATE, span, earlier, errors);
}

fn report(what: &'static str, span: Span, earlier: Span, errors: &mut dyn ErrorSink) {
    let wide = |span: Span| toml_parser::Span::new_unchecked(span.start as usize, span.end as usize);
    errors.report_error(ParseError::new(what).with_unexpected(wide(span)).with_context(wide(earlier)));
}

impl EventReceiver for Builder<'_, '_> {
    fn std_table_open(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.path.clear();
        self.header = Some(span.into());
    }
    fn std_table_close(&mut self, span: toml_parser::Span, errors: &mut dyn ErrorSink) {
        self.close_header(span.into(), false, errors);
    }
    fn array_table_open(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.path.clear();
        self.header = Some(span.into());
    }
    fn array_table_close(&mut self, span: toml_parser::Span, errors: &mut dyn ErrorSink) {
        self.close_header(span.into(), true, errors);
    }
    fn inline_table_open(&mut self, span: toml_parser::Span, errors: &mut dyn ErrorSink) -> bool {
        self.open_value(Kind::Table(Origin::Inline), span.into(), errors);
        true
    }
    fn inline_table_close(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.close_value(span.into());
    }
    fn array_open(&mut self, span: toml_parser::Span, errors: &mut dyn ErrorSink) -> bool {
        self.open_value(Kind::Array, span.into(), errors);
        true
    }
    fn array_close(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.close_value(span.into());
    }
    fn simple_key(&mut self, span: toml_parser::Span, encoding: Option<Encoding>, errors: &mut dyn ErrorSink) {
        let span = Span::from(span);
        let _ = self.tree.decode_key(span, encoding, errors);
        self.path.push(Key { span, encoding });
    }
    fn scalar(&mut self, span: toml_parser::Span, encoding: Option<Encoding>, errors: &mut dyn ErrorSink) {
        let span = Span::from(span);
        // Keys and scalars are decoded once here so that their mistakes are
        // reported, and again when asked for: cheaper than keeping half a
        // million texts.
        let _ = self.tree.decode_scalar(span, encoding, errors);
        self.place(Kind::Scalar(encoding), span, errors);
    }
    fn value_sep(&mut self, _: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.path.clear();
    }
    fn newline(&mut self, _: toml_parser::Span, _: &mut dyn ErrorSink) {
        if self.open.is_empty() {
            self.path.clear();
        }
    }
}
