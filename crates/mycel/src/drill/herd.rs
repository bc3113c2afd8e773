//! Whether those who come to a region that has returned come as a herd: within
//! its ramp, and spread out.

use super::facts::{Bond, Facts, Line, count};
use super::judge::Finding;
use node::gateway::RAMP;
use policy::quota::{in_tick, ramped};
use policy::route::TICK;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use vocab::Millis;

/// Comings are counted in buckets of so many microseconds.
const BUCKET: u64 = 100_000;
/// Over so many buckets a client's jitter spreads them at least: it is told to
/// wait for a second, and waits up to a second more by chance.
const SPREAD: u64 = 10;

/// How many of so many may come in one bucket, when each comes at a time of its
/// own: the even share, and two of its standard deviations and two more.
fn most_at_once(comings: u64) -> u64 {
    let even = comings.div_ceil(SPREAD);
    let deviation = even.isqrt() + u64::from(even.isqrt().pow(2) < even);
    even + 2 * deviation + 2
}

/// The fullest bucket.
fn fullest(comings: &[u64]) -> u64 {
    let mut buckets: BTreeMap<u64, u64> = BTreeMap::new();
    for at in comings {
        *buckets.entry(at / BUCKET).or_default() += 1;
    }
    buckets.into_values().max().unwrap_or(0)
}

/// A second at the region, as its gateway counts.
#[derive(Default)]
struct Second {
    requests: u64,
    attaches: u64,
    /// Those that were begun and answered in it: only they were let through in it
    /// for certain.
    certain: u64,
}

/// Requests at the region, by second of the gateway's time, from when it served
/// again: before that it can have had no ramp.
fn at_the_region(facts: &Facts) -> (u64, BTreeMap<u64, Second>) {
    let of_gateway = |at: u64| facts.log.began_ms.saturating_add(at / 1_000);
    // What is read back at the end is no coming of agents.
    let looked_at = of_gateway(facts.moments.let_back)..of_gateway(facts.moments.ended);
    let there = |line: &&Line| line.region.as_deref() == Some(&facts.lost) && looked_at.contains(&line.time_ms);
    let lines: Vec<&Line> = facts.log.lines.iter().filter(there).collect();
    let answered = lines.iter().filter(|line| line.status < 500).map(|line| line.time_ms);
    let serves = facts.moments.serves.map(of_gateway);
    let Some(first) = answered.min().map(|answered| serves.map_or(answered, |at| at.min(answered)) / TICK.0) else {
        return (0, BTreeMap::new());
    };
    let mut seconds: BTreeMap<u64, Second> = BTreeMap::new();
    for line in lines.iter().filter(|line| (first..first + RAMP.0 / TICK.0).contains(&(line.time_ms / TICK.0))) {
        let second = seconds.entry(line.time_ms / TICK.0).or_default();
        second.requests += 1;
        second.attaches += u64::from(line.attach);
        second.certain += u64::from(line.time_ms.saturating_sub(line.micros / 1_000) / TICK.0 == line.time_ms / TICK.0);
    }
    (first, seconds)
}

/// Agents that come to the region after its return, and when each first did.
fn comings(facts: &Facts) -> BTreeMap<usize, u64> {
    let others = facts.of(Bond::Elsewhere);
    let let_back = facts.moments.let_back;
    let done = facts.done().map(|(at, agent, region, _)| (at, agent, region));
    let mut first: BTreeMap<usize, u64> = BTreeMap::new();
    for (at, agent, region) in done.chain(facts.seats()) {
        if at >= let_back && region == facts.lost && !others.contains(&agent) {
            first.entry(agent).and_modify(|known| *known = at.min(*known)).or_insert(at);
        }
    }
    first
}

/// The return makes no herd.
pub(super) fn returned(facts: &Facts) -> Finding {
    let (first, seconds) = at_the_region(facts);
    // At the end of a second the ramp has come so far.
    let ramp = |tick: u64| {
        let whole = facts.capacity.map(|capacity| in_tick(capacity, tick))?;
        Some(ramped(whole, Millis(0), Millis((tick - first + 1) * TICK.0), RAMP))
    };
    let is_over = |(tick, second): &(&u64, &Second)| ramp(**tick).is_some_and(|most| second.certain > most);
    let over = seconds.iter().filter(is_over).count();
    let busiest = seconds.values().map(|second| second.requests).max().unwrap_or(0);
    let attaches = seconds.values().map(|second| second.attaches).max().unwrap_or(0);
    let bound = seconds.iter().filter(|(tick, second)| ramp(**tick).is_some_and(|most| second.certain * 2 > most));
    let bound = bound.count();
    let comings = comings(facts);
    let stayed_away: BTreeSet<usize> = facts.of(Bond::Moves);
    let came_back = comings.keys().filter(|agent| stayed_away.contains(agent)).count();
    let times: Vec<u64> = comings.values().copied().collect();
    let (fullest, most) = (fullest(&times), most_at_once(count(times.len())));
    let mut waiters = facts.of(Bond::Waits);
    waiters.extend(facts.of(Bond::Arrives));
    let absent = waiters.iter().filter(|agent| !comings.contains_key(agent)).count();
    let is_back = facts.moments.serves.is_some();
    let nobody = times.is_empty() && absent == 0 && is_back;
    let held = over == 0 && fullest <= most && absent == 0 && is_back;
    let tenth = ramp(first).map_or_else(|| "no limit".to_owned(), |most| format!("{most}/s"));
    Finding {
        name: "return",
        hypothesis: "the return makes no herd".to_owned(),
        measured: if nobody {
            let moved = stayed_away.len();
            format!("not measured: nobody came; the {moved} that may be elsewhere stay where they went")
        } else {
            format!(
                "{} came, {fullest} at most in 100 ms (of {most}){}; {busiest} requests and {attaches} attaches in a second, \
             ramp from {tenth}{}",
                times.len(),
                if absent == 0 { String::new() } else { format!(", {absent} that waited never") },
                if over == 0 { String::new() } else { format!(", above it in {over} seconds") },
            )
        },
        note: None,
        held: (!nobody).then_some(held),
        figures: json!({
            "came": times.len(), "never_came": absent, "fullest_100ms": fullest, "most_100ms": most,
            "moved_and_came_back": came_back, "seconds_above_ramp": over,
            "seconds_at_the_ramp": bound,
            "seconds": seconds.iter().map(|(tick, second)| json!({
                "second": tick - first, "requests": second.requests, "attaches": second.attaches,
                "certain": second.certain, "ramp": ramp(*tick),
            })).collect::<Vec<_>>(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_herd_is_more_than_chance() {
        assert_eq!((most_at_once(0), most_at_once(10), most_at_once(15), most_at_once(400)), (2, 5, 8, 56));
        assert_eq!(fullest(&[0, 99_999, 100_000, 100_001, 199_999]), 3);
        assert_eq!(fullest(&[]), 0);
    }
}
