//! Walks the tree by the declarations of `section`, and reports all that is
//! wrong on the way.

use super::section::Section;
use super::span::{At, Span};
use super::tree::{Kind, NodeId, Tree};
use super::value::{Name, Problem, Value, what_is};
use crate::finding::Report;
use crate::lint::file;

/// Reads one table.
pub(crate) struct Reader<'r, 'i> {
    tree: &'r Tree<'i>,
    report: &'r mut Report,
    /// None for a section that the file leaves out.
    table: Option<NodeId>,
    span: Span,
    /// The key that the table is under.
    section: &'static str,
    known: Vec<&'static str>,
}

impl<'r, 'i> Reader<'r, 'i> {
    pub(crate) fn root(tree: &'r Tree<'i>, report: &'r mut Report) -> Self {
        let table = Some(tree.root());
        Self { tree, report, table, span: Span::default(), section: "", known: Vec::new() }
    }

    pub(crate) const fn span(&self) -> Span {
        self.span
    }

    /// Reads a section from a table, or from nothing but defaults.
    fn section<S: Section>(&mut self, section: &'static str, table: Option<NodeId>) -> Option<S> {
        let span = table.map_or(self.span, |table| self.tree.span(table));
        let mut inner = Reader { tree: self.tree, report: self.report, table, span, section, known: Vec::new() };
        let section = S::read(&mut inner);
        inner.refuse_unknown();
        section
    }

    /// Reads the whole file as one section.
    pub(crate) fn whole<S: Section>(mut self) -> Option<S> {
        let section = S::read(&mut self);
        self.refuse_unknown();
        section
    }

    fn find(&mut self, key: &'static str) -> Option<NodeId> {
        self.known.push(key);
        self.table.and_then(|table| self.tree.get(table, key))
    }

    fn missing(&mut self, key: &'static str, example: &str) {
        let Self { span, section, .. } = *self;
        if self.table.is_none() {
            self.report
                .add(&file::MISSING_KEY, format!("the section [{section}] is missing, and its `{key}` has no default"))
                .hint(format!("add `[{section}]`, and below it `{key} = {example}`"));
            return;
        }
        self.report
            .add(&file::MISSING_KEY, format!("`{key}` is missing here"))
            .at(span, "")
            .hint(format!("add `{key} = {example}`"));
    }

    fn problem(&mut self, node: NodeId, problem: Problem) {
        let span = self.tree.span(node);
        self.report.add(problem.lint, problem.what).at(span, "").hint(problem.hint);
    }

    fn value<V: Value>(&mut self, node: NodeId) -> Option<At<V>> {
        match V::read(self.tree, node) {
            Ok(value) => Some(At::new(value, self.tree.span(node))),
            Err(problem) => {
                self.problem(node, problem);
                None
            }
        }
    }

    /// A key that must be there.
    pub(crate) fn required<V: Value>(&mut self, key: &'static str) -> Option<At<V>> {
        let Some(node) = self.find(key) else {
            self.missing(key, V::EXAMPLE);
            return None;
        };
        self.value(node)
    }

    /// A key that may be left out.
    pub(crate) fn optional<V: Value>(&mut self, key: &'static str) -> Option<Option<At<V>>> {
        match self.find(key) {
            Some(node) => self.value(node).map(Some),
            None => Some(None),
        }
    }

    /// A key with a default.
    pub(crate) fn defaulted<V: Value>(&mut self, key: &'static str, default: V) -> Option<At<V>> {
        match self.find(key) {
            Some(node) => self.value(node),
            None => Some(At::new(default, self.span)),
        }
    }

    /// A list of values, empty when left out.
    pub(crate) fn list<V: Value>(&mut self, key: &'static str) -> Option<Vec<At<V>>> {
        let Some(node) = self.find(key) else {
            return Some(Vec::new());
        };
        let tree = self.tree;
        if tree.kind(node) != Kind::Array {
            self.not(node, "a list", &format!("{key} = [{}]", V::EXAMPLE));
            return None;
        }
        // All of them are read before any failure counts, so that each is reported.
        let mut all = Some(Vec::new());
        for child in tree.children(node) {
            match (self.value(child), &mut all) {
                (Some(value), Some(list)) => list.push(value),
                _ => all = None,
            }
        }
        all
    }

    /// A table whose keys are names, in the order of the file.
    pub(crate) fn map<V: Value>(&mut self, key: &'static str) -> Option<Vec<(At<Name>, At<V>)>> {
        let Some(node) = self.find(key) else {
            return Some(Vec::new());
        };
        let tree = self.tree;
        if !matches!(tree.kind(node), Kind::Table(_)) {
            self.not(node, "a table", &format!("{key} = {{ name = {} }}", V::EXAMPLE));
            return None;
        }
        let mut all = Some(Vec::new());
        for child in tree.children(node) {
            let name = self.key_as_name(child);
            match (name, self.value(child), &mut all) {
                (Some(name), Some(value), Some(list)) => list.push((name, value)),
                _ => all = None,
            }
        }
        all
    }

    fn key_as_name(&mut self, child: NodeId) -> Option<At<Name>> {
        let span = self.tree.key_span(child);
        match Name::parse(&self.tree.key(child)) {
            Ok(name) => Some(At::new(name, span)),
            Err(problem) => {
                self.report.add(problem.lint, problem.what).at(span, "").hint(problem.hint);
                None
            }
        }
    }

    /// A section that is there with its defaults even when left out.
    pub(crate) fn nested<S: Section>(&mut self, key: &'static str) -> Option<S> {
        let node = self.find(key);
        if let Some(node) = node.filter(|&node| !self.is_table(node)) {
            self.not(node, "a table", &format!("[{key}]"));
            return None;
        }
        self.section(key, node)
    }

    /// A section that may be left out.
    pub(crate) fn optional_section<S: Section>(&mut self, key: &'static str) -> Option<Option<S>> {
        match self.find(key) {
            Some(node) if self.is_table(node) => self.section(key, Some(node)).map(Some),
            Some(node) => {
                self.not(node, "a table", &format!("[{key}]"));
                None
            }
            None => Some(None),
        }
    }

    /// A list of sections: `[[key]]`.
    pub(crate) fn sections<S: Section>(&mut self, key: &'static str) -> Option<Vec<S>> {
        let Some(node) = self.find(key) else {
            return Some(Vec::new());
        };
        let tree = self.tree;
        if tree.kind(node) != Kind::Array {
            self.not(node, "a list of tables", &format!("[[{key}]]"));
            return None;
        }
        let mut all = Some(Vec::new());
        for child in tree.children(node) {
            let section = if self.is_table(child) {
                self.section(key, Some(child))
            } else {
                self.not(child, "a table", &format!("[[{key}]]"));
                None
            };
            match (section, &mut all) {
                (Some(section), Some(list)) => list.push(section),
                _ => all = None,
            }
        }
        all
    }

    /// A table of sections by name: `[key.name]`.
    pub(crate) fn named_sections<S: Section>(&mut self, key: &'static str) -> Option<Vec<(At<Name>, S)>> {
        let Some(node) = self.find(key) else {
            return Some(Vec::new());
        };
        let tree = self.tree;
        if !self.is_table(node) {
            self.not(node, "a table", &format!("[{key}.name]"));
            return None;
        }
        let mut all = Some(Vec::new());
        for child in tree.children(node) {
            let name = self.key_as_name(child);
            let section = if self.is_table(child) {
                self.section(key, Some(child))
            } else {
                self.not(child, "a table", &format!("[{key}.name]"));
                None
            };
            match (name, section, &mut all) {
                (Some(name), Some(section), Some(list)) => list.push((name, section)),
                _ => all = None,
            }
        }
        all
    }

    fn is_table(&self, node: NodeId) -> bool {
        matches!(self.tree.kind(node), Kind::Table(_))
    }

    fn not(&mut self, node: NodeId, wanted: &str, example: &str) {
        let what = format!("{} stands where {wanted} belongs", what_is(self.tree, node));
        let problem = Problem { lint: &file::WRONG_TYPE, what, hint: format!("write it as {example}") };
        self.problem(node, problem);
    }

    fn refuse_unknown(&mut self) {
        let Some(table) = self.table else { return };
        let tree = self.tree;
        for child in tree.children(table) {
            let key = tree.key(child);
            if self.known.iter().any(|known| *known == key) {
                continue;
            }
            let near = self.known.iter().map(|known| (strsim::damerau_levenshtein(known, &key), *known)).min();
            let hint = match near {
                Some((distance, known)) if distance <= 1 + known.len() / 4 => {
                    format!("did you mean `{known}`?")
                }
                _ => format!("the keys here are {}", self.known.join(", ")),
            };
            let shown: String = key.chars().take(40).collect();
            self.report
                .add(&file::UNKNOWN_KEY, format!("`{}` is not a key of this table", shown.escape_debug()))
                .at(tree.key_span(child), "")
                .hint(hint);
        }
    }
}
