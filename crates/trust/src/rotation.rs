//! Rotation: every key signs its successor, in an unbroken line from the first.
//!
//! A statement is signed by the old key, because it gives its place away, and
//! by the new one, so that nobody can name another's key as its own successor.
//! From `from` until `until` both verify, so that what was signed just before
//! is not lost; at no time do more than two. A rotation that begins within the
//! last overlap ends it, so that a stolen key can be left at once.
//!
//! The line keeps every key with its time, so that a second successor is known
//! for what it is however late it comes, and no key ever comes back.
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

/// How long before its time a statement may be taken. A statement from the far
/// future would leave the line with a key that nobody can use or replace.
pub const LONGEST_NOTICE: Millis = Millis::days(365);

/// The most rotations of one line: one a month for 85 years.
pub const MOST_ROTATIONS: u64 = 1_024;

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
    /// It is truly signed, and tells another history: whoever held the key has
    /// signed two successors. Keep both statements.
    #[error(
        "the line has a second history, from number {at} on: keep both statements, and find out who holds its keys"
    )]
    Forked {
        /// The number that was given twice, or the one that the other history
        /// had given by then.
        at: u64,
    },
    /// The key that would take the place has been in the line before.
    #[error("the new key has been in this line before: rotate to a fresh one")]
    Returned,
    /// There are [`MOST_ROTATIONS`].
    #[error("the line has had {MOST_ROTATIONS} rotations, the most there can be: begin another")]
    Full,
    /// One of its two signatures does not hold.
    #[error("the statement is not signed by both of its keys")]
    Signature,
    /// Its times leave a gap, overlap too long, begin before the key that gives
    /// its place did, or are too far ahead.
    #[error("the times of the statement leave a gap, overlap for too long, or are before the last or too far ahead")]
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

/// A key of the line, and when it verifies.
#[derive(Debug, Clone, Copy)]
struct Held {
    key: PublicKey,
    from: Moment,
    /// `None` while no successor is known.
    until: Option<Moment>,
    /// The statement that gave it its place; zeros for the first.
    by: Digest32,
}

impl Held {
    fn verifies_at(&self, now: Moment) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }
}

/// A line of keys, as far as its statements are known.
#[derive(Debug, Clone)]
pub struct Line {
    planet: PlanetId,
    name: AgentId,
    sequence: u64,
    newest: Held,
    /// All keys before it, the first first.
    past: Vec<Held>,
}

impl Line {
    /// A line that begins with its first key, from the beginning of time.
    ///
    /// # Errors
    /// When that is no key.
    pub fn new(planet: PlanetId, first: AgentId) -> Result<Self, BadSignature> {
        let newest = Held { key: PublicKey::new(first)?, from: Moment(0), until: None, by: [0; 32] };
        Ok(Self { planet, name: first, sequence: 0, newest, past: Vec::new() })
    }

    /// The line that begins so, with all of these statements; nothing of none.
    ///
    /// # Errors
    /// When one of them is not the next one.
    pub fn read(statements: &[Statement], now: Moment) -> Result<Option<Self>, Refused> {
        let Some(first) = statements.first() else { return Ok(None) };
        let mut line = Self::new(first.planet, first.line).map_err(|_: BadSignature| Refused::Signature)?;
        statements.iter().try_for_each(|statement| line.accept(statement, now))?;
        Ok(Some(line))
    }

    /// Whether a key has been in the line, at whatever time.
    #[must_use]
    pub fn has(&self, key: AgentId) -> bool {
        self.keys().any(|held| held.key.id() == key)
    }

    /// Whether what a key signs is the line's at a time: the newest's, also when
    /// its time is about to come by another clock, and for as long as they overlap
    /// the one's before it.
    #[must_use]
    pub fn believes(&self, key: AgentId, now: Moment) -> bool {
        self.newest() == key || self.keys_at(now).any(|held| held.id() == key)
    }

    /// Which planet's it is.
    #[must_use]
    pub const fn planet(&self) -> PlanetId {
        self.planet
    }

    /// The last key that is known, which signs the next statement. Its time may
    /// not have come: [`Line::signs_at`] says which one signs everything else.
    #[must_use]
    pub const fn newest(&self) -> AgentId {
        self.newest.key.id()
    }

    /// The key that signs at a time: the latest whose time has come.
    #[must_use]
    pub fn signs_at(&self, now: Moment) -> AgentId {
        // The times leave no gap, so there is always one.
        self.held_at(now).next().map_or(self.newest(), |held| held.key.id())
    }

    /// How many rotations are known.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Makes the statement that gives the newest key's place to the next.
    /// [`Line::accept`] says whether it is a good one.
    #[must_use]
    pub fn rotate(&self, old: &SigningKey, new: &SigningKey, from: Moment, until: Moment) -> Statement {
        let unsigned = Signature([0; Signature::LEN]);
        let mut statement = Statement {
            planet: self.planet,
            line: self.name,
            sequence: self.sequence.saturating_add(1),
            previous: self.newest.by,
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
    pub fn accept(&mut self, statement: &Statement, now: Moment) -> Result<(), Refused> {
        if statement.planet != self.planet || statement.line != self.name {
            return Err(Refused::OtherLine);
        }
        let (found, have) = (statement.sequence, self.sequence);
        if found <= have {
            return Err(self.late(statement));
        }
        if found > have + 1 {
            return Err(Refused::Gap { found, have });
        }
        if have >= MOST_ROTATIONS {
            return Err(Refused::Full);
        }
        if statement.old != self.newest() {
            return Err(Refused::Signature);
        }
        let key = statement.verify(&self.newest.key)?;
        if statement.previous != self.newest.by {
            return Err(Refused::Forked { at: have });
        }
        if self.keys().any(|held| held.key.id() == statement.new) {
            return Err(Refused::Returned);
        }
        self.check_times(statement, now)?;
        self.take(statement, key);
        Ok(())
    }

    /// The new key takes its place. The one before the old one goes no later
    /// than the new one comes, so that there are never three.
    fn take(&mut self, statement: &Statement, key: PublicKey) {
        if let Some(before) = self.past.last_mut() {
            before.until = before.until.map(|until| until.min(statement.from));
        }
        let newest = Held { key, from: statement.from, until: None, by: statement.digest() };
        let old = std::mem::replace(&mut self.newest, newest);
        self.past.push(Held { until: Some(statement.until), ..old });
        self.sequence = statement.sequence;
    }

    /// A statement of a number that is known: stale when it is the one that is
    /// known, and a fork when it is another and truly signed.
    fn late(&self, statement: &Statement) -> Refused {
        let stale = Refused::Stale { found: statement.sequence, have: self.sequence };
        let Some(at) = usize::try_from(statement.sequence).ok().filter(|&at| at > 0) else {
            return stale;
        };
        let mut from_old = self.keys().skip(at - 1);
        match (from_old.next(), from_old.next()) {
            (_, Some(new)) if new.by == statement.digest() => stale,
            (Some(old), _) if statement.old == old.key.id() && statement.verify(&old.key).is_ok() => {
                Refused::Forked { at: statement.sequence }
            }
            _ => Refused::Signature,
        }
    }

    fn check_times(&self, statement: &Statement, now: Moment) -> Result<(), Refused> {
        let sensible = self.newest.from <= statement.from
            && statement.from <= now.after(LONGEST_NOTICE)
            && statement.from <= statement.until
            && statement.until.since(statement.from) <= LONGEST_OVERLAP;
        if sensible { Ok(()) } else { Err(Refused::Times) }
    }

    /// All keys, the first first.
    fn keys(&self) -> impl Iterator<Item = &Held> {
        self.past.iter().chain([&self.newest])
    }

    /// The keys whose time a moment is, the latest first.
    fn held_at(&self, now: Moment) -> impl Iterator<Item = &Held> {
        [&self.newest].into_iter().chain(self.past.iter().rev()).filter(move |held| held.verifies_at(now))
    }

    /// The keys that verify at a time: one, or two while they overlap. Of a time
    /// that has passed it says which did, as far as the statements reach.
    pub fn keys_at(&self, now: Moment) -> impl Iterator<Item = &PublicKey> {
        self.held_at(now).map(|held| &held.key)
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
