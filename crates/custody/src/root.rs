//! The planet's root where it signs, wherever its key is: whoever needs its
//! word asks here, and does not read `root.key`.
//!
//! It must never sign with another key than the one that names the planet.

use crate::folder::{self, KeyError};
use crate::vault;
use std::path::Path;
use trust::AgentId;
use trust::sign::{Domain, Signature, SigningKey};

/// What signs as the root.
pub enum Root {
    /// Its secret, out of a file.
    Secret(SigningKey),
    /// A token, which keeps it.
    Token(vault::Signer),
}

impl Root {
    /// The root of the planet whose keys are in this folder; nothing when it is
    /// elsewhere.
    ///
    /// # Errors
    /// When it cannot be read, or its token is not here.
    pub fn here(keys: &Path) -> Result<Option<Self>, KeyError> {
        match folder::existing(keys, "root")? {
            Some(secret) => Ok(Some(Self::Secret(SigningKey::new(&secret)))),
            None => Ok(vault::open(keys)?.map(Self::Token)),
        }
    }

    /// Its public half.
    #[must_use]
    pub fn id(&self) -> AgentId {
        match self {
            Self::Secret(key) => key.id(),
            Self::Token(key) => key.id(),
        }
    }

    /// Signs a statement of a domain.
    ///
    /// # Errors
    /// When what keeps the key does not.
    pub fn sign(&self, domain: Domain, message: &[u8]) -> Result<Signature, KeyError> {
        match self {
            Self::Secret(key) => Ok(key.sign(domain, message)),
            Self::Token(key) => key.sign(domain, message),
        }
    }
}
