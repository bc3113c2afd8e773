//! Enrolment: how an agent gets its first lease.
//!
//! The agent signs an application with its own key, so that nobody can be
//! enrolled by another. The policy is data of the planet; what was already used
//! up is in a [`Book`], which is all the state there is.

mod application;
mod book;
mod invitation;

pub use application::{Application, ApplicationText};
pub use book::{Book, Enrolled, FRESH, LONGEST, MOST_SOURCES, MOST_USED, Refused, Source, Used};
pub use invitation::{Invitation, InvitationText, Serial};

use crate::ids::AgentId;
use crate::sorted::Sorted;
use vocab::Millis;

/// Who may enrol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy {
    /// Anybody, and so many of each source.
    Open(Quota),
    /// Whoever holds an invitation of one of these.
    Invitation(Sorted<AgentId>),
    /// These agents.
    Keys(Sorted<AgentId>),
}

/// How many agents one source may enrol, in how much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// So many agents,
    pub agents: u32,
    /// in so much time.
    pub per: Millis,
}
