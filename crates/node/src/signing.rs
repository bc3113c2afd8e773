//! Rotation of the keys that sign, while the planet runs: a node's, a
//! gateway's, the operator's. Each in the process that uses it, or, for the
//! operator's, in the one whose directory it is in. That of the audit log, which
//! has a way of its own (`acts`), is looked at here as well.
//!
//! It must never use a key before whoever has to know of it does, nor wait
//! behind anything else that takes long: whoever is to know of a key looks each
//! second. What a kill cuts short goes on at the next look, see
//! `custody::signer`.

use crate::acts::{Acts, By};
use crate::believed::Believed;
use crate::clock::{Clock, Settled};
use crate::home::{HomeError, failed};
use crate::rotation::{AGAIN, Ages, LOOK};
use crate::wake::Progress;
use audit::entry::{Act, Key, Name};
use custody::KeyError;
use custody::signer::{Around, Looked, Signer};
use planet::Keys;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use trust::rotation::Statement;
use trust::sign::SigningKey;
use trust::{AgentId, Moment};
use vocab::Millis;

/// How long a key is used when the planet says nothing, and how long it is
/// believed after that.
const ROTATION: Millis = Millis::days(90);
const OVERLAP: Millis = Millis::days(7);

/// Looks between telling of a key and using it: hosts look as often as this
/// does, and have looked twice by then.
pub(crate) const NOTICE: u32 = 3;

/// Looks after which a rotation that waits is told of: a minute.
const PATIENCE: u32 = 60;

/// How long keys that sign are used, and believed after that.
pub(crate) fn times(keys: Option<&Keys>) -> (Millis, Millis) {
    keys.map_or((ROTATION, OVERLAP), |keys| (keys.rotation.value, keys.overlap.value))
}

/// The keys of a process that signs, by name, when they are rotated there: the
/// operator's is where its secret is and nobody is told another one.
pub(crate) fn here(keys: &Path) -> Vec<(String, Arc<Ages>)> {
    let names = [Some("node"), has_operator(keys).then_some("operator")].into_iter().flatten();
    names.map(|name| (name.to_owned(), Arc::default())).collect()
}

/// Whether the operator's key is a folder's to rotate.
pub(crate) fn has_operator(keys: &Path) -> bool {
    keys.join("operator.key").exists() && !keys.join("operator.pub").exists()
}

/// A key that is rotated here.
pub(crate) struct Signing {
    pub(crate) signer: Signer,
    pub(crate) ages: Arc<Ages>,
    /// Brings its line to whoever has to know; whether it is on its way.
    pub(crate) tell: Box<dyn FnMut() -> Result<bool, KeyError> + Send>,
    /// Where it is entered first.
    pub(crate) acts: Arc<Acts>,
    /// What is done once another has taken its place.
    pub(crate) turned: Box<dyn Fn(SigningKey, Vec<Statement>) + Send>,
    /// Looks until one that failed is tried again.
    wait: u32,
    /// Looks since it began to wait for something.
    waits: u32,
}

impl Signing {
    pub(crate) fn new(signer: Signer, ages: Arc<Ages>, acts: Arc<Acts>) -> Self {
        Self { signer, ages, acts, tell: Box::new(|| Ok(true)), turned: Box::new(|_, _| ()), wait: 0, waits: 0 }
    }

    /// Looks at it once.
    pub(crate) fn look(&mut self, now: Moment, settled: bool) {
        self.wait = self.wait.saturating_sub(1);
        let name = &self.signer.name;
        let age = custody::succession::age(&self.signer.keys, name, now);
        if let Ok(Some(age)) = age {
            self.ages.look(name, age, self.signer.every);
        }
        if self.wait > 0 {
            return;
        }
        let mut around = Entered { acts: &self.acts, name: self.signer.name.clone(), tell: &mut self.tell };
        self.signer.rests = self.ages.rests();
        match self.signer.look((now, settled), &mut around) {
            Ok(Looked::Rests) => self.waits = 0,
            Ok(Looked::Waits(what)) => {
                self.waits = self.waits.saturating_add(1);
                if self.waits == PATIENCE {
                    tracing::warn!(key = self.signer.name, what, "a key's rotation waits for this: it stays in use");
                }
            }
            Ok(Looked::Turned { from, to, line }) => {
                let id = to.id();
                self.waits = 0;
                (self.turned)(to, line);
                self.ages.turned();
                tracing::info!(key = self.signer.name, %from, to = %id, "a key was rotated");
            }
            Err(why) => {
                self.wait = AGAIN;
                let name = &self.signer.name;
                tracing::warn!(key = name, %why, "it cannot be rotated: it stays in use, and is tried again");
            }
        }
    }
}

/// What is done around a rotation in a process that has an audit log.
struct Entered<'a> {
    acts: &'a Acts,
    name: String,
    tell: &'a mut (dyn FnMut() -> Result<bool, KeyError> + Send),
}

impl Around for Entered<'_> {
    fn enter(&mut self, from: AgentId, to: AgentId, asked: bool) -> Result<(), String> {
        let act = Act::KeyRotated { line: Name::cut(&self.name), from: Key(from.0), to: Key(to.0) };
        let (by, why) = By::asked(asked);
        // A kill behind it has it done again, and not entered again.
        self.acts.enter_once(&by, self.acts.place(), act, why).map_err(|refusal| refusal.what)
    }

    fn tell(&mut self) -> Result<bool, KeyError> {
        (self.tell)()
    }
}

/// Whoever looks at the keys of a host that sign, and at whose word is taken
/// there.
pub(crate) struct Watch {
    pub(crate) signing: Vec<Signing>,
    pub(crate) believed: Arc<Believed>,
    pub(crate) acts: Arc<Acts>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) settled: Settled,
}

impl Watch {
    /// Looks until the planet stops.
    pub(crate) fn run(mut self) {
        self.look();
        while self.progress.wait_to_try_again(LOOK) {
            self.look();
        }
    }

    fn look(&mut self) {
        let now = self.clock.now();
        if let Err(why) = self.believed.look(now) {
            tracing::warn!(%why, "whose word is taken stays as it was");
        }
        let settled = self.settled.is(&self.clock);
        self.signing.iter_mut().for_each(|key| key.look(now, settled));
        self.acts.look_at_key(settled);
    }
}

/// The keys that are rotated by a thread of their own, until this is dropped.
pub struct Turning {
    ages: Vec<(String, Arc<Ages>)>,
    say: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Turning {
    pub(crate) fn start(mut keys: Vec<Signing>, acts: Arc<Acts>) -> Result<Arc<Self>, HomeError> {
        let ages = keys.iter().map(|key| (key.signer.name.clone(), Arc::clone(&key.ages))).collect();
        let (say, said) = channel::<()>();
        let run = move || {
            let (clock, mut settled) = (Clock::default(), Settled::new());
            loop {
                let is_settled = settled.is(&clock);
                keys.iter_mut().for_each(|key| key.look(clock.now(), is_settled));
                acts.look_at_key(is_settled);
                if !matches!(said.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("keys".to_owned()).spawn(run).map_err(failed("start a thread"))?;
        Ok(Arc::new(Self { ages, say: Some(say), thread: Some(thread) }))
    }

    /// Figures about each key: a name, labels, and a number.
    pub(crate) fn figures(&self) -> Vec<(&'static str, String, u64)> {
        let of = |(name, ages): &(String, Arc<Ages>)| ages.figures(&format!("key=\"{name}\""));
        self.ages.iter().flat_map(of).collect()
    }
}

impl Drop for Turning {
    fn drop(&mut self) {
        self.say.take();
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing left to do.
            let _ = thread.join();
        }
    }
}
