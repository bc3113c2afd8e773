//! A shard, its log and its rows, all in memory, and everything that was
//! answered.

#![allow(clippy::unwrap_used, clippy::panic, dead_code, unreachable_pub)] // Not every test needs all of it.

use block::chain::{Entry, Head, OpId, Outcome, link};
use block::house::Deed;
use block::index::{self, Fold, Rows as Lookup, SeatRow, Space};
use block::kinds::{ClassTag, Closed, Cursor, Matter, Room, Stance, Stored, Tag, Trouble, View, by_name};
use block::queue::Op;
use block::rate::{Limit, Limits};
use block::shard::{Answer, Batch, Below, Earlier, Ended, Loaded, Notice, Rules, Shard, Why};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use trust::erasure::Demand;
use trust::lease::Rights;
use trust::{AgentId, BlockRef, Moment, RegionTag};
use vocab::{Millis, Rate, Slot};

pub const NOW: Moment = Moment(1_700_000_000_000);
pub const REGION: RegionTag = RegionTag(*b"a region");

pub fn block(index: u64) -> BlockRef {
    BlockRef { region: REGION, index }
}

pub fn agent(number: u8) -> AgentId {
    AgentId([number; 32])
}

pub fn tag(number: u8) -> Tag {
    Tag([number; 16])
}

/// Rows by their space and key.
pub type Kept = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

/// The rows that were folded, as far as the index has followed.
#[derive(Debug, Default)]
pub struct Rows {
    pub rows: RefCell<Kept>,
    pub sealed: RefCell<BTreeMap<u64, String>>,
    /// Whether inboxes have room.
    pub full: Cell<bool>,
    /// Lookups of names.
    pub looked: Cell<u32>,
}

impl Rows {
    fn get(&self, space: Space, key: Vec<u8>) -> Option<Vec<u8>> {
        self.rows.borrow().get(&(space, key)).cloned()
    }

    pub fn prefixed(&self, space: Space, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let rows = self.rows.borrow();
        let from = rows.range((space, prefix.to_vec())..);
        let mine = from.take_while(|((of, key), _)| *of == space && key.starts_with(prefix));
        mine.map(|((_, key), value)| (key.clone(), value.clone())).collect()
    }

    pub fn apply(&self, fold: Fold) {
        for change in fold.finish(self).unwrap() {
            let key = (change.space, change.key);
            match change.value {
                Some(value) => self.rows.borrow_mut().insert(key, value),
                None => self.rows.borrow_mut().remove(&key),
            };
        }
    }
}

impl Lookup for Rows {
    type Error = Trouble;

    fn row(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
        Ok(self.get(space, key.to_vec()))
    }

    fn inbox(&self, agent: AgentId, up_to: Cursor) -> Result<Vec<Vec<u8>>, Trouble> {
        let keys = self.prefixed(Space::Inbox, &agent.0).into_iter().map(|(key, _)| key);
        Ok(keys.filter(|key| key[32..] <= up_to.to_bytes()[..]).collect())
    }
}

impl View for Rows {
    fn record(&self, block: BlockRef, owner: AgentId, tag: Tag) -> Result<Option<Stored>, Trouble> {
        Ok(self.get(Space::Records, index::record_key(block, owner, tag)).and_then(|row| index::stored(&row)))
    }

    fn stance(&self, block: BlockRef, agent: AgentId, on: (Matter, ClassTag)) -> Result<Option<Stance>, Trouble> {
        let key = index::stance_key(block, agent, on);
        let row = self.get(Space::Stances, key.clone());
        Ok(row.map(|row| index::StanceRow::read(&key, &row).unwrap().stance))
    }

    fn keep_room(&self, to: AgentId) -> Result<Room, Trouble> {
        Ok(match to {
            AgentId([0, ..]) => Room::Nobody,
            _ if self.full.get() => Room::Full,
            _ => Room::Kept,
        })
    }
}

impl Below for Rows {
    fn load(&self, block: BlockRef) -> Result<Loaded, Trouble> {
        let key = index::block_key(block);
        let head = self.get(Space::Heads, key.to_vec()).and_then(|row| index::head(block, &row));
        let seats = self.prefixed(Space::Seats, &key).into_iter().map(|(key, value)| {
            let (_, seat) = SeatRow::read(&key, &value).unwrap();
            let (newest, last) = self.last(block, seat.agent).unwrap().unwrap_or((0, Moment(0)));
            (seat, newest, last)
        });
        Ok(Loaded {
            head: head.unwrap_or_else(|| Head::before_the_first(block)),
            seats: seats.collect(),
            sealed: self.sealed.borrow().get(&block.index).cloned(),
        })
    }

    fn last(&self, block: BlockRef, agent: AgentId) -> Result<Option<(u64, Moment)>, Trouble> {
        Ok(self.get(Space::Last, index::last_key(block, agent)).and_then(|row| index::last(&row)))
    }

    fn known(&self, block: BlockRef, agent: AgentId, op: OpId) -> Result<Option<Earlier>, Trouble> {
        self.looked.set(self.looked.get() + 1);
        let rows = self.prefixed(Space::Names, &index::last_key(block, agent));
        let mut all: Vec<_> = rows.iter().flat_map(|(_, value)| index::names(value)).collect();
        all.sort_by_key(|named| named.sequence);
        let Some(at) = all.iter().position(|named| named.id == op) else { return Ok(None) };
        let newer = u32::try_from(all.len() - 1 - at).unwrap().min(64);
        Ok(Some(Earlier { sequence: all[at].sequence, outcome: all[at].outcome, newer }))
    }
}

pub struct World {
    pub shard: Shard<u32>,
    pub rows: Rows,
    pub rules: Rules,
    /// What is durable.
    pub log: Vec<(u64, Vec<u8>)>,
    pub followed: usize,
    pub now: Moment,
    pub heard: BTreeMap<u32, Answer>,
    pub notices: Vec<Notice>,
    tokens: u32,
}

pub fn rules(rate: u64) -> Rules {
    Rules {
        limits: Limits::all(Limit::new(Rate::per_second(rate), 1)),
        waiting: 10,
        classes: vec![ClassTag::of("here"), ClassTag::of("asks")],
        consent: BTreeMap::from([(ClassTag::of("asks"), "asks".to_owned())]),
        retention: BTreeMap::from([(ClassTag::of("asks"), KEPT)]),
        planted: block::Planted::Nothing,
    }
}

/// How long records of the class that needs consent are kept.
pub const KEPT: Millis = Millis(2_000);

impl World {
    /// As many ops as anybody likes.
    pub fn new() -> Self {
        // A million in a millisecond.
        let limit = Limit::new(Rate { events: 1_000_000, per: Millis(1) }, u32::MAX);
        Self::with(Rules { limits: Limits::all(limit), ..rules(1) })
    }

    pub fn with(rules: Rules) -> Self {
        let shard = Shard::new(REGION, 0, 1, rules.clone());
        let (rows, log, heard) = (Rows::default(), Vec::new(), BTreeMap::new());
        Self { shard, rows, rules, log, followed: 0, now: NOW, heard, notices: Vec::new(), tokens: 0 }
    }

    fn token(&mut self) -> u32 {
        self.tokens += 1;
        self.tokens
    }

    /// Seats an agent; its fencing token.
    pub fn seat(&mut self, index: u64, slot: u8, who: u8) -> u64 {
        let token = self.ask_seat(index, slot, who);
        self.flush();
        let Answer::Written(fencing) = self.heard[&token] else { panic!("{:?}", self.heard[&token]) };
        fencing
    }

    pub fn ask_seat(&mut self, index: u64, slot: u8, who: u8) -> u32 {
        let slot = Slot::new(slot).unwrap();
        let until = self.now.after(Millis::hours(1));
        let deed = Deed::Assign { slot, rights: Rights::OPERATE, until, invitation: None };
        let token = self.token();
        self.shard.assign(index, agent(who), deed, token, self.now, &self.rows);
        token
    }

    /// Prolongs an agent's lease to an hour from now.
    pub fn renew(&mut self, index: u64, slot: u8, who: u8) -> u32 {
        let deed = Deed::Renew { slot: Slot::new(slot).unwrap(), until: self.now.after(Millis::hours(1)) };
        let token = self.token();
        self.shard.assign(index, agent(who), deed, token, self.now, &self.rows);
        token
    }

    pub fn leave(&mut self, index: u64, slot: u8) -> u32 {
        let token = self.token();
        let at = (index, Slot::new(slot).unwrap(), None);
        self.shard.release(at, block::house::Left::Detached, token, self.now, &self.rows);
        token
    }

    /// Sends an op; what is heard of it goes by the number that is returned.
    pub fn op(&mut self, (index, slot, fencing): (u64, u8, u64), op: Op) -> u32 {
        let token = self.token();
        self.shard.op((index, Slot::new(slot).unwrap(), fencing), op, token, self.now, &self.rows);
        token
    }

    /// Says that a record may be too old.
    pub fn expire(&mut self, index: u64, who: u8, key: u8) -> u32 {
        let token = self.token();
        self.shard.expire(index, (agent(who), tag(key)), token, self.now, &self.rows);
        token
    }

    /// Carries out a demand that was checked.
    pub fn demand(&mut self, index: u64, demand: &Demand, id: OpId) -> u32 {
        let token = self.token();
        self.shard.erase(index, (demand, id, &[0, 1]), token, self.now, &self.rows);
        token
    }

    pub fn cancel(&mut self, index: u64, of: (AgentId, OpId)) -> u32 {
        let token = self.token();
        self.shard.cancel(index, of, token, self.now, &self.rows);
        token
    }

    pub fn state(&mut self, index: u64, of: (AgentId, OpId)) -> u32 {
        let token = self.token();
        self.shard.state(index, of, token, self.now, &self.rows);
        token
    }

    pub fn seal(&mut self, index: u64, reason: Option<&str>) -> u32 {
        let token = self.token();
        match reason {
            Some(reason) => self.rows.sealed.borrow_mut().insert(index, reason.to_owned()),
            None => self.rows.sealed.borrow_mut().remove(&index),
        };
        self.shard.seal(index, reason.map(str::to_owned), token, self.now, &self.rows);
        token
    }

    pub fn tick(&mut self, later: u64) {
        self.now = self.now.after(Millis(later));
        self.shard.tick(self.now, &self.rows);
    }

    /// What can be heard at once.
    pub fn hear(&mut self) {
        for (token, answer) in self.shard.answers() {
            assert!(self.heard.insert(token, answer).is_none(), "{token} was answered twice");
        }
        for (block, reason) in self.shard.sealed() {
            self.rows.sealed.borrow_mut().insert(block.index, reason);
        }
    }

    /// A batch that was taken is durable.
    pub fn settle(&mut self, batch: Batch<u32>) {
        assert_eq!(batch.first, self.log.len() as u64);
        self.log.extend(batch.entries().map(|(block, bytes)| (block, bytes.to_vec())));
        for (token, answer) in batch.answers {
            assert!(self.heard.insert(token, answer).is_none(), "{token} was answered twice");
        }
        self.notices.extend(batch.notices);
    }

    /// Makes everything durable and hears the answers.
    pub fn flush(&mut self) {
        self.hear();
        while let Some(batch) = self.shard.take() {
            self.settle(batch);
        }
    }

    /// The index follows by so many entries, in one fold.
    pub fn follow(&mut self, entries: usize) {
        let mut fold = Fold::default();
        let to = self.log.len().min(self.followed + entries);
        for at in self.followed..to {
            add(&mut fold, at, &self.log[at].1);
        }
        self.followed = to;
        self.rows.apply(fold);
        self.shard.indexed(to as u64, self.now);
    }

    pub fn follow_all(&mut self) {
        self.follow(usize::MAX / 2);
    }

    /// The process ends here and starts again; what was not durable is gone.
    pub fn restart(&mut self) {
        self.follow_all();
        self.shard = Shard::new(REGION, self.log.len() as u64, 1, self.rules.clone());
    }

    /// What was heard of a request.
    pub fn answer(&self, token: u32) -> &Answer {
        self.heard.get(&token).unwrap_or_else(|| panic!("nothing was heard of {token}"))
    }

    pub fn ended(&self, token: u32) -> &Ended {
        let Answer::Ended(ended) = self.answer(token) else { panic!("{:?}", self.answer(token)) };
        ended
    }

    pub fn refused(&self, token: u32) -> &Why {
        let Answer::Refused(why) = self.answer(token) else { panic!("{:?}", self.answer(token)) };
        why
    }

    /// The ops of a chain, by name, after it was checked link by link.
    pub fn chain(&self, index: u64) -> Vec<(OpId, Outcome, u8)> {
        let mut head = Head::before_the_first(block(index));
        let mine = self.log.iter().filter(|(of, _)| *of == index);
        let entries = mine.map(|(_, bytes)| head.follow(bytes).unwrap());
        entries
            .filter(|entry| entry.kind < block::house::FIRST)
            .map(|entry| (entry.id, entry.outcome, entry.tries))
            .collect()
    }
}

/// Folds an entry that stands at this place of the log.
pub fn add(fold: &mut Fold, at: usize, bytes: &[u8]) {
    let place = Cursor { segment: 1, offset: at as u64, sequence: at as u64 };
    fold.add(&Entry::decode(bytes).unwrap(), link(bytes), place);
}

/// An op by a name that was made at a moment.
pub fn op_at(made: Moment, number: u128, kind: &str, who: u8, payload: Vec<u8>) -> Op {
    Op {
        agent: agent(who),
        id: OpId::new(made, number),
        kind: by_name(kind).unwrap().code,
        payload,
        closed: Closed::default(),
    }
}

pub fn put(number: u128, who: u8, key: u8, value: &[u8]) -> Op {
    op_at(NOW, number, "put", who, [&[key; 16][..], &[0; 8], value].concat())
}

/// A record of the class that needs consent.
pub fn put_asking(number: u128, who: u8, key: u8, value: &[u8]) -> Op {
    op_at(NOW, number, "put", who, [&[key; 16][..], &ClassTag::of("asks").0, value].concat())
}

/// What somebody says of that class: `consent` or `opt-out`.
pub fn say(number: u128, who: u8, kind: &str, stands: bool) -> Op {
    op_at(NOW, number, kind, who, [&ClassTag::of("asks").0[..], &[u8::from(stands)]].concat())
}

pub fn erase(number: u128, who: u8) -> Op {
    op_at(NOW, number, "erase", who, Vec::new())
}

pub fn get(number: u128, who: u8, key: u8) -> Op {
    op_at(NOW, number, "get", who, vec![key; 16])
}

pub fn delete(number: u128, who: u8, key: u8) -> Op {
    op_at(NOW, number, "delete", who, vec![key; 16])
}

pub fn echo(number: u128, who: u8) -> Op {
    op_at(NOW, number, "echo", who, b"sealed".to_vec())
}

pub fn message(number: u128, who: u8, to: u8) -> Op {
    op_at(NOW, number, "send", who, [&[to; 32][..], b"sealed"].concat())
}

pub fn of(op: &Op) -> (AgentId, OpId) {
    (op.agent, op.id)
}
