//! A root of Terraform: the resources of its files, whatever file they are in.
//!
//! A root is read whole or told: what makes resources of which no file says how
//! many there are (loops, modules), or of another place (a second provider), is
//! not understood.

use crate::Intent;
use crate::read::form::shown;
use crate::read::hcl::{self, Block, Node, Value};
use crate::read::yaml::Key;
use crate::report::{At, Kind, Layer};
use crate::secrets;
use crate::terraform::item::{Item, MAKES_MORE, Part, Tell, led};
use crate::terraform::{kinds, secret};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Resources of a root that are judged; the largest that is rendered has 132.
const MOST_ITEMS: usize = 5_000;
/// Bytes of the files of one root. CARMA's have 70 KB.
const MOST_BYTES: usize = 8 << 20;

/// What Terraform keeps beside its files: which providers it took, by their sums.
const LOCK: &str = ".terraform.lock.hcl";

/// The resources of a root.
#[derive(Debug)]
pub(crate) struct Root {
    items: Vec<Item>,
    by_name: BTreeMap<(String, String), usize>,
    /// The region of AWS that its provider names, and where.
    pub(crate) region: Option<(String, At)>,
    /// What stands for the files as a whole.
    pub(crate) whole: At,
}

impl Root {
    /// The resources of a kind.
    pub(crate) fn of<'r>(&'r self, kind: &str) -> impl Iterator<Item = &'r Item> {
        let first = (kind.to_owned(), String::new());
        let named = kind.to_owned();
        let found = self.by_name.range(first..).take_while(move |((of, _), _)| *of == named);
        found.filter_map(|(_, at)| self.items.get(*at))
    }

    pub(crate) fn all(&self) -> &[Item] {
        &self.items
    }

    /// A resource. That one is not there is told once, by `references`.
    pub(crate) fn find<'r>(&'r self, kind: &str, name: &str) -> Option<&'r Item> {
        self.by_name.get(&(kind.to_owned(), name.to_owned())).and_then(|at| self.items.get(*at))
    }

    /// The resource of a kind that an argument leads to.
    pub(crate) fn led<'r>(&'r self, part: Part<'_>, name: &str, kind: &str, tell: &mut Tell<'_>) -> Option<&'r Item> {
        let label = part.refer(name, kind, tell)?;
        self.find(kind, label)
    }

    /// The resources of a kind that a list leads to.
    pub(crate) fn all_led<'r>(&'r self, part: Part<'_>, name: &str, kind: &str, tell: &mut Tell<'_>) -> Vec<&'r Item> {
        let labels = part.refers(name, kind, tell);
        labels.into_iter().filter_map(|(_, label)| self.find(kind, label)).collect()
    }
}

/// Reads the files of a root.
pub(crate) fn read(intent: &Intent<'_>, scope: &str, files: &[(Arc<str>, &[u8])], tell: &mut Tell<'_>) -> Root {
    let first = files.first().map_or_else(|| Arc::from(scope), |(file, _)| Arc::clone(file));
    let whole = At { file: first, line: 0 };
    let mut root = Root { items: Vec::new(), by_name: BTreeMap::new(), region: None, whole };
    if files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > MOST_BYTES {
        tell.lost(root.whole.clone(), format!("the files of this root have more than {MOST_BYTES} bytes"));
        return root;
    }
    for (file, bytes) in files {
        let whole = At { file: Arc::clone(file), line: 0 };
        let below = file.strip_prefix(scope).unwrap_or(file).trim_start_matches('/');
        match below {
            LOCK => {}
            "planet.toml" => planet(intent, file, bytes, tell),
            _ if below.ends_with(".tfvars") && !below.contains('/') => values(file, bytes, tell),
            _ if below.ends_with(".tf") && !below.contains('/') => match hcl::blocks(bytes) {
                Ok(blocks) => blocks.into_iter().for_each(|block| root.take(file, block, tell)),
                Err(why) => tell.lost(At { line: why.line, ..whole }, why.what),
            },
            _ => tell.lost(whole, "nothing here understands this file"),
        }
    }
    root.references(tell);
    root
}

/// The planet file that a region's machine is handed.
fn planet(intent: &Intent<'_>, file: &Arc<str>, bytes: &[u8], tell: &mut Tell<'_>) {
    let mut tell = tell.at(Layer::Settings);
    let at = |line: u32| At { file: Arc::clone(file), line };
    let Ok(text) = std::str::from_utf8(bytes) else { return tell.lost(at(0), "this is not UTF-8") };
    if let Some(line) = intent.differs(text) {
        tell.fail(Kind::Elsewhere, at(line.saturating_add(1)), "the planet that is proved is another one");
    }
    if let Some((line, what)) = secrets::in_text(text) {
        tell.fail(Kind::Secret, at(line.saturating_add(1)), what);
    }
}

/// What variables are. Where one would decide who reaches whom, that is told where
/// it is asked; so what is said here opens nothing, and may only be no secret.
fn values(file: &Arc<str>, bytes: &[u8], tell: &mut Tell<'_>) {
    let mut tell = tell.at(Layer::Settings);
    let at = |line: u32| At { file: Arc::clone(file), line };
    match std::str::from_utf8(bytes).map(secrets::in_text) {
        Ok(None) => {}
        Ok(Some((line, what))) => tell.fail(Kind::Secret, at(line.saturating_add(1)), what),
        Err(_) => tell.lost(at(0), "this is not UTF-8"),
    }
}

impl Root {
    fn take(&mut self, file: &Arc<str>, block: Block, tell: &mut Tell<'_>) {
        let at = At { file: Arc::clone(file), line: block.line };
        let part = Part::new(file, block.line, &block.body);
        match (block.kind.as_str(), block.labels.as_slice()) {
            // Which versions, and where the state is kept: no path goes by it.
            ("terraform", []) => {
                part.known("terraform", &[&["required_version", "required_providers", "backend"]], tell);
            }
            ("provider", [name]) => self.provider(name, part, tell),
            ("variable", [name]) => secret::variable(name, part, tell),
            ("output", [name]) => secret::output(name, part, tell),
            ("resource", [kind, name]) => {
                for (key, _) in block.body.iter().filter(|(key, _)| MAKES_MORE.contains(&key.text.as_str())) {
                    let what = format!("`{}` makes of this what no file says", shown(&key.text));
                    tell.lost(part.at(key.line), what);
                }
                if !kinds::is_known(kind) {
                    tell.lost(at.clone(), format!("a resource of the kind `{}` is not understood", shown(kind)));
                }
                let known = self.items.len();
                if known >= MOST_ITEMS {
                    return tell.lost(at, format!("more than {MOST_ITEMS} resources"));
                }
                if self.by_name.insert((kind.clone(), name.clone()), known).is_some() {
                    tell.lost(at.clone(), format!("`{}.{}` is there twice", shown(kind), shown(name)));
                }
                let item = Item { at, kind: kind.clone(), name: name.clone(), fields: block.body };
                secret::resource(&item, tell);
                self.items.push(item);
            }
            (kind, _) => tell.lost(at, format!("a block `{}` is not understood", shown(kind))),
        }
    }

    fn provider(&mut self, name: &str, part: Part<'_>, tell: &mut Tell<'_>) {
        // How it is asked, and what it marks: where is said by `region` alone.
        const KNOWN: &[&str] = &[
            "region",
            "default_tags",
            "endpoints",
            "allowed_account_ids",
            "profile",
            "skip_credentials_validation",
            "skip_metadata_api_check",
            "skip_requesting_account_id",
            "skip_region_validation",
            "s3_use_path_style",
        ];
        part.known("provider", &[KNOWN], tell);
        secret::fields(part, tell);
        if name != "aws" {
            return;
        }
        if self.region.is_some() {
            return tell.lost(part.here(), "a second provider of AWS");
        }
        if let Some(region) = part.text("region", tell) {
            self.region = Some((region.to_owned(), part.line_of("region")));
        }
    }

    /// Every reference to a resource leads to one that is there.
    fn references(&self, tell: &mut Tell<'_>) {
        for item in &self.items {
            for (key, node) in &item.fields {
                if key.text == "lifecycle" {
                    lifecycle(item, node, tell);
                } else {
                    self.in_node(item, node, tell);
                }
            }
        }
    }

    fn in_fields(&self, item: &Item, fields: &[(Key, Node)], tell: &mut Tell<'_>) {
        for (_, node) in fields {
            self.in_node(item, node, tell);
        }
    }

    fn in_node(&self, item: &Item, node: &Node, tell: &mut Tell<'_>) {
        match &node.value {
            Value::Refer(names) => {
                let at = At { file: Arc::clone(&item.at.file), line: node.line };
                match names.as_slice() {
                    [kind, name, ..] if kind.contains('_') && self.find(kind, name).is_none() => {
                        let what = format!("there is no resource `{}.{}`", shown(kind), shown(name));
                        tell.fail(Kind::Dangling, at, what);
                    }
                    [first, ..] if ["data", "module", "local", "each", "count"].contains(&first.as_str()) => {
                        tell.lost(at, format!("`{}` is not understood", shown(&names.join("."))));
                    }
                    _ => {}
                }
            }
            Value::List(nodes) | Value::Template(nodes) | Value::Call(_, nodes) => {
                for node in nodes {
                    self.in_node(item, node, tell);
                }
            }
            Value::Map(fields) => self.in_fields(item, fields, tell),
            _ => {}
        }
    }
}

/// What Terraform leaves as somebody else has made it is in no file. How many
/// machines there are opens no path.
fn lifecycle(item: &Item, node: &Node, tell: &mut Tell<'_>) {
    const SCALED: [&str; 2] = ["aws_eks_node_group", "aws_autoscaling_group"];
    let Value::Map(fields) = &node.value else { return };
    for (key, _) in fields.iter().filter(|(key, _)| key.text == "ignore_changes") {
        if !SCALED.contains(&item.kind.as_str()) {
            let what = format!("{} may be changed by somebody else: `ignore_changes`", item.words());
            tell.lost(item.part().at(key.line), what);
        }
    }
}

/// The resource that something leads to, of whatever kind among these.
pub(crate) fn one_of<'k>(node: &Node, kinds: &[&'k str]) -> Option<(&'k str, String)> {
    kinds.iter().find_map(|kind| led(node, kind).map(|name| (*kind, name.to_owned())))
}
