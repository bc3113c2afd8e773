//! A file as a flat list of keys and values, so that two files can be compared
//! whatever they say.
//!
//! Tables in a list go by their `id` or `name`, so that one that is added in
//! the middle does not make its neighbours look changed.

use super::tree::{Kind, NodeId, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// Every value of a file by its key, such as `region.eu.site`.
pub(crate) fn flatten(text: &str) -> BTreeMap<String, String> {
    let (tree, _) = Tree::parse(text);
    let mut flat = BTreeMap::new();
    table(&tree, tree.root(), "", &mut flat);
    flat
}

fn table(tree: &Tree<'_>, node: NodeId, path: &str, flat: &mut BTreeMap<String, String>) {
    for child in tree.children(node) {
        let key = tree.key(child);
        let path = if path.is_empty() { key.into_owned() } else { format!("{path}.{key}") };
        value(tree, child, path, flat);
    }
}

fn value(tree: &Tree<'_>, node: NodeId, path: String, flat: &mut BTreeMap<String, String>) {
    match tree.kind(node) {
        Kind::Table(_) => table(tree, node, &path, flat),
        Kind::Array if tree.children(node).any(|child| is_table(tree, child)) => {
            let mut seen = BTreeSet::new();
            for (at, child) in tree.children(node).enumerate() {
                let name = name(tree, child, at);
                // A name that is used twice hides nobody.
                let again = if seen.insert(name.clone()) { String::new() } else { format!("#{at}") };
                value(tree, child, format!("{path}.{name}{again}"), flat);
            }
        }
        Kind::Array => {
            let items: Vec<_> = tree.children(node).map(|child| one_line(tree, child)).collect();
            flat.insert(path, format!("[{}]", items.join(", ")));
        }
        Kind::Scalar(_) => {
            flat.insert(path, one_line(tree, node));
        }
    }
}

fn is_table(tree: &Tree<'_>, node: NodeId) -> bool {
    matches!(tree.kind(node), Kind::Table(_))
}

/// What a table in a list goes by.
fn name(tree: &Tree<'_>, node: NodeId, at: usize) -> String {
    let named = ["id", "name"].into_iter().filter(|_| is_table(tree, node)).find_map(|key| tree.get(node, key));
    named.and_then(|node| tree.scalar(node)).map_or_else(|| at.to_string(), |scalar| scalar.text.into_owned())
}

fn one_line(tree: &Tree<'_>, node: NodeId) -> String {
    let text = tree.scalar(node).map(|scalar| scalar.text.into_owned()).unwrap_or_default();
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
