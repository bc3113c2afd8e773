//! What a drill says at its end: what was promised, what was measured, and a
//! picture; the same in JSON.

use super::facts::{Bond, Facts, What};
use super::judge::Finding;
use super::picture;
use super::stage::Script;
use crate::cli::DrillArgs;
use crate::failure::Failure;
use crate::processes::How;
use crate::screen::{Screen, paint};
use crate::word::micros;
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn show(
    args: &DrillArgs,
    script: &Script,
    (facts, findings): (&Facts, &[Finding]),
    screen: &Screen,
) -> Result<(), Failure> {
    if screen.is_json() {
        return screen.json(&as_json(args, script, facts, findings));
    }
    let regions = ids(script);
    let bold = |text: &str| paint(screen.colors_data(), Style::new().bold(), text);
    screen.data(format_args!(
        "{}  {} {} for {}, {} agents, {} together\n",
        bold(script.planet.planet.name.as_str()),
        args.lose,
        if args.how == How::Kill { "lost" } else { "hangs" },
        args.down,
        args.agents,
        args.rate
    ))?;
    for line in picture::draw(facts, &regions) {
        screen.data(line)?;
    }
    screen.data("")?;
    for finding in findings {
        let (word, style) = match finding.held {
            Some(true) => ("held", AnsiColor::Green.on_default()),
            Some(false) => ("NOT HELD", AnsiColor::BrightRed.on_default().bold()),
            None => ("not measured", AnsiColor::Yellow.on_default()),
        };
        let word = paint(screen.colors_data(), style, word);
        screen.data(format_args!("  {} | {} | {word}", finding.hypothesis, finding.measured))?;
        if let Some(note) = &finding.note {
            screen.data(format_args!("      {note}"))?;
        }
    }
    screen.data(format_args!("\n{}", times(facts)))?;
    screen.data(format_args!("{}", bold(&verdict(findings))))
}

fn ids(script: &Script) -> Vec<String> {
    script.planet.region.iter().map(|region| region.id.to_string()).collect()
}

/// From the end of the hold until its process served, and until an op was
/// acknowledged there.
fn restart(facts: &Facts) -> (Option<u64>, Option<u64>) {
    let since = |at: Option<u64>| at.map(|at| at.saturating_sub(facts.moments.let_back));
    (since(facts.moments.serves), since(facts.back()))
}

fn times(facts: &Facts) -> String {
    let (serves, used) = restart(facts);
    let [before, away, after] = facts.rates();
    let noticed = facts.noticed().map_or_else(
        || "nobody was refused".to_owned(),
        |at| format!("first refusal {} after the {}", micros(at), facts.how.words().1),
    );
    let serves = serves.map_or_else(
        || "the region did not start again".to_owned(),
        |at| format!("let back, the region served after {}", micros(at)),
    );
    let used = used
        .map_or_else(|| "nobody asked it for an op".to_owned(), |at| format!("did its first op after {}", micros(at)));
    format!("{noticed}; {serves}, and {used}\nops a second: {before} before, {away} while it was away, {after} after")
}

fn verdict(findings: &[Finding]) -> String {
    let failed: Vec<&str> =
        findings.iter().filter(|finding| finding.held == Some(false)).map(|finding| finding.name).collect();
    let unmeasured = findings.iter().filter(|finding| finding.held.is_none()).count();
    let rest = if unmeasured == 0 { String::new() } else { format!("; {unmeasured} not measured") };
    if failed.is_empty() {
        format!("{} of {} held{rest}", findings.len() - unmeasured, findings.len())
    } else {
        format!("{} did not hold: {}{rest}", failed.len(), failed.join(", "))
    }
}

fn as_json(args: &DrillArgs, script: &Script, facts: &Facts, findings: &[Finding]) -> Value {
    let held = |finding: &Finding| finding.held != Some(false);
    let (serves, used) = restart(facts);
    let [before, away, after] = facts.rates();
    let (width, columns) = picture::columns(facts, &ids(script));
    let mut whys: BTreeMap<&str, u64> = BTreeMap::new();
    for event in &facts.events {
        if let What::Refused { why } = &event.what {
            *whys.entry(why.as_deref().unwrap_or("no reason was told")).or_default() += 1;
        }
    }
    json!({
        "version": 1,
        "planet": script.planet.planet.name.to_string(),
        "lost": facts.lost,
        "how": facts.how.word(),
        "agents": args.agents,
        "arriving": facts.of(Bond::Arrives).len(),
        "rate": args.rate.to_string(),
        "changed": script.changes.iter().map(super::copy::Change::json).collect::<Vec<_>>(),
        "killed_us": facts.moments.killed,
        "let_back_us": facts.moments.let_back,
        "ended_us": facts.moments.ended,
        "noticed_after_us": facts.noticed(),
        "served_after_us": serves,
        "used_after_us": used,
        "ops_per_second": { "before": before, "away": away, "after": after },
        "column_us": width,
        "ops": columns,
        "refusals": whys,
        "findings": findings.iter().map(|finding| json!({
            "name": finding.name, "hypothesis": finding.hypothesis, "measured": finding.measured,
            "held": finding.held, "note": finding.note, "figures": finding.figures,
        })).collect::<Vec<_>>(),
        "held": findings.iter().all(held),
    })
}
