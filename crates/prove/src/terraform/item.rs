//! A resource as its file says it, and what stands in it. Each argument that is
//! read here is known by name; one that nobody knows is told, and so is a value
//! that is not written out where it decides who reaches whom.

use crate::atoms::Range;
use crate::ports::Ports;
use crate::read::form::shown;
use crate::read::hcl::{Node, Value};
use crate::read::yaml::Key;
use crate::report::{At, Failure, Kind, Layer, Path};
use std::sync::Arc;

/// What any resource may say and what changes no path: its marks, what it is made
/// after, and how long it is waited for.
const MARKS: &[&str] = &["tags", "tags_all", "depends_on", "lifecycle", "timeouts"];

/// What makes one resource many, or none, or puts it elsewhere, or runs something.
/// `root` tells each, of whatever kind the resource is.
pub(crate) const MAKES_MORE: &[&str] =
    &["count", "for_each", "provider", "region", "provisioner", "connection", "dynamic"];

/// Gathers what is wrong, at one layer.
pub(crate) struct Tell<'f> {
    failures: &'f mut Vec<Failure>,
    pub(crate) layer: Layer,
}

impl<'f> Tell<'f> {
    pub(crate) fn new(failures: &'f mut Vec<Failure>, layer: Layer) -> Self {
        Self { failures, layer }
    }

    /// The same at another layer.
    pub(crate) fn at(&mut self, layer: Layer) -> Tell<'_> {
        Tell { failures: self.failures, layer }
    }

    pub(crate) fn fail(&mut self, kind: Kind, at: At, what: impl Into<String>) {
        self.failures.push(Failure::new(kind, self.layer, at, what));
    }

    pub(crate) fn path(&mut self, kind: Kind, at: At, (from, to, ports): (&str, &str, &Ports), what: String) {
        let path = Path { from: from.to_owned(), to: to.to_owned(), ports: ports.to_string() };
        self.failures.push(Failure::new(kind, self.layer, at, what).on(path));
    }

    pub(crate) fn take(&mut self, found: Vec<Failure>) {
        self.failures.extend(found);
    }

    /// Something that nobody here understands.
    pub(crate) fn lost(&mut self, at: At, what: impl Into<String>) {
        self.fail(Kind::NotUnderstood, at, what);
    }
}

/// A resource.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) at: At,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) fields: Vec<(Key, Node)>,
}

impl Item {
    pub(crate) fn part(&self) -> Part<'_> {
        Part { file: &self.at.file, line: self.at.line, fields: &self.fields }
    }

    /// What Terraform calls it.
    pub(crate) fn words(&self) -> String {
        format!("{}.{}", shown(&self.kind), shown(&self.name))
    }

    /// Its arguments; those that are not known are told.
    pub(crate) fn known(&self, names: &[&str], tell: &mut Tell<'_>) -> Part<'_> {
        let part = self.part();
        part.known(&self.words(), &[names, MARKS, MAKES_MORE], tell);
        part
    }
}

/// Arguments, of a resource or of a block in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'r> {
    file: &'r Arc<str>,
    line: u32,
    pub(crate) fields: &'r [(Key, Node)],
}

impl<'r> Part<'r> {
    pub(crate) fn new(file: &'r Arc<str>, line: u32, fields: &'r [(Key, Node)]) -> Self {
        Self { file, line, fields }
    }

    pub(crate) fn known(&self, what: &str, known: &[&[&str]], tell: &mut Tell<'_>) {
        for (key, _) in self.fields {
            if !known.iter().any(|names| names.contains(&key.text.as_str())) {
                let what = format!("{what} has an argument `{}` that is not understood", shown(&key.text));
                tell.lost(self.at(key.line), what);
            }
        }
    }

    pub(crate) fn at(&self, line: u32) -> At {
        At { file: Arc::clone(self.file), line }
    }

    pub(crate) fn here(&self) -> At {
        self.at(self.line)
    }

    /// An argument, when it says something.
    pub(crate) fn get(&self, name: &str) -> Option<&'r Node> {
        let said = self.fields.iter().find(|(key, _)| key.text == name).map(|(_, node)| node);
        said.filter(|node| node.value != Value::Null)
    }

    /// The line of an argument, or that of the whole.
    pub(crate) fn line_of(&self, name: &str) -> At {
        let key = self.fields.iter().find(|(key, _)| key.text == name);
        key.map_or_else(|| self.here(), |(key, _)| self.at(key.line))
    }

    /// The blocks of a name, or the mappings of a list of that name.
    pub(crate) fn parts(&self, name: &str, tell: &mut Tell<'_>) -> Vec<Part<'r>> {
        let mut parts = Vec::new();
        for (_, node) in self.fields.iter().filter(|(key, _)| key.text == name) {
            let nodes =
                if let Value::List(nodes) = &node.value { nodes.as_slice() } else { std::slice::from_ref(node) };
            for node in nodes {
                match &node.value {
                    Value::Map(fields) => parts.push(Part { file: self.file, line: node.line, fields }),
                    Value::Null => {}
                    other => tell.lost(self.at(node.line), format!("`{name}` is {}", kind(other))),
                }
            }
        }
        parts
    }

    /// The first block of a name.
    pub(crate) fn part(&self, name: &str, tell: &mut Tell<'_>) -> Option<Part<'r>> {
        self.parts(name, tell).into_iter().next()
    }

    pub(crate) fn list(&self, name: &str, tell: &mut Tell<'_>) -> &'r [Node] {
        match self.get(name).map(|node| (&node.value, node.line)) {
            None => &[],
            Some((Value::List(parts), _)) => parts,
            Some((other, line)) => {
                tell.lost(self.at(line), format!("`{name}` is {}, where a list is to be", kind(other)));
                &[]
            }
        }
    }

    pub(crate) fn text(&self, name: &str, tell: &mut Tell<'_>) -> Option<&'r str> {
        let node = self.get(name)?;
        match &node.value {
            Value::Text(text) => Some(text),
            other => {
                tell.lost(self.at(node.line), format!("`{name}` is {}, where a text is to be", kind(other)));
                None
            }
        }
    }

    /// A text that decides nothing: none when it is not written out.
    pub(crate) fn word(&self, name: &str) -> Option<&'r str> {
        if let Value::Text(text) = &self.get(name)?.value { Some(text) } else { None }
    }

    pub(crate) fn truth(&self, name: &str, tell: &mut Tell<'_>) -> Option<bool> {
        let node = self.get(name)?;
        match &node.value {
            Value::Bool(truth) => Some(*truth),
            Value::Text(text) if text == "true" || text == "false" => Some(text == "true"),
            other => {
                tell.lost(self.at(node.line), format!("`{name}` is {}, where true or false is to be", kind(other)));
                None
            }
        }
    }

    /// A number, as Terraform takes it: in quotes or not.
    pub(crate) fn number(&self, name: &str, tell: &mut Tell<'_>) -> Option<i64> {
        let node = self.get(name)?;
        let number = match &node.value {
            Value::Number(number) => Some(*number),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            tell.lost(self.at(node.line), format!("`{name}` is {}, where a number is to be", kind(&node.value)));
        }
        number
    }

    pub(crate) fn port(&self, name: &str, tell: &mut Tell<'_>) -> Option<u16> {
        let number = self.number(name, tell)?;
        let port = u16::try_from(number).ok();
        if port.is_none() {
            tell.lost(self.line_of(name), format!("`{name}` is {number}, which is no port"));
        }
        port
    }

    /// The name of a resource of a kind that an argument leads to. It is to be there.
    pub(crate) fn refer(&self, name: &str, kind: &str, tell: &mut Tell<'_>) -> Option<&'r str> {
        let Some(node) = self.get(name) else {
            tell.lost(self.here(), format!("nothing says `{name}`"));
            return None;
        };
        self.leads(node, kind, tell)
    }

    /// The names of resources of a kind that a list leads to, each with its line.
    pub(crate) fn refers(&self, name: &str, kind: &str, tell: &mut Tell<'_>) -> Vec<(u32, &'r str)> {
        let nodes = self.list(name, tell).iter();
        nodes.filter_map(|node| Some((node.line, self.leads(node, kind, tell)?))).collect()
    }

    pub(crate) fn leads(&self, node: &'r Node, wanted: &str, tell: &mut Tell<'_>) -> Option<&'r str> {
        let found = led(node, wanted);
        if found.is_none() {
            let what =
                format!("this is {}, where a resource `{wanted}` of these files is to be named", kind(&node.value));
            tell.lost(self.at(node.line), what);
        }
        found
    }

    /// Addresses. What is not written out is not known.
    pub(crate) fn range(&self, node: &Node, tell: &mut Tell<'_>) -> Option<Range> {
        let range = if let Value::Text(text) = &node.value { Range::parse(text) } else { None };
        if range.is_none() {
            let what = match &node.value {
                Value::Text(text) => format!("`{}` is no network", shown(text)),
                other => format!("addresses are {}, so nobody knows which", kind(other)),
            };
            tell.lost(self.at(node.line), what);
        }
        range
    }
}

/// The name of the resource of a kind that something leads to.
pub(crate) fn led<'r>(node: &'r Node, wanted: &str) -> Option<&'r str> {
    let Value::Refer(names) = &node.value else { return None };
    match names.as_slice() {
        [kind, name, of] if kind == wanted && ["id", "arn", "name", "key_id"].contains(&of.as_str()) => Some(name),
        _ => None,
    }
}

/// A value in words.
pub(crate) fn kind(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::Text(text) => format!("the text `{}`", shown(text)),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
        Value::Refer(names) if names.first().is_some_and(|first| first == "var") => {
            format!("`{}`, which whoever runs this says", shown(&names.join(".")))
        }
        Value::Refer(names) => format!("`{}`", shown(&names.join("."))),
        Value::Template(_) => "a text that is put together".to_owned(),
        Value::Call(name, _) => format!("what `{}` works out", shown(name)),
        Value::Other(what) => (*what).to_owned(),
    }
}
