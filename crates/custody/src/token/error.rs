//! Why a token is not used, so that nobody has to look a number up.

use cryptoki::error::{Error, RvError};
use std::io;

/// What a token, or the program in front of it, says.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(#[from] Error);

/// Why a token is not used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The library that speaks for tokens cannot be used.
    #[error("the PKCS#11 library {path} cannot be used: {why}; install what came with the token, and name its library")]
    NoModule {
        /// Where.
        path: String,
        /// What it said.
        why: String,
    },
    /// There is no such token.
    #[error(
        "there is no token \"{label}\" here{}: plug it in, or name another", known(.there)
    )]
    Absent {
        /// Which.
        label: String,
        /// Those that are there.
        there: Vec<String>,
    },
    /// Another one has its name.
    #[error(
        "the token \"{label}\" here has the serial number {there}, and the keys are in the one with {wanted}: plug that \
         one in"
    )]
    Another {
        /// Their label.
        label: String,
        /// The serial number of the one that has the keys.
        wanted: String,
        /// The serial number of the one that is there.
        there: String,
    },
    /// Several have one name.
    #[error("several tokens here are called \"{0}\": unplug all but one")]
    Several(String),
    /// It was not set up.
    #[error("the token \"{0}\" has no user PIN yet: set it up with what came with it")]
    NotSetUp(String),
    /// The PIN is wrong.
    #[error("the token \"{label}\" does not take this PIN{}", if *.last { ": one more wrong try locks it" } else { "" })]
    WrongPin {
        /// Which token.
        label: String,
        /// Whether only one try is left.
        last: bool,
    },
    /// It takes no PIN any more.
    #[error("the token \"{0}\" is locked: its security officer's PIN unlocks it")]
    Locked(String),
    /// It cannot do what is needed.
    #[error("the token \"{label}\" does not know {what}: take another")]
    CannotDo {
        /// Which token.
        label: String,
        /// What it lacks.
        what: &'static str,
    },
    /// There is no room in it. Some say so, and others say that they failed.
    #[error(
        "the token makes no more keys ({0}): most likely it is full, or its disk is; remove keys that nobody uses, or \
         take another"
    )]
    Full(Trouble),
    /// It was taken away.
    #[error("the token was taken away, or its library has lost it: plug it in and start again")]
    Gone,
    /// There is no such key.
    #[error("there is no key \"{name}\" in the token \"{token}\"")]
    NoKey {
        /// Which key.
        name: String,
        /// In which token.
        token: String,
    },
    /// There is one already.
    #[error("there is a key \"{0}\" in the token already: use it, or choose another name")]
    Twice(String),
    /// What it said is not what was asked for.
    #[error("the token's {what} is none: {why}")]
    Wrong {
        /// What it is to be.
        what: &'static str,
        /// Why it is not.
        why: String,
    },
    /// The system gives no entropy.
    #[error("the system gives no entropy: {0}")]
    Entropy(io::Error),
    /// Anything else that it says.
    #[error("the token cannot {what}: {source}")]
    Refused {
        /// What was tried.
        what: &'static str,
        /// What it said.
        source: Trouble,
    },
}

fn known(there: &[String]) -> String {
    if there.is_empty() { ", and no other".to_owned() } else { format!("; there are: {}", there.join(", ")) }
}

/// What it means that a token did not make something: nothing was asked of it
/// that it does not know, so that it fails is a matter of room.
pub(super) fn not_made(error: Error) -> TokenError {
    match error {
        Error::Pkcs11(RvError::DeviceMemory | RvError::HostMemory | RvError::FunctionFailed, _) => {
            TokenError::Full(Trouble(error))
        }
        error => refused("make a key")(error),
    }
}

/// What it means that a token did not do something.
pub(super) fn refused(what: &'static str) -> impl FnOnce(Error) -> TokenError {
    move |error| match error {
        Error::Pkcs11(
            RvError::DeviceRemoved | RvError::TokenNotPresent | RvError::SessionHandleInvalid | RvError::SessionClosed,
            _,
        ) => TokenError::Gone,
        source => TokenError::Refused { what, source: Trouble(source) },
    }
}
