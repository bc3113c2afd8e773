//! What the CA takes back: a list of certificates by their serials and of keys,
//! signed by the CA, with a number that only grows, so that it can be sent to
//! every node and an old one is told.

use crate::certificate::Serial;
use crate::statement::{self, BadStatement, Draft, Form, Reading};
use std::fmt;
use std::str::FromStr;
use trust::sign::{Domain, Signature, SigningKey};
use trust::{AgentId, Moment, PlanetId};
use vocab::Millis;

static FORM: Form =
    Form { title: "mycel revocations 1", domain: Domain::new("revocations"), what: "a list of what is revoked" };

/// Entries of a list: some 200 bytes each, and every node has it in memory.
pub const MOST: usize = 4_096;
/// Letters of a reason.
pub const MOST_REASON: usize = 120;
/// A serial's entry is needed for as long as its certificate could last.
const SERIAL_KEPT: Millis = Millis(crate::ca::MOST_LIFE.0 * 2);

/// What is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// One certificate.
    Serial(Serial),
    /// A key, and with it every certificate of it that is or will be.
    Key(AgentId),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(serial) => write!(f, "serial {serial}"),
            Self::Key(key) => write!(f, "key {key}"),
        }
    }
}

impl FromStr for What {
    type Err = &'static str;

    /// Serials have 32 letters and keys 64.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let serial = statement::bytes(text).map(|serial| Self::Serial(Serial(serial)));
        let key = || statement::bytes(text).map(|key| Self::Key(AgentId(key)));
        serial.or_else(key).ok_or("a serial is 32 letters from 0 to 9 and a to f, a key is 64")
    }
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// What.
    pub what: What,
    /// When.
    pub at: Moment,
    /// Why, in words.
    pub reason: String,
}

/// The list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocations {
    /// Of which planet.
    pub planet: PlanetId,
    /// The CA that signed it.
    pub by: AgentId,
    /// Greater than every list's before.
    pub number: u64,
    entries: Vec<Revoked>,
    signature: Signature,
}

/// Why something cannot be revoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRevoked {
    /// The list is full.
    #[error("{MOST} keys and certificates are revoked already: replace the CA, and begin a new list")]
    Full,
    /// The reason is none.
    #[error("a reason is 1 to {MOST_REASON} letters on one line, without a space in front or behind")]
    Reason,
}

/// Whether a reason can stand in a list as it is.
#[must_use]
pub fn is_reason(text: &str) -> bool {
    let shown = |c: char| !c.is_control() && c != '\u{2028}' && c != '\u{2029}';
    !text.is_empty() && text.chars().count() <= MOST_REASON && text.trim() == text && text.chars().all(shown)
}

impl Revocations {
    /// A list of nothing, which no CA has signed.
    #[must_use]
    pub const fn none(planet: PlanetId) -> Self {
        let (by, signature) = (AgentId([0; 32]), Signature([0; Signature::LEN]));
        Self { planet, by, number: 0, entries: Vec::new(), signature }
    }

    /// What is on it.
    #[must_use]
    pub fn entries(&self) -> &[Revoked] {
        &self.entries
    }

    /// The next list, with something more. What is revoked stays so under its
    /// first reason; serials whose certificates have long ended go.
    ///
    /// # Errors
    /// When it is full, or the reason is none.
    pub fn with(&self, ca: &SigningKey, what: &[What], reason: &str, now: Moment) -> Result<Self, NotRevoked> {
        if !is_reason(reason) {
            return Err(NotRevoked::Reason);
        }
        let mut entries = self.entries.clone();
        entries.retain(|entry| matches!(entry.what, What::Key(_)) || now.since(entry.at) <= SERIAL_KEPT);
        for what in what {
            if !entries.iter().any(|entry| entry.what == *what) {
                entries.push(Revoked { what: *what, at: now, reason: reason.to_owned() });
            }
        }
        if entries.len() > MOST {
            return Err(NotRevoked::Full);
        }
        let signature = Signature([0; Signature::LEN]);
        let number = self.number.saturating_add(1);
        let mut next = Self { planet: self.planet, by: ca.id(), number, entries, signature };
        next.signature = next.draft().sign(&FORM, ca);
        Ok(next)
    }

    fn draft(&self) -> Draft {
        let mut draft = Draft::new(&FORM).line("planet", self.planet).line("by", self.by).line("number", self.number);
        for entry in &self.entries {
            draft = draft.line("revoked", format_args!("{} {} {}", entry.what, entry.at.0, entry.reason));
        }
        draft
    }

    /// As text.
    #[must_use]
    pub fn text(&self) -> String {
        self.draft().finish(&self.signature)
    }

    /// Reads a list that the CA that it names has signed. Whether that is a CA
    /// is for whoever asks.
    ///
    /// # Errors
    /// When it is none, would be written otherwise, or is somebody else's.
    pub fn read(text: &str) -> Result<Self, BadStatement> {
        let mut lines = Reading::new(&FORM, text)?;
        let planet = lines.take("planet", statement::bytes).map(PlanetId)?;
        let by = lines.take("by", statement::bytes).map(AgentId)?;
        let number = lines.number("number")?;
        let mut entries = Vec::new();
        while let Some(line) = lines.maybe("revoked") {
            if entries.len() == MOST {
                return Err(BadStatement::Large(FORM.what));
            }
            entries.push(entry(line).ok_or_else(|| lines.bad("revoked"))?);
        }
        let list = Self { planet, by, number, entries, signature: lines.end()? };
        if list.text() != text {
            return Err(BadStatement::Kind(FORM.what));
        }
        list.draft().verify(&FORM, by, &list.signature)?;
        Ok(list)
    }

    /// Why a certificate, or its key, is revoked.
    #[must_use]
    pub fn of(&self, serial: Serial, key: AgentId) -> Option<&Revoked> {
        let is = |entry: &&Revoked| entry.what == What::Serial(serial) || entry.what == What::Key(key);
        self.entries.iter().find(is)
    }
}

fn entry(line: &str) -> Option<Revoked> {
    let mut parts = line.splitn(4, ' ');
    let (kind, name) = (parts.next()?, parts.next()?);
    let what = match kind {
        "serial" => What::Serial(Serial(statement::bytes(name)?)),
        "key" => What::Key(AgentId(statement::bytes(name)?)),
        _ => return None,
    };
    let (at, reason) = (Moment(parts.next()?.parse().ok()?), parts.next()?);
    is_reason(reason).then(|| Revoked { what, at, reason: reason.to_owned() })
}
