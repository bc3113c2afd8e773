//! Whether those who come to a region that has returned come as a herd: within
//! its ramp, and spread out.

use super::facts::{Bond, Facts, Line, count};
use super::judge::Finding;
use policy::quota::{in_tick, ramped};
use policy::route::TICK;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use vocab::Millis;

/// How long a region that came back takes until it gets all that it may: as at
/// the gateway.
const RAMP: Millis = Millis::seconds(30);
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

/// Requests at the region, by second of the gateway's time, from the first on
/// that it answered after it was let back.
fn at_the_region(facts: &Facts) -> BTreeMap<u64, (u64, u64)> {
    let let_back = facts.log.began_ms.saturating_add(facts.moments.let_back / 1_000);
    // What is read back at the end is no coming of agents.
    let ended = facts.log.began_ms.saturating_add(facts.moments.ended / 1_000);
    let looked_at = let_back..ended;
    let there = |line: &&Line| line.region.as_deref() == Some(&facts.lost) && looked_at.contains(&line.time_ms);
    let lines: Vec<&Line> = facts.log.lines.iter().filter(there).collect();
    let answered = |line: &&&Line| line.status < 500;
    let Some(first) = lines.iter().filter(answered).map(|line| line.time_ms / TICK.0).min() else {
        return BTreeMap::new();
    };
    let mut seconds: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.time_ms / TICK.0 >= first) {
        let second = seconds.entry(line.time_ms / TICK.0).or_default();
        second.0 += 1;
        second.1 += u64::from(line.attach);
    }
    seconds.into_iter().filter(|(tick, _)| (tick - first) * TICK.0 < RAMP.0).collect()
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
    let seconds = at_the_region(facts);
    let first = seconds.keys().next().copied().unwrap_or(0);
    // At the end of a second the ramp has come so far.
    let ramp = |tick: u64| {
        let whole = facts.capacity.map(|capacity| in_tick(capacity, tick))?;
        Some(ramped(whole, Millis(0), Millis((tick - first + 1) * TICK.0), RAMP))
    };
    let over = seconds.iter().filter(|(tick, (many, _))| ramp(**tick).is_some_and(|most| *many > most)).count();
    let (busiest, attaches) = seconds.values().fold((0, 0), |(b, a), (many, seats)| (b.max(*many), a.max(*seats)));
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
            "seconds": seconds.iter().map(|(tick, (many, seats))| json!({
                "second": tick - first, "requests": many, "attaches": seats, "ramp": ramp(*tick),
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
