//! Erasure: a demand that an owner's keys be destroyed, signed by whoever
//! makes it.
//!
//! The demand is the proof: it goes into the chain as it was signed, so that
//! anybody can see afterwards on whose word it was done. That the signer may
//! demand it is not said here: the owner always may, and for everybody else it
//! is the planet's roles and rules to say.
//!
//! Whoever catches a demand can send it once more, so it is good for minutes:
//! long enough for a region that was started again to hear it too, and too
//! short for what is sealed much later.

use crate::hash;
use crate::ids::{AgentId, Moment, PlanetId};
use crate::sign::{BadSignature, Domain, PublicKey, Signature, SigningKey};
use crate::wire::{self, Kind, Malformed, Reader, Writer};
use std::fmt;
use vocab::Millis;

/// How old a demand may be: a region that ended is started again in seconds,
/// and whoever asks waits for it.
pub const LONGEST: Millis = Millis::minutes(10);

/// How far ahead the clock of whoever demands it may be.
pub const AHEAD: Millis = Millis::seconds(60);

/// What a demand says. Debug does not show the signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// The planet.
    pub planet: PlanetId,
    /// Whose keys are to be destroyed.
    pub agent: AgentId,
    /// Who demands it.
    pub by: AgentId,
    /// When.
    pub asked: Moment,
    /// Theirs, over all of it.
    pub signature: Signature,
}

/// Why a demand is worth nothing here and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is for another planet.
    #[error("the demand is for another planet")]
    OtherPlanet,
    /// It is too old, or from the future.
    #[error("the demand is not from the last {LONGEST}: set the clock and sign a new one")]
    Stale,
    /// Whoever it names has not signed it.
    #[error("the demand is not signed by whoever it says demands it")]
    Signature,
}

impl fmt::Debug for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demand")
            .field("planet", &self.planet)
            .field("agent", &self.agent)
            .field("by", &self.by)
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

impl Demand {
    const BODY: usize = 2 + 16 + 32 + 32 + 8;
    /// Bytes of a demand.
    pub const LEN: usize = Self::BODY + Signature::LEN;

    /// Signs a demand.
    #[must_use]
    pub fn make(by: &SigningKey, planet: PlanetId, agent: AgentId, now: Moment) -> Self {
        let signature = Signature([0; Signature::LEN]);
        let mut demand = Self { planet, agent, by: by.id(), asked: now, signature };
        demand.signature = by.sign(Domain::ERASE, &demand.body());
        demand
    }

    /// Checks that it is for a planet, fresh, and signed by whoever it names.
    ///
    /// # Errors
    /// When it is not. What is cheap to refuse is refused first.
    pub fn check(&self, planet: PlanetId, now: Moment) -> Result<(), Refused> {
        if self.planet != planet {
            return Err(Refused::OtherPlanet);
        }
        if now.since(self.asked) > LONGEST || self.asked.since(now) > AHEAD {
            return Err(Refused::Stale);
        }
        self.verify().map_err(|_| Refused::Signature)
    }

    /// Checks that whoever it names has signed it, whenever that was: for
    /// demands that stand in a chain.
    ///
    /// # Errors
    /// When they have not.
    pub fn verify(&self) -> Result<(), BadSignature> {
        PublicKey::new(self.by)?.verify(Domain::ERASE, &self.body(), &self.signature)
    }

    /// What tells it from every other demand.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        hash::tag(b"mycel erasure v1", &self.to_bytes())
    }

    /// The demand as bytes, as a chain keeps it.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..Self::BODY].copy_from_slice(&self.body());
        bytes[Self::BODY..].copy_from_slice(&self.signature.0);
        bytes
    }

    /// Reads a demand that is exactly these bytes, and believes nothing of it.
    ///
    /// # Errors
    /// When they have not the one form of a demand.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, Kind::Demand)?;
        let planet = PlanetId(reader.take()?);
        let (agent, by) = (AgentId(reader.take()?), AgentId(reader.take()?));
        let (asked, signature) = (Moment(reader.u64()?), Signature(reader.take()?));
        reader.end()?;
        Ok(Self { planet, agent, by, asked, signature })
    }

    /// The text to send.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = [0; wire::text_len(Self::LEN)];
        wire::write_text(&self.to_bytes(), &mut out).to_owned()
    }

    /// Reads a demand, and believes nothing of it.
    ///
    /// # Errors
    /// When it has not the one form of a demand.
    pub fn read(text: &str) -> Result<Self, Malformed> {
        Self::from_bytes(&wire::read_text::<{ Self::LEN }>(text, Kind::Demand)?)
    }

    fn body(&self) -> [u8; Self::BODY] {
        let body = Writer::<{ Self::BODY }>::new(Kind::Demand).put(&self.planet.0).put(&self.agent.0);
        body.put(&self.by.0).put(&self.asked.0.to_be_bytes()).finish(0)
    }
}
