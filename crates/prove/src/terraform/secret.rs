//! What Terraform writes into its state, where everybody who runs it reads it:
//! outputs, arguments and what variables are when nobody says.

use crate::read::form::shown;
use crate::read::hcl::{Node, Value};
use crate::report::{Kind, Layer};
use crate::secrets;
use crate::terraform::item::{Item, Part, Tell};

/// Kinds that make or hold a secret: it is in the state then.
const KINDS: [&str; 7] = [
    "aws_iam_access_key",
    "aws_iam_user_login_profile",
    "aws_secretsmanager_secret_version",
    "aws_ssm_parameter",
    "random_password",
    "random_string",
    "tls_private_key",
];

/// Arguments that take a secret as it is.
const ARGUMENTS: [&str; 6] =
    ["password", "master_password", "secret_string", "auth_token", "tunnel1_preshared_key", "tunnel2_preshared_key"];

/// Parts of resources that are secrets.
const PARTS: [&str; 8] = [
    "password",
    "master_password",
    "result",
    "secret",
    "secret_string",
    "private_key_pem",
    "tunnel1_preshared_key",
    "tunnel2_preshared_key",
];

pub(crate) fn variable(name: &str, part: Part<'_>, tell: &mut Tell<'_>) {
    let mut tell = tell.at(Layer::Output);
    part.known("variable", &[&["type", "default", "description", "validation", "nullable", "sensitive"]], &mut tell);
    if let Some(node) = part.get("default") {
        value(name, node, part, &mut tell);
    }
}

pub(crate) fn output(name: &str, part: Part<'_>, tell: &mut Tell<'_>) {
    let mut tell = tell.at(Layer::Output);
    part.known("output", &[&["value", "description", "sensitive", "depends_on", "precondition"]], &mut tell);
    let says_so = part.truth("sensitive", &mut tell) == Some(true);
    if says_so {
        let what = format!("output `{}` is a secret, and outputs are in the state as they are", shown(name));
        tell.fail(Kind::Secret, part.line_of("sensitive"), what);
    }
    if let Some(node) = part.get("value") {
        value(name, node, part, &mut tell);
        parts(node, part, &mut tell);
    }
}

pub(crate) fn resource(item: &Item, tell: &mut Tell<'_>) {
    if KINDS.contains(&item.kind.as_str()) {
        let what = format!("{} keeps a secret in the state", item.words());
        tell.at(Layer::Output).fail(Kind::Secret, item.at.clone(), what);
    }
    fields(item.part(), tell);
}

/// Every argument, and all that is in it.
pub(crate) fn fields(part: Part<'_>, tell: &mut Tell<'_>) {
    let mut tell = tell.at(Layer::Output);
    for (key, node) in part.fields {
        if ARGUMENTS.contains(&key.text.as_str()) && node.value != Value::Null {
            let what = format!("`{}` is a secret, which the state has as it is", shown(&key.text));
            tell.fail(Kind::Secret, part.at(key.line), what);
            continue;
        }
        value(&key.text, node, part, &mut tell);
    }
}

/// Texts that are secrets, by their form or by their name.
fn value(name: &str, node: &Node, part: Part<'_>, tell: &mut Tell<'_>) {
    match &node.value {
        Value::Text(text) => {
            if let Some(what) = secrets::setting(name, text) {
                tell.fail(Kind::Secret, part.at(node.line), what);
            }
        }
        Value::List(nodes) | Value::Call(_, nodes) => {
            for node in nodes {
                value(name, node, part, tell);
            }
        }
        Value::Template(nodes) => {
            // As it will be read, with whatever is put in as a reference.
            let text: String =
                nodes.iter().map(|node| if let Value::Text(text) = &node.value { text } else { "$X" }).collect();
            if let Some((line, what)) = secrets::in_text(&text) {
                tell.fail(Kind::Secret, part.at(node.line.saturating_add(line)), what);
            }
        }
        Value::Map(fields) => {
            for (key, node) in fields {
                if ARGUMENTS.contains(&key.text.as_str()) && node.value != Value::Null {
                    let what = format!("`{}` is a secret, which the state has as it is", shown(&key.text));
                    tell.fail(Kind::Secret, part.at(key.line), what);
                } else {
                    value(&key.text, node, part, tell);
                }
            }
        }
        _ => {}
    }
}

/// References to what is a secret.
fn parts(node: &Node, part: Part<'_>, tell: &mut Tell<'_>) {
    match &node.value {
        Value::Refer(names) => {
            let last = names.last().map_or("", String::as_str);
            let is_resource = names.first().is_some_and(|first| first.contains('_') || first == "data");
            if is_resource && PARTS.contains(&last) {
                let what =
                    format!("`{}` is a secret, and outputs are in the state as they are", shown(&names.join(".")));
                tell.fail(Kind::Secret, part.at(node.line), what);
            }
        }
        Value::List(nodes) | Value::Template(nodes) | Value::Call(_, nodes) => {
            for node in nodes {
                parts(node, part, tell);
            }
        }
        Value::Map(fields) => {
            for (_, node) in fields {
                parts(node, part, tell);
            }
        }
        _ => {}
    }
}
