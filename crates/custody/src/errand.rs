//! What a node on a machine apart sends to the CA's office, and what it brings
//! home: the same files that lie between a node and an office beside it.
//!
//! Whoever carries them needs not be believed. A request is signed by its key, a
//! line of keys proves itself, a next key is claimed by the present one; a CA is
//! endorsed by the root, and the list of what is revoked is the CA's and only
//! grows. What comes home is looked at as if anybody had sent it, before
//! anything of it is written: it must never cost a node what it has.

use crate::authority::{Authority, AuthorityError, REVOKED};
use crate::ca::{CERTIFICATE, ENDORSED};
use crate::certificate::Certificate;
use crate::credentials::{Node, Stamp, stamp};
use crate::folder::{self, KeyError, failed};
use crate::lineage::{self, Followed};
use crate::request::Request;
use crate::revocation::Revocations;
use crate::statement::{BadStatement, Draft, Form, Reading, bytes};
use crate::succession;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use trust::sign::{Domain, SigningKey};
use trust::{AgentId, Moment, PlanetId};

/// The largest errand: a line of as many keys as there can be, and small texts.
pub const MOST_ERRAND: usize = 1 << 20;
/// The largest answer: the lists of CAs and of what is revoked at their largest,
/// and the lines of a few hundred gateways of usual age.
pub const MOST_GIVEN: usize = 8 << 20;
/// Lines in an answer.
pub const MOST_TOLD: usize = 1_024;

static CLAIM: Form = Form {
    title: "mycel next key 1",
    domain: Domain::new("next key"),
    what: "a claim that a key is to follow another",
};

/// A request of the key that is to follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Next {
    /// What it asks for.
    pub request: String,
    /// That it is to follow, signed by the present key.
    pub claim: String,
}

/// What a node sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Errand {
    /// What it is called in its certificate.
    pub name: String,
    /// What its files are called.
    pub files: String,
    /// Its present key, in letters.
    pub key: String,
    /// How that follows from the first one.
    pub line: String,
    /// Its request, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// That of the next key, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
}

/// What it is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The next key's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Why it was refused one, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The CAs' certificates.
    pub ca: String,
    /// The root's word for each.
    pub endorsed: String,
    /// What is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
    /// The lines of keys that it knows, by their names.
    #[serde(default)]
    pub lines: BTreeMap<String, String>,
}

/// Why what was given is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// Whom to believe does not hold.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// It would take back what is known.
    #[error("the office's list of what is revoked is older than the one here: nothing of its answer is taken")]
    Older,
    /// The disk refuses, or a file here is damaged.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What tells one state of a node's part of its folder from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen([Stamp; 4]);

impl Seen {
    /// How it is now.
    #[must_use]
    pub fn of(node: &Node) -> Self {
        let file = |ending: &str| stamp(&node.keys.join(format!("{}.{ending}", node.files)));
        Self(["key", "line", "request", "next.request"].map(file))
    }
}

fn text(file: &Path) -> Result<Option<String>, KeyError> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        text => text.map(Some).map_err(failed(format!("read {}", file.display()))),
    }
}

fn claim(key: AgentId, next: AgentId) -> Draft {
    Draft::new(&CLAIM).line("key", key).line("next", next)
}

/// Which key a present one claims is to follow it.
///
/// # Errors
/// When it is no claim, or not that key's.
pub(crate) fn claimed(text: &str, by: AgentId) -> Result<AgentId, BadStatement> {
    let mut lines = Reading::new(&CLAIM, text)?;
    let (key, next) = (lines.take("key", bytes).map(AgentId)?, lines.take("next", bytes).map(AgentId)?);
    let signature = lines.end()?;
    if key != by || claim(key, next).finish(&signature) != text {
        return Err(BadStatement::Kind(CLAIM.what));
    }
    claim(key, next).verify(&CLAIM, key, &signature)?;
    Ok(next)
}

impl Errand {
    /// What a node has to send now.
    ///
    /// # Errors
    /// When its folder has no key, or one is damaged.
    pub fn of(node: &Node) -> Result<Self, KeyError> {
        let present = SigningKey::new(&folder::secret(&node.keys, &node.files)?);
        // A file may still have what the key before has asked for.
        let of = |file: &Path, key: AgentId| {
            let request = text(file)?;
            Ok::<_, KeyError>(request.filter(|text| Request::read(text).is_ok_and(|asked| asked.key == key)))
        };
        let mut next = None;
        if let Some(secret) = succession::begun(&node.keys, &node.files)? {
            let key = SigningKey::new(&secret).id();
            let (draft, file) = (claim(present.id(), key), node.keys.join(format!("{}.next.request", node.files)));
            let signature = draft.sign(&CLAIM, &present);
            next = of(&file, key)?.map(|request| Next { request, claim: draft.finish(&signature) });
        }
        Ok(Self {
            name: node.name.to_string(),
            files: node.files.clone(),
            key: folder::letters(&present.id().0).as_str().to_owned(),
            line: lineage::letters(&node.keys, &node.files)?,
            request: of(&node.request(), present.id())?,
            next,
        })
    }
}

/// Puts a text where it belongs when that has another one.
fn put(file: &Path, said: &str) -> Result<(), KeyError> {
    if text(file)?.as_deref() == Some(said) { Ok(()) } else { folder::replace(file, said.as_bytes()) }
}

/// Whether a line says all that is known, and perhaps more: a shorter one, or
/// another, is no news.
pub(crate) fn grows(known: &str, said: &str) -> bool {
    said.len() > known.len() && said.starts_with(known)
}

impl Given {
    /// Takes what a node was given into its folder.
    ///
    /// # Errors
    /// When something of it does not hold: then nothing of it is written. When
    /// the disk refuses: then some may be, each file whole.
    pub fn take(&self, node: &Node, now: Moment) -> Result<(), NotTaken> {
        let root = crate::authority::root(&node.keys)?;
        let authority = Authority::of(root, (&self.ca, &self.endorsed, self.revoked.as_deref()), &node.keys)?;
        let known = text(&node.keys.join(REVOKED))?.and_then(|known| Revocations::read(&known).ok());
        if known.is_some_and(|known| authority.revoked().number < known.number) {
            return Err(NotTaken::Older);
        }
        put(&node.keys.join(ENDORSED), &self.endorsed)?;
        put(&node.keys.join(CERTIFICATE), &self.ca)?;
        if let Some(revoked) = &self.revoked {
            put(&node.keys.join(REVOKED), revoked)?;
        }
        let files =
            [(&self.certificate, node.certificate()), (&self.next, node.keys.join(format!("{}.next.pem", node.files)))];
        let keys = [folder::existing(&node.keys, &node.files)?, succession::begun(&node.keys, &node.files)?];
        for ((pem, file), secret) in files.into_iter().zip(keys) {
            let Some((pem, secret)) = pem.as_ref().zip(secret) else { continue };
            // Whether it is good now its reader asks; whose it is, is asked here.
            let own = SigningKey::new(&secret).id();
            if Certificate::read_pem(pem).is_ok_and(|found| found.key == own && found.name == node.name) {
                put(&file, pem)?;
            }
        }
        for (name, line) in self.lines.iter().take(MOST_TOLD) {
            take_line((&node.keys, authority.planet()), name, line, now)?;
        }
        Ok(())
    }
}

/// Takes a line of a key that is known here, when it goes on where that was.
fn take_line((keys, planet): (&Path, PlanetId), name: &str, said: &str, now: Moment) -> Result<(), KeyError> {
    // A name that leads elsewhere is of no file here.
    if !is_name(name) {
        return Ok(());
    }
    let file = keys.join(format!("{name}.pub"));
    if !file.exists() || !grows(&lineage::letters(keys, name)?, said) {
        return Ok(());
    }
    let Some(statements) = lineage::parse(said) else { return Ok(()) };
    let told = folder::read_public(&file)?;
    let leads = Followed::new(told, &statements, planet, now).is_ok_and(|followed| followed.present() != told);
    if leads { folder::replace(&lineage::file(keys, name), said.as_bytes()) } else { Ok(()) }
}

/// Whether a text can be the name of a key's files.
pub(crate) fn is_name(name: &str) -> bool {
    let of_names = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    !name.is_empty() && name.len() <= 100 && name.bytes().all(of_names)
}
