//! The CA's office: answers requests, and remembers what it has answered.
//!
//! A certificate leaves it when, and only when, its own book says so on the
//! disk: what is killed between the two has used up a request, and the node
//! makes another.
//!
//! It issues only what it was told to expect: a key that may bear a name. That
//! whoever asks has the key, the request itself shows.

use crate::authority::REVOKED;
use crate::ca::{self, CERTIFICATE, Ca, CaError, ENDORSED, MOST_LIFE};
use crate::certificate::Serial;
use crate::credentials::{Clock, Node};
use crate::entropy;
use crate::folder::{self, KeyError, failed};
use crate::request::{FRESH, Request};
use crate::revocation::{NotRevoked, Revocations, Revoked, What};
use crate::spiffe::Name;
use crate::statement::{self, BadStatement};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use trust::{AgentId, Moment};
use vocab::Millis;

/// Where the office remembers what it has issued.
pub const BOOK: &str = "issued";
/// Locked by whoever changes that, or the list of what is revoked.
const LOCK: &str = "office.lock";
const TITLE: &str = "mycel certificates issued 1";
/// Keys in the book: some 300 bytes each.
const MOST_KEYS: usize = 16_384;

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub enum NotIssued {
    /// It is none.
    #[error(transparent)]
    Bad(#[from] BadStatement),
    /// It is another planet's.
    #[error("the request is for a node of another planet: {0}")]
    OtherPlanet(Name),
    /// It is too old, or from the future.
    #[error("the request is not from the last {FRESH}: make a new one; if it is new, one of the clocks is wrong")]
    Stale,
    /// Nobody has said that this key may bear this name.
    #[error("{name} with the key {key} is not expected: if that is the node's key, say so with --key {key}")]
    Unexpected {
        /// What was asked for.
        name: Name,
        /// By whom.
        key: AgentId,
    },
    /// It was answered before, or a later one was.
    #[error("the request was answered already, or a later one was: make a new one")]
    Replayed,
    /// Its key is revoked.
    #[error("the key {key} is revoked: {reason}; the node needs another key")]
    Revoked {
        /// Whose.
        key: AgentId,
        /// Why.
        reason: String,
    },
    /// The book is full.
    #[error("there are {MOST_KEYS} nodes already")]
    Full,
    /// The CA cannot.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The disk refuses, or a file of the CA's is damaged.
    #[error(transparent)]
    Key(#[from] KeyError),
}

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
pub struct Book(BTreeMap<AgentId, Issued>);

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

    fn text(&self) -> String {
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

/// Reads the CA's own list of what is revoked; an empty one when there is none.
///
/// # Errors
/// When the disk refuses, or it is damaged or another CA's.
pub fn revocations(keys: &Path, ca: &Ca) -> Result<Revocations, KeyError> {
    let file = keys.join(REVOKED);
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Revocations::none(ca.planet())),
        Err(error) => return Err(failed(format!("read {}", file.display()))(error)),
        Ok(text) => text,
    };
    let damaged = |what: String| KeyError::Damaged { file: file.display().to_string(), what };
    let list = Revocations::read(&text).map_err(|why| damaged(why.to_string()))?;
    if list.planet == ca.planet() { Ok(list) } else { Err(damaged("it is another planet's".to_owned())) }
}

/// Why something is not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// It cannot stand on the list.
    #[error(transparent)]
    Not(#[from] NotRevoked),
    /// The disk refuses, or the list is damaged.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Has the book and the list to itself until that is dropped: the office and a
/// person's commands are several processes.
fn alone(keys: &Path) -> Result<File, KeyError> {
    let file = keys.join(LOCK);
    let what = || format!("lock {}", file.display());
    let mut open = OpenOptions::new();
    let open = open.read(true).write(true).create(true).truncate(false).mode(0o600).open(&file);
    let open = open.map_err(failed(what()))?;
    open.lock().map_err(failed(what()))?;
    Ok(open)
}

/// Revokes: on the disk, under the next number, before this returns.
///
/// # Errors
/// When it cannot, and then nothing has changed.
pub fn revoke(keys: &Path, ca: &Ca, what: &[What], reason: &str, now: Moment) -> Result<Vec<Revoked>, RevokeError> {
    let _alone = alone(keys)?;
    let next = revocations(keys, ca)?.with(ca.key(), what, reason, now)?;
    folder::replace(&keys.join(REVOKED), next.text().as_bytes())?;
    Ok(next.entries().to_vec())
}

/// A node that the office answers by files.
struct Desk {
    node: Node,
    /// Whether it is the node's by its next key: then it has all else by the
    /// present one's.
    is_next: bool,
    /// The request that was looked at last, so that it is looked at once.
    seen: String,
    /// When it was last said that there is trouble.
    said: Option<Moment>,
}

/// The CA's office.
pub struct Office {
    keys: PathBuf,
    ca: Ca,
    life: Millis,
    desks: Vec<Desk>,
}

impl Office {
    /// The office of a planet's folder of keys, whose certificates last so long.
    #[must_use]
    pub fn new(keys: &Path, ca: Ca, life: Millis) -> Self {
        Self { keys: keys.to_owned(), ca, life: life.min(MOST_LIFE), desks: Vec::new() }
    }

    /// Expects a node in a folder: whichever key is there may bear its name, and
    /// so may the one that is to follow.
    pub fn expect(&mut self, node: Node) {
        let next = Node { files: format!("{}.next", node.files), ..node.clone() };
        for (node, is_next) in [(node, false), (next, true)] {
            self.desks.push(Desk { node, is_next, seen: String::new(), said: None });
        }
    }

    /// Answers a request of a key that may bear a name, with a certificate as
    /// PEM.
    ///
    /// # Errors
    /// With the reason why not.
    pub fn answer(
        &self,
        request: &str,
        expected: impl FnOnce(&Name, AgentId) -> bool,
        now: Moment,
    ) -> Result<String, NotIssued> {
        let _alone = alone(&self.keys)?;
        let mut book = Book::read(&self.keys)?;
        let Request { name, key, number, .. } = self.check(&book, request, expected, now)?;
        let serial = Serial::of(entropy::bytes().map_err(failed("draw entropy"))?);
        let (from, until) = self.ca.life(now, self.life);
        let made = self.ca.issue(&name, key, serial, (from, until))?;
        // A request that old is refused for its age, and needs no memory.
        book.0.retain(|_, issued| now.since(issued.until) <= Millis(2 * FRESH.0));
        book.0.insert(key, Issued { key, name, number, serial, until });
        folder::replace(&self.keys.join(BOOK), book.text().as_bytes())?;
        Ok(ca::pem(&made))
    }

    fn check(
        &self,
        book: &Book,
        request: &str,
        expected: impl FnOnce(&Name, AgentId) -> bool,
        now: Moment,
    ) -> Result<Request, NotIssued> {
        let asked = Request::read(request)?;
        let key = asked.key;
        if asked.name.planet() != self.ca.planet() {
            return Err(NotIssued::OtherPlanet(asked.name));
        }
        if !asked.is_fresh(now) {
            return Err(NotIssued::Stale);
        }
        if !expected(&asked.name, key) {
            return Err(NotIssued::Unexpected { name: asked.name, key });
        }
        let revoked = revocations(&self.keys, &self.ca)?;
        if let Some(entry) = revoked.entries().iter().find(|entry| entry.what == What::Key(key)) {
            return Err(NotIssued::Revoked { key, reason: entry.reason.clone() });
        }
        let known = book.of(key);
        if known.is_some_and(|known| asked.number <= known.number) {
            return Err(NotIssued::Replayed);
        }
        if known.is_none() && book.0.len() >= MOST_KEYS {
            return Err(NotIssued::Full);
        }
        Ok(asked)
    }

    /// Looks once at every folder where a node is expected: whom to believe is
    /// brought there, and a new request is answered there. What goes wrong at
    /// one does not keep the others waiting.
    pub fn look(&mut self, now: Moment) {
        let mut desks = std::mem::take(&mut self.desks);
        for desk in &mut desks {
            let before = desk.seen.clone();
            let Err(why) = self.serve(desk, now) else { continue };
            // Each request that is refused, and what lasts now and then.
            if desk.seen != before || desk.said.is_none_or(|said| now.0.abs_diff(said.0) >= SAID) {
                desk.said = Some(now);
                tracing::warn!(node = %desk.node.name, %why, "a node gets no certificate");
            }
        }
        self.desks = desks;
    }

    fn serve(&self, desk: &mut Desk, now: Moment) -> Result<(), NotIssued> {
        for name in [ENDORSED, CERTIFICATE, REVOKED].into_iter().filter(|_| !desk.is_next) {
            self.bring(name, &desk.node.keys)?;
        }
        let file = desk.node.request();
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(format!("read {}", file.display()))(error).into()),
            Ok(text) => text,
        };
        if text == desk.seen {
            return Ok(());
        }
        desk.seen.clone_from(&text);
        // What was answered before this office was opened is no replay that anybody has to hear of.
        let book = Book::read(&self.keys)?;
        let known = |asked: &Request| book.of(asked.key).is_some_and(|known| known.number == asked.number);
        if Request::read(&text).is_ok_and(|asked| known(&asked)) {
            return Ok(());
        }
        let own = folder::known(&desk.node.keys, &desk.node.files)?;
        let expected = |name: &Name, key: AgentId| *name == desk.node.name && own == Some(key);
        let answer = self.answer(&text, expected, now)?;
        folder::replace(&desk.node.certificate(), answer.as_bytes())?;
        Ok(())
    }

    /// Brings a file of the CA's to a node's folder when it is another one.
    fn bring(&self, name: &str, to: &Path) -> Result<(), KeyError> {
        let (from, to) = (self.keys.join(name), to.join(name));
        if from == to {
            return Ok(());
        }
        match fs::read(&from) {
            Ok(bytes) if fs::read(&to).is_ok_and(|there| there == bytes) => Ok(()),
            Ok(bytes) => folder::replace(&to, &bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(format!("read {}", from.display()))(error)),
        }
    }
}

/// Between two lines in the log about the same trouble.
const SAID: u64 = 60_000;
/// Between two looks, while somebody has just begun to ask, and else.
const LOOK: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(250)];
/// Looks that are quick ones.
const QUICK: u32 = 500;

/// An office that looks at its folders until this is dropped.
pub struct Open {
    say: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Open {
    /// Opens it: it has looked once when this returns.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn new(mut office: Office, clock: Clock) -> Result<Self, KeyError> {
        office.look(clock());
        let (say, said) = channel();
        let keep = move || {
            let mut looks = 0;
            while matches!(said.recv_timeout(LOOK[usize::from(looks >= QUICK)]), Err(RecvTimeoutError::Timeout)) {
                office.look(clock());
                looks = QUICK.min(looks + 1);
            }
        };
        let thread = thread::Builder::new().name("ca".to_owned()).spawn(keep).map_err(failed("start a thread"))?;
        Ok(Self { say: Some(say), thread: Some(thread) })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.say.take();
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing left to do.
            let _ = thread.join();
        }
    }
}
