//! The planet's root where it signs, wherever its key is: whoever needs its
//! word asks here, and does not read `root.key`.
//!
//! It must never sign with another key than the one that names the planet.

use crate::folder::{self, KeyError};
use std::path::Path;
use trust::AgentId;
use trust::sign::{Domain, Signature, SigningKey};

/// What signs as the root.
pub enum Root {
    /// Its secret, out of a file.
    Secret(SigningKey),
}

impl Root {
    /// The root of the planet whose keys are in this folder; nothing when it is
    /// elsewhere.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn here(keys: &Path) -> Result<Option<Self>, KeyError> {
        Ok(folder::existing(keys, "root")?.map(|secret| Self::Secret(SigningKey::new(&secret))))
    }

    /// Its public half.
    #[must_use]
    pub fn id(&self) -> AgentId {
        match self {
            Self::Secret(key) => key.id(),
        }
    }

    /// Signs a statement of a domain.
    ///
    /// # Errors
    /// When what keeps the key does not.
    pub fn sign(&self, domain: Domain, message: &[u8]) -> Result<Signature, KeyError> {
        match self {
            Self::Secret(key) => Ok(key.sign(domain, message)),
        }
    }
}
