//! Who was enrolled, for as long as the book has to know: until what enrolled
//! them, an application or an invitation, is worth nothing by itself.

use super::Serial;
use crate::ids::{AgentId, Moment};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use vocab::Millis;

/// Agents that are remembered: about 200 MB when all are. By invitation it is
/// half a million in 90 days; otherwise in two minutes, in which a core can
/// check two million.
pub const MOST_RECORDS: usize = 1 << 19;

/// What has ended is forgotten by the way, so many with each that is added: more
/// than are added, and no long pause.
const FORGOTTEN_AT_ONCE: usize = 4;

/// An agent that was enrolled: what has to be written down, durably, before it
/// is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Who.
    pub agent: AgentId,
    /// On whose invitation, and which of theirs, if it was by invitation.
    pub invitation: Option<(AgentId, Serial)>,
    /// It can be forgotten from here on.
    pub until: Moment,
}

/// Those of one book. Debug shows how many.
#[derive(Default)]
pub(super) struct Records {
    agents: BTreeMap<AgentId, Record>,
    invitations: BTreeMap<(AgentId, Serial), AgentId>,
    by_end: BTreeSet<(Moment, AgentId)>,
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("agents", &self.agents.len()).finish_non_exhaustive()
    }
}

impl Records {
    pub(super) fn of(&self, agent: AgentId, now: Moment) -> Option<Record> {
        self.agents.get(&agent).copied().filter(|record| now < record.until)
    }

    /// Who has used an invitation.
    pub(super) fn user(&self, inviter: AgentId, serial: Serial) -> Option<AgentId> {
        self.invitations.get(&(inviter, serial)).copied()
    }

    /// Whether there is room for one more.
    ///
    /// # Errors
    /// When there is not; how long until there is.
    pub(super) fn has_room(&mut self, now: Moment) -> Result<(), Millis> {
        for _ in 0..FORGOTTEN_AT_ONCE {
            match self.by_end.first().copied() {
                Some((until, agent)) if until <= now => self.forget(agent),
                _ => break,
            }
        }
        match self.by_end.first() {
            Some((until, _)) if self.agents.len() >= MOST_RECORDS => Err(until.since(now)),
            _ => Ok(()),
        }
    }

    /// Remembers one that was written down, in whatever order they come: the
    /// later end counts, and no invitation is lost.
    pub(super) fn restore(&mut self, record: Record, now: Moment) {
        let known = self.of(record.agent, now).unwrap_or(record);
        let (later, earlier) = if known.until > record.until { (known, record) } else { (record, known) };
        if now < later.until {
            self.put(Record { invitation: later.invitation.or(earlier.invitation), ..later });
        }
    }

    /// Remembers one, in the place of what was known of its agent.
    pub(super) fn put(&mut self, record: Record) {
        self.forget(record.agent);
        self.agents.insert(record.agent, record);
        self.by_end.insert((record.until, record.agent));
        if let Some(invitation) = record.invitation {
            self.invitations.insert(invitation, record.agent);
        }
    }

    fn forget(&mut self, agent: AgentId) {
        if let Some(record) = self.agents.remove(&agent) {
            self.by_end.remove(&(record.until, agent));
            record.invitation.map(|invitation| self.invitations.remove(&invitation));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_800_000_000_000);

    fn record(at: u64, until: Moment) -> Record {
        let mut name = [0; 32];
        name[..8].copy_from_slice(&at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let serial = Serial(std::array::from_fn(|byte| name[byte]));
        Record { agent: AgentId(name), invitation: Some((AgentId([1; 32]), serial)), until }
    }

    /// It must not forget one that holds to make room: its invitation would be
    /// good for another agent.
    #[test]
    fn a_book_of_enrolled_agents_that_somebody_filled() {
        let mut records = Records::default();
        let until = |at| NOW.after(Millis(1_000 + at));
        let most = MOST_RECORDS as u64;
        (0..most).for_each(|at| records.put(record(at, until(at))));
        assert_eq!(records.has_room(NOW), Err(Millis(1_000)));
        assert_eq!(records.has_room(NOW.after(Millis(999))), Err(Millis(1)));
        assert_eq!(records.has_room(until(0)), Ok(()));
        records.put(record(most, until(most)));
        assert!(records.has_room(until(0)).is_err());
        let (forgotten, held) = (record(0, until(0)), record(1, until(1)));
        let user = |record: Record| record.invitation.and_then(|(inviter, serial)| records.user(inviter, serial));
        assert_eq!((user(forgotten), user(held)), (None, Some(held.agent)));
        assert_eq!(records.agents.len(), MOST_RECORDS);
        assert_eq!(records.by_end.len(), MOST_RECORDS);
        assert_eq!(records.invitations.len(), MOST_RECORDS);
    }
}
