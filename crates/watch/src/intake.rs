//! The open intake: batches of whoever may report, one of each reporter in each
//! round, held until the round is closed.
//!
//! They are held because of equivocation: who says two things in one round has
//! said nothing, whichever came first. A round that is closed takes nothing any
//! more; heads are remembered for [`REMEMBERED`] rounds, so that one who
//! equivocates later is found as well.
//!
//! Envelope: [`MOST_REPORTERS`] reporters, of each a batch for each of
//! [`OPEN`] rounds and a head for each that is remembered.

use crate::batch::{About, Batch, Point, Signed};
use crate::blame::Blame;
use crate::observe::VERSION;
use crate::posterior::MOST_REPORTS;
use std::collections::BTreeMap;
use trust::AgentId;
use trust::sign::PublicKey;

/// Reporters of one watcher: what they say about one agent fits into its sum.
pub const MOST_REPORTERS: usize = MOST_REPORTS as usize;
/// Rounds that are open: the one that runs and the one before it.
pub const OPEN: u64 = 2;
/// Rounds whose heads are remembered behind the open ones.
pub const REMEMBERED: u64 = 8;

/// Why a batch is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is another planet's.
    #[error("it is another planet's")]
    Planet,
    /// Its numbers mean other agents.
    #[error("it is of epoch {theirs}, and this is epoch {ours}: its numbers mean other agents")]
    Roster {
        /// Its own.
        theirs: u32,
        /// The one at hand.
        ours: u32,
    },
    /// It was concluded by other models.
    #[error("it is by models of version {theirs}, and here are those of version {VERSION}")]
    Models {
        /// Its own.
        theirs: u32,
    },
    /// Nobody has let its reporter report.
    #[error("its reporter is not enrolled here")]
    Stranger,
    /// Its round is closed, or far back.
    #[error("its round {round} is closed: {open} is the first that is open")]
    Late {
        /// Its round.
        round: u64,
        /// The first open one.
        open: u64,
    },
    /// Its round has not begun.
    #[error("its round {round} has not begun: this is {now}")]
    Early {
        /// Its round.
        round: u64,
        /// The one that runs.
        now: u64,
    },
    /// It was here before.
    #[error("it was here before")]
    Again,
    /// The signature does not hold.
    #[error("its signature does not hold")]
    Signature,
    /// The points are not those that were signed.
    #[error("its points are not those that were signed")]
    Changed,
    /// A point is about nobody.
    #[error("it is about agent {agent}, and there are {agents}")]
    Nobody {
        /// Whom it names.
        agent: u32,
        /// How many there are.
        agents: u32,
    },
    /// Its reporter has broken a promise, as is proved.
    #[error("its reporter has signed what nobody may: {:?}", .0.fault())]
    Blamed(Blame),
}

/// A reporter.
#[derive(Debug, Clone)]
struct Reporter {
    key: PublicKey,
    heads: BTreeMap<u64, Signed>,
    /// Batches of open rounds; none of a round in which it equivocated.
    held: BTreeMap<u64, Option<Vec<Point>>>,
}

/// Takes evidence in.
#[derive(Debug, Clone)]
pub struct Intake {
    about: About,
    agents: u32,
    reporters: BTreeMap<AgentId, Reporter>,
    /// The first round that is open.
    open: u64,
}

impl Intake {
    /// An intake that begins with the round of `about`, for so many agents.
    #[must_use]
    pub fn new(about: About, agents: u32) -> Self {
        Self { about, agents, reporters: BTreeMap::new(), open: about.round }
    }

    /// Lets somebody report; false when there is no room, or that is no key.
    pub fn enrol(&mut self, reporter: AgentId) -> bool {
        let Ok(key) = PublicKey::new(reporter) else { return false };
        if self.reporters.len() >= MOST_REPORTERS && !self.reporters.contains_key(&reporter) {
            return false;
        }
        let new = || Reporter { key, heads: BTreeMap::new(), held: BTreeMap::new() };
        self.reporters.entry(reporter).or_insert_with(new);
        true
    }

    /// Takes a batch, while round `now` runs.
    ///
    /// # Errors
    /// Why not.
    pub fn offer(&mut self, batch: Batch, now: u64) -> Result<(), Refused> {
        let head = &batch.signed.head;
        let round = head.round;
        self.is_for_us(&batch)?;
        if round > now {
            return Err(Refused::Early { round, now });
        }
        let (open, agents) = (self.open.max(now.saturating_sub(OPEN - 1)), self.agents);
        let reporter = self.reporters.get_mut(&head.reporter).ok_or(Refused::Stranger)?;
        match reporter.heads.get(&round) {
            // Before anything is computed: whoever repeats costs nothing.
            Some(known) if *known == batch.signed => return Err(Refused::Again),
            Some(known) => {
                let blame = Blame::equivocation(known, &batch.signed, &reporter.key).ok_or(Refused::Signature)?;
                reporter.held.insert(round, None);
                return Err(Refused::Blamed(blame));
            }
            None if round < open => return Err(Refused::Late { round, open }),
            None => {}
        }
        batch.signed.verify(&reporter.key).map_err(|_| Refused::Signature)?;
        if !batch.is_whole() {
            return Err(Refused::Changed);
        }
        // From here on it is what its reporter has said.
        reporter.heads.insert(round, batch.signed);
        if let Some(blame) = Blame::off_scale(&batch, &reporter.key) {
            return Err(Refused::Blamed(blame));
        }
        if let Some(point) = batch.points.last().filter(|point| point.agent >= agents) {
            return Err(Refused::Nobody { agent: point.agent, agents });
        }
        reporter.held.insert(round, Some(batch.points));
        Ok(())
    }

    fn is_for_us(&self, batch: &Batch) -> Result<(), Refused> {
        let (head, ours) = (&batch.signed.head, &self.about);
        if head.planet != ours.planet {
            return Err(Refused::Planet);
        }
        if (head.epoch, head.roster) != (ours.epoch, ours.roster) {
            return Err(Refused::Roster { theirs: head.epoch, ours: ours.epoch });
        }
        if head.models != VERSION {
            return Err(Refused::Models { theirs: head.models });
        }
        Ok(())
    }

    /// Closes a round and all before it: what was said in it, by reporter. What
    /// is left of earlier ones is dropped.
    pub fn close(&mut self, round: u64) -> Vec<(AgentId, Vec<Point>)> {
        self.open = self.open.max(round.saturating_add(1));
        let mut said = Vec::new();
        for (id, reporter) in &mut self.reporters {
            let later = reporter.held.split_off(&self.open);
            let mut closed = std::mem::replace(&mut reporter.held, later);
            said.extend(closed.remove(&round).flatten().map(|points| (*id, points)));
            reporter.heads = reporter.heads.split_off(&self.open.saturating_sub(REMEMBERED));
        }
        said
    }
}
