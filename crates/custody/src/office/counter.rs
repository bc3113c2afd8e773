//! The office's counter, for nodes on machines apart: each has a folder here
//! like that of a node beside the office, without its secret, and what it sends
//! is put there and answered from there.
//!
//! It must never believe a node more than its files: whose key may bear a name
//! the folder says, and the line that follows from it.

use super::{Book, NotIssued, Office, revocations};
use crate::ca::{CERTIFICATE, Ca, ENDORSED};
use crate::certificate::Certificate;
use crate::credentials::Node;
use crate::errand::{Errand, Given, MOST_TOLD, claimed, grows};
use crate::folder::{self, KeyError, failed};
use crate::lineage::{self, Followed};
use crate::request::Request;
use crate::revocation::{Revocations, What};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use trust::{AgentId, Moment, PlanetId};
use vocab::Millis;

/// Why nobody is attended to.
#[derive(Debug, thiserror::Error)]
pub enum Stranger {
    /// No such node is expected.
    #[error("{name} ({files}) is not expected here: `mycel trust init --apart` makes a folder for each node")]
    Nobody {
        /// What it calls itself.
        name: String,
        /// And its files.
        files: String,
    },
    /// Its key is not the one that its folder leads to.
    #[error(
        "{name} ({files}) comes with the key {key}, and its folder here leads to another one: if that is the node's \
         key, write it into {file}"
    )]
    Key {
        /// What it calls itself.
        name: String,
        /// And its files.
        files: String,
        /// And its key.
        key: String,
        /// Where its key is to stand.
        file: String,
    },
    /// Its key, or one that it follows from, is revoked.
    #[error(
        "{name} ({files}) brings a key that follows from {key}, which is revoked: the node needs a key that does not"
    )]
    Revoked {
        /// What it calls itself.
        name: String,
        /// And its files.
        files: String,
        /// Which key.
        key: AgentId,
    },
    /// Something of the office's is damaged, or the disk refuses.
    #[error(transparent)]
    Office(#[from] KeyError),
}

struct Client {
    node: Node,
    /// What others call its key.
    called: Option<String>,
}

/// The office's counter.
pub struct Counter {
    keys: PathBuf,
    planet: PlanetId,
    life: Millis,
    clients: Vec<Client>,
}

impl Counter {
    /// The counter of a planet's folder of keys, whose certificates last so long.
    ///
    /// # Errors
    /// When nobody says whose planet it is.
    pub fn new(keys: &Path, life: Millis) -> Result<Self, KeyError> {
        let planet = PlanetId::of_root(folder::read_public(&keys.join("root.pub"))?);
        Ok(Self { keys: keys.to_owned(), planet, life, clients: Vec::new() })
    }

    /// Expects a node, whose folder is here; hosts know its key by the name that
    /// it is `called`, when they do.
    pub fn expect(&mut self, node: Node, called: Option<String>) {
        self.clients.push(Client { node, called });
    }

    /// Attends to an errand.
    ///
    /// # Errors
    /// When whoever comes is not expected. A request that is refused is told in
    /// the answer, which has all else.
    pub fn attend(&self, errand: &Errand, now: Moment) -> Result<Given, Stranger> {
        let nobody = || Stranger::Nobody { name: cut(&errand.name), files: cut(&errand.files) };
        let is_it = |client: &&Client| client.node.files == errand.files && client.node.name.to_string() == errand.name;
        let client = self.clients.iter().find(is_it).ok_or_else(nobody)?;
        let ca = folder::existing(&self.keys, "ca")?.ok_or_else(|| self.damaged("ca.key", "it is not there"))?;
        let ca = Ca::new(self.planet, &ca).map_err(|why| self.damaged("ca.key", &why.to_string()))?;
        let revoked = revocations(&self.keys, &ca)?;
        let (comes, present) = self.keys((client, errand), &revoked, now)?;
        let mut given = Given {
            ca: self.read(CERTIFICATE)?,
            endorsed: self.read(ENDORSED)?,
            revoked: (revoked.number > 0).then(|| revoked.text()),
            lines: lines(&client.node.keys)?,
            ..Given::default()
        };
        let office = Office::new(&self.keys, ca, self.life);
        // A revoked key has nobody follow it.
        let taken_back = is_revoked(&revoked, comes);
        let next = errand.next.as_ref().and_then(|next| Some((&next.request, claimed(&next.claim, comes).ok()?)));
        let next = next.filter(|(_, next)| !taken_back && (comes == present || *next == present));
        // The key before brings the line, and has had its certificates.
        let own = errand.request.as_ref().filter(|_| comes == present).map(|request| (request, present));
        let mut answer = |asked: Option<(&String, AgentId)>, files: &str| {
            let (request, key) = asked?;
            let file = client.node.keys.join(format!("{files}.pem"));
            let answered = self.answer(&office, (request, key), (&client.node, &file), now);
            answered.map_err(|why| given.refused = Some(why.to_string())).ok()
        };
        let (certificate, next) = (answer(own, &errand.files), answer(next, &format!("{}.next", errand.files)));
        (given.certificate, given.next) = (certificate, next);
        if taken_back && given.refused.is_none() {
            given.refused =
                Some(format!("the key {comes} is revoked, and nobody follows it: the node needs another key"));
        }
        Ok(given)
    }

    fn read(&self, name: &str) -> Result<String, KeyError> {
        let file = self.keys.join(name);
        fs::read_to_string(&file).map_err(failed(format!("read {}", file.display())))
    }

    fn damaged(&self, name: &str, what: &str) -> KeyError {
        KeyError::Damaged { file: self.keys.join(name).display().to_string(), what: what.to_owned() }
    }

    /// Which key comes, and which a node has by its folder and by the line that it
    /// brings: the same, or the one before. A line that goes on is kept, and
    /// brought to whoever has to know.
    fn keys(
        &self,
        (client, errand): (&Client, &Errand),
        revoked: &Revocations,
        now: Moment,
    ) -> Result<(AgentId, AgentId), Stranger> {
        let Node { keys, files, .. } = &client.node;
        let stranger = || Stranger::Key {
            name: cut(&errand.name),
            files: cut(&errand.files),
            key: cut(&errand.key),
            file: keys.join(format!("{files}.pub")).display().to_string(),
        };
        let told = folder::known(keys, files)?.ok_or_else(stranger)?;
        let known = lineage::letters(keys, files)?;
        let line = if grows(&known, &errand.line) { &errand.line } else { &known };
        let followed = lineage::parse(line).and_then(|said| Followed::new(told, &said, self.planet, now).ok());
        let present = followed.ok_or_else(stranger)?.present();
        // The line says who is to follow a moment before that is so.
        let before = lineage::parse(line).and_then(|said| said.last().map(|last| last.old));
        let comes = folder::hex(&errand.key).map(AgentId).ok_or_else(stranger)?;
        if comes != present && Some(comes) != before {
            return Err(stranger());
        }
        if line == &errand.line && line != &known {
            // What is known stays: a key is rotated first, and then the one before it revoked.
            let said = lineage::parse(line).unwrap_or_default().into_iter();
            let new = said.skip(lineage::parse(&known).map_or(0, |known| known.len()));
            if let Some(key) = new.map(|said| said.old).find(|old| is_revoked(revoked, *old)) {
                return Err(Stranger::Revoked { name: cut(&errand.name), files: cut(&errand.files), key });
            }
            folder::replace(&lineage::file(keys, files), line.as_bytes())?;
        }
        if let Some(called) = &client.called {
            for region in regions(&self.keys)? {
                lineage::bring((keys, files), (&region, called))?;
            }
        }
        Ok((comes, present))
    }

    /// The certificate that a request is for: the one that it was answered with
    /// already, when it was.
    fn answer(
        &self,
        office: &Office,
        (request, key): (&str, AgentId),
        (node, file): (&Node, &Path),
        now: Moment,
    ) -> Result<String, NotIssued> {
        let asked = Request::read(request)?;
        office.not_revoked(key)?;
        let book = Book::read(&self.keys)?;
        if asked.key == key
            && book.of(key).is_some_and(|known| known.number == asked.number)
            && let Ok(pem) = fs::read_to_string(file)
            && Certificate::read_pem(&pem).is_ok_and(|found| found.key == key)
        {
            return Ok(pem);
        }
        let pem = office.answer(request, |name, asks| *name == node.name && asks == key, now)?;
        folder::replace(file, pem.as_bytes())?;
        Ok(pem)
    }
}

fn is_revoked(revoked: &Revocations, key: AgentId) -> bool {
    revoked.entries().iter().any(|entry| entry.what == What::Key(key))
}

/// What a stranger says of itself, as far as anybody reads on.
fn cut(text: &str) -> String {
    text.chars().take(120).collect::<String>().escape_debug().to_string()
}

/// The folders of keys of the regions that are here.
fn regions(keys: &Path) -> Result<Vec<PathBuf>, KeyError> {
    let place = keys.join("..").join("regions");
    let found = match fs::read_dir(&place) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.map_err(failed(format!("read {}", place.display())))?,
    };
    let folders = found.flatten().map(|region| region.path().join("keys"));
    Ok(folders.filter(|folder| folder.is_dir()).collect())
}

/// The lines of others' keys in a node's folder.
fn lines(keys: &Path) -> Result<BTreeMap<String, String>, KeyError> {
    let mut lines = BTreeMap::new();
    let found = fs::read_dir(keys).map_err(failed(format!("read {}", keys.display())))?;
    for file in found.flatten() {
        let file = file.file_name();
        let name = file.to_str().and_then(|file| file.strip_suffix(".line")).unwrap_or_default();
        let is_told = name == "operator" || name.starts_with("gateway-");
        if is_told && keys.join(format!("{name}.pub")).exists() && lines.len() < MOST_TOLD {
            lines.insert(name.to_owned(), lineage::letters(keys, name)?);
        }
    }
    Ok(lines)
}
