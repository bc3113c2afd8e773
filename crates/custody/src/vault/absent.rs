//! What stands for tokens in a program that was built without them: every
//! question is answered with that.

use super::{NoToken, Place};
use crate::KeyError;
use std::convert::Infallible;
use std::path::Path;
use trust::sign::{Domain, Signature};
use trust::{AgentId, Secret};

/// There is none.
pub struct Signer(Infallible);

impl Signer {
    /// Its public half.
    #[must_use]
    pub const fn id(&self) -> AgentId {
        match self.0 {}
    }

    pub(crate) const fn sign(&self, _: Domain, _: &[u8]) -> Result<Signature, KeyError> {
        match self.0 {}
    }
}

/// Makes nothing.
///
/// # Errors
/// Always.
pub fn begin(keys: &Path, _module: &Path, _label: &str) -> Result<bool, KeyError> {
    Err(NoToken::NotBuilt.of(keys))
}

pub(super) const fn root(_: &Place) -> Result<Signer, NoToken> {
    Err(NoToken::NotBuilt)
}

pub(super) const fn wrap(_: &Place, _: &[u8], _: &Secret) -> Result<Vec<u8>, NoToken> {
    Err(NoToken::NotBuilt)
}

pub(super) const fn unwrap(_: &Place, _: &[u8], _: &[u8]) -> Result<Secret, NoToken> {
    Err(NoToken::NotBuilt)
}
