//! `mycel plan A --diff B`: what changes, and who moves.

use super::{counted, versioned};
use crate::Verdict;
use crate::failure::Failure;
use crate::files;
use crate::screen::table::Table;
use crate::screen::{Screen, paint};
use anstyle::Style;
use planet::Tables;
use planet::plan::diff::{Change, Diff, KeyChange, RegionDiff, changes};
use serde_json::json;
use std::path::Path;
use vocab::thousands;

pub(super) fn run(before: &Path, after: &Path, tables: &Tables, screen: &Screen) -> Result<Verdict, Failure> {
    let (old, old_text) = files::planet_and_text(before, tables, screen)?;
    let (new, new_text) = files::planet_and_text(after, tables, screen)?;
    let diff = Diff::new(&old, &new)?;
    let keys = changes(&old_text, &new_text);
    if screen.is_json() {
        let mut whole = versioned(serde_json::to_value(&diff).unwrap_or_default());
        whole["keys"] = json!(keys);
        screen.json(&whole)?;
        return Ok(Verdict::Good);
    }
    let color = screen.colors_data();
    let parts: Vec<_> = [blocks(&diff, color), values(&keys, color)].into_iter().flatten().collect();
    screen.data(if parts.is_empty() { "nothing differs".to_owned() } else { parts.join("\n\n") })?;
    Ok(Verdict::Good)
}

/// The regions whose blocks change.
fn blocks(diff: &Diff, color: bool) -> Option<String> {
    if diff.regions.iter().all(|region| region.change == Change::Stays) {
        return None;
    }
    let mut table = Table::new(&["<region", "<", "before", "after", "<moving"], color);
    for region in diff.regions.iter().filter(|region| region.change != Change::Stays) {
        table.row(row(region));
    }
    table.sum([
        "planet".into(),
        String::new(),
        thousands(diff.blocks_kept + diff.blocks_removed),
        thousands(diff.blocks_kept + diff.blocks_added),
        format!("{}, at most {}", counted(diff.blocks_removed, "block"), counted(diff.slots_moving, "agent")),
    ]);
    let kept = format!(
        "  {} blocks keep their id (region:index); agents of those that move need a new lease",
        thousands(diff.blocks_kept)
    );
    Some(format!("{}\n\n{}", table.text(), paint(color, Style::new().dimmed(), kept)))
}

fn row(region: &RegionDiff) -> Vec<String> {
    let moving = region.moving.map(|(first, last)| format!("{}:{first} to {}:{last}", region.id, region.id));
    vec![
        region.id.clone(),
        region.change.word().to_owned(),
        thousands(region.before),
        thousands(region.after),
        moving.unwrap_or_default(),
    ]
}

/// The keys whose values differ.
fn values(keys: &[KeyChange], color: bool) -> Option<String> {
    if keys.is_empty() {
        return None;
    }
    let mut table = Table::new(&["<key", "<before", "<after"], color);
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
    for key in keys {
        table.row([key.key.clone(), shown(&key.before), shown(&key.after)]);
    }
    table.sum([format!("{} differ", counted(keys.len() as u64, "key"))]);
    Some(table.text())
}
