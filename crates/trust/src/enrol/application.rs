//! An application: an agent asks for its first lease, and proves with its
//! signature that the key is its own.

use super::invitation::Invitation;
use crate::ids::{AgentId, Moment, PlanetId};
use crate::sign::{BadSignature, Domain, PublicKey, Signature, SigningKey};
use crate::wire::{self, Kind, Malformed, Reader, VERSION};
use base64ct::{Base64UrlUnpadded, Encoding};
use std::fmt;

/// What an application says. Debug does not show the signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Application {
    /// The planet.
    pub planet: PlanetId,
    /// Who asks.
    pub agent: AgentId,
    /// When.
    pub asked: Moment,
    /// On whose invitation.
    pub invitation: Option<Invitation>,
    /// The agent's, over all of it.
    pub signature: Signature,
}

/// An application as it is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct ApplicationText(String);

impl ApplicationText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApplicationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApplicationText(not shown)")
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("planet", &self.planet)
            .field("agent", &self.agent)
            .field("asked", &self.asked)
            .field("invitation", &self.invitation)
            .finish_non_exhaustive()
    }
}

impl Application {
    const BODY: usize = 2 + 16 + 32 + 8;
    /// Without an invitation.
    const SHORT: usize = Self::BODY + Signature::LEN;
    /// With one: the two lengths tell which it is.
    const LONG: usize = Self::SHORT + Invitation::LEN;

    /// Signs an application.
    #[must_use]
    pub fn make(agent: &SigningKey, planet: PlanetId, invitation: Option<Invitation>, now: Moment) -> Self {
        let signature = Signature([0; Signature::LEN]);
        let mut application = Self { planet, agent: agent.id(), asked: now, invitation, signature };
        application.signature = agent.sign(Domain::APPLY, &application.body());
        application
    }

    /// Checks that the agent has signed it, and nothing else.
    pub(super) fn verify(&self) -> Result<(), BadSignature> {
        PublicKey::new(self.agent)?.verify(Domain::APPLY, &self.body(), &self.signature)
    }

    /// The text to send.
    #[must_use]
    pub fn text(&self) -> ApplicationText {
        let mut bytes = self.body();
        bytes.extend_from_slice(&self.signature.0);
        let mut out = vec![0; wire::text_len(bytes.len())];
        ApplicationText(wire::write_text(&bytes, &mut out).to_owned())
    }

    /// Reads an application, and believes nothing of it: [`super::Book`] does that.
    ///
    /// # Errors
    /// When it has not the one form of an application.
    pub fn read(text: &str) -> Result<Self, Malformed> {
        let mut bytes = [0; Self::LONG];
        if text.len() != wire::text_len(Self::SHORT) && text.len() != wire::text_len(Self::LONG) {
            return Err(Malformed::Length(Kind::Application.what()));
        }
        let bytes = Base64UrlUnpadded::decode(text, &mut bytes).map_err(|_| Malformed::Text)?;
        let mut reader = Reader::new(bytes, Kind::Application)?;
        let (planet, agent) = (PlanetId(reader.take()?), AgentId(reader.take()?));
        let asked = Moment(reader.u64()?);
        let invitation = if bytes.len() == Self::LONG { Some(Invitation::from_bytes(&reader.take()?)?) } else { None };
        let signature = Signature(reader.take()?);
        reader.end()?;
        Ok(Self { planet, agent, asked, invitation, signature })
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(Self::LONG);
        body.extend_from_slice(&[VERSION, Kind::Application as u8]);
        body.extend_from_slice(&self.planet.0);
        body.extend_from_slice(&self.agent.0);
        body.extend_from_slice(&self.asked.0.to_be_bytes());
        if let Some(invitation) = &self.invitation {
            body.extend_from_slice(&invitation.write());
        }
        body
    }
}
