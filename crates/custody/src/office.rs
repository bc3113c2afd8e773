//! The CA's office: answers requests, and remembers what it has answered.
//!
//! A certificate leaves it when, and only when, its own book says so on the
//! disk: what is killed between the two has used up a request, and the node
//! makes another.
//!
//! It issues only what it was told to expect: a key that may bear a name. That
//! whoever asks has the key, the request itself shows.

mod book;
mod counter;
mod list;
mod lock;

pub(crate) use lock::alone;

pub use book::{BOOK, Book, Issued};
pub use counter::{Counter, Stranger};
pub use list::revocations;

use crate::authority::REVOKED;
use crate::ca::{self, CERTIFICATE, Ca, CaError, ENDORSED, MOST_LIFE};
use crate::certificate::Serial;
use crate::credentials::{Clock, Node, Stamp, stamp};
use crate::entropy;
use crate::folder::{self, KeyError, failed};
use crate::heirs::{self, NotInherited};
use crate::request::{FRESH, Request};
use crate::revocation::{NotRevoked, Revoked, What};
use crate::spiffe::Name;
use crate::statement::BadStatement;
use crate::succession;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use trust::{AgentId, Moment};
use vocab::Millis;

/// Keys in the book: some 300 bytes each.
const MOST_KEYS: usize = 16_384;

/// Behind the name of a node's files, those of its next key.
const NEXT: &str = ".next";

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

/// Asked before a CA gives its place to another: who, and to whom.
pub type Enter = Box<dyn FnMut(AgentId, AgentId) -> Result<(), String> + Send>;

/// Asked whether the time can be believed: by a clock that was set ahead no CA
/// is due, and none is forgotten.
pub type Settled = Box<dyn FnMut(Moment) -> bool + Send>;

/// When a CA gives its place to the next.
struct Turning {
    every: Millis,
    settled: Settled,
    enter: Enter,
    ages: Arc<Ages>,
    /// When one took another's place last, since the office is open.
    turned: Option<Moment>,
}

/// How old the CA is, for metrics.
#[derive(Debug, Default)]
pub struct Ages {
    /// How long it has been in its place, in milliseconds.
    pub age: AtomicU64,
    /// How often one has taken another's place since the office is open.
    pub turns: AtomicU64,
    /// CAs that are endorsed to follow it.
    pub heirs: AtomicU64,
    /// Whether it is older than it should be: 1, or 0.
    pub late: AtomicU64,
}

/// The CA's office.
pub struct Office {
    keys: PathBuf,
    ca: Ca,
    life: Millis,
    desks: Vec<Desk>,
    turning: Option<Turning>,
    /// What the CA's key looked like when it was read.
    seen: Stamp,
    /// When it was last looked whether the CA is as it should be.
    tended: Option<Moment>,
}

impl Office {
    /// The office of a planet's folder of keys, whose certificates last so long.
    #[must_use]
    pub fn new(keys: &Path, ca: Ca, life: Millis) -> Self {
        let (keys, life) = (keys.to_owned(), life.min(MOST_LIFE));
        Self { keys, ca, life, desks: Vec::new(), turning: None, seen: None, tended: None }
    }

    /// The same, in which a CA gives its place to the next after so long. What
    /// is returned beside it tells how old it is.
    #[must_use]
    pub fn rotating(mut self, every: Millis, settled: Settled, enter: Enter) -> (Self, Arc<Ages>) {
        let ages = Arc::<Ages>::default();
        self.turning = Some(Turning { every, settled, enter, ages: Arc::clone(&ages), turned: None });
        (self, ages)
    }

    /// Expects a node in a folder: whichever key is there may bear its name, and
    /// so may the one that is to follow.
    pub fn expect(&mut self, node: Node) {
        let next = Node { files: format!("{}{NEXT}", node.files), ..node.clone() };
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
        self.not_revoked(key)?;
        let known = book.of(key);
        if known.is_some_and(|known| asked.number <= known.number) {
            return Err(NotIssued::Replayed);
        }
        if known.is_none() && book.0.len() >= MOST_KEYS {
            return Err(NotIssued::Full);
        }
        Ok(asked)
    }

    /// Refuses what a revoked key asks for, also where it asks for the key that is
    /// to follow it: whoever has stolen it would be rid of that.
    fn not_revoked(&self, key: AgentId) -> Result<(), NotIssued> {
        let revoked = revocations(&self.keys, &self.ca)?;
        let entry = revoked.entries().iter().find(|entry| entry.what == What::Key(key));
        entry.map_or(Ok(()), |entry| Err(NotIssued::Revoked { key, reason: entry.reason.clone() }))
    }

    /// Looks once at every folder where a node is expected: whom to believe is
    /// brought there, and a new request is answered there. What goes wrong at
    /// one does not keep the others waiting.
    pub fn look(&mut self, now: Moment) {
        self.tend(now);
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

    /// Takes the CA that is in its place, and now and then looks whether another
    /// is due.
    fn tend(&mut self, now: Moment) {
        let stamp = stamp(&self.keys.join("ca.key"));
        let is_new = stamp != self.seen;
        let is_time = self.tended.is_none_or(|tended| now.0.abs_diff(tended.0) >= TEND);
        if !is_new && !is_time {
            return;
        }
        (self.seen, self.tended) = (stamp, Some(now));
        if let Err(why) = self.take_present(is_new).and_then(|()| self.rotate(now)) {
            tracing::warn!(%why, "the CA is not rotated: it stays, and is looked at again in a minute");
        }
    }

    fn take_present(&mut self, is_new: bool) -> Result<(), NotInherited> {
        if is_new && let Some(secret) = folder::existing(&self.keys, "ca")? {
            let before = self.ca.id();
            self.ca = Ca::new(self.ca.planet(), &secret)?;
            if self.ca.id() != before {
                tracing::info!(from = %before, to = %self.ca.id(), "another CA issues certificates");
                self.turned();
            }
        }
        Ok(())
    }

    fn turned(&self) {
        if let Some(turning) = &self.turning {
            turning.ages.turns.fetch_add(1, Relaxed);
        }
    }

    fn rotate(&mut self, now: Moment) -> Result<(), NotInherited> {
        let settled = self.turning.as_mut().is_none_or(|turning| (turning.settled)(now));
        if settled {
            heirs::settle(&self.keys, self.ca.planet(), now)?;
        }
        let age = succession::age(&self.keys, "ca", now)?.unwrap_or_default();
        let heirs = u64::try_from(heirs::names(&self.keys)?.len()).unwrap_or(u64::MAX);
        let planet = self.ca.planet();
        let Some(turning) = &mut self.turning else { return Ok(()) };
        let is_late = age.0 > turning.every.0.saturating_add(GRACE.0);
        turning.ages.age.store(age.0, Relaxed);
        turning.ages.heirs.store(heirs, Relaxed);
        turning.ages.late.store(u64::from(is_late), Relaxed);
        // By a clock that was far ahead, and was set back, every CA looks old.
        if !settled || age < turning.every || turning.turned.is_some_and(|turned| now.0.abs_diff(turned.0) < REST) {
            return Ok(());
        }
        heirs::inherit(&self.keys, planet, now, &mut turning.enter)?;
        turning.turned = Some(now);
        turning.ages.age.store(0, Relaxed);
        turning.ages.late.store(0, Relaxed);
        turning.ages.heirs.store(heirs.saturating_sub(1), Relaxed);
        self.take_present(true)
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
        if let Some(present) = desk.node.files.strip_suffix(NEXT).filter(|_| desk.is_next)
            && let Some(present) = folder::known(&desk.node.keys, present)?
        {
            self.not_revoked(present)?;
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
/// Between two looks whether the CA is as it should be.
const TEND: u64 = 60_000;
/// After one has taken another's place no age makes the next due for so long.
const REST: u64 = 3_600_000;
/// A CA that is older than this beyond its time is late.
const GRACE: Millis = Millis::hours(1);
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
