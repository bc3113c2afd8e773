//! What a drill has to show, and whether it did: from what was seen, and from
//! nothing else. Nothing here knows a clock or a process, so that each
//! hypothesis can be shown to fail.

use super::facts::{Acknowledged, Bond, Chain, Entry, Facts, IN_TRANSIT, Record, count, percentile};
use super::herd;
use crate::word::micros;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use vocab::thousands;

/// Those who may move work elsewhere within this.
const WITHIN: u64 = 30_000_000;

/// What came of a hypothesis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    pub(super) name: &'static str,
    pub(super) hypothesis: String,
    pub(super) measured: String,
    /// What somebody was told, in the words that were used.
    pub(super) note: Option<String>,
    /// Nothing when there was nothing to measure.
    pub(super) held: Option<bool>,
    pub(super) figures: Value,
}

/// All of them, in the order in which they are told.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    vec![moved(facts), waited(facts), within(facts), kept(facts), unnoticed(facts), herd::returned(facts)]
}

/// Agents that may move do.
fn moved(facts: &Facts) -> Finding {
    let movers = facts.of(Bond::Moves);
    let mut first = BTreeMap::new();
    for (at, agent, region, _) in facts.done() {
        if at >= facts.moments.killed && region != facts.lost && movers.contains(&agent) {
            first.entry(agent).or_insert(at - facts.moments.killed);
        }
    }
    let mut times: Vec<u64> = first.into_values().collect();
    times.sort_unstable();
    let [median, p99, longest] = [50, 99, 100].map(|percent| percentile(&times, percent));
    let held = times.len() == movers.len() && longest.is_some_and(|longest| longest <= WITHIN);
    let said = |time: Option<u64>| time.map_or_else(|| "none".to_owned(), micros);
    let measured = if movers.is_empty() {
        format!("not measured: nobody in {} may be elsewhere", facts.lost)
    } else {
        let (moved, all) = (times.len(), movers.len());
        format!("{moved} of {all} did; median {}, p99 {}, longest {}", said(median), said(p99), said(longest))
    };
    Finding {
        name: "moves",
        hypothesis: format!("who may be elsewhere works there within {} s", WITHIN / 1_000_000),
        measured,
        note: None,
        held: (!movers.is_empty()).then_some(held),
        figures: json!({
            "may_move": movers.len(), "moved": times.len(),
            "median_us": median, "p99_us": p99, "longest_us": longest,
        }),
    }
}

/// Agents that may not be elsewhere are told why, and are not seated there.
fn waited(facts: &Facts) -> Finding {
    let waiters = facts.of(Bond::Waits);
    let away = facts.moments.killed..facts.away_until();
    let told: Vec<_> = facts.refusals().filter(|(at, agent, _)| away.contains(at) && waiters.contains(agent)).collect();
    let refused: BTreeSet<usize> = told.iter().map(|(_, agent, _)| *agent).collect();
    let silent = told.iter().filter(|(_, _, why)| why.is_none_or(|why| why.trim().is_empty())).count();
    let elsewhere = |agent: usize, region: &str| waiters.contains(&agent) && region != facts.lost;
    let seated = facts.seats().filter(|(_, agent, region)| elsewhere(*agent, region)).count();
    let served = facts.done().filter(|(at, agent, region, _)| {
        let while_away = (away.start + IN_TRANSIT..away.end).contains(at);
        waiters.contains(agent) && (*region != facts.lost || while_away)
    });
    let served = served.count();
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    for why in told.iter().filter_map(|(_, _, why)| *why) {
        *words.entry(why).or_default() += 1;
    }
    // What was said most often.
    let example = words.into_iter().max_by_key(|(_, many)| *many).map(|(why, _)| why);
    let held = refused.len() == waiters.len() && silent == 0 && seated == 0 && served == 0;
    let measured = if waiters.is_empty() {
        format!("not measured: nobody in {} is bound to it", facts.lost)
    } else {
        let (first, last) = (told.first().map(|told| told.0), told.last().map(|told| told.0));
        let since = |at: Option<u64>| at.map_or_else(|| "never".to_owned(), |at| micros(at - away.start));
        let (refused, all, many) = (refused.len(), waiters.len(), told.len());
        let (first, last) = (since(first), since(last));
        let wrong = [(silent, "without a reason"), (served, "ops served meanwhile")];
        let wrong: String =
            wrong.iter().filter(|(many, _)| *many > 0).map(|(many, what)| format!("; {many} {what}")).collect();
        format!("{refused} of {all} were, {many} times, after {first} to {last}; {seated} seated elsewhere{wrong}")
    };
    Finding {
        name: "waits",
        hypothesis: "who may not be elsewhere is refused with the reason".to_owned(),
        measured,
        note: example.map(|why| format!("“{why}”")),
        held: (!waiters.is_empty()).then_some(held),
        figures: json!({
            "bound": waiters.len(), "refused": refused.len(), "refusals": told.len(),
            "without_a_reason": silent, "seated_elsewhere": seated, "ops_served": served, "example": example,
        }),
    }
}

/// Nothing was sent, and nobody seated, where residency does not let it be.
fn within(facts: &Facts) -> Finding {
    let may = |agent: Option<usize>, region: &str| {
        let role = agent.and_then(|agent| facts.roles.get(agent));
        role.and_then(|role| facts.allowed.get(&role.class)).is_some_and(|allowed| allowed.contains(region))
    };
    let sent: Vec<_> = facts.log.lines.iter().filter_map(|line| Some((line, line.region.as_deref()?))).collect();
    let nobodys = sent.iter().filter(|(line, _)| line.agent.is_none()).count();
    let outside = sent.iter().filter(|(line, region)| line.agent.is_some() && !may(line.agent, region)).count();
    let seats = facts.seats().count();
    let unlawful = facts.seats().filter(|(_, agent, region)| !may(Some(*agent), region)).count();
    let bound = |agent: &usize| facts.roles.get(*agent).is_some_and(|role| role.class.is_some());
    let of_a_class = sent.iter().filter(|(line, _)| line.agent.as_ref().is_some_and(bound)).count();
    let missing = facts.log.missing;
    let held = outside == 0 && nobodys == 0 && unlawful == 0 && missing == 0;
    Finding {
        name: "residency",
        hypothesis: "no request and no seat was outside its residency".to_owned(),
        measured: format!(
            "{outside} of {} requests ({} of a class), {unlawful} of {seats} seats{}",
            thousands(count(sent.len())),
            thousands(count(of_a_class)),
            if missing + count(nobodys) == 0 {
                String::new()
            } else {
                format!("; {missing} lines are missing, and {nobodys} are nobody's that is known")
            },
        ),
        note: None,
        held: (!sent.is_empty() || missing > 0).then_some(held),
        figures: json!({
            "requests": sent.len(), "of_a_class": of_a_class, "outside": outside,
            "seats": seats, "seats_outside": unlawful, "missing_lines": missing, "of_nobody": nobodys,
        }),
    }
}

/// What a chain has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Joint {
    /// Acknowledged ops that are not where they were said to be.
    missing: usize,
    /// Entries between the last acknowledged op before and the first after, and
    /// those of them that nobody had sent.
    between: usize,
    strange: usize,
}

fn joint(chain: &Chain, let_back: u64) -> Joint {
    let is_there = |said: &&Acknowledged| {
        let entry = chain.entries.get(&said.sequence);
        entry.is_some_and(|entry| entry.id == said.id && entry.link == said.link)
    };
    let missing = chain.acknowledged.iter().filter(|said| !is_there(said)).count();
    // What was sent before the return and acknowledged after it may stand on either side.
    let under_way = |said: &&Acknowledged| said.sent < let_back && said.at >= let_back;
    let last = chain.acknowledged.iter().filter(|said| said.at < let_back).map(|said| said.sequence).max();
    let first = chain.acknowledged.iter().filter(|said| said.sent >= let_back).map(|said| said.sequence).min();
    let mut open = chain.open.clone();
    open.extend(chain.acknowledged.iter().filter(under_way).map(|said| said.id));
    let overlaps = last.zip(first).is_some_and(|(last, first)| last >= first);
    let gap: Vec<&Entry> = match (last, first) {
        // Two that were acknowledged cannot have one place.
        (Some(last), Some(first)) if overlaps => chain.entries.range(first..=last).map(|(_, entry)| entry).collect(),
        (Some(last), Some(first)) => chain.entries.range(last + 1..first).map(|(_, entry)| entry).collect(),
        _ => Vec::new(),
    };
    let known = |entry: &&&Entry| !overlaps && (entry.house || open.contains(&entry.id));
    let strange = gap.iter().filter(|entry| !known(entry)).count();
    Joint { missing, between: gap.len(), strange }
}

/// A record says what was acknowledged last, or what was sent behind it.
fn is_kept(record: &Record) -> bool {
    let behind = |read: &u64| *read == record.acknowledged || record.open.contains(read);
    record.read.as_ref().is_ok_and(|read| read.as_ref().is_some_and(behind))
}

/// No acknowledged op is lost, and chains go on where they were.
fn kept(facts: &Facts) -> Finding {
    let said: usize = facts.chains.iter().map(|chain| chain.acknowledged.len()).sum();
    let broken: Vec<_> = facts.chains.iter().filter(|chain| chain.broken.is_some()).collect();
    let there: Vec<&Chain> = facts.chains.iter().filter(|chain| chain.region == facts.lost).collect();
    let joints: Vec<Joint> = facts.chains.iter().map(|chain| joint(chain, facts.moments.let_back)).collect();
    let missing: usize = joints.iter().map(|joint| joint.missing).sum();
    // Chains elsewhere never stopped, so that a return is no joint of theirs.
    let of_lost = || there.iter().map(|chain| joint(chain, facts.moments.let_back));
    let (between, strange) = of_lost().fold((0, 0), |(b, s), joint| (b + joint.between, s + joint.strange));
    let changed = facts.records.iter().filter(|record| !is_kept(record)).count();
    let held = missing == 0 && broken.is_empty() && strange == 0 && changed == 0 && !there.is_empty();
    let unread = if there.is_empty() { "; no chain of the region could be read" } else { "" };
    Finding {
        name: "kept",
        hypothesis: "no acknowledged op is lost, chains go on".to_owned(),
        measured: format!(
            "{missing} of {} ops, {changed} of {} records; {} of {} chains verify, {between} under way at the joint{}{unread}",
            thousands(count(said)),
            facts.records.len(),
            facts.chains.len() - broken.len(),
            facts.chains.len(),
            if strange == 0 { String::new() } else { format!(", {strange} that nobody sent") },
        ),
        note: broken.first().and_then(|chain| Some(format!("{}: {}", chain.block, chain.broken.as_ref()?))),
        held: Some(held),
        figures: json!({
            "acknowledged": said, "lost": missing, "records": facts.records.len(), "records_lost": changed,
            "chains": facts.chains.len(), "chains_broken": broken.len(),
            "chains_of_the_region": there.len(), "under_way": between.saturating_sub(strange), "strange": strange,
        }),
    }
}

/// Agents of other regions are not refused, and wait no longer than is promised.
fn unnoticed(facts: &Facts) -> Finding {
    let others = facts.of(Bond::Elsewhere);
    let killed = facts.moments.killed;
    let refusals = facts.refusals().filter(|(at, agent, _)| *at >= killed && others.contains(agent)).count();
    let p99 = |from: u64, to: u64| {
        let of = facts.done().filter(|(at, agent, ..)| (from..to).contains(at) && others.contains(agent));
        let mut times: Vec<u64> = of.map(|(.., took)| took).collect();
        times.sort_unstable();
        percentile(&times, 99)
    };
    let (before, away) = (p99(0, killed), p99(killed, facts.away_until()));
    let promised = facts.promise.0.saturating_mul(1_000);
    let most = before.map_or(promised, |before| promised.max(before.saturating_mul(2)));
    let held = refusals == 0 && away.is_some_and(|away| away <= most);
    let said = |time: Option<u64>| time.map_or_else(|| "not measured".to_owned(), micros);
    let slowest = |from: u64, to: u64| {
        let writes = facts.disk.iter().filter(|(at, _)| (from..to).contains(at));
        writes.map(|(_, took)| *took).max()
    };
    let disk = (slowest(0, killed), slowest(killed, facts.away_until()));
    let control = format!("beside it this disk took {} for 4 kB before, and {} then", said(disk.0), said(disk.1));
    Finding {
        name: "others",
        hypothesis: format!("nobody else noticed: p99 within {}, or twice that before", facts.promise),
        measured: if others.is_empty() {
            "not measured: all agents were in the region".to_owned()
        } else {
            let (before, away) = (said(before), said(away));
            format!("{refusals} refusals among {}; p99 {before} before, {away} while it was away", others.len())
        },
        note: (!held).then_some(control),
        held: (!others.is_empty()).then_some(held),
        figures: json!({
            "agents": others.len(), "refusals": refusals,
            "p99_before_us": before, "p99_away_us": away, "p99_most_us": most,
            "disk_before_us": disk.0, "disk_away_us": disk.1,
        }),
    }
}

#[cfg(test)]
mod tests;
