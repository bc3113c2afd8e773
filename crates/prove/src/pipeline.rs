//! Files that lead to a deployment: an image, scripts, a workflow, runbooks. None
//! of them decides who reaches whom, so there is no path to prove. What is looked
//! for is a secret in one of them, and another planet than this.
//!
//! A file that is none of these is not understood, here as everywhere: a script
//! that nobody has rendered may open anything.

use crate::report::{At, Failure, Kind, Layer};
use crate::{Intent, secrets};
use std::sync::Arc;

const FILES: [&str; 5] = ["Dockerfile", "deploy.sh", "gate.sh", "health.sh", "workflow.yaml"];
const PLANET: &str = "planet.toml";
/// The folder of runbooks, and what each of them ends with.
const RUNBOOKS: (&str, &str) = ("runbooks/", ".md");

pub(crate) fn prove(intent: &Intent<'_>, files: &[(Arc<str>, &[u8])], failures: &mut Vec<Failure>) {
    for (path, bytes) in files {
        let name = path.split_once('/').map_or("", |(_, name)| name);
        let mut fail = |kind: Kind, line: u32, what: &str| {
            failures.push(Failure::new(kind, Layer::File, At { file: Arc::clone(path), line }, what));
        };
        let is_runbook = name.strip_prefix(RUNBOOKS.0).is_some_and(|name| name.ends_with(RUNBOOKS.1));
        if !FILES.contains(&name) && name != PLANET && !is_runbook {
            fail(Kind::NotUnderstood, 0, "nothing here understands this file");
            continue;
        }
        let text = String::from_utf8_lossy(bytes);
        if name == PLANET
            && let Some(line) = intent.differs(&text)
        {
            fail(Kind::Elsewhere, line.saturating_add(1), "this is another planet than the one that is judged");
        }
        if let Some((line, what)) = secrets::in_text(&text) {
            fail(Kind::Secret, line.saturating_add(1), &what);
        }
    }
}
