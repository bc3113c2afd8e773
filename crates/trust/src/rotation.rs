//! Rotation: every key signs its successor, in an unbroken line from the first.
//!
//! A statement is signed by the old key, because it gives its place away, and
//! by the new one, so that nobody can name another's key as its own successor.
//! From `from` until `until` both verify, so that what was signed just before
//! is not lost; at no time do more than two.
//!
//! A thief of the current key can rotate too. Against that there is no
//! statement, only revocation and a new line.

use crate::hash::{self, Digest32};
use crate::ids::{AgentId, Moment, PlanetId};
use crate::sign::{BadSignature, Domain, PublicKey, Signature, SigningKey};
use crate::wire::{Kind, Malformed, Reader, Writer};
use vocab::Millis;

/// The longest that two keys verify side by side.
pub const LONGEST_OVERLAP: Millis = Millis::days(30);

/// One key gives its place to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// The planet.
    pub planet: PlanetId,
    /// The first key of the line, which is the line's name.
    pub line: AgentId,
    /// 1 for the first rotation.
    pub sequence: u64,
    /// The digest of the statement before; zeros for the first.
    pub previous: Digest32,
    /// The key that gives its place,
    pub old: AgentId,
    /// and the one that takes it.
    pub new: AgentId,
    /// The new key verifies from here.
    pub from: Moment,
    /// The old key no longer does from here.
    pub until: Moment,
    /// The old key's signature,
    pub by_old: Signature,
    /// and the new one's.
    pub by_new: Signature,
}

/// Why a statement was refused. Nothing changes when one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is of another planet, or of another line.
    #[error("the statement is of another line of keys")]
    OtherLine,
    /// It was overtaken.
    #[error("the statement is number {found}, and number {have} is known already")]
    Stale {
        /// Its number.
        found: u64,
        /// The last that is known.
        have: u64,
    },
    /// Statements between are missing.
    #[error("the statement is number {found}, and after number {have} the next is missing")]
    Gap {
        /// Its number.
        found: u64,
        /// The last that is known.
        have: u64,
    },
    /// It is truly signed, and tells another history: whoever holds the key has
    /// signed two successors. Keep both statements.
    #[error("the key has signed two successors: revoke its line")]
    Forked,
    /// One of its two signatures does not hold.
    #[error("the statement is not signed by both of its keys")]
    Signature,
    /// Its times leave a gap, overlap too long, or begin before the last
    /// overlap has ended.
    #[error("the times of the statement leave a gap, overlap for too long, or reach into the last overlap")]
    Times,
}

impl Statement {
    /// Bytes of a statement.
    pub const LEN: usize = Self::BODY + 2 * Signature::LEN;
    const BODY: usize = 2 + 16 + 32 + 8 + 32 + 32 + 32 + 8 + 8;

    /// The statement in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        Writer::new(Kind::Rotation)
            .put(&self.planet.0)
            .put(&self.line.0)
            .put(&self.sequence.to_be_bytes())
            .put(&self.previous)
            .put(&self.old.0)
            .put(&self.new.0)
            .put(&self.from.0.to_be_bytes())
            .put(&self.until.0.to_be_bytes())
            .put(&self.by_old.0)
            .put(&self.by_new.0)
            .finish(0)
    }

    /// Reads a statement, and believes nothing of it: [`Line::accept`] does that.
    ///
    /// # Errors
    /// When it has not the one form of a statement.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, Kind::Rotation)?;
        let statement = Self {
            planet: PlanetId(reader.take()?),
            line: AgentId(reader.take()?),
            sequence: reader.u64()?,
            previous: reader.take()?,
            old: AgentId(reader.take()?),
            new: AgentId(reader.take()?),
            from: Moment(reader.u64()?),
            until: Moment(reader.u64()?),
            by_old: Signature(reader.take()?),
            by_new: Signature(reader.take()?),
        };
        reader.end()?;
        Ok(statement)
    }

    /// What identifies it: its content, and not its signatures.
    #[must_use]
    pub fn digest(&self) -> Digest32 {
        hash::sha256(&[b"mycel rotation v1", &self.to_bytes()[..Self::BODY]])
    }

    fn verify(&self, old: &PublicKey) -> Result<PublicKey, Refused> {
        let wrong = |_: BadSignature| Refused::Signature;
        let body = &self.to_bytes()[..Self::BODY];
        let new = PublicKey::new(self.new).map_err(wrong)?;
        old.verify(Domain::ROTATE, body, &self.by_old).map_err(wrong)?;
        new.verify(Domain::ROTATE, body, &self.by_new).map_err(wrong)?;
        Ok(new)
    }
}

/// A line of keys, as far as its statements are known.
#[derive(Debug, Clone)]
pub struct Line {
    planet: PlanetId,
    name: AgentId,
    sequence: u64,
    last: Digest32,
    current: PublicKey,
    from: Moment,
    /// The key before, and when it ends.
    before: Option<(PublicKey, Moment)>,
}

impl Line {
    /// A line that begins with its first key, from the beginning of time.
    ///
    /// # Errors
    /// When that is no key.
    pub fn new(planet: PlanetId, first: AgentId) -> Result<Self, BadSignature> {
        let current = PublicKey::new(first)?;
        Ok(Self { planet, name: first, sequence: 0, last: [0; 32], current, from: Moment(0), before: None })
    }

    /// The key that signs now.
    #[must_use]
    pub const fn current(&self) -> AgentId {
        self.current.id()
    }

    /// How many rotations are known.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Makes the statement that gives the current key's place to the next.
    /// [`Line::accept`] says whether it is a good one.
    #[must_use]
    pub fn rotate(&self, old: &SigningKey, new: &SigningKey, from: Moment, until: Moment) -> Statement {
        let unsigned = Signature([0; Signature::LEN]);
        let mut statement = Statement {
            planet: self.planet,
            line: self.name,
            sequence: self.sequence.saturating_add(1),
            previous: self.last,
            old: old.id(),
            new: new.id(),
            from,
            until,
            by_old: unsigned,
            by_new: unsigned,
        };
        let body = statement.to_bytes();
        statement.by_old = old.sign(Domain::ROTATE, &body[..Statement::BODY]);
        statement.by_new = new.sign(Domain::ROTATE, &body[..Statement::BODY]);
        statement
    }

    /// Takes the next statement.
    ///
    /// # Errors
    /// When it is not the next one of this line; the line stays as it is.
    pub fn accept(&mut self, statement: &Statement) -> Result<(), Refused> {
        if statement.planet != self.planet || statement.line != self.name {
            return Err(Refused::OtherLine);
        }
        let (found, have) = (statement.sequence, self.sequence);
        if found == have && found > 0 && statement.digest() != self.last {
            return Err(self.rival(statement));
        }
        if found <= have {
            return Err(Refused::Stale { found, have });
        }
        if found > have + 1 {
            return Err(Refused::Gap { found, have });
        }
        if statement.old != self.current.id() {
            return Err(Refused::Signature);
        }
        let new = statement.verify(&self.current)?;
        if statement.previous != self.last {
            return Err(Refused::Forked);
        }
        self.check_times(statement)?;
        let before = std::mem::replace(&mut self.current, new);
        self.before = Some((before, statement.until));
        (self.sequence, self.last, self.from) = (found, statement.digest(), statement.from);
        Ok(())
    }

    /// A second statement of the last number: a fork when it is truly signed.
    fn rival(&self, statement: &Statement) -> Refused {
        match &self.before {
            Some((old, _)) if statement.old == old.id() && statement.verify(old).is_ok() => Refused::Forked,
            _ => Refused::Signature,
        }
    }

    fn check_times(&self, statement: &Statement) -> Result<(), Refused> {
        let overlap_ended = self.before.as_ref().map_or(Moment(0), |(_, until)| *until);
        let sensible = overlap_ended <= statement.from
            && self.from <= statement.from
            && statement.from <= statement.until
            && statement.until.since(statement.from) <= LONGEST_OVERLAP;
        if sensible { Ok(()) } else { Err(Refused::Times) }
    }

    /// The keys that verify at a time: one, or two while they overlap.
    pub fn keys_at(&self, now: Moment) -> impl Iterator<Item = &PublicKey> {
        let current = (now >= self.from).then_some(&self.current);
        let before = self.before.as_ref().filter(|(_, until)| now < *until).map(|(key, _)| key);
        current.into_iter().chain(before)
    }

    /// Checks what was signed in the line's name, by a key that verifies now.
    ///
    /// # Errors
    /// When no key of this time has signed it.
    pub fn verify(
        &self,
        domain: Domain,
        message: &[u8],
        signature: &Signature,
        now: Moment,
    ) -> Result<(), BadSignature> {
        let holds = |key: &PublicKey| key.verify(domain, message, signature).is_ok();
        if self.keys_at(now).any(holds) { Ok(()) } else { Err(BadSignature::Signature) }
    }
}
