//! A node asks for a certificate: who it is, its key, a number that only
//! grows, and the time, signed with that key.
//!
//! The signature shows that whoever asks has the key, and nothing else: that
//! the key may bear the name is for the CA to know. The number keeps a request
//! that somebody caught from being answered twice.

use crate::spiffe::Name;
use crate::statement::{self, BadStatement, Draft, Form, Reading};
use trust::sign::{Domain, Signature, SigningKey};
use trust::{AgentId, Moment};
use vocab::Millis;

static FORM: Form = Form {
    title: "mycel certificate request 1",
    domain: Domain::new("certificate request"),
    what: "a request for a certificate",
};

/// How far the clocks of a node and of the CA may be apart, and for how long a
/// request is good.
pub const FRESH: Millis = Millis::minutes(5);

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What the node wants to be called.
    pub name: Name,
    /// Its key.
    pub key: AgentId,
    /// Greater than that of every request before.
    pub number: u64,
    /// When it was made.
    pub asked: Moment,
    signature: Signature,
}

impl Request {
    /// Asks.
    #[must_use]
    pub fn make(key: &SigningKey, name: Name, number: u64, asked: Moment) -> Self {
        let signature = Signature([0; Signature::LEN]);
        let mut request = Self { name, key: key.id(), number, asked, signature };
        request.signature = request.draft().sign(&FORM, key);
        request
    }

    /// Asks once more: with a number that is greater than the last one's, also
    /// when the clock was set back.
    #[must_use]
    pub fn after(last: Option<&Self>, key: &SigningKey, name: Name, now: Moment) -> Self {
        let last = last.map_or(0, |last| last.number.saturating_add(1));
        Self::make(key, name, last.max(now.0), now)
    }

    fn draft(&self) -> Draft {
        let draft = Draft::new(&FORM).line("name", &self.name).line("key", self.key);
        draft.line("number", self.number).line("asked", self.asked.0)
    }

    /// As text.
    #[must_use]
    pub fn text(&self) -> String {
        self.draft().finish(&self.signature)
    }

    /// Reads a request that its own key has signed.
    ///
    /// # Errors
    /// When it is none, would be written otherwise, or is somebody else's.
    pub fn read(text: &str) -> Result<Self, BadStatement> {
        let mut lines = Reading::new(&FORM, text)?;
        let name = lines.take("name", |text| text.parse().ok())?;
        let key = lines.take("key", statement::bytes).map(AgentId)?;
        let (number, asked) = (lines.number("number")?, Moment(lines.number("asked")?));
        let request = Self { name, key, number, asked, signature: lines.end()? };
        if request.text() != text {
            return Err(BadStatement::Kind(FORM.what));
        }
        request.draft().verify(&FORM, key, &request.signature)?;
        Ok(request)
    }

    /// Whether it was made just now.
    #[must_use]
    pub fn is_fresh(&self, now: Moment) -> bool {
        now.since(self.asked) <= FRESH && self.asked.since(now) <= FRESH
    }
}
