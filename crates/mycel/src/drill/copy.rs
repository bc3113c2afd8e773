//! The planet of a drill: the file's, with what a drill needs changed, and each
//! change said.

use planet::{Enrolment, Planet};
use serde_json::{Value, json};
use vocab::{Rate, thousands};

/// What was changed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) key: &'static str,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) why: String,
}

impl Change {
    pub(super) fn words(&self) -> String {
        format!("{} is {} and not {}: {}", self.key, self.to, self.from, self.why)
    }

    pub(super) fn json(&self) -> Value {
        json!({ "key": self.key, "from": self.from, "to": self.to, "why": self.why })
    }
}

/// Above what is due an agent may ask so many times more: it attaches, proves
/// itself and asks again as well.
const SPARE: u64 = 4;

/// What an agent needs a second, rounded up.
fn needed(rate: Rate, agents: u32) -> u64 {
    let (events, span) = (u128::from(rate.events) * 1_000, u128::from(rate.per.0.max(1)) * u128::from(agents.max(1)));
    u64::try_from(events.div_ceil(span)).unwrap_or(u64::MAX).max(1)
}

fn gives(rate: Rate, needed: u64) -> bool {
    u128::from(rate.events) * 1_000 >= u128::from(needed) * u128::from(rate.per.0)
}

/// What has to change so that so many agents can do so much. `crowded` is
/// whether they all come from one address.
pub(super) fn changes(planet: &Planet, agents: u32, rate: Rate, crowded: bool) -> Vec<Change> {
    let mut changes = Vec::new();
    let need = needed(rate, agents).saturating_mul(SPARE);
    let all = need.saturating_mul(u64::from(agents));
    let to = |rate: u64| format!("\"{}\"", Rate::per_second(rate));
    let open = planet.enrol.as_ref().is_some_and(|enrol| enrol.how.value == Enrolment::Open);
    if !open {
        let from = planet.enrol.as_ref().map_or("absent", |_| "another");
        let why = "agents of the drill have no invitation".to_owned();
        changes.push(Change { key: "enrol.how", from: from.to_owned(), to: "\"open\"".to_owned(), why });
    }
    let mut raise = |key: &'static str, has: Rate, needed: u64, why: String| {
        if !gives(has, needed) {
            changes.push(Change { key, from: format!("\"{has}\""), to: to(needed), why });
        }
    };
    let each = format!("{} agents do {rate} together", thousands(u64::from(agents)));
    raise("block.op_rate", planet.block.op_rate.value, need, each.clone());
    if let Some(read) = &planet.block.read_rate {
        raise("block.read_rate", read.value, need, each.clone());
    }
    raise("gateway.agent_rate", planet.gateway.agent_rate.value, need, each.clone());
    let address = planet.gateway.address_rate.value;
    if crowded {
        let one = || "all agents come from one address here".to_owned();
        let quota = planet.enrol.as_ref().map_or(Rate { events: 0, per: vocab::Millis(1) }, |enrol| enrol.quota.value);
        raise("enrol.quota", quota, u64::from(agents), one());
        raise("gateway.address_rate", address, all, one());
    } else {
        raise("gateway.address_rate", address, need, each);
    }
    changes
}

/// Writes a key of a section into the text of a planet file.
fn set(text: &str, section: &str, key: &str, value: &str) -> String {
    let header = format!("[{section}]");
    let bare = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    let (mut out, mut inside, mut there) = (String::with_capacity(text.len() + 64), false, false);
    for line in text.lines() {
        let words = bare(line);
        if words == header {
            (inside, there) = (true, true);
            out.push_str(&format!("{line}\n{key} = {value}\n"));
            continue;
        }
        if words.starts_with('[') {
            inside = false;
        }
        let is_key = inside && words.split_once('=').is_some_and(|(name, _)| name.trim() == key);
        if !is_key {
            out.push_str(line);
            out.push('\n');
        }
    }
    if !there {
        out.push_str(&format!("\n{header}\n{key} = {value}\n"));
    }
    out
}

/// The text with the changes in it. Whoever uses it has to read it again, and
/// see that it says so: a file may write a section in other ways.
pub(super) fn changed(text: &str, changes: &[Change]) -> String {
    changes.iter().fold(text.to_owned(), |text, change| match change.key.split_once('.') {
        Some((section, key)) => set(&text, section, key, &change.to),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESH: &str = include_str!("../../../../planets/mesh.toml");
    const GARDEN: &str = include_str!("../../../../planets/garden.toml");

    fn read(text: &str) -> Planet {
        planet::parse(text.as_bytes()).0.unwrap()
    }

    #[test]
    fn what_was_changed_is_enough_and_nothing_else_is() {
        for text in [MESH, GARDEN] {
            for (crowded, rate) in [(false, "200/s"), (true, "200/s"), (false, "5000/s")] {
                let rate: Rate = rate.parse().unwrap();
                let first = changes(&read(text), 60, rate, crowded);
                assert!(first.iter().any(|change| change.key == "block.op_rate"), "{first:?}");
                let after = read(&changed(text, &first));
                assert_eq!(changes(&after, 60, rate, crowded), [], "nothing is left to change");
                assert_eq!(after.region.len(), read(text).region.len());
            }
        }
    }

    #[test]
    fn what_suffices_stays() {
        let few = changes(&read(GARDEN), 4, "1/min".parse().unwrap(), false);
        assert!(few.iter().all(|change| change.key == "block.op_rate"), "{few:?}");
    }

    #[test]
    fn a_key_is_replaced_where_it_stands() {
        let text = "[a]\nx = 1 # one\n[b]\nx = 2\n";
        assert_eq!(set(text, "b", "x", "3"), "[a]\nx = 1 # one\n[b]\nx = 3\n");
        assert_eq!(set(text, "c", "y", "3"), format!("{text}\n[c]\ny = 3\n"));
    }
}
