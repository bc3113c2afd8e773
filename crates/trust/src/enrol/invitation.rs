//! An invitation: one agent may enrol, until a time, because someone who may
//! invite has signed so.

use crate::ids::{AgentId, Moment, PlanetId};
use crate::sign::{BadSignature, Domain, PublicKey, Signature, SigningKey};
use crate::wire::{self, Kind, Malformed, Reader, Writer};
use std::fmt;

/// What tells an invitation from every other: 128 bits of the inviter's entropy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(pub [u8; 16]);

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serial(not shown)")
    }
}

/// What an invitation says. Whoever holds it may use it, once, so Debug shows
/// neither its serial nor its signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Invitation {
    /// The planet.
    pub planet: PlanetId,
    /// Which invitation.
    pub serial: Serial,
    /// It is worth nothing from here on.
    pub expires: Moment,
    /// Who invites.
    pub inviter: AgentId,
    /// The inviter's, over all of it.
    pub signature: Signature,
}

/// An invitation as it is handed over. Debug does not show it: whoever has it
/// can use it.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationText(String);

impl InvitationText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for InvitationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvitationText(not shown)")
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation")
            .field("planet", &self.planet)
            .field("expires", &self.expires)
            .field("inviter", &self.inviter)
            .finish_non_exhaustive()
    }
}

impl Invitation {
    /// Bytes of an invitation.
    pub const LEN: usize = Self::BODY + Signature::LEN;
    const BODY: usize = 2 + 16 + 16 + 8 + 32;

    /// Signs an invitation.
    #[must_use]
    pub fn issue(inviter: &SigningKey, planet: PlanetId, serial: Serial, expires: Moment) -> Self {
        let signature = Signature([0; Signature::LEN]);
        let mut invitation = Self { planet, serial, expires, inviter: inviter.id(), signature };
        invitation.signature = inviter.sign(Domain::INVITE, &invitation.write()[..Self::BODY]);
        invitation
    }

    /// Checks who signed it, and nothing else.
    pub(super) fn verify(&self) -> Result<(), BadSignature> {
        PublicKey::new(self.inviter)?.verify(Domain::INVITE, &self.write()[..Self::BODY], &self.signature)
    }

    /// The text to hand over.
    #[must_use]
    pub fn text(&self) -> InvitationText {
        let mut out = [0; wire::text_len(Self::LEN)];
        InvitationText(wire::write_text(&self.write(), &mut out).to_owned())
    }

    /// Reads an invitation, and believes nothing of it: [`super::Book`] does that.
    ///
    /// # Errors
    /// When it has not the one form of an invitation.
    pub fn read(text: &str) -> Result<Self, Malformed> {
        Self::from_bytes(&wire::read_text(text, Kind::Invitation)?)
    }

    pub(super) fn from_bytes(bytes: &[u8; Self::LEN]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, Kind::Invitation)?;
        let invitation = Self {
            planet: PlanetId(reader.take()?),
            serial: Serial(reader.take()?),
            expires: Moment(reader.u64()?),
            inviter: AgentId(reader.take()?),
            signature: Signature(reader.take()?),
        };
        reader.end()?;
        Ok(invitation)
    }

    pub(super) fn write(&self) -> [u8; Self::LEN] {
        Writer::new(Kind::Invitation)
            .put(&self.planet.0)
            .put(&self.serial.0)
            .put(&self.expires.0.to_be_bytes())
            .put(&self.inviter.0)
            .put(&self.signature.0)
            .finish(0)
    }
}
