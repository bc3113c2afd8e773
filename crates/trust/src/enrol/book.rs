//! What enrolment remembers: which invitations were used, and how many agents
//! each source has enrolled.
//!
//! An application costs a signature check, so what is cheap to refuse (another
//! planet, a stale application, a source that is over its quota) is refused
//! first. Under an open policy a source is charged for every signature that is
//! checked for it; the other two charge nobody, and whoever serves them has to
//! limit requests. The book does not know who is enrolled: an application that
//! is shown again while it is fresh is accepted again.

use super::{Application, Invitation, Policy, Quota, Serial};
use crate::ids::{AgentId, Moment, PlanetId};
use crate::sorted::Sorted;
use std::collections::BTreeMap;
use std::net::IpAddr;
use vocab::Millis;

/// How old an application may be, and how far ahead an agent's clock.
pub const FRESH: Millis = Millis::seconds(60);

/// The longest that an invitation is good for. The book holds each used one
/// until then, so this and [`MOST_USED`] bound it together.
pub const LONGEST: Millis = Millis::days(90);

/// Used invitations that are remembered: about 100 MB when all are.
pub const MOST_USED: usize = 1 << 20;

/// Sources that are remembered: about 2 MB when all are.
pub const MOST_SOURCES: usize = 1 << 16;

/// Where an application comes from, as coarse as addresses are handed out: an
/// IPv6 customer has 2⁶⁴ addresses, and is one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source(u64);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        // An IPv4 address is put where no /64 of the Internet can be.
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => u64::from(u32::from(v4)),
            IpAddr::V6(v6) => u64::try_from(u128::from(v6) >> 64).unwrap_or(u64::MAX),
        })
    }
}

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
    /// The source has used its quota.
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

/// Applications of one source since `from`.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: Moment,
    used: u32,
}

/// An invitation that was used: what has to be written down, durably, before
/// the agent is told that it is enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Who had invited.
    pub inviter: AgentId,
    /// Which of the inviter's invitations.
    pub serial: Serial,
    /// By whom: an agent that lost the answer is given it again.
    pub agent: AgentId,
    /// It can be forgotten from here on.
    pub expires: Moment,
}

/// An agent that may be given its first lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enrolled {
    /// Who it is.
    pub agent: AgentId,
    /// The invitation that was used up for it.
    pub used: Option<Used>,
}

/// A full book is looked through for what can go this often at most, so that
/// a flood of sources does not pay for a walk each.
const SWEEP: Millis = Millis::seconds(1);

/// What enrolment remembers. An invitation is single-use as far as one book
/// reaches: a planet has one.
#[derive(Debug, Default)]
pub struct Book {
    used: BTreeMap<(AgentId, Serial), Used>,
    sources: BTreeMap<Source, Window>,
    swept: Option<Moment>,
}

impl Book {
    /// Writes an invitation into a book that is being read back.
    pub fn remember(&mut self, used: Used) {
        self.used.insert((used.inviter, used.serial), used);
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
        if application.planet != planet {
            return Err(Refused::OtherPlanet);
        }
        if application.asked.after(FRESH) < now || application.asked > now.after(FRESH) {
            return Err(Refused::Stale);
        }
        let mut used = None;
        match policy {
            Policy::Open(quota) => {
                self.charge(quota, source, now)?;
                application.verify().map_err(|_| Refused::Signature)?;
            }
            Policy::Keys(agents) => {
                if !agents.contains(&application.agent) {
                    return Err(Refused::NotListed);
                }
                application.verify().map_err(|_| Refused::Signature)?;
            }
            Policy::Invitation(inviters) => {
                let invitation = application.invitation.as_ref().ok_or(Refused::NotInvited)?;
                self.check(invitation, application.agent, inviters, planet, now)?;
                application.verify().map_err(|_| Refused::Signature)?;
                // Last, so that nothing that is refused uses it up.
                let Invitation { inviter, serial, expires, .. } = *invitation;
                let spent = Used { inviter, serial, agent: application.agent, expires };
                self.remember(spent);
                used = Some(spent);
            }
        }
        Ok(Enrolled { agent: application.agent, used })
    }

    fn check(
        &mut self,
        invitation: &Invitation,
        agent: AgentId,
        inviters: &Sorted<AgentId>,
        planet: PlanetId,
        now: Moment,
    ) -> Result<(), Refused> {
        if invitation.planet != planet {
            return Err(Refused::OtherPlanet);
        }
        if now >= invitation.expires || invitation.expires.since(now) > LONGEST {
            return Err(Refused::Ended);
        }
        if !inviters.contains(&invitation.inviter) {
            return Err(Refused::Inviter);
        }
        match self.used.get(&(invitation.inviter, invitation.serial)) {
            Some(used) if used.agent != agent => return Err(Refused::Used),
            Some(_) => return invitation.verify().map_err(|_| Refused::Inviter),
            None => {}
        }
        if self.used.len() >= MOST_USED && self.may_sweep(now) {
            self.used.retain(|_, used| now < used.expires);
        }
        if self.used.len() >= MOST_USED {
            return Err(Refused::Busy { retry: FRESH });
        }
        invitation.verify().map_err(|_| Refused::Inviter)
    }

    /// Takes one from a source's quota. The window begins with its first
    /// application and is followed by a new one.
    fn charge(&mut self, quota: &Quota, source: Source, now: Moment) -> Result<(), Refused> {
        let over = |window: &Window| now.since(window.from) >= quota.per;
        if self.sources.len() >= MOST_SOURCES && !self.sources.contains_key(&source) {
            if self.may_sweep(now) {
                self.sources.retain(|_, window| !over(window));
            }
            if self.sources.len() >= MOST_SOURCES {
                return Err(Refused::Busy { retry: quota.per });
            }
        }
        let window = self.sources.entry(source).or_insert(Window { from: now, used: 0 });
        if over(window) {
            *window = Window { from: now, used: 0 };
        }
        if window.used >= quota.agents {
            let retry = Millis(quota.per.0.saturating_sub(now.since(window.from).0));
            return Err(Refused::Quota { retry });
        }
        window.used += 1;
        Ok(())
    }

    fn may_sweep(&mut self, now: Moment) -> bool {
        let may = self.swept.is_none_or(|swept| now.since(swept) >= SWEEP);
        if may {
            self.swept = Some(now);
        }
        may
    }
}
