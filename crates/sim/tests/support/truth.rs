//! What was promised, and whether the log keeps it: told from the log's bytes
//! and from what agents heard, with no look at the index.

#![allow(clippy::unwrap_used)]

use super::index::{Index, block_of};
use super::linear::{Did, Event, check};
use super::planet::{APART, BURST, SHARDS, asks};
use block::chain::{Entry, Head, Link, OpId, Outcome, link};
use block::house::{Deed, FIRST};
use block::kinds::{Cursor, Effect, Matter, by_code};
use block::queue::{Cancelled, Op};
use block::shard::{Answer, Ended};
use sim::VirtualDisk;
use std::collections::{BTreeMap, BTreeSet};
use store::Writer;
use trust::{AgentId, Moment};
use vocab::Slot;

pub(crate) type Name = (u64, AgentId, OpId);

/// An op that was sent.
struct Sent {
    op: Op,
    /// In each life of the process: by which request it was taken in, when on
    /// the clock of the run and when on the wall.
    taken: BTreeMap<u64, (u64, u64, Moment)>,
    answered: Option<u64>,
    /// What was promised of it.
    place: Option<(u64, Outcome)>,
    ended: Option<Ended>,
}

#[derive(Default)]
pub(crate) struct Truth {
    sent: BTreeMap<Name, Sent>,
    /// The entries of each block, in order; what was read once has to stay.
    pub(crate) chains: BTreeMap<u64, Vec<Vec<u8>>>,
    log: Vec<(Cursor, Vec<u8>)>,
    cancelled: Vec<Name>,
    fencing: BTreeMap<(u64, Slot), u64>,
    wrong: Option<String>,
}

impl Truth {
    pub(crate) fn op(&self, name: &Name) -> Op {
        self.sent[name].op.clone()
    }

    pub(crate) fn sent(&mut self, name: Name, op: &Op, (epoch, token): (u64, u64), (step, now): (u64, Moment)) {
        let op = op.clone();
        let new = || Sent { op, taken: BTreeMap::new(), answered: None, place: None, ended: None };
        self.sent.entry(name).or_insert_with(new).taken.entry(epoch).or_insert((token, step, now));
    }

    /// A request was refused, or lost without a trace.
    pub(crate) fn not_taken(&mut self, name: &Name, epoch: u64, token: u64) {
        let taken = &mut self.sent.get_mut(name).unwrap().taken;
        if taken.get(&epoch).is_some_and(|(by, ..)| *by == token) {
            taken.remove(&epoch);
        }
    }

    pub(crate) fn answered(&mut self, name: Name, answer: &Answer, step: u64) {
        let sent = self.sent.get_mut(&name).unwrap();
        let place = match answer {
            Answer::Ended(ended) => {
                sent.ended = Some((**ended).clone());
                (ended.sequence, ended.outcome)
            }
            Answer::Before(outcome, sequence) => (*sequence, *outcome),
            other => {
                self.wrong = Some(format!("an op was answered by {other:?}"));
                return;
            }
        };
        sent.answered.get_or_insert(step);
        if sent.place.is_some_and(|before| before != place) {
            self.wrong = Some(format!("{name:?} was answered by {:?} and by {place:?}", sent.place));
        }
        sent.place = Some(place);
    }

    pub(crate) fn cancelled(&mut self, name: Name, answer: &Answer) {
        if *answer == Answer::Cancelled(Cancelled::Yes) {
            self.cancelled.push(name);
        }
    }

    pub(crate) fn fenced(&mut self, at: (u64, Slot), fencing: u64) {
        if self.fencing.insert(at, fencing).is_some_and(|before| before >= fencing) {
            self.wrong = Some(format!("the fencing token of {at:?} did not grow"));
        }
    }

    pub(crate) fn wrong(&mut self) -> Result<(), String> {
        self.wrong.take().map_or(Ok(()), Err)
    }

    /// Reads the whole log; what was read before is still there.
    pub(crate) fn read<T>(&mut self, writer: &Writer<VirtualDisk, T>) -> Result<(), String> {
        let mut chains: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
        self.log.clear();
        for entry in writer.tail(None) {
            let entry = entry.map_err(|error| error.to_string())?;
            let (segment, offset) = (entry.position.segment, entry.position.offset);
            self.log.push((Cursor { segment, offset, sequence: entry.sequence }, entry.bytes.clone()));
            assert!(entry.shard < SHARDS);
            chains.entry(entry.block).or_default().push(entry.bytes);
        }
        for (block, before) in &self.chains {
            if !chains.get(block).is_some_and(|now| now.starts_with(before)) {
                return Err(format!("block {block} has lost what was read of it"));
            }
        }
        self.chains = chains;
        Ok(())
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let mut found = BTreeMap::new();
        for (block, chain) in &self.chains {
            let mut head = Head::before_the_first(block_of(*block));
            let mut entries = Vec::new();
            for bytes in chain {
                let entry = head.follow(bytes).map_err(|broken| format!("block {block}: {broken}"))?;
                if entry.kind < FIRST && found.insert((*block, entry.agent, entry.id), (entry, link(bytes))).is_some() {
                    return Err(format!("{:?} stands twice in block {block}", entry.id));
                }
                entries.push(entry);
            }
            slots(&entries).map_err(|wrong| format!("block {block}: {wrong}"))?;
            self.order(*block, &entries)?;
            self.rate(*block, &entries)?;
            self.registers(*block, &entries)?;
            Self::consents(*block, &entries)?;
        }
        self.promises(&found)
    }

    fn promises(&self, found: &BTreeMap<Name, (Entry<'_>, Link)>) -> Result<(), String> {
        for (name, sent) in &self.sent {
            let Some((sequence, outcome)) = sent.place else { continue };
            let Some((entry, link)) = found.get(name) else {
                return Err(format!("{name:?} was acknowledged and is gone"));
            };
            let ended = sent.ended.as_ref();
            let same = ended.is_none_or(|ended| {
                (ended.time, ended.link, ended.tries) == (entry.time, *link, entry.tries)
                    && ended.result == entry.result
            });
            if (entry.sequence, entry.outcome) != (sequence, outcome) || !same {
                return Err(format!("{name:?} was acknowledged and is another"));
            }
        }
        for (name, (entry, _)) in found {
            let payload = &self.sent.get(name).ok_or(format!("nobody asked for {name:?}"))?.op.payload;
            if entry.outcome != Outcome::Cancelled && entry.payload != payload {
                return Err(format!("{name:?} is not what was asked for"));
            }
        }
        let ran = |name: &&Name| found.get(*name).is_none_or(|(entry, _)| entry.outcome != Outcome::Cancelled);
        self.cancelled.iter().find(ran).map_or(Ok(()), |name| Err(format!("{name:?} was cancelled and ran")))
    }

    /// By which request an entry came in, and when.
    fn taken(&self, block: u64, entry: &Entry<'_>) -> Option<(u64, Moment)> {
        let sent = self.sent.get(&(block, entry.agent, entry.id))?;
        sent.taken.get(&entry.epoch).map(|(_, step, now)| (*step, *now))
    }

    /// Ops end in the order in which they were taken in.
    fn order(&self, block: u64, entries: &[Entry<'_>]) -> Result<(), String> {
        let mut latest = 0;
        for entry in entries.iter().filter(|entry| entry.kind < FIRST && entry.outcome != Outcome::Cancelled) {
            let Some((step, _)) = self.taken(block, entry) else {
                return Err(format!("entry {} of block {block} was refused, and is there", entry.sequence));
            };
            if step < latest {
                return Err(format!("entry {} of block {block} was overtaken", entry.sequence));
            }
            latest = step;
        }
        Ok(())
    }

    /// In no window of an agent's ops are more than its limit lets through.
    fn rate(&self, block: u64, entries: &[Entry<'_>]) -> Result<(), String> {
        let mut times: BTreeMap<AgentId, Vec<u64>> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.kind < FIRST && entry.outcome != Outcome::Cancelled) {
            let Some((_, now)) = self.taken(block, entry) else { continue };
            if entry.time < now {
                return Err(format!("entry {} is older than what asked for it", entry.sequence));
            }
            times.entry(entry.agent).or_default().push(now.0);
        }
        for times in times.values() {
            for (first, from) in times.iter().enumerate() {
                for (more, to) in times[first..].iter().enumerate() {
                    let gaps = (more as u64 + 1).saturating_sub(u64::from(BURST));
                    if gaps > 0 && *to < from + gaps * APART {
                        return Err(format!("block {block}: {} ops within {} ms", more + 1, to.saturating_sub(*from)));
                    }
                }
            }
        }
        Ok(())
    }

    /// A record of a class that needs consent is kept only where it stands, and
    /// refused for the lack of it only where it does not.
    fn consents(block: u64, entries: &[Entry<'_>]) -> Result<(), String> {
        let mut agreed = BTreeSet::new();
        for entry in entries.iter().filter(|entry| entry.kind < FIRST) {
            let effect = (by_code(entry.kind).unwrap().effect)(entry.payload).ok();
            let done = entry.outcome == Outcome::Done;
            match effect {
                Some(Effect::Stand(Matter::Consent, _, true)) if done => _ = agreed.insert(entry.agent),
                Some(Effect::Stand(Matter::Consent | Matter::Erasure, ..)) if done => _ = agreed.remove(&entry.agent),
                Some(Effect::Put(_, class, _)) if class == asks() => {
                    let stands = agreed.contains(&entry.agent);
                    let lacked = entry.outcome == Outcome::Failed && entry.result.starts_with(b"records of class");
                    if done && !stands || lacked && stands {
                        return Err(format!("block {block}, entry {}: consent stands is {stands}", entry.sequence));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Each record is a register, and what was seen of it is linearizable.
    fn registers(&self, block: u64, entries: &[Entry<'_>]) -> Result<(), String> {
        let mut events: BTreeMap<(AgentId, [u8; 16]), Vec<Event>> = BTreeMap::new();
        let ran = entries.iter().filter(|entry| entry.kind < FIRST && entry.outcome == Outcome::Done);
        for entry in ran {
            let kind = by_code(entry.kind).unwrap();
            let sent = &self.sent[&(block, entry.agent, entry.id)];
            let did = match (kind.effect)(entry.payload).map_err(|why| why.to_string())? {
                Effect::Put(_, _, value) => Did::Put(value.to_vec()),
                Effect::Delete(_) => Did::Delete,
                Effect::None if kind.name == "get" => {
                    let read = sent.ended.as_ref().map(|ended| ended.record.as_ref());
                    Did::Get(read.map(|record| record.map(|record| record.envelope.clone())))
                }
                _ => continue,
            };
            let tag = entry.payload[..16].try_into().unwrap();
            let saw = u64::from_be_bytes(entry.result.try_into().map_err(|_| "a result of another length")?);
            let asked = self.taken(block, entry).map_or(0, |(step, _)| step);
            let event = Event { place: entry.sequence, asked, answered: sent.answered, did, saw };
            events.entry((entry.agent, tag)).or_default().push(event);
        }
        events.values().try_for_each(|events| check(events)).map_err(|wrong| format!("block {block}: {wrong}"))
    }

    /// Every inbox holds what was sent since it was last acknowledged, in the
    /// order of the log.
    pub(crate) fn check_inboxes<'a>(
        &self,
        index: &Index,
        agents: impl Iterator<Item = &'a AgentId>,
    ) -> Result<(), String> {
        let mut inboxes: BTreeMap<AgentId, Vec<Cursor>> = BTreeMap::new();
        for (place, bytes) in &self.log {
            let entry = Entry::decode(bytes).map_err(|why| why.to_string())?;
            let kind = by_code(entry.kind).filter(|_| entry.outcome == Outcome::Done);
            match kind.and_then(|kind| (kind.effect)(entry.payload).ok()) {
                Some(Effect::Send(to, _)) => inboxes.entry(to).or_default().push(*place),
                Some(Effect::Acknowledge(up_to)) => {
                    inboxes.entry(entry.agent).or_default().retain(|place| *place > up_to);
                }
                _ => {}
            }
        }
        for agent in agents {
            if index.inbox_of(*agent) != inboxes.remove(agent).unwrap_or_default() {
                return Err(format!("the inbox of {agent} is not what was sent"));
            }
        }
        Ok(())
    }
}

/// No slot has two holders, and nobody leaves what it does not hold.
fn slots(entries: &[Entry<'_>]) -> Result<(), String> {
    let mut held: BTreeMap<Slot, AgentId> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.kind >= FIRST) {
        let deed = Deed::decode(entry.kind, entry.payload).ok_or("a deed that cannot be read")?;
        let good = match deed {
            Deed::Assign { slot, .. } => {
                let twice = held.values().any(|holder| *holder == entry.agent);
                held.insert(slot, entry.agent).is_none() && !twice
            }
            Deed::Renew { slot, .. } => held.get(&slot) == Some(&entry.agent),
            Deed::Expire(_) => return Err("nothing here expires".to_owned()),
            Deed::Release { slot, .. } => held.remove(&slot) == Some(entry.agent),
        };
        if !good {
            return Err(format!("entry {} gives or takes a slot that is another's", entry.sequence));
        }
    }
    Ok(())
}
