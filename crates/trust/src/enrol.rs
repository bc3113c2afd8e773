//! Enrolment: how an agent gets its first lease.
//!
//! The agent signs an application with its own key, so that nobody can be
//! enrolled by another. The policy is data of the planet; what was already used
//! up is in a [`Book`], which is all the state there is.

mod application;
mod book;
mod invitation;
mod policy;
mod records;
mod source;

pub use application::{Application, ApplicationText};
pub use book::{Book, CHECKS, CHECKS_AT_ONCE, Enrolled, FRESH, LONGEST, Refused};
pub use invitation::{Invitation, InvitationText, Serial};
pub use policy::{BadPolicy, Policy, Quota};
pub use records::{MOST_RECORDS, Record};
pub use source::{MOST_SOURCES, SHARES_V4_16, SHARES_V6_32, SHARES_V6_48, Source};
