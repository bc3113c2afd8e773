//! What the office has issued, by key: the newest certificate of each, and the
//! number of the request that it answered.
//!
//! It must never forget a key whose last request could come again.

use crate::certificate::Serial;
use crate::folder::{self, KeyError};
use crate::spiffe::Name;
use crate::statement;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use trust::{AgentId, Moment};

/// Where the office remembers what it has issued.
pub const BOOK: &str = "issued";
const TITLE: &str = "mycel certificates issued 1";

/// The newest certificate of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Whose key.
    pub key: AgentId,
    /// What it is called.
    pub name: Name,
    /// The number of the request that was answered.
    pub number: u64,
    /// The certificate's.
    pub serial: Serial,
    /// Until when it holds.
    pub until: Moment,
}

/// What the office has issued.
#[derive(Debug, Default)]
pub struct Book(pub(super) BTreeMap<AgentId, Issued>);

impl Book {
    /// Reads it; an empty one when there is none.
    ///
    /// # Errors
    /// When the disk refuses, or it is damaged.
    pub fn read(keys: &Path) -> Result<Self, KeyError> {
        let file = keys.join(BOOK);
        let Some(text) = folder::read_private(&file)? else { return Ok(Self::default()) };
        Self::parse(&text).ok_or_else(|| {
            let what = "it is no book of certificates".to_owned();
            KeyError::Damaged { file: file.display().to_string(), what }
        })
    }

    /// Whether a certificate of it holds until then or longer.
    #[must_use]
    pub fn any_until(&self, then: Moment) -> bool {
        self.0.values().any(|issued| issued.until >= then)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return None;
        }
        let line = |line: &str| {
            let mut parts = line.split(' ');
            let key = statement::bytes(parts.next()?).map(AgentId)?;
            let (name, number) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let serial = statement::bytes(parts.next()?).map(Serial)?;
            let until = Moment(parts.next()?.parse().ok()?);
            parts.next().is_none().then_some((key, Issued { key, name, number, serial, until }))
        };
        lines.map(line).collect::<Option<_>>().map(Self)
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("{TITLE}\n");
        for (key, Issued { name, number, serial, until, .. }) in &self.0 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key} {name} {number} {serial} {}", until.0);
        }
        text
    }

    /// The newest certificate of each key.
    pub fn issued(&self) -> impl Iterator<Item = &Issued> {
        self.0.values()
    }

    /// That of one key.
    #[must_use]
    pub fn of(&self, key: AgentId) -> Option<&Issued> {
        self.0.get(&key)
    }
}
