//! Attaching: the holder of a lease proves that it is the agent of the lease,
//! on this very connection.
//!
//! The host sends a nonce; the agent signs the nonce, the lease and the
//! channel. A stolen lease is useless without the agent's key. A proof that was
//! overheard is useless for the next nonce, and one that is relayed by someone
//! in the middle is useless because the two ends of a relay are on different
//! channels. Afterwards an op is taken as the agent's only on that channel, so
//! that nothing has to be signed again.

use crate::hash::Digest32;
use crate::ids::Moment;
use crate::lease::{Admitted, Claim, Door, Lease, Refused, Rights};
use crate::sign::{BadSignature, Domain, PublicKey, Signature, SigningKey};
use crate::wire::Malformed;
use std::fmt;
use subtle::ConstantTimeEq;
use vocab::{Millis, Slot};

/// How long an agent has to answer. Ten round trips around the Earth and time
/// to spare; a nonce that waits longer is somebody collecting them.
pub const PATIENCE: Millis = Millis::seconds(30);

/// What names a channel: the exporter of its TLS session (RFC 9266), the same
/// at both ends and at no other.
#[derive(Clone, Copy)]
pub struct Channel(pub [u8; 32]);

impl PartialEq for Channel {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Channel {}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Channel(not shown)")
    }
}

/// 256 bits that the host has never sent before, from its own entropy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce(pub [u8; 32]);

/// Why attaching failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAttached {
    /// The answer came too late.
    #[error("the challenge is older than {PATIENCE}: ask for a new one")]
    TooLate,
    /// The proof is not the agent's, for this lease, nonce and channel. Which
    /// of them is wrong is not said.
    #[error("the proof of the agent's key does not hold")]
    Proof,
    /// What should be a lease is none.
    #[error("this is not a lease: {0}")]
    Lease(#[from] Malformed),
    /// The key is not that of the lease's agent.
    #[error("the lease is another agent's")]
    OtherAgent,
}

fn message(nonce: &Nonce, lease: &Digest32, channel: &Channel) -> [u8; 96] {
    let mut message = [0; 96];
    message[..32].copy_from_slice(&nonce.0);
    message[32..64].copy_from_slice(lease);
    message[64..].copy_from_slice(&channel.0);
    message
}

/// Whether an answer is the proof of a lease's agent, in time.
pub(crate) fn answered(
    lease: &Lease,
    (nonce, channel, sent): (&Nonce, &Channel, Moment),
    answer: &Signature,
    now: Moment,
) -> Result<(), NotAttached> {
    if now < sent || now.since(sent) > PATIENCE {
        return Err(NotAttached::TooLate);
    }
    let refused = |_: BadSignature| NotAttached::Proof;
    let key = PublicKey::new(lease.agent).map_err(refused)?;
    key.verify(Domain::ATTACH, &message(nonce, &lease.digest(), channel), answer).map_err(refused)
}

/// The agent's side: answers the host's nonce.
///
/// # Errors
/// When the text is no lease, or the lease is another agent's.
pub fn answer(key: &SigningKey, lease: &str, nonce: &Nonce, channel: &Channel) -> Result<Signature, NotAttached> {
    let lease = Claim::read(lease)?.lease;
    if lease.agent != key.id() {
        return Err(NotAttached::OtherAgent);
    }
    Ok(key.sign(Domain::ATTACH, &message(nonce, &lease.digest(), channel)))
}

/// The host's side: a lease that was admitted, waiting for the proof that the
/// one who showed it is its agent. It is used up by the answer, so that a nonce
/// is answered once.
#[derive(Debug)]
pub struct Challenge {
    admitted: Admitted,
    nonce: Nonce,
    channel: Channel,
    sent: Moment,
}

impl Challenge {
    /// A challenge to whoever showed an admitted lease on a channel.
    #[must_use]
    pub const fn new(admitted: Admitted, nonce: Nonce, channel: Channel, now: Moment) -> Self {
        Self { admitted, nonce, channel, sent: now }
    }

    /// What the agent is sent.
    #[must_use]
    pub const fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// Checks the answer.
    ///
    /// # Errors
    /// When it is late, or no proof.
    pub fn check(self, answer: &Signature, now: Moment) -> Result<Session, NotAttached> {
        answered(self.admitted.lease(), (&self.nonce, &self.channel, self.sent), answer, now)?;
        Ok(Session { admitted: self.admitted, channel: self.channel })
    }
}

/// An agent that is attached: what comes on its channel is its own.
#[derive(Debug)]
pub struct Session {
    admitted: Admitted,
    channel: Channel,
}

/// Why an op on an attached session was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOn {
    /// It came on another channel than the one that was attached.
    #[error("this is not the channel that was attached: attach again")]
    OtherChannel,
    /// The lease does not hold here and now, or not for this.
    #[error(transparent)]
    Lease(#[from] Refused),
}

impl Session {
    /// One that a gateway answers for, on its own channel.
    pub(crate) const fn vouched(admitted: Admitted, channel: Channel) -> Self {
        Self { admitted, channel }
    }

    /// The lease that it stands on.
    #[must_use]
    pub const fn lease(&self) -> &Lease {
        self.admitted.lease()
    }

    /// Whether an op that came on a channel for a slot of the door's block is
    /// this agent's, now, and within its rights. `fencing` is the slot's
    /// present assignment.
    ///
    /// # Errors
    /// When it came on another channel, or the lease does not hold for that
    /// slot at that door, or gives less than the op needs.
    pub fn admit(
        &self,
        channel: &Channel,
        door: &Door<'_>,
        slot: Slot,
        fencing: u64,
        needs: Rights,
        now: Moment,
    ) -> Result<&Lease, NotOn> {
        if *channel != self.channel {
            return Err(NotOn::OtherChannel);
        }
        door.still_admits(&self.admitted, slot, fencing, now)?;
        self.admitted.allows(needs)?;
        Ok(self.lease())
    }
}
