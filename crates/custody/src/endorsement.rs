//! The root key's word that a key is the planet's CA for a while.
//!
//! The root can be offline from then on, and a CA can be replaced under the
//! same root: nodes believe every CA that the root has endorsed and that they
//! were handed, and no other.

use crate::KeyError;
use crate::root::Root;
use crate::spiffe::Name;
use crate::statement::{self, BadStatement, Draft, Form, Letters, Reading};
use trust::sign::{Domain, Signature};
use trust::{AgentId, Moment, PlanetId};

static FORM: Form =
    Form { title: "mycel ca endorsement 1", domain: Domain::new("ca endorsement"), what: "the endorsement of a CA" };

/// What the root says of a CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endorsement {
    /// Of which planet.
    pub planet: PlanetId,
    /// The CA's key.
    pub ca: AgentId,
    /// From when it is the CA.
    pub from: Moment,
    /// Until when.
    pub until: Moment,
    signature: Signature,
}

impl Endorsement {
    /// Says it.
    ///
    /// # Errors
    /// When what keeps the root's key does not sign.
    pub fn make(root: &Root, planet: PlanetId, ca: AgentId, from: Moment, until: Moment) -> Result<Self, KeyError> {
        let signature = Signature([0; Signature::LEN]);
        let mut said = Self { planet, ca, from, until, signature };
        said.signature = root.sign(FORM.domain, said.draft().text())?;
        Ok(said)
    }

    fn draft(&self) -> Draft {
        let draft = Draft::new(&FORM).line("planet", self.planet).line("ca", self.ca);
        draft.line("from", self.from.0).line("until", self.until.0)
    }

    /// As text.
    #[must_use]
    pub fn text(&self) -> String {
        self.draft().finish(&self.signature)
    }

    /// Reads one, and believes nothing of it.
    ///
    /// # Errors
    /// When it is none, or would be written otherwise.
    pub fn read(text: &str) -> Result<Self, BadStatement> {
        let mut lines = Reading::new(&FORM, text)?;
        let planet = lines.take("planet", statement::bytes).map(PlanetId)?;
        let ca = lines.take("ca", statement::bytes).map(AgentId)?;
        let (from, until) = (Moment(lines.number("from")?), Moment(lines.number("until")?));
        let said = Self { planet, ca, from, until, signature: lines.end()? };
        if said.text() == text { Ok(said) } else { Err(BadStatement::Kind(FORM.what)) }
    }

    /// Whether a root has said it.
    ///
    /// # Errors
    /// When it has not.
    pub fn verify(&self, root: AgentId) -> Result<(), BadStatement> {
        self.draft().verify(&FORM, root, &self.signature)
    }

    /// What the CA's own certificate is named by.
    #[must_use]
    pub fn domain(planet: PlanetId) -> String {
        let name = Name::gateway(planet).to_string();
        name.trim_end_matches("/role/gateway").to_owned()
    }

    /// Reads the endorsements of a file, one after the other.
    ///
    /// # Errors
    /// When one of them is none, or there are too many.
    pub fn read_all(text: &str) -> Result<Vec<Self>, BadStatement> {
        let mut all = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find("\nsigned ").and_then(|at| rest[at + 1..].find('\n').map(|length| at + length + 2));
            let (one, other) = rest.split_at(end.ok_or(BadStatement::Kind(FORM.what))?);
            if all.len() == crate::authority::MOST_CAS {
                return Err(BadStatement::Large(FORM.what));
            }
            all.push(Self::read(one)?);
            rest = other;
        }
        Ok(all)
    }
}

/// Letters of a key, for messages.
#[must_use]
pub fn letters(key: &[u8]) -> String {
    Letters(key).to_string()
}
