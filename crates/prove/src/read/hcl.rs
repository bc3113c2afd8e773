//! HCL into a tree whose nodes know their lines.
//!
//! Any bytes get a tree or a reason, in bounded time and memory. It evaluates
//! nothing: what is no literal, list, mapping, reference, template or call is
//! kept as what it is, so that whoever needs its value can say that it is not
//! known. A block within a block reads as a mapping, as Terraform itself takes it.

use super::yaml::{Key, MOST_BYTES, Unreadable, count, unreadable};
use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::structure::{Body, Structure};
use hcl_edit::template::{Element, Template};
use std::collections::BTreeSet;

/// Nodes of one file. The largest that is rendered has some 3,000.
const MOST_NODES: usize = 200_000;

/// A node, and the line that it begins in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// A whole number.
    Number(i64),
    Text(String),
    List(Vec<Node>),
    /// Attributes and blocks. Only blocks may be there twice.
    Map(Vec<(Key, Node)>),
    /// `aws_subnet.public_1.id`.
    Refer(Vec<String>),
    /// A text with something in it.
    Template(Vec<Node>),
    Call(String, Vec<Node>),
    /// What is not evaluated, in words.
    Other(&'static str),
}

/// A block that stands in the file itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) line: u32,
    pub(crate) kind: String,
    pub(crate) labels: Vec<String>,
    pub(crate) body: Vec<(Key, Node)>,
}

/// The blocks of a file.
pub(crate) fn blocks(bytes: &[u8]) -> Result<Vec<Block>, Unreadable> {
    if bytes.len() > MOST_BYTES {
        return Err(unreadable(1, format!("the file is {} bytes long; {MOST_BYTES} are read", bytes.len())));
    }
    let text = std::str::from_utf8(bytes).map_err(|why| {
        let before = bytes.get(..why.valid_up_to()).unwrap_or_default();
        unreadable(1 + count(before.iter().filter(|byte| **byte == b'\n').count()), "this is not UTF-8")
    })?;
    let body = hcl_edit::parser::parse_body(text)
        .map_err(|why| unreadable(count(why.location().line()), why.message().trim().to_owned()))?;
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    let mut read = Read { ends, nodes: 0 };
    let mut blocks = Vec::new();
    for part in &body {
        let line = read.line(part.span(), 1);
        match part {
            Structure::Attribute(one) => {
                return Err(unreadable(line, format!("`{}` stands outside of all blocks", one.key.as_str())));
            }
            Structure::Block(one) => {
                let labels = one.labels.iter().map(|label| label.as_str().to_owned()).collect();
                let body = read.body(&one.body, line)?;
                blocks.push(Block { line, kind: one.ident.as_str().to_owned(), labels, body });
            }
        }
    }
    Ok(blocks)
}

struct Read {
    /// Where lines end.
    ends: Vec<usize>,
    nodes: usize,
}

impl Read {
    /// The line of something, or that of what it stands in.
    fn line(&self, span: Option<std::ops::Range<usize>>, within: u32) -> u32 {
        span.map_or(within, |span| 1 + count(self.ends.partition_point(|end| *end < span.start)))
    }

    fn body(&mut self, body: &Body, within: u32) -> Result<Vec<(Key, Node)>, Unreadable> {
        let (mut fields, mut attributes, mut inner) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for part in body {
            let line = self.line(part.span(), within);
            let (name, node) = match part {
                Structure::Attribute(one) => (one.key.as_str(), self.node(&one.value, line)?),
                Structure::Block(one) if !one.labels.is_empty() => {
                    (one.ident.as_str(), Node { line, value: Value::Other("a block with a label") })
                }
                Structure::Block(one) => {
                    (one.ident.as_str(), Node { line, value: Value::Map(self.body(&one.body, line)?) })
                }
            };
            let is_block = matches!(part, Structure::Block(_));
            let twice = if is_block {
                inner.insert(name);
                attributes.contains(name)
            } else {
                inner.contains(name) || !attributes.insert(name)
            };
            if twice {
                return Err(unreadable(line, format!("`{}` is there twice", name.escape_debug())));
            }
            self.more(line)?;
            fields.push((Key { line, text: name.to_owned() }, node));
        }
        Ok(fields)
    }

    fn more(&mut self, line: u32) -> Result<(), Unreadable> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MOST_NODES {
            return Err(unreadable(line, format!("more than {MOST_NODES} nodes")));
        }
        Ok(())
    }

    fn nodes<'e>(
        &mut self,
        parts: impl IntoIterator<Item = &'e Expression>,
        line: u32,
    ) -> Result<Vec<Node>, Unreadable> {
        parts.into_iter().map(|part| self.node(part, line)).collect()
    }

    fn node(&mut self, of: &Expression, within: u32) -> Result<Node, Unreadable> {
        let line = self.line(of.span(), within);
        self.more(line)?;
        let value = match of {
            Expression::Null(_) => Value::Null,
            Expression::Bool(truth) => Value::Bool(*truth.value()),
            Expression::Number(number) => {
                number.value().as_i64().map_or(Value::Other("a number that is not whole"), Value::Number)
            }
            Expression::String(text) => Value::Text(text.value().clone()),
            Expression::Array(parts) => Value::List(self.nodes(parts.iter(), line)?),
            Expression::Object(object) => {
                let (mut fields, mut names) = (Vec::new(), BTreeSet::new());
                for (key, value) in object {
                    let (at, name) = self.key(key, line)?;
                    if !names.insert(name.clone()) {
                        return Err(unreadable(at, format!("`{}` is there twice", name.escape_debug())));
                    }
                    fields.push((Key { line: at, text: name }, self.node(value.expr(), at)?));
                }
                Value::Map(fields)
            }
            Expression::StringTemplate(template) => self.parts(template.iter(), line)?,
            Expression::HeredocTemplate(document) => self.template(&document.template, line)?,
            Expression::Parenthesis(inner) => return self.node(inner.inner(), line),
            Expression::Variable(name) => Value::Refer(vec![name.as_str().to_owned()]),
            Expression::FuncCall(call) if call.name.namespace.is_empty() && !call.args.expand_final() => {
                Value::Call(call.name.name.as_str().to_owned(), self.nodes(call.args.iter(), line)?)
            }
            Expression::FuncCall(_) => Value::Other("a call that is not known"),
            Expression::Traversal(one) => reference(one),
            Expression::Conditional(_) => Value::Other("a choice"),
            Expression::UnaryOp(_) | Expression::BinaryOp(_) => Value::Other("something that is worked out"),
            Expression::ForExpr(_) => Value::Other("a loop"),
        };
        Ok(Node { line, value })
    }

    fn key(&mut self, key: &ObjectKey, within: u32) -> Result<(u32, String), Unreadable> {
        match key {
            ObjectKey::Ident(name) => Ok((self.line(name.span(), within), name.as_str().to_owned())),
            ObjectKey::Expression(of) => match self.node(of, within)? {
                Node { line, value: Value::Text(text) } => Ok((line, text)),
                Node { line, value: Value::Number(number) } => Ok((line, number.to_string())),
                Node { line, .. } => Err(unreadable(line, "a key that is worked out")),
            },
        }
    }

    fn template(&mut self, template: &Template, line: u32) -> Result<Value, Unreadable> {
        self.parts(template.iter(), line)
    }

    fn parts<'t>(&mut self, elements: impl IntoIterator<Item = &'t Element>, within: u32) -> Result<Value, Unreadable> {
        let mut parts = Vec::new();
        for element in elements {
            let line = self.line(element.span(), within);
            self.more(line)?;
            parts.push(match element {
                Element::Literal(text) => Node { line, value: Value::Text(text.value().clone()) },
                Element::Interpolation(inner) => self.node(&inner.expr, line)?,
                Element::Directive(_) => Node { line, value: Value::Other("a choice or loop in a text") },
            });
        }
        // `"${a.b}"` is what `a.b` is, and a text alone is that text.
        let alone = parts.len() == 1;
        Ok(match parts.pop() {
            Some(Node { value, .. }) if alone => value,
            Some(last) => {
                parts.push(last);
                Value::Template(parts)
            }
            None => Value::Text(String::new()),
        })
    }
}

/// Names that are joined by points, and nothing else.
fn reference(of: &Traversal) -> Value {
    let mut names = match &of.expr {
        Expression::Variable(name) => vec![name.as_str().to_owned()],
        _ => return Value::Other("a part of something that is worked out"),
    };
    for operator in &of.operators {
        match operator.value() {
            TraversalOperator::GetAttr(name) => names.push(name.as_str().to_owned()),
            TraversalOperator::Index(Expression::Number(at)) => names.push(format!("[{}]", at.value())),
            TraversalOperator::Index(Expression::String(at)) => names.push(format!("[{}]", at.value())),
            _ => return Value::Other("one of many"),
        }
    }
    Value::Refer(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use super::*;
    use proptest::prelude::*;

    fn why(text: &str) -> (u32, String) {
        let why = blocks(text.as_bytes()).unwrap_err();
        (why.line, why.what)
    }

    #[test]
    fn nodes_know_their_lines() {
        let text = "# c\nresource \"a\" \"b\" {\n  c = 1\n\n  d {\n    e = [\n      f.g.id,\n      \"${h.i}\",\n    ]\n  }\n  d {}\n}\n";
        let read = blocks(text.as_bytes()).unwrap();
        assert_eq!((read[0].line, read[0].kind.as_str(), read[0].labels.len()), (2, "resource", 2));
        let lines: Vec<u32> = read[0].body.iter().map(|(key, _)| key.line).collect();
        assert_eq!(lines, [3, 5, 11]);
        let Value::Map(inner) = &read[0].body[1].1.value else { unreachable!() };
        let Value::List(parts) = &inner[0].1.value else { unreachable!() };
        assert_eq!((parts[0].line, parts[1].line), (7, 8));
        let refer = |names: [&str; 2]| Value::Refer(names.map(str::to_owned).to_vec());
        assert_eq!(parts[1].value, refer(["h", "i"]));
    }

    #[test]
    fn what_is_not_evaluated_is_kept_as_such() {
        let read =
            blocks(b"a {\n  b = c ? 1 : 2\n  d = [for e in f : e]\n  g = h[*].id\n  i = \"x${j}\"\n}\n").unwrap();
        let other = |at: usize| matches!(read[0].body[at].1.value, Value::Other(_));
        assert!(other(0) && other(1) && other(2) && !other(3));
    }

    #[test]
    fn what_is_there_twice_or_no_text_is_refused_where_it_stands() {
        assert_eq!(why("a {\n  b = 1\n  b = 2\n}\n").0, 3);
        assert_eq!(why("a {\n  b = 1\n  b {}\n}\n"), (3, "`b` is there twice".to_owned()));
        assert_eq!(why("a {\n  b = { c = 1, \"c\" = 2 }\n}\n").0, 2);
        assert_eq!(why("a = 1\n").0, 1);
        assert_eq!(why("a {\n  b = \n}\n").0, 2);
        assert_eq!(blocks(b"a {}\nb \xff\n").unwrap_err().line, 2);
        assert!(blocks(&vec![b'#'; MOST_BYTES + 1]).is_err());
        assert!(blocks(format!("a {{ b = {} }}", "[".repeat(100_000)).as_bytes()).is_err());
        assert!(why(&format!("a {{\n  b = [{}]\n}}\n", "1, ".repeat(MOST_NODES + 1))).1.contains("nodes"));
    }

    /// Whatever lies in each other, or is begun and never ended, is refused at once.
    #[test]
    fn what_lies_deep_in_each_other_takes_no_time() {
        let start = std::time::Instant::now();
        for many in [10, 30, 60, 100, 5_000] {
            for (open, close) in [
                ("(", ")"),
                ("[", "]"),
                ("{a=", "}"),
                ("{(a)=", "}"),
                ("\"${", "}\""),
                ("[for a in ", ": a]"),
                ("{for a in ", ": a => a}"),
                ("a(", ")"),
                ("a[", "]"),
                ("!", ""),
                ("-", ""),
                ("a ? ", " : b"),
                ("a ? b : ", ""),
                ("a + ", ""),
                ("\"%{ if a }", "%{ endif }\""),
                ("<<A\n", "\nA\n"),
                ("<<A\n${", "}\nA\n"),
            ] {
                for end in [close.repeat(many), String::new()] {
                    let _ = blocks(format!("a {{\n  b = {}c{end}\n}}\n", open.repeat(many)).as_bytes());
                }
            }
            let _ = blocks("a {\n".repeat(many).as_bytes());
            let _ = blocks(format!("{}{}", "a {\n".repeat(many), "}\n".repeat(many)).as_bytes());
        }
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(bytes in any::<Vec<u8>>(), text in "([a-c = \n\\[\\]{}\"$%.,?:*#]|\\$\\{|<<-A\n|A\n){0,200}") {
            let _ = blocks(&bytes);
            let _ = blocks(text.as_bytes());
        }
    }
}
