//! Blocks over a log over a disk that lies, and the agents that use them.

#![allow(clippy::unwrap_used)]

use super::agents::Agent;
use super::index::Index;
use super::truth::Truth;
use block::chain::OpId;
use block::house::Deed;
use block::kinds::ClassTag;
use block::rate::{Limit, Limits};
use block::shard::{Answer, Batch, Notice, Rules, Shard, Why};
use sim::{Dice, Schedule, VirtualDisk};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use store::{AppendError, EntryRef, OpenError, Options, Writer};
use trust::lease::Rights;
use trust::{AgentId, Moment, RegionTag};
use vocab::{Millis, Rate, Slot};

pub(crate) const SHARDS: u32 = 2;
/// Blocks of a shard; block 10 is the second shard's first.
pub(crate) const BLOCKS: u64 = 2;
pub(crate) const AGENTS: u8 = 5;
const LIVES: u64 = 4;
/// Ops of one agent that are under way at once.
pub(crate) const MOST_OPEN: usize = 4;
pub(crate) const APART: u64 = 20;
pub(crate) const BURST: u32 = 2;

/// A mistake that is planted, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mistake {
    #[default]
    Nothing,
    AnswersEarly,
    EvictsTooEarly,
    SkipsTheLookup,
    ForgetsTheRate,
    Core(block::Planted),
}

/// Who asked for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Op(u64, AgentId, OpId),
    Cancel(u64, AgentId, OpId),
    Seat(AgentId),
    House,
}

type Open = Writer<VirtualDisk, u32>;

pub(crate) struct Planet {
    pub(crate) disk: VirtualDisk,
    pub(crate) dice: Dice,
    pub(crate) mistake: Mistake,
    pub(crate) index: Index,
    pub(crate) truth: Truth,
    pub(crate) shards: Vec<Shard<u64>>,
    /// Batches on their way to the disk.
    in_flight: Vec<VecDeque<Batch<u64>>>,
    pub(crate) asked: BTreeMap<u64, Asked>,
    pub(crate) agents: BTreeMap<AgentId, Agent>,
    pub(crate) now: Moment,
    pub(crate) step: u64,
    pub(crate) epoch: u64,
    pub(crate) tokens: u64,
    pub(crate) names: u64,
    pub(crate) messages: blake3::Hasher,
    /// How often a shard was read anew after its batch was refused.
    pub(crate) began_again: u64,
    over: bool,
}

/// The class whose records need consent.
pub(crate) fn asks() -> ClassTag {
    ClassTag::of("asks")
}

fn rules(mistake: Mistake) -> Rules {
    let limit = Limit::new(Rate { events: 1, per: Millis(APART) }, BURST);
    let planted = if let Mistake::Core(planted) = mistake { planted } else { block::Planted::Nothing };
    let consent = BTreeMap::from([(asks(), "asks".to_owned())]);
    Rules {
        limits: Limits::all(limit),
        waiting: 6,
        classes: vec![asks()],
        consent,
        retention: BTreeMap::new(),
        planted,
    }
}

fn options() -> Options {
    Options { segment_bytes: 4 * 1_024, group_bytes: 2_048, salt: 7, ..Options::default() }
}

/// A whole run; its digest over every message and every call of the disk, or
/// what broke.
pub(crate) fn run(seed: u64, mistake: Mistake) -> Result<[u8; 32], String> {
    let planet = Planet::lived(seed, mistake)?;
    let mut all = planet.messages;
    all.update(&planet.disk.digest());
    Ok(*all.finalize().as_bytes())
}

impl Planet {
    pub(crate) fn lived(seed: u64, mistake: Mistake) -> Result<Self, String> {
        let mut dice = Dice::new(seed);
        let mut planet = Self {
            disk: VirtualDisk::new(dice.roll()),
            dice,
            mistake,
            index: Index { mistake, ..Index::default() },
            truth: Truth::default(),
            shards: Vec::new(),
            in_flight: Vec::new(),
            asked: BTreeMap::new(),
            agents: (1..=AGENTS).map(|name| (AgentId([name; 32]), Agent::default())).collect(),
            now: Moment(1_700_000_000_000),
            step: 0,
            epoch: 0,
            tokens: 0,
            names: 0,
            messages: blake3::Hasher::new(),
            began_again: 0,
            over: false,
        };
        for _ in 0..LIVES {
            let stops = (!planet.dice.one_in(4)).then(|| 30 + planet.dice.below(400));
            planet.disk.faults(|faults| faults.stops_after = stops);
            planet.live()?;
            planet.die();
        }
        planet.open()?.ok_or("the last start failed")?;
        Ok(planet)
    }

    /// The process ends, and perhaps the machine.
    fn die(&mut self) {
        if self.dice.one_in(4) {
            self.disk.kill();
        } else {
            self.disk.crash();
        }
        self.disk.faults(|faults| {
            faults.capacity = None;
            faults.stops_after = None;
        });
        // The rows are there up to some point, or have to be made again.
        if self.dice.one_in(3) {
            self.index = Index { mistake: self.mistake, ..Index::default() };
        }
        self.asked.clear();
        for agent in self.agents.values_mut() {
            agent.lose_everything();
        }
    }

    /// Opens the log, holds it against all that was promised, and starts.
    pub(crate) fn open(&mut self) -> Result<Option<Open>, String> {
        let writer = match Open::open(Arc::new(self.disk.clone()), options()) {
            Ok((writer, _)) => writer,
            Err(OpenError::Io { source, .. }) if source.kind() == std::io::ErrorKind::Other => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        // The machine may stop while its log is read; another start will do.
        let stops = std::cell::Cell::new(None);
        self.disk.faults(|faults| stops.set(faults.stops_after.take()));
        self.truth.read(&writer)?;
        self.truth.check()?;
        self.index.follow(&writer, usize::MAX)?;
        let mut anew = Index::default();
        anew.follow(&writer, usize::MAX)?;
        if anew.meaning() != self.index.meaning() {
            return Err("the index that followed is not the one that is made anew".to_owned());
        }
        self.truth.check_inboxes(&anew, self.agents.keys())?;
        self.disk.faults(|faults| faults.stops_after = stops.get());
        self.epoch += 1;
        let next: BTreeMap<_, _> = writer.shards().map(|(shard, state)| (shard, state.next)).collect();
        let next_of = |shard| next.get(&shard).copied().unwrap_or(0);
        let shard = |number| Shard::new(RegionTag(*b"a region"), next_of(number), self.epoch, rules(self.mistake));
        self.shards = (0..SHARDS).map(shard).collect();
        self.in_flight = (0..SHARDS).map(|_| VecDeque::new()).collect();
        for (block, row) in self.index.seats() {
            let agent = self.agents.get_mut(&row.agent).unwrap();
            agent.seat = Some((block.index, row.slot, row.fencing));
        }
        Ok(Some(writer))
    }

    fn live(&mut self) -> Result<(), String> {
        let Some(mut writer) = self.open()? else { return Ok(()) };
        let schedule = Schedule::new(9, &mut self.dice);
        for _ in 0..self.dice.below(900) {
            self.step += 1;
            match schedule.next(&mut self.dice) {
                0 => self.commit(&mut writer)?,
                1 => writer.prepare(),
                2 => self.flush(&mut writer),
                3 => self.follow(&writer)?,
                4 => self.clock(),
                5 => self.trouble(),
                _ => self.somebody(),
            }
            for shard in 0..self.shards.len() {
                self.shards[shard].tick(self.now, &self.index);
            }
            self.hear_what_is_said()?;
            if writer.failure().is_some() || std::mem::take(&mut self.over) {
                break;
            }
        }
        Ok(())
    }

    fn clock(&mut self) {
        let (jump, back) = match self.dice.below(200) {
            0 => (Millis::hours(25).0, false),
            1 => (5_000, true),
            2..6 => (APART / 2, true),
            6..60 => (self.dice.below(APART * 4), false),
            _ => (self.dice.below(6), false),
        };
        let now = self.now.0;
        self.now = Moment(if back { now - jump } else { now + jump });
    }

    fn trouble(&mut self) {
        match self.dice.below(30) {
            0..2 => self.disk.faults(|faults| faults.capacity = Some(1)),
            2..5 => self.disk.faults(|faults| faults.capacity = None),
            5..12 => {
                let (shard, block) = (self.dice.index(self.shards.len()), self.dice.below(BLOCKS));
                self.shards[shard].evict(shard as u64 * 10 + block);
            }
            _ => {}
        }
    }

    fn follow(&mut self, writer: &Open) -> Result<(), String> {
        let most = 1 + self.dice.index(20);
        // A disk that has stopped is noticed by the next write.
        if self.index.follow(writer, most).is_ok() {
            for (shard, next) in &self.index.next {
                self.shards[*shard as usize].indexed(*next, self.now);
            }
        }
        Ok(())
    }

    /// Takes what a shard has, and hands it to the log.
    fn flush(&mut self, writer: &mut Open) {
        let shard = self.dice.index(self.shards.len());
        let Some(mut batch) = self.shards[shard].take() else { return };
        if self.mistake == Mistake::AnswersEarly {
            for (token, answer) in std::mem::take(&mut batch.answers) {
                self.hear(token, &answer);
            }
        }
        if self.mistake == Mistake::EvictsTooEarly {
            let next = self.shards[shard].next();
            self.shards[shard].indexed(next, self.now);
        }
        let entries: Vec<_> = batch.entries().map(|(block, bytes)| EntryRef { block, bytes }).collect();
        if !entries.is_empty() {
            let number = u32::try_from(shard).unwrap();
            writer.submit(number, number, batch.first, self.epoch, &entries).unwrap();
        }
        self.in_flight[shard].push_back(batch);
        self.settle_what_needs_no_entry(shard);
    }

    fn settle_what_needs_no_entry(&mut self, shard: usize) {
        while self.in_flight[shard].front().is_some_and(|batch| batch.entries.is_empty()) {
            let batch = self.in_flight[shard].pop_front().unwrap();
            self.settle(batch);
        }
    }

    fn settle(&mut self, batch: Batch<u64>) {
        for (token, answer) in batch.answers {
            self.hear(token, &answer);
        }
        for Notice::Released(block, slot, agent) in batch.notices {
            let seat = &mut self.agents.get_mut(&agent).unwrap().seat;
            if seat.is_some_and(|(index, at, _)| (index, at) == (block.index, slot)) {
                *seat = None;
            }
        }
    }

    fn commit(&mut self, writer: &mut Open) -> Result<(), String> {
        let mut refused = BTreeSet::new();
        loop {
            let mut answers = Vec::new();
            writer.commit(|shard, answer| answers.push((shard as usize, answer)));
            for (shard, answer) in answers {
                let batch = self.in_flight[shard].pop_front().ok_or("an answer to what nobody sent")?;
                match answer {
                    // Behind a batch that failed nothing is true.
                    Ok(_) if refused.contains(&shard) => return Err(format!("shard {shard} went on over a gap")),
                    Ok(_) => {
                        self.settle(batch);
                        self.settle_what_needs_no_entry(shard);
                    }
                    // The log is to be opened again.
                    Err(AppendError::Unknown { .. } | AppendError::Poisoned) => return Ok(()),
                    Err(_) => {
                        refused.insert(shard);
                        self.lose(batch);
                        while self.in_flight[shard].front().is_some_and(|batch| batch.entries.is_empty()) {
                            let behind = self.in_flight[shard].pop_front().unwrap();
                            self.lose(behind);
                        }
                    }
                }
            }
            // Shards are read anew when all that was under way is answered.
            let wait = refused.iter().any(|shard| self.in_flight[*shard].iter().any(|batch| !batch.entries.is_empty()));
            if !wait || writer.failure().is_some() {
                break;
            }
        }
        for shard in refused {
            self.start_again(writer, shard)?;
        }
        Ok(())
    }

    fn lose(&mut self, batch: Batch<u64>) {
        for (token, _) in batch.answers {
            self.lost(token);
        }
    }

    fn start_again(&mut self, writer: &Open, shard: usize) -> Result<(), String> {
        // Where the index cannot follow, nothing can be read anew: it is over.
        if self.index.follow(writer, usize::MAX).is_err() {
            self.over = true;
            return Ok(());
        }
        let states: BTreeMap<_, _> = writer.shards().collect();
        let next = states.get(&u32::try_from(shard).unwrap()).map_or(0, |state| state.next);
        self.began_again += 1;
        for batch in std::mem::take(&mut self.in_flight[shard]) {
            self.lose(batch);
        }
        for token in self.shards[shard].start_again(next) {
            self.lost(token);
        }
        Ok(())
    }

    fn lost(&mut self, token: u64) {
        self.messages.update(&token.to_be_bytes());
        match self.asked.remove(&token) {
            Some(Asked::Op(block, agent, id)) => {
                self.truth.not_taken(&(block, agent, id), self.epoch, token);
                self.agents.get_mut(&agent).unwrap().lose((block, id));
            }
            Some(Asked::Seat(agent)) => self.agents.get_mut(&agent).unwrap().moving = false,
            _ => {}
        }
    }

    fn hear_what_is_said(&mut self) -> Result<(), String> {
        for shard in 0..self.shards.len() {
            for (token, answer) in self.shards[shard].answers() {
                self.hear(token, &answer);
            }
        }
        self.truth.wrong()
    }

    fn hear(&mut self, token: u64, answer: &Answer) {
        self.messages.update(format!("{} {token} {answer:?}", self.step).as_bytes());
        let Some(asked) = self.asked.remove(&token) else { return };
        match (asked, answer) {
            (Asked::Op(block, agent, id), Answer::Refused(why)) => {
                self.truth.not_taken(&(block, agent, id), self.epoch, token);
                let keeps = !matches!(why, Why::TooOld | Why::TooNew);
                self.agents.get_mut(&agent).unwrap().refused((block, id), keeps);
            }
            (Asked::Op(block, agent, id), answer) => {
                self.truth.answered((block, agent, id), answer, self.step);
                self.agents.get_mut(&agent).unwrap().done((block, id));
            }
            (Asked::Cancel(block, agent, id), answer) => self.truth.cancelled((block, agent, id), answer),
            (Asked::Seat(agent), answer) => {
                let who = self.agents.get_mut(&agent).unwrap();
                who.moving = false;
                if let (Answer::Written(fencing), Some((block, slot, _))) = (answer, who.wanted.take()) {
                    who.seat = Some((block, slot, *fencing));
                    self.truth.fenced((block, slot), *fencing);
                }
            }
            (Asked::House, _) => {}
        }
    }

    /// Turns one bit over and starts again: blocks that it hit end in front of
    /// it and are sealed, all others are whole and go on. How many it hit.
    pub(crate) fn flipped(mut self) -> Result<usize, String> {
        let name = (1..64).map(|number| format!("{number:016x}.log")).filter(|name| self.disk.bytes(name).is_some());
        let names: Vec<_> = name.collect();
        let name = &names[self.dice.index(names.len())];
        let used = self.disk.bytes(name).unwrap().iter().rposition(|byte| *byte != 0).unwrap_or(0) as u64;
        self.disk.flip(name, self.dice.below(used + 1), u8::try_from(self.dice.below(8)).unwrap());
        let (mut writer, _) = Open::open(Arc::new(self.disk.clone()), options()).map_err(|error| error.to_string())?;
        self.index = Index::default();
        self.index.follow(&writer, usize::MAX)?;
        let next: BTreeMap<_, _> = writer.shards().collect();
        self.epoch += 1;
        for (index, chain) in &self.truth.chains {
            let number = u32::try_from(index / 10).unwrap();
            let next = next.get(&number).map_or(0, |state| state.next);
            let mut shard = Shard::<u64>::new(RegionTag(*b"a region"), next, self.epoch, rules(Mistake::Nothing));
            let standing = shard.standing(*index, self.now, &self.index).map_err(|why| why.to_string())?;
            let damaged = self.index.damaged.contains(index);
            let entries = usize::try_from(standing.head.sequence).unwrap();
            if standing.sealed.is_some() != damaged || damaged != (entries < chain.len()) {
                return Err(format!("block {index}: {entries} of {} entries, {:?}", chain.len(), standing.sealed));
            }
            if entries > 0 && standing.head.link != block::chain::link(&chain[entries - 1]) {
                return Err(format!("block {index} serves what nobody wrote"));
            }
            let slot = Slot::new(9).unwrap();
            let deed = Deed::Assign { slot, rights: Rights::OPERATE, until: self.now, invitation: None };
            shard.assign(*index, AgentId([99; 32]), deed, 1, self.now, &self.index);
            if shard.take().is_none() != damaged {
                return Err(format!("block {index}: damaged {damaged}, and goes on or not"));
            }
        }
        writer.prepare();
        let mut hit = self.index.damaged;
        hit.sort_unstable();
        hit.dedup();
        Ok(hit.len())
    }
}
