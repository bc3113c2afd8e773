//! Gateways: who stands between agents and the hosts of their blocks.
//!
//! An agent proves itself on its channel to the gateway, which needs nothing
//! but the agent's own key for that: whether the lease is good only its host
//! can say, and no gateway can make one. The host takes the word of gateways
//! that it knows by their keys, each on the channel where it has proved itself.
//! So a gateway that is taken over can speak for agents whose leases it is
//! shown, for as long as they last, and make none.

use crate::attach::{Channel, Nonce, NotAttached, PATIENCE, Session, answered};
use crate::ids::{AgentId, Moment, PlanetId};
use crate::lease::{Admitted, Claim, Lease};
use crate::sign::{BadSignature, Domain, PublicKey, Signature, SigningKey};
use crate::wire::Malformed;

/// A lease that somebody showed a gateway, waiting for the proof that it is
/// its agent who did. Answered by [`crate::attach::answer`], as a host's is.
#[derive(Debug)]
pub struct Shown {
    lease: Lease,
    nonce: Nonce,
    channel: Channel,
    sent: Moment,
}

impl Shown {
    /// A challenge to whoever showed a lease on a channel.
    ///
    /// # Errors
    /// When the text is no lease.
    pub fn new(lease: &str, nonce: Nonce, channel: Channel, now: Moment) -> Result<Self, Malformed> {
        Ok(Self { lease: Claim::read(lease)?.lease, nonce, channel, sent: now })
    }

    /// What its agent is sent.
    #[must_use]
    pub const fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// Checks the answer.
    ///
    /// # Errors
    /// When it is late, or no proof.
    pub fn check(self, answer: &Signature, now: Moment) -> Result<Proved, NotAttached> {
        answered(&self.lease, (&self.nonce, &self.channel, self.sent), answer, now)?;
        Ok(Proved { lease: self.lease })
    }
}

/// A lease whose agent has proved itself. Nobody has said that it is good.
#[derive(Debug, Clone, Copy)]
pub struct Proved {
    lease: Lease,
}

impl Proved {
    /// What it says.
    #[must_use]
    pub const fn lease(&self) -> &Lease {
        &self.lease
    }
}

fn message(planet: PlanetId, nonce: &Nonce, channel: &Channel) -> [u8; 80] {
    let mut message = [0; 80];
    message[..16].copy_from_slice(&planet.0);
    message[16..48].copy_from_slice(&nonce.0);
    message[48..].copy_from_slice(&channel.0);
    message
}

/// The gateway's side: answers a host's nonce.
#[must_use]
pub fn vouch(key: &SigningKey, planet: PlanetId, nonce: &Nonce, channel: &Channel) -> Signature {
    key.sign(Domain::VOUCH, &message(planet, nonce, channel))
}

/// The host's side: a gateway that has to prove itself. It is used up by the
/// answer.
#[derive(Debug)]
pub struct Awaited {
    planet: PlanetId,
    nonce: Nonce,
    channel: Channel,
    sent: Moment,
}

/// Why a gateway was not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotVouching {
    /// The answer came too late.
    #[error("the challenge is older than {PATIENCE}: ask for a new one")]
    TooLate,
    /// It is none of the gateways that are known here.
    #[error("no gateway by that key is known here")]
    Unknown,
    /// The proof is not that gateway's, for this planet, nonce and channel.
    #[error("the proof of the gateway's key does not hold")]
    Proof,
}

impl Awaited {
    /// A challenge to whoever says that it is a gateway, on a channel.
    #[must_use]
    pub const fn new(planet: PlanetId, nonce: Nonce, channel: Channel, now: Moment) -> Self {
        Self { planet, nonce, channel, sent: now }
    }

    /// What it is sent.
    #[must_use]
    pub const fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// Checks the answer of one of the gateways that are known.
    ///
    /// # Errors
    /// When it is late, of nobody that is known, or no proof.
    pub fn check(
        self,
        gateway: AgentId,
        known: &[AgentId],
        answer: &Signature,
        now: Moment,
    ) -> Result<Vouching, NotVouching> {
        if now < self.sent || now.since(self.sent) > PATIENCE {
            return Err(NotVouching::TooLate);
        }
        if !known.contains(&gateway) {
            return Err(NotVouching::Unknown);
        }
        let refused = |_: BadSignature| NotVouching::Proof;
        let key = PublicKey::new(gateway).map_err(refused)?;
        key.verify(Domain::VOUCH, &message(self.planet, &self.nonce, &self.channel), answer).map_err(refused)?;
        Ok(Vouching { channel: self.channel })
    }
}

/// A gateway on its channel: its word is taken for whose lease it shows.
#[derive(Debug, Clone, Copy)]
pub struct Vouching {
    channel: Channel,
}

impl Vouching {
    /// The session of an agent whose lease was admitted, on the gateway's
    /// channel.
    #[must_use]
    pub const fn session(&self, admitted: Admitted) -> Session {
        Session::vouched(admitted, self.channel)
    }
}
