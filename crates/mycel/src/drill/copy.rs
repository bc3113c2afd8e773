//! The planet of a drill: the file's, with what a drill needs changed, and each
//! change said.

use planet::{Enrolment, Planet};
use serde_json::{Value, json};
use vocab::{Rate, thousands};

/// What was changed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) key: String,
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

/// What the region that is lost may take at least, a second: a tenth of it is
/// still something.
const LEAST: u64 = 10;

/// What a drill asks of a planet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load<'l> {
    pub(super) agents: u32,
    pub(super) rate: Rate,
    /// Whether all agents come from one address.
    pub(super) crowded: bool,
    /// The region that is lost.
    pub(super) lost: &'l str,
}

/// What an agent needs a second, rounded up.
fn needed(rate: Rate, agents: u32) -> u64 {
    let (events, span) = (u128::from(rate.events) * 1_000, u128::from(rate.per.0.max(1)) * u128::from(agents.max(1)));
    u64::try_from(events.div_ceil(span)).unwrap_or(u64::MAX).max(1)
}

fn gives(rate: Rate, needed: u64) -> bool {
    u128::from(rate.events) * 1_000 >= u128::from(needed) * u128::from(rate.per.0)
}

/// What has to change so that so many agents can do so much.
pub(super) fn changes(planet: &Planet, load: &Load<'_>) -> Vec<Change> {
    let Load { agents, rate, crowded, .. } = *load;
    let mut changes = Vec::new();
    let need = needed(rate, agents).saturating_mul(SPARE);
    let all = need.saturating_mul(u64::from(agents));
    let to = |rate: u64| format!("\"{}\"", Rate::per_second(rate));
    let open = planet.enrol.as_ref().is_some_and(|enrol| enrol.how.value == Enrolment::Open);
    if !open {
        let from = planet.enrol.as_ref().map_or("absent", |_| "another");
        let why = "agents of the drill have no invitation".to_owned();
        changes.push(Change { key: "enrol.how".to_owned(), from: from.to_owned(), to: "\"open\"".to_owned(), why });
    }
    if crate::hardware::is_asked(planet) {
        let (from, to) = ("true".to_owned(), "false".to_owned());
        let why = "the keys of a drill are thrown away".to_owned();
        changes.push(Change { key: "keys.hardware".to_owned(), from, to, why });
    }
    let mut raise = |key: &'static str, has: Rate, needed: u64, why: String| {
        if !gives(has, needed) {
            changes.push(Change { key: key.to_owned(), from: format!("\"{has}\""), to: to(needed), why });
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
    changes.extend(narrowed(planet, load));
    changes
}

/// What the region may take, so that its ramp is less than what comes to it when
/// it returns: twice what its agents do, of which the ramp begins with a tenth.
/// With more, a gateway without a ramp would look as good as one with it.
fn narrowed(planet: &Planet, load: &Load<'_>) -> Option<Change> {
    let region = planet.region.iter().find(|region| region.id.as_str() == load.lost)?;
    let enough = needed(load.rate, 1).max(LEAST);
    let has = region.capacity.as_ref().map(|capacity| capacity.value);
    if has.is_some_and(|has| u128::from(has.events) * 1_000 <= u128::from(enough) * u128::from(has.per.0)) {
        return None;
    }
    Some(Change {
        key: format!("region.{}.capacity", load.lost),
        from: has.map_or_else(|| "absent".to_owned(), |has| format!("\"{has}\"")),
        to: format!("\"{}\"", Rate::per_second(enough)),
        why: "its ramp is to be felt when it returns".to_owned(),
    })
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

/// Writes a key of a region into the text of a planet file.
fn set_of_region(text: &str, id: &str, key: &str, value: &str) -> String {
    let bare = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    let says = |line: &str, what: &str| bare(line).split_once('=').is_some_and(|(name, _)| name.trim() == what);
    let lines: Vec<&str> = text.lines().collect();
    let begins = |at: &usize| bare(lines[*at]) == "[[region]]";
    let mut out: Vec<String> = Vec::with_capacity(lines.len() + 1);
    let mut at = 0;
    while at < lines.len() {
        let next = (at + 1..lines.len()).find(|next| bare(lines[*next]).starts_with('['));
        let section = &lines[at..next.unwrap_or(lines.len())];
        let named = |line: &&str| says(line, "id") && bare(line).contains(&format!("\"{id}\""));
        let is_it = begins(&at) && section.iter().any(named);
        for line in section.iter().filter(|line| !(is_it && says(line, key))) {
            out.push((*line).to_owned());
            if is_it && named(line) {
                out.push(format!("{key} = {value}"));
            }
        }
        at += section.len();
    }
    out.push(String::new());
    out.join("\n")
}

/// The text with the changes in it. Whoever uses it has to read it again, and
/// see that it says so: a file may write a section in other ways.
pub(super) fn changed(text: &str, changes: &[Change]) -> String {
    changes.iter().fold(text.to_owned(), |text, change| match change.key.rsplit_once('.') {
        Some((section, key)) => match section.strip_prefix("region.") {
            Some(id) => set_of_region(&text, id, key, &change.to),
            None => set(&text, section, key, &change.to),
        },
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
                let lost = read(text).region[0].id.to_string();
                let load = Load { agents: 60, rate, crowded, lost: &lost };
                let first = changes(&read(text), &load);
                assert!(first.iter().any(|change| change.key == "block.op_rate"), "{first:?}");
                let after = read(&changed(text, &first));
                assert_eq!(changes(&after, &load), [], "nothing is left to change");
                let capacity = after.region[0].capacity.as_ref().unwrap().value;
                assert!(u128::from(capacity.events) * 1_000 <= 5_000 * u128::from(capacity.per.0), "{capacity}");
                let other = |planet: &Planet| planet.region[1].capacity.as_ref().map(|capacity| capacity.value);
                assert_eq!(other(&after), other(&read(text)), "the others are as they were");
                assert_eq!(after.region.len(), read(text).region.len());
            }
        }
    }

    #[test]
    fn what_suffices_stays() {
        let load = Load { agents: 4, rate: "1/min".parse().unwrap(), crowded: false, lost: "none of them" };
        let few = changes(&read(GARDEN), &load);
        assert!(few.iter().all(|change| change.key == "block.op_rate"), "{few:?}");
    }

    #[test]
    fn a_key_is_replaced_where_it_stands() {
        let text = "[a]\nx = 1 # one\n[b]\nx = 2\n";
        assert_eq!(set(text, "b", "x", "3"), "[a]\nx = 1 # one\n[b]\nx = 3\n");
        assert_eq!(set(text, "c", "y", "3"), format!("{text}\n[c]\ny = 3\n"));
        let text = "[[region]]\nid = \"a\" # one\nx = 1\n[[region]]\nx = 2\nid = \"b\"\n[c]\nx = 4\n";
        let set = "[[region]]\nid = \"a\" # one\nx = 1\n[[region]]\nid = \"b\"\nx = 3\n[c]\nx = 4\n";
        assert_eq!(set_of_region(text, "b", "x", "3"), set);
        assert_eq!(set_of_region(text, "none", "x", "3"), text);
    }
}
