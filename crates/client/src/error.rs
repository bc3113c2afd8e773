//! What can go wrong between here and a planet.

use std::path::PathBuf;
use std::time::Duration;
use vocab::Millis;
use wire::{Code, tell};

/// Why something was not done: what, why, and what to try.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The address of a planet is none.
    #[error("`{0}` is not the address of a planet: write http://127.0.0.1:7117 or https://planet.example:7117")]
    Url(String),
    /// Nobody said who signs for the planet.
    #[error("https needs the PEM file of the authority that signed the planet's certificate, and none was named")]
    NoAuthority,
    /// The file of certificates cannot be used.
    #[error("{path}: {why}; give the PEM file of the authority that signed the planet's certificate")]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody answers there.
    #[error("cannot reach {at}: {why}; is the planet up, and is this its address?")]
    Unreachable {
        /// The address.
        at: String,
        /// Why not.
        why: String,
    },
    /// It went away in between, and again when it was tried again.
    #[error("the connection to {at} broke: {why}; an op may have been done: ask for it by its name")]
    Broken {
        /// The address.
        at: String,
        /// How.
        why: String,
    },
    /// It did not answer in time.
    #[error("{at} did not answer within {} s; an op may have been done: ask for it by its name", after.as_secs())]
    Late {
        /// The address.
        at: String,
        /// How long was waited.
        after: Duration,
    },
    /// What answers there speaks otherwise.
    #[error("{at} does not answer as a planet does: {why}; is something else listening there?")]
    Strange {
        /// The address.
        at: String,
        /// What was strange.
        why: String,
    },
    /// The planet refuses.
    #[error("{}{}", fault.what, hint(fault))]
    Refused {
        /// What kind of refusal.
        code: Code,
        /// What it says.
        fault: Box<tell::Fault>,
    },
    /// A lease is needed, and there is none.
    #[error("no lease is held: attach first")]
    NotAttached,
    /// The lease or the proof of it cannot be made.
    #[error("the lease cannot be used: {0}")]
    Lease(String),
    /// A chain is not what its node says.
    #[error("the chain does not hold: {0}; keep what was read, it proves that somebody changed it")]
    Chain(String),
    /// What was asked cannot be sent.
    #[error("this cannot be asked: {0}")]
    Asked(String),
    /// No entropy.
    #[error("the operating system gives no entropy: {0}")]
    Entropy(String),
}

fn hint(fault: &tell::Fault) -> String {
    let mut hint = String::new();
    if let Some(field) = &fault.field {
        hint.push_str(&format!(" (field `{field}`)"));
    }
    if let Some(wait) = fault.retry_after_ms {
        hint.push_str(&format!("; try again in {}", Millis(wait)));
    }
    if let Some(right) = &fault.right {
        hint.push_str(&format!("; the right block is {}/{}", right.region, right.index));
    }
    hint
}

impl Error {
    /// What kind of refusal it is, if it is one.
    #[must_use]
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the same request may pass when it is sent again.
    #[must_use]
    pub const fn may_pass_later(&self) -> bool {
        match self {
            Self::Refused { code, .. } => code.may_pass_later(),
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Late { .. } => true,
            _ => false,
        }
    }

    /// A connection is no good any more, and a new one may be.
    pub(crate) const fn is_of_connection(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Broken { .. })
    }
}
