//! HCL, as Terraform reads it and as `terraform fmt` wants it: the one writer.
//!
//! Whatever a planet says goes in as a `Value::Text`, which is quoted here; an
//! expression is only ever made of names of our own. `=` stand in a column in
//! lines that follow each other, and what takes several lines stands apart, so
//! that nothing has to be aligned across it.

use crate::comment;
use std::fmt::Write as _;

/// A list is one line up to this width, as a person would write it.
const WIDTH: usize = 110;

/// Something that an attribute is set to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A text, whatever is in it.
    Text(String),
    /// A number or a truth, or an expression: never what a planet says.
    Plain(String),
    /// Some, in order.
    List(Vec<Value>),
    /// Some, by name.
    Object(Vec<(String, Value)>),
    /// What a function makes of one.
    Call(&'static str, Box<Value>),
    /// A text of several lines, with expressions in it.
    Script(Vec<Template>),
    /// A text of one line, with expressions in it.
    Line(Template),
}

/// A text with expressions in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Expression(String),
}

impl Template {
    /// Goes on with a text, whatever is in it.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.push(Part::Text(text.to_owned()));
        self
    }

    /// Goes on with what an expression comes to.
    pub(crate) fn expression(mut self, expression: &str) -> Self {
        self.0.push(Part::Expression(expression.to_owned()));
        self
    }

    fn written(&self, escape: fn(&str) -> String) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => escape(text),
            Part::Expression(expression) => format!("${{{expression}}}"),
        };
        self.0.iter().map(part).collect()
    }
}

/// A text that begins a template.
pub(crate) fn text(text: &str) -> Template {
    Template::default().text(text)
}

/// An expression: made of names of our own.
pub(crate) fn expression(of: impl Into<String>) -> Value {
    Value::Plain(of.into())
}

/// Expressions, in order.
pub(crate) fn expressions<S: AsRef<str>>(of: impl IntoIterator<Item = S>) -> Value {
    Value::List(of.into_iter().map(|one| expression(one.as_ref())).collect())
}

/// Values by name, in order.
pub(crate) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

/// Some values, in order.
pub(crate) fn list<V: Into<Value>>(values: impl IntoIterator<Item = V>) -> Value {
    Value::List(values.into_iter().map(Into::into).collect())
}

/// A value as text in JSON.
pub(crate) fn json(value: Value) -> Value {
    Value::Call("jsonencode", Box::new(value))
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Plain(is.to_string())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Plain(number.to_string())
    }
}

impl From<Template> for Value {
    fn from(template: Template) -> Self {
        Self::Line(template)
    }
}

/// A block: a kind, labels, and what is in it.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    why: Vec<String>,
    head: String,
    body: Vec<Item>,
}

#[derive(Debug, Clone)]
enum Item {
    Set(Vec<String>, String, Value),
    Nested(Block),
}

/// A block without labels.
pub(crate) fn block(kind: &str) -> Block {
    Block { why: Vec::new(), head: kind.to_owned(), body: Vec::new() }
}

/// A block with labels.
pub(crate) fn labelled(kind: &str, labels: &[&str]) -> Block {
    let labels: String = labels.iter().map(|label| format!(" {}", quoted(label))).collect();
    Block { why: Vec::new(), head: format!("{kind}{labels}"), body: Vec::new() }
}

/// A resource of a type, with what our files call it.
pub(crate) fn resource(of: &str, called: &str) -> Block {
    labelled("resource", &[of, called])
}

impl Block {
    /// Says something before the block, or before the attribute or block that was
    /// added last.
    pub(crate) fn why(mut self, why: &str) -> Self {
        match self.body.last_mut() {
            None => self.why.push(why.to_owned()),
            Some(Item::Set(comments, ..)) => comments.push(why.to_owned()),
            Some(Item::Nested(block)) => block.why.push(why.to_owned()),
        }
        self
    }

    /// Sets an attribute.
    pub(crate) fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body.push(Item::Set(Vec::new(), name.to_owned(), value.into()));
        self
    }

    /// Sets an attribute to an expression.
    pub(crate) fn refer(self, name: &str, to: &str) -> Self {
        self.set(name, expression(to))
    }

    /// Sets an attribute that may have none.
    pub(crate) fn set_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// Puts a block into it.
    pub(crate) fn nest(mut self, block: Block) -> Self {
        self.body.push(Item::Nested(block));
        self
    }

    /// Puts several into it.
    pub(crate) fn nest_all(self, blocks: impl IntoIterator<Item = Block>) -> Self {
        blocks.into_iter().fold(self, Self::nest)
    }

    fn write(&self, to: &mut String, depth: usize) {
        comments(to, &self.why, depth);
        let indent = "  ".repeat(depth);
        if self.body.is_empty() {
            _ = writeln!(to, "{indent}{} {{}}", self.head);
            return;
        }
        _ = writeln!(to, "{indent}{} {{", self.head);
        let mut rest = self.body.as_slice();
        let mut is_first = true;
        while let Some((item, after)) = rest.split_first() {
            if !is_first {
                to.push('\n');
            }
            is_first = false;
            rest = match item {
                Item::Nested(block) => {
                    block.write(to, depth + 1);
                    after
                }
                Item::Set(why, name, value) if is_tall(name, value, depth + 1) => {
                    comments(to, why, depth + 1);
                    _ = writeln!(to, "{indent}  {name} = {}", written(value, depth + 1));
                    after
                }
                Item::Set(..) => {
                    let many = rest.iter().take_while(|item| is_flat(item, depth + 1)).count();
                    flat(to, &rest[..many], depth + 1);
                    &rest[many..]
                }
            };
        }
        _ = writeln!(to, "{indent}}}");
    }
}

fn is_flat(item: &Item, depth: usize) -> bool {
    matches!(item, Item::Set(_, name, value) if !is_tall(name, value, depth))
}

/// Attributes of one line each. A comment divides those that are aligned.
fn flat(to: &mut String, items: &[Item], depth: usize) {
    let sets: Vec<_> = items
        .iter()
        .filter_map(|item| if let Item::Set(why, name, value) = item { Some((why, name, value)) } else { None })
        .collect();
    let mut rest = sets.as_slice();
    while let Some(((why, _, _), after)) = rest.split_first() {
        comments(to, why, depth);
        let many = 1 + after.iter().take_while(|(why, _, _)| why.is_empty()).count();
        let width = rest[..many].iter().map(|(_, name, _)| name.chars().count()).max().unwrap_or(0);
        for (_, name, value) in &rest[..many] {
            _ = writeln!(to, "{}{name:width$} = {}", "  ".repeat(depth), written(value, depth));
        }
        rest = &rest[many..];
    }
}

fn comments(to: &mut String, lines: &[String], depth: usize) {
    for line in lines {
        _ = writeln!(to, "{}{}", "  ".repeat(depth), comment::line(line));
    }
}

/// Whether a value takes several lines.
fn is_tall(name: &str, value: &Value, depth: usize) -> bool {
    match value {
        Value::Text(_) | Value::Plain(_) | Value::Line(_) => false,
        Value::Object(fields) => !fields.is_empty(),
        Value::Script(_) => true,
        Value::Call(_, of) => is_tall(name, of, depth),
        Value::List(values) => {
            let inside = values.iter().any(|value| is_tall(name, value, depth));
            let width: usize = values.iter().map(|value| written(value, depth).chars().count() + 2).sum();
            inside || depth * 2 + name.chars().count() + 3 + width > WIDTH
        }
    }
}

fn written(value: &Value, depth: usize) -> String {
    let (indent, inner) = ("  ".repeat(depth), "  ".repeat(depth + 1));
    match value {
        Value::Text(text) => quoted(text),
        Value::Plain(text) => text.clone(),
        Value::Line(template) => format!("\"{}\"", template.written(escaped)),
        Value::Call(function, of) if matches!(**of, Value::Script(_)) => {
            format!("{function}({}\n{indent})", written(of, depth))
        }
        Value::Call(function, of) => format!("{function}({})", written(of, depth)),
        Value::Script(lines) => {
            let line = |line: &Template| {
                let line = line.written(introducers);
                if line.is_empty() { "\n".to_owned() } else { format!("{inner}{line}\n") }
            };
            format!("<<-SCRIPT\n{}{indent}SCRIPT", lines.iter().map(line).collect::<String>())
        }
        Value::List(values) if is_tall("", value, depth) => {
            let one = |value: &Value| format!("{inner}{},\n", written(value, depth + 1));
            format!("[\n{}{indent}]", values.iter().map(one).collect::<String>())
        }
        Value::List(values) => {
            let values: Vec<String> = values.iter().map(|value| written(value, depth)).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let mut text = "{\n".to_owned();
            let items: Vec<Item> =
                fields.iter().map(|(name, value)| Item::Set(Vec::new(), key(name), value.clone())).collect();
            let mut rest = items.as_slice();
            while let Some(Item::Set(_, name, value)) = rest.first() {
                let many = rest.iter().take_while(|item| is_flat(item, depth + 1)).count();
                flat(&mut text, &rest[..many], depth + 1);
                if many == 0 {
                    _ = writeln!(text, "{inner}{name} = {}", written(value, depth + 1));
                }
                rest = &rest[many.max(1)..];
            }
            format!("{text}{indent}}}")
        }
    }
}

/// A key of an object, quoted where it is no name.
fn key(name: &str) -> String {
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_name && !name.starts_with(|c: char| c.is_ascii_digit()) { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// A text as it stands between quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in introducers(text).chars() {
        match c {
            '\\' | '"' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if c.is_control() || "\u{2028}\u{2029}\u{feff}".contains(c) => {
                _ = write!(escaped, "\\u{:04x}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// What would begin an expression is doubled, and then begins none.
fn introducers(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// Writes a file: what it is, and its blocks.
pub(crate) fn file(about: &[String], blocks: &[Block]) -> String {
    let mut text = String::new();
    comments(&mut text, about, 0);
    for block in blocks {
        text.push('\n');
        block.write(&mut text, 0);
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ::hcl::eval::Context;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(
            any in any::<String>(),
            hostile in "([\"'{}$%#:|<=\\\\\\-\\[\\], \n\r\t]|\\$+\\{|%+\\{|\\$\\{X\\}|%\\{ if x \\}|SCRIPT|\u{85}|\u{2028}|é|😀){0,60}",
            comment in any::<String>(),
        ) {
            let block = resource("a", "b")
                .why(&comment)
                .set("any", any.as_str())
                .set("hostile", hostile.as_str())
                .why(&hostile)
                .set("list", list([hostile.as_str(), any.as_str()]))
                .set("object", Value::Object(vec![(hostile.clone(), any.as_str().into()), ("a-b".into(), 7_u64.into())]));
            let written = file(&[comment], &[block]);
            let read: serde_json::Value = ::hcl::eval::from_str(&written, &Context::new()).unwrap();
            let read = &read["resource"]["a"]["b"];
            prop_assert_eq!(read["any"].as_str(), Some(any.as_str()));
            prop_assert_eq!(read["hostile"].as_str(), Some(hostile.as_str()));
            prop_assert_eq!(&read["list"], &serde_json::json!([hostile, any]));
            if hostile != "a-b" {
                prop_assert_eq!(read["object"][&hostile].as_str(), Some(any.as_str()));
            }
            prop_assert_eq!(&read["object"]["a-b"], 7);
        }
    }

    /// What `terraform fmt` makes of it is what it is: its own test asks the program.
    #[test]
    fn equal_signs_stand_in_a_column_between_what_is_taller() {
        let inner = block("inner").set("x", 1_u64);
        let block = resource("a", "b")
            .set("short", "v")
            .refer("much_longer", "var.x")
            .set("tags", object([("Name", "n".into()), ("of", "m".into())]))
            .set("after", true)
            .nest(inner)
            .why("Because.");
        let wanted = "resource \"a\" \"b\" {\n  short       = \"v\"\n  much_longer = var.x\n\n  tags = {\n    \
                      Name = \"n\"\n    of   = \"m\"\n  }\n\n  after = true\n\n  # Because.\n  inner {\n    x = 1\n  }\n}\n";
        assert_eq!(file(&[], &[block]), format!("\n{wanted}"));
    }
}
