//! What agents do: they come and go, send, ask again and take back.

#![allow(clippy::unwrap_used)]

use super::planet::{AGENTS, Asked, BLOCKS, MOST_OPEN, Planet, SHARDS, asks};
use block::chain::OpId;
use block::house::{Deed, Left};
use block::kinds::{Closed, Cursor, by_name};
use block::queue::Op;
use trust::lease::Rights;
use trust::{AgentId, Moment};
use vocab::{Millis, Slot};

/// An agent, and what it knows of its ops.
#[derive(Default)]
pub(crate) struct Agent {
    pub(crate) seat: Option<(u64, Slot, u64)>,
    pub(crate) wanted: Option<(u64, Slot, u64)>,
    pub(crate) moving: bool,
    pub(crate) open: Vec<(u64, OpId)>,
    pub(crate) unanswered: Vec<(u64, OpId)>,
    pub(crate) answered: Vec<(u64, OpId)>,
}

impl Agent {
    pub(crate) fn ask(&mut self, op: (u64, OpId)) {
        self.unanswered.retain(|other| *other != op);
        if !self.open.contains(&op) {
            self.open.push(op);
        }
    }

    pub(crate) fn lose(&mut self, op: (u64, OpId)) {
        self.open.retain(|other| *other != op);
        if !self.unanswered.contains(&op) && !self.answered.contains(&op) {
            self.unanswered.push(op);
        }
    }

    pub(crate) fn refused(&mut self, op: (u64, OpId), keeps: bool) {
        if keeps {
            self.lose(op);
        } else {
            self.open.retain(|other| *other != op);
            self.answered.retain(|other| *other != op);
        }
    }

    pub(crate) fn done(&mut self, op: (u64, OpId)) {
        self.open.retain(|other| *other != op);
        self.unanswered.retain(|other| *other != op);
        if !self.answered.contains(&op) {
            self.answered.push(op);
        }
    }

    pub(crate) fn lose_everything(&mut self) {
        for op in std::mem::take(&mut self.open) {
            self.lose(op);
        }
        (self.seat, self.wanted, self.moving) = (None, None, false);
    }
}

impl Planet {
    /// Whoever is asked for an answer knows by whom.
    fn token(&mut self, asked: Asked) -> u64 {
        self.tokens += 1;
        self.asked.insert(self.tokens, asked);
        self.tokens
    }

    /// One of the agents does something.
    pub(crate) fn somebody(&mut self) {
        let names: Vec<_> = self.agents.keys().copied().collect();
        let agent = names[self.dice.index(names.len())];
        let who = &self.agents[&agent];
        if who.moving {
            return;
        }
        let Some(seat) = who.seat else { return self.attach(agent) };
        match self.dice.below(80) {
            0 => self.detach(agent, seat),
            1 => self.expire(seat),
            2..14 => self.cancel(agent),
            _ => self.send(agent, seat),
        }
    }

    fn attach(&mut self, agent: AgentId) {
        let block = self.dice.below(u64::from(SHARDS)) * 10 + self.dice.below(BLOCKS);
        let held: Vec<_> = self.agents.values().filter_map(|agent| agent.seat.or(agent.wanted)).collect();
        let free = |slot: &Slot| !held.iter().any(|(index, taken, _)| (*index, taken) == (block, slot));
        let Some(slot) = (0..3).filter_map(Slot::new).find(free) else { return };
        let until = self.now.after(Millis::hours(1));
        let deed = Deed::Assign { slot, rights: Rights::OPERATE, until, invitation: None };
        let who = self.agents.get_mut(&agent).unwrap();
        (who.moving, who.wanted) = (true, Some((block, slot, 0)));
        let token = self.token(Asked::Seat(agent));
        let shard = &mut self.shards[block as usize / 10];
        shard.assign(block, agent, deed, token, self.now, &self.index);
    }

    fn detach(&mut self, agent: AgentId, (block, slot, fencing): (u64, Slot, u64)) {
        self.agents.get_mut(&agent).unwrap().moving = true;
        let token = self.token(Asked::Seat(agent));
        let at = (block, slot, Some(fencing));
        self.shards[block as usize / 10].release(at, Left::Detached, token, self.now, &self.index);
    }

    fn expire(&mut self, (block, slot, _): (u64, Slot, u64)) {
        let token = self.token(Asked::House);
        self.shards[block as usize / 10].release((block, slot, None), Left::Expired, token, self.now, &self.index);
    }

    fn cancel(&mut self, agent: AgentId) {
        let open = &self.agents[&agent].open;
        let Some((block, id)) = open.last().copied() else { return };
        let token = self.token(Asked::Cancel(block, agent, id));
        self.shards[block as usize / 10].cancel(block, (agent, id), token, self.now, &self.index);
    }

    fn send(&mut self, agent: AgentId, (block, slot, fencing): (u64, Slot, u64)) {
        let who = &self.agents[&agent];
        let known: Vec<_> = if self.dice.one_in(3) { &who.unanswered } else { &who.answered }
            .iter()
            .filter(|(of, _)| *of == block)
            .copied()
            .collect();
        let again = if self.dice.one_in(3) { known.get(self.dice.index(known.len())).copied() } else { None };
        if again.is_none() && who.open.len() >= MOST_OPEN {
            return;
        }
        let op = match again {
            Some((_, id)) => self.truth.op(&(block, agent, id)),
            None => self.new_op(agent),
        };
        let name = (block, agent, op.id);
        let token = self.token(Asked::Op(block, agent, op.id));
        self.agents.get_mut(&agent).unwrap().ask((block, op.id));
        self.truth.sent(name, &op, (self.epoch, token), (self.step, self.now));
        self.messages.update(format!("{} {token} {op:?}", self.step).as_bytes());
        self.shards[block as usize / 10].op((block, slot, fencing), op, token, self.now, &self.index);
    }

    fn new_op(&mut self, agent: AgentId) -> Op {
        self.names += 1;
        // Names that are not in their order, and some that begin alike.
        let entropy = u128::from(self.names) | if self.dice.one_in(2) { 1 << 70 } else { 0 };
        let made = Moment(self.now.0.saturating_sub(self.dice.below(3) * 40));
        let id = OpId::new(made, entropy);
        let key = [u8::try_from(self.dice.below(2)).unwrap(); 16];
        let value = id.0.to_be_bytes();
        let other = AgentId([u8::try_from(1 + self.dice.below(u64::from(AGENTS))).unwrap(); 32]);
        let (kind, payload) = match self.dice.below(16) {
            0..4 => ("put", [&key[..], &[0; 8], &value].concat()),
            4..7 => ("get", key.to_vec()),
            7 => ("delete", key.to_vec()),
            8..11 => ("send", [&other.0[..], &value].concat()),
            11 => ("put", [&key[..], &asks().0, &value].concat()),
            12 => ("consent", [&asks().0[..], &[u8::from(!self.dice.one_in(3))]].concat()),
            13 => ("opt-out", [&asks().0[..], &[u8::from(self.dice.one_in(2))]].concat()),
            14 => ("erase", Vec::new()),
            _ => {
                let inbox = self.index.inbox_of(agent);
                let cursor = inbox.get(self.dice.index(inbox.len())).copied().unwrap_or(Cursor::default());
                ("ack", cursor.to_bytes().to_vec())
            }
        };
        Op { agent, id, kind: by_name(kind).unwrap().code, payload, closed: Closed::default() }
    }
}
