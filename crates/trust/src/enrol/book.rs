//! What enrolment remembers: who was enrolled lately or by invitation, and what
//! each source has asked for.
//!
//! What is cheap to refuse (another planet, a stale application, what cannot be
//! a key or a signature) is refused first, and charged to nobody. Then a source
//! pays for having its signatures checked, under whatever policy, and only who
//! is enrolled counts against a quota.
//!
//! An agent that the book remembers is answered again, and nothing more is used
//! up: an application that is replayed while it is fresh enrols nobody twice.

use super::records::Records;
use super::source::Tally;
use super::{Application, Invitation, Policy, Quota, Record, Source};
use crate::ids::{AgentId, Moment, PlanetId};
use crate::sign::is_well_formed;
use crate::sorted::Sorted;
use vocab::limit::Limit;
use vocab::{Millis, Rate};

/// How old an application may be, and how far ahead an agent's clock.
pub const FRESH: Millis = Millis::seconds(60);

/// The longest that an invitation is good for. The book holds each used one
/// until then, so this and [`super::MOST_RECORDS`] bound it together.
pub const LONGEST: Millis = Millis::days(90);

/// How often a source has an application's signatures checked (there are two at
/// most, some 130 µs): a hundredth of a core is 80 sources that do nothing else.
pub const CHECKS: Rate = Rate { events: 1, per: Millis::seconds(1) };

/// How many of these at once: the machines of a rack start together.
pub const CHECKS_AT_ONCE: u32 = 30;

/// Why an agent was not enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It asks another planet.
    #[error("the application or its invitation is for another planet")]
    OtherPlanet,
    /// It is too old, or from the future.
    #[error("the application is not from the last {FRESH}: set the clock and apply again")]
    Stale,
    /// Its signature is not the agent's.
    #[error("the application is not signed by its agent")]
    Signature,
    /// The policy wants an invitation.
    #[error("enrolment is by invitation")]
    NotInvited,
    /// Nobody who may invite has signed the invitation.
    #[error("the invitation is not from anybody who may invite")]
    Inviter,
    /// The invitation has ended, or would last longer than one can.
    #[error("the invitation is not valid at this time")]
    Ended,
    /// Another agent has used it.
    #[error("the invitation has been used")]
    Used,
    /// The policy lists who may enrol, and this agent is not listed.
    #[error("this agent is not on the list of those who may enrol")]
    NotListed,
    /// The source, or a network around it, has had its signatures checked too often.
    #[error("too many applications from here: try again in {retry}")]
    Checks {
        /// How long until it may again.
        retry: Millis,
    },
    /// The source, or a network around it, has used its quota.
    #[error("too many agents enrolled from here: try again in {retry}")]
    Quota {
        /// How long until it has some again.
        retry: Millis,
    },
    /// The book is full.
    #[error("enrolment is busy: try again in {retry}")]
    Busy {
        /// When some of it can be forgotten.
        retry: Millis,
    },
}

/// An agent that may be given a lease. Write the record down, durably, before
/// the agent is told, whichever of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolled {
    /// For the first time, as far as the book remembers.
    New(Record),
    /// As it was before: it lost the answer, or somebody replays what it sent.
    /// It is given what it has and nothing new. The record may end later now.
    Again(Record),
}

impl Enrolled {
    /// What to write down.
    #[must_use]
    pub const fn record(self) -> Record {
        match self {
            Self::New(record) | Self::Again(record) => record,
        }
    }
}

/// What enrolment remembers. An invitation is single-use as far as one book
/// reaches: a planet has one.
#[derive(Debug, Default)]
pub struct Book {
    records: Records,
    checks: Tally,
    enrolled: Tally,
    /// The quota that `enrolled` was counted by.
    quota: Option<Quota>,
}

impl Book {
    /// Writes a record into a book that is being read back.
    pub fn remember(&mut self, record: Record, now: Moment) {
        self.records.restore(record, now);
    }

    /// What is remembered of an agent: that it was enrolled by an invitation
    /// that has not ended, or by an application that is still fresh. Who has
    /// enrolled before that is for whoever holds the slots to say.
    #[must_use]
    pub fn enrolled(&self, agent: AgentId, now: Moment) -> Option<Record> {
        self.records.of(agent, now)
    }

    /// Enrols an agent, or says why not.
    ///
    /// # Errors
    /// When the policy does not admit it.
    pub fn enrol(
        &mut self,
        policy: &Policy,
        planet: PlanetId,
        application: &Application,
        source: Source,
        now: Moment,
    ) -> Result<Enrolled, Refused> {
        self.enrol_from(policy, planet, application, Some(source), now)
    }

    /// Enrols an agent that an administrator brings: no source pays for its
    /// signatures or its place. Without an invitation nothing is remembered of
    /// it, so a million of them do not fill the book.
    ///
    /// # Errors
    /// When the policy does not admit it.
    pub fn enrol_vouched(
        &mut self,
        policy: &Policy,
        planet: PlanetId,
        application: &Application,
        now: Moment,
    ) -> Result<Enrolled, Refused> {
        self.enrol_from(policy, planet, application, None, now)
    }

    fn enrol_from(
        &mut self,
        policy: &Policy,
        planet: PlanetId,
        application: &Application,
        source: Option<Source>,
        now: Moment,
    ) -> Result<Enrolled, Refused> {
        let Application { agent, asked, .. } = *application;
        if application.planet != planet {
            return Err(Refused::OtherPlanet);
        }
        if asked.after(FRESH) < now || asked > now.after(FRESH) {
            return Err(Refused::Stale);
        }
        if !is_well_formed(agent, &application.signature) {
            return Err(Refused::Signature);
        }
        let invitation = self.admitted(policy, application, now)?;
        if let Some(source) = source {
            self.checks.count(source, checks, now).map_err(|retry| Refused::Checks { retry })?;
        }
        application.verify().map_err(|_| Refused::Signature)?;
        if let Some(invitation) = invitation {
            invitation.verify().map_err(|_| Refused::Inviter)?;
        }
        // One moment more than it is fresh, as that is when it is no longer.
        let stale = asked.after(FRESH).after(Millis(1));
        if let Some(known) = self.records.of(agent, now) {
            let known = Record { until: known.until.max(stale), ..known };
            self.records.put(known);
            return Ok(Enrolled::Again(known));
        }
        let used = invitation.map(|Invitation { inviter, serial, .. }| (*inviter, *serial));
        let until = invitation.map_or(stale, |invitation| invitation.expires.max(stale));
        let record = Record { agent, invitation: used, until };
        if source.is_none() && used.is_none() {
            return Ok(Enrolled::New(record));
        }
        self.records.has_room(now).map_err(|retry| Refused::Busy { retry })?;
        if let (Policy::Open(quota), Some(source)) = (policy, source) {
            self.charge(*quota, source, now)?;
        }
        // Last, so that nothing that is refused uses anything up.
        self.records.put(record);
        Ok(Enrolled::New(record))
    }

    /// Whether the policy admits an application if it is what it says, and the
    /// invitation on which it does.
    fn admitted<'a>(
        &self,
        policy: &Policy,
        application: &'a Application,
        now: Moment,
    ) -> Result<Option<&'a Invitation>, Refused> {
        match policy {
            Policy::Open(_) => Ok(None),
            Policy::Keys(agents) if agents.contains(&application.agent) => Ok(None),
            Policy::Keys(_) => Err(Refused::NotListed),
            Policy::Invitation(inviters) => {
                let invitation = application.invitation.as_ref().ok_or(Refused::NotInvited)?;
                self.invites(invitation, application, inviters, now)?;
                Ok(Some(invitation))
            }
        }
    }

    fn invites(
        &self,
        invitation: &Invitation,
        application: &Application,
        inviters: &Sorted<AgentId>,
        now: Moment,
    ) -> Result<(), Refused> {
        if invitation.planet != application.planet {
            return Err(Refused::OtherPlanet);
        }
        if now >= invitation.expires || invitation.expires.since(now) > LONGEST {
            return Err(Refused::Ended);
        }
        if !inviters.contains(&invitation.inviter) || !is_well_formed(invitation.inviter, &invitation.signature) {
            return Err(Refused::Inviter);
        }
        match self.records.user(invitation.inviter, invitation.serial) {
            Some(user) if user != application.agent => Err(Refused::Used),
            _ => Ok(()),
        }
    }

    /// Takes one from a source's quota. What was counted by another quota is
    /// forgotten: its numbers mean nothing to this one.
    fn charge(&mut self, quota: Quota, source: Source, now: Moment) -> Result<(), Refused> {
        if self.quota != Some(quota) {
            self.enrolled = Tally::default();
            self.quota = Some(quota);
        }
        self.enrolled.count(source, |shares| quota.limit(shares), now).map_err(|retry| Refused::Quota { retry })
    }
}

/// What a network of so many shares may have checked.
fn checks(shares: u32) -> Limit {
    let rate = Rate { events: CHECKS.events.saturating_mul(shares.into()), ..CHECKS };
    Limit::new(rate, CHECKS_AT_ONCE.saturating_mul(shares))
}
